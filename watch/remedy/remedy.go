// Package remedy decides which action, if any, fits an incident.
//
// It answers one question: is there one thing that could be done about this,
// and what would show that it helped? It is a pure function: facts in, proposal
// out. It permits nothing and does nothing; gate, govern and act do.
//
// # Method
//
// When one version of the blamed service is at fault and a router for the
// service is configured, all traffic goes back to the stable version, or to a
// healthy one. When the service itself fails, hangs or is gone, nothing better
// explains it, and a supervisor for it is configured, the one process at fault
// is restarted. Otherwise nothing is proposed, nor when the cause is uncertain.
//
// The check is false while the fault lasts and true when the figure that left
// its range is back near where it was; no requests at all do not fulfil it.
//
// # Limits
//
// Several processes that fail alike are not restarted one after the other. A
// change that is no version (configuration, scaling) is not taken back.
package remedy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/watch/cause"
	"github.com/steersman-ops/steersman/watch/flow"
	"github.com/steersman-ops/steersman/watch/say"
)

// An Actuator is one way to act, as the configuration knows it.
type Actuator struct {
	Name     string
	Kind     fact.ActionKind
	Services []string // "name" or "namespace/name"
	Stable   string   // router.weights: the version to go back to; may be empty
}

func (a *Actuator) serves(e fact.Entity) bool {
	return e.Kind == fact.Service && slices.ContainsFunc(a.Services, func(s string) bool { return s == e.Name || s == e.Namespace+"/"+e.Name })
}

// Input is all that a decision looks at.
type Input struct {
	Now       time.Time
	Incident  *fact.Incident
	Felt      cause.Felt   // where the likely cause's harm shows
	Service   flow.Service // the flows of the likely cause's entity
	Actuators []Actuator
	Attempt   int           // how often this incident had a proposal before
	Lasts     time.Duration // how long the proposal waits for a person; 0: 15 minutes
}

// Limits of a proposal.
const (
	minConfidence = 0.6
	sureRollback  = 0.95 // that going back helps when a version is at fault
	sureRestart   = 0.85 // that a restart helps when a process is
	usualLasts    = 15 * time.Minute
	checkWindow   = "10s"
	checkFor      = 6
	checkWithin   = 60
	patience      = 30 * time.Second // with versions that have not served enough to be compared
	maxEvidence   = 12
)

// Decide returns the action that fits, if one does.
func Decide(in Input) (fact.Proposal, bool) {
	inc := in.Incident
	if inc.Abstained || len(inc.Causes) == 0 || in.Felt.Kind == "" {
		return fact.Proposal{}, false
	}
	top := &inc.Causes[0]
	p, ok := rollBack(&in, top)
	if !ok {
		p, ok = restart(&in, top)
	}
	if !ok || p.Confidence < minConfidence {
		return fact.Proposal{}, false
	}
	p.Incident, p.Created, p.Expires = inc.ID, in.Now, in.Now.Add(cmp.Or(in.Lasts, usualLasts))
	p.Action.Entity = top.Entity
	p.Check = check(top.Entity, in.Felt)
	p.Expected = expected(top.Entity, in.Felt, p.Check)
	p.Evidence = evidence(inc, top)
	p.Alternatives = append(p.Alternatives, nothing(&in))
	p.ID = fact.ID("prp", inc.ID, Key(p.Action), fmt.Sprint(in.Attempt))
	return p, true
}

// Key names an action: what would be done to what.
func Key(a fact.Action) string {
	parts := []string{string(a.Kind), a.Target, a.Entity.String()}
	for _, k := range slices.Sorted(maps.Keys(a.Params)) {
		parts = append(parts, k+"="+a.Params[k])
	}
	return strings.Join(parts, " ")
}

func find(as []Actuator, kind fact.ActionKind, e fact.Entity) *Actuator {
	for i := range as {
		if as[i].Kind == kind && as[i].serves(e) {
			return &as[i]
		}
	}
	return nil
}

