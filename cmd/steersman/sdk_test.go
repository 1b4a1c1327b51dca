package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	otellog "go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/steersman-ops/steersman/console/api"
	"github.com/steersman-ops/steersman/fact"
)

// service is a program with the real OpenTelemetry SDK.
type service struct {
	tracer  trace.Tracer
	tp      *sdktrace.TracerProvider
	mp      *sdkmetric.MeterProvider
	handled func()
}

func newService(t *testing.T, name string, spans sdktrace.SpanExporter, metrics sdkmetric.Exporter) *service {
	t.Helper()
	res := resource.NewSchemaless(attribute.String("service.name", name), attribute.String("service.namespace", "sdk"), attribute.String("service.instance.id", name+"-1"), attribute.String("service.version", "1.2.3"))
	s := &service{
		tp: sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans, sdktrace.WithBatchTimeout(100*time.Millisecond)), sdktrace.WithResource(res)),
		mp: sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(metrics, sdkmetric.WithInterval(200*time.Millisecond))), sdkmetric.WithResource(res)),
	}
	s.tracer = s.tp.Tracer("test")
	n, err := s.mp.Meter("test").Int64Counter("orders.handled")
	if err != nil {
		t.Fatal(err)
	}
	s.handled = func() { n.Add(context.Background(), 1) }
	return s
}

// Two programs with the real SDK, one over gRPC and one over HTTP, call each
// other; the map shows the call and PromQL the counters.
func TestRealSDKOverBothProtocols(t *testing.T) {
	r := start(t, "")
	ctx := t.Context()
	gs, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(r.grpc), otlptracegrpc.WithInsecure())
	if err != nil {
		t.Fatal(err)
	}
	gm, err := otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpoint(r.grpc), otlpmetricgrpc.WithInsecure())
	if err != nil {
		t.Fatal(err)
	}
	hs, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(r.otlp), otlptracehttp.WithInsecure())
	if err != nil {
		t.Fatal(err)
	}
	hm, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpoint(r.otlp), otlpmetrichttp.WithInsecure(), otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
	if err != nil {
		t.Fatal(err)
	}
	orders, stock := newService(t, "orders", gs, gm), newService(t, "stock", hs, hm)
	for range 50 {
		ctx, in := orders.tracer.Start(ctx, "POST /orders", trace.WithSpanKind(trace.SpanKindServer))
		ctx, out := orders.tracer.Start(ctx, "GET stock", trace.WithSpanKind(trace.SpanKindClient))
		_, far := stock.tracer.Start(ctx, "GET /stock", trace.WithSpanKind(trace.SpanKindServer))
		time.Sleep(2 * time.Millisecond)
		far.End()
		out.End()
		in.End()
		orders.handled()
		stock.handled()
	}
	for _, s := range []*service{orders, stock} {
		if err := s.tp.Shutdown(ctx); err != nil {
			t.Fatal(err)
		}
		if err := s.mp.Shutdown(ctx); err != nil {
			t.Fatal(err)
		}
	}

	eventually(t, "both counters stand at 50", func() string {
		got := r.query(`orders_handled_total`, time.Now())
		text := fmt.Sprint(got)
		if len(got) == 2 && strings.Count(text, ":50") == 2 && strings.Contains(text, `"job":"sdk/orders"`) && strings.Contains(text, `"job":"sdk/stock"`) {
			return ""
		}
		return text
	})
	eventually(t, "the map shows outside → orders → stock, 50 requests each", func() string {
		var m fact.Map
		if code := r.ask(http.MethodGet, "/steersman/v1/map", nil, &m); code != 200 {
			return fmt.Sprint(code)
		}
		have := make(map[string]bool)
		for _, e := range m.Edges {
			have[e.Client.String()+">"+e.Server.String()] = e.ServerSide.Rate > 0
		}
		if have[">service:sdk/orders"] && have["service:sdk/orders>service:sdk/stock"] && len(m.Nodes) == 2 && m.Nodes[0].Versions[0].Version == "1.2.3" {
			return ""
		}
		text, _ := json.Marshal(m)
		return string(text)
	})
	eventually(t, "a trace has three spans of both, each below its caller", func() string {
		var last api.Spans
		if code := r.ask(http.MethodGet, "/steersman/v1/spans?service=stock&operation=GET+%2Fstock&limit=1", nil, &last); code != 200 || len(last.Spans) != 1 {
			return fmt.Sprint(code, last)
		}
		var one api.Trace
		if code := r.ask(http.MethodGet, "/steersman/v1/traces/"+last.Spans[0].Trace, nil, &one); code != 200 || len(one.Spans) != 3 {
			return fmt.Sprint(code, one)
		}
		a, b, c := one.Spans[0], one.Spans[1], one.Spans[2]
		if a.Parent == "" && b.Parent == a.Span && c.Parent == b.Span && a.Name == "POST /orders" && b.Kind == "client" && c.Instance == "stock-1" && c.Version == "1.2.3" {
			return ""
		}
		return fmt.Sprintf("%+v", one)
	})
	eventually(t, "the edge is a series", func() string {
		got := r.query(`steersman_edge_requests_total{client="orders",server="stock",side="server"}`, time.Now())
		if strings.Contains(fmt.Sprint(got), ":50") {
			return ""
		}
		return fmt.Sprint(got)
	})
}

