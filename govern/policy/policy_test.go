package policy

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern/watchdog"
)

var (
	now      = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	checkout = fact.Entity{Kind: fact.Service, Name: "checkout"}
	payment  = fact.Entity{Kind: fact.Service, Namespace: "shop", Name: "payment"}
)

// good is an input that every rule passes.
func good() Input {
	a := fact.Action{Kind: fact.SetWeights, Target: "shop-router", Entity: checkout, Params: map[string]string{"v1": "100", "v2": "0"}}
	return Input{
		Now: now,
		Decision: fact.Decision{
			Proposal: fact.Proposal{
				ID: "p1", Incident: "inc-1", Created: now.Add(-time.Minute), Expires: now.Add(time.Minute), Action: a,
				Check: fact.Check{Query: "errors", Op: "<", Limit: 0.05, ForSeconds: 10, WithinSeconds: 60},
			},
			DryRun: &fact.Receipt{Action: a, DryRun: true, Before: map[string]string{"v1": "80", "v2": "20"}, After: a.Params, Text: "would"},
		},
		Actuator:     &Actuator{Name: "shop-router", Kind: fact.SetWeights, Services: []string{"checkout"}},
		IncidentOpen: true,
		Data:         Data{Known: true, Score: 1, Source: "otlp/checkout"},
	}
}

// restart changes a good input into one of a restart.
func restart(in *Input) {
	p := &in.Decision.Proposal
	p.Action = fact.Action{Kind: fact.Restart, Target: "sup", Entity: payment, Params: map[string]string{"instance": "payment-1"}}
	in.Decision.DryRun = &fact.Receipt{Action: p.Action, DryRun: true, Before: map[string]string{"pid": "1", InstancesKey: "4"}, Text: "would"}
	in.Actuator = &Actuator{Name: "sup", Kind: fact.Restart, Services: []string{"shop/payment"}}
}

// before is another decision, whose action was begun some time ago.
func before(id string, e fact.Entity, s fact.State, ago time.Duration) fact.Decision {
	return fact.Decision{
		Proposal: fact.Proposal{ID: id, Action: fact.Action{Kind: fact.SetWeights, Entity: e}},
		State:    s, Updated: now.Add(-ago),
		Steps: []fact.Step{{State: fact.Proposed, At: now.Add(-ago)}, {State: fact.Acting, At: now.Add(-ago)}},
	}
}

func many(n int, e fact.Entity, s fact.State, ago time.Duration) (out []fact.Decision) {
	for i := range n {
		out = append(out, before(fmt.Sprintf("old-%s-%d", e.Name, i), e, s, ago))
	}
	return out
}

func setParams(in *Input, params map[string]string) {
	in.Decision.Proposal.Action.Params = params
	in.Decision.DryRun.Action.Params = params
}

