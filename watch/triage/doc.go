// Package triage brings findings together into incidents: one story for what
// is one trouble, not eleven alerts.
//
// It answers one question: which findings belong together, and is that trouble
// over? It does not say why (package cause does) nor what to do (package
// remedy).
//
// # Method
//
// Only what callers feel opens an incident: failures, slowness, or requests
// that stay away altogether. A symptom joins an open incident when
//
//   - its onset lies within Together of the incident's and one of its services
//     calls, directly or not, one of the incident's, or is called by it;
//   - its onset lies within Siblings of the incident's and a common caller
//     connects them;
//   - it comes later, and is about a service that already suffers, or about one
//     that calls the likely cause; or the likely cause is a host or traffic,
//     which touch everything;
//   - it says that fewer requests come, and an affected service sends them.
//
// Otherwise it opens an incident of its own, unless it says no more than that
// there are fewer requests. What explains rather than hurts joins when it is
// about a service or host of the incident and began near the onset.
//
// When all symptoms of an incident had ended at least three seconds before others
// began, of other kinds altogether, these are another trouble: they leave for an
// incident of their own, and the first keeps the answer it had by then.
//
// An incident is resolved when all its symptoms ended at least Quiet ago. The
// same harm to its likely cause within Reopen of their end opens it again;
// anything else, and anything later, is a new incident.
//
// # Limits
//
// Two troubles that begin within Together in services that call each other, or
// have a common caller that suffers, become one incident with two causes.
// Beyond MaxOpen incidents symptoms stay single findings and are counted.
package triage

import (
	"time"

	"github.com/steersman-ops/steersman/fact"
)

// Config says what belongs together. The zero value means the defaults.
type Config struct {
	Together time.Duration // default 60 s
	Siblings time.Duration // default 15 s
	Quiet    time.Duration // default 12 s
	Reopen   time.Duration // after the end of the symptoms; default 30 s
	Before   time.Duration // explaining findings may have begun this long before the onset; default 2 min

	MaxOpen    int // incidents open at one time; default 50
	MaxMembers int // findings of an incident that are followed; default 2,000
	MaxShown   int // findings of an incident that its paper lists; default 64
	MaxLoose   int // explaining findings that are kept ready; default 1,000
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&c.Together, time.Minute)
	set(&c.Siblings, 15*time.Second)
	set(&c.Quiet, 12*time.Second)
	set(&c.Reopen, 30*time.Second)
	set(&c.Before, 2*time.Minute)
	atLeast := func(n *int, def int) {
		if *n <= 0 {
			*n = def
		}
	}
	atLeast(&c.MaxOpen, 50)
	atLeast(&c.MaxMembers, 2000)
	atLeast(&c.MaxShown, 64)
	atLeast(&c.MaxLoose, 1000)
	return c
}

// Calls knows who calls whom.
type Calls interface {
	// Reaches reports whether from calls to, directly or through others. A
	// service reaches itself.
	Reaches(from, to fact.Entity) bool
	// CommonCaller reports whether one service reaches both.
	CommonCaller(a, b fact.Entity) bool
}