// Two programs with the real SDK write logs, one over gRPC and one over HTTP,
// within one trace; they are found by it, and survive a worker that is killed.
func TestRealSDKLogs(t *testing.T) {
	r := start(t, "")
	ctx := t.Context()
	overGRPC, err := otlploggrpc.New(ctx, otlploggrpc.WithEndpoint(r.grpc), otlploggrpc.WithInsecure())
	if err != nil {
		t.Fatal(err)
	}
	overHTTP, err := otlploghttp.New(ctx, otlploghttp.WithEndpoint(r.otlp), otlploghttp.WithInsecure(), otlploghttp.WithCompression(otlploghttp.GzipCompression))
	if err != nil {
		t.Fatal(err)
	}
	inTrace := trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{7}, SpanID: trace.SpanID{8}}))
	for name, e := range map[string]sdklog.Exporter{"orders": overGRPC, "stock": overHTTP} {
		res := resource.NewSchemaless(attribute.String("service.name", name), attribute.String("service.namespace", "sdk"))
		lp := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(e)), sdklog.WithResource(res))
		for i := range 500 {
			var rec otellog.Record
			rec.SetTimestamp(time.Now())
			rec.SetSeverity(otellog.SeverityWarn)
			rec.SetBody(attribute.StringValue(fmt.Sprintf("%s step %d", name, i)))
			rec.AddAttributes(attribute.Int("step", i))
			lp.Logger("sdk").Emit(inTrace, rec)
		}
		if err := lp.Shutdown(ctx); err != nil {
			t.Fatal(err)
		}
	}
	worker := r.worker()
	if p, err := os.FindProcess(worker); err != nil || p.Kill() != nil {
		t.Fatalf("kill worker %d: %v", worker, err)
	}
	find := func(query string) (out api.Lines) {
		if code := r.ask(http.MethodGet, "/steersman/v1/lines?limit=1000&"+query, nil, &out); code != http.StatusOK {
			t.Fatalf("search %s: %d", query, code)
		}
		return out
	}
	eventually(t, "another worker runs", func() string {
		if now := r.worker(); now == worker || now == 0 || waitReady(r.base, time.Second) != nil {
			return fmt.Sprint("worker ", now)
		}
		return ""
	})
	eventually(t, "all lines are there", func() string {
		if n := len(find("trace=07000000000000000000000000000000").Lines); n != 1000 {
			return fmt.Sprint(n, " lines")
		}
		return ""
	})
	got := find("query=step%3D417&service=sdk/stock&severity=warn").Lines
	if len(got) != 1 || got[0].Text != "stock step 417" || got[0].Entity.String() != "service:sdk/stock" || got[0].Span != "0800000000000000" || got[0].Fields.Get("otel.scope.name") != "sdk" {
		t.Errorf("found %+v", got)
	}
}

// eventually asks until the answer is empty, or fails with the last one.
func eventually(t *testing.T, what string, ask func() string) {
	t.Helper()
	last := ""
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if last = ask(); last == "" {
			return
		}
	}
	t.Errorf("%s: after 30 s there is %s", what, last)
}
