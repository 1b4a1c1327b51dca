package remedy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/teststorage"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/watch/cause"
	"github.com/steersman-ops/steersman/watch/flow"
	"github.com/steersman-ops/steersman/watch/remedy"
)

var (
	now      = time.Date(2026, 3, 2, 14, 5, 0, 0, time.UTC)
	checkout = fact.Entity{Kind: fact.Service, Namespace: "shop", Name: "checkout"}
	router   = remedy.Actuator{Name: "shop-router", Kind: fact.SetWeights, Services: []string{"checkout"}, Stable: "v1"}
	starter  = remedy.Actuator{Name: "shop-supervisor", Kind: fact.Restart, Services: []string{"shop/checkout"}}
)

func part(name string, before, now, failed float64) flow.Part {
	return flow.Part{Name: name, Pair: flow.Pair{
		Before: flow.Sum{Requests: before, Total: before * 0.01, Seconds: 300},
		Now:    flow.Sum{Requests: now, Errors: failed, Total: now * 0.01, Seconds: 30},
	}}
}

// failing is an incident that blames checkout, as kind, for failing 25 %.
func failing(kind fact.CauseKind, version string, edit func(in *remedy.Input)) remedy.Input {
	in := remedy.Input{
		Now:       now,
		Actuators: []remedy.Actuator{router, starter},
		Felt:      cause.Felt{Kind: fact.Errors, Side: flow.Server, Before: 0.001, Now: 0.25},
		Incident: &fact.Incident{
			ID: "inc-1", Onset: now.Add(-30 * time.Second), Impact: fact.Impact{Entity: checkout, ErrorRatio: 0.25, Failed: 75, Requests: 300},
			Causes:   []fact.Cause{{Entity: checkout, Kind: kind, Version: version, Probability: 0.9, Text: "checkout fails", For: []fact.Evidence{{Finding: "fnd-2"}}}},
			Findings: []fact.Finding{{ID: "fnd-1", Signal: fact.Signal{Entity: checkout}}, {ID: "fnd-2", Signal: fact.Signal{Entity: checkout}}, {ID: "fnd-3"}},
		},
		Service: flow.Service{
			Entity: checkout, In: part("", 3000, 300, 75).Pair,
			Versions:  []flow.Part{part("v1", 3000, 150, 0), part("v2", 0, 150, 75)},
			Instances: []flow.Part{part("checkout-1", 3000, 300, 75)},
		},
	}
	if edit != nil {
		edit(&in)
	}
	return in
}

