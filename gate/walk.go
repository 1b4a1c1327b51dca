package gate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/steersman-ops/steersman/act"
	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern"
	"github.com/steersman-ops/steersman/govern/policy"
)

// How often things are looked at, and how long something that ought to work
// is tried before a person is asked.
const (
	lookEvery   = time.Second
	waitEvery   = 2 * time.Second
	dryRunTries = 3
	giveUpAfter = 10 * time.Minute
)

// advance moves a decision by at most one step. It returns how long to wait
// before the next call, 0 for at once.
func (g *Gate) advance(ctx context.Context, w *walker) (wait time.Duration, done bool, err error) {
	unlock, err := g.locks.lock(ctx, w.id)
	if err != nil {
		return 0, false, err
	}
	defer unlock()
	d, err := g.load(ctx, w.id)
	if err != nil {
		return 0, errors.Is(err, fact.ErrNotFound), err
	}
	switch d.State {
	case fact.Proposed:
		wait, err = g.proposed(ctx, w, &d)
	case fact.Waiting:
		wait, err = g.waiting(ctx, &d)
	case fact.Approved:
		wait, err = g.approved(ctx, &d)
	case fact.Acting:
		wait, err = g.acting(ctx, w, &d)
	case fact.Verifying:
		wait, err = g.verifying(ctx, w, &d)
	case fact.Reverting:
		wait, err = g.reverting(ctx, w, &d)
	}
	return wait, d.State.Done() && err == nil, err
}

// expired ends a decision to which nobody agreed in time, or whose incident is
// over. An incident that cannot be asked for is taken to last.
func (g *Gate) expired(ctx context.Context, d *fact.Decision) (bool, error) {
	if !g.now().Before(d.Proposal.Expires) {
		return true, g.step(ctx, d, fact.Expired, By, "nothing was begun until "+d.Proposal.Expires.UTC().Format(time.RFC3339))
	}
	if open, err := g.opt.Governor.IncidentOpen(ctx, d.Proposal); err == nil && !open {
		return true, g.step(ctx, d, fact.Expired, By, "the incident is over")
	}
	return false, nil
}

// proposed asks what would be done, and what the rules say.
func (g *Gate) proposed(ctx context.Context, w *walker, d *fact.Decision) (time.Duration, error) {
	if over, err := g.expired(ctx, d); over || err != nil {
		return 0, err
	}
	dry, undo, err := g.opt.Act.DryRun(ctx, d.Proposal.Action)
	if err != nil {
		if w.tries++; w.tries < dryRunTries && !errors.Is(err, fact.ErrNotFound) {
			return waitEvery, nil
		}
		dry = fact.Receipt{Action: d.Proposal.Action, DryRun: true, Err: err.Error(), Text: "the dry run could not be made"}
	}
	d.DryRun, d.Undo = &dry, undo
	v := g.opt.Governor.Judge(ctx, *d)
	d.Verdict = &v
	switch {
	case policy.Temporary(v):
		return waitEvery, nil // until it passes or the proposal expires
	case !v.Allowed:
		return 0, g.step(ctx, d, fact.Refused, By, v.Why)
	case v.NeedsApproval:
		return 0, g.step(ctx, d, fact.Waiting, By, v.Why)
	}
	return 0, g.step(ctx, d, fact.Approved, By, v.Why)
}

// waiting waits for a person.
func (g *Gate) waiting(ctx context.Context, d *fact.Decision) (time.Duration, error) {
	if over, err := g.expired(ctx, d); over || err != nil {
		return 0, err
	}
	return min(waitEvery, d.Proposal.Expires.Sub(g.now())), nil
}

