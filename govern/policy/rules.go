package policy

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/steersman-ops/steersman/fact"
)

func killSwitch(_ Config, in *Input) (bool, string) {
	if in.Stop.Engaged {
		return false, fmt.Sprintf("engaged by %s: %s", in.Stop.By, in.Stop.Why)
	}
	return true, "not engaged"
}

func level(cfg Config, _ *Input) (bool, string) {
	if cfg.Level < 1 {
		return false, "autonomy level 0 only observes"
	}
	return true, fmt.Sprintf("autonomy level %d", cfg.Level)
}

// dataQuality forbids nothing: data that is not to be trusted lowers the level.
func dataQuality(cfg Config, in *Input) (bool, string) {
	d, of := in.Data, named(in.Decision.Proposal.Action.Entity)
	text := fmt.Sprintf("what is known of %s comes from sources of score %.2f and more", of, d.Score)
	if !d.Known {
		text = "nobody that is known tells of " + of
	} else if d.Why != "" {
		text = fmt.Sprintf("source %s, which tells of %s, has a score of %.2f: %s", d.Source, of, d.Score, d.Why)
	}
	if force := Force(cfg, d); force < cfg.Level {
		text += fmt.Sprintf("; so the level is %d and not %d", force, cfg.Level)
	}
	return true, text
}

func actuatorAllows(_ Config, in *Input) (bool, string) {
	a := in.Decision.Proposal.Action
	switch act := in.Actuator; {
	case act == nil:
		return false, fmt.Sprintf("no actuator is named %q", a.Target)
	case act.Kind != a.Kind:
		return false, fmt.Sprintf("%s does %s, not %s", act.Name, act.Kind, a.Kind)
	case !act.Allows(a.Entity):
		return false, fmt.Sprintf("%s may not be used on %s", act.Name, named(a.Entity))
	}
	return true, fmt.Sprintf("%s may be used on %s", in.Actuator.Name, named(a.Entity))
}

func nothingIsNotEverything(_ Config, in *Input) (bool, string) {
	a := in.Decision.Proposal.Action
	switch {
	case a.Target == "":
		return false, "an empty target means nothing"
	case a.Entity.IsZero():
		return false, "no entity is named"
	case len(a.Params) == 0:
		return false, "empty parameters mean nothing"
	}
	return true, a.Target + " on " + named(a.Entity)
}

func dryRun(_ Config, in *Input) (bool, string) {
	d := in.Decision.DryRun
	switch {
	case d == nil:
		return false, "there was none"
	case d.Err != "":
		return false, d.Err
	case !d.DryRun || d.Warrant != "":
		return false, "the receipt is not one of a dry run"
	case !sameAction(d.Action, in.Decision.Proposal.Action):
		return false, "it was made for another action: " + d.Action.String()
	case len(d.Before) == 0:
		return false, "it found no state to compare with"
	}
	return true, d.Text
}

func parameters(_ Config, in *Input) (bool, string) {
	a := in.Decision.Proposal.Action
	switch a.Kind {
	case fact.SetWeights:
		return weights(a, in.Decision.DryRun)
	case fact.Restart:
		if a.Params["instance"] == "" {
			return false, "no instance is named"
		}
		if len(a.Params) != 1 {
			return false, "a restart takes one parameter, the instance"
		}
		return true, "instance " + a.Params["instance"]
	}
	return false, fmt.Sprintf("no rule knows the action %q", a.Kind)
}

// weights wants whole percents that add up to 100, and no traffic to a version
// that the router does not know.
func weights(a fact.Action, dry *fact.Receipt) (bool, string) {
	sum, named := 0, 0
	for _, version := range slices.Sorted(maps.Keys(a.Params)) {
		w, err := strconv.Atoi(a.Params[version])
		if err != nil || w < 0 || w > 100 {
			return false, fmt.Sprintf("weight %q of %s: want a whole number from 0 to 100", a.Params[version], version)
		}
		sum += w
		known := false
		if dry != nil {
			_, known = dry.Before[version]
		}
		if known {
			named++
		} else if w > 0 {
			return false, fmt.Sprintf("the router knows no version %s", version)
		}
	}
	switch {
	case sum != 100:
		return false, fmt.Sprintf("weights add up to %d, not 100", sum)
	case named == 0:
		return false, "no version that the router knows is named"
	}
	return true, "weights add up to 100 and every version is known"
}

func notExpired(_ Config, in *Input) (bool, string) {
	p := in.Decision.Proposal
	switch {
	case p.Expires.IsZero():
		return false, "the proposal has no time at which it expires"
	case !in.Now.Before(p.Expires):
		return false, "the proposal was good until " + p.Expires.UTC().Format(time.RFC3339)
	}
	return true, "good until " + p.Expires.UTC().Format(time.RFC3339)
}

func incidentOpen(_ Config, in *Input) (bool, string) {
	switch {
	case in.IncidentErr != nil:
		return false, "cannot be learned: " + in.IncidentErr.Error()
	case !in.IncidentOpen:
		return false, "the incident is over"
	}
	return true, "the incident still lasts"
}

func verifiable(_ Config, in *Input) (bool, string) {
	c := in.Decision.Proposal.Check
	switch {
	case c.Query == "":
		return false, "no query says whether it helped"
	case c.Op != "<" && c.Op != ">":
		return false, fmt.Sprintf("comparison %q: want < or >", c.Op)
	case math.IsNaN(c.Limit) || math.IsInf(c.Limit, 0):
		return false, "the limit is not a number"
	case !(c.ForSeconds >= 0 && c.WithinSeconds > 0 && c.WithinSeconds <= 3600 && c.ForSeconds <= c.WithinSeconds):
		return false, fmt.Sprintf("for %v s within %v s: want 0 ≤ for ≤ within ≤ 3600", c.ForSeconds, c.WithinSeconds)
	}
	return true, fmt.Sprintf("%s %s %v for %v s within %v s", c.Query, c.Op, c.Limit, c.ForSeconds, c.WithinSeconds)
}

