package topology

import "github.com/prometheus/client_golang/prometheus"

// Stats counts what became of the spans. What was observed is Counted +
// Inner + Duplicate + Broken + TooLate + Ahead + OverServices + OverEdges +
// Unnamed, plus what is still held.
type Stats struct {
	Observed     uint64
	Counted      uint64 // in a step
	Inner        uint64 // internal spans, and doubles of one call at two levels: kept for pairing, no requests
	Late         uint64 // of Counted: came after their second had closed
	Early        uint64 // of Counted: counted before their second closed, for want of room
	Duplicate    uint64
	Broken       uint64 // without ids, service or sensible times
	TooLate      uint64
	Ahead        uint64
	OverServices uint64
	OverEdges    uint64
	Unnamed      uint64 // calls whose callee is not known by any name
	Offender     string // the service whose span was refused last, and why
}

// meters are the package's own metrics. Only Advance touches them, with what
// was added since, so that they cost nothing per span.
type meters struct {
	spans    *prometheus.CounterVec
	held     prometheus.Gauge
	edges    prometheus.Gauge
	lateness prometheus.Gauge
	last     map[string]uint64
}

func newMeters(reg prometheus.Registerer) *meters {
	if reg == nil {
		return nil
	}
	m := &meters{
		spans: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "steersman_signal_topology_spans_total", Help: "Spans by what became of them.",
		}, []string{"result"}),
		held:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "steersman_signal_topology_spans_held", Help: "Spans held for pairing."}),
		edges:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "steersman_signal_topology_edges", Help: "Edges remembered, by side and version."}),
		lateness: prometheus.NewGauge(prometheus.GaugeOpts{Name: "steersman_signal_topology_lateness_seconds", Help: "How long spans are waited for."}),
		last:     make(map[string]uint64),
	}
	for _, c := range []prometheus.Collector{m.spans, m.held, m.edges, m.lateness} {
		// A second Graph on one registry shares no numbers with the first: its own stay unseen.
		if err := reg.Register(c); err != nil {
			return nil
		}
	}
	return m
}

func (m *meters) publish(g *Graph) {
	if m == nil {
		return
	}
	s := g.stats
	for name, v := range map[string]uint64{
		"counted": s.Counted, "inner": s.Inner, "late": s.Late, "early": s.Early, "duplicate": s.Duplicate, "broken": s.Broken,
		"too_late": s.TooLate, "ahead": s.Ahead, "over_services": s.OverServices, "over_edges": s.OverEdges, "unnamed": s.Unnamed,
	} {
		if old := m.last[name]; v > old {
			m.spans.WithLabelValues(name).Add(float64(v - old))
		}
		m.last[name] = v
	}
	m.held.Set(float64(g.spans.len()))
	m.edges.Set(float64(len(g.edgeByKey)))
	m.lateness.Set(float64(g.lateness) / 1000)
}
