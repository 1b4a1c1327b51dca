// Package act is the back door: it changes the world, and does only what a
// warrant permits.
//
// It answers one question: was this done? [Act.Do] takes a [govern.Warrant] and
// returns the receipt. It never decides whether something should be done, does
// not verify whether it helped and takes nothing back by itself; the gate does.
//
// # Method
//
// At the moment of acting everything is checked once more: the warrant is good,
// the kill switch is not engaged (one look at its file), the warrant was not
// used, and the state found is the state that the dry run saw and a person
// agreed to. Then a line that says "begun" is made durable, the actuator acts,
// and the receipt is made durable.
//
// A warrant that was used gives the receipt that it gave then. One that was
// begun and has no receipt, because the program died in between, is settled by
// the nature of the action: [Idempotent] and [Probeable], the world is looked
// at, so that what others did since is not overwritten, and if it was not done
// it is done under the same id, which the other side takes once;
// [AtMostOnce], a person must look. When the answer of the other side was
// lost, the world is looked at too.
//
// # Limits
//
// Between the look at the state and the act there is a moment in which somebody
// else may change it. The last [KeepReceipts] receipts are kept.
package act

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern"
	"github.com/steersman-ops/steersman/govern/watchdog"
)

// How long things may take, and how many receipts are kept.
const (
	DefaultTimeout = 10 * time.Second
	KeepReceipts   = 10_000
)

// looks and lookEvery say how an unclear action is looked for.
const (
	looks     = 3
	lookEvery = time.Second
)

// Options are what an Act works with. Switch and Receipts are required.
type Options struct {
	Actuators map[string]Actuator // by the name that an action's Target gives
	Switch    *watchdog.Switch
	Receipts  *Receipts
	Timeout   time.Duration // for one action; 0: DefaultTimeout
	Now       func() time.Time
	Logger    *slog.Logger
	// Registerer is where the metrics go; nil: nowhere.
	Registerer prometheus.Registerer
	// Failpoint, if not nil, is called at named points; tests end the program there.
	Failpoint func(point string)
}

// An Act does what warrants permit. It is safe for concurrent use.
type Act struct {
	opt   Options
	locks map[string]*sync.Mutex // one action at a time on each actuator
	done  *prometheus.CounterVec
}

// New returns an Act.
func New(opt Options) (*Act, error) {
	if opt.Switch == nil || opt.Receipts == nil {
		return nil, errors.New("act: a kill switch and receipts are required")
	}
	if opt.Timeout <= 0 {
		opt.Timeout = DefaultTimeout
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Failpoint == nil {
		opt.Failpoint = func(string) {}
	}
	a := &Act{opt: opt, locks: make(map[string]*sync.Mutex), done: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "steersman_act_actions_total", Help: "Warrants acted on, by kind of action and how it ended.",
	}, []string{"kind", "result"})}
	for name := range opt.Actuators {
		a.locks[name] = new(sync.Mutex)
	}
	if opt.Registerer != nil {
		if err := opt.Registerer.Register(a.done); err != nil {
			return nil, fmt.Errorf("act: %w", err)
		}
	}
	return a, nil
}

// actuator returns the actuator that an action names.
func (a *Act) actuator(act fact.Action) (Actuator, error) {
	x, ok := a.opt.Actuators[act.Target]
	if !ok {
		return nil, fmt.Errorf("%s: no actuator is named %q: %w", act.Kind, act.Target, fact.ErrNotFound)
	}
	if x.Kind() != act.Kind {
		return nil, fmt.Errorf("actuator %s does %s, not %s: %w", act.Target, x.Kind(), act.Kind, fact.ErrNotFound)
	}
	return x, nil
}

// DryRun says what an action would do, and the way back from it; undo is nil
// if there is none. It changes nothing and needs no warrant.
func (a *Act) DryRun(ctx context.Context, act fact.Action) (fact.Receipt, *fact.Action, error) {
	x, err := a.actuator(act)
	if err != nil {
		return fact.Receipt{}, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, a.opt.Timeout)
	defer cancel()
	r, err := x.DryRun(ctx, act)
	if err != nil {
		return fact.Receipt{}, nil, fmt.Errorf("dry run of %s: %w", act, err)
	}
	undo, err := x.Undo(ctx, act)
	switch {
	case errors.Is(err, ErrNoWayBack):
		return r, nil, nil
	case err != nil:
		return fact.Receipt{}, nil, fmt.Errorf("way back from %s: %w", act, err)
	}
	return r, &undo, nil
}

