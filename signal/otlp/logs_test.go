package otlp

import (
	"encoding/binary"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

// records returns a request with n good log records.
func records(n int) plogotlp.ExportRequest {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	for k, v := range map[string]string{
		"service.name": "checkout", "service.namespace": "shop", "service.version": "v2", "service.instance.id": "checkout-1",
		"host.name": "node-1", "os.type": "linux",
	} {
		rl.Resource().Attributes().PutStr(k, v)
	}
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName("shop/pay")
	for range n {
		r := sl.LogRecords().AppendEmpty()
		r.SetTimestamp(pcommon.NewTimestampFromTime(signaltest.Now().Add(-time.Second)))
		r.SetObservedTimestamp(pcommon.NewTimestampFromTime(signaltest.Now()))
		r.SetSeverityNumber(plog.SeverityNumberWarn2)
		r.SetSeverityText("WARNING")
		r.Body().SetStr("card declined")
		r.SetTraceID([16]byte{1})
		r.SetSpanID([8]byte{2})
		r.Attributes().PutStr("http.route", "/pay")
		r.Attributes().PutInt("amount", 12)
	}
	return plogotlp.NewExportRequestFromLogs(ld)
}

func goodLine() fact.Line {
	return fact.Line{
		At: signaltest.Now().Add(-time.Second).UnixNano(), Observed: signaltest.Now().UnixNano(),
		Entity: fact.Entity{Kind: fact.Service, Namespace: "shop", Name: "checkout"}, Instance: "checkout-1", Version: "v2",
		Severity: fact.SeverityWarn + 1, Level: "WARNING", Text: "card declined", TraceID: [16]byte{1}, SpanID: [8]byte{2},
		Fields: fact.LabelsOf("http.route", "/pay", "amount", "12", "otel.scope.name", "shop/pay", "host.name", "node-1", "service.instance.id", "checkout-1"),
	}
}

// deepLog returns a request with one record whose body is a list in a list, n
// deep.
func deepLog(n int) []byte {
	field := func(num byte, body []byte) []byte {
		return append(binary.AppendUvarint([]byte{num<<3 | 2}, uint64(len(body))), body...)
	}
	value := []byte{}
	for range n {
		value = field(5, field(1, value))
	}
	return field(1, field(2, field(2, field(5, value))))
}

func TestLines(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(plog.ResourceLogs, plog.LogRecord)
		want   func(*fact.Line)
	}{
		{"as it is", func(plog.ResourceLogs, plog.LogRecord) {}, func(*fact.Line) {}},
		{"no time of its own", func(_ plog.ResourceLogs, r plog.LogRecord) { r.SetTimestamp(0) }, func(l *fact.Line) { l.At = l.Observed }},
		{"no time at all", func(_ plog.ResourceLogs, r plog.LogRecord) { r.SetTimestamp(0); r.SetObservedTimestamp(0) }, func(l *fact.Line) { l.At = l.Observed }},
		{"severity as a text only", func(_ plog.ResourceLogs, r plog.LogRecord) { r.SetSeverityNumber(0); r.SetSeverityText("crit") }, func(l *fact.Line) { l.Severity, l.Level = fact.SeverityFatal, "crit" }},
		{"severity that is none", func(_ plog.ResourceLogs, r plog.LogRecord) { r.SetSeverityNumber(77); r.SetSeverityText("") }, func(l *fact.Line) { l.Severity, l.Level = 0, "" }},
		{"a body that is a map", func(_ plog.ResourceLogs, r plog.LogRecord) { r.Body().SetEmptyMap().PutInt("n", 1) }, func(l *fact.Line) { l.Text = `{"n":1}` }},
		{"no body", func(_ plog.ResourceLogs, r plog.LogRecord) { pcommon.NewValueEmpty().CopyTo(r.Body()) }, func(l *fact.Line) { l.Text = "" }},
		{"not UTF-8", func(_ plog.ResourceLogs, r plog.LogRecord) { r.Body().SetStr("a\xffb") }, func(l *fact.Line) { l.Text = "a\uFFFDb" }},
		{"long", func(_ plog.ResourceLogs, r plog.LogRecord) { r.Body().SetStr(strings.Repeat("ü", 40_000)) }, func(l *fact.Line) { l.Text, l.Truncated = strings.Repeat("ü", 32<<10), true }},
		{"a long field", func(_ plog.ResourceLogs, r plog.LogRecord) {
			r.Attributes().PutStr("amount", strings.Repeat("9", 5000))
		}, func(l *fact.Line) {
			l.Fields, l.Truncated = l.Fields.With("amount", strings.Repeat("9", 4096)), true
		}},
		{"an event", func(_ plog.ResourceLogs, r plog.LogRecord) { r.SetEventName("declined") }, func(l *fact.Line) { l.Fields = l.Fields.With("event.name", "declined") }},
		{"the record knows better", func(_ plog.ResourceLogs, r plog.LogRecord) { r.Attributes().PutStr("host.name", "other") }, func(l *fact.Line) { l.Fields = l.Fields.With("host.name", "other") }},
		{"of a host", func(rl plog.ResourceLogs, _ plog.LogRecord) {
			rl.Resource().Attributes().RemoveIf(func(k string, _ pcommon.Value) bool { return strings.HasPrefix(k, "service.") })
		}, func(l *fact.Line) {
			l.Entity, l.Instance, l.Version = fact.Entity{Kind: fact.Host, Name: "node-1"}, "", ""
			l.Fields = l.Fields.With("service.instance.id", "")
		}},
		{"of nobody", func(rl plog.ResourceLogs, _ plog.LogRecord) { rl.Resource().Attributes().Clear() }, func(l *fact.Line) {
			l.Entity, l.Instance, l.Version = fact.Entity{}, "", ""
			l.Fields = l.Fields.With("service.instance.id", "").With("host.name", "")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := records(1)
			rl := req.Logs().ResourceLogs().At(0)
			tt.change(rl, rl.ScopeLogs().At(0).LogRecords().At(0))
			want := goodLine()
			tt.want(&want)
			asJSON, err := req.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			for enc, body := range map[string][]byte{typeProtobuf: proto3(t, req), typeJSON: asJSON} {
				d, sink := signaltest.Doors(signal.Limits{})
				w := post(d, "/v1/logs", enc, "gzip", gz(body))
				if got := sink.Lines(); w.Code != 200 || len(got) != 1 || !reflect.DeepEqual(got[0], want) {
					t.Errorf("%s: %d, %+v, want\n%+v: %s", enc, w.Code, got, want, w.Body)
				}
				signaltest.Law(t, d, sink)
				signaltest.WellFormed(t, sink)
			}
		})
	}
}

