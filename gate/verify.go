package gate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/steersman-ops/steersman/act"
	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern"
)

// check is how far the verification of one decision has come. It is a pure
// function of the check's numbers at each second since the action, so that it
// can be made again after a restart.
type check struct {
	next   int // the second that is asked for next
	since  int // the first second of the present stretch of fulfilled ones; 0: there is none
	seen   int // seconds that had a number
	last   float64
	result verdict
}

type verdict int

const (
	undecided verdict = iota
	helped
	didNotHelp
)

// take counts the number of one second.
func (c *check) take(want fact.Check, value float64, ok bool) {
	if ok {
		c.seen++
		c.last = value
	}
	switch {
	case !ok || !fulfilled(want, value):
		c.since = 0
	case c.since == 0:
		c.since = c.next
	}
	switch {
	case c.since > 0 && float64(c.next-c.since) >= want.ForSeconds:
		c.result = helped
	case float64(c.next) >= want.WithinSeconds:
		c.result = didNotHelp
	}
	c.next++
}

// fulfilled compares; NaN fulfils nothing.
func fulfilled(want fact.Check, value float64) bool {
	if want.Op == ">" {
		return value > want.Limit
	}
	return value < want.Limit
}

// catchUp bounds how many seconds are asked for at once, so that a lease is
// renewed and a person is heard in between.
const catchUp = 30

// verifying watches whether it helped, and keeps or reverts.
func (g *Gate) verifying(ctx context.Context, w *walker, d *fact.Decision) (time.Duration, error) {
	if err := g.opt.Governor.Stopped(); err != nil {
		return lookEvery, g.hold(ctx, w, d, err)
	}
	// Once it is decided that it helped, it may have been made to last before a
	// crash; then it holds no lease any more that could be renewed.
	if d.Outcome == nil {
		if err := g.renew(ctx, w, d); errors.Is(err, act.ErrLeaseLost) {
			return 0, g.notKept(ctx, d, &fact.Outcome{At: g.now(), Text: "the lease ran out before it was clear whether it helped, and it returned by itself"})
		} else if err != nil {
			g.opt.Logger.Warn("a lease cannot be renewed for now", "id", d.Proposal.ID, "err", err)
		}
		wait, err := g.ask(ctx, w, d)
		if w.check.result == undecided || err != nil {
			return wait, err
		}
		o := g.outcome(ctx, w, d)
		if !o.Helped {
			return 0, g.notKept(ctx, d, o)
		}
		// Written down before it is made to last, so that after a crash it is
		// not decided anew.
		d.Outcome = o
		if err := g.opt.Journal.PutDecision(ctx, *d); err != nil {
			return 0, fmt.Errorf("write down the outcome: %w", err)
		}
		g.opt.Failpoint("kept.decided")
	}
	return g.keep(ctx, w, d)
}

// ask asks for the seconds that have passed.
func (g *Gate) ask(ctx context.Context, w *walker, d *fact.Decision) (time.Duration, error) {
	c, want := &w.check, d.Proposal.Check
	if c.next == 0 {
		c.next = 1
	}
	for range catchUp {
		at := d.Receipt.Finished.Add(time.Duration(c.next) * time.Second)
		if wait := at.Sub(g.now()); wait > 0 {
			return wait, nil
		}
		value, ok, err := g.opt.Prober.Probe(ctx, want.Query, at)
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if err != nil {
			g.opt.Logger.Warn("a check cannot be asked", "id", d.Proposal.ID, "query", want.Query, "err", err)
		}
		if c.take(want, value, ok && err == nil); c.result != undecided {
			return 0, nil
		}
	}
	return 0, nil
}

// outcome puts into words what the check said.
func (g *Gate) outcome(ctx context.Context, w *walker, d *fact.Decision) *fact.Outcome {
	c, want := &w.check, d.Proposal.Check
	o := &fact.Outcome{At: g.now(), Helped: c.result == helped, After: c.last}
	// The number before is for people; without it the outcome stands as well.
	if before, ok, err := g.opt.Prober.Probe(ctx, want.Query, d.Receipt.Started); err == nil && ok {
		o.Before = before
	}
	switch {
	case o.Helped:
		o.Text = fmt.Sprintf("it helped: %.4g, %s %.4g for %g s", c.last, want.Op, want.Limit, want.ForSeconds)
	case c.seen == 0:
		o.Text = fmt.Sprintf("no number came within %g s that would say that it helped", want.WithinSeconds)
	default:
		o.Text = fmt.Sprintf("it did not help: %.4g after %g s, wanted %s %.4g for %g s", c.last, want.WithinSeconds, want.Op, want.Limit, want.ForSeconds)
	}
	return o
}

// renew keeps the lease of an action while it is verified.
func (g *Gate) renew(ctx context.Context, w *walker, d *fact.Decision) error {
	lease := g.opt.Act.Lease(d.Proposal.Action)
	now := g.now()
	if lease == 0 || now.Sub(w.renewed) < lease/3 {
		return nil
	}
	warrant, err := g.opt.Governor.Continue(ctx, *d, now.Add(govern.WarrantFor))
	if err == nil {
		err = g.opt.Act.Renew(ctx, warrant)
	}
	if err == nil {
		w.renewed = now
	}
	return err
}

// keep makes the action last, and ends.
func (g *Gate) keep(ctx context.Context, w *walker, d *fact.Decision) (time.Duration, error) {
	warrant, err := g.opt.Governor.Continue(ctx, *d, g.now().Add(govern.WarrantFor))
	if err == nil {
		err = g.opt.Act.Commit(ctx, warrant)
	}
	switch {
	case err == nil:
		g.opt.Failpoint("kept.committed")
		return 0, g.step(ctx, d, fact.Kept, By, d.Outcome.Text)
	case errors.Is(err, govern.ErrStopped):
		return lookEvery, g.hold(ctx, w, d, err)
	case errors.Is(err, act.ErrLeaseLost):
		o := *d.Outcome
		o.Helped, o.Text = false, o.Text+"; but its lease ran out before it could be made to last, and it returned by itself"
		return 0, g.notKept(ctx, d, &o)
	case g.now().Sub(d.Outcome.At) > giveUpAfter:
		return 0, g.step(ctx, d, fact.Unclear, By, "it helped, but could not be made to last, a person must look: "+err.Error())
	}
	g.opt.Logger.Warn("an action cannot be made to last for now", "id", d.Proposal.ID, "err", err)
	return lookEvery, nil
}

// notKept turns back, or ends if there is no way back.
func (g *Gate) notKept(ctx context.Context, d *fact.Decision, o *fact.Outcome) error {
	d.Outcome = o
	if d.Undo == nil {
		return g.step(ctx, d, fact.Failed, By, o.Text+"; there is no way back from it")
	}
	return g.step(ctx, d, fact.Reverting, By, o.Text)
}
