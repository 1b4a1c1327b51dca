package cause

import (
	"fmt"
	"math"
	"slices"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/watch/flow"
	"github.com/steersman-ops/steersman/watch/say"
)

// traffic weighs more requests at the door, and services that began to call
// another more often than they are called.
func (r *ranker) traffic(services []*candidate) []*candidate {
	var out []*candidate
	for _, e := range r.in.Flows.Edges {
		var c *candidate
		if e.Client.IsZero() {
			c = r.surge(e)
		} else if r.inScope(e.Client, services) {
			c = r.amplifies(e)
		}
		if c == nil {
			continue
		}
		r.bears(c, e, services)
		out = append(out, c)
	}
	return out
}

func (r *ranker) inScope(e fact.Entity, services []*candidate) bool {
	return slices.ContainsFunc(services, func(c *candidate) bool { return c.cause.Entity == e })
}

// surge is a candidate when the outside asks much more of a service.
func (r *ranker) surge(e flow.Edge) *candidate {
	p := e.Callee
	times := share(p.Now.Rate(), p.Before.Rate())
	if p.Before.Requests < 10 || times < minSurge {
		return nil
	}
	c := &candidate{cause: fact.Cause{Entity: e.Server, Kind: fact.CauseTraffic}, score: prior, symptom: true}
	c.headline = fmt.Sprintf("%s gets %s the usual requests", say.Name(e.Server), say.Times(times))
	c.cause.Text = fmt.Sprintf("%s gets %s the usual requests from outside", say.Name(e.Server), say.Times(times))
	c.felt = r.feltAt(e.Server)
	c.add(fact.Evidence{
		Weight: min(wSurgeMax, 2*math.Log(times)), Before: p.Before.Rate(), Now: p.Now.Rate(), Unit: "requests per second",
		Query: flow.RateQuery(flow.Selector{Server: e.Server, Side: flow.Server}, "10s"),
		Text:  fmt.Sprintf("requests from outside went from %s to %s", say.Value(p.Before.Rate(), "requests per second"), say.Value(p.Now.Rate(), "requests per second")),
	}, true)
	r.surgeOrder(c, e)
	return c
}

// amplifies is a candidate when a service calls another much more often for
// each request that it gets, and began so before the other suffered.
func (r *ranker) amplifies(e flow.Edge) *candidate {
	p := seen(e)
	in, ok := r.in.Flows.Service(e.Client)
	if !ok || p.Before.Requests < 10 || in.In.Before.Requests == 0 || in.In.Now.Requests == 0 {
		return nil
	}
	before, now := p.Before.Requests/in.In.Before.Requests, p.Now.Requests/in.In.Now.Requests
	if now < minSurge*before {
		return nil
	}
	if !r.before(e) {
		return nil // retries: an answer to failures, not their origin
	}
	c := &candidate{cause: fact.Cause{Entity: e.Client, Kind: fact.CauseTraffic}, score: prior, symptom: true}
	text := fmt.Sprintf("%s calls %s %s as often per request as before", say.Name(e.Client), say.Name(e.Server), say.Times(now/before))
	c.headline, c.cause.Text = text, text+", and began so before it suffered"
	c.felt = r.feltAt(e.Server)
	c.add(fact.Evidence{
		Weight: min(wSurgeMax, 2*math.Log(now/before)), Before: before, Now: now,
		Query: flow.RateQuery(flow.Selector{Server: e.Server, Client: e.Client, Side: flow.Client}, "10s"),
		Text:  fmt.Sprintf("%s calls for each of its requests instead of %s", say.Value(now, ""), say.Value(before, "")),
	}, true)
	c.add(fact.Evidence{Weight: wSurgeOrder, Text: fmt.Sprintf("the calls rose before %s suffered", say.Name(e.Server))}, false)
	return c
}

