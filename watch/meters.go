package watch

import "github.com/prometheus/client_golang/prometheus"

// meters are the watcher's own metrics.
type meters struct {
	batches, ticks, findings, incidents, proposals, busy, snapshots prometheus.Counter
	seq, seconds, open, streams, dropped, refused, bytes            prometheus.Gauge
}

func newMeters(reg prometheus.Registerer) *meters {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "steersman", Subsystem: "watch", Name: name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "steersman", Subsystem: "watch", Name: name, Help: help})
	}
	m := &meters{
		batches:   counter("batches_total", "Records of the intake log that were taken in."),
		ticks:     counter("ticks_total", "Times that everything was judged."),
		findings:  counter("findings_written_total", "Findings handed to the outbox, changed ones included."),
		incidents: counter("incidents_written_total", "Incidents handed to the outbox, changed ones included."),
		proposals: counter("proposals_total", "Proposals handed to the gate."),
		busy:      counter("busy_total", "Times that a paper or series was not taken and was tried again."),
		snapshots: counter("snapshots_total", "Snapshots written."),
		seq:       gauge("log_seq", "Sequence number of the last record taken in."),
		seconds:   gauge("log_time_seconds", "Time of the log at the last record taken in, Unix seconds."),
		open:      gauge("incidents_open", "Incidents that are open."),
		streams:   gauge("flow_streams", "Streams of requests whose last minutes are kept."),
		dropped:   gauge("flow_dropped", "Counts that were not kept because there were too many streams."),
		refused:   gauge("symptoms_refused", "Symptoms that opened no incident because too many were open."),
		bytes:     gauge("snapshot_bytes", "Size of the last snapshot."),
	}
	if reg != nil {
		reg.MustRegister(m.batches, m.ticks, m.findings, m.incidents, m.proposals, m.busy, m.snapshots,
			m.seq, m.seconds, m.open, m.streams, m.dropped, m.refused, m.bytes)
	}
	return m
}
