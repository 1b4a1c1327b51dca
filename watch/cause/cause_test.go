package cause_test

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/watch/cause"
	"github.com/steersman-ops/steersman/watch/flow"
	"github.com/steersman-ops/steersman/watch/watchtest"
)

const faultAt = 60 // seconds after the shop's start

func deployed(service, version string, secondsBefore int) fact.Change {
	return fact.Change{ID: "chg-" + service, At: watchtest.Start.Add(time.Duration(faultAt-secondsBefore) * time.Second), Kind: fact.Deployed, Entity: watchtest.Service(service), Version: version, Before: "v1"}
}

// observe runs the shop into the fault and some seconds on, and makes the input.
func observe(seed uint64, perSec float64, seconds int, faults ...watchtest.Fault) cause.Input {
	shop, ring := watchtest.NewShop(seed, perSec, faults...), flow.New(flow.Config{})
	shop.Fill(ring, faultAt+seconds)
	onset := watchtest.Start.Add(faultAt * time.Second)
	before := ring.Sums(watchtest.Start.Unix(), onset.Unix()-5)
	now := ring.Sums(onset.Unix(), shop.Now().Unix())
	p := flow.NewPicture(&before, &now)
	return cause.Input{Onset: onset, Flows: p, Findings: watchtest.Symptoms(&p, onset)}
}

func busy(onset time.Time) fact.Finding {
	return fact.Finding{ID: "fnd-cpu", Signal: fact.Signal{Kind: fact.Saturation, Name: "node_load1", Entity: fact.Entity{Kind: fact.Host, Name: "node-1"}}, Direction: fact.Up, Onset: onset, Before: 0.4, Now: 7}
}

