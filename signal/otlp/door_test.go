package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

// traces returns a request with n spans.
func traces(n int) ptraceotlp.ExportRequest {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "checkout")
	ss := rs.ScopeSpans().AppendEmpty()
	for range n {
		goodSpan(ptrace.SpanKindServer).CopyTo(ss.Spans().AppendEmpty())
	}
	return ptraceotlp.NewExportRequestFromTraces(td)
}

// gauges returns a request with one gauge of n points.
func gauges(n int) pmetricotlp.ExportRequest {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "checkout")
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("queue.length")
	g := m.SetEmptyGauge()
	for i := range n {
		p := g.DataPoints().AppendEmpty()
		p.SetTimestamp(pcommon.NewTimestampFromTime(signaltest.Now()))
		p.SetIntValue(int64(i))
		p.Attributes().PutInt("queue", int64(i))
	}
	return pmetricotlp.NewExportRequestFromMetrics(md)
}

func proto3(t testing.TB, m interface{ MarshalProto() ([]byte, error) }) []byte {
	t.Helper()
	b, err := m.MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func gz(b []byte) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, _ = w.Write(b) // a buffer takes everything
	_ = w.Close()
	return buf.Bytes()
}

// post sends a body and returns the answer.
func zst(b []byte) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return w.EncodeAll(b, nil)
}

func post(d *signal.Doors, path, typ, enc string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	r.Header.Set("Content-Type", typ)
	if enc != "" {
		r.Header.Set("Content-Encoding", enc)
	}
	w := httptest.NewRecorder()
	NewHandler(d).ServeHTTP(w, r)
	return w
}

func TestHTTPAnswers(t *testing.T) {
	three := proto3(t, traces(3))
	threeJSON, err := traces(3).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	bomb := gz(make([]byte, 40<<20))
	for _, tt := range []struct {
		name, path, typ, enc string
		body                 []byte
		sink                 error
		status               int
		text                 string // in the status message
		kept                 int64
	}{
		{"protobuf", "/v1/traces", typeProtobuf, "", three, nil, 200, "", 3},
		{"gzip", "/v1/traces", typeProtobuf, "gzip", gz(three), nil, 200, "", 3},
		{"JSON", "/v1/traces", "application/json; charset=utf-8", "", threeJSON, nil, 200, "", 3},
		{"JSON with gzip", "/v1/traces", typeJSON, "gzip", gz(threeJSON), nil, 200, "", 3},
		{"metrics", "/v1/metrics", typeProtobuf, "", proto3(t, gauges(4)), nil, 200, "", 4},
		{"nothing", "/v1/traces", typeProtobuf, "", nil, nil, 200, "", 0},
		{"text", "/v1/traces", "text/plain", "", three, nil, 415, `"text/plain" is not taken; send application/x-protobuf or application/json`, 0},
		{"zstd", "/v1/traces", typeProtobuf, "zstd", zst(three), nil, 200, "", 3},
		{"not zstd", "/v1/traces", typeProtobuf, "zstd", three, nil, 400, `not zstd`, 0},
		{"a bomb in zstd", "/v1/traces", typeProtobuf, "zstd", zst(make([]byte, 40<<20)), nil, 413, `body after zstd: more than 33554432 bytes; send smaller batches or raise limits.plain_bytes`, 0},
		{"brotli", "/v1/traces", typeProtobuf, "br", three, nil, 415, `encoding "br" is not taken here; send none or gzip or zstd`, 0},
		{"not protobuf", "/v1/traces", typeProtobuf, "", []byte("hello"), nil, 400, `not the protobuf of an OTLP trace request`, 0},
		{"JSON that is none", "/v1/traces", typeJSON, "", []byte(`{"resourceSpans": [`), nil, 400, `not an OTLP trace request`, 0},
		{"not gzip", "/v1/traces", typeProtobuf, "gzip", three, nil, 400, `not gzip`, 0},
		{"a bomb", "/v1/traces", typeProtobuf, "gzip", bomb, nil, 413, `body after gzip: more than 33554432 bytes; send smaller batches or raise limits.plain_bytes`, 0},
		{"busy", "/v1/traces", typeProtobuf, "", three, fact.ErrBusy, 429, `the intake is busy; send the same again in 2s`, 0},
		{"broken", "/v1/traces", typeProtobuf, "", three, errors.New("disk full"), 503, `disk full`, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, sink := signaltest.Doors(signal.Limits{})
			sink.Fail(tt.sink)
			w := post(d, tt.path, tt.typ, tt.enc, tt.body)
			if w.Code != tt.status || sink.Items() != tt.kept {
				t.Errorf("status %d, kept %d, want %d and %d: %s", w.Code, sink.Items(), tt.status, tt.kept, w.Body)
			}
			var st rpcstatus.Status
			if tt.status != 200 && strings.HasPrefix(w.Header().Get("Content-Type"), typeProtobuf) {
				if err := proto.Unmarshal(w.Body.Bytes(), &st); err != nil || !strings.Contains(st.Message, tt.text) {
					t.Errorf("said %q (%v), want %q", st.Message, err, tt.text)
				}
			} else if !strings.Contains(w.Body.String(), tt.text) {
				t.Errorf("said %s, want %s", w.Body, tt.text)
			}
			if retry := w.Header().Get("Retry-After"); (retry != "") != (tt.sink != nil) {
				t.Errorf("Retry-After is %q", retry)
			}
			signaltest.Law(t, d, sink)
		})
	}
}

