// Package policy holds the rules that every proposal must pass before anything
// is done.
//
// It answers one question: given the facts, what do the rules say to this
// proposal? It is a pure function ([Judge]): it asks nobody, keeps nothing and
// looks at no clock, so the same input gives the same verdict for ever.
//
// # Method
//
// Every rule is looked at, in a fixed order, and has its say in the verdict
// with words that a person can read, whether it passes or not. The first rule
// that does not pass decides. A rule that lacks what it needs to know does not
// pass: when in doubt, nothing is done.
//
// # Limits
//
// The rules are code and a few numbers. They judge one proposal at a time and
// know of others only what is in [Input.Recent].
package policy

import (
	"fmt"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern/watchdog"
)

// Config holds the numbers of the rules. Use [Default] and change what differs.
type Config struct {
	// Level is the autonomy granted for everything: 0 observe, 1 advise (a
	// person may approve one proposal at a time), 2 act after approval, 3 act
	// unless vetoed (treated as 2), 4 act then report, 5 unattended.
	Level int
	// MaxShare is the largest share of a service's traffic or instances that
	// may be touched without a person, 0 to 1.
	MaxShare float64
	// PerService is how many actions may be begun on one service per hour.
	PerService int
	// Global is how many actions may be begun on everything per hour.
	Global int
	// BreakerAfter bad outcomes of one kind of action on one entity within
	// BreakerFor, the same action is refused until BreakerFor has passed since
	// the last of them.
	BreakerAfter int
	BreakerFor   time.Duration
}

// Default returns the cautious settings.
func Default() Config {
	return Config{Level: 1, MaxShare: 0.25, PerService: 6, Global: 20, BreakerAfter: 2, BreakerFor: time.Hour}
}

// Check reports what is wrong with the settings.
func (c Config) Check() error {
	switch {
	case c.Level < 0 || c.Level > 5:
		return fmt.Errorf("policy: level %d: want 0 to 5", c.Level)
	case !(c.MaxShare >= 0 && c.MaxShare <= 1):
		return fmt.Errorf("policy: max share %v: want 0 to 1", c.MaxShare)
	case c.PerService < 1 || c.Global < 1:
		return fmt.Errorf("policy: limits of %d actions per service and %d in all per hour: want at least 1", c.PerService, c.Global)
	case c.BreakerAfter < 1:
		return fmt.Errorf("policy: circuit breaker after %d bad outcomes: want at least 1", c.BreakerAfter)
	case c.BreakerFor <= 0:
		return fmt.Errorf("policy: circuit breaker for %v: want more than nothing", c.BreakerFor)
	}
	return nil
}

// An Actuator is something through which the world may be changed, as the
// configuration knows it.
type Actuator struct {
	Name     string          // what Action.Target says
	Kind     fact.ActionKind // the one kind that it does
	Services []string        // "name" or "namespace/name"; none means none
}

// Allows reports whether the actuator may be used on e.
func (a Actuator) Allows(e fact.Entity) bool {
	if e.Kind != fact.Service {
		return false
	}
	full := e.Name
	if e.Namespace != "" {
		full = e.Namespace + "/" + e.Name
	}
	for _, s := range a.Services {
		if s != "" && (s == full || s == e.Name) {
			return true
		}
	}
	return false
}

// Input is everything that the rules may look at.
type Input struct {
	Now      time.Time
	Decision fact.Decision // the proposal; DryRun set if there was one
	Stop     watchdog.State
	Actuator *Actuator // the one that the action names; nil: there is none
	// IncidentOpen says whether the incident that the proposal is for still
	// lasts; IncidentErr, that this could not be learned.
	IncidentOpen bool
	IncidentErr  error
	// Recent are the decisions that changed within the last hour or the time
	// of the breaker, and all that are not at their end; RecentErr, that these
	// could not be learned.
	Recent    []fact.Decision
	RecentErr error
	// Data says how far what is known of the action's entity is to be trusted.
	Data Data
}

// Data is how far what is known of an entity is to be trusted.
type Data struct {
	Known  bool    // somebody tells of it
	Score  float64 // of the worst source that does, 0 to 1
	Source string  // which that is
	Why    string  // what took most of its score; may be empty
}

// Trusted is the score from which on data does not lower the level.
const Trusted = 0.8

// Force returns the autonomy in force: the level that is granted, or 1, advise,
// where the data about the entity is not to be trusted.
func Force(cfg Config, d Data) int {
	if d.Known && d.Score >= Trusted {
		return cfg.Level
	}
	return min(cfg.Level, 1)
}

// A rule looks at one thing.
type rule struct {
	name string
	look func(Config, *Input) (pass bool, text string)
}

// rules are what a new proposal must pass, in the order of the verdict.
func rules() []rule {
	return append(always(), []rule{
		{"level", level},
		{"data quality", dataQuality},
		{"not expired", notExpired},
		{"incident open", incidentOpen},
		{"can be verified", verifiable},
		{"one at a time", oneAtATime},
		{"rate per service", ratePerService},
		{"rate in all", rateGlobal},
		{"circuit breaker", breaker},
	}...)
}

// always are the rules that the way back must pass too.
func always() []rule {
	return []rule{
		{"kill switch", killSwitch},
		{"actuator", actuatorAllows},
		{"target", nothingIsNotEverything},
		{"dry run", dryRun},
		{"parameters", parameters},
	}
}

// Judge looks at every rule and returns the verdict.
func Judge(cfg Config, in Input) fact.Verdict {
	v := judge(cfg, &in, rules())
	v.Level = Force(cfg, in.Data)
	if !v.Allowed {
		return v
	}
	v.NeedsApproval, v.Why = approval(cfg, v.Level, v.Blast)
	if v.Level < cfg.Level {
		_, text := dataQuality(cfg, &in)
		v.Why += "; " + text
	}
	return v
}

// JudgeReturn looks at the rules that bind the way back of something that was
// done: it must not be kept from returning by a limit on how often things are
// done.
func JudgeReturn(cfg Config, in Input) fact.Verdict {
	v := judge(cfg, &in, always())
	v.Level = cfg.Level
	return v
}

func judge(cfg Config, in *Input, rules []rule) fact.Verdict {
	p := in.Decision.Proposal
	v := fact.Verdict{Proposal: p.ID, At: in.Now.UTC(), Allowed: true, Why: "every rule passes"}
	v.Blast = BlastOf(p.Action, in.Decision.DryRun)
	for _, r := range rules {
		pass, text := r.look(cfg, in)
		v.Rules = append(v.Rules, fact.Rule{Name: r.name, Pass: pass, Text: text})
		if !pass && v.Allowed {
			v.Allowed, v.Why = false, r.name+": "+text
		}
	}
	return v
}

// approval says whether a person must agree, and why.
func approval(cfg Config, level int, b fact.Blast) (bool, string) {
	switch {
	case level < 4:
		return true, fmt.Sprintf("permitted; at autonomy level %d a person must agree", level)
	case b.Share > cfg.MaxShare:
		return true, fmt.Sprintf("permitted; it touches %.0f %% of the service and a person must agree beyond %.0f %%", 100*b.Share, 100*cfg.MaxShare)
	}
	return false, fmt.Sprintf("permitted; autonomy level %d and %.0f %% of the service, nobody needs to be asked", level, 100*b.Share)
}

// Temporary reports whether v says no only for reasons that pass by
// themselves: the kill switch, and something else that is under way.
func Temporary(v fact.Verdict) bool {
	for _, r := range v.Rules {
		if !r.Pass && r.Name != "kill switch" && r.Name != "one at a time" {
			return false
		}
	}
	return !v.Allowed
}
