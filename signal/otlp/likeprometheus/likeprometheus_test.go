// Package likeprometheus_test compares what the OTLP door makes of metrics with
// what Prometheus' own OTLP receiver makes of them. It stands apart because
// Prometheus' converter brings half of Prometheus with it.
package likeprometheus_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/storage/remote/otlptranslator/prometheusremotewrite"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/otlp"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

// appender collects what Prometheus' converter makes of metrics.
type appender struct{ got map[string]string }

func (a *appender) Commit() error   { return nil }
func (a *appender) Rollback() error { return nil }

func (a *appender) Append(_ storage.SeriesRef, ls labels.Labels, _, t int64, v float64, h *histogram.Histogram, _ *histogram.FloatHistogram, o storage.AppendV2Options) (storage.SeriesRef, error) {
	var list []fact.Label
	ls.Range(func(l labels.Label) { list = append(list, fact.Label{Name: l.Name, Value: l.Value}) })
	key, err := fact.NewLabels(list)
	if err != nil {
		return 0, err
	}
	typ := map[model.MetricType]fact.SeriesType{model.MetricTypeCounter: fact.Counter, model.MetricTypeGauge: fact.Gauge, model.MetricTypeHistogram: fact.Counter}[o.Metadata.Type]
	if o.Metadata.Type == model.MetricTypeSummary {
		if typ = fact.Counter; key.Get("quantile") != "" {
			typ = fact.Gauge
		}
	}
	if h != nil {
		a.got[key.String()] = shape(h, o.Metadata.Unit, o.Metadata.Help, t)
		return 0, nil
	}
	a.got[key.String()] = text(typ, o.Metadata.Unit, o.Metadata.Help, t, v)
	return 0, nil
}

func text(typ fact.SeriesType, unit, help string, t int64, v float64) string {
	return fmt.Sprintf("%d %q %q %d %x", typ, unit, help, t, math.Float64bits(v))
}

// shape tells of a native histogram, whatever empty buckets are told.
func shape(h *histogram.Histogram, unit, help string, t int64) string {
	if value.IsStaleNaN(h.Sum) {
		return fmt.Sprintf("stale %q %q %d", unit, help, t)
	}
	h = h.Copy().Compact(0)
	return fmt.Sprintf("%q %q %d delta %t: schema %d, zero %v %d, count %d, sum %v, %v %v, %v %v", unit, help, t, h.CounterResetHint == histogram.GaugeType,
		h.Schema, h.ZeroThreshold, h.ZeroCount, h.Count, h.Sum, h.PositiveSpans, h.PositiveBuckets, h.NegativeSpans, h.NegativeBuckets)
}

// fromFact is a histogram of ours as Prometheus has it; a delta is a gauge there.
func fromFact(h *fact.Histogram, typ fact.SeriesType) *histogram.Histogram {
	spans := func(in []fact.BucketSpan) (out []histogram.Span) {
		for _, s := range in {
			out = append(out, histogram.Span(s))
		}
		return out
	}
	out := &histogram.Histogram{
		Schema: h.Schema, ZeroThreshold: h.ZeroThreshold, ZeroCount: h.ZeroCount, Count: h.Count, Sum: h.Sum,
		PositiveSpans: spans(h.Positive.Spans), PositiveBuckets: h.Positive.Deltas, NegativeSpans: spans(h.Negative.Spans), NegativeBuckets: h.Negative.Deltas,
	}
	if typ == fact.Delta {
		out.CounterResetHint = histogram.GaugeType
	}
	return out
}

