package act

import (
	"context"
	"errors"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern"
)

// A Nature says what may be done when it is not known whether an action was
// done.
type Nature string

// The natures.
const (
	Idempotent Nature = "idempotent"   // doing it twice is doing it once
	Probeable  Nature = "probeable"    // a look tells whether it was done
	AtMostOnce Nature = "at-most-once" // ask a person
)

// Found is what a look at the world says about an action.
type Found string

// What may be found.
const (
	Done    Found = "done"
	NotDone Found = "not done"
	Unknown Found = "unknown"
)

// An Actuator changes one thing. Methods that change take the warrant, so that
// there is no way around it. It must be safe for concurrent use.
type Actuator interface {
	// Kind returns the one kind of action that it does.
	Kind() fact.ActionKind
	// Nature returns how its actions are settled when in doubt.
	Nature() Nature
	// DryRun reads the state and says what the action would leave. It changes
	// nothing.
	DryRun(ctx context.Context, a fact.Action) (fact.Receipt, error)
	// Undo returns the action that leads back from what a will do to the state
	// found now, or an error wrapping [ErrNoWayBack].
	Undo(ctx context.Context, a fact.Action) (fact.Action, error)
	// Do acts. An error wrapping [ErrUnclear] says that it may or may not have
	// happened; any other, that it did not.
	Do(ctx context.Context, w govern.Warrant) (after map[string]string, err error)
	// Look reads whether the action of a warrant with this hash, begun on the
	// state before, has been done.
	Look(ctx context.Context, a fact.Action, before map[string]string, hash string) (found Found, after map[string]string, err error)
}

// A Leaser is an Actuator whose actions undo themselves unless they are
// renewed: the dead man's switch.
type Leaser interface {
	// Lease returns how long an action lasts unless it is renewed.
	Lease() time.Duration
	// Renew makes it last that long from now. It returns an error wrapping
	// [ErrLeaseLost] if it has run out.
	Renew(ctx context.Context, w govern.Warrant) error
	// Commit makes it last for ever, or returns an error wrapping [ErrLeaseLost].
	// Committing what was committed is no error.
	Commit(ctx context.Context, w govern.Warrant) error
}

var (
	// ErrUnclear is wrapped by what an actuator returns when the action may or
	// may not have happened.
	ErrUnclear = errors.New("it is not known whether it happened")
	// ErrNoWayBack is wrapped by what Undo returns for what cannot be undone.
	ErrNoWayBack = errors.New("there is no way back")
	// ErrLeaseLost is wrapped by what Renew and Commit return when the action
	// has undone itself.
	ErrLeaseLost = errors.New("the lease has run out")
	// ErrPrecondition is wrapped by what Do returns when the state is not the
	// one that was seen.
	ErrPrecondition = errors.New("the state has changed")
)
