// Package govern decides whether something may be done, and alone can permit
// it.
//
// It answers one question: may this proposal be carried out now? The answer is
// a [fact.Verdict] with every rule's say, and, when it is yes and whoever must
// agree has agreed, a [Warrant], without which package act does nothing.
//
// # Method
//
// The [Governor] gathers the facts (kill switch, incident, what was done in the
// last hour, what is under way) and hands them to package policy, which is a
// pure function. Everything is asked again at the moment a warrant is made,
// because minutes pass between a proposal and a person's answer.
//
// What was done before is read from the journal of decisions, so that limits
// hold across restarts. If the journal cannot be read, nothing is permitted.
//
// # Limits
//
// A circuit breaker closes when its time has passed, not by hand. Autonomy is
// one number for everything.
package govern

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern/policy"
	"github.com/steersman-ops/steersman/govern/watchdog"
)

var (
	// ErrConflict is wrapped by what is returned when a decision cannot take a
	// step in the state in which it is.
	ErrConflict = errors.New("not possible in this state")
	// ErrStopped is wrapped by what is returned when the kill switch is
	// engaged.
	ErrStopped = watchdog.ErrEngaged
)

// A Switch tells whether everything is stopped.
type Switch interface{ State() watchdog.State }

// Incidents knows which incidents still last.
type Incidents interface {
	// IncidentOpen reports whether the incident lasts. One that is not known
	// is an error.
	IncidentOpen(ctx context.Context, id string) (bool, error)
}

// History knows what was done before.
type History interface {
	// RecentDecisions returns every decision that changed at or after since,
	// and every decision that is not at its end, in any order. The same one
	// twice is no harm.
	RecentDecisions(ctx context.Context, since time.Time) ([]fact.Decision, error)
}

// Quality knows how far what is known of an entity is to be trusted.
type Quality interface {
	DataOf(e fact.Entity) policy.Data
}

// WarrantFor is how long a warrant is good.
const WarrantFor = time.Minute

// Options are what a Governor needs to know the facts. All but Quality and Now
// are required.
type Options struct {
	Switch    Switch
	Incidents Incidents
	History   History
	Actuators []policy.Actuator
	Quality   Quality          // nil: no data is trusted, so the level is never above 1
	Now       func() time.Time // nil: time.Now
}

// A Governor judges proposals and gives out warrants. It is safe for
// concurrent use.
type Governor struct {
	cfg       policy.Config
	opt       Options
	actuators map[string]policy.Actuator
}

