package gate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs the gate until the returned function is called.
func (w *world) start() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.gate.Run(ctx) }()
	return func() {
		w.t.Helper()
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	}
}

// sees waits, in the time of the bubble, until a decision is in a state.
func (w *world) sees(id string, s fact.State, within time.Duration) fact.Decision {
	w.t.Helper()
	var d fact.Decision
	for range within / (100 * time.Millisecond) {
		d, _ = w.Decision(context.Background(), id)
		if d.State == s && d.Steps[len(d.Steps)-1].Hash != "" {
			return d
		}
		time.Sleep(100 * time.Millisecond)
	}
	w.t.Fatalf("%s is %s after %v, want %s", id, d.State, within, s)
	return d
}

// live tells a story with Run and everything at once, in a bubble of time.
func live(t *testing.T, story func(*testing.T, *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.live = true
		story(t, w)
	})
}

func TestRunWalks(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		stop := w.start()
		synctest.Wait()
		w.propose(w.rollback("p1"))
		w.sees("p1", fact.Waiting, time.Second)
		w.approve("p1")
		w.sees("p1", fact.Verifying, time.Second)
		d := w.sees("p1", fact.Kept, 15*time.Second)
		if took := d.Updated.Sub(d.Receipt.Finished); took < 11*time.Second || took > 12*time.Second {
			t.Errorf("kept after %v", took)
		}
		synctest.Wait() // the walker takes itself off the list after the last step
		if w.gate.Open() != 0 {
			t.Errorf("%d walkers after the end", w.gate.Open())
		}
		// A click on what has ended wakes it again.
		if _, err := w.gate.Revert(t.Context(), "p1", "ada", ""); err != nil {
			t.Fatal(err)
		}
		w.sees("p1", fact.Reverted, time.Second)
		stop()
		w.proved()
	})
}

// The next process takes up what the last one left, wherever it stood.
func TestRunTakesUp(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		stop := w.start()
		synctest.Wait()
		w.propose(w.rollback("p1"))
		w.propose(w.restart("p2"))
		w.sees("p1", fact.Waiting, time.Second)
		w.approve("p1")
		w.sees("p1", fact.Verifying, time.Second)
		stop()
		time.Sleep(5 * time.Second)
		w.boot()
		stop = w.start()
		w.sees("p1", fact.Kept, 15*time.Second)
		w.sees("p2", fact.Waiting, time.Second)
		stop()
		w.proved()
	})
}

// The lease is renewed for as long as the check takes, well past its length.
func TestRunRenews(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		stop := w.start()
		synctest.Wait()
		p := w.rollback("p1")
		p.Check.ForSeconds, p.Check.WithinSeconds = 90, 120
		w.propose(p)
		w.sees("p1", fact.Waiting, time.Second)
		w.approve("p1")
		w.sees("p1", fact.Kept, 100*time.Second)
		stop()
		w.proved()
	})
}

// A thousand clicks at once are one click.
func TestClicksAtOnce(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		stop := w.start()
		synctest.Wait()
		w.propose(w.rollback("p1"))
		w.sees("p1", fact.Waiting, time.Second)
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if _, err := w.gate.Approve(t.Context(), "p1", "ada", ""); err != nil {
					t.Error(err)
				}
			})
			wg.Go(func() { w.propose(w.rollback("p1")) })
		}
		wg.Wait()
		w.sees("p1", fact.Kept, 15*time.Second)
		stop()
		if len(w.router.ids) != 1 {
			t.Errorf("effects %v", w.router.ids)
		}
		w.proved()
	})
}

// What goes wrong outside is tried again, without haste.
func TestRunOutlastsABrokenJournal(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		w.propose(w.rollback("p1"))
		w.broken["journal"] = errors.New("disk on fire")
		stop := w.start()
		time.Sleep(time.Minute)
		synctest.Wait()
		delete(w.broken, "journal")
		w.sees("p1", fact.Waiting, 40*time.Second)
		stop()
		w.proved()
	})
}

func TestTooManyOpen(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		w.gate.maxOpen = 5
		stop := w.start()
		synctest.Wait()
		for i := range w.gate.maxOpen {
			w.propose(w.restart(fmt.Sprintf("p%d", i)))
		}
		if err := w.gate.Propose(t.Context(), w.restart("more")); !errors.Is(err, fact.ErrBusy) {
			t.Errorf("one more: %v", err)
		}
		stop()
	})
}

func TestRunOnceAtATime(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		stop := w.start()
		synctest.Wait()
		if err := w.gate.Run(t.Context()); err == nil {
			t.Error("it ran twice")
		}
		stop()
	})
}
