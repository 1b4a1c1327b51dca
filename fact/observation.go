package fact

import (
	"strings"
	"time"
)

// A Batch is what came through one door in one request, or one tick of the
// clock: the unit that the intake log keeps and that everything later reads.
// A Batch that was handed on is never changed again.
type Batch struct {
	Source   string // who sent it, as the door named it: "otlp/payment", "remote-write", …
	Received int64  // when the door took it, Unix milliseconds
	Series   []Series
	Spans    []Span
	Changes  []Change
	Events   []Event
	Lines    []Line

	// Metrics of other shapes than a float that stands for itself.
	Histograms []HistogramSeries
	Deltas     []DeltaSeries
	Exemplars  []Exemplar
}

// ClockSource is the source of ticks: batches that hold nothing but the time,
// so that silence and expiry are seen when everything else has stopped.
const ClockSource = "clock"

// Points counts the samples of Series.
func (b *Batch) Points() int {
	n := 0
	for i := range b.Series {
		n += len(b.Series[i].Points)
	}
	return n
}

// Samples counts the samples of all shapes: each native histogram is one.
func (b *Batch) Samples() int {
	n := b.Points()
	for i := range b.Histograms {
		n += len(b.Histograms[i].Points)
	}
	for i := range b.Deltas {
		n += len(b.Deltas[i].Points)
	}
	return n
}

// SeriesType is a metric's type as its sender declares it.
type SeriesType uint8

// The types of series. A classic histogram is several series, each a Counter.
const (
	Untyped SeriesType = iota
	Gauge
	Counter // cumulative; a fall is a reset
	Delta   // what came since the point before; only of a HistogramSeries
)

// A Series is some consecutive points of one series.
type Series struct {
	Labels Labels
	// Ref is a small number by which the door knows the series, 0 if it does
	// not. It is a hint that saves readers a search: the same number means
	// probably the same labels. It is neither kept nor part of what is said.
	Ref    uint32
	Type   SeriesType
	Unit   string // UCUM or Prometheus base unit as declared; may be empty
	Help   string // as declared; may be empty
	Points []Point
}

// An Exemplar is one measurement that stands for those which a sample counts,
// with the trace in which it was taken.
type Exemplar struct {
	Series Labels // whose sample counts it
	Attrs  Labels // trace_id, span_id, and what else was told; [MaxExemplarAttrs]
	T      int64  // Unix milliseconds
	V      float64
}

// MaxExemplarAttrs is how many characters the names and values of an exemplar's
// attributes may have together, as OpenMetrics 1.0 says.
const MaxExemplarAttrs = 128

// A Point is one sample.
type Point struct {
	T int64   // Unix milliseconds
	V float64 // may be NaN: Prometheus' stale marker is one
}

// SpanKind says which side of a call a span saw.
type SpanKind uint8

// The kinds of span, numbered as OTLP numbers them.
const (
	SpanUnspecified SpanKind = iota
	SpanInternal
	SpanServer
	SpanClient
	SpanProducer
	SpanConsumer
)

// A Span is one operation in a trace.
type Span struct {
	TraceID    [16]byte
	ID, Parent [8]byte // Parent is zero for a root
	Entity     Entity  // the service that did it
	Instance   string  // which process of the service; may be empty
	Version    string  // of the service; may be empty
	Kind       SpanKind
	Name       string
	Peer       string // for client and producer spans: the called service as the caller names it; may be empty
	Start, End int64  // Unix nanoseconds
	Failed     bool   // status error, or an HTTP/gRPC status that means the server failed
	Attrs      Labels // the attributes that were kept
}

// Severity says how serious a line is, numbered as OTLP numbers it.
type Severity uint8

// The first of the four severities of each name. 0 is a line that tells none.
const (
	SeverityTrace Severity = 1
	SeverityDebug Severity = 5
	SeverityInfo  Severity = 9
	SeverityWarn  Severity = 13
	SeverityError Severity = 17
	SeverityFatal Severity = 21
)

// MaxSeverity is the last of them, the fourth named fatal.
const MaxSeverity Severity = 24

// String returns the name: trace, debug, info, warn, error, fatal, or "" for a
// number that has none.
func (s Severity) String() string {
	if s == 0 || s > MaxSeverity {
		return ""
	}
	return [...]string{"trace", "debug", "info", "warn", "error", "fatal"}[(s-1)/4]
}

