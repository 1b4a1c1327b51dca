// Package router sets the weights of a router over HTTP.
//
// It answers one question: which share of the traffic goes to which version,
// and was that changed as asked?
//
// # Method
//
// The state is read with GET and replaced with PUT. A change carries the hash
// of its warrant as id, which the router takes once, and a lease: unless the
// change is renewed or committed in time, the router goes back to the weights
// that it had before. So if Steersman dies in the middle, the traffic returns.
//
//	GET  {url}         → {"service":"checkout","weights":{"v1":100,"v2":0},"default":{…},"leaseSeconds":0}
//	PUT  {url}         ← {"weights":{"v1":100,"v2":0},"lease":"30s","id":"<hash>"} → the new state
//	POST {url}/renew   ← {"id":"<hash>"}
//	POST {url}/commit  ← {"id":"<hash>"}
//
// Renewing or committing what the router no longer holds must be answered with
// 404, 409 or 410.
//
// # Limits
//
// Weights are whole percents. What the router does with connections that are
// open is its own affair.
package router

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/steersman-ops/steersman/act"
	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern"
)

// DefaultLease is how long a change lasts unless it is renewed.
const DefaultLease = 30 * time.Second

// What a router may name: its state stands in receipts and in the ledger.
const (
	maxVersions = 100
	maxName     = 200
)

// Config says where the router is.
type Config struct {
	Name  string        // what an action's Target says
	URL   string        // of the one router, such as http://127.0.0.1:9800/routers/checkout
	Token string        // sent as Authorization: Bearer; empty: none
	Lease time.Duration // 0: DefaultLease; whole seconds
}

// A Router is the actuator for one router.
type Router struct {
	cfg    Config
	client *act.Client
}

// New checks the settings and returns a Router. It does not speak to it yet.
func New(cfg Config) (*Router, error) {
	if cfg.Lease == 0 {
		cfg.Lease = DefaultLease
	}
	if cfg.Lease < time.Second || cfg.Lease%time.Second != 0 {
		return nil, fmt.Errorf("router %s: lease %v: want whole seconds", cfg.Name, cfg.Lease)
	}
	c, err := act.NewClient(cfg.URL, cfg.Token)
	if err != nil {
		return nil, fmt.Errorf("router %s: %w", cfg.Name, err)
	}
	return &Router{cfg, c}, nil
}

// Close closes connections that wait for reuse.
func (r *Router) Close() { r.client.Close() }

// Kind returns fact.SetWeights.
func (r *Router) Kind() fact.ActionKind { return fact.SetWeights }

// Nature returns act.Idempotent: the router takes an id once, and weights are
// set, not added.
func (r *Router) Nature() act.Nature { return act.Idempotent }

// Lease returns how long a change lasts unless renewed.
func (r *Router) Lease() time.Duration { return r.cfg.Lease }

// State is what a router says of itself.
type State struct {
	Service      string         `json:"service"`
	Weights      map[string]int `json:"weights"`
	Default      map[string]int `json:"default"`
	LeaseSeconds float64        `json:"leaseSeconds"` // that are left; 0: none is held
}

type change struct {
	Weights map[string]int `json:"weights,omitempty"`
	Lease   string         `json:"lease,omitempty"`
	ID      string         `json:"id"`
}

// State reads the router's state.
func (r *Router) State(ctx context.Context) (State, error) {
	var s State
	if err := r.client.Get(ctx, "", &s); err != nil {
		return s, fmt.Errorf("router %s: %w", r.cfg.Name, err)
	}
	return s, r.check(s)
}

// check refuses a state on which nothing can be built.
func (r *Router) check(s State) error {
	if len(s.Weights) == 0 || len(s.Weights) > maxVersions {
		return fmt.Errorf("router %s: it names %d versions: want 1 to %d", r.cfg.Name, len(s.Weights), maxVersions)
	}
	for v, w := range s.Weights {
		switch {
		case v == "" || len(v) > maxName || strings.ContainsFunc(v, unicode.IsControl):
			return fmt.Errorf("router %s: version %.50q: want a name of at most %d printable bytes", r.cfg.Name, v, maxName)
		case w < 0 || w > 100:
			return fmt.Errorf("router %s: weight %d of version %q: want 0 to 100", r.cfg.Name, w, v)
		}
	}
	return nil
}

// found reads the state for an action on it.
func (r *Router) found(ctx context.Context, a fact.Action) (State, error) {
	s, err := r.State(ctx)
	if err == nil && s.Service != "" && s.Service != a.Entity.Name {
		return s, fmt.Errorf("router %s: it routes %s, not %s", r.cfg.Name, s.Service, a.Entity.Name)
	}
	return s, err
}

// DryRun reads the weights and says what they would be.
func (r *Router) DryRun(ctx context.Context, a fact.Action) (fact.Receipt, error) {
	want, err := parse(a.Params)
	if err != nil {
		return fact.Receipt{}, fmt.Errorf("router %s: %w", r.cfg.Name, err)
	}
	started := time.Now().UTC()
	s, err := r.found(ctx, a)
	if err != nil {
		return fact.Receipt{}, err
	}
	after := whole(want, s.Weights)
	return fact.Receipt{
		Action: a, DryRun: true, Started: started, Finished: time.Now().UTC(),
		Before: format(s.Weights), After: format(after),
		Text: fmt.Sprintf("%s goes from %s to %s", a.Entity.Name, show(s.Weights), show(after)),
	}, nil
}

