package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/act"
	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern"
	"github.com/steersman-ops/steersman/govern/policy"
	"github.com/steersman-ops/steersman/govern/watchdog"
)

var (
	start    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	checkout = fact.Entity{Kind: fact.Service, Name: "checkout"}
	payment  = fact.Entity{Kind: fact.Service, Name: "payment"}
)

// world is everything outside the gate: what it holds survives a crash.
type world struct {
	doubt  float64 // in the data
	t      *testing.T
	dir    string
	live   bool       // time is the system's, and everything may happen at once
	mu     sync.Mutex // for journal, ledger and events
	now    time.Time
	leaves map[string]leaf // by key
	order  []string
	dec    map[string][]byte
	events []fact.Event
	open   map[string]bool // incidents
	router *fakeRouter
	proc   *fakeProcess
	value  func(at time.Time) (float64, bool, error)
	cfg    policy.Config
	broken map[string]error // "journal", "ledger", "events"

	// A crash happens at the crashAt-th point that is passed, counted from 1.
	points  int
	crashAt int
	passed  []string

	gate     *Gate
	sw       *watchdog.Switch
	receipts *act.Receipts
	walkers  map[string]*walker
}

type leaf struct {
	index int64
	hash  string
	body  []byte
}

// crash is what a failpoint panics with.
type crash struct{ point string }

func newWorld(t *testing.T) *world {
	w := &world{
		t: t, dir: memoryDir(t), now: start, leaves: make(map[string]leaf), dec: make(map[string][]byte),
		open: map[string]bool{"inc-1": true, "inc-2": true}, cfg: policy.Default(), broken: make(map[string]error),
	}
	w.router = &fakeRouter{w: w, weights: map[string]string{"v1": "0", "v2": "100"}, ids: make(map[string]int)}
	w.proc = &fakeProcess{w: w, pid: 100, starts: 1, ids: make(map[string]int)}
	w.value = func(time.Time) (float64, bool, error) { // errors stay away while v1 serves
		if w.router.look()["v1"] == "100" {
			return 0.01, true, nil
		}
		return 0.4, true, nil
	}
	w.boot()
	return w
}

// memoryDir returns a directory in memory if there is such a thing: here the
// program crashes, not the machine, and thousands of syncs add up.
func memoryDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "gate")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// boot starts the program anew on what survived.
func (w *world) boot() {
	w.t.Helper()
	must := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	if w.receipts != nil {
		must(w.receipts.Close())
	}
	var err error
	w.sw, err = watchdog.OpenSwitch(w.dir, watchdog.SwitchOptions{Now: w.Now})
	must(err)
	w.receipts, err = act.OpenReceipts(filepath.Join(w.dir, "receipts.jsonl"))
	must(err)
	a, err := act.New(act.Options{
		Actuators: map[string]act.Actuator{"shop-router": w.router, "shop-supervisor": w.proc},
		Switch:    w.sw, Receipts: w.receipts, Now: w.Now, Failpoint: w.point,
	})
	must(err)
	gov, err := govern.New(w.cfg, govern.Options{
		Switch: w.sw, Incidents: w, History: w, Quality: w, Now: w.Now,
		Actuators: []policy.Actuator{
			{Name: "shop-router", Kind: fact.SetWeights, Services: []string{"checkout"}},
			{Name: "shop-supervisor", Kind: fact.Restart, Services: []string{"payment"}},
		},
	})
	must(err)
	w.gate, err = New(Options{
		Governor: gov, Act: a, Journal: w, Ledger: ledgerOf{w}, Prober: w, Events: eventsOf{w}, Clock: w, Failpoint: w.point,
	})
	must(err)
	w.walkers = make(map[string]*walker)
}

// DataOf says that all data is good until the test says otherwise.
func (w *world) DataOf(fact.Entity) policy.Data {
	return policy.Data{Known: true, Score: 1 - w.doubt, Source: "otlp/checkout", Why: "late/1 flags many rows"}
}

func (w *world) Now() time.Time {
	if w.live {
		return time.Now()
	}
	return w.now
}

func (w *world) Timer(d time.Duration) (<-chan time.Time, func() bool) {
	if !w.live {
		w.t.Fatal("this world moves by hand")
	}
	return systemClock{}.Timer(d)
}

func (w *world) point(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.points++
	w.passed = append(w.passed, name)
	if w.points == w.crashAt {
		panic(crash{name})
	}
}

func (w *world) PutDecision(_ context.Context, d fact.Decision) error {
	if err := w.broken["journal"]; err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := json.Marshal(d)
	w.dec[d.Proposal.ID] = b
	return err
}

func (w *world) Decision(_ context.Context, id string) (d fact.Decision, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.broken["journal"]; err != nil {
		return d, err
	}
	b, ok := w.dec[id]
	if !ok {
		return d, fmt.Errorf("decision %s: %w", id, fact.ErrNotFound)
	}
	return d, json.Unmarshal(b, &d)
}