func TestDecide(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   remedy.Input
		want string // kind and parameters; empty: nothing
	}{
		{name: "a bad version goes back to the stable one", in: failing(fact.CauseChange, "v2", nil), want: "router.weights map[v1:100 v2:0]"},
		{name: "all versions are named", in: failing(fact.CauseChange, "v2", func(in *remedy.Input) {
			in.Service.Versions = append(in.Service.Versions, part("v0", 5, 0, 0))
		}), want: "router.weights map[v0:0 v1:100 v2:0]"},
		{name: "without a stable version: the one before the change", in: failing(fact.CauseChange, "v2", func(in *remedy.Input) {
			in.Actuators[0].Stable = ""
			in.Incident.Causes[0].Change = &fact.Change{Version: "v2", Before: "v0"}
		}), want: "router.weights map[v0:100 v1:0 v2:0]"},
		{name: "without either: the one that served most before", in: failing(fact.CauseChange, "v2", func(in *remedy.Input) { in.Actuators[0].Stable = "" }), want: "router.weights map[v1:100 v2:0]"},
		{name: "the stable one is the bad one: the healthy other", in: failing(fact.CauseChange, "v2", func(in *remedy.Input) { in.Actuators[0].Stable = "v2" }), want: "router.weights map[v1:100 v2:0]"},
		{name: "a version that fails as well is no way back", in: failing(fact.CauseChange, "v2", func(in *remedy.Input) {
			in.Service.Versions = []flow.Part{part("v1", 3000, 150, 60), part("v2", 0, 150, 75)}
		})},
		{name: "no router, and a restart would start the same", in: failing(fact.CauseChange, "v2", func(in *remedy.Input) { in.Actuators = in.Actuators[1:] })},
		{name: "the service fails by itself", in: failing(fact.CauseErrors, "", nil), want: "process.restart map[instance:checkout-1]"},
		{name: "it is gone", in: failing(fact.CauseAbsent, "", nil), want: "process.restart map[instance:checkout-1]"},
		{name: "one of two processes fails", in: failing(fact.CauseErrors, "", func(in *remedy.Input) {
			in.Service.Instances = []flow.Part{part("a", 1500, 150, 0), part("b", 1500, 150, 75)}
		}), want: "process.restart map[instance:b]"},
		{name: "one of two processes has stopped serving", in: failing(fact.CauseAbsent, "", func(in *remedy.Input) {
			in.Service.Instances = []flow.Part{part("a", 1500, 0, 0), part("b", 1500, 150, 0)}
		}), want: "process.restart map[instance:a]"},
		{name: "both fail alike", in: failing(fact.CauseErrors, "", func(in *remedy.Input) {
			in.Service.Instances = []flow.Part{part("a", 1500, 150, 70), part("b", 1500, 150, 75)}
		})},
		{name: "two versions serve and one has served too little to tell", in: failing(fact.CauseErrors, "", func(in *remedy.Input) {
			in.Service.Versions[1].Now.Requests, in.Incident.Onset = 8, now.Add(-10*time.Second)
		})},
		{name: "after half a minute that is no reason to wait", in: failing(fact.CauseErrors, "", func(in *remedy.Input) {
			in.Service.Versions[1].Now.Requests = 8
		}), want: "process.restart map[instance:checkout-1]"},
		{name: "no process is known", in: failing(fact.CauseErrors, "", func(in *remedy.Input) { in.Service.Instances = nil })},
		{name: "no actuator for the service", in: failing(fact.CauseErrors, "", func(in *remedy.Input) { in.Actuators = []remedy.Actuator{{Name: "x", Kind: fact.Restart}} })},
		{name: "a busy host is not mended by a restart", in: failing(fact.CauseHost, "", nil)},
		{name: "more traffic is not mended by a restart", in: failing(fact.CauseTraffic, "", nil)},
		{name: "abstained", in: failing(fact.CauseErrors, "", func(in *remedy.Input) { in.Incident.Abstained = true })},
		{name: "not sure enough", in: failing(fact.CauseErrors, "", func(in *remedy.Input) { in.Incident.Causes[0].Probability = 0.6 })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, ok := remedy.Decide(tt.in)
			got := ""
			if ok {
				got = fmt.Sprint(p.Action.Kind, " ", p.Action.Params)
			}
			if got != tt.want {
				t.Fatalf("proposed %q, want %q", got, tt.want)
			}
			if again, _ := remedy.Decide(tt.in); ok && fmt.Sprint(again) != fmt.Sprint(p) {
				t.Errorf("the same facts gave another proposal")
			}
		})
	}
}

func TestProposalIsComplete(t *testing.T) {
	p, ok := remedy.Decide(failing(fact.CauseChange, "v2", nil))
	if !ok {
		t.Fatal("nothing proposed")
	}
	for _, tt := range []struct{ name, got, want string }{
		{"title", p.Title, "Send all checkout traffic back to v1"},
		{"why", p.Why, "checkout fails (90 % sure)."},
		{"expected", p.Expected, "less than 2.1 % of requests to checkout fail within 60 seconds, now 25 % do"},
		{"nothing", p.Alternatives[1].Why, "about 150 more requests to checkout fail with each minute of waiting"},
		{"evidence", strings.Join(p.Evidence, " "), "fnd-2 fnd-1"},
		{"expires", p.Expires.Sub(p.Created).String(), "15m0s"},
		{"entity", p.Action.Entity.String(), "service:shop/checkout"},
		{"target", p.Action.Target, "shop-router"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, tt.got, tt.want)
		}
	}
	if p, _ := remedy.Decide(failing(fact.CauseChange, "v2", func(in *remedy.Input) { in.Lasts = time.Hour })); p.Expires.Sub(p.Created) != time.Hour {
		t.Errorf("expires after %v, want as long as was asked for", p.Expires.Sub(p.Created))
	}
	other := failing(fact.CauseChange, "v2", func(in *remedy.Input) { in.Attempt = 1 })
	if q, _ := remedy.Decide(other); q.ID == p.ID {
		t.Error("a second attempt has the same id")
	}
}

