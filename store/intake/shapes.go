package intake

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/steersman-ops/steersman/fact"
)

// The least bytes that one of each takes.
const (
	minHistogramSeries = 5
	minHistogram       = 2 + 4 + 8 + 2 + 2
	minDeltaSeries     = 4
	minDelta           = 2 + 8
)

// The flags of one histogram.
const (
	histogramFloat     = 1 << 0
	histogramNegative  = 1 << 1 // its negative side is told
	histogramBounds    = 1 << 2 // its bounds are told
	histogramThreshold = 1 << 3 // the width of its zero bucket is told: it is not 0
	histogramReset     = 3 << 4 // the reset hint
	histogramFlags     = histogramFloat | histogramNegative | histogramBounds | histogramThreshold | histogramReset
)

func hasShapes(b *fact.Batch) bool { return len(b.Histograms)+len(b.Deltas) > 0 }

// shapes writes the series that are no plain floats.
func (e *encoder) shapes(b *fact.Batch) {
	e.uvarint(uint64(len(b.Histograms)))
	last := b.Received
	for i := range b.Histograms {
		s := &b.Histograms[i]
		e.bytes(s.Labels.Encoded())
		e.body = append(e.body, byte(s.Type))
		e.text(s.Unit)
		e.text(s.Help)
		e.uvarint(uint64(len(s.Points)))
		for j := range s.Points {
			p := &s.Points[j]
			e.varint(p.T - last)
			e.varint(p.T - p.Start)
			e.histogram(p.H)
			last = p.T
		}
	}
	e.uvarint(uint64(len(b.Deltas)))
	for i := range b.Deltas {
		s := &b.Deltas[i]
		e.bytes(s.Labels.Encoded())
		e.text(s.Unit)
		e.text(s.Help)
		e.uvarint(uint64(len(s.Points)))
		for _, p := range s.Points {
			e.varint(p.T - last)
			e.varint(p.T - p.Start)
			e.float(p.V)
			last = p.T
		}
	}
}

func (e *encoder) histogram(h *fact.Histogram) {
	flags := byte(h.Reset) << 4 & histogramReset
	set := func(is bool, f byte) {
		if is {
			flags |= f
		}
	}
	set(h.Float, histogramFloat)
	set(len(h.Negative.Spans) > 0 || h.Negative.Len() > 0, histogramNegative)
	set(len(h.Bounds) > 0, histogramBounds)
	set(math.Float64bits(h.ZeroThreshold) != 0, histogramThreshold)
	e.body = append(e.body, flags)
	e.varint(int64(h.Schema))
	e.float(h.Sum)
	if h.Float {
		e.float(h.CountF)
		e.float(h.ZeroCountF)
	} else {
		e.uvarint(h.Count)
		e.uvarint(h.ZeroCount)
	}
	if flags&histogramThreshold != 0 {
		e.float(h.ZeroThreshold)
	}
	e.buckets(&h.Positive, h.Float)
	if flags&histogramNegative != 0 {
		e.buckets(&h.Negative, h.Float)
	}
	if flags&histogramBounds != 0 {
		e.floats(h.Bounds)
	}
}

func (e *encoder) buckets(b *fact.Buckets, float bool) {
	e.uvarint(uint64(len(b.Spans)))
	for _, s := range b.Spans {
		e.varint(int64(s.Offset))
		e.uvarint(uint64(s.Length))
	}
	if float {
		e.floats(b.Counts)
		return
	}
	e.uvarint(uint64(len(b.Deltas)))
	for _, d := range b.Deltas {
		e.varint(d)
	}
}

func (e *encoder) floats(list []float64) {
	e.uvarint(uint64(len(list)))
	for _, v := range list {
		e.float(v)
	}
}

func (e *encoder) float(v float64) {
	e.body = binary.LittleEndian.AppendUint64(e.body, math.Float64bits(v))
}

