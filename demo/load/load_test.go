package load

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// The gaps of a Poisson process are exponential: their mean is one over the
// rate, and so is their standard deviation.
func TestGapsAreExponential(t *testing.T) {
	const rate, n = 60.0, 100_000
	p := newPlan(Config{Rate: rate, Mix: Mix(), Seed: 7})
	var sum, squares, long, last float64
	for range n {
		at, _ := p.next()
		gap := at.Seconds() - last
		last = at.Seconds()
		sum += gap
		squares += gap * gap
		if gap > 1/rate {
			long++
		}
	}
	mean := sum / n
	spread := math.Sqrt(squares/n - mean*mean)
	// The standard error of the mean is 1/(rate*sqrt(n)), 0.3 % of it.
	if math.Abs(mean*rate-1) > 0.015 || math.Abs(spread*rate-1) > 0.03 {
		t.Errorf("mean gap %.5f s, standard deviation %.5f s, want both %.5f s", mean, spread, 1/rate)
	}
	if share := long / n; math.Abs(share-math.Exp(-1)) > 0.01 {
		t.Errorf("%.3f of the gaps are longer than the mean, want 1/e", share)
	}
}

// The counts of a Poisson process have a variance equal to their mean.
func TestCountsPerSecondAreAsSpreadAsTheirMean(t *testing.T) {
	const rate, seconds = 60.0, 3000
	p := newPlan(Config{Rate: rate, Mix: Mix(), Seed: 11})
	counts := make([]float64, seconds)
	for {
		at, _ := p.next()
		if at >= seconds*time.Second {
			break
		}
		counts[int(at.Seconds())]++
	}
	var sum, squares float64
	for _, c := range counts {
		sum += c
		squares += c * c
	}
	mean := sum / seconds
	variance := squares/seconds - mean*mean
	if math.Abs(mean-rate) > 1 || math.Abs(variance/mean-1) > 0.1 {
		t.Errorf("mean %.2f, variance %.2f, want both about %.0f", mean, variance, rate)
	}
}

func TestMixIsFollowed(t *testing.T) {
	const n = 50_000
	p := newPlan(Config{Rate: 1, Mix: Mix(), Seed: 3})
	counts := make(map[string]float64)
	for range n {
		_, r := p.next()
		counts[r.Name]++
	}
	for _, r := range Mix() {
		if share := counts[r.Name] / n; math.Abs(share-r.Weight) > 0.01 {
			t.Errorf("%s is %.3f of the requests, want %.3f", r.Name, share, r.Weight)
		}
	}
}

func TestSameSeedSamePlan(t *testing.T) {
	a, b := newPlan(Config{Rate: 5, Mix: Mix(), Seed: 1}), newPlan(Config{Rate: 5, Mix: Mix(), Seed: 1})
	c := newPlan(Config{Rate: 5, Mix: Mix(), Seed: 2})
	differs := false
	for range 100 {
		at, r := a.next()
		if bt, br := b.next(); at != bt || r != br {
			t.Fatalf("the same seed planned %v %s and %v %s", at, r.Name, bt, br.Name)
		}
		if ct, _ := c.next(); ct != at {
			differs = true
		}
	}
	if !differs {
		t.Error("another seed planned the same")
	}
}

// run lets users of the handler come for a while.
func run(t *testing.T, h http.Handler, cfg Config, length time.Duration) Totals {
	t.Helper()
	srv := httptest.NewServer(h)
	defer srv.Close()
	cfg.Target = srv.URL
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	if err := g.Run(ctx); ctx.Err() == nil {
		t.Fatalf("Run ended by itself: %v", err)
	}
	return g.Totals()
}

func TestFailuresAreCounted(t *testing.T) {
	var n atomic.Int64
	mix := []Route{{Name: "a", Method: "GET", Path: "/", Weight: 1}}
	got := run(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1)%4 == 0 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}), Config{Rate: 400, Mix: mix, Seed: 1}, 500*time.Millisecond)
	if got.Good+got.Failed < 50 || got.Dropped != 0 {
		t.Errorf("at 400 a second for half a second: %+v", got)
	}
	if s := got.Success(); math.Abs(s-0.75) > 0.03 {
		t.Errorf("success %.3f, want 0.75", s)
	}
	if m := got.Mean(); m <= 0 || m > got.Slowest {
		t.Errorf("mean %v, slowest %v", m, got.Slowest)
	}
}

func TestSlowServerDoesNotSlowItsUsers(t *testing.T) {
	release := make(chan struct{})
	var most, now atomic.Int64
	h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		<-release
	})
	time.AfterFunc(600*time.Millisecond, func() { close(release) })
	got := run(t, h, Config{Rate: 300, MaxInFlight: 5, Seed: 1}, 500*time.Millisecond)
	if most.Load() > 5 {
		t.Errorf("%d requests were under way, at most 5 may be", most.Load())
	}
	if got.Sent != 5 || got.Dropped < 50 {
		t.Errorf("%+v, want 5 sent and all others dropped", got)
	}
	if got.Success() > 0.1 {
		t.Errorf("success %.2f although nearly everybody was turned away", got.Success())
	}
}

func TestNewRefuses(t *testing.T) {
	for _, cfg := range []Config{{}, {Rate: -1}, {Rate: math.NaN()}, {Rate: 1e9}, {Rate: 1, Mix: []Route{{Weight: 0}}}, {Rate: 1, Mix: []Route{{Weight: -1}, {Weight: 5}}}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("New(%+v) took it", cfg)
		}
	}
}

func TestTotalsOfNothing(t *testing.T) {
	if z := (Totals{}); z.Success() != 1 || z.Mean() != 0 {
		t.Errorf("success %v, mean %v of nothing", z.Success(), z.Mean())
	}
}
