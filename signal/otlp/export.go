package otlp

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/entity"
)

const kind = "otlp"

// encoding is how a request and its answer are written.
type encoding uint8

const (
	protobuf encoding = iota
	jsonText
)

// A service is one of OTLP's services.
type service struct {
	shape
	grpc   string // its name
	path   string
	noun   string // what it counts
	decode func(body []byte, enc encoding) (func(*export), error)
	answer func(rejected int64, text string) answer
}

// An answer is a response of any service.
type answer interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
}

// services returns the services that are served.
func services() []service {
	return []service{
		{shape{"trace", span}, "opentelemetry.proto.collector.trace.v1.TraceService", "/v1/traces", "spans", decodeTraces, answerTraces},
		{shape{"metrics", metric}, "opentelemetry.proto.collector.metrics.v1.MetricsService", "/v1/metrics", "data points", decodeMetrics, answerMetrics},
		{shape{"logs", logRecord}, "opentelemetry.proto.collector.logs.v1.LogsService", "/v1/logs", "log records", decodeLogs, answerLogs},
	}
}

func decodeTraces(body []byte, enc encoding) (func(*export), error) {
	req := ptraceotlp.NewExportRequest()
	var err error
	if enc == jsonText {
		err = req.UnmarshalJSON(body)
	} else {
		err = req.UnmarshalProto(body)
	}
	return func(ex *export) { ex.spans(req.Traces()) }, err
}

func decodeMetrics(body []byte, enc encoding) (func(*export), error) {
	req := pmetricotlp.NewExportRequest()
	var err error
	if enc == jsonText {
		err = req.UnmarshalJSON(body)
	} else {
		err = req.UnmarshalProto(body)
	}
	return func(ex *export) { ex.metrics(req.Metrics()) }, err
}

func decodeLogs(body []byte, enc encoding) (func(*export), error) {
	req := plogotlp.NewExportRequest()
	var err error
	if enc == jsonText {
		err = req.UnmarshalJSON(body)
	} else {
		err = req.UnmarshalProto(body)
	}
	return func(ex *export) { ex.logs(req.Logs()) }, err
}

func answerTraces(rejected int64, text string) answer {
	r := ptraceotlp.NewExportResponse()
	if text != "" {
		r.PartialSuccess().SetRejectedSpans(rejected)
		r.PartialSuccess().SetErrorMessage(text)
	}
	return r
}

func answerMetrics(rejected int64, text string) answer {
	r := pmetricotlp.NewExportResponse()
	if text != "" {
		r.PartialSuccess().SetRejectedDataPoints(rejected)
		r.PartialSuccess().SetErrorMessage(text)
	}
	return r
}

func answerLogs(rejected int64, text string) answer {
	r := plogotlp.NewExportResponse()
	if text != "" {
		r.PartialSuccess().SetRejectedLogRecords(rejected)
		r.PartialSuccess().SetErrorMessage(text)
	}
	return r
}

// An export is one request on its way in.
type export struct {
	ctx      context.Context // of the request
	doors    *signal.Doors
	lim      *signal.Limits
	now      time.Time
	batch    fact.Batch
	points   []fact.Point // the points of all series, so that they cost one allocation
	names    map[string]string
	fields   []fact.Label  // scratch
	labels   []fact.Labels // scratch
	sources  map[string]*source
	rejected int64           // as the protocol counts: spans, data points, log records
	first    *signal.Refusal // the first item that was refused
	full     bool            // more samples than the limit
	written  *signal.Writing // labels and fields
}

// A source is the account of one service in a request.
type source struct {
	signal.Tally
	newcomers *signal.Newcomers
}

// source returns the account of the service that a resource is of.
func (ex *export) source(id entity.Identity) *source {
	name := id.Entity.Name
	if id.Entity.Namespace != "" {
		name = id.Entity.Namespace + "/" + name
	}
	if name == "" {
		name = "(unnamed)"
	}
	name = kind + "/" + name
	t := ex.sources[name]
	if t == nil {
		t = &source{newcomers: ex.doors.Newcomers(ex.ctx, name)}
		ex.sources[name] = t
		ex.batch.Source = name
		if len(ex.sources) > 1 {
			ex.batch.Source = kind // a Collector sends for many
		}
	}
	return t
}

func (ex *export) refuse(src *source, ref *signal.Refusal, n int) {
	ex.refuseItems(src, ref, n, n)
}

// refuseItems refuses n items of a source, which the protocol counts as
// rejected.
func (ex *export) refuseItems(src *source, ref *signal.Refusal, n, rejected int) {
	if n == 0 {
		return
	}
	if ex.first == nil {
		ex.first = ref
	}
	ex.rejected += int64(rejected)
	src.Refuse(ref, n)
}

