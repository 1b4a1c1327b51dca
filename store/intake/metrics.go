package intake

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts what the log does. The figures that the log knows anyway are
// read when they are asked for.
type metrics struct {
	log *Log

	records, bytes, syncs, busy, failed prometheus.Counter
	damaged, damagedBytes, tornBytes    prometheus.Counter
	missing, deleted                    prometheus.Counter
	windowReads, fileReads              prometheus.Counter
	syncTime                            prometheus.Histogram
	head, size, lag                     *prometheus.Desc
}

func newMetrics(l *Log) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "steersman_intake_" + name, Help: help})
	}
	return &metrics{
		log:          l,
		records:      counter("records_total", "Batches that were made durable and acknowledged."),
		bytes:        counter("bytes_total", "Bytes of the records that were acknowledged."),
		syncs:        counter("syncs_total", "Flushes to the disk, each for a group of records."),
		busy:         counter("busy_total", "Batches refused because the queue or the log was full."),
		failed:       counter("failures_total", "Batches refused because the disk refused them."),
		damaged:      counter("damaged_records_total", "Records that were found damaged and stepped over."),
		damagedBytes: counter("damaged_bytes_total", "Bytes in which no whole record was found."),
		tornBytes:    counter("torn_bytes_total", "Bytes of half written records that were cut off at the start."),
		missing:      counter("missing_records_total", "Records that a reader asked for and that are not in the log."),
		deleted:      counter("deleted_segments_total", "Segments that went by retention."),
		windowReads:  counter("window_reads_total", "Records handed to readers from memory."),
		fileReads:    counter("file_reads_total", "Records handed to readers from the disk."),
		syncTime: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "steersman_intake_sync_duration_seconds", Help: "How long the flushes to the disk took.",
			Buckets: prometheus.ExponentialBuckets(0.00025, 2, 14),
		}),
		head: prometheus.NewDesc("steersman_intake_head", "The number of the newest record.", nil, nil),
		size: prometheus.NewDesc("steersman_intake_size_bytes", "Bytes of all segments.", nil, nil),
		lag:  prometheus.NewDesc("steersman_intake_lag_records", "Records that a reader has not done with.", []string{"consumer"}, nil),
	}
}

func (m *metrics) plain() []prometheus.Collector {
	return []prometheus.Collector{
		m.records, m.bytes, m.syncs, m.busy, m.failed, m.damaged, m.damagedBytes, m.tornBytes,
		m.missing, m.deleted, m.windowReads, m.fileReads, m.syncTime,
	}
}

// Describe implements [prometheus.Collector].
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.plain() {
		c.Describe(ch)
	}
	ch <- m.head
	ch <- m.size
	ch <- m.lag
}

// Collect implements [prometheus.Collector].
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.plain() {
		c.Collect(ch)
	}
	head, size, lags := m.log.state()
	ch <- prometheus.MustNewConstMetric(m.head, prometheus.GaugeValue, float64(head))
	ch <- prometheus.MustNewConstMetric(m.size, prometheus.GaugeValue, float64(size))
	for consumer, lag := range lags {
		ch <- prometheus.MustNewConstMetric(m.lag, prometheus.GaugeValue, float64(lag), consumer)
	}
}

func (m *metrics) synced(took time.Duration) {
	m.syncs.Inc()
	m.syncTime.Observe(took.Seconds())
}
