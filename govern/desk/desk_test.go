package desk_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern"
	"github.com/steersman-ops/steersman/govern/desk"
	"github.com/steersman-ops/steersman/govern/identity"
	"github.com/steersman-ops/steersman/govern/watchdog"
)

// world is a gate, a ledger and an intake log that remember.
type world struct {
	mu     sync.Mutex
	clicks []string
	leaves []string
	events []fact.Event
	held   []fact.Contract
	gate   error
	ledger error
	intake error
}

func (w *world) click(verb, id, by, why string) (fact.Decision, error) {
	w.clicks = append(w.clicks, fmt.Sprintf("%s %s %s: %s", by, verb, id, why))
	return fact.Decision{Proposal: fact.Proposal{ID: id}}, w.gate
}

func (w *world) Approve(_ context.Context, id, by, why string) (fact.Decision, error) {
	return w.click("approves", id, by, why)
}

func (w *world) Refuse(_ context.Context, id, by, why string) (fact.Decision, error) {
	return w.click("refuses", id, by, why)
}

func (w *world) Revert(_ context.Context, id, by, why string) (fact.Decision, error) {
	return w.click("reverts", id, by, why)
}

func (w *world) PutContract(_ context.Context, c fact.Contract) error {
	w.held = append(w.held, c)
	return nil
}

type ledger struct{ *world }

func (l ledger) Append(_ context.Context, key, _ string, _ time.Time, _ any) (int64, string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ledger != nil {
		return 0, "", l.world.ledger
	}
	if !slices.Contains(l.leaves, key) {
		l.leaves = append(l.leaves, key)
	}
	return int64(len(l.leaves)), "h", nil
}

type intake struct{ *world }

func (i intake) Append(_ context.Context, b *fact.Batch) (uint64, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.world.intake != nil {
		return 0, i.world.intake
	}
	i.events = append(i.events, b.Events...)
	return 1, nil
}

var ada = identity.Person{Name: "ada", Role: "owner"}

