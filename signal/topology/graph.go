package topology

import "github.com/steersman-ops/steersman/fact"

// A Graph gathers spans. It is not safe for concurrent use.
type Graph struct{ cfg Config }

// New returns an empty Graph.
func New(cfg Config) *Graph { return &Graph{cfg: cfg} }

// Observe takes one span. Call [Graph.Advance] with the Received of its batch first.
func (g *Graph) Observe(sp *fact.Span) {}

// Advance says what time it is, in Unix milliseconds (the Received of any
// batch), and returns the seconds that closed with that, in order.
func (g *Graph) Advance(now int64) []Step { return nil }

// Series returns the derived counters that steps moved, for the store.
func (g *Graph) Series(steps []Step) []fact.Series { return nil }

// Map draws the services and edges over the last 60 seconds, without health.
func (g *Graph) Map() fact.Map { return fact.Map{} }

// Snapshot returns the whole state.
func (g *Graph) Snapshot() ([]byte, error) { return nil, nil }

// Restore replaces the state by one that Snapshot gave.
func (g *Graph) Restore(data []byte) error { return nil }