func oneAtATime(_ Config, in *Input) (bool, string) {
	if in.RecentErr != nil {
		return false, "cannot be learned: " + in.RecentErr.Error()
	}
	p := in.Decision.Proposal
	for _, d := range in.Recent {
		if d.Proposal.ID != p.ID && d.Proposal.Action.Entity == p.Action.Entity && InFlight(d.State) {
			return false, fmt.Sprintf("%s is still %s on %s", d.Proposal.ID, d.State, named(p.Action.Entity))
		}
	}
	return true, "nothing else is under way on " + named(p.Action.Entity)
}

// InFlight reports whether a decision in state s is changing the world.
func InFlight(s fact.State) bool {
	return s == fact.Acting || s == fact.Verifying || s == fact.Reverting
}

// begun returns when the action of d was begun, the zero time if never.
func begun(d *fact.Decision) time.Time {
	for _, s := range d.Steps {
		if s.State == fact.Acting {
			return s.At
		}
	}
	return time.Time{}
}

// countBegun counts the actions begun in the last hour on what counts names.
func countBegun(in *Input, counts func(fact.Entity) bool) int {
	n := 0
	for i := range in.Recent {
		d := &in.Recent[i]
		at := begun(d)
		if d.Proposal.ID != in.Decision.Proposal.ID && !at.IsZero() && in.Now.Sub(at) < time.Hour && counts(d.Proposal.Action.Entity) {
			n++
		}
	}
	return n
}

func ratePerService(cfg Config, in *Input) (bool, string) {
	if in.RecentErr != nil {
		return false, "cannot be learned: " + in.RecentErr.Error()
	}
	e := in.Decision.Proposal.Action.Entity
	n := countBegun(in, func(other fact.Entity) bool { return other == e })
	return n < cfg.PerService, fmt.Sprintf("%d of %d actions on %s in the last hour", n, cfg.PerService, named(e))
}

func rateGlobal(cfg Config, in *Input) (bool, string) {
	if in.RecentErr != nil {
		return false, "cannot be learned: " + in.RecentErr.Error()
	}
	n := countBegun(in, func(fact.Entity) bool { return true })
	return n < cfg.Global, fmt.Sprintf("%d of %d actions in the last hour", n, cfg.Global)
}

func breaker(cfg Config, in *Input) (bool, string) {
	if in.RecentErr != nil {
		return false, "cannot be learned: " + in.RecentErr.Error()
	}
	a := in.Decision.Proposal.Action
	n, last := 0, time.Time{}
	for i := range in.Recent {
		d := &in.Recent[i]
		if d.Proposal.Action.Entity != a.Entity || d.Proposal.Action.Kind != a.Kind || !bad(d) {
			continue
		}
		if in.Now.Sub(d.Updated) < cfg.BreakerFor {
			n++
			if d.Updated.After(last) {
				last = d.Updated
			}
		}
	}
	if n >= cfg.BreakerAfter {
		return false, fmt.Sprintf("%d bad outcomes of %s on %s; open until %s",
			n, a.Kind, named(a.Entity), last.Add(cfg.BreakerFor).UTC().Format(time.RFC3339))
	}
	return true, fmt.Sprintf("%d of %d bad outcomes", n, cfg.BreakerAfter)
}

// bad reports whether d was begun and did not end well.
func bad(d *fact.Decision) bool {
	switch d.State {
	case fact.Reverting, fact.Reverted, fact.Failed, fact.Unclear:
		return !begun(d).IsZero()
	}
	return false
}

func named(e fact.Entity) string {
	if e.IsZero() {
		return "nothing"
	}
	return strings.TrimPrefix(e.String(), string(fact.Service)+":")
}

func sameAction(a, b fact.Action) bool {
	return a.Kind == b.Kind && a.Target == b.Target && a.Entity == b.Entity && maps.Equal(a.Params, b.Params)
}

// InstancesKey is the key under which the state found by the dry run of a
// restart holds how many instances the service has.
const InstancesKey = "instances"

// BlastOf says how much of the service an action touches, from what its dry
// run found. What cannot be told counts as everything.
func BlastOf(a fact.Action, dry *fact.Receipt) fact.Blast {
	b := fact.Blast{Entities: []fact.Entity{a.Entity}, Share: 1, Text: "not known, so taken for all of " + named(a.Entity)}
	if dry == nil || len(dry.Before) == 0 {
		return b
	}
	switch a.Kind {
	case fact.SetWeights:
		moved := 0.0
		for version, after := range a.Params {
			to, err := strconv.Atoi(after)
			from, err2 := strconv.Atoi(orZero(dry.Before[version]))
			if err != nil || err2 != nil {
				return b
			}
			moved += max(0, float64(to-from))
		}
		b.Share = min(1, moved/100)
		b.Text = fmt.Sprintf("%.0f %% of the traffic of %s moves", 100*b.Share, named(a.Entity))
	case fact.Restart:
		n, err := strconv.Atoi(dry.Before[InstancesKey])
		if err != nil || n < 1 {
			return b
		}
		b.Share = 1 / float64(n)
		b.Text = fmt.Sprintf("1 of %d instances of %s", n, named(a.Entity))
	}
	return b
}

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}