func TestScenarios(t *testing.T) {
	at := watchtest.Fault{From: faultAt}
	fault := func(edit func(f *watchtest.Fault)) watchtest.Fault { f := at; edit(&f); return f }
	canary := watchtest.Fault{From: 20, Service: "checkout", Weights: map[string]int{"v1": 50, "v2": 50}}
	for _, tt := range []struct {
		name    string
		faults  []watchtest.Fault
		changes []fact.Change
		edit    func(in *cause.Input)
		top     string
		kind    fact.CauseKind
		version string
		ruled   []string // must be ruled out
		abstain bool
		least   float64 // probability of the top cause
	}{
		{
			name:   "payment fails",
			faults: []watchtest.Fault{fault(func(f *watchtest.Fault) { f.Service, f.Fails = "payment", 0.3 })},
			top:    "payment", kind: fact.CauseErrors, ruled: []string{"frontend", "checkout"}, least: 0.8,
		},
		{
			name:   "a dependency deep down is slow",
			faults: []watchtest.Fault{fault(func(f *watchtest.Fault) { f.Service, f.Slower = "inventory", 200*time.Millisecond })},
			top:    "inventory", kind: fact.CauseSlow, ruled: []string{"frontend", "catalog", "shipping", "checkout"}, least: 0.8,
		},
		{
			name:   "a dependency is so slow that its callers give up",
			faults: []watchtest.Fault{fault(func(f *watchtest.Fault) { f.Service, f.Slower = "payment", 5*time.Second })},
			top:    "payment", kind: fact.CauseSlow, ruled: []string{"frontend", "checkout"}, least: 0.8,
		},
		{
			name: "a bad release at half the weight",
			faults: []watchtest.Fault{
				{From: faultAt - 10, Service: "checkout", Weights: map[string]int{"v1": 50, "v2": 50}},
				fault(func(f *watchtest.Fault) { f.Service, f.Version, f.Fails = "checkout", "v2", 0.25 }),
			},
			changes: []fact.Change{deployed("checkout", "v2", 10)},
			top:     "checkout", kind: fact.CauseChange, version: "v2", ruled: []string{"frontend"}, least: 0.8,
		},
		{
			name:   "a bad release that nobody told of",
			faults: []watchtest.Fault{canary, fault(func(f *watchtest.Fault) { f.Service, f.Version, f.Fails = "checkout", "v2", 0.25 })},
			top:    "checkout", kind: fact.CauseChange, version: "v2", ruled: []string{"frontend"}, least: 0.8,
		},
		{
			name:    "a slow release",
			faults:  []watchtest.Fault{canary, fault(func(f *watchtest.Fault) { f.Service, f.Version, f.Slower = "checkout", "v2", 400*time.Millisecond })},
			changes: []fact.Change{deployed("checkout", "v2", 40)},
			top:     "checkout", kind: fact.CauseChange, version: "v2", ruled: []string{"frontend"}, least: 0.8,
		},
		{
			name: "a release to everyone at once",
			faults: []watchtest.Fault{
				fault(func(f *watchtest.Fault) { f.Service, f.Weights = "checkout", map[string]int{"v2": 100} }),
				fault(func(f *watchtest.Fault) { f.Service, f.Version, f.Fails = "checkout", "v2", 0.3 }),
			},
			changes: []fact.Change{deployed("checkout", "v2", 1)},
			top:     "checkout", kind: fact.CauseChange, version: "v2", ruled: []string{"frontend"}, least: 0.8,
		},
		{
			name: "a retry storm: the one that failed first, not the one that insists",
			faults: []watchtest.Fault{
				fault(func(f *watchtest.Fault) { f.Service, f.Fails = "payment", 0.6 }),
				fault(func(f *watchtest.Fault) { f.Service, f.Retries = "checkout", 4 }),
				fault(func(f *watchtest.Fault) { f.Service, f.Slower = "payment", 100*time.Millisecond }),
			},
			top: "payment", kind: fact.CauseErrors, ruled: []string{"frontend", "checkout"}, least: 0.7,
		},
		{
			name: "a caller that floods a callee which was well",
			faults: []watchtest.Fault{
				fault(func(f *watchtest.Fault) {
					f.Service, f.Callee, f.Repeat = "checkout", "payment", 5
				}),
				{From: faultAt + 3, Service: "payment", Slower: 300 * time.Millisecond},
			},
			edit: func(in *cause.Input) { delayPayment(in, 3*time.Second) },
			top:  "checkout", kind: fact.CauseTraffic, least: 0.5,
		},
		{
			name:   "a dependency is gone",
			faults: []watchtest.Fault{fault(func(f *watchtest.Fault) { f.Service, f.Gone = "shipping", true })},
			top:    "shipping", kind: fact.CauseAbsent, ruled: []string{"frontend", "checkout"}, least: 0.8,
		},
		{
			name:   "a busy host",
			faults: []watchtest.Fault{fault(func(f *watchtest.Fault) { f.Factor = 4 })},
			edit:   func(in *cause.Input) { in.Findings = append(in.Findings, busy(in.Onset)) },
			top:    "node-1", kind: fact.CauseHost, least: 0.6,
		},
		{
			name:    "everything slows and no host tells of itself",
			faults:  []watchtest.Fault{fault(func(f *watchtest.Fault) { f.Factor = 4 })},
			abstain: true,
		},
		{
			name: "a traffic surge",
			faults: []watchtest.Fault{
				fault(func(f *watchtest.Fault) { f.Surge = 3 }),
				fault(func(f *watchtest.Fault) { f.Service, f.Slower = "catalog", 100*time.Millisecond }),
			},
			top: "frontend", kind: fact.CauseTraffic, least: 0.5,
		},
		{
			name:    "an innocent deploy just before",
			faults:  []watchtest.Fault{fault(func(f *watchtest.Fault) { f.Service, f.Fails = "payment", 0.3 })},
			changes: []fact.Change{deployed("shipping", "v7", 20), deployed("checkout", "v3", 40)},
			top:     "payment", kind: fact.CauseErrors, ruled: []string{"frontend", "checkout", "shipping"}, least: 0.8,
		},
		{
			name:    "a guilty deploy",
			faults:  []watchtest.Fault{fault(func(f *watchtest.Fault) { f.Service, f.Fails = "payment", 0.3 })},
			changes: []fact.Change{deployed("payment", "v9", 20)},
			top:     "payment", kind: fact.CauseChange, version: "v9", ruled: []string{"frontend", "checkout"}, least: 0.8,
		},
		{
			name: "another incident's root is not blamed for this one",
			faults: []watchtest.Fault{
				{From: faultAt, Service: "catalog", Fails: 0.5},
				{From: faultAt, Service: "payment", Fails: 0.3},
			},
			edit: func(in *cause.Input) { in.Elsewhere = []fact.Entity{watchtest.Service("catalog")} },
			top:  "payment", kind: fact.CauseErrors, least: 0.7,
		},
		{name: "nothing is wrong", abstain: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(3) {
				in := observe(seed, 40, 10, tt.faults...)
				in.Changes = tt.changes
				if tt.edit != nil {
					tt.edit(&in)
				}
				res := cause.Rank(in)
				if t.Failed() {
					return
				}
				checkSums(t, res)
				if tt.abstain {
					if !res.Abstained || !strings.HasPrefix(res.Text, "not enough evidence") {
						t.Errorf("seed %d: blamed, want abstention:\n%s", seed, show(res))
					}
					continue
				}
				if res.Abstained || len(res.Causes) == 0 {
					t.Errorf("seed %d: abstained:\n%s", seed, show(res))
					continue
				}
				top := res.Causes[0]
				if top.Entity.Name != tt.top || top.Kind != tt.kind || top.Version != tt.version || top.Probability < tt.least {
					t.Errorf("seed %d: want %s %s %q with %.2f at least:\n%s", seed, tt.top, tt.kind, tt.version, tt.least, show(res))
				}
				for _, name := range tt.ruled {
					if !slices.ContainsFunc(res.RuledOut, func(c fact.Cause) bool { return c.Entity.Name == name && len(c.Against) > 0 }) {
						t.Errorf("seed %d: %s is not ruled out:\n%s", seed, name, show(res))
					}
				}
			}
		})
	}
}