// rollBack sends all traffic to a version that is not at fault.
func rollBack(in *Input, top *fact.Cause) (fact.Proposal, bool) {
	router := find(in.Actuators, fact.SetWeights, top.Entity)
	bad := top.Version
	if router == nil || bad == "" || top.Kind == fact.CauseHost || top.Kind == fact.CauseTraffic {
		return fact.Proposal{}, false
	}
	good := healthy(router.Stable, bad, top.Change, in.Service.Versions)
	if good == "" {
		return fact.Proposal{}, false
	}
	name := say.Name(top.Entity)
	params := map[string]string{good: "100", bad: "0"}
	for _, v := range in.Service.Versions {
		if v.Name != good && v.Name != "" {
			params[v.Name] = "0"
		}
	}
	return fact.Proposal{
		Action:     fact.Action{Kind: fact.SetWeights, Target: router.Name, Params: params},
		Title:      fmt.Sprintf("Send all %s traffic back to %s", name, good),
		Why:        why(top),
		Confidence: top.Probability * sureRollback,
		Alternatives: []fact.Alternative{{
			Title: "Restart " + name,
			Why:   fmt.Sprintf("a restart would start the same %s again", bad),
		}},
	}, true
}

// healthy chooses where to go back to: the stable version, else the one that
// ran before the change, else the one that served most before. A version that
// fails now as well is no way back.
func healthy(stable, bad string, ch *fact.Change, vs []flow.Part) string {
	ill := func(name string) bool {
		i := slices.IndexFunc(vs, func(p flow.Part) bool { return p.Name == name })
		j := slices.IndexFunc(vs, func(p flow.Part) bool { return p.Name == bad })
		return i >= 0 && j >= 0 && vs[i].Now.Requests >= 10 && vs[i].Now.ErrorRatio() > 0.02 && vs[i].Now.ErrorRatio() > 0.5*vs[j].Now.ErrorRatio()
	}
	names := []string{stable}
	if ch != nil && ch.Version == bad {
		names = append(names, ch.Before)
	}
	byBefore := slices.Clone(vs)
	slices.SortStableFunc(byBefore, func(a, b flow.Part) int {
		return cmp.Or(cmp.Compare(b.Before.Requests, a.Before.Requests), cmp.Compare(a.Name, b.Name))
	})
	for _, v := range byBefore {
		names = append(names, v.Name)
	}
	for _, n := range names {
		if n != "" && n != bad && !ill(n) {
			return n
		}
	}
	return ""
}

// restart restarts the one process at fault.
func restart(in *Input, top *fact.Cause) (fact.Proposal, bool) {
	supervisor := find(in.Actuators, fact.Restart, top.Entity)
	switch top.Kind {
	case fact.CauseErrors, fact.CauseSlow, fact.CauseAbsent:
	default:
		return fact.Proposal{}, false
	}
	if supervisor == nil || (in.Now.Sub(in.Incident.Onset) < patience && untold(in.Service.Versions)) {
		return fact.Proposal{}, false
	}
	instance := atFault(in.Service.Instances)
	if instance == "" {
		return fact.Proposal{}, false
	}
	name := say.Name(top.Entity)
	return fact.Proposal{
		Action:     fact.Action{Kind: fact.Restart, Target: supervisor.Name, Params: map[string]string{"instance": instance}},
		Title:      fmt.Sprintf("Restart %s of %s", instance, name),
		Why:        why(top),
		Confidence: top.Probability * sureRestart,
		Alternatives: []fact.Alternative{{
			Title: "Go back to another version",
			Why:   "no version of " + name + " stands out and no change explains it",
		}},
	}, true
}

// untold reports whether several versions serve and one of them has served too
// little to be compared: the fault may yet turn out to be that version's.
func untold(vs []flow.Part) bool {
	serving, few := 0, false
	for _, v := range vs {
		if v.Now.Requests > 0 {
			serving++
			few = few || v.Now.Requests < 20
		}
	}
	return serving > 1 && few
}

// atFault is the one process that fails or is slow: the only one there is, or
// one that differs clearly from all others. A process that has stopped serving
// while another goes on is one that differs.
func atFault(ps []flow.Part) string {
	if len(ps) == 1 {
		return ps[0].Name
	}
	found := ""
	for _, p := range ps {
		differs := true
		for _, q := range ps {
			if q.Name != p.Name && !worse(p, q) {
				differs = false
			}
		}
		if differs {
			found = p.Name
		}
	}
	return found
}

