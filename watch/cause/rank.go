package cause

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/watch/flow"
	"github.com/steersman-ops/steersman/watch/say"
)

// ranker holds what all candidates of one incident are weighed with.
type ranker struct {
	in                        *Input
	harms                     []*harm
	errorsMatter, timeMatters float64 // add up to 1
	sumFailed, sumTime        float64 // own harm over all services in scope
	at                        map[fact.Entity]*harm
	surged                    bool // services were told that more requests speak for them
	shared                    *shared
}

// Rank ranks the causes. It costs O(services × changes and findings of each +
// edges).
func Rank(in Input) Result {
	r := &ranker{in: &in, harms: account(&in.Flows)}
	r.at = make(map[fact.Entity]*harm, len(r.harms))
	for _, h := range r.harms {
		r.at[h.entity] = h
	}
	r.matter()
	scope := r.scope()
	for _, h := range r.harms {
		if scope[h.entity] {
			r.sumFailed += h.ownFailed
			r.sumTime += h.ownTime
		}
	}
	r.shared = r.sharedSlowness()
	var all []*candidate
	for _, h := range r.harms {
		if scope[h.entity] {
			if c := r.service(h); len(c.cause.For)+len(c.cause.Against) > 0 {
				all = append(all, c)
			}
		}
	}
	all = append(all, r.hosts()...)
	all = append(all, r.traffic(all)...)
	return r.judge(all)
}

// matter says how much failures and how much slowness this incident is about.
func (r *ranker) matter() {
	for i := range r.in.Findings {
		f := &r.in.Findings[i]
		switch {
		case !f.Symptom():
		case f.Signal.Kind == fact.Latency:
			r.timeMatters = 1
		default:
			r.errorsMatter = 1
		}
	}
	if r.errorsMatter+r.timeMatters == 2 {
		r.errorsMatter, r.timeMatters = 0.6, 0.4
	}
}

// scope is every service that a symptom speaks of, those changed of late, and
// all that the first ones call, directly or not; without those that are at the
// root of another incident.
func (r *ranker) scope() map[fact.Entity]bool {
	callees := make(map[fact.Entity][]fact.Entity)
	for _, e := range r.in.Flows.Edges {
		callees[e.Client] = append(callees[e.Client], e.Server)
	}
	scope := make(map[fact.Entity]bool)
	var todo []fact.Entity
	visit := func(e fact.Entity) {
		if !e.IsZero() && !scope[e] && !slices.Contains(r.in.Elsewhere, e) {
			scope[e] = true
			todo = append(todo, e)
		}
	}
	for i := range r.in.Findings {
		if f := &r.in.Findings[i]; f.Symptom() {
			visit(f.Signal.Entity)
			visit(f.Signal.Client)
		}
	}
	for len(todo) > 0 {
		e := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, d := range callees[e] {
			visit(d)
		}
	}
	for i := range r.in.Changes {
		if e := r.in.Changes[i].Entity; !slices.Contains(r.in.Elsewhere, e) {
			scope[e] = true
		}
	}
	return scope
}

// judge turns scores into probabilities, dismisses, and abstains.
func (r *ranker) judge(all []*candidate) Result {
	slices.SortStableFunc(all, func(a, b *candidate) int {
		return cmp.Or(cmp.Compare(b.score, a.score), flow.CompareEntities(a.cause.Entity, b.cause.Entity))
	})
	total := math.Exp(unknown)
	for _, c := range all {
		total += math.Exp(c.score)
	}
	res := Result{Causes: []fact.Cause{}, RuledOut: []fact.Cause{}, Harm: r.total()}
	var kept []*candidate
	sum := math.Exp(unknown)
	for _, c := range all {
		c.cause.For, c.cause.Against = inOrder(c.cause.For), inOrder(c.cause.Against)
		if p := math.Exp(c.score) / total; len(kept) < maxCauses && p >= negligible/5 && (p >= negligible || len(c.cause.Against) == 0) {
			kept = append(kept, c)
			sum += math.Exp(c.score)
		} else if len(c.cause.Against) > 0 && len(res.RuledOut) < maxRuledOut {
			c.cause.Probability = p
			c.cause.Text = say.Name(c.cause.Entity) + ": " + c.cause.Against[0].Text
			res.RuledOut = append(res.RuledOut, c.cause)
		}
	}
	// However much speaks for the ones that were thought of, something else
	// remains possible.
	res.Unknown = max(math.Exp(unknown)/sum, leastUnknown)
	if len(kept) == 0 {
		res.Unknown = 1
	}
	for _, c := range kept {
		c.cause.Probability = (1 - res.Unknown) * math.Exp(c.score) / (sum - math.Exp(unknown))
		res.Causes = append(res.Causes, c.cause)
	}
	r.conclude(&res, kept)
	return res
}

