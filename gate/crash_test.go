package gate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern"
)

// A story is one way through the gate, told so that it can be told again after
// each crash.
type story struct {
	name     string
	proposal func(*world) fact.Proposal
	value    float64 // of the check
	revert   bool    // a person takes it back after it was kept
	end      fact.State
	effects  int // in all: one there, one back
}

var stories = []story{
	{"kept", func(w *world) fact.Proposal { return w.rollback("p1") }, 0, false, fact.Kept, 1},
	{"reverted", func(w *world) fact.Proposal { return w.rollback("p1") }, 1, false, fact.Reverted, 2},
	{"taken back", func(w *world) fact.Proposal { return w.rollback("p1") }, 0, true, fact.Reverted, 2},
	{"restarted", func(w *world) fact.Proposal { return w.restart("p1") }, 0, false, fact.Kept, 1},
	{"restarted in vain", func(w *world) fact.Proposal { return w.restart("p1") }, 1, false, fact.Failed, 1},
}

// tell tells the story from wherever it stands to its end.
func (s story) tell(w *world) {
	ctx := context.Background()
	if err := w.gate.Propose(ctx, s.proposal(w)); err != nil {
		w.t.Fatal(err)
	}
	if d := w.until("p1", fact.Waiting); d.State == fact.Waiting {
		if _, err := w.gate.Approve(ctx, "p1", "ada", "go"); err != nil {
			w.t.Fatal(err)
		}
	}
	d := w.until("p1", s.end)
	if s.revert && d.State == fact.Kept {
		if _, err := w.gate.Revert(ctx, "p1", "ada", "back"); err != nil {
			w.t.Fatal(err)
		}
	}
	w.want(w.until("p1", s.end), s.end)
}

// world returns a fresh one for the story.
func (s story) world(t *testing.T) *world {
	w := newWorld(t)
	w.value = func(time.Time) (float64, bool, error) { return s.value, true, nil }
	return w
}

// run tells the story and crashes after each number of points in crashes,
// counted from the last crash.
func (s story) run(t *testing.T, crashes ...int) *world {
	w := s.world(t)
	for _, n := range crashes {
		w.crashAt = w.points + n
		if w.try(func() { s.tell(w) }) {
			w.boot()
		}
	}
	w.crashAt = 0
	s.tell(w)
	s.check(w)
	return w
}

// check fails unless everything happened once and is proved.
func (s story) check(w *world) {
	w.t.Helper()
	n := 0
	for id, k := range w.router.ids {
		if k != 1 {
			w.t.Errorf("%.12s had %d effects on the router", id, k)
		}
		n += k
	}
	n += w.proc.starts - 1
	if n != s.effects {
		w.t.Errorf("%d effects, want %d", n, s.effects)
	}
	w.proved()
	w.now = w.now.Add(time.Hour) // no lease is left that could undo it
	if v1 := w.router.look()["v1"]; (v1 == "100") != (s.end == fact.Kept && w.proc.starts == 1) {
		w.t.Errorf("in the end v1 has %s %%", v1)
	}
	if !slices.ContainsFunc(w.events, func(e fact.Event) bool { return e.Ref == "p1" }) {
		w.t.Error("no outcome reached the intake log")
	}
}

// At every point between two things that last, the program ends and comes
// back: the effect is there exactly once, the ledger is whole, and the end is
// the same.
func TestCrashAnywhere(t *testing.T) {
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			calm := s.run(t)
			points := calm.points
			if points < 15 {
				t.Fatalf("only %d points: %v", points, calm.passed)
			}
			for n := 1; n <= points; n++ {
				t.Run(fmt.Sprintf("%02d %s", n, calm.passed[n-1]), func(t *testing.T) { s.run(t, n) })
			}
			t.Logf("%d points: %v", points, calm.passed)
		})
	}
}

// Crashes while recovering from crashes.
func TestCrashAgainAndAgain(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 40 {
		s := stories[i%len(stories)]
		var crashes []int
		for range 2 + r.IntN(6) {
			crashes = append(crashes, 1+r.IntN(8))
		}
		t.Run(fmt.Sprintf("%s %v", s.name, crashes), func(t *testing.T) { s.run(t, crashes...) })
	}
}

