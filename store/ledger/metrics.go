package ledger

import "github.com/prometheus/client_golang/prometheus"

// metrics counts what the ledger does.
type metrics struct {
	leaves, tampered prometheus.Gauge
	repeats, failed  prometheus.Counter
	commitTime       prometheus.Histogram
}

func newMetrics() *metrics {
	name := func(s string) string { return "steersman_ledger_" + s }
	return &metrics{
		leaves:   prometheus.NewGauge(prometheus.GaugeOpts{Name: name("leaves"), Help: "Leaves that a signed checkpoint covers."}),
		tampered: prometheus.NewGauge(prometheus.GaugeOpts{Name: name("tampered"), Help: "1 if the files are not what was signed."}),
		repeats:  prometheus.NewCounter(prometheus.CounterOpts{Name: name("repeats_total"), Help: "Appends whose key was there before."}),
		failed:   prometheus.NewCounter(prometheus.CounterOpts{Name: name("failures_total"), Help: "Appends that were refused."}),
		commitTime: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: name("commit_duration_seconds"), Help: "How long it took to make a group of leaves durable.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
	}
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.leaves, m.tampered, m.repeats, m.failed, m.commitTime}
}

// Describe implements [prometheus.Collector].
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.all() {
		c.Describe(ch)
	}
}

// Collect implements [prometheus.Collector].
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.all() {
		c.Collect(ch)
	}
}
