package cause

import (
	"fmt"
	"math"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/watch/flow"
	"github.com/steersman-ops/steersman/watch/say"
)

// A candidate collects evidence.
type candidate struct {
	cause      fact.Cause
	headline   string
	felt       Felt
	score      float64
	structural float64 // the part of the score that is more than timing, positive parts only
	symptom    bool
}

func (c *candidate) add(e fact.Evidence, structural bool) {
	c.score += e.Weight
	if e.Weight < 0 {
		c.cause.Against = append(c.cause.Against, e)
		return
	}
	c.cause.For = append(c.cause.For, e)
	if structural {
		c.structural += e.Weight
	}
}

// seenOften fades a weight when there were few cases: 1 − e^(−n/k).
func seenOften(n, k float64) float64 { return 1 - math.Exp(-n/k) }

func errorsQuery(e fact.Entity, side flow.Side, version string) string {
	return flow.ErrorRatioQuery(flow.Selector{Server: e, Side: side, Version: version}, "10s")
}

func meanQuery(e fact.Entity, side flow.Side, version string) string {
	return flow.MeanQuery(flow.Selector{Server: e, Side: side, Version: version}, "10s")
}

// service weighs one service.
func (r *ranker) service(h *harm) *candidate {
	c := &candidate{cause: fact.Cause{Entity: h.entity, Kind: fact.CauseErrors}, score: prior}
	r.ownFailures(c, h)
	r.ownTime(c, h)
	r.explained(c, h)
	r.silence(c, h)
	r.words(c, h)
	r.version(c, h)
	r.change(c, h)
	r.order(c, h)
	r.others(c, h)
	if r.shared != nil && h.ownTime > 0 {
		w := wSharedOne
		if r.shared.standstill() {
			w *= 2
		}
		c.add(fact.Evidence{Text: r.shared.text, Weight: w}, true)
	}
	return c
}

func (r *ranker) ownFailures(c *candidate, h *harm) {
	if h.ownFailed < fewest || r.errorsMatter == 0 {
		return
	}
	part := share(h.ownFailed, r.sumFailed)
	e := fact.Evidence{
		Weight: r.errorsMatter * wOrigin * math.Sqrt(part) * seenOften(h.ownFailed, 6),
		Before: h.in.Before.ErrorRatio(), Now: h.in.Now.ErrorRatio(), Unit: "ratio",
		Query: errorsQuery(h.entity, flow.Server, ""),
		Text:  fmt.Sprintf("%s of its failures since the onset have no failing call below them", say.Count(h.ownFailed)),
	}
	if len(h.callee) == 0 {
		e.Text = fmt.Sprintf("it calls nothing, and %s of its requests failed since the onset", say.Count(h.ownFailed))
	}
	if h.blind || h.unanswer > h.ownFailed/2 {
		seen := callers(h)
		e.Before, e.Now = seen.Before.ErrorRatio(), seen.Now.ErrorRatio()
		e.Query = errorsQuery(h.entity, flow.Client, "")
		e.Text = fmt.Sprintf("%s calls to it failed that it recorded no failure for", say.Count(h.unanswer))
	}
	c.add(e, true)
}

func (r *ranker) ownTime(c *candidate, h *harm) {
	if h.ownTime <= 0 || r.timeMatters == 0 {
		return
	}
	part := share(h.ownTime, r.sumTime)
	e := fact.Evidence{
		Weight: r.timeMatters * wOrigin * math.Sqrt(part) * seenOften(h.in.Now.Requests, 5),
		Before: h.in.Before.Self(), Now: h.in.Now.Self(), Unit: "seconds",
		Query: meanQuery(h.entity, flow.Server, ""),
		Text:  fmt.Sprintf("its own work takes %s instead of %s", say.Seconds(h.in.Now.Self()), say.Seconds(h.in.Before.Self())),
	}
	if h.blind || h.waiting > h.ownTime/2 {
		seen := callers(h)
		e.Weight = r.timeMatters * wOrigin * math.Sqrt(part) * seenOften(seen.Now.Requests, 5)
		e.Before, e.Now = seen.Before.Mean(), seen.Now.Mean()
		e.Query = meanQuery(h.entity, flow.Client, "")
		e.Text = fmt.Sprintf("its callers wait %s instead of %s, and it does not work longer", say.Seconds(e.Now), say.Seconds(e.Before))
	}
	c.add(e, true)
}

