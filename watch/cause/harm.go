package cause

import (
	"math"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/watch/flow"
)

// harm is the bookkeeping of one service: what is its own, what came from
// below.
type harm struct {
	entity fact.Entity
	in     flow.Pair // as it measured itself; as its callers did when blind
	blind  bool      // it never told of itself
	callee []flow.Edge
	caller []flow.Edge

	failed    float64     // requests failed beyond the normal ratio
	ownFailed float64     // of them and of unanswered ones: not explained from below
	unanswer  float64     // of ownFailed: only the caller saw them
	below     float64     // share of failed that its calls explain
	through   fact.Entity // the callee that explains most
	most      float64     // share of failed that this callee explains

	slower      float64     // growth of the mean duration, seconds
	ownSlower   float64     // growth of the mean time that is its own, seconds
	ownTime     float64     // seconds lost in all, its own
	waiting     float64     // of ownTime: the caller waited, the callee did not work
	belowTime   float64     // share of slower that its calls explain
	throughTime fact.Entity // the callee whose calls grew most
}

// account divides the harm among all services. It costs O(services + edges).
func account(p *flow.Picture) []*harm {
	all := make([]*harm, len(p.Services))
	at := make(map[fact.Entity]*harm, len(all))
	for i, s := range p.Services {
		all[i] = &harm{entity: s.Entity, in: s.In}
		at[s.Entity] = all[i]
	}
	for _, e := range p.Edges {
		at[e.Server].caller = append(at[e.Server].caller, e)
		if c, ok := at[e.Client]; ok {
			c.callee = append(c.callee, e)
		}
	}
	for _, h := range all {
		h.look()
	}
	for _, h := range all {
		h.fromBelow()
	}
	for _, h := range all {
		h.fromCallers(at)
	}
	return all
}

// look takes the callers' word for a service that never speaks of itself.
func (h *harm) look() {
	if h.in.Before.Requests+h.in.Now.Requests > 0 {
		return
	}
	h.blind = true
	for _, e := range h.caller {
		h.in = addPair(h.in, e.Caller)
	}
}

func addPair(a, b flow.Pair) flow.Pair {
	add := func(x, y flow.Sum) flow.Sum {
		return flow.Sum{Requests: x.Requests + y.Requests, Errors: x.Errors + y.Errors, Total: x.Total + y.Total, Child: x.Child + y.Child, Seconds: max(x.Seconds, y.Seconds)}
	}
	return flow.Pair{Before: add(a.Before, b.Before), Now: add(a.Now, b.Now)}
}

// fromBelow splits a service's own measurements into its own part and that of
// its calls.
func (h *harm) fromBelow() {
	h.failed = h.in.ExcessErrors()
	var calls, most float64
	for _, e := range h.callee {
		x := seen(e).ExcessErrors()
		if calls += x; x > most {
			most, h.through = x, e.Server
		}
	}
	explained := min(h.failed, calls)
	h.below, h.most = share(explained, h.failed), min(1, share(most, h.failed))
	if !h.blind {
		h.ownFailed = h.failed - explained
	}

	h.slower = growth(h.in.Before.Mean(), h.in.Now.Mean(), h.in)
	if h.blind || h.in.Before.Requests == 0 || h.in.Now.Requests == 0 {
		return
	}
	h.ownSlower = growth(h.in.Before.Self(), h.in.Now.Self(), h.in)
	h.ownTime = h.ownSlower * h.in.Now.Requests
	if h.slower > 0 {
		h.belowTime = min(1, share(max(0, h.in.Now.Below()-h.in.Before.Below()), h.slower))
	}
	most = 0
	for _, e := range h.callee {
		p := seen(e)
		if g := growth(p.Before.Mean(), p.Now.Mean(), p) * p.Now.Requests; g > most {
			most, h.throughTime = g, e.Server
		}
	}
}

// fromCallers charges what only the callers saw: to the service, or, if its
// other callers are well served, to the caller that is not.
func (h *harm) fromCallers(at map[fact.Entity]*harm) {
	least := math.Inf(1)
	for _, e := range h.caller {
		if e.Caller.Now.Requests >= 5 {
			least = min(least, share(unanswered(e, h.blind), e.Caller.Now.Requests))
		}
	}
	for _, e := range h.caller {
		lost := unanswered(e, h.blind)
		if lost > 0 && !e.Client.IsZero() && least < 0.1*share(lost, e.Caller.Now.Requests) {
			c := at[e.Client]
			c.ownFailed += lost
			c.below = share(max(0, c.below*c.failed-lost), c.failed)
			continue
		}
		d := h.waitsFor(at)
		d.ownFailed += lost
		d.unanswer += lost
		wait := waited(e, h.blind)
		h.ownTime += wait
		h.waiting += wait
	}
}

// waitsFor is the service at the end of the chain of waiting that begins with
// h: whoever gives up on h gives up because of it. A service that is slow by
// itself, or not slow, is its own end.
func (h *harm) waitsFor(at map[fact.Entity]*harm) *harm {
	d := h
	for range 10 {
		next, ok := at[d.throughTime]
		if !ok || d.belowTime < 0.5 || next == h {
			break
		}
		d = next
	}
	return d
}

// seen is an edge as its caller measured it, or, failing that, its callee.
func seen(e flow.Edge) flow.Pair {
	if e.Caller.Now.Requests+e.Caller.Before.Requests > 0 {
		return e.Caller
	}
	return e.Callee
}

// unanswered counts the failures on an edge that its callee knows nothing of.
func unanswered(e flow.Edge, blind bool) float64 {
	x := e.Caller.ExcessErrors()
	if blind {
		return x
	}
	return max(0, x-e.Callee.ExcessErrors())
}

// waited is the time in seconds that callers waited longer than before while
// the callee did not work longer.
func waited(e flow.Edge, blind bool) float64 {
	c, s := e.Caller, e.Callee
	if c.Before.Requests == 0 || c.Now.Requests == 0 {
		return 0
	}
	if blind || s.Before.Requests == 0 || s.Now.Requests == 0 {
		return growth(c.Before.Mean(), c.Now.Mean(), c) * c.Now.Requests
	}
	before, now := c.Before.Mean()-s.Before.Mean(), c.Now.Mean()-s.Now.Mean()
	return growth(before, now, c) * c.Now.Requests
}

// growth is now − before where that is worth speaking of: a tenth of the mean
// duration and half a millisecond.
func growth(before, now float64, of flow.Pair) float64 {
	g := now - before
	if of.Before.Requests == 0 || of.Now.Requests == 0 || g < 0.0005 || g < 0.1*of.Before.Mean() {
		return 0
	}
	return g
}

func share(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return part / whole
}
