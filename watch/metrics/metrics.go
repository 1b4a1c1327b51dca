package metrics

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal/topology"
)

// Config says what is worth a finding. The zero value is ready.
type Config struct {
	// MaxSeries bounds the single series that are watched, some 650 bytes
	// each besides their labels. Zero means 1,000,000.
	MaxSeries int
	// MaxFlows bounds the services, versions and edge sides that are watched,
	// some 5 kB each. Zero means 30,000.
	MaxFlows int
	// MaxFindings bounds the findings that last at one time. Zero means 10,000.
	MaxFindings int
	// Adapt is how long a finding may last before what it is about becomes the
	// new normal and the finding ends. Zero means 30 min.
	Adapt time.Duration
	// Forget is how long a flow or series that tells nothing is remembered.
	// Zero means 1 h.
	Forget time.Duration
	// Registerer takes the package's own metrics; nil means none.
	Registerer prometheus.Registerer
}

func orDefault[T int | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

func (c Config) withDefaults() Config {
	c.MaxSeries = orDefault(c.MaxSeries, 1_000_000)
	c.MaxFlows = orDefault(c.MaxFlows, 30_000)
	c.MaxFindings = orDefault(c.MaxFindings, 10_000)
	c.Adapt = orDefault(c.Adapt, 30*time.Minute)
	c.Forget = orDefault(c.Forget, time.Hour)
	return c
}

// Metrics watches steps and series. It is not safe for concurrent use.
type Metrics struct {
	cfg   Config
	now   int64 // of the last Tick, ms
	swept int64 // when what tells nothing was last looked for

	flows  flows
	series seriesSet
	// episodes are the findings that last, or whose end was not told yet, in
	// the order in which they began to be known.
	episodes []*episode

	stats  Stats
	meters *meters
}

// Stats counts what was watched and what did not fit.
type Stats struct {
	Steps         uint64
	Samples       uint64 // of watched series
	Skipped       uint64 // samples of series that are not watched: buckets, infos, timestamps
	OutOfOrder    uint64 // samples not after the latest of their series
	OverSeries    uint64 // samples of series beyond Config.MaxSeries
	OverFlows     uint64 // flows of one step beyond Config.MaxFlows
	OverFindings  uint64 // findings beyond Config.MaxFindings
	Findings      uint64
	SeriesWatched int
	FlowsWatched  int
	FindingsOpen  int
}

// New returns a Metrics that has learned nothing.
func New(cfg Config) *Metrics {
	m := &Metrics{cfg: cfg.withDefaults()}
	m.reset()
	m.meters = newMeters(cfg.Registerer)
	return m
}

func (m *Metrics) reset() {
	*m = Metrics{cfg: m.cfg, meters: m.meters, flows: newFlows(), series: newSeriesSet(m.cfg.MaxSeries)}
}

// Stats returns what was watched so far.
func (m *Metrics) Stats() Stats {
	s := m.stats
	s.SeriesWatched, s.FlowsWatched = len(m.series.byLabels), len(m.flows.list)
	for _, e := range m.episodes {
		if e.lasts() && !e.Echo {
			s.FindingsOpen++
		}
	}
	return s
}

// Step takes what flowed in one second. Steps come in order; one that is not
// after the last is ignored.
func (m *Metrics) Step(st topology.Step) {
	if t := st.At / 1000; t > m.flows.second {
		m.stats.Steps++
		m.step(t, st.Edges)
	}
}

// Tick returns the findings that are new or changed since the last Tick, in
// order of onset and ID. A lasting finding comes again when its extreme grew by
// a fifth, at most every five seconds otherwise, and once more, with Ended set,
// when it is over.
func (m *Metrics) Tick(now int64) []fact.Finding {
	m.now = max(m.now, now)
	m.watchInstances()
	if m.now-m.swept >= 60_000 {
		m.swept = m.now
		m.forget()
	}
	var out []fact.Finding
	kept := m.episodes[:0]
	for _, e := range m.episodes {
		if e.due(m.now) {
			out = append(out, e.tell(m.now))
		}
		if e.lasts() {
			kept = append(kept, e)
		}
	}
	clear(m.episodes[len(kept):])
	m.episodes = kept
	m.meters.publish(m)
	sortFindings(out)
	return out
}

// Open returns the findings that last and were told, in order of onset and ID.
func (m *Metrics) Open() []fact.Finding {
	var out []fact.Finding
	for _, e := range m.episodes {
		if e.lasts() && !e.Finding.Seen.IsZero() {
			out = append(out, e.Finding)
		}
	}
	sortFindings(out)
	return out
}

func sortFindings(fs []fact.Finding) {
	slices.SortFunc(fs, func(a, b fact.Finding) int {
		return cmp.Or(a.Onset.Compare(b.Onset), strings.Compare(a.ID, b.ID))
	})
}

// Readiness returns how much of what is watched has learned what is normal, 0
// to 1: of the services if there are any, otherwise of the series.
func (m *Metrics) Readiness() float64 {
	if r, ok := m.flows.readiness(fact.Entity{}); ok {
		return r
	}
	return m.series.readiness()
}

// ReadinessOf returns the same for one service; 0 for one that is not known.
func (m *Metrics) ReadinessOf(e fact.Entity) float64 {
	r, _ := m.flows.readiness(e)
	return r
}

func (m *Metrics) forget() {
	before := m.now - m.cfg.Forget.Milliseconds()
	m.forgetFlows(before / 1000)
	m.forgetSeries(before)
}