// Do does what the warrant permits and returns the receipt. An error means
// that nothing was attempted; what was attempted and went wrong is in the
// receipt.
func (a *Act) Do(ctx context.Context, w govern.Warrant) (fact.Receipt, error) {
	act := w.Action()
	if w.Hash() == "" {
		return fact.Receipt{}, w.Valid(a.opt.Now())
	}
	x, err := a.actuator(act)
	if err != nil {
		return fact.Receipt{}, err
	}
	lock := a.locks[act.Target]
	lock.Lock()
	defer lock.Unlock()
	earlier, begun := a.opt.Receipts.Get(w.Hash())
	if begun && earlier.Finished.IsZero() {
		return a.settle(ctx, x, w, earlier)
	}
	if begun {
		return earlier, nil
	}
	if err := a.mayAct(ctx, x, w); err != nil {
		return fact.Receipt{}, err
	}
	r := fact.Receipt{Warrant: w.Hash(), Action: act, Started: a.opt.Now().UTC(), Before: w.Before()}
	if err := a.opt.Receipts.Begin(r); err != nil {
		return fact.Receipt{}, fmt.Errorf("write down that %s begins: %w", act, err)
	}
	a.opt.Failpoint("act.begun")
	return a.run(ctx, x, w, r)
}

// mayAct checks what must hold at the moment of acting.
func (a *Act) mayAct(ctx context.Context, x Actuator, w govern.Warrant) error {
	if err := w.Valid(a.opt.Now()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, a.opt.Timeout)
	defer cancel()
	now, err := x.DryRun(ctx, w.Action())
	if err != nil {
		return fmt.Errorf("look at the state before %s: %w", w.Action(), err)
	}
	if !maps.Equal(now.Before, w.Before()) {
		return fmt.Errorf("%s: seen when it was agreed: %s; found now: %s: %w", w.Action(), text(w.Before()), text(now.Before), ErrPrecondition)
	}
	if err := w.Valid(a.opt.Now()); err != nil { // looking takes time
		return err
	}
	return a.stopped()
}

func (a *Act) stopped() error {
	if st := a.opt.Switch.State(); st.Engaged {
		return fmt.Errorf("%w by %s: %s", govern.ErrStopped, st.By, st.Why)
	}
	return nil
}

// run acts and settles what is unclear.
func (a *Act) run(ctx context.Context, x Actuator, w govern.Warrant, r fact.Receipt) (fact.Receipt, error) {
	actCtx, release := a.opt.Switch.Context(ctx)
	defer release()
	actCtx, cancel := context.WithTimeout(actCtx, a.opt.Timeout)
	defer cancel()
	if err := context.Cause(actCtx); errors.Is(err, govern.ErrStopped) {
		return a.finish(r, nil, "not done: "+err.Error(), err.Error())
	} else if err != nil {
		return fact.Receipt{}, fmt.Errorf("%s: %w", r.Action, err)
	}
	after, err := x.Do(actCtx, w)
	a.opt.Failpoint("act.acted")
	switch {
	case err == nil:
		return a.finish(r, after, "done", "")
	case !errors.Is(err, ErrUnclear):
		return a.finish(r, nil, "not done: "+err.Error(), err.Error())
	}
	return a.lookFor(ctx, x, w, r, err)
}

// settle finds out about an action that was begun and has no receipt.
func (a *Act) settle(ctx context.Context, x Actuator, w govern.Warrant, r fact.Receipt) (fact.Receipt, error) {
	if x.Nature() == AtMostOnce {
		r.Unclear = true
		return a.finish(r, nil, "it was begun before a restart; a person must look whether it was done", "begun, and nothing is known of the end")
	}
	found, after, err := a.look(ctx, x, w, r.Before)
	switch {
	case found == Done:
		return a.finish(r, after, "begun before a restart and found done", "")
	case found == NotDone:
		if err := errors.Join(w.Valid(a.opt.Now()), a.stopped()); err != nil {
			return fact.Receipt{}, fmt.Errorf("finish %s: %w", w.Action(), err)
		}
		return a.run(ctx, x, w, r)
	}
	return fact.Receipt{}, fmt.Errorf("finish %s: %w", w.Action(), err)
}

// look asks the actuator once.
func (a *Act) look(ctx context.Context, x Actuator, w govern.Warrant, before map[string]string) (Found, map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, a.opt.Timeout)
	defer cancel()
	return x.Look(ctx, w.Action(), before, w.Hash())
}