func newDesk(t *testing.T) (*world, *watchdog.Switch, *desk.Desk, string) {
	t.Helper()
	w, dir := &world{}, t.TempDir()
	sw, err := watchdog.OpenSwitch(dir, watchdog.SwitchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := desk.New(desk.Options{Gate: w, Switch: sw, Ledger: ledger{w}, Events: intake{w}, Contracts: w})
	if err != nil {
		t.Fatal(err)
	}
	return w, sw, d, dir
}

func TestAnswers(t *testing.T) {
	w, _, d, _ := newDesk(t)
	for _, do := range []func(context.Context, identity.Person, string, string) (fact.Decision, error){d.Approve, d.Refuse, d.Revert} {
		if dec, err := do(t.Context(), ada, "p1", "why"); err != nil || dec.Proposal.ID != "p1" {
			t.Errorf("%+v %v", dec, err)
		}
	}
	want := []string{"ada approves p1: why", "ada refuses p1: why", "ada reverts p1: why"}
	if !slices.Equal(w.clicks, want) {
		t.Errorf("%q", w.clicks)
	}
	if len(w.events) != 3 || w.events[0].Kind != "approval" || w.events[0].Ref != "p1" ||
		w.events[0].Body != `{"answer":"approve","by":"ada","proposal":"p1","why":"why"}` {
		t.Errorf("%+v", w.events)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	w, _, d, _ := newDesk(t)
	var problem *fact.Problem
	if _, err := d.Approve(t.Context(), identity.Person{}, "p1", ""); !errors.Is(err, identity.ErrNobody) {
		t.Errorf("nobody: %v", err)
	}
	if _, err := d.Approve(t.Context(), ada, "p1", strings.Repeat("x", 2001)); !errors.As(err, &problem) {
		t.Errorf("a book: %v", err)
	}
	if _, err := d.Stop(t.Context(), ada, "\xff"); !errors.As(err, &problem) {
		t.Errorf("noise: %v", err)
	}
	if _, err := d.Resume(t.Context(), identity.Person{}, ""); !errors.Is(err, identity.ErrNobody) {
		t.Errorf("nobody: %v", err)
	}
	w.gate = fmt.Errorf("it is kept: %w", govern.ErrConflict)
	if _, err := d.Approve(t.Context(), ada, "p1", ""); !errors.Is(err, govern.ErrConflict) || err.Error() != "approve p1: it is kept: not possible in this state" {
		t.Errorf("%v", err)
	}
	if len(w.events) != 0 {
		t.Errorf("what was not taken was told: %+v", w.events)
	}
}

// A contract is in the ledger, on record and in the log, in this order, with who
// agreed; what is none is nowhere.
func TestAgree(t *testing.T) {
	w, _, d, _ := newDesk(t)
	c := fact.Contract{Source: "otlp/shop", SilentSeconds: 60}
	got, err := d.Agree(t.Context(), ada, c, "as it should be")
	if err != nil || got.By != "ada" || got.Why != "as it should be" || got.Agreed.IsZero() {
		t.Fatalf("%+v, %v", got, err)
	}
	if len(w.leaves) != 1 || !strings.HasPrefix(w.leaves[0], "contract/otlp/shop/") || len(w.held) != 1 || len(w.events) != 1 || w.events[0].Kind != "contract" || w.events[0].Ref != "otlp/shop" {
		t.Errorf("leaves %q, on record %+v, events %+v", w.leaves, w.held, w.events)
	}
	var problem *fact.Problem
	if _, err := d.Agree(t.Context(), ada, fact.Contract{Source: "x"}, ""); !errors.As(err, &problem) {
		t.Errorf("no contract: %v", err)
	}
	if _, err := d.Agree(t.Context(), identity.Person{}, c, ""); !errors.Is(err, identity.ErrNobody) {
		t.Errorf("nobody: %v", err)
	}
	w.intake = fact.ErrBusy
	if _, err := d.Agree(t.Context(), ada, c, ""); !errors.Is(err, fact.ErrBusy) || !strings.Contains(err.Error(), "at the next start") {
		t.Errorf("a log that is full: %v", err)
	}
	w.ledger = errors.New("broken")
	if _, err := d.Agree(t.Context(), ada, c, ""); !errors.Is(err, w.ledger) || len(w.held) != 2 {
		t.Errorf("a broken ledger: %v; %d on record", err, len(w.held))
	}
}

// A click that was taken stays taken when the intake log is full.
func TestEchoLost(t *testing.T) {
	w, _, d, _ := newDesk(t)
	w.intake = fact.ErrBusy
	if _, err := d.Approve(t.Context(), ada, "p1", ""); err != nil {
		t.Error(err)
	}
}

// The kill switch works with everything down; it is written down when things
// are up again, once.
func TestStopWithTheStoresDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, sw, d, _ := newDesk(t)
		w.ledger, w.intake = errors.New("disk full"), errors.New("disk full")
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = d.Run(ctx) })
		if st, err := d.Stop(ctx, ada, "runaway"); err != nil || !st.Engaged || !sw.State().Engaged {
			t.Errorf("%+v %v", st, err)
		}
		time.Sleep(10 * time.Second)
		w.mu.Lock()
		w.ledger, w.intake = nil, nil
		w.mu.Unlock()
		time.Sleep(10 * time.Second)
		if _, err := d.Resume(ctx, ada, "over"); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Second)
		cancel()
		wg.Wait()
		if len(w.leaves) != 2 || !strings.HasPrefix(w.leaves[0], "stop/") || !strings.HasPrefix(w.leaves[1], "resume/") {
			t.Errorf("leaves %q", w.leaves)
		}
		if len(w.events) != 2 || w.events[0].Kind != "stop" || w.events[1].Kind != "resume" || !strings.Contains(w.events[0].Body, `"why":"runaway"`) {
			t.Errorf("events %+v", w.events)
		}
	})
}

// A file made by hand is one leaf, however often this program starts.
func TestFileByHandIsOneLeaf(t *testing.T) {
	w, _, _, dir := newDesk(t)
	if err := os.WriteFile(filepath.Join(dir, watchdog.FileName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for start := range 3 {
		sw, err := watchdog.OpenSwitch(dir, watchdog.SwitchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		d, err := desk.New(desk.Options{Gate: w, Switch: sw, Ledger: ledger{w}, Events: intake{w}, Contracts: w})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = d.Run(ctx) })
		for n := 0; n <= start; time.Sleep(time.Millisecond) {
			w.mu.Lock()
			n = len(w.events)
			w.mu.Unlock()
		}
		cancel()
		wg.Wait()
	}
	if len(w.leaves) != 1 {
		t.Errorf("leaves %q", w.leaves)
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := desk.New(desk.Options{}); err == nil {
		t.Error("a desk without anything")
	}
}