func worse(p, q flow.Part) bool {
	if p.Now.Requests == 0 {
		return p.Before.Rate()*q.Now.Seconds >= 10 && q.Now.Requests > 0 && q.Now.ErrorRatio() < 0.02
	}
	if p.Now.Requests < 5 {
		return false
	}
	fails := p.Now.Errors >= 3 && p.Now.ErrorRatio() > 3*q.Now.ErrorRatio()+0.02
	slow := q.Now.Requests > 0 && p.Now.Mean() > 2*q.Now.Mean() && p.Now.Mean() > q.Now.Mean()+0.005
	return fails || slow
}

func why(top *fact.Cause) string {
	return fmt.Sprintf("%s (%s sure).", top.Text, say.Percent(top.Probability))
}

// round keeps three significant digits: a limit is read by people.
func round(x float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 3, 64), 64)
	if err != nil {
		return x
	}
	return r
}

// check asks for the figure that left its range to be back: near what it was
// before, and in any case by three fifths of the way.
func check(e fact.Entity, felt cause.Felt) fact.Check {
	s := flow.Selector{Server: e, Side: felt.Side}
	c := fact.Check{Op: "<", ForSeconds: checkFor, WithinSeconds: checkWithin}
	back := felt.Before + 0.4*(felt.Now-felt.Before)
	if felt.Kind == fact.Latency {
		c.Query = flow.MeanQuery(s, checkWindow)
		c.Limit = round(min(back, max(1.5*felt.Before, felt.Before+0.002)))
		return c
	}
	c.Query = flow.ErrorRatioQuery(s, checkWindow)
	c.Limit = round(min(back, max(2*felt.Before, felt.Before+0.02)))
	return c
}

func expected(e fact.Entity, felt cause.Felt, c fact.Check) string {
	if felt.Kind == fact.Latency {
		return fmt.Sprintf("%s takes less than %s on average within %d seconds, now it takes %s", say.Name(e), say.Seconds(c.Limit), checkWithin, say.Seconds(felt.Now))
	}
	return fmt.Sprintf("less than %s of requests to %s fail within %d seconds, now %s do", say.Percent(c.Limit), say.Name(e), checkWithin, say.Percent(felt.Now))
}

// nothing is the alternative that always exists, with its price.
func nothing(in *Input) fact.Alternative {
	a := fact.Alternative{Title: "Do nothing"}
	minutes := in.Service.In.Now.Seconds / 60
	im := in.Incident.Impact
	if failing := in.Service.In.ExcessErrors(); in.Felt.Kind == fact.Errors && minutes > 0 && failing >= 1 {
		a.Why = fmt.Sprintf("about %s more requests to %s fail with each minute of waiting", say.Count(failing/minutes), say.Name(in.Service.Entity))
		return a
	}
	if minutes > 0 && in.Felt.Kind == fact.Latency {
		a.Why = fmt.Sprintf("about %s more requests to %s take %s instead of %s with each minute of waiting",
			say.Count(in.Service.In.Now.Requests/minutes), say.Name(in.Service.Entity), say.Seconds(in.Felt.Now), say.Seconds(in.Felt.Before))
		return a
	}
	if lasted := in.Now.Sub(in.Incident.Onset).Minutes(); lasted > 0 && im.Failed >= 1 {
		a.Why = fmt.Sprintf("about %s more requests to %s fail with each minute of waiting", say.Count(im.Failed/lasted), say.Name(im.Entity))
		return a
	}
	a.Why = fmt.Sprintf("%s of requests to %s go on failing, minute for minute", say.Percent(im.ErrorRatio), say.Name(im.Entity))
	return a
}

// evidence names the findings behind the proposal.
func evidence(inc *fact.Incident, top *fact.Cause) []string {
	ids := []string{}
	add := func(id string) {
		if id != "" && len(ids) < maxEvidence && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, e := range top.For {
		add(e.Finding)
	}
	for i := range inc.Findings {
		if f := &inc.Findings[i]; f.Signal.Entity == top.Entity {
			add(f.ID)
		}
	}
	return ids
}
