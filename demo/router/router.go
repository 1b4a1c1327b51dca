// Package router splits the requests for one service among its versions by
// weight, and can be asked to change the weights under a lease.
//
// It answers one question: which version serves this request? It is a plain
// proxy that leaves headers alone, so a trace goes through it as if it were not
// there.
//
// # Method
//
// Smooth weighted round robin: of any 100 requests in a row, each version gets
// its weight, give or take one, spread evenly. A change of weights may come
// with a lease: if nobody renews or commits it in time, the router goes back to
// the weights it had before, by itself, so that a change whose owner died does
// not stay. Requests to change carry an id; an id that was seen is not done
// again.
//
// # Limits
//
// Weights live in memory; a restarted router starts with its defaults. Ids are
// remembered for the last 1,024 changes. The clock is read when a request
// comes in; nothing runs in between.
package router

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"time"
)

// rememberedIDs is how many ids of changes are kept.
const rememberedIDs = 1024

// MaxLease is the longest lease that is given.
const MaxLease = time.Hour

// Errors that a caller may want to tell apart.
var (
	ErrInvalid = errors.New("invalid change")
	ErrNoLease = errors.New("no such lease")
)

// A Config says what to route to.
type Config struct {
	Service  string
	Backends map[string]string // version → base URL
	Default  map[string]int    // version → share in percent, adding up to 100
	Now      func() time.Time  // nil means time.Now
}

// State is what a router says about itself.
type State struct {
	Service      string         `json:"service"`
	Weights      map[string]int `json:"weights"`
	Default      map[string]int `json:"default"`
	LeaseSeconds float64        `json:"leaseSeconds"` // what is left of the lease; 0 without one
}

// A Router is safe for concurrent use.
type Router struct {
	service  string
	versions []string // sorted
	proxies  map[string]*httputil.ReverseProxy
	defaults map[string]int
	now      func() time.Time

	mu      sync.Mutex
	weights map[string]int
	credit  map[string]int // of the round robin
	lease   *lease
	ids     []string // oldest first
}

type lease struct {
	id     string
	length time.Duration
	ends   time.Time
	before map[string]int // the last weights that were meant to stay
}

// New checks cfg and returns a router with its default weights.
func New(cfg Config) (*Router, error) {
	r := &Router{
		service:  cfg.Service,
		versions: slices.Sorted(maps.Keys(cfg.Backends)),
		proxies:  make(map[string]*httputil.ReverseProxy),
		now:      cfg.Now,
		credit:   make(map[string]int),
	}
	if r.now == nil {
		r.now = time.Now
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute}
	for version, base := range cfg.Backends {
		u, err := url.Parse(base)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("router: %s %s: %q is not a base URL", cfg.Service, version, base)
		}
		r.proxies[version] = &httputil.ReverseProxy{
			Rewrite:   func(p *httputil.ProxyRequest) { p.SetURL(u) },
			Transport: transport,
			ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
				http.Error(w, err.Error(), http.StatusBadGateway)
			},
		}
	}
	weights, err := r.complete(cfg.Default)
	if err != nil {
		return nil, fmt.Errorf("router: %s: default: %w", cfg.Service, err)
	}
	r.weights, r.defaults = weights, maps.Clone(weights)
	return r, nil
}

// complete checks weights and adds a zero for each version that is not named.
func (r *Router) complete(weights map[string]int) (map[string]int, error) {
	sum := 0
	out := make(map[string]int, len(r.versions))
	for _, v := range r.versions {
		out[v] = 0
	}
	for v, w := range weights {
		if _, ok := out[v]; !ok {
			return nil, fmt.Errorf("%w: version %q is not one of %v", ErrInvalid, v, r.versions)
		}
		if w < 0 || w > 100 {
			return nil, fmt.Errorf("%w: version %q has weight %d, want 0 to 100", ErrInvalid, v, w)
		}
		out[v] = w
		sum += w
	}
	if sum != 100 {
		return nil, fmt.Errorf("%w: the weights add up to %d, want 100", ErrInvalid, sum)
	}
	return out, nil
}

// State returns the weights in force.
func (r *Router) State() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state()
}

func (r *Router) state() State {
	r.expire()
	s := State{Service: r.service, Weights: maps.Clone(r.weights), Default: maps.Clone(r.defaults)}
	if r.lease != nil {
		s.LeaseSeconds = r.lease.ends.Sub(r.now()).Seconds()
	}
	return s
}

// expire goes back to the weights before a lease that has run out.
func (r *Router) expire() {
	if r.lease != nil && !r.now().Before(r.lease.ends) {
		r.use(r.lease.before)
		r.lease = nil
	}
}

func (r *Router) use(weights map[string]int) {
	r.weights = maps.Clone(weights)
	clear(r.credit)
}

// Set changes the weights. With a lease above 0 the change ends when the lease
// does; without one it stays and ends any lease that there was. It does nothing
// when id was seen before; an empty id is never remembered.
func (r *Router) Set(weights map[string]int, length time.Duration, id string) (State, error) {
	full, err := r.complete(weights)
	if err != nil {
		return State{}, err
	}
	if length < 0 || length > MaxLease {
		return State{}, fmt.Errorf("%w: a lease of %v, want 0 to %v", ErrInvalid, length, MaxLease)
	}
	if length > 0 && id == "" {
		return State{}, fmt.Errorf("%w: a lease needs an id to be renewed by", ErrInvalid)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire()
	if id != "" && slices.Contains(r.ids, id) {
		return r.state(), nil
	}
	r.remember(id)
	before := r.weights
	if r.lease != nil {
		before = r.lease.before
	}
	r.lease = nil
	if length > 0 {
		r.lease = &lease{id: id, length: length, ends: r.now().Add(length), before: maps.Clone(before)}
	}
	r.use(full)
	return r.state(), nil
}

func (r *Router) remember(id string) {
	if id == "" {
		return
	}
	if len(r.ids) == rememberedIDs {
		r.ids = slices.Delete(r.ids, 0, 1)
	}
	r.ids = append(r.ids, id)
}

// Renew lets the lease run its full length again from now.
func (r *Router) Renew(id string) (State, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire()
	if r.lease == nil || r.lease.id != id {
		return State{}, fmt.Errorf("%w: %q does not hold the weights of %s", ErrNoLease, id, r.service)
	}
	r.lease.ends = r.now().Add(r.lease.length)
	return r.state(), nil
}

// Commit makes leased weights stay. Committing again what was committed is
// no error.
func (r *Router) Commit(id string) (State, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire()
	committed := "commit " + id
	switch {
	case r.lease != nil && r.lease.id == id:
		r.lease = nil
		r.remember(committed)
	case !slices.Contains(r.ids, committed):
		return State{}, fmt.Errorf("%w: %q does not hold the weights of %s", ErrNoLease, id, r.service)
	}
	return r.state(), nil
}

// pick returns the version for the next request.
func (r *Router) pick() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire()
	best := ""
	for _, v := range r.versions {
		if r.weights[v] == 0 {
			continue
		}
		r.credit[v] += r.weights[v]
		if best == "" || r.credit[v] > r.credit[best] {
			best = v
		}
	}
	r.credit[best] -= 100
	return best
}

// ServeHTTP hands a request to one of the versions.
func (r *Router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.proxies[r.pick()].ServeHTTP(w, req)
}
