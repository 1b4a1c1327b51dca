package fact

import (
	"fmt"
	"time"
)

// ActionKind names a way to change the world.
type ActionKind string

// The actions that exist.
const (
	SetWeights ActionKind = "router.weights"  // Params: version → share of traffic in percent, adding up to 100
	Restart    ActionKind = "process.restart" // Params: "instance" → which one
)

// An Action is what a proposal asks to do. Target is the name under which the
// configuration knows the actuator; an empty Target or empty Params means
// nothing is to be done, never everything.
type Action struct {
	Kind   ActionKind        `json:"kind"`
	Target string            `json:"target"`
	Entity Entity            `json:"entity"`
	Params map[string]string `json:"params"`
}

func (a Action) String() string { return fmt.Sprintf("%s %s %v", a.Kind, a.Target, a.Params) }

// A Check is the question that decides afterwards whether an action helped.
type Check struct {
	Query         string  `json:"query"` // PromQL that gives one number
	Op            string  `json:"op"`    // "<" or ">": the number must be below or above
	Limit         float64 `json:"limit"`
	ForSeconds    float64 `json:"forSeconds"`    // this long without interruption
	WithinSeconds float64 `json:"withinSeconds"` // and that must have come about at the latest this long after the action
}

// A Proposal asks for one action, with the reason, the alternatives, the check
// and the way back.
type Proposal struct {
	ID           string        `json:"id"`
	Incident     string        `json:"incident"`
	Created      time.Time     `json:"created"`
	Expires      time.Time     `json:"expires"`
	Action       Action        `json:"action"`
	Title        string        `json:"title"`        // "Send all checkout traffic back to v1"
	Why          string        `json:"why"`          // one or two sentences
	Expected     string        `json:"expected"`     // what will be seen if it is right
	Alternatives []Alternative `json:"alternatives"` // doing nothing is one of them
	Check        Check         `json:"check"`
	Evidence     []string      `json:"evidence"` // ids of findings
	Confidence   float64       `json:"confidence"`
}

// An Alternative is something else that could be done instead.
type Alternative struct {
	Title string `json:"title"`
	Why   string `json:"why"` // why it was not chosen
}

// State is where a proposal stands on its way through the gate.
type State string

// The states of a proposal, in the order of the way.
const (
	Proposed  State = "proposed"  // known to the gate
	Waiting   State = "waiting"   // policy permits it; a person must agree
	Approved  State = "approved"  // agreed, not yet begun
	Acting    State = "acting"    // a warrant was given out
	Verifying State = "verifying" // done; the check is running
	Kept      State = "kept"      // it helped
	Reverting State = "reverting" // it did not help, or a person took it back
	Reverted  State = "reverted"  // the way back was taken
	Refused   State = "refused"   // by policy or by a person
	Expired   State = "expired"   // nobody answered in time, or the incident was over
	Failed    State = "failed"    // the action could not be done; what is known is in the receipt
	Unclear   State = "unclear"   // it is not known whether the action was done: a person must look
)

// Done reports whether s is an end state.
func (s State) Done() bool {
	switch s {
	case Kept, Reverted, Refused, Expired, Failed, Unclear:
		return true
	}
	return false
}

// A Decision is a proposal and everything that became of it.
type Decision struct {
	Proposal Proposal  `json:"proposal"`
	State    State     `json:"state"`
	Updated  time.Time `json:"updated"`
	Verdict  *Verdict  `json:"verdict,omitempty"`
	Approval *Approval `json:"approval,omitempty"`
	Warrant  string    `json:"warrant,omitempty"` // hash
	DryRun   *Receipt  `json:"dryRun,omitempty"`
	Receipt  *Receipt  `json:"receipt,omitempty"`
	Undo     *Action   `json:"undo,omitempty"` // the way back, written down before acting
	UndoDone *Receipt  `json:"undoReceipt,omitempty"`
	Outcome  *Outcome  `json:"outcome,omitempty"`
	Steps    []Step    `json:"steps"`
}

// A Step is one move of a decision, and the ledger leaf that proves it. Between
// being intended and being proved, for a moment or until a crash is over, Leaf is
// -1 and Hash is empty; docs/formats/decision.md says more.
type Step struct {
	State State     `json:"state"`
	At    time.Time `json:"at"`
	By    string    `json:"by"` // "gate", or the name of a person
	Why   string    `json:"why"`
	Leaf  int64     `json:"leaf"` // index in the ledger
	Hash  string    `json:"hash"` // of the leaf
}

// A Verdict is governance's answer to a proposal.
type Verdict struct {
	Proposal      string    `json:"proposal"`
	At            time.Time `json:"at"`
	Allowed       bool      `json:"allowed"`
	NeedsApproval bool      `json:"needsApproval"`
	Level         int       `json:"level"` // the autonomy in force, 0 to 5
	Blast         Blast     `json:"blast"`
	Rules         []Rule    `json:"rules"` // each rule that was looked at, in order
	Why           string    `json:"why"`   // which rule decided, in words
}

// A Rule is one rule's say in a verdict.
type Rule struct {
	Name string `json:"name"`
	Pass bool   `json:"pass"`
	Text string `json:"text"`
}

// Blast says how much of the service an action touches.
type Blast struct {
	Entities []Entity `json:"entities"`
	Share    float64  `json:"share"` // of the service's traffic or instances, 0 to 1
	Text     string   `json:"text"`
}

// An Approval is a person's answer to a proposal.
type Approval struct {
	Proposal string    `json:"proposal"`
	By       string    `json:"by"`
	At       time.Time `json:"at"`
	Yes      bool      `json:"yes"`
	Why      string    `json:"why,omitempty"`
}

// A Receipt is what an actuator says it did.
type Receipt struct {
	Warrant  string            `json:"warrant,omitempty"` // hash; empty for a dry run
	Action   Action            `json:"action"`
	DryRun   bool              `json:"dryRun"`
	Started  time.Time         `json:"started"`
	Finished time.Time         `json:"finished"`
	Before   map[string]string `json:"before"` // the state found
	After    map[string]string `json:"after"`  // the state left (for a dry run: that would be left)
	Err      string            `json:"err,omitempty"`
	Unclear  bool              `json:"unclear,omitempty"` // it may or may not have happened
	Text     string            `json:"text"`              // one sentence
}

// An Outcome says whether an action helped.
type Outcome struct {
	At     time.Time `json:"at"`
	Helped bool      `json:"helped"`
	Before float64   `json:"before"` // the check's number just before acting
	After  float64   `json:"after"`  // when it was decided
	Text   string    `json:"text"`
}