func TestPartialSuccess(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{})
	req := traces(3)
	req.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(1).SetSpanID([8]byte{})
	w := post(d, "/v1/traces", typeProtobuf, "", proto3(t, req))
	resp := ptraceotlp.NewExportResponse()
	if err := resp.UnmarshalProto(w.Body.Bytes()); err != nil || w.Code != 200 {
		t.Fatal(w.Code, err)
	}
	want := `1 spans refused; the first: span "GET /cart" of service:checkout: its trace id or span id is zero; send both`
	if p := resp.PartialSuccess(); p.RejectedSpans() != 1 || p.ErrorMessage() != want {
		t.Errorf("rejected %d, %s", p.RejectedSpans(), p.ErrorMessage())
	}
	if len(sink.Spans()) != 2 {
		t.Errorf("kept %d spans, want 2", len(sink.Spans()))
	}
	signaltest.Law(t, d, sink)
}

func TestMetricRefusals(t *testing.T) {
	at := pcommon.NewTimestampFromTime(signaltest.Now())
	for _, tt := range []struct {
		name     string
		make     func(pmetric.Metric)
		rejected int64
		text     string
	}{
		{"a delta of what goes up and down", func(m pmetric.Metric) {
			m.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
			m.Sum().DataPoints().AppendEmpty()
			m.Sum().DataPoints().AppendEmpty()
		}, 2, `metric "m": it goes up and down and its temporality is Delta, which says nothing of its value; set OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative`},
		{"a sum of no temporality", func(m pmetric.Metric) { m.SetEmptySum().DataPoints().AppendEmpty() }, 1, `its temporality is Unspecified`},
		{"an exponential histogram of no temporality", func(m pmetric.Metric) { m.SetEmptyExponentialHistogram().DataPoints().AppendEmpty() }, 1, `its temporality is Unspecified`},
		{"a delta that falls", func(m pmetric.Metric) {
			m.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
			m.Sum().SetIsMonotonic(true)
			p := m.Sum().DataPoints().AppendEmpty()
			p.SetTimestamp(at)
			p.SetIntValue(-1)
		}, 1, `metric m_total: a delta of -1 is no increase`},
		{"a scale that is too coarse", func(m pmetric.Metric) {
			m.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			p := m.ExponentialHistogram().DataPoints().AppendEmpty()
			p.SetTimestamp(at)
			p.SetScale(-5)
		}, 1, `the scale -5 is coarser than -4; let the sender use more buckets`},
		{"an exponential histogram that contradicts itself", func(m pmetric.Metric) {
			m.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
			p := m.ExponentialHistogram().DataPoints().AppendEmpty()
			p.SetTimestamp(at)
			p.SetCount(3)
			p.Positive().BucketCounts().FromRaw([]uint64{1, 1})
		}, 1, `an exponential histogram contradicts itself: its count is 3, its buckets count 2`},
		{"a bucket that overflows", func(m pmetric.Metric) {
			m.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
			p := m.ExponentialHistogram().DataPoints().AppendEmpty()
			p.SetTimestamp(at)
			p.SetScale(9)
			p.Positive().BucketCounts().FromRaw([]uint64{1 << 63, 1 << 63})
		}, 1, `a bucket counts more than there are numbers`},
		{"a bucket beyond the last", func(m pmetric.Metric) {
			m.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
			p := m.ExponentialHistogram().DataPoints().AppendEmpty()
			p.SetTimestamp(at)
			p.SetCount(1)
			p.Negative().SetOffset(math.MaxInt32)
			p.Negative().BucketCounts().FromRaw([]uint64{1})
		}, 1, `a bucket is beyond the last that there can be`},
		{"no time", func(m pmetric.Metric) { m.SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(1) }, 1, `the time 0 is no time`},
		{"no value", func(m pmetric.Metric) { m.SetEmptyGauge().DataPoints().AppendEmpty().SetTimestamp(at) }, 1, `a point has no value`},
		{"a long label", func(m pmetric.Metric) {
			p := m.SetEmptyGauge().DataPoints().AppendEmpty()
			p.SetTimestamp(at)
			p.SetIntValue(1)
			p.Attributes().PutStr("url", strings.Repeat("x", 4097))
		}, 1, `metric m, label url: its value is 4097 bytes long, the limit is 4096`},
		{"not UTF-8", func(m pmetric.Metric) {
			p := m.SetEmptyGauge().DataPoints().AppendEmpty()
			p.SetTimestamp(at)
			p.SetIntValue(1)
			p.Attributes().PutStr("a", "\xff")
		}, 1, `value "\xff" of label "a" is not UTF-8`},
		{"bounds that fall", func(m pmetric.Metric) {
			m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			p := m.Histogram().DataPoints().AppendEmpty()
			p.SetTimestamp(at)
			p.ExplicitBounds().FromRaw([]float64{2, 1})
			p.BucketCounts().FromRaw([]uint64{1, 1, 1})
		}, 1, `bound 2 of a histogram, 1, is not above the one before it`},
		{"bounds without buckets", func(m pmetric.Metric) {
			m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			p := m.Histogram().DataPoints().AppendEmpty()
			p.SetTimestamp(at)
			p.ExplicitBounds().FromRaw([]float64{1})
		}, 1, `a histogram has 1 bounds and 0 buckets`},
		{"a name of nothing", func(m pmetric.Metric) { m.SetName("..."); m.SetEmptyGauge().DataPoints().AppendEmpty() }, 1, `metric "...":`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := gauges(1) // one that is good
			m := req.Metrics().ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().AppendEmpty()
			m.SetName("m")
			tt.make(m)
			d, sink := signaltest.Doors(signal.Limits{})
			w := post(d, "/v1/metrics", typeProtobuf, "", proto3(t, req))
			resp := pmetricotlp.NewExportResponse()
			if err := resp.UnmarshalProto(w.Body.Bytes()); err != nil || w.Code != 200 {
				t.Fatal(w.Code, err)
			}
			if p := resp.PartialSuccess(); p.RejectedDataPoints() != tt.rejected || !strings.Contains(p.ErrorMessage(), tt.text) {
				t.Errorf("rejected %d, want %d: %s, want %s", p.RejectedDataPoints(), tt.rejected, p.ErrorMessage(), tt.text)
			}
			if n := len(sink.Series()); n != 1 {
				t.Errorf("kept %d series, want the good one", n)
			}
			signaltest.Law(t, d, sink)
		})
	}
}

