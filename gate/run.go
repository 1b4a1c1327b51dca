package gate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// run is one call of Run.
type run struct {
	ctx     context.Context
	wg      sync.WaitGroup
	walkers map[string]*walker // by proposal; guarded by Gate.mu
}

// A walker takes one decision from state to state. What it remembers may be
// lost: it is learned again.
type walker struct {
	id   string
	wake chan struct{}

	tries   int       // dry runs that failed
	renewed time.Time // when the lease was last renewed
	check   check     // how the verification stands
	told    string    // the hold that was told last
}

// Run takes up every decision that is not at its end and walks it, and those
// that come, until ctx ends. It returns when all goroutines have ended. It may
// be called once at a time.
func (g *Gate) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &run{ctx: ctx, walkers: make(map[string]*walker)}
	g.mu.Lock()
	if g.run != nil {
		g.mu.Unlock()
		return errors.New("gate: it runs already")
	}
	g.run = r
	g.mu.Unlock()
	err := g.resume(ctx)
	if err == nil {
		<-ctx.Done()
	}
	cancel()
	g.mu.Lock()
	g.run = nil
	g.mu.Unlock()
	r.wg.Wait()
	return err
}

// resume takes up what is open. Every step that was left between journal and
// ledger is sealed before anything walks, so that nobody finds an entity free
// that is not.
func (g *Gate) resume(ctx context.Context) error {
	for wait := retryFirst; ; wait = min(2*wait, retryMost) {
		open, err := g.sealOpen(ctx)
		if err == nil {
			for _, id := range open {
				g.walk(id)
			}
			return nil
		}
		if ctx.Err() != nil {
			return nil
		}
		g.opt.Logger.Error("open decisions cannot be taken up yet", "err", err)
		g.wait(ctx, nil, wait)
	}
}

func (g *Gate) sealOpen(ctx context.Context) ([]string, error) {
	all, err := g.opt.Journal.RecentDecisions(ctx, g.now())
	if err != nil {
		return nil, fmt.Errorf("read open decisions: %w", err)
	}
	var open []string
	for i := range all {
		if all[i].State.Done() {
			continue
		}
		id := all[i].Proposal.ID
		unlock, err := g.locks.lock(ctx, id)
		if err != nil {
			return nil, err
		}
		d, err := g.load(ctx, id)
		unlock()
		if err != nil {
			return nil, fmt.Errorf("take up %s: %w", id, err)
		}
		if !d.State.Done() {
			open = append(open, id)
		}
	}
	return open, nil
}

// walk wakes the walker of a decision, or starts one.
func (g *Gate) walk(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.run == nil || g.run.ctx.Err() != nil {
		return // the next Run finds it in the journal
	}
	w := g.run.walkers[id]
	if w == nil {
		w = &walker{id: id, wake: make(chan struct{}, 1)}
		g.run.walkers[id] = w
		r := g.run
		r.wg.Go(func() { g.walker(r, w) })
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// How long a walker waits after an error.
const (
	retryFirst = time.Second
	retryMost  = 30 * time.Second
)

// walker walks one decision to its end.
func (g *Gate) walker(r *run, w *walker) {
	retry := retryFirst
	for r.ctx.Err() == nil {
		wait, done, err := g.advance(r.ctx, w)
		if err != nil && r.ctx.Err() == nil {
			g.opt.Logger.Error("a decision cannot go on for now", "id", w.id, "err", err, "retry", retry)
			wait, retry = retry, min(2*retry, retryMost)
		} else {
			retry = retryFirst
		}
		if done && g.leave(r, w) {
			return
		}
		if !done && wait > 0 {
			g.wait(r.ctx, w.wake, wait)
		}
	}
	g.leave(r, w)
}

// leave takes a walker off the list, unless it was woken in the meantime.
func (g *Gate) leave(r *run, w *walker) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-w.wake:
		if r.ctx.Err() == nil {
			return false
		}
	default:
	}
	delete(r.walkers, w.id)
	return true
}

// wait returns after d, when woken, or when ctx ends.
func (g *Gate) wait(ctx context.Context, wake <-chan struct{}, d time.Duration) {
	c, stop := g.opt.Clock.Timer(d)
	defer stop()
	select {
	case <-ctx.Done():
	case <-wake:
	case <-c:
	}
}
