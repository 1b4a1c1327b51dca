// Package desk is where a person's click is checked, answered, written down
// and passed on.
//
// It answers one question: was this click taken? It does not decide whether
// the click is wise, and it does not act: the gate does.
//
// # Method
//
// An answer to a proposal goes to the gate, which writes it to the journal and
// to the ledger before it says yes, and then follows into the intake log as an
// event, like any other observation. Stop and resume go to the kill switch and
// need nothing else; [Desk.Run] writes what the switch did to the ledger and
// to the intake log as soon as they will take it, whoever turned it: a person
// at the console, the command line, or a file made by hand.
//
// A contract with a source goes to the ledger and to the records, and comes into
// force when the event is read in the intake log, or at the next start.
//
// # Limits
//
// If the kill switch was turned twice while the ledger took nothing, only the
// last turn is written. A switch that stays engaged is told to the intake log
// again at each start, under the same key; the ledger takes it once.
package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"
	"unicode/utf8"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern/identity"
	"github.com/steersman-ops/steersman/govern/watchdog"
)

// Gate walks proposals through their states. Its errors wrap
// [fact.ErrNotFound], and ErrConflict or ErrStopped of package govern, where
// they apply; the desk passes them on.
type Gate interface {
	Approve(ctx context.Context, id, by, why string) (fact.Decision, error)
	Refuse(ctx context.Context, id, by, why string) (fact.Decision, error)
	Revert(ctx context.Context, id, by, why string) (fact.Decision, error)
}

// Switch is the kill switch.
type Switch interface {
	State() watchdog.State
	Engage(by, why string) (watchdog.State, error)
	Release(by, why string) (watchdog.State, error)
	Changed() (<-chan struct{}, func())
}

// Ledger keeps what must be proved later. Append is idempotent by key.
type Ledger interface {
	Append(ctx context.Context, key, kind string, at time.Time, body any) (index int64, hash string, err error)
}

// Events is the intake log.
type Events interface {
	Append(ctx context.Context, b *fact.Batch) (uint64, error)
}

// Contracts keeps what people agreed that sources send.
type Contracts interface {
	PutContract(ctx context.Context, c fact.Contract) error
}

// Source is the source of the batches that the desk appends.
const Source = "desk"

// maxWhy bounds what a person may write.
const maxWhy = 2000

// Options are what a Desk works with. All but Now and Logger are required.
type Options struct {
	Gate      Gate
	Switch    Switch
	Ledger    Ledger
	Events    Events
	Contracts Contracts
	Now       func() time.Time // nil: time.Now
	Logger    *slog.Logger     // nil: silent
}

// A Desk takes clicks. It is safe for concurrent use.
type Desk struct{ opt Options }

