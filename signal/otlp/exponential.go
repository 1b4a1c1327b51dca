package otlp

import (
	"cmp"
	"fmt"
	"math"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
)

// zeroThreshold is the width of the zero bucket of a histogram that does not
// tell its own, as in Prometheus.
const zeroThreshold = 1e-128

// smallGap is how many empty buckets are told as such: more of them cost more
// than a new span.
const smallGap = 2

// exponential makes a native histogram of an exponential one.
func (f *family) exponential(pt pmetric.ExponentialHistogramDataPoint) {
	if !f.receive(1) {
		return
	}
	h, ref := f.native(pt)
	base, ref := f.begin(pt, ref)
	if ref == nil {
		var labels fact.Labels
		if labels, ref = f.series(base, f.name, "", ""); ref == nil {
			ref = f.src.newcomers.Take(labels)
		}
		if ref == nil {
			s := fact.HistogramSeries{Labels: labels, Type: fact.Counter, Unit: f.unit, Help: f.help, Points: []fact.HistogramPoint{{T: millis(pt.Timestamp()), H: h}}}
			if f.delta {
				s.Type, s.Points[0].Start = fact.Delta, startOf(pt)
			}
			f.ex.batch.Histograms = append(f.ex.batch.Histograms, s)
			f.exemplars(pt.Exemplars(), func(float64) fact.Labels { return labels })
		}
	}
	f.end(pt, ref, 1)
}

// native translates a point. Finer scales than Prometheus has are made coarser;
// coarser ones cannot be made finer.
func (f *family) native(pt pmetric.ExponentialHistogramDataPoint) (*fact.Histogram, *signal.Refusal) {
	if pt.Flags().NoRecordedValue() {
		return &fact.Histogram{Sum: staleNaN}, nil
	}
	if pt.Scale() < fact.MinSchema {
		return nil, signal.Refuse(signal.Histogram, "metric "+f.name, fmt.Sprintf("the scale %d is coarser than %d", pt.Scale(), fact.MinSchema), "let the sender use more buckets (max_size)")
	}
	h := &fact.Histogram{Schema: min(pt.Scale(), fact.MaxSchema), Count: pt.Count(), ZeroCount: pt.ZeroCount(), ZeroThreshold: zeroThreshold}
	if pt.HasSum() {
		h.Sum = pt.Sum()
	}
	if t := pt.ZeroThreshold(); t != 0 {
		h.ZeroThreshold = t
	}
	down := min(pt.Scale()-h.Schema, 31) // by more, all buckets of one side are two
	var err1, err2 error
	h.Positive, err1 = sparse(pt.Positive(), down)
	h.Negative, err2 = sparse(pt.Negative(), down)
	err := cmp.Or(err1, err2)
	if err == nil {
		err = h.Check()
	}
	if err == nil && f.delta && (math.IsNaN(h.Sum) || math.IsInf(h.Sum, 0)) {
		err = fmt.Errorf("a delta of %v is no increase", h.Sum)
	}
	if err != nil {
		return nil, signal.Refuse(signal.BadValue, "metric "+f.name, "an exponential histogram contradicts itself: "+err.Error(), "check the exporter of the sender")
	}
	return h, nil
}

// sparse leaves the empty buckets out, and makes one bucket of each 2^down.
// OTLP's bucket 0 begins at 1, Prometheus' ends there.
func sparse(in pmetric.ExponentialHistogramDataPointBuckets, down int32) (out fact.Buckets, err error) {
	counts := in.BucketCounts()
	indexOf := func(i int) int64 { return (int64(in.Offset())+int64(i))>>down + 1 }
	var next, last int64 // the index after the last bucket that was added; its count
	for i := 0; i < counts.Len(); {
		index, n := indexOf(i), uint64(0)
		for ; i < counts.Len() && indexOf(i) == index; i++ {
			if counts.At(i) > math.MaxInt64-n {
				return out, errTooMuch
			}
			n += counts.At(i)
		}
		if n == 0 {
			continue
		}
		if index > math.MaxInt32 {
			return out, errTooFar
		}
		gap := index - next
		if len(out.Spans) > 0 && gap <= smallGap {
			for ; gap > 0; gap-- {
				out.Deltas = append(out.Deltas, -last)
				out.Spans[len(out.Spans)-1].Length++
				last = 0
			}
		} else {
			out.Spans = append(out.Spans, fact.BucketSpan{Offset: int32(gap)})
		}
		out.Spans[len(out.Spans)-1].Length++
		out.Deltas = append(out.Deltas, int64(n)-last)
		next, last = index+1, int64(n)
	}
	return out, nil
}

const (
	errTooMuch constError = "a bucket counts more than there are numbers"
	errTooFar  constError = "a bucket is beyond the last that there can be"
)