func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Config, *Input)
		why    string // of the refusal; empty: it is permitted
	}{
		{"everything is well", func(*Config, *Input) {}, ""},
		{"a restart", func(_ *Config, in *Input) { restart(in) }, ""},
		{"stopped", func(_ *Config, in *Input) { in.Stop = watchdog.State{Engaged: true, By: "ada", Why: "wait"} }, "kill switch: engaged by ada: wait"},
		{"no such actuator", func(_ *Config, in *Input) { in.Actuator = nil }, `actuator: no actuator is named "shop-router"`},
		{"an actuator of another kind", func(_ *Config, in *Input) { in.Actuator.Kind = fact.Restart }, "actuator: shop-router does process.restart, not router.weights"},
		{"an actuator for others", func(_ *Config, in *Input) { in.Actuator.Services = []string{"payment"} }, "actuator: shop-router may not be used on checkout"},
		{"an actuator for nobody", func(_ *Config, in *Input) { in.Actuator.Services = nil }, "actuator: shop-router may not be used on checkout"},
		{"an actuator for an empty name", func(_ *Config, in *Input) { in.Actuator.Services = []string{""} }, "actuator: shop-router may not be used on checkout"},
		{"an instance is no service", func(_ *Config, in *Input) { in.Decision.Proposal.Action.Entity.Kind = fact.Instance }, "actuator: shop-router may not be used on instance:checkout"},
		{"no entity", func(_ *Config, in *Input) { in.Decision.Proposal.Action.Entity = fact.Entity{} }, "actuator: shop-router may not be used on nothing"},
		{"empty parameters", func(_ *Config, in *Input) { setParams(in, nil) }, "target: empty parameters mean nothing"},
		{"no dry run", func(_ *Config, in *Input) { in.Decision.DryRun = nil }, "dry run: there was none"},
		{"a dry run that failed", func(_ *Config, in *Input) { in.Decision.DryRun.Err = "nobody there" }, "dry run: nobody there"},
		{"a dry run that was none", func(_ *Config, in *Input) { in.Decision.DryRun.DryRun = false }, "dry run: the receipt is not one of a dry run"},
		{"a dry run of another action", func(_ *Config, in *Input) { in.Decision.DryRun.Action.Target = "other" }, "dry run: it was made for another action: router.weights other map[v1:100 v2:0]"},
		{"a dry run that saw nothing", func(_ *Config, in *Input) { in.Decision.DryRun.Before = nil }, "dry run: it found no state to compare with"},
		{"weights beyond 100", func(_ *Config, in *Input) { setParams(in, map[string]string{"v1": "100", "v2": "1"}) }, "parameters: weights add up to 101, not 100"},
		{"weights below 100", func(_ *Config, in *Input) { setParams(in, map[string]string{"v1": "99"}) }, "parameters: weights add up to 99, not 100"},
		{"a negative weight", func(_ *Config, in *Input) { setParams(in, map[string]string{"v1": "110", "v2": "-10"}) }, `parameters: weight "110" of v1: want a whole number from 0 to 100`},
		{"half a percent", func(_ *Config, in *Input) { setParams(in, map[string]string{"v1": "99.5", "v2": "0.5"}) }, `parameters: weight "99.5" of v1: want a whole number from 0 to 100`},
		{"an unknown version", func(_ *Config, in *Input) { setParams(in, map[string]string{"v3": "100"}) }, "parameters: the router knows no version v3"},
		{"no instance", func(_ *Config, in *Input) { restart(in); setParams(in, map[string]string{"instance": ""}) }, "parameters: no instance is named"},
		{"more than an instance", func(_ *Config, in *Input) {
			restart(in)
			setParams(in, map[string]string{"instance": "a", "all": "yes"})
		}, "parameters: a restart takes one parameter, the instance"},
		{"a kind that nobody knows", func(_ *Config, in *Input) {
			in.Decision.Proposal.Action.Kind, in.Decision.DryRun.Action.Kind, in.Actuator.Kind = "rm", "rm", "rm"
		}, `parameters: no rule knows the action "rm"`},
		{"autonomy 0", func(c *Config, _ *Input) { c.Level = 0 }, "level: autonomy level 0 only observes"},
		{"expired", func(_ *Config, in *Input) { in.Now = now.Add(time.Minute) }, "not expired: the proposal was good until 2026-03-01T12:01:00Z"},
		{"good for ever", func(_ *Config, in *Input) { in.Decision.Proposal.Expires = time.Time{} }, "not expired: the proposal has no time at which it expires"},
		{"the incident is over", func(_ *Config, in *Input) { in.IncidentOpen = false }, "incident open: the incident is over"},
		{"the incident is not known", func(_ *Config, in *Input) { in.IncidentErr = errors.New("disk") }, "incident open: cannot be learned: disk"},
		{"no check", func(_ *Config, in *Input) { in.Decision.Proposal.Check = fact.Check{} }, "can be verified: no query says whether it helped"},
		{"a check that compares with =", func(_ *Config, in *Input) { in.Decision.Proposal.Check.Op = "=" }, `can be verified: comparison "=": want < or >`},
		{"a check with NaN", func(_ *Config, in *Input) { in.Decision.Proposal.Check.Limit = math.NaN() }, "can be verified: the limit is not a number"},
		{"a check longer than its window", func(_ *Config, in *Input) { in.Decision.Proposal.Check.ForSeconds = 61 }, "can be verified: for 61 s within 60 s: want 0 ≤ for ≤ within ≤ 3600"},
		{"another one under way", func(_ *Config, in *Input) { in.Recent = many(1, checkout, fact.Verifying, time.Minute) }, "one at a time: old-checkout-0 is still verifying on checkout"},
		{"another one under way elsewhere", func(_ *Config, in *Input) { in.Recent = many(1, payment, fact.Verifying, time.Minute) }, ""},
		{"itself under way", func(_ *Config, in *Input) { in.Recent = []fact.Decision{before("p1", checkout, fact.Acting, 0)} }, ""},
		{"six in an hour", func(_ *Config, in *Input) { in.Recent = many(6, checkout, fact.Kept, 59*time.Minute) }, "rate per service: 6 of 6 actions on checkout in the last hour"},
		{"six an hour ago", func(_ *Config, in *Input) { in.Recent = many(6, checkout, fact.Kept, time.Hour) }, ""},
		{"twenty in all", func(_ *Config, in *Input) { in.Recent = many(20, payment, fact.Kept, time.Minute) }, "rate in all: 20 of 20 actions in the last hour"},
		{"two bad outcomes", func(_ *Config, in *Input) { in.Recent = many(2, checkout, fact.Reverted, 30*time.Minute) },
			"circuit breaker: 2 bad outcomes of router.weights on checkout; open until 2026-03-01T12:30:00Z"},
		{"two bad outcomes, one in time", func(_ *Config, in *Input) {
			in.Recent = append(many(1, checkout, fact.Failed, time.Minute), before("older", checkout, fact.Failed, time.Hour))
		}, ""},
		{"two bad outcomes of others", func(_ *Config, in *Input) { in.Recent = many(2, payment, fact.Unclear, time.Minute) }, ""},
		{"a history that cannot be read", func(_ *Config, in *Input) { in.RecentErr = errors.New("disk") }, "one at a time: cannot be learned: disk"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg, in := Default(), good()
			tt.change(&cfg, &in)
			v := Judge(cfg, in)
			if v.Allowed != (tt.why == "") || (tt.why != "" && v.Why != tt.why) {
				t.Errorf("allowed %v: %q, want %q", v.Allowed, v.Why, tt.why)
			}
			if len(v.Rules) != len(rules()) {
				t.Errorf("%d rules had their say, want %d", len(v.Rules), len(rules()))
			}
			for _, r := range v.Rules {
				if r.Text == "" {
					t.Errorf("rule %s says nothing", r.Name)
				}
			}
			if v.Allowed && cfg.Level < 4 && !v.NeedsApproval {
				t.Error("nobody needs to be asked at a level below 4")
			}
		})
	}
}

