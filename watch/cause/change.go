package cause

import (
	"fmt"
	"math"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/watch/flow"
	"github.com/steersman-ops/steersman/watch/say"
)

// Versions are compared when each served this many requests.
const minVersionRequests = 10

// version looks for one version at fault beside another that is not.
func (r *ranker) version(c *candidate, h *harm) {
	s, _ := r.in.Flows.Service(h.entity)
	if bad, good, ok := worse(s.Versions, errorsDiffer); ok && r.errorsMatter > 0 {
		c.add(fact.Evidence{
			Weight: wVersion * seenOften(bad.Now.Errors, 4), Before: good.Now.ErrorRatio(), Now: bad.Now.ErrorRatio(), Unit: "ratio",
			Query: errorsQuery(h.entity, flow.Server, bad.Name),
			Text:  fmt.Sprintf("%s fails %s of its requests, %s %s", bad.Name, say.Percent(bad.Now.ErrorRatio()), good.Name, say.Percent(good.Now.ErrorRatio())),
		}, true)
		c.blameVersion(h, bad, fmt.Sprintf("fails %s of requests", say.Percent(bad.Now.ErrorRatio())), fmt.Sprintf("%s does not", good.Name))
		return
	}
	if bad, good, ok := worse(s.Versions, selfDiffers); ok && r.timeMatters > 0 {
		c.add(fact.Evidence{
			Weight: wVersion * seenOften(bad.Now.Requests, 20), Before: good.Now.Self(), Now: bad.Now.Self(), Unit: "seconds",
			Query: meanQuery(h.entity, flow.Server, bad.Name),
			Text:  fmt.Sprintf("%s itself takes %s a request, %s %s", bad.Name, say.Seconds(bad.Now.Self()), good.Name, say.Seconds(good.Now.Self())),
		}, true)
		c.blameVersion(h, bad, fmt.Sprintf("takes %s instead of %s", say.Seconds(bad.Now.Mean()), say.Seconds(good.Now.Mean())), fmt.Sprintf("%s is as fast as ever", good.Name))
		return
	}
	if v, ok := replaced(s.Versions); ok && c.structural >= minStructural {
		c.cause.Version = v.Name
		c.cause.Kind = fact.CauseChange
		c.add(fact.Evidence{
			Weight: wNewVersion, Query: errorsQuery(h.entity, flow.Server, v.Name), Before: v.Before.Rate(), Now: v.Now.Rate(), Unit: "requests per second",
			Text: fmt.Sprintf("%s serves nearly everything now and did not before", v.Name),
		}, true)
	}
}

func (c *candidate) blameVersion(h *harm, bad flow.Part, does, other string) {
	name := say.Name(h.entity) + " " + bad.Name
	c.cause.Version = bad.Name
	c.cause.Kind = fact.CauseChange
	c.headline = name + " " + does
	c.cause.Text = fmt.Sprintf("%s %s, %s", name, does, other)
}

// worse returns the version that differs for the worse and the largest of
// those that do not.
func worse(vs []flow.Part, differ func(a, b flow.Part) bool) (bad, good flow.Part, ok bool) {
	for _, a := range vs {
		for _, b := range vs {
			if a.Name == "" || a.Name == b.Name || a.Now.Requests < minVersionRequests || b.Now.Requests < minVersionRequests || !differ(a, b) {
				continue
			}
			if !ok || a.Now.Requests*1e-9+b.Now.Requests > bad.Now.Requests*1e-9+good.Now.Requests {
				bad, good, ok = a, b, true
			}
		}
	}
	return bad, good, ok
}

// errorsDiffer asks whether a fails clearly more often than b: three standard
// errors of the difference of two proportions, and twice as often.
func errorsDiffer(a, b flow.Part) bool {
	pa, pb := a.Now.ErrorRatio(), b.Now.ErrorRatio()
	p := (a.Now.Errors + b.Now.Errors) / (a.Now.Requests + b.Now.Requests)
	se := math.Sqrt(p * (1 - p) * (1/a.Now.Requests + 1/b.Now.Requests))
	return a.Now.Errors >= 3 && pa > 2*pb && pa-pb > 3*se
}

// selfDiffers asks whether a's own work takes half as long again as b's, and
// at least two milliseconds more.
func selfDiffers(a, b flow.Part) bool {
	x, y := a.Now.Self(), b.Now.Self()
	return a.Now.Requests >= 2*minVersionRequests && x > 1.5*y && x-y > 0.002
}

// replaced returns the version that serves nearly everything and did not
// before.
func replaced(vs []flow.Part) (flow.Part, bool) {
	var before, now float64
	for _, v := range vs {
		before += v.Before.Requests
		now += v.Now.Requests
	}
	for _, v := range vs {
		if v.Name != "" && before > 0 && now >= minVersionRequests && v.Now.Requests > 0.8*now && v.Before.Requests < 0.2*before {
			return v, true
		}
	}
	return flow.Part{}, false
}

// change weighs what people did to the service shortly before.
func (r *ranker) change(c *candidate, h *harm) {
	ch := r.lastChange(h.entity, c.cause.Version)
	if ch == nil {
		return
	}
	age := max(0, r.in.Onset.Sub(ch.At))
	when := "at the onset"
	if age >= time.Second {
		when = say.Ago(age) + " before the onset"
	}
	what := describe(ch) + " " + when
	if c.structural < minStructural {
		if h.ownFailed < 1 && h.ownTime == 0 {
			c.add(fact.Evidence{
				Text:   fmt.Sprintf("%s, but nothing of its own changed since: %s", what, asBefore(h)),
				Weight: wUnchanged, Before: h.in.Before.ErrorRatio(), Now: h.in.Now.ErrorRatio(), Unit: "ratio", Query: errorsQuery(h.entity, flow.Server, ""),
			}, true)
		}
		return
	}
	c.add(fact.Evidence{Text: what, Weight: wChange * math.Exp(-float64(age)/float64(changeFade))}, false)
	c.cause.Kind = fact.CauseChange
	c.cause.Change = ch
	if c.cause.Version == "" && ch.Kind == fact.Deployed {
		c.cause.Version = ch.Version
	}
	c.cause.Text += "; " + what
}

func describe(ch *fact.Change) string {
	what := string(ch.Kind)
	if ch.Kind == fact.RolledBack {
		what = "rolled back"
	}
	if ch.Version != "" && (ch.Kind == fact.Deployed || ch.Kind == fact.RolledBack) {
		return ch.Version + " was " + what
	}
	return "it was " + what
}

func asBefore(h *harm) string {
	return fmt.Sprintf("it fails %s of requests by itself (%s before) and its own work takes %s (%s before)",
		say.Percent(share(h.ownFailed, h.in.Now.Requests)), say.Percent(h.in.Before.ErrorRatio()), say.Seconds(h.in.Now.Self()), say.Seconds(h.in.Before.Self()))
}

// lastChange is the latest change to e before the onset; one that brought the
// given version goes before others.
func (r *ranker) lastChange(e fact.Entity, version string) *fact.Change {
	var best *fact.Change
	for i := range r.in.Changes {
		ch := &r.in.Changes[i]
		if ch.Entity != e || ch.At.After(r.in.Onset.Add(changeSlack)) || ch.At.Before(r.in.Onset.Add(-changeWindow)) {
			continue
		}
		match, had := version != "" && ch.Version == version, best != nil && version != "" && best.Version == version
		if best == nil || (match && !had) || (match == had && ch.At.After(best.At)) {
			best = ch
		}
	}
	if best == nil {
		return nil
	}
	out := *best
	return &out
}
