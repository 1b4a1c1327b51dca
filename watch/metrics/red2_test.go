package metrics

import (
	"slices"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal/topology"
)

// flowOf makes the step of one second of one service called from outside.
func flowOf(t int64, n, failed uint32, each time.Duration) topology.Step {
	st := topology.Step{At: (epoch + t) * 1000}
	if n > 0 {
		st.Edges = []topology.EdgeStep{{Server: svc("a"), Side: topology.ServerSide, Requests: n, Errors: failed, SumNanos: uint64(n) * uint64(each)}}
	}
	return st
}

// A few errors of few requests are no news; the same share of many is.
func TestIsolatedErrors(t *testing.T) {
	for _, tt := range []struct {
		name string
		n    func(t int64) (n, failed uint32)
		want bool
	}{
		{"one of three requests at night", func(t int64) (uint32, uint32) {
			if t%600 == 0 || t%600 == 20 {
				return 1, 0
			}
			if t%600 == 40 {
				return 1, 1
			}
			return 0, 0
		}, false},
		{"three isolated errors at little traffic", func(t int64) (uint32, uint32) {
			if t == 400 || t == 410 || t == 425 {
				return 1, 1
			}
			return uint32(t % 2), 0
		}, false},
		{"one bad second", func(t int64) (uint32, uint32) {
			if t == 400 {
				return 50, 40
			}
			return 50, 0
		}, false},
		{"one in a hundred fails, as always", func(t int64) (uint32, uint32) {
			if t%2 == 0 {
				return 50, 1
			}
			return 50, 0
		}, false},
		{"every request at little traffic fails", func(t int64) (uint32, uint32) {
			if t%5 != 0 {
				return 0, 0
			}
			if t >= 400 {
				return 1, 1
			}
			return 1, 0
		}, true},
		{"three in a hundred of much traffic fail", func(t int64) (uint32, uint32) {
			if t >= 400 {
				return 100, 3
			}
			return 100, 0
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := New(Config{})
			found := map[string]fact.Finding{}
			for s := range int64(500) {
				n, failed := tt.n(s)
				m.Step(flowOf(s, n, failed, 5*time.Millisecond))
				for _, f := range m.Tick((epoch + s + 3) * 1000) {
					found[f.ID] = f
				}
			}
			if got := find(found, "error ratio of a") != nil; got != tt.want {
				list(t, found)
				t.Errorf("found %v, want %v", got, tt.want)
			}
		})
	}
}

func TestAFaultInTheFirstMinuteIsSeen(t *testing.T) {
	w := newWorld(1)
	w.fails = func(s, _ string, t int64) float64 {
		if s == "payment" && t >= 20 {
			return 0.3
		}
		return 0
	}
	m := New(Config{})
	found, _ := w.watch(m, 0, 40)
	if f := find(found, "error ratio of payment"); f == nil || !within(f.Onset, 19, 22) || !within(f.Seen, 23, 32) {
		list(t, found)
		t.Error("no right finding about payment's errors")
	}
}

func TestReadiness(t *testing.T) {
	w, m := newWorld(1), New(Config{})
	if r := m.Readiness(); r != 0 {
		t.Errorf("readiness %v of nothing, want 0", r)
	}
	w.watch(m, 0, 35)
	if r := m.Readiness(); r <= 0 || r >= 1 {
		t.Errorf("readiness %v after 35 s, want something between", r)
	}
	w.watch(m, 35, 90)
	if r := m.Readiness(); r != 1 {
		t.Errorf("readiness %v after 90 s, want 1", r)
	}
	if r := m.ReadinessOf(svc("nobody")); r != 0 {
		t.Errorf("readiness %v of a service that is not known, want 0", r)
	}
}

func TestABadReleaseIsSeenByItsVersion(t *testing.T) {
	w := newWorld(2)
	w.v2 = func(t int64) float64 {
		if t >= 200 {
			return 0.2
		}
		return 0
	}
	w.fails = func(s, v string, _ int64) float64 {
		if s == "checkout" && v == "v2" {
			return 0.4
		}
		return 0
	}
	w.slow = func(s, v string, _ int64) float64 {
		if s == "checkout" && v == "v2" {
			return 0.2
		}
		return 0
	}
	found, _ := w.watch(New(Config{}), 0, 240)
	for _, name := range []string{"error ratio of checkout@v2", "duration of checkout@v2", "self time of checkout@v2"} {
		if f := find(found, name); f == nil || !within(f.Onset, 199, 204) || !within(f.Seen, 203, 220) {
			list(t, found)
			t.Fatalf("no right finding about the %s", name)
		}
	}
	for _, name := range []string{"error ratio of checkout@v1", "duration of checkout@v1"} {
		if find(found, name) != nil {
			t.Errorf("a finding about the %s, which is as always", name)
		}
	}
}

