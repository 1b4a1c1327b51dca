package govern_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern"
	"github.com/steersman-ops/steersman/govern/policy"
	"github.com/steersman-ops/steersman/govern/watchdog"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

type world struct {
	now    time.Time
	stop   watchdog.State
	open   bool
	recent []fact.Decision
	err    error
}

func (w *world) State() watchdog.State                              { return w.stop }
func (w *world) IncidentOpen(context.Context, string) (bool, error) { return w.open, w.err }
func (w *world) RecentDecisions(context.Context, time.Time) ([]fact.Decision, error) {
	return w.recent, w.err
}

func governor(t *testing.T) (*world, *govern.Governor) {
	t.Helper()
	w := &world{now: start, open: true}
	g, err := govern.New(policy.Default(), govern.Options{
		Switch: w, Incidents: w, History: w, Now: func() time.Time { return w.now },
		Actuators: []policy.Actuator{{Name: "r", Kind: fact.SetWeights, Services: []string{"checkout"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w, g
}

func agreed() fact.Decision {
	a := fact.Action{Kind: fact.SetWeights, Target: "r", Entity: fact.Entity{Kind: fact.Service, Name: "checkout"}, Params: map[string]string{"v1": "100", "v2": "0"}}
	undo := a
	undo.Params = map[string]string{"v1": "0", "v2": "100"}
	return fact.Decision{
		State: fact.Approved,
		Proposal: fact.Proposal{
			ID: "p1", Incident: "inc-1", Created: start, Expires: start.Add(time.Hour), Action: a,
			Check: fact.Check{Query: "x", Op: "<", Limit: 1, WithinSeconds: 10},
		},
		DryRun:   &fact.Receipt{Action: a, DryRun: true, Before: undo.Params, After: a.Params, Text: "would"},
		Undo:     &undo,
		Approval: &fact.Approval{Proposal: "p1", By: "ada", At: start, Yes: true},
	}
}

func TestZeroWarrant(t *testing.T) {
	var w govern.Warrant
	if err := w.Valid(start); !errors.Is(err, govern.ErrNoWarrant) {
		t.Errorf("%v", err)
	}
	if w.Hash() != "" || w.Action().Target != "" || w.Proposal() != "" {
		t.Errorf("%+v", w)
	}
}

func TestWarrantHasNoExportedFields(t *testing.T) {
	for f := range reflect.TypeFor[govern.Warrant]().NumField() {
		if f := reflect.TypeFor[govern.Warrant]().Field(f); f.IsExported() {
			t.Errorf("field %s can be set by anybody", f.Name)
		}
	}
}

func TestPermit(t *testing.T) {
	_, g := governor(t)
	d := agreed()
	w, err := g.Permit(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Valid(start.Add(govern.WarrantFor - 1)); err != nil {
		t.Error(err)
	}
	if err := w.Valid(start.Add(govern.WarrantFor)); !errors.Is(err, govern.ErrRunOut) {
		t.Errorf("after its time: %v", err)
	}
	ph, err := fact.Hash(d.Proposal)
	if err != nil {
		t.Fatal(err)
	}
	if w.ProposalHash() != ph || w.Proposal() != "p1" || w.Way() != govern.There || w.Blast().Share != 1 || w.Before()["v2"] != "100" || w.Action().Params["v1"] != "100" {
		t.Errorf("%+v", w)
	}
	w.Action().Params["v1"], w.Before()["v2"], d.Proposal.Action.Params["v1"] = "0", "0", "7"
	if w.Action().Params["v1"] != "100" || w.Before()["v2"] != "100" {
		t.Error("a warrant can be changed from outside")
	}
}

// The same permission has the same name, and nothing else has.
func TestWarrantHash(t *testing.T) {
	wd, g := governor(t)
	hash := func(change func(*fact.Decision)) string {
		d := agreed()
		if change != nil {
			change(&d)
		}
		w, err := g.Permit(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		return w.Hash()
	}
	first := hash(nil)
	wd.now = wd.now.Add(5 * time.Second)
	if hash(nil) != first {
		t.Error("asked later, it has another name")
	}
	for name, change := range map[string]func(*fact.Decision){
		"reason": func(d *fact.Decision) { d.Proposal.Why = "another" },
		"params": func(d *fact.Decision) {
			d.Proposal.Action.Params = map[string]string{"v1": "100"}
			d.DryRun.Action = d.Proposal.Action
		},
	} {
		if hash(change) == first {
			t.Errorf("another %s has the same name", name)
		}
	}
}

func TestPermitRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*world, *fact.Decision)
		want   error // nil: a Refusal
	}{
		{"nobody agreed", func(_ *world, d *fact.Decision) { d.Approval = nil }, govern.ErrConflict},
		{"somebody said no", func(_ *world, d *fact.Decision) { d.Approval.Yes = false }, govern.ErrConflict},
		{"an agreement to another", func(_ *world, d *fact.Decision) { d.Approval.Proposal = "p2" }, govern.ErrConflict},
		{"an agreement of nobody", func(_ *world, d *fact.Decision) { d.Approval.By = "" }, govern.ErrConflict},
		{"stopped", func(w *world, _ *fact.Decision) { w.stop.Engaged = true }, nil},
		{"too late", func(w *world, _ *fact.Decision) { w.now = w.now.Add(time.Hour) }, nil},
		{"the incident is over", func(w *world, _ *fact.Decision) { w.open = false }, nil},
		{"nothing can be learned", func(w *world, _ *fact.Decision) { w.err = errors.New("disk") }, nil},
		{"an unknown actuator", func(_ *world, d *fact.Decision) { d.Proposal.Action.Target = "x" }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wd, g := governor(t)
			d := agreed()
			tt.change(wd, &d)
			w, err := g.Permit(t.Context(), d)
			var refusal *govern.Refusal
			if err == nil || (tt.want != nil && !errors.Is(err, tt.want)) || (tt.want == nil && !errors.As(err, &refusal)) {
				t.Errorf("%v", err)
			}
			if w.Hash() != "" {
				t.Error("a warrant was given")
			}
		})
	}
}

func TestContinue(t *testing.T) {
	wd, g := governor(t)
	d := agreed()
	w, err := g.Permit(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Continue(t.Context(), d, start.Add(time.Hour)); !errors.Is(err, govern.ErrConflict) {
		t.Errorf("before it was begun: %v", err)
	}
	d.State, d.Warrant = fact.Verifying, w.Hash()
	wd.open, wd.err = false, errors.New("disk") // it was permitted already
	again, err := g.Continue(t.Context(), d, start.Add(time.Hour))
	if err != nil || again.Hash() != w.Hash() || !again.Expires().Equal(start.Add(time.Hour)) {
		t.Errorf("%+v %v", again, err)
	}
	d.Proposal.Action.Params["v1"] = "90"
	if _, err := g.Continue(t.Context(), d, start.Add(time.Hour)); !errors.Is(err, govern.ErrNoWarrant) {
		t.Errorf("with another content than was permitted: %v", err)
	}
	wd.stop.Engaged = true
	if _, err := g.Continue(t.Context(), d, start.Add(time.Hour)); !errors.Is(err, govern.ErrStopped) {
		t.Errorf("while stopped: %v", err)
	}
}

func TestReturn(t *testing.T) {
	wd, g := governor(t)
	d := agreed()
	if _, err := g.Return(t.Context(), d); !errors.Is(err, govern.ErrConflict) {
		t.Errorf("before anything was done: %v", err)
	}
	there, err := g.Permit(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	d.State, d.Warrant = fact.Reverting, there.Hash()
	d.Receipt = &fact.Receipt{After: map[string]string{"v1": "100", "v2": "0"}}
	wd.open, wd.now = false, start.Add(24*time.Hour)
	back, err := g.Return(t.Context(), d)
	if err != nil || back.Way() != govern.Back || back.Hash() == there.Hash() || back.Action().Params["v2"] != "100" || back.Before()["v1"] != "100" {
		t.Errorf("%+v %v", back, err)
	}
	wd.stop = watchdog.State{Engaged: true, By: "ada"}
	if _, err := g.Return(t.Context(), d); !errors.Is(err, govern.ErrStopped) {
		t.Errorf("while stopped: %v", err)
	}
	wd.stop = watchdog.State{}
	d.Undo.Params = map[string]string{"v3": "100"}
	var refusal *govern.Refusal
	if _, err := g.Return(t.Context(), d); !errors.As(err, &refusal) {
		t.Errorf("to a version that is not there: %v", err)
	}
	d.Undo.Target = "another"
	if _, err := g.Return(t.Context(), d); !errors.Is(err, govern.ErrConflict) {
		t.Errorf("through another actuator: %v", err)
	}
	d.Undo = nil
	if _, err := g.Return(t.Context(), d); !errors.Is(err, govern.ErrConflict) {
		t.Errorf("without a way back: %v", err)
	}
}

// The same decision, read twice, is one bad outcome.
func TestBreaker(t *testing.T) {
	wd, g := governor(t)
	d := agreed()
	bad := agreed()
	bad.State, bad.Updated, bad.Steps = fact.Reverted, start, []fact.Step{{State: fact.Acting, At: start}}
	for _, id := range []string{"a", "b", "b", "b"} { // the same one more often is one
		bad.Proposal.ID = id
		wd.recent = append(wd.recent, bad)
	}
	wd.now = start.Add(time.Minute)
	if v := g.Judge(t.Context(), d); v.Allowed || v.Rules[len(v.Rules)-1].Text != "2 bad outcomes of router.weights on checkout; open until 2026-03-01T13:00:00Z" {
		t.Errorf("%+v", v)
	}
	wd.now, d.Proposal.Expires = start.Add(time.Hour), start.Add(2*time.Hour)
	if v := g.Judge(t.Context(), d); !v.Allowed {
		t.Error(v.Why)
	}
}

func TestNewRefuses(t *testing.T) {
	w := &world{}
	ok := govern.Options{Switch: w, Incidents: w, History: w}
	twice := ok
	twice.Actuators = []policy.Actuator{{Name: "a"}, {Name: "a"}}
	nameless := ok
	nameless.Actuators = []policy.Actuator{{}}
	for name, opt := range map[string]govern.Options{"nothing": {}, "twice": twice, "nameless": nameless} {
		if _, err := govern.New(policy.Default(), opt); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if _, err := govern.New(policy.Config{Level: 9}, ok); err == nil {
		t.Error("level 9 was taken")
	}
}

func TestNoIncidentIsNeeded(t *testing.T) {
	wd, g := governor(t)
	wd.err = errors.New("disk")
	if open, err := g.IncidentOpen(t.Context(), fact.Proposal{}); !open || err != nil {
		t.Errorf("%v %v", open, err)
	}
}