// Two faults of about the same size at once: both are named, and nobody is sure.
func TestTwoFaultsAtOnce(t *testing.T) {
	res := cause.Rank(observe(1, 40, 10, watchtest.Fault{From: faultAt, Service: "catalog", Fails: 0.2}, watchtest.Fault{From: faultAt, Service: "payment", Fails: 0.6}))
	if len(res.Causes) < 2 || res.Causes[0].Probability > 0.7 || res.Causes[1].Probability < 0.2 {
		t.Errorf("want two causes and doubt:\n%s", show(res))
	}
	for _, name := range []string{"catalog", "payment"} {
		if !strings.Contains(res.Text, name) {
			t.Errorf("text %q does not name %s", res.Text, name)
		}
	}
}

// delayPayment makes the symptoms of payment begin after the rise of its
// traffic, as a detector would have found.
func delayPayment(in *cause.Input, by time.Duration) {
	for i := range in.Findings {
		if f := &in.Findings[i]; f.Symptom() {
			f.Onset = f.Onset.Add(by)
		}
	}
	in.Onset = in.Onset.Add(by)
}

func checkSums(t *testing.T, res cause.Result) {
	t.Helper()
	sum := res.Unknown
	for _, c := range res.Causes {
		sum += c.Probability
	}
	if math.Abs(sum-1) > 1e-9 {
		t.Errorf("probabilities and unknown add up to %v", sum)
	}
	for _, c := range slices.Concat(res.Causes, res.RuledOut) {
		for _, e := range slices.Concat(c.For, c.Against) {
			if e.Text == "" || e.Weight == 0 || math.IsNaN(e.Weight) {
				t.Errorf("%v has empty evidence %+v", c.Entity, e)
			}
		}
	}
}