// approved asks for the warrant and writes down that it was given.
func (g *Gate) approved(ctx context.Context, d *fact.Decision) (time.Duration, error) {
	if over, err := g.expired(ctx, d); over || err != nil {
		return 0, err
	}
	g.begin.Lock()
	defer g.begin.Unlock()
	w, err := g.opt.Governor.Permit(ctx, *d)
	var refusal *govern.Refusal
	switch {
	case errors.As(err, &refusal) && policy.Temporary(refusal.Verdict):
		return lookEvery, nil
	case errors.As(err, &refusal):
		d.Verdict = &refusal.Verdict
		return 0, g.step(ctx, d, fact.Refused, By, refusal.Verdict.Why)
	case errors.Is(err, govern.ErrConflict) && d.Approval == nil: // the level fell since
		v := g.opt.Governor.Judge(ctx, *d)
		d.Verdict = &v
		return 0, g.step(ctx, d, fact.Waiting, By, v.Why)
	case err != nil:
		return 0, g.step(ctx, d, fact.Refused, By, err.Error())
	}
	d.Warrant = w.Hash()
	return 0, g.step(ctx, d, fact.Acting, By, "permitted until "+w.Expires().Format(time.RFC3339))
}

// acting has it done, or finds out whether it was.
func (g *Gate) acting(ctx context.Context, w *walker, d *fact.Decision) (time.Duration, error) {
	a, until := d.Proposal.Action, stepAt(d, fact.Acting).Add(govern.WarrantFor)
	found, r, lookErr := g.opt.Act.Look(ctx, a, d.DryRun.Before, d.Warrant)
	if found == act.Done || !r.Finished.IsZero() {
		return 0, g.acted(ctx, d, r)
	}
	if !g.now().Before(until) {
		return 0, g.ranOut(ctx, d, found, r, lookErr)
	}
	warrant, err := g.opt.Governor.Continue(ctx, *d, until)
	if err == nil {
		r, err = g.opt.Act.Do(ctx, warrant)
	}
	switch {
	case err == nil:
		return 0, g.acted(ctx, d, r)
	case errors.Is(err, govern.ErrStopped):
		return lookEvery, g.hold(ctx, w, d, err)
	case errors.Is(err, act.ErrPrecondition), errors.Is(err, govern.ErrNoWarrant):
		return 0, g.step(ctx, d, fact.Failed, By, "nothing was done: "+err.Error())
	}
	g.opt.Logger.Warn("an action cannot be begun for now", "id", d.Proposal.ID, "err", err)
	return lookEvery, nil
}

// acted goes on from a receipt.
func (g *Gate) acted(ctx context.Context, d *fact.Decision, r fact.Receipt) error {
	d.Receipt = &r
	switch {
	case r.Unclear:
		return g.step(ctx, d, fact.Unclear, By, r.Text)
	case r.Err != "":
		return g.step(ctx, d, fact.Failed, By, r.Text)
	}
	return g.step(ctx, d, fact.Verifying, By, r.Text)
}

// ranOut ends a decision whose warrant ran out before it was known to be done.
func (g *Gate) ranOut(ctx context.Context, d *fact.Decision, found act.Found, r fact.Receipt, lookErr error) error {
	if found == act.NotDone {
		return g.step(ctx, d, fact.Failed, By, "the warrant ran out before it was done")
	}
	r.Unclear = true
	if lookErr != nil {
		r.Err = lookErr.Error()
	}
	d.Receipt = &r
	return g.step(ctx, d, fact.Unclear, By, "it was begun and it is not known whether it was done: "+r.Err)
}

// hold writes down, once for each reason, that a decision under way is held.
func (g *Gate) hold(ctx context.Context, w *walker, d *fact.Decision, why error) error {
	if w.told == why.Error() {
		return nil
	}
	text := "held: " + why.Error()
	if last := d.Steps[len(d.Steps)-1]; last.Why != text {
		if lease := g.opt.Act.Lease(d.Proposal.Action); lease > 0 && d.State != fact.Acting {
			g.opt.Logger.Warn("a decision is held; its lease runs out by itself", "id", d.Proposal.ID, "lease", lease)
		}
		if err := g.step(ctx, d, d.State, By, text); err != nil {
			return err
		}
	}
	w.told = why.Error()
	return nil
}

