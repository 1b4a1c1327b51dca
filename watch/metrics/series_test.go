package metrics

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
)

// feed plays a series, one point each step, and returns the findings as last told.
func feed(m *Metrics, ls fact.Labels, typ fact.SeriesType, every time.Duration, n int, value func(i int) float64) map[string]fact.Finding {
	last := map[string]fact.Finding{}
	for i := range n {
		t := epoch*1000 + int64(i)*every.Milliseconds()
		m.Series(&fact.Series{Labels: ls, Type: typ, Points: []fact.Point{{T: t, V: value(i)}}}, tells(svc("a"), "a-1"))
		for _, f := range m.Tick(t + 1000) {
			last[f.ID] = f
		}
	}
	return last
}

func named(name string, more ...string) fact.Labels {
	return fact.LabelsOf(append([]string{fact.NameLabel, name}, more...)...)
}

func TestSeries(t *testing.T) {
	noisy := func(r *rand.Rand, level float64) float64 { return level * (1 + 0.05*r.NormFloat64()) }
	r := rand.New(rand.NewPCG(1, 1))
	sum := 0.0
	for _, tt := range []struct {
		name  string
		ls    fact.Labels
		typ   fact.SeriesType
		every time.Duration
		n     int
		value func(i int) float64
		want  []fact.Finding // Signal.Kind, Unit, Query; Direction; Onset and Ended as the index of the sample
	}{
		{
			name: "a gauge rises and comes back", ls: named("process_resident_memory_bytes", "job", "a"), typ: fact.Gauge, every: 15 * time.Second, n: 200,
			value: func(i int) float64 {
				if i >= 100 && i < 120 {
					return noisy(r, 900)
				}
				return noisy(r, 300)
			},
			want: []fact.Finding{{
				Signal:    fact.Signal{Kind: fact.Saturation, Unit: "bytes", Query: `process_resident_memory_bytes{job="a"}`},
				Direction: fact.Up, Onset: time.Unix(100, 0), Ended: time.Unix(120, 0), Now: 900, Before: 300,
			}},
		},
		{
			name: "an untyped counter becomes a rate, resets and all", ls: named("jobs_done_total"), every: time.Second, n: 600,
			value: func(i int) float64 {
				if i == 250 {
					sum = 0
				}
				rate := noisy(r, 50)
				if i >= 400 {
					rate = noisy(r, 5)
				}
				sum += rate
				return sum
			},
			want: []fact.Finding{{
				Signal:    fact.Signal{Kind: fact.Other, Unit: "per second", Query: `rate(jobs_done_total[10s])`},
				Direction: fact.Down, Onset: time.Unix(400, 0), Now: 5, Before: 50,
			}},
		},
		{
			name: "three strange samples are not enough", ls: named("queue_length"), every: 15 * time.Second, n: 200,
			value: func(i int) float64 {
				if i%50 >= 47 {
					return 5000
				}
				return noisy(r, 100)
			},
		},
		{
			name: "what the series did before is not new", ls: named("queue_length"), every: 15 * time.Second, n: 2000,
			value: func(i int) float64 {
				if i > 300 && i%100 >= 90 {
					return noisy(r, 800)
				}
				return noisy(r, 100)
			},
			want: []fact.Finding{{
				Signal:    fact.Signal{Kind: fact.Saturation, Query: "queue_length"},
				Direction: fact.Up, Onset: time.Unix(390, 0), Ended: time.Unix(400, 0), Now: 800, Before: 100,
			}},
		},
		{
			name: "a new level becomes normal after half an hour", ls: named("threads"), every: 15 * time.Second, n: 400,
			value: func(i int) float64 {
				if i >= 100 {
					return 40
				}
				return 20
			},
			want: []fact.Finding{{
				Signal:    fact.Signal{Kind: fact.Saturation, Query: "threads"},
				Direction: fact.Up, Onset: time.Unix(100, 0), Ended: time.Unix(221, 0), Now: 40, Before: 20,
			}},
		},
		{name: "too little a change", ls: named("x"), every: 15 * time.Second, n: 300, value: func(i int) float64 { return 100 + 20*math.Floor(float64(i)/150) }},
		{name: "buckets are not watched", ls: named("x_bucket", "le", "1"), every: 15 * time.Second, n: 300, value: func(i int) float64 { return 1000 * math.Floor(float64(i)/150) }},
		{name: "values that are none", ls: named("x"), every: 15 * time.Second, n: 300, value: func(i int) float64 {
			return []float64{1, math.NaN(), math.Inf(1), 1e300}[i%4]
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found := feed(New(Config{}), tt.ls, tt.typ, tt.every, tt.n, tt.value)
			if len(found) != len(tt.want) {
				list(t, found)
				t.Fatalf("%d findings, want %d", len(found), len(tt.want))
			}
			for _, got := range found {
				want := tt.want[0]
				index := func(at time.Time) int64 {
					if at.IsZero() {
						return -1
					}
					return (at.UnixMilli() - epoch*1000) / tt.every.Milliseconds()
				}
				if got.Signal.Kind != want.Signal.Kind || got.Signal.Unit != want.Signal.Unit || got.Signal.Query != want.Signal.Query || got.Direction != want.Direction {
					t.Errorf("got %s %q %q %s, want %s %q %q %s", got.Signal.Kind, got.Signal.Unit, got.Signal.Query, got.Direction,
						want.Signal.Kind, want.Signal.Unit, want.Signal.Query, want.Direction)
				}
				if index(got.Onset) != want.Onset.Unix() || !want.Ended.IsZero() && index(got.Ended) != want.Ended.Unix() || want.Ended.IsZero() != got.Ended.IsZero() {
					t.Errorf("from sample %d to %d, want %d to %d", index(got.Onset), index(got.Ended), want.Onset.Unix(), want.Ended.Unix())
				}
				if math.Abs(got.Now/want.Now-1) > 0.3 || math.Abs(got.Before/want.Before-1) > 0.1 || got.Before < got.Low || got.Before > got.High {
					t.Errorf("%v → %v (normal %v to %v), want %v → %v", got.Before, got.Now, got.Low, got.High, want.Before, want.Now)
				}
			}
		})
	}
}

