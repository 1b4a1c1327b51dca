package otlp

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/log"
	otelmetric "go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdkresource "go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

// A program with the real SDK sends traces, metrics and logs, over both protocols.
func TestRealSDK(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for _, tt := range []struct {
		name    string
		traces  func(addr string) (sdktrace.SpanExporter, error)
		metrics func(addr string) (sdkmetric.Exporter, error)
		logs    func(addr string) (sdklog.Exporter, error)
	}{
		{"gRPC",
			func(a string) (sdktrace.SpanExporter, error) {
				return otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(a), otlptracegrpc.WithInsecure(), otlptracegrpc.WithCompressor("gzip"))
			},
			func(a string) (sdkmetric.Exporter, error) {
				return otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpoint(a), otlpmetricgrpc.WithInsecure())
			},
			func(a string) (sdklog.Exporter, error) {
				return otlploggrpc.New(ctx, otlploggrpc.WithEndpoint(a), otlploggrpc.WithInsecure(), otlploggrpc.WithCompressor("gzip"))
			}},
		{"HTTP",
			func(a string) (sdktrace.SpanExporter, error) {
				return otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(a), otlptracehttp.WithInsecure())
			},
			func(a string) (sdkmetric.Exporter, error) {
				return otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpoint(a), otlpmetrichttp.WithInsecure(), otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
			},
			func(a string) (sdklog.Exporter, error) {
				return otlploghttp.New(ctx, otlploghttp.WithEndpoint(a), otlploghttp.WithInsecure())
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, sink := signaltest.Doors(signal.Limits{})
			d.Clock = time.Now // the SDK stamps its spans itself
			addr, _ := serveGRPC(t, d)
			if tt.name == "HTTP" {
				srv := httptest.NewServer(NewHandler(d))
				defer srv.Close()
				addr = strings.TrimPrefix(srv.URL, "http://")
			}
			res := sdkresource.NewSchemaless(attribute.String("service.name", "checkout"), attribute.String("service.namespace", "shop"),
				attribute.String("service.version", "v2"), attribute.String("service.instance.id", "checkout-1"), attribute.String("os.type", "linux"))
			te, err := tt.traces(addr)
			if err != nil {
				t.Fatal(err)
			}
			sendSpans(ctx, t, te, res)
			me, err := tt.metrics(addr)
			if err != nil {
				t.Fatal(err)
			}
			sendMetrics(ctx, t, me, res)
			le, err := tt.logs(addr)
			if err != nil {
				t.Fatal(err)
			}
			sendLog(ctx, t, le, res)
			checkSpans(t, sink.Spans())
			checkSeries(t, sink.Series())
			checkLines(t, sink.Lines())
			signaltest.Law(t, d, sink)
			if s := d.Sources.Sources(); len(s) != 1 || s[0].Name != "otlp/shop/checkout" || s[0].Refused != 0 {
				t.Errorf("accounts: %+v", s)
			}
		})
	}
}

func sendSpans(ctx context.Context, t *testing.T, e sdktrace.SpanExporter, res *sdkresource.Resource) {
	t.Helper()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSyncer(e), sdktrace.WithResource(res))
	ctx, server := tp.Tracer("t").Start(ctx, "GET /cart", trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attribute.Int("http.response.status_code", 200), attribute.String("http.route", "/cart")))
	_, client := tp.Tracer("t").Start(ctx, "POST", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attribute.Int("http.response.status_code", 503), attribute.String("peer.service", "payment")))
	client.SetStatus(codes.Error, "payment is away")
	client.End()
	server.End()
	if err := tp.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
}

func sendMetrics(ctx context.Context, t *testing.T, e sdkmetric.Exporter, res *sdkresource.Resource) {
	t.Helper()
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(e, sdkmetric.WithInterval(time.Hour))), sdkmetric.WithResource(res))
	m := mp.Meter("t")
	requests, err1 := m.Int64Counter("http.requests", otelmetric.WithDescription("Requests."))
	latency, err2 := m.Float64Histogram("http.server.request.duration", otelmetric.WithUnit("s"), otelmetric.WithExplicitBucketBoundaries(0.1, 1))
	queue, err3 := m.Int64UpDownCounter("queue.length", otelmetric.WithUnit("{items}"))
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	requests.Add(ctx, 7, otelmetric.WithAttributes(attribute.String("http.route", "/cart")))
	latency.Record(ctx, 0.05)
	latency.Record(ctx, 0.5)
	latency.Record(ctx, 5)
	queue.Add(ctx, 3)
	if err := mp.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
}

func sendLog(ctx context.Context, t *testing.T, e sdklog.Exporter, res *sdkresource.Resource) {
	t.Helper()
	lp := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(e)), sdklog.WithResource(res))
	var r log.Record
	r.SetTimestamp(time.Unix(1_800_000_000-100_000_000, 5))
	r.SetSeverity(log.SeverityError)
	r.SetSeverityText("ERROR")
	r.SetBody(attribute.StringValue("payment is away"))
	r.AddAttributes(attribute.Int("attempt", 3), attribute.StringSlice("tried", []string{"a", "b"}))
	ctx = trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{7}, SpanID: trace.SpanID{8}}))
	lp.Logger("shop").Emit(ctx, r)
	if err := lp.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
}