// New checks the settings and returns a Governor.
func New(cfg policy.Config, opt Options) (*Governor, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if opt.Switch == nil || opt.Incidents == nil || opt.History == nil {
		return nil, errors.New("govern: a kill switch, incidents and a history are required")
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	g := &Governor{cfg: cfg, opt: opt, actuators: make(map[string]policy.Actuator)}
	for _, a := range opt.Actuators {
		if _, twice := g.actuators[a.Name]; a.Name == "" || twice {
			return nil, fmt.Errorf("govern: actuator %q: names must be there and differ", a.Name)
		}
		g.actuators[a.Name] = a
	}
	return g, nil
}

// A Refusal is the error for what the rules do not permit.
type Refusal struct{ Verdict fact.Verdict }

func (r *Refusal) Error() string {
	return fmt.Sprintf("proposal %s is not permitted: %s", r.Verdict.Proposal, r.Verdict.Why)
}

// Judge returns the verdict on a decision whose dry run was made.
func (g *Governor) Judge(ctx context.Context, d fact.Decision) fact.Verdict {
	return policy.Judge(g.cfg, g.facts(ctx, d))
}

// Permit judges d anew and returns the warrant to do what it asks. It returns
// a [*Refusal] if a rule says no, and an error wrapping [ErrConflict] if a
// person must agree and has not.
func (g *Governor) Permit(ctx context.Context, d fact.Decision) (Warrant, error) {
	v := g.Judge(ctx, d)
	if !v.Allowed {
		return Warrant{}, &Refusal{v}
	}
	if v.NeedsApproval {
		if err := agreed(&d); err != nil {
			return Warrant{}, err
		}
	}
	return newWarrant(&d, There, d.Proposal.Action, d.DryRun.Before, v.Blast, g.opt.Now().Add(WarrantFor))
}

func agreed(d *fact.Decision) error {
	a := d.Approval
	switch {
	case a == nil:
		return fmt.Errorf("proposal %s: a person must agree: %w", d.Proposal.ID, ErrConflict)
	case !a.Yes || a.By == "" || a.Proposal != d.Proposal.ID:
		return fmt.Errorf("proposal %s: the answer of %q is no agreement to it: %w", d.Proposal.ID, a.By, ErrConflict)
	}
	return nil
}

// Continue returns the warrant under which d is already under way, to finish
// what was begun: to act again after a crash, to renew a lease, to make it
// last. That is no new permission, so only the kill switch and the record are
// asked. until is when that right ends.
func (g *Governor) Continue(_ context.Context, d fact.Decision, until time.Time) (Warrant, error) {
	if st := g.opt.Switch.State(); st.Engaged {
		return Warrant{}, stopped(st)
	}
	if !policy.InFlight(d.State) || d.DryRun == nil {
		return Warrant{}, fmt.Errorf("continue %s: it is %s: %w", d.Proposal.ID, d.State, ErrConflict)
	}
	w, err := newWarrant(&d, There, d.Proposal.Action, d.DryRun.Before, policy.BlastOf(d.Proposal.Action, d.DryRun), until)
	if err != nil {
		return Warrant{}, err
	}
	if w.hash != d.Warrant {
		return Warrant{}, fmt.Errorf("continue %s: the warrant on record is %.12s, its content gives %.12s: %w", d.Proposal.ID, d.Warrant, w.hash, ErrNoWarrant)
	}
	return w, nil
}

// Return gives the warrant for the way back that was written down before
// acting. Limits on how often things are done do not bind it; the kill switch
// does.
func (g *Governor) Return(ctx context.Context, d fact.Decision) (Warrant, error) {
	if d.State != fact.Reverting || d.Undo == nil || d.Warrant == "" {
		return Warrant{}, fmt.Errorf("return %s: it is %s, and a way back is %s: %w", d.Proposal.ID, d.State, known(d.Undo), ErrConflict)
	}
	if a := d.Proposal.Action; d.Undo.Kind != a.Kind || d.Undo.Target != a.Target || d.Undo.Entity != a.Entity {
		return Warrant{}, fmt.Errorf("return %s: the way back, %s, is not one from %s: %w", d.Proposal.ID, d.Undo, a, ErrConflict)
	}
	back := d
	back.Proposal.Action, back.DryRun = *d.Undo, undoDryRun(&d)
	in := g.facts(ctx, back)
	if v := policy.JudgeReturn(g.cfg, in); !v.Allowed {
		if in.Stop.Engaged {
			return Warrant{}, stopped(in.Stop)
		}
		return Warrant{}, &Refusal{v}
	}
	return newWarrant(&d, Back, *d.Undo, back.DryRun.Before, policy.BlastOf(*d.Undo, back.DryRun), g.opt.Now().Add(WarrantFor))
}

// undoDryRun is the state on which the way back begins: what the action left.
func undoDryRun(d *fact.Decision) *fact.Receipt {
	r := &fact.Receipt{Action: *d.Undo, DryRun: true, Text: "from the state that the action left"}
	switch {
	case d.Receipt != nil && len(d.Receipt.After) > 0:
		r.Before = maps.Clone(d.Receipt.After)
	case d.DryRun != nil:
		r.Before = maps.Clone(d.DryRun.After)
	}
	return r
}

func known(a *fact.Action) string {
	if a == nil {
		return "not known"
	}
	return "known"
}

func stopped(st watchdog.State) error {
	return fmt.Errorf("%w by %s: %s", ErrStopped, st.By, st.Why)
}

// Stopped returns an error wrapping [ErrStopped] if the kill switch is
// engaged.
func (g *Governor) Stopped() error {
	if st := g.opt.Switch.State(); st.Engaged {
		return stopped(st)
	}
	return nil
}

// IncidentOpen reports whether the incident of a proposal still lasts. A
// proposal that names no incident needs none.
func (g *Governor) IncidentOpen(ctx context.Context, p fact.Proposal) (bool, error) {
	if p.Incident == "" {
		return true, nil
	}
	return g.opt.Incidents.IncidentOpen(ctx, p.Incident)
}

// facts gathers what the rules look at.
func (g *Governor) facts(ctx context.Context, d fact.Decision) policy.Input {
	now := g.opt.Now()
	in := policy.Input{Now: now, Decision: d, Stop: g.opt.Switch.State()}
	if a, ok := g.actuators[d.Proposal.Action.Target]; ok {
		in.Actuator = &a
	}
	if g.opt.Quality != nil {
		in.Data = g.opt.Quality.DataOf(d.Proposal.Action.Entity)
	}
	in.IncidentOpen, in.IncidentErr = g.IncidentOpen(ctx, d.Proposal)
	recent, err := g.opt.History.RecentDecisions(ctx, now.Add(-max(time.Hour, g.cfg.BreakerFor)))
	in.Recent, in.RecentErr = once(recent), err
	return in
}

// once leaves each decision in the list once, as it stands at its last place.
func once(all []fact.Decision) []fact.Decision {
	at := make(map[string]int, len(all))
	var out []fact.Decision
	for _, d := range all {
		i, ok := at[d.Proposal.ID]
		if !ok {
			at[d.Proposal.ID] = len(out)
			out = append(out, d)
			continue
		}
		out[i] = d
	}
	return out
}