func show(res cause.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "headline %q, text %q, unknown %.2f\n", res.Headline, res.Text, res.Unknown)
	for i, cs := range [][]fact.Cause{res.Causes, res.RuledOut} {
		for _, c := range cs {
			fmt.Fprintf(&b, "%s %v %s %s %.3f: %s\n", []string{"CAUSE", "OUT"}[i], c.Entity, c.Kind, c.Version, c.Probability, c.Text)
			for _, e := range slices.Concat(c.For, c.Against) {
				fmt.Fprintf(&b, "    %+.2f %s\n", e.Weight, e.Text)
			}
		}
	}
	return b.String()
}

func TestSameInputSameRanking(t *testing.T) {
	fault := watchtest.Fault{From: faultAt, Service: "payment", Fails: 0.3}
	first := cause.Rank(observe(1, 40, 10, fault))
	for range 5 {
		if again := cause.Rank(observe(1, 40, 10, fault)); !reflect.DeepEqual(first, again) {
			t.Fatalf("ranked\n%s\nand then\n%s", show(first), show(again))
		}
	}
}

// Without flows there is nothing but the order in time.
func TestTimingAloneIsNotEnough(t *testing.T) {
	in := observe(1, 40, 10, watchtest.Fault{From: faultAt, Service: "payment", Fails: 0.3})
	in.Flows = flow.Picture{}
	if res := cause.Rank(in); !res.Abstained {
		t.Errorf("blamed without flows:\n%s", show(res))
	}
	in = observe(1, 40, 10, watchtest.Fault{From: faultAt, Service: "payment", Fails: 0.3})
	for i := range in.Flows.Edges {
		in.Flows.Edges[i].Caller, in.Flows.Edges[i].Callee = flow.Pair{}, flow.Pair{}
	}
	for i := range in.Flows.Services {
		in.Flows.Services[i] = flow.Service{Entity: in.Flows.Services[i].Entity}
	}
	res := cause.Rank(in)
	if !res.Abstained || !strings.Contains(res.Text, "order in time") {
		t.Errorf("blamed on timing alone:\n%s", show(res))
	}
}

// Who is well again while others still suffer did not cause what lasts.
func TestWhoIsWellAgain(t *testing.T) {
	in := observe(1, 40, 10, watchtest.Fault{From: faultAt, Service: "catalog", Fails: 0.3}, watchtest.Fault{From: faultAt, Service: "payment", Fails: 0.3})
	in.At = in.Onset.Add(30 * time.Second)
	if top := cause.Rank(in).Causes[0].Entity.Name; top != "catalog" {
		t.Fatalf("before: %s", top)
	}
	for i := range in.Findings {
		if in.Findings[i].Signal.Entity == watchtest.Service("catalog") {
			in.Findings[i].Ended = in.Onset.Add(10 * time.Second)
		}
	}
	if res := cause.Rank(in); res.Causes[0].Entity.Name != "payment" {
		t.Errorf("want payment:\n%s", show(res))
	}
}

// A few failures must not make anybody sure.
func TestFewCasesGiveLessCertainty(t *testing.T) {
	last := 0.0
	for _, n := range []float64{2, 5, 20} {
		in := payments(n)
		res := cause.Rank(in)
		if len(res.Causes) == 0 || res.Causes[0].Probability <= last {
			t.Fatalf("%v failures: want more than %.2f\n%s", n, last, show(res))
		}
		last = res.Causes[0].Probability
	}
}

