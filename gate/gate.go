// Package gate walks proposals through their states: the one gate through
// which everything goes that changes anything.
//
// It answers one question: where does this proposal stand, and what is the
// next step? It proposes nothing, makes no rules (package govern does) and
// touches nothing itself (package act does).
//
// # Method
//
//	proposed ─▶ waiting ─▶ approved ─▶ acting ─▶ verifying ─▶ kept
//	    └─▶ refused └─▶ expired │  failed ◀┤         └─▶ reverting ─▶ reverted
//	                            └─▶ refused└─▶ unclear
//
// docs/formats/decision.md draws them all. Each open decision has one
// goroutine, owned by [Gate.Run], that takes it from state to state; people's
// answers come in from the side. Both hold the decision's lock.
//
// A step is written three times: to the journal as intended (a [fact.Step]
// without hash), to the ledger under the key "proposal/number/state", and to
// the journal again with the leaf that proves it. Only then is anything done.
// The journal goes first because what the next step is may depend on the
// moment (the time, a rule, a person): written down first, it is the same step
// after a crash, and the ledger, which takes each key once, holds exactly one
// leaf for it. The ledger goes before the deed so that nothing is ever done
// that is not proved.
//
// When the action was done, the check of the proposal is asked for every
// second since then, also for those that passed while this program was not
// running. An action that holds a lease is renewed meanwhile, and made to last
// when it helped. Otherwise the way back, written down before acting, is taken
// under a warrant of its own.
//
// # Limits
//
// While the kill switch is engaged nothing is done: no step back either. What
// holds a lease then returns by itself, the rest stays as it is until the
// switch is released. A check without a number counts as not fulfilled. An
// outcome may reach the intake log twice if the program ends in that moment.
package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/steersman-ops/steersman/act"
	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern"
)

// Journal keeps decisions. PutDecision replaces by id and returns when it is
// durable.
type Journal interface {
	PutDecision(ctx context.Context, d fact.Decision) error
	// Decision returns an error wrapping [fact.ErrNotFound] if there is none.
	Decision(ctx context.Context, id string) (fact.Decision, error)
	// RecentDecisions returns every decision that changed at or after since,
	// and every decision that is not at its end, in any order.
	RecentDecisions(ctx context.Context, since time.Time) ([]fact.Decision, error)
}

// Ledger keeps what must be proved later. Append is idempotent by key: the
// same key gives the first leaf, whatever the body.
type Ledger interface {
	Append(ctx context.Context, key, kind string, at time.Time, body any) (index int64, hash string, err error)
}

// Prober asks the number of a check. ok is false if there is none.
type Prober interface {
	Probe(ctx context.Context, query string, at time.Time) (value float64, ok bool, err error)
}

// Events is the intake log.
type Events interface {
	Append(ctx context.Context, b *fact.Batch) (uint64, error)
}

// Clock tells the time and waits.
type Clock interface {
	Now() time.Time
	// Timer sends once after d, unless it is stopped.
	Timer(d time.Duration) (c <-chan time.Time, stop func() bool)
}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) Timer(d time.Duration) (<-chan time.Time, func() bool) {
	t := time.NewTimer(d)
	return t.C, t.Stop
}

// Source is the source of the batches that the gate appends, and By the name
// that stands in its steps.
const (
	Source = "gate"
	By     = "gate"
)

// MaxOpen is how many decisions may be open at once; beyond it, Propose
// returns an error wrapping [fact.ErrBusy].
const MaxOpen = 256

// Options are what a Gate works with. The first six are required.
type Options struct {
	Governor *govern.Governor
	Act      *act.Act
	Journal  Journal
	Ledger   Ledger
	Prober   Prober
	Events   Events

	Clock  Clock        // nil: the system's
	Logger *slog.Logger // nil: silent
	// Registerer is where the metrics go; nil: nowhere.
	Registerer prometheus.Registerer
	// OnChange, if not nil, is called after each change of a decision. It must
	// not block.
	OnChange func(d fact.Decision)
	// Failpoint, if not nil, is called at named points between any two things
	// that last; tests end the program there.
	Failpoint func(point string)
}

// A Gate walks proposals through their states. It is safe for concurrent use.
type Gate struct {
	opt   Options
	locks keyed // one holder for each decision
	// begin is held from the moment a warrant is given until that is on
	// record, so that two proposals cannot both find that nothing is under way.
	begin sync.Mutex

	maxOpen int

	mu    sync.Mutex
	run   *run // nil while Run does not run
	steps *prometheus.CounterVec
}

// New returns a Gate. It does nothing before [Gate.Run].
func New(opt Options) (*Gate, error) {
	if opt.Governor == nil || opt.Act == nil || opt.Journal == nil || opt.Ledger == nil || opt.Prober == nil || opt.Events == nil {
		return nil, errors.New("gate: a governor, an act, a journal, a ledger, a prober and an intake log are required")
	}
	if opt.Clock == nil {
		opt.Clock = systemClock{}
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.OnChange == nil {
		opt.OnChange = func(fact.Decision) {}
	}
	if opt.Failpoint == nil {
		opt.Failpoint = func(string) {}
	}
	g := &Gate{opt: opt, maxOpen: MaxOpen}
	return g, g.register()
}

func (g *Gate) register() error {
	g.steps = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "steersman_gate_steps_total", Help: "Steps of decisions, by the state they lead to.",
	}, []string{"state"})
	open := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "steersman_gate_open_decisions", Help: "Decisions that are not at their end.",
	}, func() float64 { return float64(g.Open()) })
	if g.opt.Registerer == nil {
		return nil
	}
	return errors.Join(g.opt.Registerer.Register(g.steps), g.opt.Registerer.Register(open))
}

