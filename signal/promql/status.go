package promql

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// State is what a reader does.
type State string

// The states of a reader.
const (
	Starting State = "starting" // it has not had an answer yet
	Catching State = "history"  // it reads, and of some what was before, too
	Reading  State = "reading"
	Waiting  State = "waiting" // it will try again; see Trouble
)

// A Left is what is not read for one reason.
type Left struct {
	Reason   string
	Series   int
	Metrics  int
	Examples []string // some of the metrics, of the largest first
}

// A Status says what a reader reads, what it costs their side, and what it leaves
// out.
type Status struct {
	Source  string
	URL     string
	State   State
	Trouble string // what is wrong, if something is

	Exist   int // series that are there
	Watched int // of them, that are read
	Metrics int // of how many metrics
	Jobs    int // of how many jobs
	Behind  int // watched series of which history is still to be read
	Left    []Left
	Looked  time.Time // when it was last looked what is there; zero: not yet
	UpTo    time.Time // until when the live ones were read

	QueriesPerMinute, QueriesUsed int // in force, and used in the last minute
	BytesPerMinute, BytesUsed     int64
}

// Status returns how it stands.
func (r *Reader) Status() Status {
	r.mu.Lock()
	s := r.status
	r.mu.Unlock()
	s.QueriesPerMinute, s.BytesPerMinute = r.budget.queries, r.budget.bytes
	s.QueriesUsed, s.BytesUsed = r.budget.used(r.doors.Clock())
	return s
}

// maxExamples is how many metrics are named for a reason.
const maxExamples = 5

// told says what was chosen and what was left out.
func (r *Reader) told(all []found, left map[pair]string) {
	r.there, r.left = all, left
	byWhy := make(map[string]*Left)
	sizes := make(map[string]map[string]int)
	for _, f := range all {
		why, ok := left[f.pair]
		if !ok {
			continue
		}
		if byWhy[why] == nil {
			byWhy[why], sizes[why] = &Left{Reason: why}, make(map[string]int)
		}
		byWhy[why].Series += f.series
		sizes[why][f.Name] += f.series
	}
	var out []Left
	for why, l := range byWhy {
		names := slices.SortedFunc(maps.Keys(sizes[why]), func(a, b string) int {
			return cmp.Or(cmp.Compare(sizes[why][b], sizes[why][a]), cmp.Compare(a, b))
		})
		l.Metrics, l.Examples = len(names), names[:min(len(names), maxExamples)]
		out = append(out, *l)
	}
	slices.SortFunc(out, func(a, b Left) int { return cmp.Or(cmp.Compare(b.Series, a.Series), cmp.Compare(a.Reason, b.Reason)) })
	jobs, names, watched := make(map[string]bool), make(map[string]bool), 0
	for _, t := range r.targets {
		jobs[t.Job], names[t.Name] = true, true
		watched += t.series
	}
	r.mu.Lock()
	r.status.Exist, r.status.Watched, r.status.Metrics, r.status.Jobs, r.status.Left, r.status.Looked = total(all), watched, len(names), len(jobs), out, r.found
	s := r.status
	r.mu.Unlock()
	r.opt.Meters.chosen(r.source, &s)
}

// progress says how far was read.
func (r *Reader) progress(now int64) {
	behind, upTo := 0, int64(0)
	for _, t := range r.targets {
		if t.behind(now) {
			behind += t.series
		} else {
			upTo = max(upTo, t.upTo)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.status.Behind = behind; r.status.State != Waiting {
		r.status.State = Reading
		if behind > 0 {
			r.status.State = Catching
		}
	}
	if upTo > 0 {
		r.status.UpTo = time.UnixMilli(upTo).UTC()
		r.opt.Meters.lag.WithLabelValues(r.source).Set(float64(now-upTo) / 1000)
	}
	r.opt.Meters.series.WithLabelValues(r.source, "behind").Set(float64(behind))
}

// Meters are the metrics of all readers.
type Meters struct {
	queries, bytes, waits, splits, known, partial, gap *prometheus.CounterVec
	budgets, series, lag                               *prometheus.GaugeVec
	took                                               *prometheus.HistogramVec
	reg                                                prometheus.Registerer
}

// NewMeters registers the metrics; reg may be nil.
func NewMeters(reg prometheus.Registerer) *Meters {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "steersman_signal_read_" + name, Help: help}, append([]string{"source"}, labels...))
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "steersman_signal_read_" + name, Help: help}, append([]string{"source"}, labels...))
	}
	m := &Meters{
		queries: counter("queries_total", "Questions asked, by what came of them.", "outcome"),
		bytes:   counter("bytes_total", "Bytes of answers, after decompression."),
		waits:   counter("budget_waits_total", "Quarters of a second that were waited because the budget of the minute was used up."),
		splits:  counter("splits_total", "Queries that were divided because their answer was too large."),
		known:   counter("known_samples_total", "Samples that had been read before: the price of not missing late ones."),
		partial: counter("partial_answers_total", "Answers with warnings: something was missing on their side."),
		gap:     counter("gap_seconds_total", "Seconds of metrics that were left out after a long stop."),
		budgets: gauge("budget", "What may be used in a minute.", "of"),
		series:  gauge("series", "Series: that exist, are watched, have history to be read (behind), or are left out, by reason.", "state"),
		lag:     gauge("lag_seconds", "How old the newest sample was at the last reading."),
		took:    prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "steersman_signal_read_query_seconds", Help: "Time until an answer was read.", Buckets: prometheus.ExponentialBuckets(.01, 3, 8)}, []string{"source"}),
		reg:     reg,
	}
	if reg != nil {
		reg.MustRegister(m.queries, m.bytes, m.waits, m.splits, m.known, m.partial, m.gap, m.budgets, m.series, m.lag, m.took)
	}
	return m
}

// budget shows the budget of a reader.
func (m *Meters) budget(r *Reader) {
	m.budgets.WithLabelValues(r.source, "queries").Set(float64(r.opt.Queries))
	m.budgets.WithLabelValues(r.source, "bytes").Set(float64(r.opt.Bytes))
	if m.reg == nil {
		return
	}
	labels := prometheus.Labels{"source": r.source}
	m.reg.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "steersman_signal_read_minute_queries", Help: "Questions asked in the last minute.", ConstLabels: labels}, func() float64 {
			q, _ := r.budget.used(r.doors.Clock())
			return float64(q)
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "steersman_signal_read_minute_bytes", Help: "Bytes of answers in the last minute.", ConstLabels: labels}, func() float64 {
			_, n := r.budget.used(r.doors.Clock())
			return float64(n)
		}))
}

// asked counts one question.
func (m *Meters) asked(source string, n int64, took time.Duration, a answer, err error) {
	outcome := "ok"
	switch {
	case err != nil:
		outcome = outcomeOf(err)
	case len(a.Warnings) > 0:
		outcome = "partial"
		m.partial.WithLabelValues(source).Inc()
	}
	m.queries.WithLabelValues(source, outcome).Inc()
	m.bytes.WithLabelValues(source).Add(float64(n))
	m.took.WithLabelValues(source).Observe(took.Seconds())
}

// chosen shows what was chosen.
func (m *Meters) chosen(source string, s *Status) {
	m.series.DeletePartialMatch(prometheus.Labels{"source": source})
	m.series.WithLabelValues(source, "exist").Set(float64(s.Exist))
	m.series.WithLabelValues(source, "watched").Set(float64(s.Watched))
	for _, l := range s.Left {
		m.series.WithLabelValues(source, l.Reason).Set(float64(l.Series))
	}
}