func TestLineRefusals(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(plog.LogRecord)
		text   string
	}{
		{"before there were clocks", func(r plog.LogRecord) { r.SetTimestamp(5) }, `line "card declined" of service:shop/checkout: its time is 5, which is no time in nanoseconds since 1970; check the clock`},
		{"ahead", func(r plog.LogRecord) {
			r.SetTimestamp(pcommon.NewTimestampFromTime(signaltest.Now().Add(time.Hour)))
		}, `its time is 1h0m0s ahead of our clock`},
		{"many fields", func(r plog.LogRecord) {
			for i := range 200 {
				r.Attributes().PutStr(strings.Repeat("a", i+1), "x")
			}
		}, `205 fields, the limit is 128; drop some at the sender or raise limits.line_fields`},
		{"a long name", func(r plog.LogRecord) { r.Attributes().PutStr(strings.Repeat("a", 600), "x") }, `is 600 bytes long, the limit is 512`},
		{"no name", func(r plog.LogRecord) { r.Attributes().PutStr("", "x") }, `has no name`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := records(2)
			tt.change(req.Logs().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0))
			d, sink := signaltest.Doors(signal.Limits{})
			w := post(d, "/v1/logs", typeProtobuf, "", proto3(t, req))
			resp := plogotlp.NewExportResponse()
			if err := resp.UnmarshalProto(w.Body.Bytes()); err != nil || w.Code != 200 {
				t.Fatal(w.Code, err)
			}
			if p := resp.PartialSuccess(); p.RejectedLogRecords() != 1 || !strings.Contains(p.ErrorMessage(), tt.text) {
				t.Errorf("rejected %d: %s, want %s", p.RejectedLogRecords(), p.ErrorMessage(), tt.text)
			}
			if n := len(sink.Lines()); n != 1 {
				t.Errorf("kept %d lines, want the good one", n)
			}
			signaltest.Law(t, d, sink)
		})
	}
}

func TestTooManyLines(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{Lines: 2})
	asJSON, err := records(3).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []*httptest.ResponseRecorder{
		post(d, "/v1/logs", typeProtobuf, "", proto3(t, records(3))),
		post(d, "/v1/logs", typeJSON, "", asJSON),
	} {
		if w.Code != 413 || !strings.Contains(w.Body.String(), "3 log records, the limit is 2; send smaller batches or raise limits.lines") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if w := post(d, "/v1/logs", typeProtobuf, "", deepLog(200)); w.Code != 413 || !strings.Contains(w.Body.String(), "nested more than 64 deep") {
		t.Errorf("a deep body: %d %s", w.Code, w.Body)
	}
	signaltest.Law(t, d, sink)
}

// BenchmarkLogs is the door alone, with a sink that keeps nothing.
func BenchmarkLogs(b *testing.B) {
	const n = 1000
	body := proto3(b, records(n))
	d, sink := signaltest.Doors(signal.Limits{})
	s := byName("logs")
	b.ReportAllocs()
	for b.Loop() {
		if _, ref := take(b.Context(), d, s, body, protobuf); ref != nil {
			b.Fatal(ref)
		}
		sink.Forget()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/line")
}
