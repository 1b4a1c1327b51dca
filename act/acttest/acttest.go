// Package acttest makes what tests of actuators need, and checks the promises
// that every actuator keeps.
//
// It answers one question: may this actuator stand where the others do?
package acttest

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/act"
	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern"
	"github.com/steersman-ops/steersman/govern/policy"
	"github.com/steersman-ops/steersman/govern/watchdog"
)

// Start is the time at which tests begin.
var Start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

type world struct{}

func (world) State() watchdog.State                              { return watchdog.State{} }
func (world) IncidentOpen(context.Context, string) (bool, error) { return true, nil }
func (world) RecentDecisions(context.Context, time.Time) ([]fact.Decision, error) {
	return nil, nil
}

// Warrant returns a warrant for an action on the state before, as the governor
// gives it after a person agreed.
func Warrant(t testing.TB, kind fact.ActionKind, target, service string, params, before map[string]string, now time.Time) govern.Warrant {
	t.Helper()
	if kind == fact.Restart {
		before = maps.Clone(before)
		if before[policy.InstancesKey] == "" {
			before[policy.InstancesKey] = "1"
		}
	}
	gov, err := govern.New(policy.Default(), govern.Options{
		Switch: world{}, Incidents: world{}, History: world{}, Now: func() time.Time { return now },
		Actuators: []policy.Actuator{{Name: target, Kind: kind, Services: []string{service}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	a := fact.Action{Kind: kind, Target: target, Entity: fact.Entity{Kind: fact.Service, Name: service}, Params: params}
	d := fact.Decision{
		State: fact.Approved,
		Proposal: fact.Proposal{
			ID: "p1", Incident: "inc-1", Created: now, Expires: now.Add(time.Hour), Action: a,
			Check: fact.Check{Query: "x", Op: "<", Limit: 1, WithinSeconds: 10},
		},
		DryRun:   &fact.Receipt{Action: a, DryRun: true, Before: before, Text: "seen"},
		Approval: &fact.Approval{Proposal: "p1", By: "ada", At: now, Yes: true},
	}
	w, err := gov.Permit(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Check checks the promises of an actuator. New returns one with a world in
// which the action can be done, and how often it was.
func Check(t *testing.T, action fact.Action, open func(t *testing.T) (x act.Actuator, done func() int)) {
	permitted := func(t *testing.T, x act.Actuator) govern.Warrant {
		dry, err := x.DryRun(t.Context(), action)
		if err != nil {
			t.Fatal(err)
		}
		return Warrant(t, action.Kind, action.Target, action.Entity.Name, action.Params, dry.Before, time.Now())
	}
	t.Run("DryRunChangesNothing", func(t *testing.T) {
		x, done := open(t)
		first, err := x.DryRun(t.Context(), action)
		if err != nil {
			t.Fatal(err)
		}
		second, err := x.DryRun(t.Context(), action)
		if err != nil || !maps.Equal(first.Before, second.Before) || done() != 0 {
			t.Errorf("the second dry run found %v, the first %v: %v", second.Before, first.Before, err)
		}
		if !first.DryRun || first.Warrant != "" || len(first.Before) == 0 || first.Text == "" {
			t.Errorf("receipt %+v", first)
		}
	})
	t.Run("ZeroWarrantPermitsNothing", func(t *testing.T) {
		x, done := open(t)
		if _, err := x.Do(t.Context(), govern.Warrant{}); err == nil || done() != 0 {
			t.Errorf("done %d times: %v", done(), err)
		}
	})
	t.Run("NothingIsNotEverything", func(t *testing.T) {
		x, _ := open(t)
		empty := action
		empty.Params = nil
		if r, err := x.DryRun(t.Context(), empty); err == nil {
			t.Errorf("empty parameters: %+v", r)
		}
	})
	t.Run("SameWarrantOnce", func(t *testing.T) {
		x, done := open(t)
		w := permitted(t, x)
		if _, err := x.Do(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		if _, err := x.Do(t.Context(), w); err != nil {
			t.Errorf("the second time: %v", err)
		}
		if done() != 1 {
			t.Errorf("done %d times", done())
		}
	})
	t.Run("LookFinds", func(t *testing.T) {
		x, _ := open(t)
		w := permitted(t, x)
		if found, _, err := x.Look(t.Context(), w.Action(), w.Before(), w.Hash()); found != act.NotDone || err != nil {
			t.Errorf("before: %s %v", found, err)
		}
		after, err := x.Do(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		found, now, err := x.Look(t.Context(), w.Action(), w.Before(), w.Hash())
		if found != act.Done || err != nil || !maps.Equal(now, after) {
			t.Errorf("after: %s %v, Do left %v: %v", found, now, after, err)
		}
	})
	t.Run("OtherServiceIsRefused", func(t *testing.T) {
		x, _ := open(t)
		other := action
		other.Entity.Name = "somebody-else"
		if r, err := x.DryRun(t.Context(), other); err == nil {
			t.Errorf("%+v", r)
		}
	})
}