// New returns a Desk.
func New(opt Options) (*Desk, error) {
	if opt.Gate == nil || opt.Switch == nil || opt.Ledger == nil || opt.Events == nil || opt.Contracts == nil {
		return nil, errors.New("desk: a gate, a kill switch, a ledger, an intake log and a place for contracts are required")
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	return &Desk{opt}, nil
}

// Approve says yes to a proposal that waits for a person.
func (d *Desk) Approve(ctx context.Context, who identity.Person, id, why string) (fact.Decision, error) {
	return d.answer(ctx, "approve", d.opt.Gate.Approve, who, id, why)
}

// Refuse says no to a proposal that waits for a person.
func (d *Desk) Refuse(ctx context.Context, who identity.Person, id, why string) (fact.Decision, error) {
	return d.answer(ctx, "refuse", d.opt.Gate.Refuse, who, id, why)
}

// Revert takes back what was done.
func (d *Desk) Revert(ctx context.Context, who identity.Person, id, why string) (fact.Decision, error) {
	return d.answer(ctx, "revert", d.opt.Gate.Revert, who, id, why)
}

func (d *Desk) answer(ctx context.Context, verb string, do func(ctx context.Context, id, by, why string) (fact.Decision, error),
	who identity.Person, id, why string) (fact.Decision, error) {
	if err := check(who, why); err != nil {
		return fact.Decision{}, fmt.Errorf("%s %s: %w", verb, id, err)
	}
	dec, err := do(ctx, id, who.Name, why)
	if err != nil {
		return dec, fmt.Errorf("%s %s: %w", verb, id, err)
	}
	d.tell(ctx, "approval", id, map[string]string{"proposal": id, "by": who.Name, "answer": verb, "why": why})
	return dec, nil
}

// check refuses an answer from nobody, or one that is a book.
func check(who identity.Person, why string) error {
	switch {
	case who.Name == "":
		return fmt.Errorf("no person: %w", identity.ErrNobody)
	case len(why) > maxWhy:
		return &fact.Problem{What: fmt.Sprintf("the reason is %d bytes long, the limit is %d", len(why), maxWhy), Where: "why", Do: "shorten it"}
	case !utf8.ValidString(why):
		return &fact.Problem{What: "the reason is not UTF-8", Where: "why"}
	}
	return nil
}

// Stop engages the kill switch. It works with everything else down; an error
// beside an engaged state says that a restart would forget it.
func (d *Desk) Stop(_ context.Context, who identity.Person, why string) (watchdog.State, error) {
	if err := check(who, why); err != nil {
		return d.opt.Switch.State(), fmt.Errorf("stop: %w", err)
	}
	return d.opt.Switch.Engage(who.Name, why)
}

// Resume releases the kill switch.
func (d *Desk) Resume(_ context.Context, who identity.Person, why string) (watchdog.State, error) {
	if err := check(who, why); err != nil {
		return d.opt.Switch.State(), fmt.Errorf("resume: %w", err)
	}
	return d.opt.Switch.Release(who.Name, why)
}

// Agree holds a source to a contract. An error after it was written down says
// that it is not in force yet: the same click again mends that.
func (d *Desk) Agree(ctx context.Context, who identity.Person, c fact.Contract, why string) (fact.Contract, error) {
	if err := errors.Join(check(who, why), c.Check()); err != nil {
		return fact.Contract{}, fmt.Errorf("agree to the contract of %q: %w", c.Source, err)
	}
	c.Agreed, c.By, c.Why = d.opt.Now().UTC(), who.Name, why
	hash, err := fact.Hash(c)
	if err != nil {
		return fact.Contract{}, fmt.Errorf("agree to the contract of %s: %w", c.Source, err)
	}
	key := "contract/" + c.Source + "/" + c.Agreed.Format(time.RFC3339Nano)
	body := map[string]string{"source": c.Source, "by": who.Name, "why": why, "contract": hash}
	if _, _, err := d.opt.Ledger.Append(ctx, key, "contract", c.Agreed, body); err != nil {
		return fact.Contract{}, fmt.Errorf("agree to the contract of %s: %w", c.Source, err)
	}
	if err := d.opt.Contracts.PutContract(ctx, c); err != nil {
		return fact.Contract{}, fmt.Errorf("agree to the contract of %s: %w", c.Source, err)
	}
	if err := d.append(ctx, "contract", c.Source, c); err != nil {
		return c, fmt.Errorf("the contract of %s is on record, and in force at the next start or when it is agreed to again: %w", c.Source, err)
	}
	return c, nil
}

// tell appends an event to the intake log. A click that was taken is not
// untaken because its echo was lost; it is in the ledger.
func (d *Desk) tell(ctx context.Context, kind, ref string, body any) {
	if err := d.append(ctx, kind, ref, body); err != nil {
		d.opt.Logger.Error("an event did not reach the intake log; the ledger has it", "kind", kind, "ref", ref, "err", err)
	}
}

func (d *Desk) append(ctx context.Context, kind, ref string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	now := d.opt.Now().UTC()
	_, err = d.opt.Events.Append(ctx, &fact.Batch{
		Source: Source, Received: now.UnixMilli(),
		Events: []fact.Event{{At: now, Kind: kind, Ref: ref, Body: string(text)}},
	})
	return err
}

// retryEvery is how long Run waits after the ledger or the intake log took
// nothing.
const retryEvery = 2 * time.Second

// Run writes each turn of the kill switch down until ctx ends. A switch that
// is engaged when it starts is written down too: its key makes that one leaf.
func (d *Desk) Run(ctx context.Context) error {
	changed, stop := d.opt.Switch.Changed()
	defer stop()
	var written watchdog.State
	for {
		wait := time.Duration(-1)
		if st := d.opt.Switch.State(); st != written && !st.At.IsZero() {
			if err := d.write(ctx, st); err != nil {
				d.opt.Logger.Error("a turn of the kill switch is not written down yet", "engaged", st.Engaged, "err", err)
				wait = retryEvery
			} else {
				written = st
			}
		}
		if !sleep(ctx, changed, wait) {
			return nil
		}
	}
}

// write puts one turn of the kill switch into the ledger, then the intake log.
func (d *Desk) write(ctx context.Context, st watchdog.State) error {
	kind := "resume"
	if st.Engaged {
		kind = "stop"
	}
	key := kind + "/" + st.At.UTC().Format(time.RFC3339Nano)
	if _, _, err := d.opt.Ledger.Append(ctx, key, kind, st.At, st); err != nil {
		return err
	}
	return d.append(ctx, kind, key, st)
}

// sleep waits for a change or, if it is not negative, for wait. It reports
// false when ctx ended.
func sleep(ctx context.Context, changed <-chan struct{}, wait time.Duration) bool {
	var after <-chan time.Time
	if wait >= 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		after = t.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-changed:
	case <-after:
	}
	return true
}
