package gate

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/act"
	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern"
)

func states(d fact.Decision) (out []fact.State) {
	for _, s := range d.Steps {
		out = append(out, s.State)
	}
	return out
}

func (w *world) propose(p fact.Proposal) {
	w.t.Helper()
	if err := w.gate.Propose(context.Background(), p); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) approve(id string) {
	w.t.Helper()
	if _, err := w.gate.Approve(context.Background(), id, "ada", "go"); err != nil {
		w.t.Fatal(err)
	}
}

func TestWhatHelpsIsKept(t *testing.T) {
	w := newWorld(t)
	w.propose(w.rollback("p1"))
	d := w.until("p1", fact.Waiting)
	if d.DryRun == nil || d.DryRun.Before["v2"] != "100" || d.Undo == nil || d.Undo.Params["v2"] != "100" || !d.Verdict.NeedsApproval {
		t.Fatalf("waiting without dry run, way back and verdict: %+v", d)
	}
	w.approve("p1")
	d = w.until("p1", fact.Kept)
	w.want(d, fact.Kept)
	want := []fact.State{fact.Proposed, fact.Waiting, fact.Approved, fact.Acting, fact.Verifying, fact.Kept}
	if got := states(d); !slices.Equal(got, want) {
		t.Errorf("states %v, want %v", got, want)
	}
	if !d.Outcome.Helped || d.Receipt.Warrant != d.Warrant || w.router.ids[d.Warrant] != 1 {
		t.Errorf("outcome %+v, receipt %+v, effects %v", d.Outcome, d.Receipt, w.router.ids)
	}
	if took := d.Outcome.At.Sub(d.Receipt.Finished); took != 11*time.Second {
		t.Errorf("10 s without interruption, counted from the first good second, took %v", took)
	}
	w.now = w.now.Add(time.Hour)
	if w.router.look()["v1"] != "100" {
		t.Error("what was kept did not last")
	}
	if len(w.events) != 1 || w.events[0].Kind != "outcome" || w.events[0].Ref != "p1" {
		t.Errorf("events %+v", w.events)
	}
	w.proved()
}

func TestWhatDoesNotHelpIsReverted(t *testing.T) {
	w := newWorld(t)
	w.value = func(time.Time) (float64, bool, error) { return 0.4, true, nil }
	w.propose(w.rollback("p1"))
	w.until("p1", fact.Waiting)
	w.approve("p1")
	d := w.until("p1", fact.Reverted)
	w.want(d, fact.Reverted)
	if d.Outcome.Helped || d.Outcome.Before != 0.4 || d.UndoDone == nil || d.UndoDone.Warrant == d.Warrant {
		t.Errorf("outcome %+v, way back %+v", d.Outcome, d.UndoDone)
	}
	if len(w.router.ids) != 2 {
		t.Errorf("effects %v, want one there and one back", w.router.ids)
	}
	w.now = w.now.Add(time.Hour)
	if w.router.look()["v2"] != "100" {
		t.Error("the way back did not last")
	}
	w.proved()
}

func TestRestartThatDoesNotHelpHasNoWayBack(t *testing.T) {
	w := newWorld(t)
	w.propose(w.restart("p1"))
	w.until("p1", fact.Waiting)
	w.approve("p1")
	d := w.until("p1", fact.Failed)
	w.want(d, fact.Failed)
	if d.Outcome == nil || d.Outcome.Helped || w.proc.starts != 2 {
		t.Errorf("outcome %+v after %d starts", d.Outcome, w.proc.starts)
	}
	w.proved()
}

// A number that dips in between begins the stretch anew, and seconds without a
// number do not count.
func TestCheckTakes(t *testing.T) {
	want := fact.Check{Op: "<", Limit: 1, ForSeconds: 2, WithinSeconds: 6}
	const none = -1
	for _, tt := range []struct {
		name   string
		values []float64
		result verdict
		at     int
	}{
		{"at once", []float64{0, 0, 0}, helped, 3},
		{"after a while", []float64{5, 5, 0, 0, 0}, helped, 5},
		{"interrupted", []float64{0, 0, 5, 0, 0, 0}, helped, 6},
		{"silence interrupts", []float64{0, 0, none, 0, 0, 0}, helped, 6},
		{"too late", []float64{5, 5, 5, 5, 0, 0}, didNotHelp, 6},
		{"never a number", []float64{none, none, none, none, none, none}, didNotHelp, 6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := check{next: 1}
			for i, v := range tt.values {
				if c.result != undecided {
					t.Fatalf("decided after %d seconds", i)
				}
				c.take(want, v, v != none)
			}
			if c.result != tt.result || c.next-1 != tt.at {
				t.Errorf("result %v after %d seconds, want %v after %d", c.result, c.next-1, tt.result, tt.at)
			}
		})
	}
}