// ParseSeverity returns the severity that loggers mean by a name, in any case:
// "warning" is warn, "notice" is info, "crit" is fatal. It is 0 for what no
// logger is known to write.
func ParseSeverity(name string) Severity {
	switch strings.ToLower(name) {
	case "trace", "trc", "finest", "verbose":
		return SeverityTrace
	case "debug", "dbg", "fine":
		return SeverityDebug
	case "info", "inf", "information", "informational", "notice":
		return SeverityInfo
	case "warn", "wrn", "warning":
		return SeverityWarn
	case "error", "err", "eror", "severe":
		return SeverityError
	case "fatal", "ftl", "critical", "crit", "alert", "emerg", "emergency", "panic":
		return SeverityFatal
	}
	return 0
}

// A Line is one log record.
type Line struct {
	At        int64    // when it happened, Unix nanoseconds
	Observed  int64    // when a collector or we first saw it, Unix nanoseconds
	Entity    Entity   // the service or host that wrote it; zero if nobody told
	Instance  string   // which process of the service; may be empty
	Version   string   // of the service; may be empty
	Severity  Severity // 0 if it tells none
	Level     string   // the severity as the sender spells it; may be empty
	Text      string   // what it says, UTF-8, of any number of lines
	TraceID   [16]byte // zero: written outside of any trace
	SpanID    [8]byte
	Fields    Labels // what it tells beside its text
	Truncated bool   // the text or a field was longer than the limit and was cut
}

// A Change is something that people or pipelines did to a service.
type Change struct {
	ID      string     `json:"id"`
	At      time.Time  `json:"at"`
	Kind    ChangeKind `json:"kind"`
	Entity  Entity     `json:"entity"`
	Version string     `json:"version,omitempty"` // what runs after the change
	Before  string     `json:"before,omitempty"`  // what ran before, if told
	By      string     `json:"by,omitempty"`
	Note    string     `json:"note,omitempty"` // one line, as told
	Link    string     `json:"link,omitempty"` // to the pipeline or commit
	Source  string     `json:"source"`         // the door it came through
}

// ChangeKind says what was done.
type ChangeKind string

// The kinds of change.
const (
	Deployed   ChangeKind = "deployed"
	RolledBack ChangeKind = "rolledback"
	Configured ChangeKind = "configured"
	Scaled     ChangeKind = "scaled"
	Restarted  ChangeKind = "restarted"
)

// An Event is something that Steersman itself or a person at its console did,
// on its way back in as an observation, or a notice of another program.
type Event struct {
	At   time.Time
	Kind string // "outcome", "approval", "stop", "resume", NoticeEvent
	Ref  string // the paper that it is about
	Body string // JSON of the paper
}

// NoticeEvent is the kind of an event whose body is a [Notice].
const NoticeEvent = "notice"

// A Notice is something that another program told of and that is neither a
// change of a service nor a finding of ours: an alert, a push, a run of a
// pipeline, a plain CloudEvent.
type Notice struct {
	ID     string            `json:"id"`
	At     time.Time         `json:"at"`             // when it began, or happened
	Until  time.Time         `json:"until,omitzero"` // when it ended, if it is over
	Kind   NoticeKind        `json:"kind"`
	State  string            `json:"state,omitempty"`  // firing, resolved; success, failure, running, …, as told
	Entity Entity            `json:"entity"`           // which service it is about; may be empty
	Title  string            `json:"title"`            // one line
	Text   string            `json:"text,omitempty"`   // one line more
	By     string            `json:"by,omitempty"`     // who did it
	Link   string            `json:"link,omitempty"`   // to the alert, the commit, the run
	Labels map[string]string `json:"labels,omitempty"` // of an alert; what else is told of others
	Source string            `json:"source"`           // the door that it came through, or the named source
}

// NoticeKind says what a notice is of.
type NoticeKind string

// The kinds of notice.
const (
	AlertNotice    NoticeKind = "alert"
	PushNotice     NoticeKind = "push"
	PipelineNotice NoticeKind = "pipeline"
	EventNotice    NoticeKind = "event" // a CloudEvent of a type that means nothing to us
)
