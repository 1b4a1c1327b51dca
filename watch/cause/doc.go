// Package cause ranks what may be behind an incident.
//
// It answers one question: given what flowed before and since, what was found
// and what was changed, where did it begin? It may answer "not enough
// evidence". It is a pure function of its input and looks at no clock.
//
// # Method
//
// The harm of an incident is divided among services by bookkeeping, not by
// resemblance. Failures beyond the normal ratio that a service's own calls do
// not account for are its own; failures that only the caller of an edge saw
// belong to the callee, which did not answer, unless the callee's other
// callers are well served. In the same way a request's growth in time is
// the service's own where its calls do not cover it, and the callee's where the
// caller waited longer than the callee worked. What remains at a service after
// its callees are accounted for is where the harm came from.
//
// Each candidate (a service with a symptom, harm or a change; a host; more
// traffic at the door) collects evidence for and against in nats of log odds:
// its share of the harm, what explains it away, versions that differ, a change
// shortly before, silence, order of onset. A softmax over the candidates and
// "unknown" makes probabilities. Dismissed candidates are reported with the
// reason. Below one half, or with nothing but timing, the answer is abstention.
//
// # Limits
//
// The weights are round constants set by reasoning on synthetic faults, not
// fitted; the probabilities are therefore ordered rather than calibrated. Which
// host runs a service is not known: a busy host is named only when many
// services slow down by themselves at once. Faults that show in neither
// failures nor durations are not seen.
package cause

import (
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/watch/flow"
)

// Input is all that a ranking looks at.
type Input struct {
	Onset     time.Time      // of the earliest symptom
	At        time.Time      // now
	Flows     flow.Picture   // before the onset against since
	Findings  []fact.Finding // of the incident
	Changes   []fact.Change  // recent ones, on whatever service
	Hosts     []fact.Entity  // the hosts that telemetry speaks of
	Elsewhere []fact.Entity  // services at the root of another open incident: not to be blamed for this one
}

// Result is the ranking.
type Result struct {
	Causes    []fact.Cause // most probable first; with Unknown they add up to 1
	RuledOut  []fact.Cause // dismissed, with the reason in Against; not part of the sum
	Unknown   float64
	Abstained bool
	Headline  string // of the likely cause: "payment fails 30 % of requests"; empty when abstained
	Text      string // a clause about the likely cause, or why there is none
	Harm      Harm   // all of it that was accounted for
	Felt      Felt   // where the top cause's harm shows, for a check afterwards
}

// Harm is how bad it is, as far as it was accounted for.
type Harm struct {
	Failed float64 // requests a second that failed beyond the normal ratio
	Lost   float64 // seconds a second by which requests took longer
}

// Felt is the figure of the top cause that left its normal range.
type Felt struct {
	Kind        fact.SignalKind // Errors or Latency; empty when there is none
	Side        flow.Side       // who saw it
	Before, Now float64         // error ratio, or mean seconds
}

// Weights in nats of log odds. A service begins at prior; unknown at unknown.
const (
	prior         = -1.5
	unknown       = 0.7
	wOrigin       = 5.0  // all of the harm is its own, seen often
	wExplained    = -4.0 // all of its harm came from below
	wUnchanged    = -3.0 // changed, but as good as before
	wVersion      = 3.0  // one version at fault, another not
	wNewVersion   = 1.5  // it went wrong and a version is new since
	wChange       = 1.5  // a change just before
	wAbsent       = 2.0
	wOrder        = 0.3
	wLate         = -0.4
	wOver         = -2.5 // its own symptoms are over while others last
	wOther        = 0.6
	wShared       = 3.0  // most services slowed by themselves at once
	wBusy         = 2.0  // and a host is saturated
	wSharedOne    = -2.0 // for each single one of them
	wSurgeMax     = 3.0
	wSurgeBears   = 2.0 // the service that suffers got more, too
	wSurgeOrder   = 1.0
	wSurgeLate    = -2.0
	wSurgeOne     = -2.5
	changeWindow  = 10 * time.Minute
	changeFade    = 3 * time.Minute
	changeSlack   = 3 * time.Second
	orderSlack    = 1500 * time.Millisecond
	orderLate     = 5 * time.Second
	overFor       = 15 * time.Second
	minSurge      = 1.5
	likely        = 0.5
	rival         = 0.2
	negligible    = 0.05
	leastUnknown  = 0.04
	maxCauses     = 5
	maxRuledOut   = 12
	fewest        = 1.5 // failures that are worth a word
	minStructural = 1.0 // nats that must not be timing
	leastRatio    = 0.001
)