// before asks whether the traffic of an edge rose at least two seconds before
// its callee's first symptom.
func (r *ranker) before(e flow.Edge) bool {
	rise, hurt := math.Inf(1), math.Inf(1)
	for i := range r.in.Findings {
		f := &r.in.Findings[i]
		if f.Signal.Entity != e.Server {
			continue
		}
		at := f.Onset.Sub(r.in.Onset).Seconds()
		if f.Symptom() {
			hurt = min(hurt, at)
		} else if f.Signal.Kind == fact.Traffic && (f.Signal.Client == e.Client || f.Signal.Client.IsZero()) {
			rise = min(rise, at)
		}
	}
	return rise+2 <= hurt
}

// surgeOrder asks whether the traffic rose before the harm or in answer to it.
func (r *ranker) surgeOrder(c *candidate, e flow.Edge) {
	for i := range r.in.Findings {
		f := &r.in.Findings[i]
		if f.Signal.Kind != fact.Traffic || f.Direction != fact.Up || f.Signal.Entity != e.Server {
			continue
		}
		if late := f.Onset.Sub(r.in.Onset); late > 2*orderSlack {
			c.add(fact.Evidence{Weight: wSurgeLate, Finding: f.ID, Query: f.Signal.Query, Text: fmt.Sprintf("requests rose %s after the first symptom: people try again", say.Ago(late))}, false)
		} else {
			c.add(fact.Evidence{Weight: wSurgeOrder, Finding: f.ID, Query: f.Signal.Query, Text: "requests rose no later than the first symptom"}, false)
		}
		return
	}
}

// bears asks whether the service that suffers most got more requests, too, and
// if so lets that speak against the service.
func (r *ranker) bears(c *candidate, e flow.Edge, services []*candidate) {
	var worst *harm
	for _, h := range r.harms {
		if worst == nil || r.weight(h) > r.weight(worst) {
			worst = h
		}
	}
	if worst == nil || r.weight(worst) == 0 {
		return
	}
	p := seen(e)
	grew, rose := share(worst.in.Now.Rate(), worst.in.Before.Rate()), share(p.Now.Rate(), p.Before.Rate())
	if grew < minSurge || grew < 0.7*rose {
		c.add(fact.Evidence{Weight: -wSurgeBears, Text: fmt.Sprintf("%s, which suffers most, does not get that many more", say.Name(worst.entity))}, true)
		return
	}
	c.add(fact.Evidence{
		Weight: wSurgeBears, Before: worst.in.Before.Rate(), Now: worst.in.Now.Rate(), Unit: "requests per second",
		Query: flow.RateQuery(flow.Selector{Server: worst.entity, Side: flow.Server}, "10s"),
		Text:  fmt.Sprintf("%s, which suffers most, gets %s the requests of before", say.Name(worst.entity), say.Times(grew)),
	}, true)
	if r.surged || c.structural < 2 {
		return
	}
	r.surged = true
	for _, s := range services {
		if h := r.at[s.cause.Entity]; h != nil && (h.ownFailed > 0 || h.ownTime > 0) && share(h.in.Now.Rate(), h.in.Before.Rate()) >= minSurge {
			s.add(fact.Evidence{Weight: wSurgeOne, Text: fmt.Sprintf("it gets %s the requests of before", say.Times(share(h.in.Now.Rate(), h.in.Before.Rate())))}, true)
		}
	}
}

func (r *ranker) weight(h *harm) float64 {
	return r.errorsMatter*share(h.ownFailed, r.sumFailed) + r.timeMatters*share(h.ownTime, r.sumTime)
}

func (r *ranker) feltAt(e fact.Entity) Felt {
	h := r.at[e]
	if h == nil {
		return Felt{}
	}
	if r.errorsMatter >= r.timeMatters {
		return Felt{fact.Errors, flow.Server, h.in.Before.ErrorRatio(), h.in.Now.ErrorRatio()}
	}
	return Felt{fact.Latency, flow.Server, h.in.Before.Mean(), h.in.Now.Mean()}
}
