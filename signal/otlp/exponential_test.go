package otlp

import (
	"reflect"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

// allShapes has a metric of each type and temporality.
func allShapes() pmetricotlp.ExportRequest {
	req := gauges(1)
	list := req.Metrics().ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	at := pcommon.NewTimestampFromTime(signaltest.Now())
	add := func(name string) pmetric.Metric {
		m := list.AppendEmpty()
		m.SetName(name)
		m.SetUnit("s")
		return m
	}
	for name, t := range map[string]pmetric.AggregationTemporality{"cumulative": pmetric.AggregationTemporalityCumulative, "delta": pmetric.AggregationTemporalityDelta} {
		sum := add("sum." + name).SetEmptySum()
		sum.SetAggregationTemporality(t)
		sum.SetIsMonotonic(true)
		p := sum.DataPoints().AppendEmpty()
		p.SetTimestamp(at)
		p.SetStartTimestamp(at - 10e9)
		p.SetIntValue(7)

		h := add("histogram." + name).SetEmptyHistogram()
		h.SetAggregationTemporality(t)
		hp := h.DataPoints().AppendEmpty()
		hp.SetTimestamp(at)
		hp.SetStartTimestamp(at - 10e9)
		hp.SetCount(3)
		hp.SetSum(2.5)
		hp.ExplicitBounds().FromRaw([]float64{1})
		hp.BucketCounts().FromRaw([]uint64{2, 1})

		e := add("exponential." + name).SetEmptyExponentialHistogram()
		e.SetAggregationTemporality(t)
		ep := e.DataPoints().AppendEmpty()
		ep.SetTimestamp(at)
		ep.SetStartTimestamp(at - 10e9)
		ep.SetScale(9)
		ep.SetCount(11)
		ep.SetZeroCount(1)
		ep.SetSum(2.5)
		ep.Positive().SetOffset(-1)
		ep.Positive().BucketCounts().FromRaw([]uint64{1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 4})
	}
	return req
}

func TestDeltasAndNativeHistograms(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{})
	w := post(d, "/v1/metrics", typeProtobuf, "", proto3(t, allShapes()))
	resp := pmetricotlp.NewExportResponse()
	if err := resp.UnmarshalProto(w.Body.Bytes()); err != nil || w.Code != 200 || resp.PartialSuccess().ErrorMessage() != "" {
		t.Fatalf("%d %v %s", w.Code, err, resp.PartialSuccess().ErrorMessage())
	}
	signaltest.Law(t, d, sink)
	signaltest.WellFormed(t, sink)
	b := sink.Batches()[0]
	now := signaltest.Now().UnixMilli()

	deltas := map[string]float64{}
	for _, s := range b.Deltas {
		if p := s.Points[0]; p.T != now || p.Start != now-10_000 || s.Unit != "seconds" {
			t.Errorf("%s: %+v", s.Labels, s)
		}
		deltas[s.Labels.Name()+s.Labels.Get("le")] = s.Points[0].V
	}
	if want := map[string]float64{"sum_delta_seconds_total": 7, "histogram_delta_seconds_sum": 2.5, "histogram_delta_seconds_count": 3, "histogram_delta_seconds_bucket1": 2, "histogram_delta_seconds_bucket+Inf": 3}; !reflect.DeepEqual(deltas, want) {
		t.Errorf("deltas %v, want %v", deltas, want)
	}

	// Scale 9 becomes 8: two buckets become one. The buckets -1, 0, 1, 2, 10 are
	// in pairs (-2,-1) (0,1) (2,3) (10,11), which Prometheus counts 0, 1, 2, 6.
	want := &fact.Histogram{Schema: 8, Count: 11, ZeroCount: 1, Sum: 2.5, ZeroThreshold: 1e-128, Positive: fact.Buckets{
		Spans: []fact.BucketSpan{{Offset: 0, Length: 2}, {Offset: 4, Length: 1}}, Deltas: []int64{1, 4, -1},
	}}
	if len(b.Histograms) != 2 {
		t.Fatalf("%d histograms", len(b.Histograms))
	}
	for _, s := range b.Histograms {
		typ, start := fact.Counter, int64(0)
		if s.Labels.Name() == "exponential_delta_seconds" {
			typ, start = fact.Delta, now-10_000
		}
		if p := s.Points[0]; s.Type != typ || p.T != now || p.Start != start || !reflect.DeepEqual(p.H, want) {
			t.Errorf("%s of type %d is %+v from %d, want %+v", s.Labels, s.Type, p.H, p.Start, want)
		}
	}
}