func (w *world) RecentDecisions(ctx context.Context, since time.Time) (out []fact.Decision, err error) {
	w.mu.Lock()
	ids := slices.Collect(maps.Keys(w.dec))
	w.mu.Unlock()
	for _, id := range ids {
		d, err := w.Decision(ctx, id)
		if err != nil {
			return nil, err
		}
		if !d.State.Done() || !d.Updated.Before(since) {
			out = append(out, d)
		}
	}
	return out, nil
}

func (w *world) IncidentOpen(_ context.Context, id string) (bool, error) {
	open, ok := w.open[id]
	if !ok {
		return false, fact.ErrNotFound
	}
	return open, nil
}

func (w *world) Probe(_ context.Context, _ string, at time.Time) (float64, bool, error) {
	return w.value(at)
}

type ledgerOf struct{ w *world }

func (l ledgerOf) Append(_ context.Context, key, _ string, _ time.Time, body any) (int64, string, error) {
	if err := l.w.broken["ledger"]; err != nil {
		return 0, "", err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return 0, "", err
	}
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	if old, ok := l.w.leaves[key]; ok {
		if string(old.body) != string(text) {
			l.w.t.Errorf("leaf %s was offered again as another:\n%s\n%s", key, old.body, text)
		}
		return old.index, old.hash, nil
	}
	n := leaf{index: int64(len(l.w.order)), hash: fmt.Sprintf("hash-%d", len(l.w.order)), body: text}
	l.w.leaves[key] = n
	l.w.order = append(l.w.order, key)
	return n.index, n.hash, nil
}

type eventsOf struct{ w *world }

func (e eventsOf) Append(_ context.Context, b *fact.Batch) (uint64, error) {
	if err := e.w.broken["events"]; err != nil {
		return 0, err
	}
	e.w.mu.Lock()
	defer e.w.mu.Unlock()
	e.w.events = append(e.w.events, b.Events...)
	return uint64(len(e.w.events)), nil
}

// fakeRouter is a router with leases, as the protocol says.
type fakeRouter struct {
	w       *world
	mu      sync.Mutex
	weights map[string]string
	before  map[string]string // what the lease goes back to
	id      string            // that holds the lease
	ends    time.Time         // zero: no lease
	ids     map[string]int    // how often each id had an effect
	fail    error             // of the next Do
}

func (r *fakeRouter) look() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ends.IsZero() && !r.w.Now().Before(r.ends) {
		r.weights, r.ends, r.id = r.before, time.Time{}, ""
	}
	return maps.Clone(r.weights)
}

func (r *fakeRouter) Kind() fact.ActionKind { return fact.SetWeights }
func (r *fakeRouter) Nature() act.Nature    { return act.Idempotent }
func (r *fakeRouter) Lease() time.Duration  { return 30 * time.Second }

func (r *fakeRouter) DryRun(_ context.Context, a fact.Action) (fact.Receipt, error) {
	return fact.Receipt{Action: a, DryRun: true, Before: r.look(), After: maps.Clone(a.Params), Text: "would set weights"}, nil
}

func (r *fakeRouter) Undo(_ context.Context, a fact.Action) (fact.Action, error) {
	a.Params = r.look()
	return a, nil
}

func (r *fakeRouter) Do(_ context.Context, w govern.Warrant) (map[string]string, error) {
	if err := r.fail; err != nil {
		r.fail = nil
		return nil, err
	}
	r.w.point("router.before")
	if r.ids[w.Hash()] == 0 {
		if st := r.w.sw.State(); st.Engaged {
			r.w.t.Error("the router was changed while the kill switch was engaged")
		}
		now := r.look()
		r.mu.Lock()
		if r.ends.IsZero() {
			r.before = now
		}
		r.weights, r.id, r.ends = w.Action().Params, w.Hash(), r.w.Now().Add(r.Lease())
		r.ids[w.Hash()]++
		r.mu.Unlock()
	}
	r.w.point("router.after")
	after := r.look()
	if !maps.Equal(after, w.Action().Params) {
		return nil, errors.New("the router holds other weights")
	}
	return after, nil
}

func (r *fakeRouter) Look(_ context.Context, a fact.Action, before map[string]string, _ string) (act.Found, map[string]string, error) {
	now := r.look()
	switch {
	case maps.Equal(now, a.Params):
		return act.Done, now, nil
	case maps.Equal(now, before):
		return act.NotDone, now, nil
	}
	return act.Unknown, now, errors.New("neither before nor after")
}

func (r *fakeRouter) Renew(_ context.Context, w govern.Warrant) error {
	r.look()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.id != w.Hash() || r.ends.IsZero() { // what was committed holds no lease
		return act.ErrLeaseLost
	}
	r.ends = r.w.Now().Add(r.Lease())
	return nil
}

func (r *fakeRouter) Commit(_ context.Context, w govern.Warrant) error {
	r.look()
	r.mu.Lock()
	lost := r.id != w.Hash()
	if !lost {
		r.ends = time.Time{}
	}
	r.mu.Unlock()
	if lost {
		return act.ErrLeaseLost
	}
	r.w.point("router.committed")
	return nil
}