// add appends a series of one point.
func (ex *export) add(s fact.Series, t int64, v float64) {
	n := len(ex.points)
	ex.points = append(ex.points, fact.Point{T: t, V: v})
	s.Points = ex.points[n : n+1 : n+1]
	ex.batch.Series = append(ex.batch.Series, s)
}

// fits reports whether n more samples are within the limit. Once they are not,
// the whole request is refused, and nothing more of it is translated.
func (ex *export) fits(n int) bool {
	ex.full = ex.full || ex.written.Refused() != nil || len(ex.batch.Series)+len(ex.batch.Histograms)+len(ex.batch.Deltas)+len(ex.batch.Exemplars)+n > ex.lim.Points
	return !ex.full
}

// settle accounts for what is pending at all sources.
func (ex *export) settle(d *signal.Doors, ref *signal.Refusal) {
	for name, t := range ex.sources {
		t.Settle(ref)
		d.Record(ex.ctx, name, kind, ex.now, &t.Tally)
	}
}

// take reads a request of service s, hands it on, and returns the answer in the
// same encoding.
func take(ctx context.Context, d *signal.Doors, s *service, body []byte, enc encoding) (out []byte, ref *signal.Refusal) {
	lim := d.Limits.WithDefaults()
	ex := &export{ctx: ctx, doors: d, lim: &lim, now: d.Clock(), names: make(map[string]string), sources: make(map[string]*source), written: d.Writing(ctx)}
	defer ex.written.Free()
	var items int
	ref = d.Guard(s.path, func() (ref *signal.Refusal) {
		items, ref = ex.read(s, body, enc)
		return ref
	})
	if ref == nil && ex.batch.Samples()+len(ex.batch.Spans)+len(ex.batch.Lines) > 0 {
		ex.batch.Received = ex.now.UnixMilli()
		ref = d.Deliver(ctx, &ex.batch)
	}
	if len(ex.sources) == 0 && ref != nil { // nobody knows whose they are
		t := &source{}
		t.Receive(max(items, 1))
		ex.sources[kind] = t
	}
	ex.settle(d, ref)
	d.Sources.Answered(kind, ex.outcome(ref), d.Clock().Sub(ex.now))
	if ref != nil {
		return nil, ref
	}
	a := s.answer(ex.rejected, ex.message(s.noun))
	if enc == jsonText {
		out, _ = a.MarshalJSON()
	} else {
		out, _ = a.MarshalProto()
	}
	return out, nil
}

// read checks and decodes a request and translates it into ex. It returns the
// number of items in it, as far as that is known.
func (ex *export) read(s *service, body []byte, enc encoding) (items int, ref *signal.Refusal) {
	var n census
	if enc == jsonText {
		n, ref = walkJSON(body, ex.lim)
	} else {
		n, ref = s.walk(body, ex.lim)
	}
	if ref != nil {
		return n.items, ref
	}
	if ref := ex.checkItems(s, n.items); ref != nil {
		return n.items, ref
	}
	translate, err := s.decode(body, enc)
	if err != nil {
		return n.items, signal.Refuse(signal.Malformed, "body", "not an OTLP "+s.name+" request: "+signal.Cut(err.Error(), 300), "send OTLP as protobuf or JSON, as the content type says")
	}
	ex.points = make([]fact.Point, 0, n.items)
	translate(ex)
	switch {
	case ex.written.Refused() != nil:
		ref = ex.written.Refused()
	case ex.full:
		ref = signal.Refuse(signal.TooMany, "request", fmt.Sprintf("more than %d samples", ex.lim.Points), "send smaller batches or raise limits.points")
	case s.items == span:
		ref = ex.checkItems(s, len(ex.batch.Spans)) // the walk over JSON does not count them
	case s.items == logRecord:
		ref = ex.checkItems(s, len(ex.batch.Lines))
	}
	return n.items, ref
}

// checkItems holds the number of spans or log records against its limit. Data
// points are counted while they are translated.
func (ex *export) checkItems(s *service, n int) *signal.Refusal {
	most, setting := ex.lim.Spans, "limits.spans"
	if s.items == logRecord {
		most, setting = ex.lim.Lines, "limits.lines"
	}
	if s.items == metric || n <= most {
		return nil
	}
	return signal.Refuse(signal.TooMany, "request", fmt.Sprintf("%d %s, the limit is %d", n, s.noun, most), "send smaller batches or raise "+setting)
}

func (ex *export) outcome(ref *signal.Refusal) string {
	switch {
	case ref != nil:
		return ref.Reason.String()
	case ex.first != nil:
		return "partly"
	}
	return "ok"
}

// message is the text of a partial success, "" if all was taken.
func (ex *export) message(noun string) string {
	if ex.first == nil {
		return ""
	}
	return fmt.Sprintf("%d %s refused; the first: %s", ex.rejected, noun, ex.first.Error())
}
