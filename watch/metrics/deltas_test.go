package metrics

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/steersman-ops/steersman/fact"
)

// The same trouble gives the same findings, whether a counter is told as its
// total or by its increases, with and without their starts, and also when each
// comes twice.
func TestIncreasesAreFoundLikeCounters(t *testing.T) {
	const n = 600
	var increases [n]float64
	r := rand.New(rand.NewPCG(4, 4))
	for i := range increases {
		increases[i] = 100 + 5*r.NormFloat64()
		if i >= 300 && i < 340 {
			increases[i] = 400
		}
	}
	ls := named("jobs_done_total", "job", "a")
	play := func(tell func(m *Metrics, from, to int64, v float64)) map[string]fact.Finding {
		m, out := New(Config{}), map[string]fact.Finding{}
		for i, v := range increases {
			to := epoch*1000 + int64(i)*5000
			tell(m, to-5000, to, v)
			for _, f := range m.Tick(to + 1000) {
				out[f.ID] = f
			}
		}
		return out
	}
	total := 0.0
	want := play(func(m *Metrics, _, to int64, v float64) {
		total += v
		m.Series(&fact.Series{Labels: ls, Type: fact.Counter, Points: []fact.Point{{T: to, V: total}}}, tells(svc("a"), "a-1"))
	})
	if len(want) != 1 {
		t.Fatalf("%d findings of the counter, want 1", len(want))
	}
	for name, start := range map[string]int64{"with a start": 1, "without": 0} {
		got := play(func(m *Metrics, from, to int64, v float64) {
			d := &fact.DeltaSeries{Labels: ls, Points: []fact.DeltaPoint{{Start: from * start, T: to, V: v}}}
			m.Deltas(d, tells(svc("a"), "a-1"))
			m.Deltas(d, tells(svc("a"), "a-1"))
		})
		for id, f := range got {
			// The first increase is one value more than the counter gives, and
			// sums are rounded: compare what people see.
			w, ok := want[id]
			if !ok || !reflect.DeepEqual(f.Signal, w.Signal) || f.Direction != w.Direction || !f.Onset.Equal(w.Onset) || !f.Ended.Equal(w.Ended) {
				t.Errorf("%s: found %+v, want %+v", name, f, want)
			}
		}
		if len(got) != 1 {
			t.Errorf("%s: %d findings, want 1", name, len(got))
		}
	}
}