// total is the harm of the services in scope, a second.
func (r *ranker) total() Harm {
	for _, h := range r.harms {
		if s := h.in.Now.Seconds; s > 0 {
			return Harm{Failed: r.sumFailed / s, Lost: r.sumTime / s}
		}
	}
	return Harm{}
}

// inOrder sorts evidence, the weightiest first. The result is never nil: papers
// list nothing as an empty list.
func inOrder(es []fact.Evidence) []fact.Evidence {
	slices.SortStableFunc(es, func(a, b fact.Evidence) int {
		return cmp.Or(cmp.Compare(math.Abs(b.Weight), math.Abs(a.Weight)), cmp.Compare(a.Text, b.Text))
	})
	if es == nil {
		return []fact.Evidence{}
	}
	return es
}

// conclude says the result in words, or why there is none.
func (r *ranker) conclude(res *Result, kept []*candidate) {
	switch {
	case len(kept) == 0:
		res.Abstained = true
		res.Text = "not enough evidence: no service shows failures or delay of its own"
	case kept[0].structural < minStructural:
		res.Abstained = true
		res.Text = "not enough evidence: only the order in time points anywhere"
	case kept[0].cause.Probability < likely:
		res.Abstained = true
		res.Text = r.undecided(kept)
	default:
		c := kept[0]
		res.Headline, res.Felt = c.headline, c.felt
		res.Text = fmt.Sprintf("%s is the likely cause (%s): %s", who(&c.cause), say.Percent(c.cause.Probability), it(c))
		if len(kept) > 1 && kept[1].cause.Probability >= rival {
			res.Text += fmt.Sprintf("; %s (%s) is not excluded", say.Name(kept[1].cause.Entity), say.Percent(kept[1].cause.Probability))
		}
		return
	}
	if r.shared != nil {
		res.Text = "not enough evidence: " + r.shared.text + ", which points to something that they share"
	}
}

// who names the culprit as the subject of a sentence.
func who(c *fact.Cause) string {
	switch c.Kind {
	case fact.CauseHost:
		return "host " + say.Name(c.Entity)
	case fact.CauseTraffic:
		return "more traffic at " + say.Name(c.Entity)
	}
	return say.Name(c.Entity)
}

// it is the cause's sentence after its name has been said.
func it(c *candidate) string {
	name, text := say.Name(c.cause.Entity), c.cause.Text
	switch c.cause.Kind {
	case fact.CauseErrors, fact.CauseSlow, fact.CauseAbsent:
		if rest, ok := strings.CutPrefix(text, name+" itself takes "); ok {
			return "its own work takes " + rest
		}
		if rest, ok := strings.CutPrefix(text, name+" "); ok {
			return "it " + rest
		}
	case fact.CauseHost:
		return strings.TrimPrefix(text, "host "+name+" is busy: ")
	}
	return text
}

func (r *ranker) undecided(kept []*candidate) string {
	var names []string
	for _, c := range kept[:min(2, len(kept))] {
		if c.cause.Probability >= 0.2 {
			names = append(names, fmt.Sprintf("%s (%s)", say.Name(c.cause.Entity), say.Percent(c.cause.Probability)))
		}
	}
	switch len(names) {
	case 2:
		return fmt.Sprintf("not enough evidence to choose between %s and %s", names[0], names[1])
	case 1:
		return fmt.Sprintf("not enough evidence: %s is no more than a possibility", names[0])
	}
	return "not enough evidence: nothing stands out"
}
