package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal/topology"
)

// Config says what is worth a finding. The zero value is ready.
type Config struct {
	// MaxSeries bounds the single series that are watched. Zero means 1,000,000.
	MaxSeries int
	// MaxFlows bounds the services, versions and edge sides that are watched.
	// Zero means 30,000.
	MaxFlows int
	// Adapt is how long a finding may last before what it is about becomes the
	// new normal and the finding ends. Zero means 30 min.
	Adapt time.Duration
	// Registerer takes the package's own metrics; nil means none.
	Registerer prometheus.Registerer
}

// Metrics watches steps and series. It is not safe for concurrent use.
type Metrics struct{ cfg Config }

// New returns a Metrics that has learned nothing.
func New(cfg Config) *Metrics { return &Metrics{cfg: cfg} }

// Step takes what flowed in one second. Steps come in order.
func (m *Metrics) Step(st topology.Step) {}

// Series takes points of one series that tells of e, and of one instance of it.
func (m *Metrics) Series(e fact.Entity, instance string, s *fact.Series) {}

// Tick returns the findings that are new or changed since the last Tick, in
// order of onset and ID. A finding that is over has Ended set and comes once more.
func (m *Metrics) Tick(now int64) []fact.Finding { return nil }

// Open returns the findings that last, in order of onset and ID.
func (m *Metrics) Open() []fact.Finding { return nil }

// Readiness returns how much of what is watched has learned what is normal, 0 to 1.
func (m *Metrics) Readiness() float64 { return 0 }

// ReadinessOf returns the same for one service.
func (m *Metrics) ReadinessOf(e fact.Entity) float64 { return 0 }

// Snapshot returns the whole state.
func (m *Metrics) Snapshot() ([]byte, error) { return nil, nil }

// Restore replaces the state by one that Snapshot gave.
func (m *Metrics) Restore(data []byte) error { return nil }
