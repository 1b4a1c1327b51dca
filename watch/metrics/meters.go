package metrics

import "github.com/prometheus/client_golang/prometheus"

// meters are the package's own metrics. Only Tick touches them.
type meters struct {
	samples  *prometheus.CounterVec
	findings prometheus.Counter
	watched  *prometheus.GaugeVec
	last     Stats
}

func newMeters(reg prometheus.Registerer) *meters {
	if reg == nil {
		return nil
	}
	m := &meters{
		samples: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "steersman_watch_metrics_samples_total", Help: "Samples by what became of them.",
		}, []string{"result"}),
		findings: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "steersman_watch_metrics_findings_total", Help: "Findings begun.",
		}),
		watched: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "steersman_watch_metrics_watched", Help: "Series and flows watched, findings open.",
		}, []string{"what"}),
	}
	for _, c := range []prometheus.Collector{m.samples, m.findings, m.watched} {
		// A second Metrics on one registry shares no numbers with the first: its own stay unseen.
		if err := reg.Register(c); err != nil {
			return nil
		}
	}
	return m
}

func (me *meters) publish(m *Metrics) {
	if me == nil {
		return
	}
	now, last := m.Stats(), me.last
	for _, c := range []struct {
		name     string
		now, was uint64
	}{
		{"judged", now.Samples, last.Samples}, {"not_watched", now.Skipped, last.Skipped}, {"out_of_order", now.OutOfOrder, last.OutOfOrder},
		{"over_series", now.OverSeries, last.OverSeries}, {"over_flows", now.OverFlows, last.OverFlows},
	} {
		me.samples.WithLabelValues(c.name).Add(float64(c.now - min(c.was, c.now)))
	}
	me.findings.Add(float64(now.Findings - min(last.Findings, now.Findings)))
	me.watched.WithLabelValues("series").Set(float64(now.SeriesWatched))
	me.watched.WithLabelValues("flows").Set(float64(now.FlowsWatched))
	me.watched.WithLabelValues("findings").Set(float64(now.FindingsOpen))
	me.last = now
}