// A version that is taken back hurts nobody any more, and its findings end.
func TestAWithdrawnVersionIsOver(t *testing.T) {
	w := newWorld(2)
	w.v2 = func(t int64) float64 {
		if t >= 200 && t < 230 {
			return 0.5
		}
		return 0
	}
	w.fails = func(s, v string, _ int64) float64 {
		if s == "checkout" && v == "v2" {
			return 0.4
		}
		return 0
	}
	w.slow = func(s, v string, _ int64) float64 {
		if s == "checkout" && v == "v2" {
			return 0.2
		}
		return 0
	}
	m := New(Config{})
	found, _ := w.watch(m, 0, 244)
	if len(found) < 6 {
		list(t, found)
		t.Errorf("%d findings, want six or more", len(found))
	}
	for _, f := range found {
		if f.Ended.IsZero() || !within(f.Ended, 228, 233) {
			t.Errorf("the version has had no requests since +230 s: %s", describe(f))
		}
	}
}

func TestSilenceDropAndSurge(t *testing.T) {
	for _, tt := range []struct {
		name  string
		shape func(w *world)
		want  string
		dir   fact.Direction
		seen  int64 // at the latest
	}{
		{"a service that dies", func(w *world) {
			w.down = func(s string, t int64) bool { return s == "payment" && t >= 300 && t < 360 }
		}, "request rate of payment", fact.Absent, 325},
		{"most users stay away", func(w *world) {
			w.rate = func(t int64) float64 {
				if t >= 300 && t < 360 {
					return 12
				}
				return 60
			}
		}, "request rate of front", fact.Down, 320},
		{"many users come", func(w *world) {
			w.rate = func(t int64) float64 {
				if t >= 300 && t < 360 {
					return 240
				}
				return 60
			}
		}, "request rate of front", fact.Up, 320},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(3)
			tt.shape(w)
			found, _ := w.watch(New(Config{}), 0, 400)
			f := find(found, tt.want)
			if f == nil || f.Direction != tt.dir || !within(f.Onset, 296, 304) || !within(f.Seen, 303, tt.seen) || !within(f.Ended, 355, 375) {
				list(t, found)
				t.Fatalf("no right finding about the %s", tt.want)
			}
			for _, f := range found {
				if f.Signal.Kind == fact.Traffic && f.Signal.Entity != svc("front") && tt.dir != fact.Absent {
					t.Errorf("all services follow the entry: %s", describe(f))
				}
			}
		})
	}
}

func TestSilenceOfEverythingIsNotElevenMissingServices(t *testing.T) {
	w := newWorld(4)
	m := New(Config{})
	w.watch(m, 0, 300)
	for s := int64(300); s < 400; s++ {
		m.Step(topology.Step{At: (epoch + s) * 1000})
		if fs := m.Tick((epoch + s + 3) * 1000); len(fs) > 0 {
			t.Fatalf("when no span comes in at all, the door may be closed: %s", describe(fs[0]))
		}
	}
}

// When everything stood still and goes on, some services are asked a second
// before others: the others are not missing.
func TestAfterAGapServicesComeBackOneByOne(t *testing.T) {
	w := newWorld(4)
	m := New(Config{})
	w.watch(m, 0, 300)
	for s := int64(300); s < 400; s++ {
		st := w.second(s)
		switch {
		case s == 300: // a few callers' spans were lost
			st.Edges = append(st.Edges, topology.EdgeStep{Server: svc("cart"), Side: topology.ServerSide, Requests: 3, SumNanos: 6e6})
		case s < 312:
			st.Edges = nil
		case s < 314:
			st.Edges = slices.DeleteFunc(st.Edges, func(e topology.EdgeStep) bool { return e.Server != svc("front") && e.Server != svc("catalog") })
		}
		m.Step(st)
		if fs := m.Tick((epoch + s + 3) * 1000); len(fs) > 0 {
			t.Fatalf("at +%d s: %s", s, describe(fs[0]))
		}
	}
}

func TestABusyMachineIsFeltAtTheEntryOnly(t *testing.T) {
	w := newWorld(5)
	w.host = func(t int64) float64 {
		if t >= 300 {
			return 6
		}
		return 1
	}
	found, _ := w.watch(New(Config{}), 0, 400)
	if f := find(found, "duration of front"); f == nil || !within(f.Onset, 299, 303) {
		t.Error("its users feel it, and nothing says so")
	}
	for _, f := range found {
		if f.Signal.Entity != svc("front") {
			t.Errorf("one cause below all, and a finding above: %s", describe(f))
		}
	}
}

