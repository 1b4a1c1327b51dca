package watch_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/watch"
	"github.com/steersman-ops/steersman/watch/remedy"
	"github.com/steersman-ops/steersman/watch/watchtest"
)

const (
	begins = 180 // the second of the fault
	ends   = 220
	length = 270
)

var actuators = []remedy.Actuator{
	{Name: "shop-router", Kind: fact.SetWeights, Services: []string{"checkout"}, Stable: "v1"},
	{Name: "shop-supervisor", Kind: fact.Restart, Services: []string{"payment", "catalog", "recommendation"}},
}

func deployed(service, version string, second float64) *fact.Batch {
	return &fact.Batch{Source: "hook/change", Changes: []fact.Change{{At: seconds(second), Kind: fact.Deployed, Entity: watchtest.Service(service), Version: version, Before: "v1", Source: "hook/change"}}}
}

// The whole way: spans in, papers out.
func TestFromSpansToPapers(t *testing.T) {
	canary := watchtest.Fault{From: 150, Service: "checkout", Weights: map[string]int{"v1": 50, "v2": 50}}
	fault := func(edit func(f *watchtest.Fault)) watchtest.Fault {
		f := watchtest.Fault{From: begins, To: ends}
		edit(&f)
		return f
	}
	for _, tt := range []struct {
		name      string
		faults    []watchtest.Fault
		extra     map[int]*fact.Batch
		top       string // of the one incident; empty: there must be none
		kind      fact.CauseKind
		version   string
		title     string // how it begins
		action    fact.ActionKind
		params    map[string]string
		checkSide string
	}{
		{name: "nothing is wrong"},
		{
			name:   "payment fails",
			faults: []watchtest.Fault{fault(func(f *watchtest.Fault) { f.Service, f.Fails = "payment", 0.3 })},
			top:    "payment", kind: fact.CauseErrors, title: "payment fails ",
			action: fact.Restart, params: map[string]string{"instance": "payment-v1"}, checkSide: `side="server"`,
		},
		{
			name:   "a dependency deep down is slow",
			faults: []watchtest.Fault{fault(func(f *watchtest.Fault) { f.Service, f.Slower = "inventory", 250*time.Millisecond })},
			top:    "inventory", kind: fact.CauseSlow, title: "inventory is ",
		},
		{
			name: "a bad release, nobody says so",
			faults: []watchtest.Fault{canary, fault(func(f *watchtest.Fault) {
				f.Service, f.Version, f.Fails = "checkout", "v2", 0.3
			})},
			top: "checkout", kind: fact.CauseChange, version: "v2", title: "checkout v2 fails ",
			action: fact.SetWeights, params: map[string]string{"v1": "100", "v2": "0"}, checkSide: `side="server"`,
		},
		{
			name: "a slow release",
			faults: []watchtest.Fault{canary, fault(func(f *watchtest.Fault) {
				f.Service, f.Version, f.Slower = "checkout", "v2", 400*time.Millisecond
			})},
			extra: map[int]*fact.Batch{150: deployed("checkout", "v2", 150)},
			top:   "checkout", kind: fact.CauseChange, version: "v2", title: "checkout v2 takes ",
			action: fact.SetWeights, params: map[string]string{"v1": "100", "v2": "0"}, checkSide: `side="server"`,
		},
		{
			name:   "a dependency is gone",
			faults: []watchtest.Fault{fault(func(f *watchtest.Fault) { f.Service, f.Gone = "payment", true })},
			top:    "payment", kind: fact.CauseAbsent, title: "payment does not answer",
			action: fact.Restart, params: map[string]string{"instance": "payment-v1"}, checkSide: `side="client"`,
		},
		{
			name:   "an innocent deploy just before",
			faults: []watchtest.Fault{fault(func(f *watchtest.Fault) { f.Service, f.Fails = "catalog", 0.3 })},
			extra:  map[int]*fact.Batch{begins - 20: deployed("checkout", "v3", begins-20)},
			top:    "catalog", kind: fact.CauseErrors, title: "catalog fails ",
			action: fact.Restart, params: map[string]string{"instance": "catalog-v1"}, checkSide: `side="server"`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out, _ := run(t, watch.Config{Actuators: actuators}, record(watchtest.NewShop(7, 30, tt.faults...), length, tt.extra))
			all := out.all()
			if tt.top == "" {
				if len(all) != 0 || len(out.proposals) != 0 {
					t.Errorf("want quiet, got %s", show(all))
				}
				return
			}
			if len(all) != 1 {
				t.Fatalf("want one incident, got %s", show(all))
			}
			checkIncident(t, all[0], tt.top, tt.kind, tt.version, tt.title)
			checkProposal(t, out.proposals, all[0], tt.action, tt.params, tt.checkSide)
		})
	}
}