// Undo returns the action that sets the weights found now.
func (r *Router) Undo(ctx context.Context, a fact.Action) (fact.Action, error) {
	s, err := r.found(ctx, a)
	if err != nil {
		return fact.Action{}, err
	}
	back := a
	back.Params = format(s.Weights)
	return back, nil
}

// Do sets the weights under a lease.
func (r *Router) Do(ctx context.Context, w govern.Warrant) (map[string]string, error) {
	if w.Hash() == "" {
		return nil, govern.ErrNoWarrant
	}
	want, err := parse(w.Action().Params)
	if err != nil {
		return nil, fmt.Errorf("router %s: %w", r.cfg.Name, err)
	}
	var s State
	in := change{Weights: want, Lease: fmt.Sprintf("%ds", int(r.cfg.Lease/time.Second)), ID: w.Hash()}
	if err := r.client.Change(ctx, http.MethodPut, "", in, &s); err != nil {
		return nil, fmt.Errorf("router %s: set %s: %w", r.cfg.Name, show(want), err)
	}
	if err := r.check(s); err != nil {
		return nil, fmt.Errorf("%w: %w", act.ErrUnclear, err)
	}
	switch {
	case holds(s.Weights, want):
		return format(s.Weights), nil
	case maps.Equal(format(s.Weights), w.Before()): // it took the id before, and has returned since
		return nil, fmt.Errorf("router %s: asked for %s, it stays at %s", r.cfg.Name, show(want), show(s.Weights))
	}
	return nil, fmt.Errorf("router %s: %w: asked for %s, it says %s", r.cfg.Name, act.ErrUnclear, show(want), show(s.Weights))
}

// Look reads whether the weights are those of the action.
func (r *Router) Look(ctx context.Context, a fact.Action, before map[string]string, _ string) (act.Found, map[string]string, error) {
	want, err := parse(a.Params)
	if err != nil {
		return act.Unknown, nil, fmt.Errorf("router %s: %w", r.cfg.Name, err)
	}
	s, err := r.found(ctx, a)
	switch {
	case err != nil:
		return act.Unknown, nil, err
	case holds(s.Weights, want):
		return act.Done, format(s.Weights), nil
	case maps.Equal(format(s.Weights), before):
		return act.NotDone, format(s.Weights), nil
	}
	return act.Unknown, format(s.Weights), fmt.Errorf("router %s: the weights are %s, neither those before nor those asked for", r.cfg.Name, show(s.Weights))
}

// Renew makes the change last another lease.
func (r *Router) Renew(ctx context.Context, w govern.Warrant) error {
	return r.lease(ctx, "/renew", w)
}

// Commit makes the change last. A router that says that there is no such lease
// may have committed it before: then it holds the weights, and no lease at all.
func (r *Router) Commit(ctx context.Context, w govern.Warrant) error {
	err := r.lease(ctx, "/commit", w)
	if !errors.Is(err, act.ErrLeaseLost) {
		return err
	}
	want, parseErr := parse(w.Action().Params)
	s, stateErr := r.found(ctx, w.Action())
	if parseErr == nil && stateErr == nil && s.LeaseSeconds == 0 && holds(s.Weights, want) {
		return nil
	}
	return err
}

func (r *Router) lease(ctx context.Context, path string, w govern.Warrant) error {
	err := r.client.Change(ctx, http.MethodPost, path, change{ID: w.Hash()}, nil)
	var status *act.StatusError
	if errors.As(err, &status) && (status.Code == http.StatusNotFound || status.Code == http.StatusConflict || status.Code == http.StatusGone) {
		return fmt.Errorf("router %s: %w: %w", r.cfg.Name, act.ErrLeaseLost, err)
	}
	if err != nil {
		return fmt.Errorf("router %s: %w", r.cfg.Name, err)
	}
	return nil
}

// parse reads the weights of an action.
func parse(params map[string]string) (map[string]int, error) {
	if len(params) == 0 {
		return nil, errors.New("no weights are named, so nothing is to be done")
	}
	out, sum := make(map[string]int, len(params)), 0
	for v, text := range params {
		w, err := strconv.Atoi(text)
		if err != nil || w < 0 || w > 100 || v == "" {
			return nil, fmt.Errorf("weight %q of version %q: want a whole number from 0 to 100", text, v)
		}
		out[v] = w
		sum += w
	}
	if sum != 100 {
		return nil, fmt.Errorf("weights %s add up to %d, not 100", show(out), sum)
	}
	return out, nil
}

// whole is the state that want leaves: versions it does not name get nothing.
func whole(want, had map[string]int) map[string]int {
	out := make(map[string]int, len(had))
	for v := range had {
		out[v] = 0
	}
	maps.Copy(out, want)
	return out
}

// holds reports whether got sends every version what want asks, and nothing
// to others.
func holds(got, want map[string]int) bool {
	return maps.Equal(whole(want, got), whole(got, want))
}

func format(weights map[string]int) map[string]string {
	out := make(map[string]string, len(weights))
	for v, w := range weights {
		out[v] = strconv.Itoa(w)
	}
	return out
}

func show(weights map[string]int) string {
	var parts []string
	for _, v := range slices.Sorted(maps.Keys(weights)) {
		parts = append(parts, fmt.Sprintf("%s %d %%", v, weights[v]))
	}
	return strings.Join(parts, ", ")
}
