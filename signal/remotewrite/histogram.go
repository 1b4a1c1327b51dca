package remotewrite

import (
	"math"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal/wire"
)

// An arena holds the parts of all histograms of one request, so that they cost
// few allocations. What was taken from it is never changed.
type arena struct {
	hists  []fact.Histogram
	points []fact.HistogramPoint
	spans  []fact.BucketSpan
	deltas []int64
	floats []float64
}

// newArena makes room for n histograms.
func newArena(n int) arena {
	if n == 0 {
		return arena{}
	}
	return arena{hists: make([]fact.Histogram, 0, n), points: make([]fact.HistogramPoint, 0, n)}
}

// histogram reads one Histogram, which is the same in both versions but for the
// start, and adds it to points. Of its counts the last is valid, as for
// generated decoders.
func (a *arena) histogram(buf []byte) error {
	a.hists = append(a.hists, fact.Histogram{})
	h := &a.hists[len(a.hists)-1]
	p := fact.HistogramPoint{H: h}
	c := wire.Over(buf)
	for {
		field, typ, ok := c.Next()
		if !ok {
			break
		}
		switch field {
		case 1, 6, 14, 15, 17:
			if c.Want(typ, wire.Varint) {
				setVarint(&p, field, c.Varint())
			}
		case 4:
			if c.Want(typ, wire.Varint) {
				h.Schema = unzigzag32(c.Varint())
			}
		case 2, 3, 5, 7:
			if c.Want(typ, wire.Fixed64) {
				setFloat(h, field, math.Float64frombits(c.Fixed64()))
			}
		case 8, 11:
			if c.Want(typ, wire.Bytes) {
				s, err := span(c.Bytes())
				c.Fail(err)
				side := sideOf(h, field)
				side.Spans = a.span(side.Spans, s)
			}
		case 9, 12:
			side := sideOf(h, field)
			side.Deltas = a.varints(&c, typ, side.Deltas)
		case 10, 13:
			side := sideOf(h, field)
			side.Counts = a.doubles(&c, typ, side.Counts)
		case 16:
			h.Bounds = a.doubles(&c, typ, h.Bounds)
		default:
			c.Skip(typ)
		}
	}
	a.points = append(a.points, p)
	return c.Err()
}

func setVarint(p *fact.HistogramPoint, field int32, v uint64) {
	switch field {
	case 1:
		p.H.Count, p.H.CountF, p.H.Float = v, 0, false
	case 6:
		p.H.ZeroCount, p.H.ZeroCountF = v, 0
	case 14:
		p.H.Reset = fact.ResetHint(min(v, math.MaxUint8))
	case 15:
		p.T = int64(v)
	case 17:
		p.Start = int64(v)
	}
}

func setFloat(h *fact.Histogram, field int32, v float64) {
	switch field {
	case 2:
		h.CountF, h.Count, h.Float = v, 0, true
	case 3:
		h.Sum = v
	case 5:
		h.ZeroThreshold = v
	case 7:
		h.ZeroCountF, h.ZeroCount = v, 0
	}
}

// sideOf is the side whose spans or counts are in a field.
func sideOf(h *fact.Histogram, field int32) *fact.Buckets {
	if field <= 10 {
		return &h.Negative
	}
	return &h.Positive
}

func unzigzag32(v uint64) int32 { u := uint32(v); return int32(u>>1) ^ -int32(u&1) }

func unzigzag64(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

func span(buf []byte) (s fact.BucketSpan, err error) {
	c := wire.Over(buf)
	for {
		field, typ, ok := c.Next()
		if !ok {
			return s, c.Err()
		}
		switch field {
		case 1:
			if c.Want(typ, wire.Varint) {
				s.Offset = unzigzag32(c.Varint())
			}
		case 2:
			if c.Want(typ, wire.Varint) {
				s.Length = uint32(c.Varint())
			}
		default:
			c.Skip(typ)
		}
	}
}

// more returns list, which is the end of the arena's or will be, so that what is
// appended to it comes to stand there.
func more[T any](all *[]T, list []T, v T) []T {
	n := len(list)
	if n > 0 && (len(*all) < n || &(*all)[len(*all)-n] != &list[0]) { // something else was added in between
		*all = append(*all, list...)
	}
	*all = append(*all, v)
	return (*all)[len(*all)-n-1 : len(*all) : len(*all)]
}

func (a *arena) span(list []fact.BucketSpan, s fact.BucketSpan) []fact.BucketSpan {
	return more(&a.spans, list, s)
}

// varints reads a repeated sint64, packed or not.
func (a *arena) varints(c *wire.Cursor, typ int, list []int64) []int64 {
	if typ == wire.Varint {
		return more(&a.deltas, list, unzigzag64(c.Varint()))
	}
	if !c.Want(typ, wire.Bytes) {
		return list
	}
	in := wire.Over(c.Bytes())
	for in.More() {
		list = more(&a.deltas, list, unzigzag64(in.Varint()))
	}
	c.Fail(in.Err())
	return list
}

// doubles reads a repeated double, packed or not.
func (a *arena) doubles(c *wire.Cursor, typ int, list []float64) []float64 {
	if typ == wire.Fixed64 {
		return more(&a.floats, list, math.Float64frombits(c.Fixed64()))
	}
	if !c.Want(typ, wire.Bytes) {
		return list
	}
	in := wire.Over(c.Bytes())
	for in.More() {
		list = more(&a.floats, list, math.Float64frombits(in.Fixed64()))
	}
	c.Fail(in.Err())
	return list
}