// nested returns a trace request whose one attribute is a list in a list, n deep.
func nested(n int) []byte {
	field := func(num byte, body []byte) []byte {
		return append(binary.AppendUvarint([]byte{num<<3 | 2}, uint64(len(body))), body...)
	}
	value := []byte{}
	for range n {
		value = field(5, field(1, value)) // AnyValue{ArrayValue{AnyValue}}
	}
	attr := field(9, append(field(1, []byte("k")), field(2, value)...))
	return field(1, field(2, field(2, attr)))
}

func TestBombs(t *testing.T) {
	manySpans := bytes.Repeat([]byte{0x12, 0x00}, 4<<20) // 8 MiB of empty spans
	spans := append(binary.AppendUvarint([]byte{0x12}, uint64(len(manySpans))), manySpans...)
	spans = append(binary.AppendUvarint([]byte{0x0a}, uint64(len(spans))), spans...)
	group := []byte{0x0a, 0x04, 0x0b, 0x08, 0x01, 0x0c}
	for _, tt := range []struct {
		name, typ string
		body      []byte
		status    int
		text      string
	}{
		{"four million empty spans", typeProtobuf, spans, 413, "more than 1000000 nested objects"},
		{"the same in JSON", typeJSON, []byte(`{"resourceSpans":[` + strings.Repeat("{},", 2<<20) + `{}]}`), 413, "more than 1000000 nested objects"},
		{"lists in lists", typeProtobuf, nested(20_000), 413, "nested more than 64 deep"},
		{"lists in lists in JSON", typeJSON, []byte(strings.Repeat(`[`, 1<<20)), 413, "nested more than 64 deep"},
		{"groups", typeProtobuf, group, 400, "it has a group"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, sink := signaltest.Doors(signal.Limits{BodyBytes: 16 << 20})
			var w *httptest.ResponseRecorder
			grew := allocated(func() { w = post(d, "/v1/traces", tt.typ, "", tt.body) })
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.text) {
				t.Errorf("status %d, want %d: %.300s", w.Code, tt.status, w.Body)
			}
			if limit := uint64(2*len(tt.body) + 2<<20); grew > limit {
				t.Errorf("cost %d bytes for a body of %d", grew, len(tt.body))
			}
			signaltest.Law(t, d, sink)
		})
	}
}

