package quality

import (
	"github.com/prometheus/client_golang/prometheus"
)

// meters are what is exported, gathered when somebody asks.
type meters struct{ r *Reader }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("steersman_signal_quality_"+name, help, labels, nil)
}

// Describe describes nothing: what is exported depends on the sources.
func (meters) Describe(chan<- *prometheus.Desc) {}

// Collect sends what is known now.
func (m meters) Collect(to chan<- prometheus.Metric) {
	m.r.mu.Lock()
	defer m.r.mu.Unlock()
	q := m.r.q
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	score := desc("score", "How far a source is to be trusted, 0 to 1.", "source")
	flagged := desc("flagged_rows_total", "Rows that a step flagged.", "source", "step")
	var all Counts
	for _, s := range q.sources {
		v, _ := s.score(q.now)
		gauge(score, v, s.name)
		all.plus(&s.total)
		for step, c := range s.total {
			if c.Flagged > 0 {
				counter(flagged, c.Flagged, s.name, Step(step).String())
			}
		}
	}
	seen := desc("rows_total", "Rows that a step has looked at.", "step")
	for step, c := range all {
		counter(seen, c.Seen, Step(step).String())
	}
	gauge(desc("series", "Series that are remembered."), float64(q.series.n))
	gauge(desc("metrics", "Metrics of sources that are remembered."), float64(len(q.metrics)-1-len(q.free)))
	counter(desc("over_series_rows_total", "Rows of series that are not remembered because there are too many."), q.over.Series)
	counter(desc("over_metrics_series_total", "Series whose metric is not remembered because there are too many."), q.over.Metrics)
	gauge(desc("log_seq", "The newest batch of the intake log that was taken in."), float64(m.r.seq))
	gauge(desc("checkpoint", "The newest batch of the intake log that the snapshot covers."), float64(m.r.saved))
}
