package govern

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/steersman-ops/steersman/fact"
)

// A Way says in which direction a warrant leads.
type Way string

// The ways.
const (
	There Way = "there" // do what the proposal asks
	Back  Way = "back"  // undo it
)

// A Warrant permits one action, once, on the state that was seen, for a short
// time. Only this package can make one; the zero Warrant permits nothing.
//
// Its hash covers the proposal, the action and the way, not the expiry: a
// permission that is asked for again after a crash has the same name, so that
// whoever acts on it can tell that it was used.
type Warrant struct {
	proposal     string
	proposalHash string
	action       fact.Action
	before       map[string]string
	blast        fact.Blast
	way          Way
	expires      time.Time
	hash         string
}

// The reasons for which a warrant does not hold.
var (
	ErrNoWarrant = errors.New("no warrant")
	ErrRunOut    = errors.New("the warrant has run out")
)

// Valid reports whether the warrant permits its action at now.
func (w Warrant) Valid(now time.Time) error {
	switch {
	case w.hash == "":
		return fmt.Errorf("the zero warrant permits nothing: %w", ErrNoWarrant)
	case !now.Before(w.expires):
		return fmt.Errorf("warrant %.12s was good until %s: %w", w.hash, w.expires.Format(time.RFC3339), ErrRunOut)
	}
	return nil
}

// Action returns exactly what may be done.
func (w Warrant) Action() fact.Action { return cloneAction(w.action) }

// Before returns the state on which it may be done: what the dry run saw.
func (w Warrant) Before() map[string]string { return maps.Clone(w.before) }

// Proposal returns the id of the proposal.
func (w Warrant) Proposal() string { return w.proposal }

// ProposalHash returns the hash of the proposal's content.
func (w Warrant) ProposalHash() string { return w.proposalHash }

// Hash returns the warrant's name.
func (w Warrant) Hash() string { return w.hash }

// Way returns the direction.
func (w Warrant) Way() Way { return w.way }

// Blast returns how much may be touched.
func (w Warrant) Blast() fact.Blast { return w.blast }

// Expires returns when the warrant runs out.
func (w Warrant) Expires() time.Time { return w.expires }

func cloneAction(a fact.Action) fact.Action {
	a.Params = maps.Clone(a.Params)
	return a
}

// name is what a warrant's hash covers.
type name struct {
	Proposal string      `json:"proposal"` // hash of its content
	Way      Way         `json:"way"`
	Action   fact.Action `json:"action"`
}

// newWarrant makes the warrant for one way of a decision.
func newWarrant(d *fact.Decision, way Way, a fact.Action, before map[string]string, blast fact.Blast, expires time.Time) (Warrant, error) {
	ph, err := fact.Hash(d.Proposal)
	if err != nil {
		return Warrant{}, err
	}
	h, err := fact.Hash(name{ph, way, a})
	if err != nil {
		return Warrant{}, err
	}
	return Warrant{
		proposal: d.Proposal.ID, proposalHash: ph, action: cloneAction(a), before: maps.Clone(before),
		blast: blast, way: way, expires: expires.UTC(), hash: h,
	}, nil
}