// allocated returns how many bytes fn allocated.
func allocated(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestTooManySamples(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{Points: 5, Spans: 2})
	if w := post(d, "/v1/metrics", typeProtobuf, "", proto3(t, gauges(6))); w.Code != 413 || !strings.Contains(w.Body.String(), "more than 5 samples; send smaller batches or raise limits.points") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := post(d, "/v1/traces", typeProtobuf, "", proto3(t, traces(3))); w.Code != 413 || !strings.Contains(w.Body.String(), "3 spans, the limit is 2; send smaller batches or raise limits.spans") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	j, _ := traces(3).MarshalJSON()
	if w := post(d, "/v1/traces", typeJSON, "", j); w.Code != 413 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	signaltest.Law(t, d, sink)
	for _, s := range d.Sources.Sources() {
		if s.Refused == 0 {
			t.Errorf("%+v", s)
		}
	}
}

// serveGRPC starts a server and returns a connection to it.
func serveGRPC(t *testing.T, d *signal.Doors) (addr string, conn *grpc.ClientConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: NewGRPC(d, true)}
	GRPCProtocols(srv)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ln) }()
	conn, err = grpc.NewClient(ln.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(1<<30)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		_ = srv.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return ln.Addr().String(), conn
}

func TestGRPCAnswers(t *testing.T) {
	for _, tt := range []struct {
		name  string
		sink  error
		lim   signal.Limits
		n     int
		code  codes.Code
		retry bool
		text  string
	}{
		{name: "fine", n: 3, code: codes.OK},
		{name: "busy", n: 3, sink: fact.ErrBusy, code: codes.ResourceExhausted, retry: true, text: "the intake is busy; send the same again in 2s"},
		{name: "broken", n: 3, sink: errors.New("disk full"), code: codes.Unavailable, retry: true, text: "disk full"},
		{name: "too many", n: 3, lim: signal.Limits{Spans: 2}, code: codes.InvalidArgument, text: "3 spans, the limit is 2"},
		{name: "more in flight than there is room", n: 3, lim: signal.Limits{InFlightBytes: 50}, code: codes.ResourceExhausted, retry: true, text: "the requests in flight fill the memory"},
		{name: "too large", n: 3, lim: signal.Limits{PlainBytes: 50}, code: codes.ResourceExhausted, text: "send smaller batches or raise limits.plain_bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, sink := signaltest.Doors(tt.lim)
			sink.Fail(tt.sink)
			_, conn := serveGRPC(t, d)
			_, err := ptraceotlp.NewGRPCClient(conn).Export(context.Background(), traces(tt.n))
			st := status.Convert(err)
			if st.Code() != tt.code || !strings.Contains(st.Message(), tt.text) {
				t.Errorf("%v, want %v %s", err, tt.code, tt.text)
			}
			retry := false
			for _, det := range st.Details() {
				_, ok := det.(*errdetails.RetryInfo)
				retry = retry || ok
			}
			if retry != tt.retry {
				t.Errorf("RetryInfo: %v, want %v", retry, tt.retry)
			}
			signaltest.Law(t, d, sink)
			if s := d.Sources.Sources(); len(s) != 1 || s[0].Received == 0 {
				t.Errorf("accounts: %+v", s)
			}
		})
	}
}

