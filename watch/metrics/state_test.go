package metrics

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal/topology"
)

// An input is what one second brings.
type input struct {
	step   topology.Step
	series []fact.Series
	now    int64
}

// eventful is ten minutes in which much goes wrong, at random.
func eventful(seed uint64) []input {
	w := newWorld(seed)
	w.rate = func(t int64) float64 {
		if t > 400 && t < 450 {
			return 100
		}
		return 25
	}
	w.fails = func(s, _ string, t int64) float64 {
		if s == "payment" && t%200 > 120 && t%200 < 160 {
			return 0.3
		}
		return 0.002
	}
	w.slow = func(s, _ string, t int64) float64 {
		if s == "stock" && t%300 > 220 && t%300 < 260 {
			return 0.2
		}
		return 0
	}
	w.down = func(s string, t int64) bool { return s == "mail" && t > 500 && t < 540 }
	w.v2 = func(t int64) float64 { return float64(t/150) / 4 }
	w.host = func(t int64) float64 {
		if t%97 < 7 {
			return 3
		}
		return 1
	}
	var out []input
	total := 0.0
	for t := range int64(600) {
		in := input{step: w.second(t), now: (epoch + t + 3) * 1000}
		at := (epoch + t) * 1000
		for k := range 12 {
			v := 100 + w.r.NormFloat64()
			if t > 200+int64(k)*20 && t < 300+int64(k)*20 {
				v *= 5
			}
			if t > 450 && t < 550 && k < 6 { // an instance goes
				continue
			}
			in.series = append(in.series, fact.Series{Labels: named("gauge", "k", fmt.Sprint(k)), Type: fact.Gauge, Points: []fact.Point{{T: at, V: v}}})
		}
		total += 10 + w.r.Float64()
		in.series = append(in.series, fact.Series{Labels: named("work_total"), Points: []fact.Point{{T: at, V: math.Mod(total, 3000)}}})
		out = append(out, in)
	}
	return out
}

func play(m *Metrics, ins []input) (told []fact.Finding) {
	for i := range ins {
		m.Step(ins[i].step)
		for j := range ins[i].series {
			s := &ins[i].series[j]
			m.Series(s, tells(svc("a"), fmt.Sprint(j/6)))
		}
		told = append(told, m.Tick(ins[i].now)...)
	}
	return told
}

func TestSameInputSameFindings(t *testing.T) {
	for seed := range uint64(3) {
		ins := eventful(seed)
		a, b := play(New(Config{}), ins), play(New(Config{}), ins)
		if len(a) < 50 {
			t.Errorf("seed %d: only %d tellings; nothing was tested", seed, len(a))
		}
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("seed %d: the same input gave other findings", seed)
		}
		seen := map[string]fact.Finding{}
		for _, f := range a {
			old, again := seen[f.ID]
			if again && (!old.Ended.IsZero() || old.Onset != f.Onset || old.Seen != f.Seen || old.Score > f.Score) {
				t.Errorf("seed %d: %s was told before as %s", seed, describe(f), describe(old))
			}
			if f.Onset.After(f.Seen) || !f.Ended.IsZero() && !f.Ended.After(f.Onset) || math.IsInf(f.Score, 0) || math.IsNaN(f.Score+f.Now+f.Before+f.Low+f.High) || f.Signal.Query == "" {
				t.Errorf("seed %d: %s makes no sense: %+v", seed, describe(f), f)
			}
			if f.Low > f.Before || f.High < f.Before {
				t.Errorf("seed %d: %s: %v is not in its normal range %v to %v", seed, describe(f), f.Before, f.Low, f.High)
			}
			seen[f.ID] = f
		}
	}
}

func TestSnapshotAnywhereChangesNothing(t *testing.T) {
	ins := eventful(7)
	want := play(New(Config{}), ins)
	for _, cut := range []int{0, 1, 30, 100, 127, 133, 224, 240, 260, 333, 402, 450, 505, 520, 599} {
		a, b := New(Config{}), New(Config{})
		told := play(a, ins[:cut])
		data, err := snapshot(a)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Restore(data); err != nil {
			t.Fatal(err)
		}
		again, err := snapshot(b)
		if err != nil || !bytes.Equal(data, again) {
			t.Fatalf("cut at %d: the snapshot of what was restored differs (error %v)", cut, err)
		}
		if !reflect.DeepEqual(a.Open(), b.Open()) {
			t.Fatalf("cut at %d: other findings are open", cut)
		}
		if got := append(told, play(b, ins[cut:])...); !reflect.DeepEqual(got, want) {
			t.Fatalf("cut at %d: other findings than without the cut", cut)
		}
	}
}

func FuzzRestore(f *testing.F) {
	ins := eventful(1)[:140]
	m := New(Config{})
	play(m, ins)
	data, err := snapshot(m)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)/3])
	f.Add([]byte("no snapshot"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := New(Config{})
		if err := m.Restore(data); err != nil {
			if m.now != 0 || len(m.series.byLabels) != 0 || len(m.flows.list) != 0 {
				t.Error("a refused snapshot left something behind")
			}
			return
		}
		play(m, ins[:3])
		if _, err := snapshot(m); err != nil {
			t.Errorf("what was restored cannot be written: %v", err)
		}
	})
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	m := New(Config{})
	r := rand.New(rand.NewPCG(1, 1))
	s := fact.Series{Labels: named("x"), Type: fact.Gauge, Points: make([]fact.Point, 1)}
	k := int64(0)
	one := func() {
		k++
		s.Points[0] = fact.Point{T: epoch*1000 + k*15_000, V: 100 + r.NormFloat64()}
		m.Series(&s, tells(svc("a"), "a-1"))
	}
	for range 200 {
		one()
	}
	if n := testing.AllocsPerRun(1000, one); n != 0 {
		t.Errorf("%v allocations for a sample", n)
	}
}

func TestOwnMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := New(Config{Registerer: reg})
	New(Config{Registerer: reg}) // a second one does no harm
	play(m, eventful(1)[:200])
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, x := range f.GetMetric() {
			got[f.GetName()] += x.GetCounter().GetValue() + x.GetGauge().GetValue()
		}
	}
	if got["steersman_watch_metrics_samples_total"] != 200*13 || got["steersman_watch_metrics_findings_total"] == 0 || got["steersman_watch_metrics_watched"] < 13 {
		t.Errorf("own metrics: %v", got)
	}
}

func BenchmarkStep(b *testing.B) {
	w := newWorld(1)
	var steps []topology.Step
	for t := range int64(300) {
		steps = append(steps, w.second(t))
	}
	m := New(Config{})
	b.ReportAllocs()
	n, start := int64(0), cpuNanos()
	for b.Loop() {
		st := steps[n%300]
		st.At = (epoch + n) * 1000
		m.Step(st)
		m.Tick(st.At + 3000)
		n++
	}
	b.ReportMetric(float64(cpuNanos()-start)/float64(b.N)/float64(len(m.flows.list)), "cpu-ns/flow")
}