func TestBlast(t *testing.T) {
	for _, tt := range []struct {
		name   string
		params map[string]string
		before map[string]string
		share  float64
	}{
		{"all of it", map[string]string{"v1": "100", "v2": "0"}, map[string]string{"v1": "0", "v2": "100"}, 1},
		{"a fifth", map[string]string{"v1": "100", "v2": "0"}, map[string]string{"v1": "80", "v2": "20"}, 0.2},
		{"a version not named loses", map[string]string{"v1": "100"}, map[string]string{"v1": "70", "v2": "30"}, 0.3},
		{"nothing", map[string]string{"v1": "100"}, map[string]string{"v1": "100"}, 0},
		{"not a number", map[string]string{"v1": "100"}, map[string]string{"v1": "?"}, 1},
		{"nothing seen", map[string]string{"v1": "100"}, nil, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := good()
			setParams(&in, tt.params)
			in.Decision.DryRun.Before = tt.before
			b := BlastOf(in.Decision.Proposal.Action, in.Decision.DryRun)
			if math.Abs(b.Share-tt.share) > 1e-12 || b.Text == "" || len(b.Entities) != 1 {
				t.Errorf("%+v, want %v", b, tt.share)
			}
		})
	}
	in := good()
	restart(&in)
	if b := BlastOf(in.Decision.Proposal.Action, in.Decision.DryRun); b.Share != 0.25 || b.Text != "1 of 4 instances of shop/payment" {
		t.Errorf("%+v", b)
	}
}