func TestWhatLastsBecomesNormal(t *testing.T) {
	m := New(Config{Adapt: 2 * time.Minute})
	var told []fact.Finding
	for s := range int64(1500) {
		n, failed, d := uint32(50), uint32(0), 10*time.Millisecond
		if s >= 300 {
			failed, d = 10, 50*time.Millisecond
		}
		m.Step(flowOf(s, n, failed, d))
		told = append(told, m.Tick((epoch+s+3)*1000)...)
	}
	last := map[string]fact.Finding{}
	for _, f := range told {
		last[f.ID] = f
	}
	for _, f := range last {
		if f.Ended.IsZero() || !within(f.Ended, 415, 430) {
			t.Errorf("%s: want it to end about 120 s after its onset", describe(f))
		}
	}
	if len(last) != 3 { // errors, duration, and its own time; its only edge tells nothing else
		list(t, last)
		t.Errorf("%d findings, want 3", len(last))
	}
	if open := m.Open(); len(open) != 0 {
		t.Errorf("%d findings are open", len(open))
	}
}

func TestALastingFindingIsNotRepeatedEachSecond(t *testing.T) {
	w := newWorld(6)
	w.fails = func(s, _ string, t int64) float64 {
		if s == "payment" && t >= 100 {
			return 0.3
		}
		return 0
	}
	_, told := w.watch(New(Config{}), 0, 200)
	n := 0
	for _, f := range told {
		if about(f) == "error ratio of payment" {
			n++
		}
	}
	if n < 1 || n > 22 {
		t.Errorf("told %d times in 100 s, want at most each five seconds", n)
	}
}

// A service that is slower by a multiple of what all have in common is found
// at once, though the machine was busy for a moment in between.
func TestStarkSlownessOnABusyMachine(t *testing.T) {
	for seed := range uint64(5) {
		w := newWorld(seed)
		w.host = func(t int64) float64 {
			if t == 202 || t == 203 {
				return 2
			}
			return 1
		}
		w.slow = func(s, _ string, t int64) float64 {
			if s == "stock" && t >= 200 && t < 215 {
				return 0.3
			}
			return 0
		}
		found, _ := w.watch(New(Config{}), 0, 260)
		f := find(found, "self time of stock")
		if f == nil || !within(f.Onset, 199, 201) || !within(f.Seen, 203, 207) {
			list(t, found)
			t.Fatalf("seed %d: no right finding about the time that stock takes", seed)
		}
		for _, f := range found {
			if f.Signal.Name == selfTime && f.Signal.Entity != svc("stock") {
				t.Errorf("seed %d: it does nothing more itself: %s", seed, describe(f))
			}
		}
	}
}

// When everything stands still for some seconds, requests to everybody are
// given up: one cause below all, and no finding above. What fails by itself
// afterwards is found all the same.
func TestAStandstillIsHeldAgainstNobody(t *testing.T) {
	for _, seconds := range []int64{1, 3, 8, 15} {
		for seed := range uint64(3) {
			w := newWorld(seed)
			still := func(t int64) bool { return t >= 300 && t < 300+seconds }
			w.host = func(t int64) float64 {
				if still(t) {
					return 60
				}
				return 1
			}
			w.fails = func(s, _ string, t int64) float64 {
				switch {
				case still(t):
					return 0.3
				case s == "payment" && t >= 360:
					return 0.3
				}
				return 0
			}
			m := New(Config{})
			if found, _ := w.watch(m, 0, 340); len(found) > 0 {
				list(t, found)
				t.Errorf("seed %d: %d findings about a standstill of %d s", seed, len(found), seconds)
			}
			found, _ := w.watch(m, 340, 390)
			if f := find(found, "error ratio of payment"); f == nil || !within(f.Onset, 358, 364) || !within(f.Seen, 363, 371) {
				list(t, found)
				t.Errorf("seed %d: no right finding about payment's errors afterwards", seed)
			}
		}
	}
}

// What lasts is felt, and then said of the entry.
func TestALongStandstillIsFeltAtTheEntry(t *testing.T) {
	w := newWorld(1)
	w.host = func(t int64) float64 {
		if t >= 300 {
			return 60
		}
		return 1
	}
	w.fails = func(_, _ string, t int64) float64 {
		if t >= 300 {
			return 0.3
		}
		return 0
	}
	found, _ := w.watch(New(Config{}), 0, 345)
	if f := find(found, "error ratio of front"); f == nil || !within(f.Onset, 299, 303) || !within(f.Seen, 325, 340) {
		t.Error("its users feel it, and nothing says so")
	}
	for _, f := range found {
		if f.Signal.Entity != svc("front") {
			t.Errorf("one cause below all, and a finding above: %s", describe(f))
		}
	}
}