func checkIncident(t *testing.T, i fact.Incident, top string, kind fact.CauseKind, version, title string) {
	t.Helper()
	if i.Abstained || len(i.Causes) == 0 || i.Causes[0].Entity.Name != top || i.Causes[0].Kind != kind || i.Causes[0].Version != version {
		t.Errorf("want %s %s %q:\n%s", top, kind, version, show([]fact.Incident{i}))
	}
	if !strings.HasPrefix(i.Title, title) {
		t.Errorf("title %q, want %q…", i.Title, title)
	}
	if late := i.Opened.Sub(seconds(begins)); late < 0 || late > 10*time.Second {
		t.Errorf("opened %v after the fault", late)
	}
	if off := i.Onset.Sub(seconds(begins)).Abs(); off > 3*time.Second {
		t.Errorf("onset %v away from the fault", off)
	}
	if i.State != fact.Resolved || i.Resolved.Sub(seconds(ends)).Abs() > 15*time.Second {
		t.Errorf("%s, resolved %v, the fault ended %v", i.State, i.Resolved, seconds(ends))
	}
	if i.Impact.Entity.Name != "frontend" {
		t.Errorf("felt at %v", i.Impact.Entity)
	}
}

func checkProposal(t *testing.T, ps []fact.Proposal, i fact.Incident, kind fact.ActionKind, params map[string]string, side string) {
	t.Helper()
	if kind == "" {
		if len(ps) != 0 {
			t.Errorf("proposed %v, want nothing", ps)
		}
		return
	}
	if len(ps) != 1 {
		t.Fatalf("want one proposal, got %d: %+v", len(ps), ps)
	}
	p := ps[0]
	if p.Action.Kind != kind || fmt.Sprint(p.Action.Params) != fmt.Sprint(params) || p.Incident != i.ID || !slices.Contains(i.Proposals, p.ID) {
		t.Errorf("proposed %+v, the incident lists %v", p, i.Proposals)
	}
	if late := p.Created.Sub(seconds(begins)); late > 12*time.Second {
		t.Errorf("proposed %v after the fault", late)
	}
	last := p.Alternatives[len(p.Alternatives)-1]
	if last.Title != "Do nothing" || !strings.Contains(last.Why, "minute") {
		t.Errorf("alternatives %+v", p.Alternatives)
	}
	if p.Title == "" || p.Why == "" || p.Expected == "" || p.Confidence < 0.6 || len(p.Evidence) == 0 || !p.Expires.After(p.Created) {
		t.Errorf("incomplete: %+v", p)
	}
	if p.Check.Op != "<" || p.Check.Limit <= 0 || !strings.Contains(p.Check.Query, side) {
		t.Errorf("check %+v", p.Check)
	}
}

func show(all []fact.Incident) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d incidents\n", len(all))
	for _, i := range all {
		fmt.Fprintf(&b, "%s %s onset %s opened %s: %q %q\n", i.ID, i.State, i.Onset.Format(time.TimeOnly), i.Opened.Format(time.TimeOnly), i.Title, i.Summary)
		for _, c := range i.Causes {
			fmt.Fprintf(&b, "    %v %s %s %.2f %s\n", c.Entity, c.Kind, c.Version, c.Probability, c.Text)
		}
		for _, f := range i.Findings {
			fmt.Fprintf(&b, "    - %s %s %v<%v %s onset %s seen %s ended %s: %.3g → %.3g score %.1f\n", f.Signal.Kind, f.Direction, f.Signal.Entity, f.Signal.Client, f.Signal.Side,
				f.Onset.Format(time.TimeOnly), f.Seen.Format(time.TimeOnly), f.Ended.Format(time.TimeOnly), f.Before, f.Now, f.Score)
		}
	}
	return b.String()
}

// The first seconds of a bad release may look worse than it is. Neither the
// proposal nor the figure waits until that is forgotten.
func TestAFirstImpressionIsCorrected(t *testing.T) {
	bad := func(from, to int, fails float64) watchtest.Fault {
		return watchtest.Fault{From: from, To: to, Service: "checkout", Version: "v2", Fails: fails}
	}
	shop := watchtest.NewShop(7, 30, watchtest.Fault{From: begins, Service: "checkout", Weights: map[string]int{"v1": 50, "v2": 50}},
		bad(begins, begins+3, 0.9), bad(begins+3, ends, 0.4))
	out, _ := run(t, watch.Config{Actuators: actuators}, record(shop, begins+20, nil))
	all := out.all()
	if len(all) != 1 || len(out.proposals) != 1 || out.proposals[0].Created.Sub(seconds(begins)) > 10*time.Second {
		t.Fatalf("proposed %+v: %s", out.proposals, show(all))
	}
	if now := all[0].Causes[0].For[0].Now; now > 0.65 || !strings.HasPrefix(all[0].Title, "checkout v2 fails ") {
		t.Errorf("it fails four in ten, and after 20 s %q says %v", all[0].Title, now)
	}
}