// Beyond a quarter of the service a person must agree, whatever the level.
func TestBigBlastNeedsAPerson(t *testing.T) {
	for _, tt := range []struct {
		level int
		v2    string // what moves away
		needs bool
	}{
		{1, "1", true}, {3, "1", true}, {4, "25", false}, {4, "26", true}, {5, "25", false}, {5, "100", true},
	} {
		cfg, in := Default(), good()
		cfg.Level = tt.level
		var v2 int
		if _, err := fmt.Sscan(tt.v2, &v2); err != nil {
			t.Fatal(err)
		}
		in.Decision.DryRun.Before = map[string]string{"v1": fmt.Sprint(100 - v2), "v2": tt.v2}
		if v := Judge(cfg, in); !v.Allowed || v.NeedsApproval != tt.needs {
			t.Errorf("level %d, %s %%: %+v, want a person %v", tt.level, tt.v2, v, tt.needs)
		}
	}
}

// Data that is not to be trusted lowers the level to advise, whatever is granted,
// and raises it never.
func TestDataQuality(t *testing.T) {
	for _, tt := range []struct {
		level int
		data  Data
		want  int
		why   string
	}{
		{5, Data{Known: true, Score: 1}, 5, "permitted; autonomy level 5 and 20 % of the service, nobody needs to be asked"},
		{5, Data{Known: true, Score: 0.8}, 5, "permitted; autonomy level 5 and 20 % of the service, nobody needs to be asked"},
		{5, Data{Known: true, Score: 0.79, Source: "otlp/shop", Why: "late/1 flags 40 % of the rows"}, 1,
			"permitted; at autonomy level 1 a person must agree; source otlp/shop, which tells of checkout, has a score of 0.79: late/1 flags 40 % of the rows; so the level is 1 and not 5"},
		{4, Data{}, 1, "permitted; at autonomy level 1 a person must agree; nobody that is known tells of checkout; so the level is 1 and not 4"},
		{4, Data{Known: true, Score: math.NaN(), Source: "x"}, 1,
			"permitted; at autonomy level 1 a person must agree; what is known of checkout comes from sources of score NaN and more; so the level is 1 and not 4"},
		{1, Data{}, 1, "permitted; at autonomy level 1 a person must agree"},
	} {
		cfg, in := Default(), good()
		cfg.Level, in.Data = tt.level, tt.data
		v := Judge(cfg, in)
		if !v.Allowed || v.Level != tt.want || v.NeedsApproval != (tt.want < 4) || v.Why != tt.why {
			t.Errorf("level %d, %+v: %+v, want level %d because %q", tt.level, tt.data, v, tt.want, tt.why)
		}
	}
	cfg, in := Default(), good()
	cfg.Level, in.Data = 0, Data{}
	if v := Judge(cfg, in); v.Allowed || v.Level != 0 {
		t.Errorf("level 0: %+v", v)
	}
}