// Prometheus' own converter is the oracle for names, labels, values and types.
func TestMetricsAgainstPrometheus(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		md := randomMetrics(r)
		want := &appender{got: make(map[string]string)}
		_, err := prometheusremotewrite.NewPrometheusConverter(want).FromMetrics(context.Background(), md, prometheusremotewrite.Settings{
			AddMetricSuffixes:                    true,
			AllowDeltaTemporality:                true, // it passes them on as they are, and so does our door
			LabelNameUnderscoreSanitization:      true,
			LabelNamePreserveMultipleUnderscores: true,
			PromoteResourceAttributes: prometheusremotewrite.NewPromoteResourceAttributes(config.OTLPConfig{PromoteResourceAttributes: []string{
				"service.name", "service.namespace", "service.version", "k8s.namespace.name", "k8s.pod.name",
			}}),
		})
		if err != nil {
			t.Fatal(err)
		}
		d, sink := signaltest.Doors(signal.Limits{})
		said := send(t, d, md)
		got := make(map[string]string)
		for _, s := range sink.Series() {
			got[s.Labels.String()] = text(s.Type, s.Unit, s.Help, s.Points[0].T, s.Points[0].V)
		}
		for _, b := range sink.Batches() {
			for _, s := range b.Deltas {
				got[s.Labels.String()] = text(fact.Untyped, s.Unit, s.Help, s.Points[0].T, s.Points[0].V)
			}
			for _, s := range b.Histograms {
				got[s.Labels.String()] = shape(fromFact(s.Points[0].H, s.Type), s.Unit, s.Help, s.Points[0].T)
			}
		}
		if !maps.Equal(got, want.got) {
			for _, k := range slices.Sorted(maps.Keys(want.got)) {
				if got[k] != want.got[k] {
					t.Errorf("%s is %s, Prometheus makes %s", k, got[k], want.got[k])
				}
			}
			for _, k := range slices.Sorted(maps.Keys(got)) {
				if _, ok := want.got[k]; !ok {
					t.Errorf("%s is not what Prometheus makes", k)
				}
			}
			t.Fatalf("answered: %s", said)
		}
	}
}

// send sends metrics through the door and returns the answer.
func send(t *testing.T, d *signal.Doors, md pmetric.Metrics) string {
	t.Helper()
	body, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/v1/metrics", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/x-protobuf")
	w := httptest.NewRecorder()
	otlp.NewHandler(d).ServeHTTP(w, r)
	return w.Body.String()
}

func randomMetrics(r *rand.Rand) pmetric.Metrics {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	keys := []string{"a", "a.b", "a-b", "a_b", "9lives", "_x", "http.route", "ü", "__x", "le", "job", "service.version", "x--y"}
	at := pcommon.NewTimestampFromTime(signaltest.Now())
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	res := rm.Resource().Attributes()
	for _, k := range []string{"service.name", "service.namespace", "service.instance.id", "service.version", "k8s.pod.name", "k8s.namespace.name", "os.type", "telemetry.sdk.language"} {
		if r.IntN(3) > 0 || k == "service.name" || k == "service.instance.id" {
			res.PutStr(k, pick("x", "shop", "1.2.3", "checkout"))
		}
	}
	attrs := func(m pcommon.Map) {
		for range r.IntN(5) {
			switch k := keys[r.IntN(len(keys))]; r.IntN(3) {
			case 0:
				m.PutInt(k, int64(r.IntN(3)))
			default:
				m.PutStr(k, pick("v", "w", "", "ü"))
			}
		}
		m.PutStr("n", fmt.Sprint(r.Uint64())) // so that no two points are of one series
	}
	for i := range 1 + r.IntN(4) {
		sm := rm.ScopeMetrics().AppendEmpty()
		sm.Scope().SetName("scope")
		m := sm.Metrics().AppendEmpty()
		m.SetName(fmt.Sprintf("%s%d%s", pick("http.server.request.duration", "9things", "a__b", "requests.total", "cpu.ratio", "x-y", "memory_bytes"), i, pick("", ".total", "_seconds")))
		m.SetUnit(pick("", "s", "By", "1", "ms", "By/s", "{requests}", "%", "m/s", "weird unit", "_/"))
		m.SetDescription(pick("", "What it is."))
		randomPoints(r, m, at, attrs)
	}
	return md
}