// payments is one edge whose callee fails n of 100 requests by itself.
func payments(n float64) cause.Input {
	a, b := watchtest.Service("a"), watchtest.Service("b")
	p := flow.Pair{Before: flow.Sum{Requests: 1000, Total: 10, Seconds: 100}, Now: flow.Sum{Requests: 100, Errors: n, Total: 1, Seconds: 10}}
	return cause.Input{
		Onset:    watchtest.Start,
		Findings: []fact.Finding{{ID: "f", Signal: fact.Signal{Kind: fact.Errors, Entity: b, Client: a}, Direction: fact.Up, Onset: watchtest.Start}},
		Flows: flow.Picture{
			Edges:    []flow.Edge{{Client: a, Server: b, Caller: p, Callee: p}},
			Services: []flow.Service{{Entity: a}, {Entity: b, In: p}},
		},
	}
}

// A failure that only one of several callers sees is that caller's.
func TestOneCallerOnly(t *testing.T) {
	in := payments(0)
	a, c, b := watchtest.Service("a"), watchtest.Service("c"), watchtest.Service("b")
	bad := in.Flows.Edges[0]
	bad.Caller.Now.Errors = 50
	good := flow.Edge{Client: c, Server: b, Caller: bad.Callee, Callee: bad.Callee}
	in.Flows.Edges = []flow.Edge{bad, good}
	own := bad.Caller
	in.Flows.Services = []flow.Service{{Entity: a, In: own}, {Entity: b, In: bad.Callee}, {Entity: c, In: good.Callee}}
	if res := cause.Rank(in); res.Abstained || res.Causes[0].Entity != a {
		t.Errorf("want a:\n%s", show(res))
	}
	in.Flows.Edges = in.Flows.Edges[:1]
	if res := cause.Rank(in); res.Abstained || res.Causes[0].Entity != b {
		t.Errorf("with one caller only, want b:\n%s", show(res))
	}
}

func BenchmarkRank200Services(b *testing.B) {
	in := wide(200)
	b.ReportAllocs()
	for b.Loop() {
		cause.Rank(in)
	}
}

// wide is a tree of n services, each called by three others, one of which fails.
func wide(n int) cause.Input {
	name := func(i int) fact.Entity { return watchtest.Service(fmt.Sprintf("s%03d", i)) }
	ok := flow.Pair{Before: flow.Sum{Requests: 3000, Total: 30, Child: 20, Seconds: 300}, Now: flow.Sum{Requests: 300, Total: 3, Child: 2, Seconds: 30}}
	in := cause.Input{Onset: watchtest.Start}
	for i := range n {
		p := ok
		p.Now.Errors = float64(i % 7)
		in.Flows.Services = append(in.Flows.Services, flow.Service{Entity: name(i), In: p, Versions: []flow.Part{{Name: "v1", Pair: p}, {Name: "v2", Pair: p}}})
		for k := 1; k <= 3; k++ {
			in.Flows.Edges = append(in.Flows.Edges, flow.Edge{Client: name(i), Server: name((i + k*k) % n), Caller: p, Callee: p})
		}
		in.Findings = append(in.Findings, fact.Finding{ID: fmt.Sprint(i), Signal: fact.Signal{Kind: fact.Errors, Entity: name(i)}, Direction: fact.Up, Onset: in.Onset})
		in.Changes = append(in.Changes, fact.Change{ID: fmt.Sprint(i), Entity: name(i), At: in.Onset, Kind: fact.Deployed})
	}
	return in
}

// No sentence says "0 s before".
func TestWhenItWasDeployed(t *testing.T) {
	for before, want := range map[int]string{0: "; v2 was deployed at the onset", 1: "; v2 was deployed 1 s before the onset", -2: "; v2 was deployed at the onset", 90: "; v2 was deployed 1 min 30 s before the onset"} {
		in := payments(60)
		in.Changes = []fact.Change{deployed("b", "v2", before)}
		in.Changes[0].At = in.Onset.Add(-time.Duration(before) * time.Second)
		res := cause.Rank(in)
		if len(res.Causes) == 0 || !strings.HasSuffix(res.Causes[0].Text, want) {
			t.Errorf("deployed %d s before: want %q:\n%s", before, want, show(res))
		}
	}
}
