package series_test

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/series"
)

// load makes n series of 100 names, as a fleet of machines would send them.
func load(n int) []fact.Series {
	out := make([]fact.Series, n)
	for i := range out {
		out[i] = fact.Series{
			Type: fact.Gauge,
			Labels: fact.LabelsOf(fact.NameLabel, fmt.Sprintf("node_metric_%02d_seconds_total", i%100), "job", "node", "instance", fmt.Sprintf("10.0.%d.%d:9100", i/100/250, i/100%250),
				"region", "eu-west-1", "cluster", "production", "cpu", "0", "mode", "idle"),
			Points: make([]fact.Point, 1),
		}
	}
	return out
}

// advance gives every series its next sample.
func advance(all []fact.Series, round int) {
	for i := range all {
		all[i].Points[0] = fact.Point{T: base + int64(round)*15_000, V: float64(round * i)}
	}
}

// BenchmarkAppend is one round of 100,000 series in batches of 1,000 a time.
func BenchmarkAppend(b *testing.B) {
	const series100k, batch = 100_000, 1000
	s := open(b, b.TempDir(), series.Options{})
	all := load(series100k)
	round := 0
	next := func() {
		advance(all, round)
		round++
		for i := 0; i < len(all); i += batch {
			if _, err := s.Append(b.Context(), all[i:i+batch]); err != nil {
				b.Fatal(err)
			}
		}
	}
	next()
	b.ReportAllocs()
	for b.Loop() {
		next()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*series100k), "ns/sample")
	b.ReportMetric(float64(heap())/(1<<20), "MB-heap")
}

// BenchmarkAppendAgain is what a replay costs: the samples are there, and
// nothing is remembered of their series.
func BenchmarkAppendAgain(b *testing.B) {
	const n, batch = 20_000, 1000
	dir := b.TempDir()
	all := load(n)
	s := open(b, dir, series.Options{})
	for round := range 10 {
		advance(all, round)
		if _, err := s.Append(b.Context(), all); err != nil {
			b.Fatal(err)
		}
	}
	advance(all, 5)
	for b.Loop() {
		series.Forget(s)
		for i := 0; i < len(all); i += batch {
			res, err := s.Append(b.Context(), all[i:i+batch])
			if err != nil || res.Duplicate != batch {
				b.Fatal(res, err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/sample")
}

func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		s, err := series.Open(dir, series.Options{})
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}

func BenchmarkSync(b *testing.B) {
	s := open(b, b.TempDir(), series.Options{})
	all := load(1000)
	for round := 0; b.Loop(); round++ {
		advance(all, round)
		if _, err := s.Append(context.Background(), all); err != nil {
			b.Fatal(err)
		}
		if err := s.Sync(); err != nil {
			b.Fatal(err)
		}
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// An empty store must not cost what a busy one does.
func TestAnEmptyStoreIsSmall(t *testing.T) {
	before := heap()
	s := open(t, t.TempDir(), series.Options{})
	if _, err := s.Append(t.Context(), []fact.Series{one("up", 0)}); err != nil {
		t.Fatal(err)
	}
	grown := int64(heap()-before) >> 10
	t.Logf("%d kB of heap", grown)
	if grown > 20<<10 {
		t.Errorf("an empty store holds %d kB of heap, want less than 20 MB", grown)
	}
}

// BenchmarkAppendShapes is one round of 2,000 deltas, of 500 native histograms,
// and of 500 that deltas add up to, each a batch.
func BenchmarkAppendShapes(b *testing.B) {
	label := func(name string, i int) fact.Labels {
		return fact.LabelsOf(fact.NameLabel, name, "job", "node", "instance", fmt.Sprintf("10.0.0.%d:9100", i))
	}
	count := &fact.Batch{}
	for i := range 2000 {
		count.Deltas = append(count.Deltas, fact.DeltaSeries{Labels: label("n", i), Points: make([]fact.DeltaPoint, 1)})
	}
	histograms := func(typ fact.SeriesType) *fact.Batch {
		out := &fact.Batch{}
		for i := range 500 {
			out.Histograms = append(out.Histograms, fact.HistogramSeries{Labels: label(fmt.Sprint("h", typ), i), Type: typ, Points: make([]fact.HistogramPoint, 1)})
		}
		return out
	}
	for name, batch := range map[string]*fact.Batch{"deltas": count, "histograms": histograms(fact.Counter), "delta histograms": histograms(fact.Delta)} {
		b.Run(name, func(b *testing.B) {
			s := open(b, b.TempDir(), series.Options{})
			round := 0
			b.ReportAllocs()
			for b.Loop() {
				round++
				at := base + int64(round)*15_000
				for i := range batch.Deltas {
					batch.Deltas[i].Points[0] = fact.DeltaPoint{Start: at - 15_000, T: at, V: 3}
				}
				for i := range batch.Histograms {
					batch.Histograms[i].Points[0] = fact.HistogramPoint{Start: at - 15_000, T: at, H: bucketed(uint64(round))}
				}
				if _, err := s.AppendBatch(b.Context(), batch, math.MaxInt64); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch.Samples()), "ns/sample")
		})
	}
}