// shapes reads what [encoder.shapes] wrote.
func (r *reader) shapes(b *fact.Batch) {
	last := b.Received
	if n := r.count(minHistogramSeries, "histogram series"); n > 0 {
		b.Histograms = make([]fact.HistogramSeries, n)
	}
	for i := range b.Histograms {
		s := &b.Histograms[i]
		s.Labels = r.newLabels()
		s.Type = fact.SeriesType(r.byte())
		s.Unit = r.text()
		s.Help = r.text()
		if n := r.count(minHistogram, "histograms"); n > 0 {
			s.Points = make([]fact.HistogramPoint, n)
		}
		for j := range s.Points {
			p := &s.Points[j]
			p.T = last + r.varint()
			p.Start = p.T - r.varint()
			p.H = r.histogram()
			last = p.T
			if r.bad != "" {
				return
			}
		}
	}
	if n := r.count(minDeltaSeries, "delta series"); n > 0 {
		b.Deltas = make([]fact.DeltaSeries, n)
	}
	for i := range b.Deltas {
		s := &b.Deltas[i]
		s.Labels = r.newLabels()
		s.Unit = r.text()
		s.Help = r.text()
		if n := r.count(minDelta, "deltas"); n > 0 {
			s.Points = make([]fact.DeltaPoint, n)
		}
		for j := range s.Points {
			t := last + r.varint()
			s.Points[j] = fact.DeltaPoint{T: t, Start: t - r.varint(), V: r.float()}
			last = t
		}
		if r.bad != "" {
			return
		}
	}
}

func (r *reader) histogram() *fact.Histogram {
	flags := r.byte()
	if flags&^histogramFlags != 0 {
		r.fail("flags of a histogram that are not known")
	}
	h := &fact.Histogram{Reset: fact.ResetHint(flags & histogramReset >> 4), Float: flags&histogramFloat != 0, Schema: r.int32()}
	h.Sum = r.float()
	if h.Float {
		h.CountF, h.ZeroCountF = r.float(), r.float()
	} else {
		h.Count, h.ZeroCount = r.uvarint(), r.uvarint()
	}
	if flags&histogramThreshold != 0 {
		h.ZeroThreshold = r.float()
	}
	r.buckets(&h.Positive, h.Float)
	if flags&histogramNegative != 0 {
		r.buckets(&h.Negative, h.Float)
	}
	if flags&histogramBounds != 0 {
		h.Bounds = r.floats()
	}
	return h
}

func (r *reader) buckets(b *fact.Buckets, float bool) {
	if n := r.count(2, "spans of buckets"); n > 0 {
		b.Spans = make([]fact.BucketSpan, n)
	}
	for i := range b.Spans {
		offset, length := r.int32(), r.uvarint()
		if length > math.MaxUint32 {
			r.fail("a span longer than there are buckets")
		}
		b.Spans[i] = fact.BucketSpan{Offset: offset, Length: uint32(length)}
	}
	if float {
		b.Counts = r.floats()
		return
	}
	if n := r.count(1, "buckets"); n > 0 {
		b.Deltas = make([]int64, n)
	}
	for i := range b.Deltas {
		b.Deltas[i] = r.varint()
	}
}

func (r *reader) floats() []float64 {
	n := r.count(8, "numbers")
	if n == 0 {
		return nil
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = r.float()
	}
	return out
}

func (r *reader) int32() int32 {
	v := r.varint()
	if v < math.MinInt32 || v > math.MaxInt32 {
		r.fail("a number of more than 32 bits")
	}
	return int32(v)
}

func (r *reader) float() float64 {
	b := r.take(8)
	if b == nil {
		return 0
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b))
}

// shapesMemory estimates the bytes that the histograms and deltas of b hold.
func shapesMemory(b *fact.Batch) (n int64) {
	for i := range b.Histograms {
		s := &b.Histograms[i]
		n += int64(unsafe.Sizeof(*s)) + int64(s.Labels.Size()+len(s.Unit)+len(s.Help))
		for _, p := range s.Points {
			h := p.H
			n += int64(unsafe.Sizeof(p)+unsafe.Sizeof(*h)) + 8*int64(len(h.Bounds))
			for _, side := range []*fact.Buckets{&h.Positive, &h.Negative} {
				n += 8 * int64(len(side.Spans)+side.Len())
			}
		}
	}
	for i := range b.Deltas {
		s := &b.Deltas[i]
		n += int64(unsafe.Sizeof(*s)) + int64(s.Labels.Size()+len(s.Unit)+len(s.Help)) + int64(cap(s.Points))*int64(unsafe.Sizeof(fact.DeltaPoint{}))
	}
	return n
}