// reverting takes the way back.
func (g *Gate) reverting(ctx context.Context, w *walker, d *fact.Decision) (time.Duration, error) {
	warrant, err := g.opt.Governor.Return(ctx, *d)
	var r fact.Receipt
	if err == nil {
		r, err = g.back(ctx, d, warrant)
	}
	var refusal *govern.Refusal
	switch {
	case errors.Is(err, govern.ErrStopped):
		return lookEvery, g.hold(ctx, w, d, err)
	case errors.As(err, &refusal), errors.Is(err, act.ErrPrecondition), errors.Is(err, govern.ErrConflict):
		return 0, g.step(ctx, d, fact.Unclear, By, "the way back cannot be taken, a person must look: "+err.Error())
	case err != nil && g.now().Sub(stepAt(d, fact.Reverting)) < giveUpAfter:
		g.opt.Logger.Warn("the way back cannot be taken for now", "id", d.Proposal.ID, "err", err)
		return lookEvery, nil
	case err != nil:
		return 0, g.step(ctx, d, fact.Unclear, By, "the way back cannot be taken, a person must look: "+err.Error())
	}
	d.UndoDone = &r
	if r.Err != "" {
		return 0, g.step(ctx, d, fact.Unclear, By, "the way back cannot be taken, a person must look: "+r.Text)
	}
	return 0, g.step(ctx, d, fact.Reverted, By, r.Text)
}

// back acts on the warrant for the way back and makes it last. If the state is
// already the one to return to, and it was not this warrant that made it so,
// nothing is done.
func (g *Gate) back(ctx context.Context, d *fact.Decision, w govern.Warrant) (fact.Receipt, error) {
	_, earlier, _ := g.opt.Act.Look(ctx, *d.Undo, w.Before(), w.Hash())
	if earlier.Warrant == "" {
		if r, there, err := g.there(ctx, *d.Undo); err != nil || there {
			return r, err
		}
	}
	r, err := g.opt.Act.Do(ctx, w)
	if err != nil || r.Err != "" {
		return r, err
	}
	err = g.opt.Act.Commit(ctx, w)
	if errors.Is(err, act.ErrLeaseLost) {
		if _, there, err := g.there(ctx, *d.Undo); err != nil || there {
			return r, err
		}
		return r, fmt.Errorf("%w: %w", act.ErrPrecondition, err)
	}
	return r, err
}

// there reports whether an action would change nothing.
func (g *Gate) there(ctx context.Context, a fact.Action) (fact.Receipt, bool, error) {
	r, _, err := g.opt.Act.DryRun(ctx, a)
	if err != nil || !maps.Equal(r.Before, r.After) {
		return r, false, err
	}
	r.DryRun, r.Text = false, "it had returned by itself; nothing needed to be done"
	return r, true, nil
}

// stillSo reports whether the world is as a kept decision left it, so that its
// way back still leads back, and nothing else is under way.
func (g *Gate) stillSo(ctx context.Context, d *fact.Decision) error {
	r, _, err := g.opt.Act.DryRun(ctx, *d.Undo)
	if err != nil {
		return err
	}
	if d.Receipt == nil || !maps.Equal(r.Before, d.Receipt.After) {
		return fmt.Errorf("the state is no longer the one that it left: %w", govern.ErrConflict)
	}
	all, err := g.opt.Journal.RecentDecisions(ctx, g.now())
	if err != nil {
		return err
	}
	for i := range all {
		o := &all[i]
		if o.Proposal.ID != d.Proposal.ID && o.Proposal.Action.Entity == d.Proposal.Action.Entity && policy.InFlight(o.State) {
			return fmt.Errorf("%s is %s on the same entity: %w", o.Proposal.ID, o.State, govern.ErrConflict)
		}
	}
	return nil
}

// stepAt returns when a decision last came to a state from another.
func stepAt(d *fact.Decision, s fact.State) time.Time {
	for i := len(d.Steps) - 1; i >= 0; i-- {
		if d.Steps[i].State == s && (i == 0 || d.Steps[i-1].State != s) {
			return d.Steps[i].At
		}
	}
	return time.Time{}
}