func TestNobodyAnswers(t *testing.T) {
	w := newWorld(t)
	w.propose(w.rollback("p1"))
	d := w.until("p1", fact.Expired)
	w.want(d, fact.Expired)
	if d.Updated.Before(d.Proposal.Expires) || len(w.router.ids) != 0 {
		t.Errorf("expired at %v, effects %v", d.Updated, w.router.ids)
	}
	if _, err := w.gate.Approve(context.Background(), "p1", "ada", ""); !errors.Is(err, govern.ErrConflict) {
		t.Errorf("approving what has expired: %v", err)
	}
	w.proved()
}

func TestIncidentEndsFirst(t *testing.T) {
	w := newWorld(t)
	w.propose(w.rollback("p1"))
	w.until("p1", fact.Waiting)
	w.open["inc-1"] = false
	w.want(w.until("p1", fact.Expired), fact.Expired)
}

func TestPersonRefuses(t *testing.T) {
	w := newWorld(t)
	w.propose(w.rollback("p1"))
	w.until("p1", fact.Waiting)
	d, err := w.gate.Refuse(context.Background(), "p1", "ada", "I know better")
	if err != nil {
		t.Fatal(err)
	}
	w.want(d, fact.Refused)
	if s := d.Steps[len(d.Steps)-1]; s.By != "ada" || s.Why != "I know better" {
		t.Errorf("step %+v", s)
	}
	if _, err := w.gate.Refuse(context.Background(), "p1", "ada", "again"); err != nil {
		t.Errorf("the same click again: %v", err)
	}
	if _, err := w.gate.Approve(context.Background(), "p1", "ada", ""); !errors.Is(err, govern.ErrConflict) {
		t.Errorf("approving what was refused: %v", err)
	}
	w.proved()
}

func TestPolicyRefuses(t *testing.T) {
	w := newWorld(t)
	p := w.rollback("p1")
	p.Action.Params = map[string]string{"v1": "60", "v2": "60"}
	w.propose(p)
	d := w.until("p1", fact.Refused)
	w.want(d, fact.Refused)
	if d.Verdict.Allowed || d.Verdict.Why != "parameters: weights add up to 120, not 100" {
		t.Errorf("verdict %+v", d.Verdict)
	}
}

func TestProposeTwiceIsOnce(t *testing.T) {
	w := newWorld(t)
	w.propose(w.rollback("p1"))
	w.propose(w.rollback("p1"))
	w.until("p1", fact.Waiting)
	w.propose(w.rollback("p1"))
	w.approve("p1")
	w.approve("p1")
	w.want(w.until("p1", fact.Kept), fact.Kept)
	w.propose(w.rollback("p1"))
	if d, err := w.Decision(context.Background(), "p1"); err != nil || d.State != fact.Kept {
		t.Errorf("proposed anew after its end: %v %v", d.State, err)
	}
	w.proved()
}

func TestNoIDNoProposal(t *testing.T) {
	w := newWorld(t)
	if err := w.gate.Propose(context.Background(), fact.Proposal{Title: "x"}); err == nil {
		t.Error("a proposal without id was taken")
	}
	if _, err := w.gate.Approve(context.Background(), "nothing", "ada", ""); !errors.Is(err, fact.ErrNotFound) {
		t.Errorf("approving what is not there: %v", err)
	}
}

func TestPersonRevertsWhatWasKept(t *testing.T) {
	w := newWorld(t)
	w.propose(w.rollback("p1"))
	w.until("p1", fact.Waiting)
	w.approve("p1")
	w.want(w.until("p1", fact.Kept), fact.Kept)
	d, err := w.gate.Revert(context.Background(), "p1", "ada", "v2 was fine")
	if err != nil {
		t.Fatal(err)
	}
	w.want(d, fact.Reverting)
	d = w.until("p1", fact.Reverted)
	w.want(d, fact.Reverted)
	w.now = w.now.Add(time.Hour)
	if w.router.look()["v2"] != "100" {
		t.Error("it did not go back")
	}
	w.proved()
}