// callers is the service as those who call it measured it.
func callers(h *harm) flow.Pair {
	var p flow.Pair
	for _, e := range h.caller {
		p = addPair(p, e.Caller)
	}
	return p
}

// explained is what speaks against: its harm came from below.
func (r *ranker) explained(c *candidate, h *harm) {
	if h.failed >= 1 && h.below > 0.2 && r.errorsMatter > 0 {
		c.add(fact.Evidence{
			Weight: wExplained * h.below,
			Before: h.in.Before.ErrorRatio(), Now: h.in.Now.ErrorRatio(), Unit: "ratio",
			Query: flow.ErrorRatioQuery(flow.Selector{Server: h.through, Client: h.entity, Side: flow.Client}, "10s"),
			Text:  throughText(h),
		}, true)
	}
	if h.slower > 0 && h.belowTime > 0.5 && r.timeMatters > 0 && !h.throughTime.IsZero() {
		c.add(fact.Evidence{
			Weight: wExplained * h.belowTime,
			Before: h.in.Before.Below(), Now: h.in.Now.Below(), Unit: "seconds",
			Query: flow.MeanQuery(flow.Selector{Server: h.throughTime, Client: h.entity, Side: flow.Client}, "10s"),
			Text: fmt.Sprintf("it waits for %s: %s of its %s more are time of its calls",
				say.Name(h.throughTime), say.Percent(h.belowTime), say.Seconds(h.slower)),
		}, true)
	}
}

func throughText(h *harm) string {
	if h.most < h.below-0.1 {
		return fmt.Sprintf("its errors are explained by its calls: %s of them came with a failing one below, most often to %s", say.Percent(h.below), say.Name(h.through))
	}
	return fmt.Sprintf("its errors are explained by %s: %s of them came through that edge", say.Name(h.through), say.Percent(h.most))
}

// silence speaks for a service that no longer answers.
func (r *ranker) silence(c *candidate, h *harm) {
	seen := callers(h)
	lost := seen.Now.Requests - h.in.Now.Requests
	if h.blind || h.in.Before.Requests == 0 || seen.Now.Requests < 3 || lost < 0.8*seen.Now.Requests || h.unanswer < 0.5*lost {
		return
	}
	c.cause.Kind = fact.CauseAbsent
	c.add(fact.Evidence{
		Weight: wAbsent, Before: h.in.Before.Rate(), Now: h.in.Now.Rate(), Unit: "requests per second",
		Query: flow.RateQuery(flow.Selector{Server: h.entity, Side: flow.Server}, "10s"),
		Text:  fmt.Sprintf("its callers sent %s calls since the onset, it recorded %s", say.Count(seen.Now.Requests), say.Count(h.in.Now.Requests)),
	}, true)
}

// words names the kind of the cause and says it in a sentence.
func (r *ranker) words(c *candidate, h *harm) {
	name := say.Name(h.entity)
	seen := callers(h)
	errs := r.errorsMatter*share(h.ownFailed, r.sumFailed) >= r.timeMatters*share(h.ownTime, r.sumTime)
	outside := h.blind || (errs && h.unanswer > h.ownFailed/2) || (!errs && h.waiting > h.ownTime/2)
	view, side := h.in, flow.Server
	if outside {
		view, side = seen, flow.Client
	}
	switch {
	case c.cause.Kind == fact.CauseAbsent:
		c.headline = name + " does not answer"
		c.cause.Text = fmt.Sprintf("%s does not answer: its callers sent %s calls, it recorded %s", name, say.Count(seen.Now.Requests), say.Count(h.in.Now.Requests))
		c.felt = Felt{fact.Errors, flow.Client, seen.Before.ErrorRatio(), seen.Now.ErrorRatio()}
	case errs && outside && h.ownSlower > max(0.1, h.in.Before.Self()):
		c.cause.Kind = fact.CauseSlow
		c.headline = slower(name, h.in)
		c.cause.Text = fmt.Sprintf("%s itself takes %s instead of %s, and callers give up waiting", name, say.Seconds(h.in.Now.Self()), say.Seconds(h.in.Before.Self()))
		c.felt = Felt{fact.Latency, flow.Server, h.in.Before.Mean(), h.in.Now.Mean()}
	case errs && outside && view.Now.ErrorRatio() < leastRatio: // those who give up wait for it at one remove
		c.cause.Kind = fact.CauseSlow
		c.headline = slower(name, view)
		c.cause.Text = fmt.Sprintf("calls to %s take %s instead of %s, and those who wait for that are given up", name, say.Seconds(view.Now.Mean()), say.Seconds(view.Before.Mean()))
		c.felt = Felt{fact.Latency, side, view.Before.Mean(), view.Now.Mean()}
	case errs && outside:
		c.headline = fmt.Sprintf("calls to %s fail: %s", name, say.Percent(view.Now.ErrorRatio()))
		c.cause.Text = fmt.Sprintf("%s of the calls to %s fail, and it recorded none of these failures", say.Percent(view.Now.ErrorRatio()), name)
		if h.blind {
			c.cause.Text = fmt.Sprintf("%s of the calls to %s fail; it tells nothing of itself", say.Percent(view.Now.ErrorRatio()), name)
		}
		c.felt = Felt{fact.Errors, side, view.Before.ErrorRatio(), view.Now.ErrorRatio()}
	case errs:
		c.headline = fmt.Sprintf("%s fails %s of requests", name, say.Percent(view.Now.ErrorRatio()))
		c.cause.Text = fmt.Sprintf("%s fails by itself and %s", name, calls(h, "nothing it calls does"))
		c.felt = Felt{fact.Errors, side, view.Before.ErrorRatio(), view.Now.ErrorRatio()}
	default:
		c.cause.Kind = fact.CauseSlow
		c.headline = slower(name, view)
		c.cause.Text = fmt.Sprintf("%s itself takes %s instead of %s, and %s", name,
			say.Seconds(view.Now.Self()), say.Seconds(view.Before.Self()), calls(h, "what it calls is as fast as before"))
		if outside {
			c.cause.Text = fmt.Sprintf("calls to %s take %s instead of %s, beyond what it works", name, say.Seconds(view.Now.Mean()), say.Seconds(view.Before.Mean()))
		}
		c.felt = Felt{fact.Latency, side, view.Before.Mean(), view.Now.Mean()}
	}
}