func randomPoints(r *rand.Rand, m pmetric.Metric, at pcommon.Timestamp, attrs func(pcommon.Map)) {
	flags := pmetric.DefaultDataPointFlags.WithNoRecordedValue(r.IntN(6) == 0)
	number := func(p pmetric.NumberDataPoint) {
		p.SetTimestamp(at)
		p.SetFlags(flags)
		attrs(p.Attributes())
		if p.SetDoubleValue(r.ExpFloat64()); r.IntN(2) == 0 {
			p.SetIntValue(r.Int64())
		}
	}
	temporality := []pmetric.AggregationTemporality{pmetric.AggregationTemporalityCumulative, pmetric.AggregationTemporalityDelta}[r.IntN(2)]
	for range 1 + r.IntN(2) {
		switch k := r.IntN(5); {
		case m.Type() == pmetric.MetricTypeGauge || m.Type() == pmetric.MetricTypeEmpty && k == 0:
			if m.Type() == pmetric.MetricTypeEmpty {
				m.SetEmptyGauge()
			}
			number(m.Gauge().DataPoints().AppendEmpty())
		case m.Type() == pmetric.MetricTypeSum || m.Type() == pmetric.MetricTypeEmpty && k == 1:
			if m.Type() == pmetric.MetricTypeEmpty {
				m.SetEmptySum().SetAggregationTemporality(temporality)
				m.Sum().SetIsMonotonic(temporality == pmetric.AggregationTemporalityDelta || r.IntN(2) == 0)
			}
			number(m.Sum().DataPoints().AppendEmpty())
		case m.Type() == pmetric.MetricTypeHistogram || m.Type() == pmetric.MetricTypeEmpty && k == 2:
			if m.Type() == pmetric.MetricTypeEmpty {
				m.SetEmptyHistogram().SetAggregationTemporality(temporality)
			}
			p := m.Histogram().DataPoints().AppendEmpty()
			p.SetTimestamp(at)
			p.SetFlags(flags)
			attrs(p.Attributes())
			if r.IntN(3) > 0 {
				p.SetSum(r.Float64())
			}
			p.SetCount(60)
			switch r.IntN(3) {
			case 0:
				p.ExplicitBounds().FromRaw([]float64{0.25, 1, 2.5})
				p.BucketCounts().FromRaw([]uint64{10, 20, 0, 30})
			case 1:
				p.ExplicitBounds().FromRaw([]float64{-1, math.Inf(1)})
				p.BucketCounts().FromRaw([]uint64{10, 50, 0})
			}
		case m.Type() == pmetric.MetricTypeExponentialHistogram || m.Type() == pmetric.MetricTypeEmpty && k == 3:
			if m.Type() == pmetric.MetricTypeEmpty {
				m.SetEmptyExponentialHistogram().SetAggregationTemporality(temporality)
			}
			p := m.ExponentialHistogram().DataPoints().AppendEmpty()
			p.SetTimestamp(at)
			p.SetFlags(flags)
			attrs(p.Attributes())
			randomBuckets(r, p)
		default:
			if m.Type() == pmetric.MetricTypeEmpty {
				m.SetEmptySummary()
			}
			p := m.Summary().DataPoints().AppendEmpty()
			p.SetTimestamp(at)
			p.SetFlags(flags)
			attrs(p.Attributes())
			p.SetCount(3)
			p.SetSum(7)
			for _, q := range []float64{0.5, 0.99} {
				v := p.QuantileValues().AppendEmpty()
				v.SetQuantile(q)
				v.SetValue(r.Float64())
			}
		}
	}
}

func randomBuckets(r *rand.Rand, p pmetric.ExponentialHistogramDataPoint) {
	p.SetScale(int32(r.IntN(25) - 4))
	p.SetZeroCount(uint64(r.IntN(3)))
	if r.IntN(3) > 0 {
		p.SetSum(r.Float64())
	}
	count := p.ZeroCount()
	for _, side := range []pmetric.ExponentialHistogramDataPointBuckets{p.Positive(), p.Negative()} {
		side.SetOffset(int32(r.IntN(400) - 200))
		for range r.IntN(40) {
			n := uint64(max(0, r.IntN(9)-4))
			side.BucketCounts().Append(n)
			count += n
		}
	}
	p.SetCount(count)
}
