package otlp

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

// Every point of every type has an exemplar of each value: it goes to the series
// in which the value was counted, and what is no good is refused alone.
func TestExemplars(t *testing.T) {
	req := allShapes()
	at := pcommon.NewTimestampFromTime(signaltest.Now())
	fill := func(list pmetric.ExemplarSlice) {
		for i, v := range []float64{0.5, 1, 3} {
			x := list.AppendEmpty()
			x.SetTimestamp(at)
			x.SetDoubleValue(v)
			x.SetTraceID([16]byte{1, byte(i)})
			x.SetSpanID([8]byte{2})
			x.FilteredAttributes().PutStr("customer", "c"+strings.Repeat("x", 60*i)) // the last is too long
		}
		list.AppendEmpty().SetTimestamp(at) // says nothing
		late := list.AppendEmpty()          // has no time
		late.SetTraceID([16]byte{9})
	}
	points := 0
	list := req.Metrics().ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	for i := range list.Len() {
		switch m := list.At(i); m.Type() {
		case pmetric.MetricTypeSum:
			fill(m.Sum().DataPoints().At(0).Exemplars())
		case pmetric.MetricTypeHistogram:
			fill(m.Histogram().DataPoints().At(0).Exemplars())
		case pmetric.MetricTypeExponentialHistogram:
			fill(m.ExponentialHistogram().DataPoints().At(0).Exemplars())
		default:
			continue
		}
		points++
	}
	d, sink := signaltest.Doors(signal.Limits{})
	w := post(d, "/v1/metrics", typeProtobuf, "", proto3(t, req))
	resp := pmetricotlp.NewExportResponse()
	if err := resp.UnmarshalProto(w.Body.Bytes()); err != nil || w.Code != 200 || resp.PartialSuccess().RejectedDataPoints() != 0 {
		t.Fatalf("%d %v %d data points rejected", w.Code, err, resp.PartialSuccess().RejectedDataPoints())
	}
	signaltest.Law(t, d, sink)
	signaltest.WellFormed(t, sink)
	b := sink.Batches()[0]
	if len(b.Exemplars) != 3*points {
		t.Fatalf("%d exemplars of %d points were taken", len(b.Exemplars), points)
	}
	var got []string
	for _, x := range b.Exemplars {
		if x.T != signaltest.Now().UnixMilli() || x.Attrs.Get("span_id") != "0200000000000000" {
			t.Errorf("%+v", x)
		}
		if name := x.Series.Name(); strings.HasPrefix(name, "histogram_cum") || strings.HasPrefix(name, "expo") {
			got = append(got, fmt.Sprintf("%s %s: %v %s %d", name, x.Series.Get("le"), x.V, x.Attrs.Get("trace_id")[:4], len(x.Attrs.Get("customer"))))
		}
	}
	slices.Sort(got)
	want := []string{
		"exponential_cumulative_seconds : 0.5 0100 1", "exponential_cumulative_seconds : 1 0101 0", "exponential_cumulative_seconds : 3 0102 0",
		"exponential_delta_seconds : 0.5 0100 1", "exponential_delta_seconds : 1 0101 0", "exponential_delta_seconds : 3 0102 0",
		"histogram_cumulative_seconds_bucket +Inf: 3 0102 0",
		"histogram_cumulative_seconds_bucket 1: 0.5 0100 1", "histogram_cumulative_seconds_bucket 1: 1 0101 0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	series := map[fact.Labels]bool{}
	for _, s := range b.Series {
		series[s.Labels] = true
	}
	for _, s := range b.Deltas {
		series[s.Labels] = true
	}
	for _, s := range b.Histograms {
		series[s.Labels] = true
	}
	for _, x := range b.Exemplars {
		if !series[x.Series] {
			t.Errorf("an exemplar of %s, which is not in the batch", x.Series)
		}
	}
}