// lookFor looks for an action whose answer was lost. Looking is no acting, so
// the kill switch does not keep it from it.
func (a *Act) lookFor(ctx context.Context, x Actuator, w govern.Warrant, r fact.Receipt, why error) (fact.Receipt, error) {
	for i := range looks {
		if i > 0 && !pause(ctx, lookEvery) {
			break
		}
		if found, after, err := a.look(ctx, x, w, r.Before); err == nil && found == Done {
			return a.finish(r, after, "the answer was lost; looked and found done", "")
		}
	}
	if ctx.Err() != nil { // this program is stopping: leave it begun, to be settled at the next start
		return fact.Receipt{}, fmt.Errorf("%s: %w: %w", r.Action, ErrUnclear, context.Cause(ctx))
	}
	r.Unclear = true
	return a.finish(r, nil, "it is not known whether it was done: "+why.Error(), why.Error())
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// finish makes the receipt durable.
func (a *Act) finish(r fact.Receipt, after map[string]string, text, errText string) (fact.Receipt, error) {
	r.Finished, r.After, r.Text, r.Err = a.opt.Now().UTC(), after, text, errText
	result := "done"
	switch {
	case r.Unclear:
		result = "unclear"
	case r.Err != "":
		result = "failed"
	}
	a.done.WithLabelValues(string(r.Action.Kind), result).Inc()
	if err := a.opt.Receipts.Finish(r); err != nil {
		// What was done is known now and goes up with the receipt; the next
		// start would look again.
		a.opt.Logger.Error("a receipt could not be kept", "warrant", r.Warrant, "err", err)
	}
	a.opt.Failpoint("act.finished")
	return r, nil
}

// Look says what is known about the action of a warrant with this hash, begun
// on the state before: from the receipts if there is one, otherwise from a
// look at the world. It changes nothing and needs no warrant.
func (a *Act) Look(ctx context.Context, act fact.Action, before map[string]string, hash string) (Found, fact.Receipt, error) {
	x, err := a.actuator(act)
	if err != nil {
		return Unknown, fact.Receipt{}, err
	}
	lock := a.locks[act.Target]
	lock.Lock()
	defer lock.Unlock()
	r, begun := a.opt.Receipts.Get(hash)
	switch {
	case !begun:
		return NotDone, fact.Receipt{}, nil
	case !r.Finished.IsZero() && r.Unclear:
		return Unknown, r, nil
	case !r.Finished.IsZero() && r.Err != "":
		return NotDone, r, nil
	case !r.Finished.IsZero():
		return Done, r, nil
	case x.Nature() == AtMostOnce:
		return Unknown, r, nil
	}
	ctx, cancel := context.WithTimeout(ctx, a.opt.Timeout)
	defer cancel()
	found, after, err := x.Look(ctx, act, before, hash)
	if err != nil || found != Done {
		return found, r, err
	}
	r, err = a.finish(r, after, "begun before a restart and found done", "")
	return Done, r, err
}

// Lease returns how long an action lasts unless renewed; 0 if it lasts.
func (a *Act) Lease(act fact.Action) time.Duration {
	if l, ok := a.opt.Actuators[act.Target].(Leaser); ok {
		return l.Lease()
	}
	return 0
}

// Renew makes what was done under w last for another lease. Without a lease it
// does nothing.
func (a *Act) Renew(ctx context.Context, w govern.Warrant) error {
	return a.leased(ctx, w, Leaser.Renew)
}

// Commit makes what was done under w last. Without a lease it does nothing.
func (a *Act) Commit(ctx context.Context, w govern.Warrant) error {
	return a.leased(ctx, w, Leaser.Commit)
}

func (a *Act) leased(ctx context.Context, w govern.Warrant, do func(Leaser, context.Context, govern.Warrant) error) error {
	if err := errors.Join(w.Valid(a.opt.Now()), a.stopped()); err != nil {
		return err
	}
	x, err := a.actuator(w.Action())
	if err != nil {
		return err
	}
	l, ok := x.(Leaser)
	if !ok {
		return nil
	}
	ctx, release := a.opt.Switch.Context(ctx)
	defer release()
	ctx, cancel := context.WithTimeout(ctx, a.opt.Timeout)
	defer cancel()
	return do(l, ctx, w)
}

// text writes a state in a fixed order.
func text(state map[string]string) string {
	if len(state) == 0 {
		return "nothing"
	}
	var b strings.Builder
	for i, k := range slices.Sorted(maps.Keys(state)) {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(k + "=" + state[k])
	}
	return b.String()
}