// backgrounds are series on which nothing happens.
func backgrounds(r *rand.Rand) map[string]func(i int) float64 {
	walk, drift, queue := 100.0, 100.0, 0.0
	ar := 0.0
	level := 5.0
	return map[string]func(i int) float64{
		"noise":       func(int) float64 { return 100 + 10*r.NormFloat64() },
		"flat":        func(int) float64 { return 7 },
		"small count": func(int) float64 { return float64(poisson(r, 3)) },
		"rare events": func(int) float64 {
			if r.IntN(40) == 0 {
				return float64(1 + r.IntN(5))
			}
			return 0
		},
		"lognormal": func(int) float64 { return math.Exp(r.NormFloat64()) },
		"spiky": func(int) float64 {
			if r.IntN(30) == 0 {
				return 1000 * r.ExpFloat64()
			}
			return 20 + r.NormFloat64()
		},
		"walk": func(int) float64 { walk += r.NormFloat64(); return walk },
		"walk that cannot go below zero": func(int) float64 {
			queue = max(queue+2*r.NormFloat64()-0.1, 0)
			return queue
		},
		"autoregression": func(int) float64 { ar = 0.97*ar + r.NormFloat64(); return 100 + 5*ar },
		"drift":          func(int) float64 { drift += 0.1 + r.NormFloat64(); return drift },
		"season of a day": func(i int) float64 {
			return 100 + 60*math.Sin(float64(i)/5760*2*math.Pi) + 5*r.NormFloat64()
		},
		"season of an hour": func(i int) float64 {
			return 100 + 60*math.Sin(float64(i)/240*2*math.Pi) + 5*r.NormFloat64()
		},
		"sawtooth": func(i int) float64 { return 50 + float64(i%130) + r.NormFloat64() },
		"changing levels": func(int) float64 {
			if r.IntN(2000) == 0 {
				level = float64(3 + r.IntN(8))
			}
			return level
		},
		"on and off": func(i int) float64 { return float64(i / 7 % 2) },
		"batch job each hour": func(i int) float64 {
			if i%240 < 12 {
				return 80 + 5*r.NormFloat64()
			}
			return 3 + 0.3*r.NormFloat64()
		},
	}
}