func checkLines(t *testing.T, lines []fact.Line) {
	t.Helper()
	if len(lines) != 1 {
		t.Fatalf("%d lines, want 1", len(lines))
	}
	l := lines[0]
	if time.Since(time.Unix(0, l.Observed)).Abs() > time.Minute {
		t.Errorf("observed at %d", l.Observed)
	}
	l.Observed = 0
	want := fact.Line{
		At: 1_700_000_000*1e9 + 5, Entity: fact.Entity{Kind: fact.Service, Namespace: "shop", Name: "checkout"}, Instance: "checkout-1", Version: "v2",
		Severity: fact.SeverityError, Level: "ERROR", Text: "payment is away", TraceID: [16]byte{7}, SpanID: [8]byte{8},
		Fields: fact.LabelsOf("attempt", "3", "tried", `["a","b"]`, "otel.scope.name", "shop", "service.instance.id", "checkout-1"),
	}
	if l != want {
		t.Errorf("got  %+v\nwant %+v", l, want)
	}
}

func checkSpans(t *testing.T, spans []fact.Span) {
	t.Helper()
	if len(spans) != 2 {
		t.Fatalf("%d spans, want 2", len(spans))
	}
	c, s := spans[0], spans[1] // in order of their ends
	checkout := fact.Entity{Kind: fact.Service, Namespace: "shop", Name: "checkout"}
	for _, sp := range spans {
		if sp.Entity != checkout || sp.Instance != "checkout-1" || sp.Version != "v2" || sp.End < sp.Start || sp.TraceID != s.TraceID {
			t.Errorf("%+v", sp)
		}
	}
	if c.Kind != fact.SpanClient || !c.Failed || c.Peer != "payment" || c.Parent != s.ID {
		t.Errorf("client: %+v", c)
	}
	if s.Kind != fact.SpanServer || s.Failed || s.Peer != "" || s.Parent != [8]byte{} || s.Attrs.Get("http.route") != "/cart" {
		t.Errorf("server: %+v", s)
	}
}

func checkSeries(t *testing.T, series []fact.Series) {
	t.Helper()
	const of = `instance="checkout-1",job="shop/checkout"`
	const as = `service_name="checkout",service_namespace="shop",service_version="v2"}`
	want := map[string]struct {
		typ fact.SeriesType
		v   float64
	}{
		`http_requests_total{http_route="/cart",` + of + `,` + as:                                     {fact.Counter, 7},
		`http_server_request_duration_seconds_bucket{` + of + `,le="0.1",` + as:                       {fact.Counter, 1},
		`http_server_request_duration_seconds_bucket{` + of + `,le="1",` + as:                         {fact.Counter, 2},
		`http_server_request_duration_seconds_bucket{` + of + `,le="+Inf",` + as:                      {fact.Counter, 3},
		`http_server_request_duration_seconds_sum{` + of + `,` + as:                                   {fact.Counter, 5.55},
		`http_server_request_duration_seconds_count{` + of + `,` + as:                                 {fact.Counter, 3},
		`queue_length{` + of + `,` + as:                                                               {fact.Gauge, 3},
		`target_info{instance="checkout-1",job="shop/checkout",os_type="linux",service_version="v2"}`: {fact.Gauge, 1},
	}
	got := make(map[string]bool)
	for _, s := range series {
		w, ok := want[s.Labels.String()]
		if !ok || s.Type != w.typ || len(s.Points) != 1 || s.Points[0].V != w.v {
			t.Errorf("%s %d %v, want %+v", s.Labels, s.Type, s.Points, w)
		}
		got[s.Labels.String()] = true
	}
	if len(got) != len(want) {
		t.Errorf("%d series, want %d", len(got), len(want))
	}
}

// A program whose SDK prefers deltas and base-2 exponential histograms.
func TestRealSDKWithDeltas(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	d, sink := signaltest.Doors(signal.Limits{})
	addr, _ := serveGRPC(t, d)
	e, err := otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpoint(addr), otlpmetricgrpc.WithInsecure(),
		otlpmetricgrpc.WithTemporalitySelector(sdkmetric.DeltaTemporalitySelector),
		otlpmetricgrpc.WithAggregationSelector(func(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
			if k == sdkmetric.InstrumentKindHistogram {
				return sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}
			}
			return sdkmetric.DefaultAggregationSelector(k)
		}))
	if err != nil {
		t.Fatal(err)
	}
	reader := sdkmetric.NewPeriodicReader(e, sdkmetric.WithInterval(time.Hour))
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(sdkresource.NewSchemaless(attribute.String("service.name", "checkout"))))
	requests, err1 := mp.Meter("t").Int64Counter("http.requests")
	latency, err2 := mp.Meter("t").Float64Histogram("latency", otelmetric.WithUnit("s"))
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	for range 2 {
		requests.Add(ctx, 7)
		latency.Record(ctx, 0.05)
		latency.Record(ctx, 3)
		if err := reader.ForceFlush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := mp.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	signaltest.Law(t, d, sink)
	signaltest.WellFormed(t, sink)
	n, end := 0, int64(0)
	for _, b := range sink.Batches() {
		if len(b.Deltas) == 0 {
			continue // the last one, of nothing
		}
		n++
		p, h := b.Deltas[0].Points[0], b.Histograms[0].Points[0]
		if p.V != 7 || p.Start > p.T || p.Start < end || b.Deltas[0].Labels.Name() != "http_requests_total" {
			t.Errorf("%s: %+v, after %d", b.Deltas[0].Labels, p, end)
		}
		if h.H.Count != 2 || h.H.Sum != 3.05 || h.H.Schema != 4 && h.H.Schema != 8 || b.Histograms[0].Type != fact.Delta || b.Histograms[0].Labels.Name() != "latency_seconds" {
			t.Errorf("%s: %+v", b.Histograms[0].Labels, h.H)
		}
		end = p.T
	}
	if n != 2 {
		t.Errorf("%d batches with deltas, want 2", n)
	}
}
