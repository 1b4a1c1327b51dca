package fact

import (
	"errors"
	"fmt"
	"math"
)

// A HistogramSeries is some consecutive native histograms of one series.
type HistogramSeries struct {
	Labels Labels
	Type   SeriesType // Counter (also for Untyped), Gauge, or Delta
	Unit   string
	Help   string
	Points []HistogramPoint
}

// A HistogramPoint is one native histogram at one time. A Histogram that was
// handed on is never changed again.
type HistogramPoint struct {
	T     int64 // Unix milliseconds
	Start int64 // of a delta: since when it counted, Unix milliseconds; 0 if not told
	H     *Histogram
}

// A DeltaSeries is some consecutive increases of one counter. Whoever keeps
// series adds them up.
type DeltaSeries struct {
	Labels Labels
	Unit   string
	Help   string
	Points []DeltaPoint
}

// A DeltaPoint is what a counter grew by from Start to T, both in Unix
// milliseconds. Start is 0 if it was not told. The stale marker of Prometheus
// as V says that there was nothing to tell.
type DeltaPoint struct {
	Start, T int64
	V        float64
}

// ResetHint says what the sender of a histogram knows of counter resets.
type ResetHint uint8

// The hints, numbered as Prometheus numbers them.
const (
	ResetUnknown ResetHint = iota
	ResetYes               // the first histogram after a reset
	ResetNo                // no reset since the histogram before
	ResetGauge             // it goes up and down and is never reset
)

// CustomBounds is the schema of a histogram whose buckets end at Bounds. Other
// schemas, from MinSchema to MaxSchema, divide each power of two into 2^schema
// buckets.
const (
	CustomBounds int32 = -53
	MinSchema    int32 = -4
	MaxSchema    int32 = 8
)

// MaxBuckets is how many buckets both sides of a histogram may have together.
const MaxBuckets = 10_000

// A Histogram is a native histogram of Prometheus: the buckets that are there
// are told by spans. It counts in integers, or, if Float is set, in floats, and
// then only the fields of the one or the other are used.
type Histogram struct {
	Schema             int32
	Reset              ResetHint
	Float              bool
	ZeroThreshold      float64
	Sum                float64 // the stale marker, if the series ended here
	Count, ZeroCount   uint64
	CountF, ZeroCountF float64
	Positive, Negative Buckets
	Bounds             []float64 // upper bounds of the buckets, with CustomBounds
}

// Buckets are the buckets of one side of zero.
type Buckets struct {
	Spans  []BucketSpan
	Deltas []int64   // each bucket's count less that of the one before; the first since 0
	Counts []float64 // the counts, if they are floats
}

// A BucketSpan is a run of buckets: how many are left out before it (for the
// first: its index), and how many there are.
type BucketSpan struct {
	Offset int32
	Length uint32
}

// Len returns the number of buckets.
func (b *Buckets) Len() int { return len(b.Deltas) + len(b.Counts) }

// Observations returns how many values the histogram counts.
func (h *Histogram) Observations() float64 {
	if h.Float {
		return h.CountF
	}
	return float64(h.Count)
}

// Check refuses a histogram that contradicts itself: spans that are not those
// of its buckets, negative counts, a count that is not that of its buckets (or,
// when the sum is not a number, below it), bounds that do not rise.
func (h *Histogram) Check() error {
	if n := h.Positive.Len() + h.Negative.Len(); n > MaxBuckets {
		return fmt.Errorf("it has %d buckets, the limit is %d", n, MaxBuckets)
	}
	if h.Float && len(h.Positive.Deltas)+len(h.Negative.Deltas) > 0 || !h.Float && len(h.Positive.Counts)+len(h.Negative.Counts) > 0 {
		return errors.New("it counts in integers and in floats")
	}
	if h.Reset > ResetGauge {
		return fmt.Errorf("its reset hint %d does not exist", h.Reset)
	}
	if err := h.checkLayout(); err != nil {
		return err
	}
	if h.Float {
		return h.checkFloats()
	}
	return h.checkIntegers()
}