// TestFalseAlarmsOfSeries reports how often each kind of background gives a
// finding, and keeps the mean below one in a series and week.
func TestFalseAlarmsOfSeries(t *testing.T) {
	const perDay = 5760 // each 15 s
	copies, days := 6, 2
	if testing.Short() {
		copies, days = 2, 1
	}
	total, weeks := 0, 0.0
	for name := range backgrounds(nil) {
		n := 0
		for c := range copies {
			value := backgrounds(rand.New(rand.NewPCG(uint64(c), 99)))[name]
			m := New(Config{})
			n += len(feed(m, named("x", "copy", fmt.Sprint(c)), fact.Gauge, 15*time.Second, days*perDay, value))
		}
		w := float64(copies*days) / 7
		t.Logf("%-32s %4d findings in %.1f series-weeks: %.2f a week", name, n, w, float64(n)/w)
		total += n
		weeks += w
	}
	t.Logf("all: %d findings in %.1f series-weeks: %.2f a week", total, weeks, float64(total)/weeks)
	if float64(total) > 3*weeks {
		t.Errorf("%.2f findings in a series and week", float64(total)/weeks)
	}
}

func TestAnInstanceThatIsGone(t *testing.T) {
	stale := math.Float64frombits(staleBits)
	for _, tt := range []struct {
		name   string
		last   float64 // what the series of the instance say when it goes; 0: nothing
		within int64   // seconds
	}{{"with stale markers", stale, 20}, {"in silence", 0, 65}} {
		t.Run(tt.name, func(t *testing.T) {
			m := New(Config{})
			found := map[string]fact.Finding{}
			for s := int64(0); s < 600; s += 5 {
				at := (epoch + s) * 1000
				for _, instance := range []string{"a-1", "a-2"} {
					for k := range 20 {
						v := float64(k)
						if instance == "a-2" && s >= 300 && s < 450 {
							if v = tt.last; v == 0 || s > 300 {
								continue
							}
						}
						m.Series(&fact.Series{Labels: named(fmt.Sprint("m", k), "instance", instance), Points: []fact.Point{{T: at, V: v}}}, tells(svc("a"), instance))
					}
				}
				for _, f := range m.Tick(at) {
					found[f.ID] = f
				}
			}
			if len(found) != 1 {
				list(t, found)
				t.Fatalf("%d findings, want one for the instance", len(found))
			}
			for _, f := range found {
				if f.Direction != fact.Absent || f.Signal.Labels.Get("instance") != "a-2" || !within(f.Onset, 295, 300) ||
					!within(f.Seen, 300, 300+tt.within) || !within(f.Ended, 445, 455) || f.Symptom() {
					t.Error(describe(f))
				}
			}
		})
	}
}

func TestSeriesBoundsAndForgetting(t *testing.T) {
	m := New(Config{MaxSeries: 10, Forget: 10 * time.Minute})
	at := epoch * 1000
	for k := range 15 {
		m.Series(&fact.Series{Labels: named("x", "k", fmt.Sprint(k)), Points: []fact.Point{{T: at, V: 1}}}, tells(svc("a"), fmt.Sprint(k)))
	}
	m.Tick(at)
	if s := m.Stats(); s.SeriesWatched != 10 || s.OverSeries != 5 || s.Samples != 10 {
		t.Errorf("stats %+v, want 10 series watched and 5 samples too many", s)
	}
	m.Series(&fact.Series{Labels: named("x", "k", "0"), Points: []fact.Point{{T: at, V: 1}}}, tells(svc("a"), "0"))
	if s := m.Stats(); s.OutOfOrder != 1 {
		t.Errorf("%d samples out of order, want 1", s.OutOfOrder)
	}
	m.Tick(at + 3_600_000)
	if s := m.Stats(); s.SeriesWatched != 0 || len(m.series.byGroup) != 0 {
		t.Errorf("%d series and %d instances after an hour of silence, want none", s.SeriesWatched, len(m.series.byGroup))
	}
	m.Series(&fact.Series{Labels: named("y"), Points: []fact.Point{{T: at + 3_700_000, V: 1}}}, tells(svc("b"), "b"))
	if s := m.Stats(); s.SeriesWatched != 1 || m.series.n != 10 {
		t.Errorf("%d series in %d places, want one in one of the 10", s.SeriesWatched, m.series.n)
	}
}

