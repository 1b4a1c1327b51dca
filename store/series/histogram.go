package series

import (
	"slices"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"

	"github.com/steersman-ops/steersman/fact"
)

// toPromHistogram returns the histogram as the database wants it, one of the
// two. That there was no reset is not believed: the database would take it for
// granted, and looks for itself otherwise.
func toPromHistogram(h *fact.Histogram, gauge bool) (*histogram.Histogram, *histogram.FloatHistogram) {
	hint := histogram.UnknownCounterReset
	switch {
	case gauge:
		hint = histogram.GaugeType
	case h.Reset == fact.ResetYes:
		hint = histogram.CounterReset
	}
	if h.Float {
		fh := toFloatHistogram(h)
		fh.CounterResetHint = hint
		return nil, fh
	}
	return &histogram.Histogram{
		CounterResetHint: hint, Schema: h.Schema, ZeroThreshold: h.ZeroThreshold, Sum: h.Sum, Count: h.Count, ZeroCount: h.ZeroCount,
		PositiveSpans: toSpans(h.Positive.Spans), PositiveBuckets: slices.Clone(h.Positive.Deltas),
		NegativeSpans: toSpans(h.Negative.Spans), NegativeBuckets: slices.Clone(h.Negative.Deltas),
		CustomValues: slices.Clone(h.Bounds),
	}, nil
}

// toFloatHistogram returns the histogram with counts that are floats.
func toFloatHistogram(h *fact.Histogram) *histogram.FloatHistogram {
	out := &histogram.FloatHistogram{
		Schema: h.Schema, ZeroThreshold: h.ZeroThreshold, Sum: h.Sum, Count: h.Observations(), ZeroCount: h.ZeroCountF,
		PositiveSpans: toSpans(h.Positive.Spans), PositiveBuckets: toCounts(&h.Positive),
		NegativeSpans: toSpans(h.Negative.Spans), NegativeBuckets: toCounts(&h.Negative),
		CustomValues: slices.Clone(h.Bounds),
	}
	if !h.Float {
		out.ZeroCount = float64(h.ZeroCount)
	}
	return out
}

func toCounts(b *fact.Buckets) []float64 {
	if b.Counts != nil {
		return slices.Clone(b.Counts)
	}
	out := make([]float64, len(b.Deltas))
	var n int64
	for i, d := range b.Deltas {
		n += d
		out[i] = float64(n)
	}
	return out
}

func toSpans(in []fact.BucketSpan) []histogram.Span {
	out := make([]histogram.Span, len(in))
	for i, s := range in {
		out[i] = histogram.Span(s)
	}
	return out
}

// sameHistogram reports whether the store's histogram is the one that came. The
// store may have added empty buckets, and it decides on the reset hint itself.
func sameHistogram(in *fact.Histogram, have *histogram.FloatHistogram) bool {
	if have == nil {
		return false
	}
	if value.IsStaleNaN(in.Sum) || value.IsStaleNaN(have.Sum) {
		return value.IsStaleNaN(in.Sum) && value.IsStaleNaN(have.Sum)
	}
	return toFloatHistogram(in).Compact(0).Equals(have.Copy().Compact(0))
}
