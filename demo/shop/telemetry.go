package shop

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

const (
	spanDelay      = 400 * time.Millisecond // how long a span waits for company before it is sent
	metricInterval = 3 * time.Second
	pushInterval   = 5 * time.Second
	exportTimeout  = 3 * time.Second
)

// telemetry is how a process tells about itself.
type telemetry struct {
	spans   *sdktrace.TracerProvider
	metrics *sdkmetric.MeterProvider
}

func newTelemetry(ctx context.Context, cfg Config, spec Service) (*telemetry, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("shop: %s: host name: %w", cfg.Instance, err)
	}
	res := resource.NewSchemaless(
		attribute.String("service.name", cfg.Service),
		attribute.String("service.namespace", Namespace),
		attribute.String("service.version", cfg.Version),
		attribute.String("service.instance.id", cfg.Instance),
		attribute.String("host.name", host),
		attribute.Int("process.pid", os.Getpid()),
	)
	spans, err := spanExporter(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("shop: %s: spans: %w", cfg.Instance, err)
	}
	traceOptions := []sdktrace.TracerProviderOption{sdktrace.WithResource(res), sdktrace.WithSampler(sdktrace.AlwaysSample())}
	if spans != nil {
		traceOptions = append(traceOptions, sdktrace.WithBatcher(spans,
			sdktrace.WithBatchTimeout(spanDelay), sdktrace.WithExportTimeout(exportTimeout)))
	}
	metricOptions := []sdkmetric.Option{sdkmetric.WithResource(res)}
	if !spec.Prometheus {
		metrics, err := metricExporter(ctx, cfg)
		if err != nil {
			return nil, fmt.Errorf("shop: %s: metrics: %w", cfg.Instance, err)
		}
		if metrics != nil {
			metricOptions = append(metricOptions, sdkmetric.WithReader(sdkmetric.NewPeriodicReader(metrics,
				sdkmetric.WithInterval(metricInterval), sdkmetric.WithTimeout(exportTimeout))))
		}
	}
	return &telemetry{
		spans:   sdktrace.NewTracerProvider(traceOptions...),
		metrics: sdkmetric.NewMeterProvider(metricOptions...),
	}, nil
}

// spanExporter returns nil when nobody wants to hear.
func spanExporter(ctx context.Context, cfg Config) (*otlptrace.Exporter, error) {
	switch {
	case cfg.OTLPGRPC != "":
		return otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(cfg.OTLPGRPC), otlptracegrpc.WithInsecure())
	case cfg.OTLPHTTP != "":
		return otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(cfg.OTLPHTTP), otlptracehttp.WithInsecure())
	}
	return nil, nil
}

// metricExporter returns nil when nobody wants to hear.
func metricExporter(ctx context.Context, cfg Config) (sdkmetric.Exporter, error) {
	switch {
	case cfg.OTLPGRPC != "":
		return otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpoint(cfg.OTLPGRPC), otlpmetricgrpc.WithInsecure())
	case cfg.OTLPHTTP != "":
		return otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpoint(cfg.OTLPHTTP), otlpmetrichttp.WithInsecure(),
			otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
	}
	return nil, nil
}

// stop sends what is left, for a moment at most.
func (t *telemetry) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	// Nobody may be listening any more; what was not sent is lost then.
	_, _ = t.spans.Shutdown(ctx), t.metrics.Shutdown(ctx)
}