func calls(h *harm, text string) string {
	if len(h.callee) == 0 {
		return "calls nothing that could explain it"
	}
	return text
}

func slower(name string, p flow.Pair) string {
	if p.Before.Mean() <= 0 {
		return fmt.Sprintf("%s takes %s", name, say.Seconds(p.Now.Mean()))
	}
	return fmt.Sprintf("%s is %s slower", name, say.Times(p.Now.Mean()/p.Before.Mean()))
}

// order gives a little weight to who showed it first, and speaks against whose
// own symptoms are over while others last.
func (r *ranker) order(c *candidate, h *harm) {
	var first, over time.Time
	lasts, othersLast := false, false
	for i := range r.in.Findings {
		f := &r.in.Findings[i]
		switch {
		case !f.Symptom():
		case f.Signal.Entity != h.entity:
			othersLast = othersLast || f.Ended.IsZero()
		default:
			if first.IsZero() || f.Onset.Before(first) {
				first = f.Onset
			}
			lasts = lasts || f.Ended.IsZero()
			if f.Ended.After(over) {
				over = f.Ended
			}
		}
	}
	if first.IsZero() {
		return
	}
	c.symptom = true
	switch late := first.Sub(r.in.Onset); {
	case late <= orderSlack:
		c.add(fact.Evidence{Weight: wOrder, Text: "among the first to show it, at " + say.Clock(first)}, false)
	case late > orderLate:
		c.add(fact.Evidence{Weight: wLate, Text: fmt.Sprintf("showed it %s after the first", say.Ago(late))}, false)
	}
	if !lasts && othersLast && r.in.At.Sub(over) >= overFor {
		c.add(fact.Evidence{Weight: wOver, Text: fmt.Sprintf("is well again since %s, and others are not", say.Clock(over))}, true)
	}
}

// others are signals of the service that explain rather than hurt.
func (r *ranker) others(c *candidate, h *harm) {
	n := 0
	for i := range r.in.Findings {
		f := &r.in.Findings[i]
		if f.Symptom() || f.Signal.Kind == fact.Traffic || f.Signal.Entity != h.entity || n == 2 ||
			f.Onset.After(r.in.Onset.Add(10*time.Second)) || c.structural < minStructural {
			continue
		}
		n++
		c.add(fact.Evidence{
			Weight: wOther, Finding: f.ID, Query: f.Signal.Query, Before: f.Before, Now: f.Now, Unit: f.Signal.Unit,
			Text: fmt.Sprintf("%s went from %s to %s", f.Signal.Name, say.Value(f.Before, f.Signal.Unit), say.Value(f.Now, f.Signal.Unit)),
		}, false)
	}
}