func TestQueriesAreEscaped(t *testing.T) {
	for _, tt := range []struct {
		ls   fact.Labels
		want string
	}{
		{named("x"), `x`},
		{named("x", "path", `C:\a "b"`+"\n"), `x{path="C:\\a \"b\"\n"}`},
		{named("http.server.duration", "service.name", "a"), `{__name__="http.server.duration","service.name"="a"}`},
	} {
		if got := seriesSelector(tt.ls); got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
	}
	k := flowKey{What: edgeClient, Client: fact.Entity{Kind: fact.Service, Namespace: "shop", Name: "a"}, Server: svc(`b"`)}
	want := `sum(rate(steersman_edge_errors_total{server="b\"",client="a",client_namespace="shop",side="client"}[10s])) / ` +
		`sum(rate(steersman_edge_requests_total{server="b\"",client="a",client_namespace="shop",side="client"}[10s]))`
	if got := k.query(errorRatio); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// cpuNanos is the processor time of this process: on a busy machine the only
// honest clock.
func cpuNanos() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func BenchmarkSeries(b *testing.B) {
	const n = 100_000
	r := rand.New(rand.NewPCG(1, 1))
	noise := make([]float64, 4096)
	for i := range noise {
		noise[i] = 100 + r.NormFloat64()
	}
	list := make([]fact.Series, n)
	for i := range list {
		list[i] = fact.Series{
			Labels: named("http_requests", "instance", fmt.Sprintf("10.0.%d.%d:9090", i/256%256, i%256), "path", fmt.Sprintf("/api/v1/thing/%d", i)),
			Type:   fact.Gauge, Points: make([]fact.Point, 1),
		}
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	m := New(Config{})
	round := func(k int) {
		for i := range list {
			list[i].Points[0] = fact.Point{T: epoch*1000 + int64(k)*15_000, V: noise[(i*7+k)&4095]}
			m.Series(&list[i], tells(fact.Entity{}, ""))
		}
	}
	for k := range 70 {
		round(k)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportAllocs()
	b.ResetTimer()
	start := cpuNanos()
	k := 70
	for b.Loop() {
		round(k)
		k++
	}
	b.ReportMetric(float64(cpuNanos()-start)/float64(b.N)/n, "cpu-ns/sample")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/series")
}

// Hints are never believed: with any numbers the state is what it is without.
func TestHintsAreOnlyHints(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	plain, hinted := New(Config{MaxSeries: 30, Forget: time.Minute}), New(Config{MaxSeries: 30, Forget: time.Minute})
	for i := range 4000 {
		at := int64(1+i) * 500
		k := rnd.IntN(12) + i/1000*8 // some are forgotten and others come
		s := fact.Series{Labels: named(fmt.Sprint("m", k)), Points: []fact.Point{{T: at, V: rnd.NormFloat64()}}}
		plain.Series(&s, tells(svc("a"), "a-1"))
		s.Ref = uint32(rnd.IntN(20))
		if rnd.IntN(2) == 0 {
			s.Ref = uint32(k + 1)
		}
		hinted.Series(&s, tells(svc("a"), "a-1"))
		plain.Tick(at)
		hinted.Tick(at)
	}
	a, err1 := snapshot(plain)
	b, err2 := snapshot(hinted)
	if err1 != nil || err2 != nil || !bytes.Equal(a, b) {
		t.Errorf("the states differ (%v, %v)", err1, err2)
	}
	if n := plain.Stats().SeriesWatched; n < 10 || n > 30 {
		t.Errorf("%d series are watched", n)
	}
}