// Each story is told once: of the service when all its callers see it, of an
// edge's side when only that side does.
func TestNoEchoes(t *testing.T) {
	between := func(t int64) bool { return t >= 200 && t < 260 }
	for _, tt := range []struct {
		name  string
		shape func(w *world)
		want  []string
	}{
		{"payment has one caller, and fails", func(w *world) {
			w.fails = func(s, _ string, t int64) float64 {
				if s == "payment" && between(t) {
					return 0.3
				}
				return 0
			}
		}, []string{"error ratio of checkout", "error ratio of front", "error ratio of payment"}},
		{"stock has two callers, and is slow for both", func(w *world) {
			w.slow = func(s, _ string, t int64) float64 {
				if s == "stock" && between(t) {
					return 0.3
				}
				return 0
			}
		}, []string{"duration of catalog", "duration of checkout", "duration of front", "duration of shipping", "duration of stock", "self time of stock"}},
		{"the network to stock is slow for one caller", func(w *world) {
			w.wire = func(client, server string, t int64) float64 {
				if client == "shipping" && server == "stock" && between(t) {
					return 0.3
				}
				return 0
			}
		}, []string{"duration of checkout", "duration of front", "duration of shipping", "duration of shipping>stock client"}},
		{"redis tells nothing itself, and is slow", func(w *world) {
			w.slow = func(s, _ string, t int64) float64 {
				if s == "redis" && between(t) {
					return 0.3
				}
				return 0
			}
		}, []string{"duration of cart", "duration of cart>redis client", "duration of front"}},
		{"bank is gone", func(w *world) {
			w.down = func(s string, t int64) bool { return s == "bank" && between(t) }
		}, []string{"error ratio of checkout", "error ratio of front", "error ratio of payment", "error ratio of payment>bank client", "request rate of bank"}},
		{"stock fails for one caller of two", func(w *world) {
			w.refuses = func(client, server string, t int64) bool {
				return client == "shipping" && server == "stock" && between(t) && w.r.Float64() < 0.5
			}
		}, []string{"error ratio of checkout", "error ratio of front", "error ratio of shipping", "error ratio of shipping>stock server", "error ratio of stock"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(3) {
				w := newWorld(seed)
				tt.shape(w)
				m := New(Config{})
				found, _ := w.watch(m, 0, 320)
				var got []string
				for _, f := range found {
					got = append(got, about(f))
				}
				slices.Sort(got)
				if !slices.Equal(got, tt.want) {
					list(t, found)
					t.Errorf("seed %d:\nfound %v\nwant  %v", seed, got, tt.want)
				}
				if open := m.Stats().FindingsOpen; open > 0 {
					t.Errorf("seed %d: %d findings are open", seed, open)
				}
			}
		})
	}
}

// What a service's own metrics count of its requests, its spans have said.
func TestSeriesOfRequestsAreNoSecondStory(t *testing.T) {
	w, m := newWorld(1), New(Config{})
	w.fails = func(s, _ string, t int64) float64 {
		if s == "payment" && t >= 400 {
			return 0.3
		}
		return 0
	}
	series := func(service, name string) *fact.Series {
		typ := fact.Gauge
		if countsRequests(name) {
			typ = fact.Counter
		}
		return &fact.Series{Labels: fact.LabelsOf(fact.NameLabel, name, "service", service), Type: typ}
	}
	all := map[*fact.Series]string{
		series("payment", "http_server_request_duration_seconds_count"): "payment",
		series("payment", "queue_length"):                               "payment",
		series("mail", "http_server_request_duration_seconds_count"):    "mail",
	}
	count := 0.0
	found := map[string]fact.Finding{}
	for s := range int64(460) {
		rate := 0.0
		if s >= 400 {
			rate = 5
		}
		count += rate
		for one, service := range all {
			one.Points = []fact.Point{{T: (epoch + s) * 1000, V: rate}}
			if one.Type == fact.Counter {
				one.Points[0].V = count
			}
			if s%3 == 0 {
				m.Series(one, tells(svc(service), ""))
			}
		}
		m.Step(w.second(s))
		for _, f := range m.Tick((epoch + s + 3) * 1000) {
			found[f.ID] = f
		}
	}
	for what, want := range map[string]bool{
		"error ratio of payment": true, "queue_length of payment": true,
		"http_server_request_duration_seconds_count of payment": false, "http_server_request_duration_seconds_count of mail": true,
	} {
		if got := find(found, what) != nil; got != want {
			list(t, found)
			t.Errorf("%s: found %v, want %v", what, got, want)
		}
	}
}

func TestCountsRequests(t *testing.T) {
	for name, want := range map[string]bool{
		"http_server_request_duration_seconds_sum": true, "http_client_response_body_size_bytes_count": true, "rpc_server_duration_milliseconds_sum": true,
		"http_requests_total": true, "http_server_active_requests": false, "go_goroutine_count": false, "process_cpu_seconds_total": false, "shop_pool_busy": false, "queue_latency": false,
	} {
		if got := countsRequests(name); got != want {
			t.Errorf("countsRequests(%s) = %v", name, got)
		}
	}
}