func (g *Gate) now() time.Time { return g.opt.Clock.Now().UTC() }

// Propose takes a proposal. Proposing what was proposed before does nothing.
func (g *Gate) Propose(ctx context.Context, p fact.Proposal) error {
	if p.ID == "" {
		return fmt.Errorf("propose %q: it has no id", p.Title)
	}
	unlock, err := g.locks.lock(ctx, p.ID)
	if err != nil {
		return fmt.Errorf("propose %s: %w", p.ID, err)
	}
	defer unlock()
	_, err = g.opt.Journal.Decision(ctx, p.ID)
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, fact.ErrNotFound):
		return fmt.Errorf("propose %s: %w", p.ID, err)
	case g.Open() >= g.maxOpen:
		return fmt.Errorf("propose %s: %d decisions are open: %w", p.ID, g.maxOpen, fact.ErrBusy)
	}
	d := &fact.Decision{Proposal: p}
	if err := g.step(ctx, d, fact.Proposed, By, p.Why); err != nil && len(d.Steps) == 0 {
		return fmt.Errorf("propose %s: %w", p.ID, err)
	}
	g.walk(p.ID)
	return nil
}

// Approve says that a person agrees to a proposal that waits for it.
func (g *Gate) Approve(ctx context.Context, id, by, why string) (fact.Decision, error) {
	return g.click(ctx, id, func(ctx context.Context, d *fact.Decision) error {
		now := g.now()
		switch {
		case d.Approval != nil && d.Approval.Yes && d.Approval.By == by:
			return nil // the same click again
		case d.State != fact.Waiting:
			return fmt.Errorf("it is %s: %w", d.State, govern.ErrConflict)
		case !now.Before(d.Proposal.Expires):
			return fmt.Errorf("it was good until %s: %w", d.Proposal.Expires.Format(time.RFC3339), govern.ErrConflict)
		}
		if err := g.opt.Governor.Stopped(); err != nil {
			return err
		}
		d.Approval = &fact.Approval{Proposal: id, By: by, At: now, Yes: true, Why: why}
		return g.step(ctx, d, fact.Approved, by, why)
	})
}

// Refuse says that a person does not want what is proposed. It is possible
// until the action begins.
func (g *Gate) Refuse(ctx context.Context, id, by, why string) (fact.Decision, error) {
	return g.click(ctx, id, func(ctx context.Context, d *fact.Decision) error {
		switch d.State {
		case fact.Refused:
			if d.Approval != nil && d.Approval.By == by {
				return nil // the same click again
			}
			fallthrough
		default:
			return fmt.Errorf("it is %s: %w", d.State, govern.ErrConflict)
		case fact.Proposed, fact.Waiting, fact.Approved:
		}
		d.Approval = &fact.Approval{Proposal: id, By: by, At: g.now(), Why: why}
		return g.step(ctx, d, fact.Refused, by, why)
	})
}

// Revert takes back what was done, while it is being verified or after it was
// kept.
func (g *Gate) Revert(ctx context.Context, id, by, why string) (fact.Decision, error) {
	return g.click(ctx, id, func(ctx context.Context, d *fact.Decision) error {
		switch {
		case d.State == fact.Reverting || d.State == fact.Reverted:
			return nil // it is on its way
		case d.State != fact.Verifying && d.State != fact.Kept:
			return fmt.Errorf("it is %s: %w", d.State, govern.ErrConflict)
		case d.Undo == nil:
			return fmt.Errorf("there is no way back from it: %w", govern.ErrConflict)
		}
		if err := g.opt.Governor.Stopped(); err != nil {
			return err
		}
		g.begin.Lock()
		defer g.begin.Unlock()
		if d.State == fact.Kept {
			if err := g.stillSo(ctx, d); err != nil {
				return err
			}
		}
		if d.Outcome == nil {
			d.Outcome = &fact.Outcome{At: g.now(), Text: "taken back by " + by + " before it was clear whether it helped"}
		}
		return g.step(ctx, d, fact.Reverting, by, why)
	})
}

// click loads a decision under its lock, lets do change it, and has it walk
// on. What was begun for a click is finished even if the person goes away.
func (g *Gate) click(ctx context.Context, id string, do func(context.Context, *fact.Decision) error) (fact.Decision, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), clickTimeout)
	defer cancel()
	unlock, err := g.locks.lock(ctx, id)
	if err != nil {
		return fact.Decision{}, fmt.Errorf("it is busy: %w: %w", fact.ErrBusy, err)
	}
	defer unlock()
	d, err := g.load(ctx, id)
	if err != nil {
		return d, err
	}
	err = do(ctx, &d)
	g.walk(id)
	return d, err
}

// clickTimeout bounds how long a person waits for an answer.
const clickTimeout = 20 * time.Second

// load reads a decision and finishes the step in which it may have been left.
func (g *Gate) load(ctx context.Context, id string) (fact.Decision, error) {
	d, err := g.opt.Journal.Decision(ctx, id)
	if err != nil {
		return d, fmt.Errorf("read decision: %w", err)
	}
	return d, g.seal(ctx, &d)
}

// Decision returns one decision as it stands.
func (g *Gate) Decision(ctx context.Context, id string) (fact.Decision, error) {
	return g.opt.Journal.Decision(ctx, id)
}

// Open returns how many decisions are walking.
func (g *Gate) Open() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.run == nil {
		return 0
	}
	return len(g.run.walkers)
}