// Whatever is left out of a proposal, nothing is permitted; and the same input
// gives the same verdict.
func TestEmptyIsNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	emptied := []func(*Input){
		func(in *Input) { in.Decision.Proposal.Action.Target = "" },
		func(in *Input) { in.Decision.Proposal.Action.Entity = fact.Entity{} },
		func(in *Input) { in.Decision.Proposal.Action.Entity.Name = "" },
		func(in *Input) { in.Decision.Proposal.Action.Kind = "" },
		func(in *Input) { setParams(in, nil) },
		func(in *Input) { setParams(in, map[string]string{}) },
		func(in *Input) { setParams(in, map[string]string{"": ""}) },
		func(in *Input) { setParams(in, map[string]string{"": "100"}) },
		func(in *Input) { setParams(in, map[string]string{"*": "100"}) },
		func(in *Input) { in.Decision.DryRun.Before = map[string]string{} },
		func(in *Input) { in.Actuator.Services = []string{"", "*", "/"} },
		func(in *Input) { in.Decision = fact.Decision{} },
	}
	for range 2000 {
		in := good()
		if r.IntN(2) == 0 {
			restart(&in)
		}
		for range 1 + r.IntN(3) {
			if in.Decision.DryRun == nil {
				break
			}
			emptied[r.IntN(len(emptied))](&in)
		}
		cfg := Default()
		cfg.Level = r.IntN(6)
		v := Judge(cfg, in)
		if v.Allowed {
			t.Fatalf("%+v was permitted: %+v", in.Decision.Proposal.Action, v)
		}
		if again := Judge(cfg, in); again.Why != v.Why {
			t.Fatalf("%q, then %q", v.Why, again.Why)
		}
	}
}

// A detector that cries every five seconds gets its few actions in an hour and no
// more.
func TestRunaway(t *testing.T) {
	cfg, in := Default(), good()
	begun := 0
	for second := 0; second < 3*3600; second += 5 {
		in.Now = now.Add(time.Duration(second) * time.Second)
		in.Decision.Proposal.ID = fmt.Sprintf("p%d", second)
		in.Decision.Proposal.Expires = in.Now.Add(time.Minute)
		if !Judge(cfg, in).Allowed {
			continue
		}
		begun++
		in.Recent = append(in.Recent, fact.Decision{
			Proposal: in.Decision.Proposal, State: fact.Kept, Updated: in.Now,
			Steps: []fact.Step{{State: fact.Acting, At: in.Now}},
		})
	}
	if begun != 3*cfg.PerService {
		t.Errorf("%d actions in three hours, want %d", begun, 3*cfg.PerService)
	}
}

func TestTemporary(t *testing.T) {
	in := good()
	in.Stop.Engaged = true
	if !Temporary(Judge(Default(), in)) {
		t.Error("the kill switch is for good")
	}
	in.IncidentOpen = false
	if Temporary(Judge(Default(), in)) {
		t.Error("an incident that is over comes back")
	}
	if Temporary(Judge(Default(), good())) {
		t.Error("what is permitted is a temporary refusal")
	}
}

// The way back is not held up by limits.
func TestReturnIsNotHeldUp(t *testing.T) {
	in := good()
	in.Recent = many(100, checkout, fact.Reverted, time.Minute)
	in.IncidentOpen = false
	in.Now = now.Add(24 * time.Hour)
	if v := JudgeReturn(Default(), in); !v.Allowed {
		t.Error(v.Why)
	}
	in.Stop.Engaged = true
	if v := JudgeReturn(Default(), in); v.Allowed {
		t.Error("it returns while stopped")
	}
}

func TestConfigCheck(t *testing.T) {
	if err := Default().Check(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Config){
		"level 6":         func(c *Config) { c.Level = 6 },
		"level -1":        func(c *Config) { c.Level = -1 },
		"share 2":         func(c *Config) { c.MaxShare = 2 },
		"share NaN":       func(c *Config) { c.MaxShare = math.NaN() },
		"no actions":      func(c *Config) { c.PerService = 0 },
		"none in all":     func(c *Config) { c.Global = 0 },
		"breaker at once": func(c *Config) { c.BreakerAfter = 0 },
		"breaker never":   func(c *Config) { c.BreakerFor = 0 },
	} {
		c := Default()
		change(&c)
		if c.Check() == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	cfg, in := Default(), good()
	in.Recent = many(20, payment, fact.Kept, 2*time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		Judge(cfg, in)
	}
}
