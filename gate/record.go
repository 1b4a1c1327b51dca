package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/steersman-ops/steersman/fact"
)

// LeafKind is the kind of the gate's leaves in the ledger.
const LeafKind = "decision"

// A Leaf is what the ledger holds of one step; docs/formats/decision.md
// describes it.
type Leaf struct {
	Format   int        `json:"format"` // 1
	Proposal string     `json:"proposal"`
	Content  string     `json:"content"` // hash of the proposal's content
	Number   int        `json:"number"`  // of the step, from 0
	State    fact.State `json:"state"`
	At       time.Time  `json:"at"`
	By       string     `json:"by"`
	Why      string     `json:"why"`
	Papers   Papers     `json:"papers"`
}

// Papers are what a step rests on.
type Papers struct {
	Proposal *fact.Proposal `json:"proposal,omitempty"`
	Verdict  *fact.Verdict  `json:"verdict,omitempty"`
	Approval *fact.Approval `json:"approval,omitempty"`
	DryRun   *fact.Receipt  `json:"dryRun,omitempty"`
	Undo     *fact.Action   `json:"undo,omitempty"`
	Warrant  string         `json:"warrant,omitempty"`
	Receipt  *fact.Receipt  `json:"receipt,omitempty"`
	UndoDone *fact.Receipt  `json:"undoReceipt,omitempty"`
	Outcome  *fact.Outcome  `json:"outcome,omitempty"`
}

// papers returns what the step to state s of d rests on.
func papers(d *fact.Decision, s fact.State) Papers {
	switch s {
	case fact.Proposed:
		return Papers{Proposal: &d.Proposal}
	case fact.Waiting:
		return Papers{Verdict: d.Verdict, DryRun: d.DryRun, Undo: d.Undo}
	case fact.Approved:
		if d.Approval == nil { // nobody needed to be asked
			return Papers{Verdict: d.Verdict, DryRun: d.DryRun, Undo: d.Undo}
		}
		return Papers{Approval: d.Approval}
	case fact.Refused:
		return Papers{Verdict: d.Verdict, DryRun: d.DryRun, Approval: d.Approval}
	case fact.Acting:
		return Papers{Warrant: d.Warrant, Verdict: d.Verdict, Undo: d.Undo}
	case fact.Verifying:
		return Papers{Warrant: d.Warrant, Receipt: d.Receipt}
	case fact.Reverting:
		return Papers{Warrant: d.Warrant, Undo: d.Undo, Outcome: d.Outcome}
	case fact.Kept, fact.Reverted, fact.Failed, fact.Unclear:
		return Papers{Warrant: d.Warrant, Receipt: d.Receipt, UndoDone: d.UndoDone, Outcome: d.Outcome}
	}
	return Papers{}
}

// step moves d to a state: it writes down that it will, and seals that.
func (g *Gate) step(ctx context.Context, d *fact.Decision, to fact.State, by, why string) error {
	next := *d
	at := g.now()
	next.Steps = append(append([]fact.Step(nil), d.Steps...), fact.Step{State: to, At: at, By: by, Why: why, Leaf: -1})
	next.Updated = at
	if !to.Done() { // an end is an end when it is sealed, so that until then it is found open
		next.State = to
	}
	if err := g.opt.Journal.PutDecision(ctx, next); err != nil {
		return fmt.Errorf("write down the step to %s: %w", to, err)
	}
	*d = next
	g.opt.Failpoint(string(to) + ".intended")
	return g.seal(ctx, d)
}

// seal proves the last step of d in the ledger, if that is still to be done,
// and writes that down. It may be called again after a failure or a crash.
func (g *Gate) seal(ctx context.Context, d *fact.Decision) error {
	n := len(d.Steps) - 1
	if n < 0 || d.Steps[n].Hash != "" {
		return nil
	}
	s := d.Steps[n]
	content, err := fact.Hash(d.Proposal)
	if err != nil {
		return err
	}
	leaf := Leaf{
		Format: 1, Proposal: d.Proposal.ID, Content: content, Number: n,
		State: s.State, At: s.At, By: s.By, Why: s.Why, Papers: papers(d, s.State),
	}
	key := fmt.Sprintf("%s/%d/%s", d.Proposal.ID, n, s.State)
	index, hash, err := g.opt.Ledger.Append(ctx, key, LeafKind, s.At, leaf)
	if err == nil && hash == "" {
		err = errors.New("the ledger gave no hash")
	}
	if err != nil {
		return fmt.Errorf("prove the step to %s: %w", s.State, err)
	}
	g.opt.Failpoint(string(s.State) + ".proved")
	next := *d
	next.Steps = append([]fact.Step(nil), d.Steps...)
	next.Steps[n].Leaf, next.Steps[n].Hash = index, hash
	next.State = s.State
	if s.State.Done() {
		g.tell(ctx, &next)
		g.opt.Failpoint(string(s.State) + ".told")
	}
	if err := g.opt.Journal.PutDecision(ctx, next); err != nil {
		return fmt.Errorf("write down the proof of the step to %s: %w", s.State, err)
	}
	*d = next
	g.opt.Failpoint(string(s.State) + ".sealed")
	g.steps.WithLabelValues(string(s.State)).Inc()
	g.opt.Logger.Info("decision", "id", d.Proposal.ID, "state", s.State, "by", s.By, "why", s.Why, "leaf", index)
	g.opt.OnChange(*d)
	return nil
}

// tell appends the end of a decision to the intake log. The end does not
// depend on it: the ledger has it.
func (g *Gate) tell(ctx context.Context, d *fact.Decision) {
	body, err := json.Marshal(d)
	if err == nil {
		_, err = g.opt.Events.Append(ctx, &fact.Batch{
			Source: Source, Received: g.now().UnixMilli(),
			Events: []fact.Event{{At: d.Updated, Kind: "outcome", Ref: d.Proposal.ID, Body: string(body)}},
		})
	}
	if err != nil {
		g.opt.Logger.Error("an outcome did not reach the intake log; the ledger has it", "id", d.Proposal.ID, "err", err)
	}
}