func TestNoRevertOverSomebodyElsesChange(t *testing.T) {
	w := newWorld(t)
	w.propose(w.rollback("p1"))
	w.until("p1", fact.Waiting)
	w.approve("p1")
	w.until("p1", fact.Kept)
	w.router.weights = map[string]string{"v1": "50", "v2": "50"}
	if _, err := w.gate.Revert(context.Background(), "p1", "ada", ""); !errors.Is(err, govern.ErrConflict) {
		t.Errorf("reverting over another change: %v", err)
	}
}

func TestPersonRevertsWhileVerifying(t *testing.T) {
	w := newWorld(t)
	w.propose(w.rollback("p1"))
	w.until("p1", fact.Waiting)
	w.approve("p1")
	w.until("p1", fact.Verifying)
	if _, err := w.gate.Revert(context.Background(), "p1", "ada", "no"); err != nil {
		t.Fatal(err)
	}
	w.want(w.until("p1", fact.Reverted), fact.Reverted)
	w.proved()
}

// The state that a person agreed to must be the state that is found.
func TestStateChangedSinceTheDryRun(t *testing.T) {
	w := newWorld(t)
	w.propose(w.rollback("p1"))
	w.until("p1", fact.Waiting)
	w.router.weights = map[string]string{"v1": "50", "v2": "50"}
	w.approve("p1")
	d := w.until("p1", fact.Failed)
	w.want(d, fact.Failed)
	if len(w.router.ids) != 0 {
		t.Error("it was done all the same")
	}
	w.proved()
}

func TestLeaseReturnsWhileNobodyRenews(t *testing.T) {
	w := newWorld(t)
	w.propose(w.rollback("p1"))
	w.until("p1", fact.Waiting)
	w.approve("p1")
	w.until("p1", fact.Verifying)
	w.now = w.now.Add(31 * time.Second) // the program was dead
	w.boot()
	d := w.until("p1", fact.Reverted)
	w.want(d, fact.Reverted)
	if len(w.router.ids) != 1 {
		t.Errorf("effects %v: it had returned by itself, nothing was to be done", w.router.ids)
	}
	w.proved()
}

