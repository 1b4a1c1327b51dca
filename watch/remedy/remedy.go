// Package remedy decides which action, if any, fits an incident.
//
// It answers one question: is there one thing that could be done about this,
// and what would show that it helped? It is a pure function: facts in, proposal
// out. It permits nothing and does nothing.
package remedy

import "github.com/steersman-ops/steersman/fact"

// An Actuator is one way to act, as the configuration knows it.
type Actuator struct {
	Name     string
	Kind     fact.ActionKind
	Services []string // "name" or "namespace/name"
	Stable   string   // router.weights: the version to go back to; may be empty
}
