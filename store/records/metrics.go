package records

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the store's own.
type metrics struct {
	reg  prometheus.Registerer
	took *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{reg: reg, took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "steersman_records_put_seconds",
		Help:    "Time until a paper was durable, by kind.",
		Buckets: prometheus.ExponentialBuckets(0.0001, 4, 8),
	}, []string{"kind"})}
	if reg != nil {
		reg.MustRegister(m.took)
	}
	return m
}

func (m *metrics) put(kind string, begun time.Time) {
	m.took.WithLabelValues(kind).Observe(time.Since(begun).Seconds())
}

func (m *metrics) unregister() {
	if m.reg != nil {
		m.reg.Unregister(m.took)
	}
}
