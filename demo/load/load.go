// Package load sends requests to a web server as its users would: at moments
// of their own choosing, whether or not the server keeps up.
//
// It answers one question: what do users see? Every request is counted as good
// or failed by the answer that came back, and its duration runs from the
// moment at which it was meant to be sent.
//
// # Method
//
// Arrivals are a Poisson process (exponential gaps) at the given rate, laid out
// on an absolute time line: being late for one does not delay those after it
// (open loop). Which request is sent is drawn from a weighted mix. Gaps and
// draws come from one seed.
//
// # Limits
//
// At most MaxInFlight requests are under way; one that would be more is
// dropped and counted, never sent later. Answers with a status below 500 are
// good.
package load

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A Route is one kind of request and its share of the mix.
type Route struct {
	Name         string
	Method, Path string
	Weight       float64
}

// Mix returns what the users of the shop do.
func Mix() []Route {
	return []Route{
		{Name: "home", Method: "GET", Path: "/", Weight: 0.30},
		{Name: "product", Method: "GET", Path: "/product/7", Weight: 0.25},
		{Name: "cart", Method: "GET", Path: "/cart", Weight: 0.10},
		{Name: "add", Method: "POST", Path: "/cart", Weight: 0.15},
		{Name: "checkout", Method: "POST", Path: "/checkout", Weight: 0.20},
	}
}

// A Config says how much of what to send where.
type Config struct {
	Target      string        // base URL
	Rate        float64       // requests per second on average; above 0
	Mix         []Route       // nil means [Mix]
	MaxInFlight int           // 0 means 256
	Timeout     time.Duration // for one request; 0 means 10 s
	Seed        uint64
}

// Totals is what has happened so far.
type Totals struct {
	Sent, Good, Failed, Dropped uint64
	Slowest                     time.Duration
	Total                       time.Duration // of all durations
}

// Success returns the share of the requests that users wanted and got; 1 when
// there were none.
func (t Totals) Success() float64 {
	n := t.Good + t.Failed + t.Dropped
	if n == 0 {
		return 1
	}
	return float64(t.Good) / float64(n)
}

// Mean returns the mean duration of the answered requests.
func (t Totals) Mean() time.Duration {
	if n := t.Good + t.Failed; n > 0 {
		return t.Total / time.Duration(n)
	}
	return 0
}

// Since returns what happened after the earlier totals. Slowest stays that of t.
func (t Totals) Since(earlier Totals) Totals {
	t.Sent -= earlier.Sent
	t.Good -= earlier.Good
	t.Failed -= earlier.Failed
	t.Dropped -= earlier.Dropped
	t.Total -= earlier.Total
	return t
}

// A Generator sends requests. Its methods may be called from any goroutine,
// Run once.
type Generator struct {
	cfg    Config
	client *http.Client

	mu     sync.Mutex
	totals Totals
}

// New checks cfg and returns a generator that has sent nothing yet.
func New(cfg Config) (*Generator, error) {
	if !(cfg.Rate > 0 && cfg.Rate <= 10000) {
		return nil, fmt.Errorf("load: a rate of %v requests per second: want above 0, up to 10,000", cfg.Rate)
	}
	if cfg.Mix == nil {
		cfg.Mix = Mix()
	}
	if cfg.MaxInFlight == 0 {
		cfg.MaxInFlight = 256
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	total := 0.0
	for _, r := range cfg.Mix {
		if !(r.Weight >= 0) {
			return nil, fmt.Errorf("load: route %s has weight %v", r.Name, r.Weight)
		}
		total += r.Weight
	}
	if total <= 0 {
		return nil, fmt.Errorf("load: the weights of the mix add up to %v", total)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: cfg.MaxInFlight, IdleConnTimeout: 30 * time.Second}
	return &Generator{cfg: cfg, client: &http.Client{Transport: transport, Timeout: cfg.Timeout}}, nil
}

// Totals returns what has happened so far.
func (g *Generator) Totals() Totals {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.totals
}

// Run sends until ctx ends, and returns when the last answer is in.
func (g *Generator) Run(ctx context.Context) error {
	var flying sync.WaitGroup
	defer g.client.CloseIdleConnections()
	defer flying.Wait()
	slots := make(chan struct{}, g.cfg.MaxInFlight)
	plan := newPlan(g.cfg)
	timer := time.NewTimer(0)
	defer timer.Stop()
	start := time.Now()
	for {
		offset, route := plan.next()
		due := start.Add(offset)
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		select {
		case slots <- struct{}{}:
			flying.Go(func() {
				g.send(ctx, route, due)
				<-slots
			})
		default:
			g.count(func(t *Totals) { t.Dropped++ })
		}
	}
}

func (g *Generator) count(f func(*Totals)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(&g.totals)
}

func (g *Generator) send(ctx context.Context, r Route, due time.Time) {
	g.count(func(t *Totals) { t.Sent++ })
	good := g.request(ctx, r)
	if ctx.Err() != nil {
		return // cut short by the end, not by the server
	}
	took := time.Since(due)
	g.count(func(t *Totals) {
		t.Total += took
		t.Slowest = max(t.Slowest, took)
		if good {
			t.Good++
		} else {
			t.Failed++
		}
	})
}

func (g *Generator) request(ctx context.Context, r Route) (good bool) {
	req, err := http.NewRequestWithContext(ctx, r.Method, strings.TrimSuffix(g.cfg.Target, "/")+r.Path, nil)
	if err != nil {
		return false
	}
	resp, err := g.client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	return err == nil && resp.StatusCode < http.StatusInternalServerError
}

// A plan lays out the moments and kinds of the requests: same seed, same plan.
type plan struct {
	rate   float64
	mix    []Route
	total  float64
	rng    *rand.Rand
	offset float64 // seconds since the start
}

func newPlan(cfg Config) *plan {
	p := &plan{rate: cfg.Rate, mix: cfg.Mix, rng: rand.New(rand.NewPCG(cfg.Seed, 0x10ad))}
	for _, r := range cfg.Mix {
		p.total += r.Weight
	}
	return p
}

// next returns when, counted from the start, the next request is due, and
// which it is.
func (p *plan) next() (time.Duration, Route) {
	p.offset += p.rng.ExpFloat64() / p.rate
	x := p.rng.Float64() * p.total
	at := time.Duration(p.offset * float64(time.Second))
	for _, r := range p.mix {
		if x < r.Weight {
			return at, r
		}
		x -= r.Weight
	}
	return at, p.mix[len(p.mix)-1]
}