func TestGRPCOtherThings(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{})
	_, conn := serveGRPC(t, d)
	_, err := plogotlp.NewGRPCClient(conn).Export(context.Background(), plogotlp.NewExportRequest())
	if err != nil {
		t.Errorf("an empty request: %v", err)
	}
	var garbage rawCodec
	err = conn.Invoke(context.Background(), "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", []byte("hello"), new([]byte), grpc.ForceCodec(garbage))
	if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "not the protobuf of an OTLP metrics request") {
		t.Errorf("garbage: %v", err)
	}
	signaltest.Law(t, d, sink)
}

// rawCodec sends bytes as they are.
type rawCodec struct{}

func (rawCodec) Name() string                       { return "proto" }
func (rawCodec) Marshal(v any) ([]byte, error)      { return v.([]byte), nil }
func (rawCodec) Unmarshal(data []byte, v any) error { *v.(*[]byte) = bytes.Clone(data); return nil }

// panicSink panics, as a bug would.
type panicSink struct{}

func (panicSink) Append(context.Context, *fact.Batch) (uint64, error) { panic("a bug") }

func TestPanicIsAnAnswer(t *testing.T) {
	d, _ := signaltest.Doors(signal.Limits{})
	d.Sink = panicSink{}
	_, conn := serveGRPC(t, d)
	_, err := ptraceotlp.NewGRPCClient(conn).Export(context.Background(), traces(1))
	if status.Code(err) != codes.Internal {
		t.Errorf("%v", err)
	}
}

func TestManySources(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{})
	td := ptrace.NewTraces()
	for _, name := range []string{"checkout", "payment", "checkout"} {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", name)
		goodSpan(ptrace.SpanKindServer).CopyTo(rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty())
	}
	post(d, "/v1/traces", typeProtobuf, "", proto3(t, ptraceotlp.NewExportRequestFromTraces(td)))
	post(d, "/v1/traces", typeProtobuf, "", proto3(t, traces(1)))
	b := sink.Batches()
	if len(b) != 2 || b[0].Source != "otlp" || b[1].Source != "otlp/checkout" {
		t.Errorf("%d batches, %s", len(b), b[0].Source)
	}
	got := d.Sources.Sources()
	if len(got) != 2 || got[0].Name != "otlp/checkout" || got[0].Accepted != 3 || got[1].Name != "otlp/payment" || got[1].Accepted != 1 {
		t.Errorf("%+v", got)
	}
	signaltest.Law(t, d, sink)
}

// Too many new series are a partial success that names the offender; what was
// there goes on.
func TestNewSeries(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{NewSeries: 20})
	send := func(n int) (rejected int64, text string) {
		w := post(d, "/v1/metrics", typeProtobuf, "", proto3(t, gauges(n)))
		resp := pmetricotlp.NewExportResponse()
		if err := resp.UnmarshalProto(w.Body.Bytes()); err != nil || w.Code != 200 {
			t.Fatal(w.Code, err)
		}
		return resp.PartialSuccess().RejectedDataPoints(), resp.PartialSuccess().ErrorMessage()
	}
	if n, text := send(10); n != 0 {
		t.Errorf("%d rejected: %s", n, text)
	}
	if n, text := send(50); n != 33 || !strings.Contains(text, "source otlp/checkout: ") {
		t.Errorf("%d rejected: %s", n, text)
	}
	if n, text := send(17); n != 0 {
		t.Errorf("%d of those that were there: %s", n, text)
	}
	signaltest.Law(t, d, sink)
}

// When memory is short, senders are told to wait, over gRPC too.
func TestShortOfMemory(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{})
	d.Short = func() bool { return true }
	_, conn := serveGRPC(t, d)
	_, err := ptraceotlp.NewGRPCClient(conn).Export(context.Background(), traces(1))
	if st := status.Convert(err); st.Code() != codes.ResourceExhausted || len(st.Details()) != 1 {
		t.Errorf("%v", err)
	}
	if s := d.Sources.Sources(); len(s) != 1 || s[0].Reasons["busy"] != 1 {
		t.Errorf("accounts: %+v", s)
	}
	signaltest.Law(t, d, sink)
}
