package metrics

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/steersman-ops/steersman/fact"
)

func TestErrorBurst(t *testing.T) {
	for _, rate := range []float64{5 / 0.3, 60, 600} { // payment gets three tenths
		worst := int64(0)
		for seed := range uint64(max(2, int(300/rate))) {
			w := newWorld(seed)
			w.rate = func(int64) float64 { return rate }
			w.fails = func(s, _ string, t int64) float64 {
				if s == "payment" && t >= 200 && t < 300 {
					return 0.3
				}
				return 0.001
			}
			m := New(Config{})
			found, _ := w.watch(m, 0, 400)
			f := find(found, "error ratio of payment")
			if f == nil || !within(f.Onset, 195, 204) || f.Ended.IsZero() || !within(f.Ended, 298, 312) || f.Now < 0.25 {
				list(t, found)
				t.Fatalf("rate %v, seed %d: no right finding about payment's errors", rate, seed)
			}
			// A step is told three seconds after it began.
			worst = max(worst, f.Seen.Unix()-epoch-200-2)
			for _, f := range found {
				if f.Onset.Unix()-epoch < 190 || f.Signal.Kind != fact.Errors {
					t.Errorf("rate %v, seed %d: %s", rate, seed, describe(f))
				}
			}
		}
		t.Logf("payment at %.0f requests/s: found after %d s at worst", rate*0.3, worst)
		if worst > 8 {
			t.Errorf("rate %v: found only after %d s", rate, worst)
		}
	}
}

func TestSlowDependency(t *testing.T) {
	for seed := range uint64(5) {
		w := newWorld(seed)
		w.slow = func(s, _ string, t int64) float64 {
			if s == "bank" && t >= 200 && t < 300 {
				return 0.4
			}
			return 0
		}
		found, _ := w.watch(New(Config{}), 0, 360)
		for _, name := range []string{"duration of bank", "self time of bank", "duration of payment"} {
			f := find(found, name)
			if f == nil || !within(f.Onset, 199, 202) || !within(f.Seen, 203, 210) || !within(f.Ended, 298, 312) {
				list(t, found)
				t.Fatalf("seed %d: no right finding about the %s", seed, name)
			}
		}
		for _, name := range []string{"self time of payment", "self time of checkout", "self time of front"} {
			if f := find(found, name); f != nil {
				t.Errorf("seed %d: it does nothing more itself: %s", seed, describe(*f))
			}
		}
	}
}

// Nothing is wrong here: what is found is a false alarm.
func TestQuiet(t *testing.T) {
	seconds := int64(900)
	if testing.Short() {
		seconds = 600
	}
	for _, tt := range []struct {
		name  string
		shape func(w *world)
	}{
		{"as always", func(*world) {}},
		{"the machine is busy for some seconds, again and again", func(w *world) {
			level, until := 1.0, int64(0)
			r := rand.New(rand.NewPCG(5, 5))
			w.host = func(s int64) float64 {
				if s >= until {
					if level > 1 {
						level, until = 1, s+5+r.Int64N(60)
					} else {
						level, until = 1.3+4*r.Float64(), s+2+r.Int64N(14)
					}
				}
				return level
			}
		}},
		{"the machine is busy all the time", func(w *world) {
			w.host = func(int64) float64 { return 3 * math.Exp(0.5*w.r.NormFloat64()) }
		}},
		{"little traffic, at times an error", func(w *world) {
			w.rate = func(int64) float64 { return 0.3 }
			w.fails = func(string, string, int64) float64 { return 0.02 }
		}},
		{"traffic rises and falls like a day in an hour", func(w *world) {
			w.rate = func(s int64) float64 { return 60 + 45*math.Sin(float64(s)/573) }
			w.fails = func(string, string, int64) float64 { return 0.003 }
		}},
		{"a canary takes over step by step", func(w *world) {
			w.v2 = func(s int64) float64 { return float64(s/300) / 12 }
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(1)
			tt.shape(w)
			if found, _ := w.watch(New(Config{}), 0, seconds); len(found) > 0 {
				list(t, found)
				t.Errorf("%d false alarms in %d s of 10 services", len(found), seconds)
			}
		})
	}
}

// A real fault shows through the noise of a busy machine.
func TestFaultsOnABusyMachine(t *testing.T) {
	for _, tt := range []struct {
		name string
		host func(w *world) func(int64) float64
		seen int64 // seconds after the onset, at the latest
	}{
		{"busy for some seconds, again and again", func(*world) func(int64) float64 {
			return func(t int64) float64 {
				if t%29 < 9 {
					return 4
				}
				return 1
			}
		}, 25},
		{"busy all the time", func(w *world) func(int64) float64 {
			return func(int64) float64 { return 3 * math.Exp(0.5*w.r.NormFloat64()) }
		}, 15},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(4) {
				w := newWorld(seed)
				w.host = tt.host(w)
				w.fails = func(s, _ string, t int64) float64 {
					if s == "payment" && t >= 200 && t < 260 {
						return 0.3
					}
					return 0
				}
				w.slow = func(s, _ string, t int64) float64 {
					if s == "bank" && t >= 340 && t < 400 {
						return 0.4
					}
					return 0
				}
				found, _ := w.watch(New(Config{}), 0, 420)
				e, d := find(found, "error ratio of payment"), find(found, "self time of bank")
				if e == nil || !within(e.Onset, 195, 204) || !within(e.Seen, 203, 211) {
					list(t, found)
					t.Fatalf("seed %d: no right finding about payment's errors", seed)
				}
				if d == nil || !within(d.Onset, 336, 350) || !within(d.Seen, 343, 340+tt.seen) {
					list(t, found)
					t.Fatalf("seed %d: no right finding about the time that bank takes", seed)
				}
			}
		})
	}
}
