package logdb

import (
	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts what the store does. What the database knows is asked of it
// when somebody wants to know.
type metrics struct {
	db *DB

	fate            *prometheus.CounterVec
	searches        *prometheus.CounterVec
	searchTime      prometheus.Histogram
	syncs           prometheus.Counter
	dropped         prometheus.Counter
	rows, size, day *prometheus.Desc
}

func newMetrics(d *DB) *metrics {
	name, noun := "steersman_"+d.kind.Name+"_", d.kind.Noun
	return &metrics{
		db: d,
		fate: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: name + "total", Help: "What became of the " + noun + " that came out of the intake log: stored, duplicate, expired, or quarantined for a reason.",
		}, []string{"fate", "reason"}),
		searches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: name + "searches_total", Help: "Searches, by how they ended.",
		}, []string{"outcome"}),
		searchTime: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: name + "search_duration_seconds", Help: "How long searches took, with the waiting for others.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}),
		syncs:   prometheus.NewCounter(prometheus.CounterOpts{Name: name + "syncs_total", Help: "Flushes to the disk."}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{Name: name + "dropped_days_total", Help: "Days of " + noun + " that went by retention."}),
		rows:    prometheus.NewDesc(name+"stored", "What is in the store: "+noun+".", nil, nil),
		size:    prometheus.NewDesc(name+"size_bytes", "Bytes of the store, on the disk and in memory.", nil, nil),
		day:     prometheus.NewDesc(name+"days", "Days that have "+noun+".", nil, nil),
	}
}

func (m *metrics) add(r Result) {
	for fate, n := range map[string]int{"stored": r.Stored, "duplicate": r.Duplicate, "expired": r.Expired} {
		if n > 0 {
			m.fate.WithLabelValues(fate, "").Add(float64(n))
		}
	}
	for reason, n := range r.Quarantined {
		m.fate.WithLabelValues("quarantined", reason).Add(float64(n))
	}
}

func (m *metrics) plain() []prometheus.Collector {
	return []prometheus.Collector{m.fate, m.searches, m.searchTime, m.syncs, m.dropped}
}

// Describe implements [prometheus.Collector].
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.plain() {
		c.Describe(ch)
	}
	ch <- m.rows
	ch <- m.size
	ch <- m.day
}

// Collect implements [prometheus.Collector].
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.plain() {
		c.Collect(ch)
	}
	db, letGo, err := m.db.use()
	if err != nil {
		return
	}
	defer letGo()
	var st logstorage.StorageStats
	db.UpdateStats(&st)
	ch <- prometheus.MustNewConstMetric(m.rows, prometheus.GaugeValue, float64(st.RowsCount()))
	ch <- prometheus.MustNewConstMetric(m.size, prometheus.GaugeValue, float64(bytesOf(&st)))
	ch <- prometheus.MustNewConstMetric(m.day, prometheus.GaugeValue, float64(st.PartitionsCount))
}

func bytesOf(st *logstorage.StorageStats) uint64 {
	return st.CompressedInmemorySize + st.CompressedSmallPartSize + st.CompressedBigPartSize + st.IndexdbSizeBytes
}