// legal says which state may follow which: the reference.
var legal = map[fact.State][]fact.State{
	"":             {fact.Proposed},
	fact.Proposed:  {fact.Waiting, fact.Refused, fact.Expired},
	fact.Waiting:   {fact.Approved, fact.Refused, fact.Expired},
	fact.Approved:  {fact.Acting, fact.Waiting, fact.Refused, fact.Expired}, // waiting: the level fell
	fact.Acting:    {fact.Acting, fact.Verifying, fact.Failed, fact.Unclear},
	fact.Verifying: {fact.Verifying, fact.Kept, fact.Reverting, fact.Failed, fact.Unclear},
	fact.Reverting: {fact.Reverting, fact.Reverted, fact.Unclear},
	fact.Kept:      {fact.Reverting},
}

// reference fails unless what happened is what the rules of the house allow,
// whatever was clicked and wherever it crashed.
func (w *world) reference() {
	w.t.Helper()
	underWay := make(map[fact.Entity]string)
	for id := range w.dec {
		d, err := w.Decision(context.Background(), id)
		if err != nil {
			w.t.Fatal(err)
		}
		last, agreed := fact.State(""), false
		for i, s := range d.Steps {
			if !slices.Contains(legal[last], s.State) {
				w.t.Errorf("%s: step %d goes from %q to %s", id, i, last, s.State)
			}
			if s.State == fact.Acting && !agreed {
				w.t.Errorf("%s: begun without a person", id)
			}
			agreed = agreed || (s.State == fact.Approved && s.By == "ada")
			last = s.State
		}
		begun := slices.ContainsFunc(d.Steps, func(s fact.Step) bool { return s.State == fact.Acting })
		if !begun && w.router.ids[d.Warrant] > 0 {
			w.t.Errorf("%s: done and never begun", id)
		}
		switch d.State {
		case fact.Acting, fact.Verifying, fact.Reverting:
			if other := underWay[d.Proposal.Action.Entity]; other != "" {
				w.t.Errorf("%s and %s are under way on one entity", id, other)
			}
			underWay[d.Proposal.Action.Entity] = id
		}
	}
	for id, n := range w.router.ids {
		if n != 1 {
			w.t.Errorf("%.12s had %d effects", id, n)
		}
	}
}

// TestAnythingAtAnyTime proposes, clicks, stops, resumes, waits and crashes at
// random, and holds what comes of it against the reference.
func TestAnythingAtAnyTime(t *testing.T) {
	runs := 30
	if testing.Short() {
		runs = 10
	}
	for seed := range uint64(runs) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			w := newWorld(t)
			w.cfg.PerService, w.cfg.Global, w.cfg.BreakerAfter = 100, 100, 100
			w.boot()
			for range 120 {
				if w.try(func() { w.anything(r) }) {
					w.boot()
				}
				w.reference()
				if t.Failed() {
					t.Fatalf("steps so far: %v", w.order)
				}
			}
			w.settle()
			w.reference()
			w.proved()
		})
	}
}

// anything does one random thing.
func (w *world) anything(r *rand.Rand) {
	ctx := context.Background()
	id := fmt.Sprintf("p%d", r.IntN(4))
	var err error
	switch r.IntN(14) {
	case 0:
		p := w.rollback(id)
		if r.IntN(2) == 0 {
			p.Action.Params = map[string]string{"v1": "50", "v2": "50"}
		}
		err = w.gate.Propose(ctx, p)
	case 1, 2:
		_, err = w.gate.Approve(ctx, id, "ada", "")
	case 3:
		_, err = w.gate.Refuse(ctx, id, "ada", "")
	case 4:
		_, err = w.gate.Revert(ctx, id, "ada", "")
	case 5:
		if r.IntN(3) == 0 {
			_, err = w.sw.Engage("ada", "test")
		}
	case 6:
		_, err = w.sw.Release("ada", "")
	case 7:
		w.crashAt = w.points + 1 + r.IntN(6)
	case 8:
		w.now = w.now.Add(time.Duration(r.IntN(40)) * time.Second)
	case 9:
		v := float64(r.IntN(2))
		w.value = func(time.Time) (float64, bool, error) { return v, r.IntN(10) > 0, nil }
	default:
		_, err = w.advance(id)
	}
	for _, fine := range []error{nil, fact.ErrNotFound, govern.ErrConflict, govern.ErrStopped} {
		if errors.Is(err, fine) {
			return
		}
	}
	w.t.Errorf("%s: %v", id, err)
}

// settle lets everything come to its end.
func (w *world) settle() {
	w.crashAt = 0
	if _, err := w.sw.Release("ada", ""); err != nil {
		w.t.Fatal(err)
	}
	for id := range w.dec {
		for range 2000 {
			d, err := w.advance(id)
			if err != nil {
				w.t.Fatal(err)
			}
			if d.State.Done() {
				break
			}
		}
	}
}