// The check asked of a real PromQL engine: false while the fault lasts, false
// without requests, true soon after.
func TestCheckAgainstPrometheus(t *testing.T) {
	for _, tt := range []struct {
		name    string
		felt    cause.Felt
		failing float64 // share of requests between second 60 and 120
		slow    float64 // their duration
	}{
		{name: "errors", felt: cause.Felt{Kind: fact.Errors, Side: flow.Server, Before: 0.001, Now: 0.25}, failing: 0.25, slow: 0.01},
		{name: "few errors", felt: cause.Felt{Kind: fact.Errors, Side: flow.Server, Before: 0, Now: 0.03}, failing: 0.03, slow: 0.01},
		{name: "slow", felt: cause.Felt{Kind: fact.Latency, Side: flow.Server, Before: 0.01, Now: 0.4}, slow: 0.4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, ok := remedy.Decide(failing(fact.CauseChange, "v2", func(in *remedy.Input) { in.Felt = tt.felt }))
			if !ok {
				t.Fatal("nothing proposed")
			}
			db := teststorage.New(t)
			t.Cleanup(func() { _ = db.Close() })
			fill(t, db, tt.failing, tt.slow)
			for _, at := range []struct {
				second int64
				want   string
			}{{75, "no"}, {119, "no"}, {133, "yes"}, {180, "yes"}, {230, "nothing"}} {
				if got := ask(t, db, p.Check, now.Add(time.Duration(at.second)*time.Second)); got != at.want {
					t.Errorf("second %d: %s, want %s (%s %s %v)", at.second, got, at.want, p.Check.Query, p.Check.Op, p.Check.Limit)
				}
			}
		})
	}
}

// fill writes 40 requests a second for 200 seconds; from 60 to 120 the share
// of them fails and all take as long as given, otherwise one in 2000 fails and
// all take 10 ms.
func fill(t *testing.T, db storage.Appendable, failing, slow float64) {
	t.Helper()
	app := db.Appender(t.Context())
	var requests, errors, sum float64
	for s := range int64(201) {
		ts := now.UnixMilli() + s*1000
		for name, v := range map[string]float64{"requests_total": requests, "errors_total": errors, "duration_seconds_sum": sum, "duration_seconds_count": requests} {
			ls := labels.FromStrings(fact.NameLabel, "steersman_edge_"+name, "client", "frontend", "server", "checkout", "server_namespace", "shop", "side", "server", "version", "v1")
			if _, err := app.Append(0, ls, ts, v); err != nil {
				t.Fatal(err)
			}
		}
		requests += 40
		if s >= 60 && s < 120 {
			errors += 40 * failing
			sum += 40 * slow
			continue
		}
		errors += 40.0 / 2000
		sum += 0.4
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
}

// ask says whether the check holds: yes, no, or nothing when there is no value.
func ask(t *testing.T, db storage.Queryable, c fact.Check, at time.Time) string {
	t.Helper()
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: 10 * time.Second, Parser: parser.NewParser(parser.Options{})})
	t.Cleanup(func() { _ = engine.Close() })
	q, err := engine.NewInstantQuery(t.Context(), db, nil, c.Query, at)
	if err != nil {
		t.Fatalf("%s: %v", c.Query, err)
	}
	defer q.Close()
	v, err := q.Exec(t.Context()).Vector()
	if err != nil {
		t.Fatalf("%s: %v", c.Query, err)
	}
	switch {
	case len(v) == 0:
		return "nothing"
	case v[0].F < c.Limit:
		return "yes"
	}
	return "no"
}