// fakeProcess is one process that can be restarted, and forgets ids.
type fakeProcess struct {
	w           *world
	pid, starts int
	ids         map[string]int
}

func (p *fakeProcess) state() map[string]string {
	return map[string]string{"pid": fmt.Sprint(p.pid), "starts": fmt.Sprint(p.starts), policy.InstancesKey: "1"}
}

func (p *fakeProcess) Kind() fact.ActionKind { return fact.Restart }
func (p *fakeProcess) Nature() act.Nature    { return act.Probeable }

func (p *fakeProcess) DryRun(_ context.Context, a fact.Action) (fact.Receipt, error) {
	after := p.state()
	after["pid"] = "another"
	return fact.Receipt{Action: a, DryRun: true, Before: p.state(), After: after, Text: "would restart"}, nil
}

func (p *fakeProcess) Undo(context.Context, fact.Action) (fact.Action, error) {
	return fact.Action{}, act.ErrNoWayBack
}

func (p *fakeProcess) Do(_ context.Context, w govern.Warrant) (map[string]string, error) {
	p.w.point("process.before")
	p.pid, p.starts = p.pid+1, p.starts+1
	p.ids[w.Hash()]++
	p.w.point("process.after")
	return p.state(), nil
}

func (p *fakeProcess) Look(_ context.Context, _ fact.Action, before map[string]string, _ string) (act.Found, map[string]string, error) {
	if now := p.state(); !maps.Equal(now, before) {
		return act.Done, now, nil
	}
	return act.NotDone, p.state(), nil
}

// rollback proposes to send checkout's traffic back to v1.
func (w *world) rollback(id string) fact.Proposal {
	return fact.Proposal{
		ID: id, Incident: "inc-1", Created: w.Now(), Expires: w.Now().Add(15 * time.Minute), Title: "Send checkout back to v1", Why: "v2 fails",
		Action: fact.Action{Kind: fact.SetWeights, Target: "shop-router", Entity: checkout, Params: map[string]string{"v1": "100", "v2": "0"}},
		Check:  fact.Check{Query: "errors", Op: "<", Limit: 0.05, ForSeconds: 10, WithinSeconds: 60},
	}
}

// restart proposes to restart payment.
func (w *world) restart(id string) fact.Proposal {
	p := w.rollback(id)
	p.Incident = "inc-2"
	p.Action = fact.Action{Kind: fact.Restart, Target: "shop-supervisor", Entity: payment, Params: map[string]string{"instance": "payment-1"}}
	return p
}

// try runs one thing and reports whether the program crashed in it.
func (w *world) try(do func()) (crashed bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(crash); !ok {
				panic(r)
			}
			crashed = true
		}
	}()
	do()
	return false
}

// advance moves one decision by one step and the clock by what it waits.
func (w *world) advance(id string) (d fact.Decision, err error) {
	x := w.walkers[id]
	if x == nil {
		x = &walker{id: id}
		w.walkers[id] = x
	}
	wait, _, err := w.gate.advance(context.Background(), x)
	w.now = w.now.Add(wait)
	if err != nil {
		return d, err
	}
	return w.Decision(context.Background(), id)
}

// until walks one decision to a state, or to an end.
func (w *world) until(id string, state fact.State) fact.Decision {
	w.t.Helper()
	for range 1000 {
		d, err := w.Decision(context.Background(), id)
		if err != nil {
			w.t.Fatal(err)
		}
		if d.State == state || (d.State.Done() && d.Steps[len(d.Steps)-1].Hash != "") {
			return d
		}
		if _, err := w.advance(id); err != nil {
			w.t.Fatal(err)
		}
	}
	w.t.Fatalf("%s never came to %s", id, state)
	return fact.Decision{}
}

// want fails unless d is in a state.
func (w *world) want(d fact.Decision, s fact.State) {
	w.t.Helper()
	if d.State != s {
		w.t.Fatalf("it is %s, want %s: %s\n%+v", d.State, s, d.Steps[len(d.Steps)-1].Why, d.Steps)
	}
}

// proved fails unless the ledger holds exactly the steps of the decisions.
func (w *world) proved() {
	w.t.Helper()
	n := 0
	for id := range w.dec {
		d, err := w.Decision(context.Background(), id)
		if err != nil {
			w.t.Fatal(err)
		}
		for i, s := range d.Steps {
			key := fmt.Sprintf("%s/%d/%s", id, i, s.State)
			l, ok := w.leaves[key]
			if !ok || l.hash != s.Hash || l.index != s.Leaf {
				w.t.Errorf("step %s has the leaf %d %q, the ledger has %+v", key, s.Leaf, s.Hash, l)
			}
			n++
		}
	}
	if n != len(w.leaves) {
		w.t.Errorf("the ledger has %d leaves for %d steps: %v", len(w.leaves), n, w.order)
	}
}
