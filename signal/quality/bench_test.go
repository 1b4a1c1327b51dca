package quality

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
)

// manySeries returns n series with one row each, in batches of 2000, and a
// function that moves them to the next round.
func manySeries(n int, numbered bool) (batches []*fact.Batch, next func()) {
	for i := 0; i < n; i += 2000 {
		b := &fact.Batch{Source: "load", Received: 1_700_000_000_500}
		for j := i; j < min(i+2000, n); j++ {
			b.Series = append(b.Series, fact.Series{
				Labels: fact.LabelsOf(fact.NameLabel, fmt.Sprintf("metric_%d", j%200), "instance", fmt.Sprintf("10.0.%d.%d:9100", j/256%256, j%256), "job", "node", "mode", "idle", "cpu", fmt.Sprint(j/200), "pod", "checkout-7d9f8b6c5d-abcde", "namespace", "shop"),
				Ref:    ref(j, numbered),
				Type:   fact.Gauge, Points: []fact.Point{{T: 1_700_000_000_000, V: 1}},
			})
		}
		batches = append(batches, b)
	}
	round := 0
	return batches, func() {
		round++
		for _, b := range batches {
			b.Received += 15_000
			for i := range b.Series {
				b.Series[i].Points[0].T += 15_000
				b.Series[i].Points[0].V = float64((i*7 + round*13) % 97)
			}
		}
	}
}

// ref is the number that the door gives to a series, if it gives any.
func ref(j int, numbered bool) uint32 {
	if numbered {
		return uint32(j + 1)
	}
	return 0
}

func BenchmarkObserve(b *testing.B) {
	for _, c := range []struct {
		n        int
		numbered bool
	}{{1000, true}, {100_000, true}, {500_000, true}, {1000, false}, {100_000, false}, {500_000, false}} {
		n := c.n
		b.Run(fmt.Sprintf("series=%d/numbered=%v", n, c.numbered), func(b *testing.B) {
			batches, next := manySeries(n, c.numbered)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			q := New(Config{})
			for _, batch := range batches {
				q.Observe(batch)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			rows, took := 0, time.Duration(0) // to stop the timer takes longer than some rounds
			for b.Loop() {
				next()
				begun := time.Now()
				for _, batch := range batches {
					q.Observe(batch)
				}
				took += time.Since(begun)
				rows += n
			}
			b.ReportMetric(float64(took.Nanoseconds())/float64(rows), "ns/row")
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/float64(n), "B/series")
			runtime.KeepAlive(q)
		})
	}
}