func (h *Histogram) checkLayout() error {
	switch {
	case h.Schema == CustomBounds:
		return h.checkBounds()
	case h.Schema < MinSchema || h.Schema > MaxSchema:
		return fmt.Errorf("its schema is %d, not one from %d to %d", h.Schema, MinSchema, MaxSchema)
	case len(h.Bounds) > 0:
		return fmt.Errorf("it has bounds of its own, and the schema %d that has none", h.Schema)
	case !(h.ZeroThreshold >= 0) || math.IsInf(h.ZeroThreshold, 0):
		return fmt.Errorf("its zero bucket is %v wide", h.ZeroThreshold)
	}
	if err := h.Positive.checkSpans(math.MaxInt32); err != nil {
		return fmt.Errorf("positive side: %w", err)
	}
	if err := h.Negative.checkSpans(math.MaxInt32); err != nil {
		return fmt.Errorf("negative side: %w", err)
	}
	return nil
}

func (h *Histogram) checkBounds() error {
	if len(h.Bounds) > MaxBuckets {
		return fmt.Errorf("it has %d bounds, the limit is %d", len(h.Bounds), MaxBuckets)
	}
	for i, b := range h.Bounds {
		if math.IsNaN(b) || math.IsInf(b, 1) || i > 0 && b <= h.Bounds[i-1] {
			return fmt.Errorf("bound %d, %v, is not above the one before it, or infinite", i+1, b)
		}
	}
	if h.ZeroCount != 0 || h.ZeroCountF != 0 || h.ZeroThreshold != 0 || len(h.Negative.Spans)+h.Negative.Len() > 0 {
		return errors.New("it has bounds of its own, and a zero bucket or a negative side")
	}
	if len(h.Positive.Spans) > 0 && h.Positive.Spans[0].Offset < 0 {
		return errors.New("its buckets begin before its first bound")
	}
	return h.Positive.checkSpans(int64(len(h.Bounds)))
}

// checkSpans wants as many buckets as the spans have, none beyond the index
// last.
func (b *Buckets) checkSpans(last int64) error {
	var n, end int64
	for i, s := range b.Spans {
		if i > 0 && s.Offset < 0 || s.Offset == math.MinInt32 {
			return fmt.Errorf("span %d begins at %d", i+1, s.Offset)
		}
		n += int64(s.Length)
		if end += int64(s.Offset) + int64(s.Length); end-1 > last {
			return fmt.Errorf("span %d ends at the bucket %d, the last there can be is %d", i+1, end-1, last)
		}
	}
	if n != int64(b.Len()) {
		return fmt.Errorf("the spans are of %d buckets, and there are %d", n, b.Len())
	}
	return nil
}

func (h *Histogram) checkIntegers() error {
	if h.CountF != 0 || h.ZeroCountF != 0 {
		return errors.New("it counts in integers and in floats")
	}
	sum, over := h.ZeroCount, false
	for _, b := range []*Buckets{&h.Positive, &h.Negative} {
		var n int64
		for i, d := range b.Deltas {
			if d > 0 && n > math.MaxInt64-d {
				return fmt.Errorf("bucket %d counts more than there are numbers", i+1)
			}
			if n += d; n < 0 {
				return fmt.Errorf("bucket %d counts %d", i+1, n)
			}
			over = over || sum+uint64(n) < sum
			sum += uint64(n)
		}
	}
	switch {
	case over:
		return errors.New("its buckets count more than there are numbers")
	case math.IsNaN(h.Sum) && sum > h.Count, !math.IsNaN(h.Sum) && sum != h.Count:
		return fmt.Errorf("its count is %d, its buckets count %d", h.Count, sum)
	}
	return nil
}

// checkFloats does not compare the count with the buckets: rounding is allowed.
func (h *Histogram) checkFloats() error {
	if h.Count != 0 || h.ZeroCount != 0 {
		return errors.New("it counts in integers and in floats")
	}
	if !(h.CountF >= 0) || math.IsInf(h.CountF, 1) || !(h.ZeroCountF >= 0) || math.IsInf(h.ZeroCountF, 1) {
		return fmt.Errorf("its count is %v, of which %v in the zero bucket", h.CountF, h.ZeroCountF)
	}
	for _, b := range []*Buckets{&h.Positive, &h.Negative} {
		for i, c := range b.Counts {
			if !(c >= 0) || math.IsInf(c, 1) {
				return fmt.Errorf("bucket %d counts %v", i+1, c)
			}
		}
	}
	return nil
}