func TestStopWhileWaiting(t *testing.T) {
	w := newWorld(t)
	w.propose(w.rollback("p1"))
	w.until("p1", fact.Waiting)
	if _, err := w.sw.Engage("ada", "wait"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.gate.Approve(context.Background(), "p1", "ada", ""); !errors.Is(err, govern.ErrStopped) {
		t.Errorf("approving while stopped: %v", err)
	}
	if _, err := w.sw.Release("ada", ""); err != nil {
		t.Fatal(err)
	}
	w.approve("p1")
	w.want(w.until("p1", fact.Kept), fact.Kept)
}

func TestProposedWhileStopped(t *testing.T) {
	w := newWorld(t)
	if _, err := w.sw.Engage("ada", "wait"); err != nil {
		t.Fatal(err)
	}
	w.propose(w.rollback("p1"))
	for range 5 {
		d, err := w.advance("p1")
		if err != nil || d.State != fact.Proposed {
			t.Fatalf("%s %v", d.State, err)
		}
	}
	if _, err := w.sw.Release("ada", ""); err != nil {
		t.Fatal(err)
	}
	w.want(w.until("p1", fact.Waiting), fact.Waiting)
}

// While stopped nothing is renewed, kept or reverted; the lease does its work.
func TestStopWhileVerifying(t *testing.T) {
	w := newWorld(t)
	w.propose(w.rollback("p1"))
	w.until("p1", fact.Waiting)
	w.approve("p1")
	w.until("p1", fact.Verifying)
	if _, err := w.sw.Engage("ada", "runaway"); err != nil {
		t.Fatal(err)
	}
	for range 40 {
		d, err := w.advance("p1")
		if err != nil || d.State != fact.Verifying {
			t.Fatalf("%s %v", d.State, err)
		}
	}
	if w.router.look()["v2"] != "100" {
		t.Error("the lease did not run out")
	}
	if _, err := w.sw.Release("ada", ""); err != nil {
		t.Fatal(err)
	}
	d := w.until("p1", fact.Reverted)
	w.want(d, fact.Reverted)
	holds := 0
	for _, s := range d.Steps {
		if s.Why == "held: the kill switch is engaged by ada: runaway" {
			holds++
		}
	}
	if holds != 1 {
		t.Errorf("the hold was told %d times", holds)
	}
	w.proved()
}

func TestStopBeforeTheWayBack(t *testing.T) {
	w := newWorld(t)
	w.propose(w.rollback("p1"))
	w.until("p1", fact.Waiting)
	w.approve("p1")
	w.until("p1", fact.Verifying)
	if _, err := w.gate.Revert(context.Background(), "p1", "ada", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := w.sw.Engage("ada", "stop"); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if _, err := w.advance("p1"); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.router.ids) != 1 {
		t.Error("it acted while stopped")
	}
	if _, err := w.sw.Release("ada", ""); err != nil {
		t.Fatal(err)
	}
	w.want(w.until("p1", fact.Reverted), fact.Reverted)
}

func TestActionFails(t *testing.T) {
	w := newWorld(t)
	w.router.fail = errors.New("no such router")
	w.propose(w.rollback("p1"))
	w.until("p1", fact.Waiting)
	w.approve("p1")
	d := w.until("p1", fact.Failed)
	w.want(d, fact.Failed)
	if d.Receipt == nil || d.Receipt.Err != "no such router" {
		t.Errorf("receipt %+v", d.Receipt)
	}
	w.proved()
}

// The program dies between the deed and its receipt: a look finds it done.
func TestReceiptLostButDone(t *testing.T) {
	w := newWorld(t)
	w.value = func(time.Time) (float64, bool, error) { return 0, true, nil }
	w.propose(w.restart("p1"))
	w.until("p1", fact.Waiting)
	w.approve("p1")
	w.until("p1", fact.Acting)
	w.crashAt = w.points + 3
	if !w.try(func() { w.until("p1", fact.Kept) }) || w.passed[len(w.passed)-1] != "process.after" {
		t.Fatalf("no crash, or at the wrong place: %v", w.passed)
	}
	w.boot()
	d := w.until("p1", fact.Kept)
	w.want(d, fact.Kept)
	if w.proc.starts != 2 || d.Receipt.Text != "begun before a restart and found done" {
		t.Errorf("%d starts, %q", w.proc.starts, d.Receipt.Text)
	}
	w.proved()
}

// What was decided stays decided, whatever the numbers say when the program
// comes back.
func TestOutcomeIsDecidedOnce(t *testing.T) {
	w := newWorld(t)
	w.propose(w.rollback("p1"))
	w.until("p1", fact.Waiting)
	w.approve("p1")
	w.until("p1", fact.Verifying)
	for !slices.Contains(w.passed, "router.committed") {
		w.crashAt = w.points + 2 // kept.decided, router.committed
		w.try(func() { w.until("p1", fact.Kept) })
	}
	w.boot()
	w.value = func(time.Time) (float64, bool, error) { return 1, true, nil }
	w.want(w.until("p1", fact.Kept), fact.Kept)
	w.proved()
}

// Without a ledger nothing is done; with it again, everything goes on.
func TestNoProofNoDeed(t *testing.T) {
	w := newWorld(t)
	w.propose(w.rollback("p1"))
	w.until("p1", fact.Waiting)
	w.broken["ledger"] = errors.New("disk full")
	if _, err := w.gate.Approve(context.Background(), "p1", "ada", ""); err == nil {
		t.Error("approved without proof")
	}
	for range 5 {
		if _, err := w.advance("p1"); err == nil {
			t.Error("it went on without proof")
		}
	}
	if len(w.router.ids) != 0 {
		t.Error("it acted without proof")
	}
	delete(w.broken, "ledger")
	w.want(w.until("p1", fact.Kept), fact.Kept)
	w.proved()
}

func TestLostEventDoesNotHoldTheEnd(t *testing.T) {
	w := newWorld(t)
	w.broken["events"] = fact.ErrBusy
	w.propose(w.rollback("p1"))
	w.until("p1", fact.Waiting)
	w.approve("p1")
	w.want(w.until("p1", fact.Kept), fact.Kept)
}

func TestTwoBadOutcomesOpenTheCircuit(t *testing.T) {
	w := newWorld(t)
	w.value = func(time.Time) (float64, bool, error) { return 0.4, true, nil }
	for _, id := range []string{"p1", "p2"} {
		w.propose(w.rollback(id))
		w.until(id, fact.Waiting)
		w.approve(id)
		w.want(w.until(id, fact.Reverted), fact.Reverted)
	}
	w.propose(w.rollback("p3"))
	w.want(w.until("p3", fact.Refused), fact.Refused)
	w.now = w.now.Add(time.Hour)
	w.propose(w.rollback("p4"))
	w.want(w.until("p4", fact.Waiting), fact.Waiting)
}

// Two proposals for one entity: the second waits for the first.
func TestOneAtATime(t *testing.T) {
	w := newWorld(t)
	w.propose(w.rollback("p1"))
	second := w.rollback("p2")
	second.Action.Params = map[string]string{"v1": "50", "v2": "50"}
	w.propose(second)
	w.until("p1", fact.Waiting)
	w.until("p2", fact.Waiting)
	w.approve("p1")
	w.approve("p2")
	w.until("p1", fact.Verifying)
	for range 3 {
		d, err := w.advance("p2")
		if err != nil || d.State != fact.Approved {
			t.Fatalf("p2 is %s, want approved: %v", d.State, err)
		}
	}
	w.want(w.until("p1", fact.Kept), fact.Kept)
	// By now the state is not the one to which a person agreed.
	w.want(w.until("p2", fact.Failed), fact.Failed)
	w.proved()
}

func TestUnattendedNeedsNobody(t *testing.T) {
	w := newWorld(t)
	w.cfg.Level, w.cfg.MaxShare = 5, 1
	w.boot()
	w.propose(w.rollback("p1"))
	d := w.until("p1", fact.Kept)
	w.want(d, fact.Kept)
	if slices.Contains(states(d), fact.Waiting) {
		t.Error("it waited for a person")
	}
}

// Data that became bad lowers the level: what was not begun waits for a person
// then, also if nobody needed to be asked a moment ago.
func TestBadDataNeedsAPerson(t *testing.T) {
	w := newWorld(t)
	w.cfg.Level, w.cfg.MaxShare = 5, 1
	w.boot()
	w.propose(w.rollback("p1"))
	w.want(w.until("p1", fact.Approved), fact.Approved)
	w.doubt = 0.5
	d := w.until("p1", fact.Waiting)
	w.want(d, fact.Waiting)
	if d.Verdict.Level != 1 || !strings.Contains(d.Steps[len(d.Steps)-1].Why, "otlp/checkout, which tells of checkout, has a score of 0.50") {
		t.Errorf("level %d, because %q", d.Verdict.Level, d.Steps[len(d.Steps)-1].Why)
	}
	w.approve("p1")
	w.want(w.until("p1", fact.Kept), fact.Kept)
	w.doubt = 0
	w.router.weights = map[string]string{"v1": "0", "v2": "100"}
	w.propose(w.rollback("p2"))
	if d := w.until("p2", fact.Kept); d.State != fact.Kept || slices.Contains(states(d), fact.Waiting) {
		t.Errorf("with good data again: %v", states(d))
	}
	w.proved()
}

func TestBigBlastNeedsAPersonAtAnyLevel(t *testing.T) {
	w := newWorld(t)
	w.cfg.Level = 5
	w.boot()
	w.propose(w.rollback("p1"))
	d := w.until("p1", fact.Waiting)
	w.want(d, fact.Waiting)
	if d.Verdict.Blast.Share != 1 {
		t.Errorf("blast %+v", d.Verdict.Blast)
	}
}

func TestUnclearEndsWithAPerson(t *testing.T) {
	w := newWorld(t)
	w.propose(w.rollback("p1"))
	w.until("p1", fact.Waiting)
	w.approve("p1")
	w.until("p1", fact.Acting)
	w.crashAt = w.points + 3 // in the router, after the change
	if !w.try(func() { w.until("p1", fact.Kept) }) {
		t.Fatal("no crash")
	}
	w.router.weights, w.router.ends = map[string]string{"v1": "30", "v2": "70"}, time.Time{} // and somebody else came
	w.boot()
	d := w.until("p1", fact.Unclear)
	w.want(d, fact.Unclear)
	if !d.Receipt.Unclear {
		t.Errorf("receipt %+v", d.Receipt)
	}
	w.proved()
}

var _ act.Leaser = (*fakeRouter)(nil)
