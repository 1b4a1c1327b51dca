package scrape

import "github.com/prometheus/client_golang/prometheus"

// shown are the metrics of a scraper. Of the sixty that Prometheus keeps of
// itself it passes on the sums of a few, under our names.
type shown struct{ s *Scraper }

var (
	targetsDesc = prometheus.NewDesc("steersman_scrape_targets", "Targets, by job and state: active, or dropped by relabel_configs.", []string{"job", "state"}, nil)
	droppedDesc = prometheus.NewDesc("steersman_scrape_dropped_samples_total", "Samples that a target gave and that were left out as a second one of a series at a time (duplicate), or as far ahead (time).", []string{"reason"}, nil)
	failedDesc  = prometheus.NewDesc("steersman_scrape_discovery_failures_total", "Failures to find targets, by the kind of discovery.", []string{"kind"}, nil)
)

// Describe sends the descriptions.
func (shown) Describe(ch chan<- *prometheus.Desc) {
	ch <- targetsDesc
	ch <- droppedDesc
	ch <- failedDesc
}

// Collect sends the metrics.
func (m shown) Collect(ch chan<- prometheus.Metric) {
	for i, j := range m.s.jobs {
		active := len(m.s.managers[i].TargetsActive()[j.Name])
		ch <- prometheus.MustNewConstMetric(targetsDesc, prometheus.GaugeValue, float64(active), j.Name, "active")
		dropped := m.s.managers[i].TargetsDroppedCounts()[j.Name]
		ch <- prometheus.MustNewConstMetric(targetsDesc, prometheus.GaugeValue, float64(dropped), j.Name, "dropped")
	}
	sums := m.s.sums()
	for _, c := range []struct {
		desc        *prometheus.Desc
		label, from string
	}{
		{droppedDesc, "duplicate", "prometheus_target_scrapes_sample_duplicate_timestamp_total"},
		{droppedDesc, "time", "prometheus_target_scrapes_sample_out_of_bounds_total"},
		{failedDesc, "refresh", "prometheus_sd_refresh_failures_total"},
		{failedDesc, "file", "prometheus_sd_file_read_errors_total"},
		{failedDesc, "kubernetes", "prometheus_sd_kubernetes_failures_total"},
	} {
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, sums[c.from], c.label)
	}
}

// sums adds up the counters that Prometheus' packages keep, by name.
func (s *Scraper) sums() map[string]float64 {
	all, err := s.inner.Gather()
	if err != nil {
		s.logger.Warn("not all metrics of discovery can be read", "err", err)
	}
	out := make(map[string]float64)
	for _, f := range all {
		for _, m := range f.GetMetric() {
			out[f.GetName()] += m.GetCounter().GetValue()
		}
	}
	return out
}
