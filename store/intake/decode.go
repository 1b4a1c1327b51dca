package intake

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/steersman-ops/steersman/fact"
)

// ErrFormat is wrapped by what [Decoder.Decode] returns for bytes that are not
// an encoded batch.
var ErrFormat = errors.New("not an encoded batch")

// The least bytes that one of each takes, so that a count can be checked
// against what is left before memory is asked for.
const (
	minSeries = 5
	minPoint  = 9
	minSpan   = 32 + 3 + 2 + 2 + 2 + 2 + 1
	minChange = 2 + 3 + 8
	minEvent  = 2 + 3
)

// A Decoder decodes batches. It remembers recent texts and label sets, so that
// a series that comes again costs no allocation. It is not safe for concurrent
// use.
type Decoder struct {
	labels interned[fact.Labels]
	texts  interned[string]
	raw    []byte        // scratch for a decompressed body
	table  []string      // of the batch being decoded: the texts it has told
	attrs  []fact.Labels // and the label sets
}

// NewDecoder returns a decoder that remembers texts and label sets of up to
// about limit bytes; 0 means 32 MiB.
func NewDecoder(limit int) *Decoder {
	if limit <= 0 {
		limit = 32 << 20
	}
	return &Decoder{
		labels: interned[fact.Labels]{limit: limit / 4 * 3, text: fact.Labels.Encoded},
		texts:  interned[string]{limit: limit / 4, text: func(s string) string { return s }},
	}
}

// Decode returns the batch that data encodes. The batch shares no memory with
// data.
func (d *Decoder) Decode(data []byte) (*fact.Batch, error) {
	body, err := d.body(data)
	if err != nil {
		return nil, err
	}
	r := &reader{d: d, rest: body}
	d.table, d.attrs = d.table[:0], d.attrs[:0]
	b := &fact.Batch{Source: r.text(), Received: r.varint()}
	b.Series = r.series(b.Received)
	b.Spans = r.spans()
	b.Changes = r.changes()
	b.Events = r.events()
	if data[1]&flagLines != 0 {
		b.Lines = r.lines(b.Received)
	}
	if data[1]&flagShapes != 0 {
		r.shapes(b)
	}
	if data[1]&flagExemplars != 0 {
		b.Exemplars = r.exemplars(b.Received)
	}
	if r.bad == "" && len(r.rest) > 0 {
		r.fail("bytes after the end")
	}
	if r.bad != "" {
		return nil, fmt.Errorf("%w: %s, %d bytes before the end", ErrFormat, r.bad, len(r.rest))
	}
	return b, nil
}

// body checks the two leading bytes and undoes the compression.
func (d *Decoder) body(data []byte) ([]byte, error) {
	if len(data) < 2 {
		return nil, fmt.Errorf("%w: %d bytes", ErrFormat, len(data))
	}
	if data[0] != codecVersion || data[1]&^knownFlags != 0 {
		return nil, fmt.Errorf("%w: version %d, flags %#x: this program knows version %d", ErrFormat, data[0], data[1], codecVersion)
	}
	if data[1]&flagS2 == 0 {
		return data[2:], nil
	}
	size, n := binary.Uvarint(data[2:])
	if n <= 0 || size > MaxBatch {
		return nil, fmt.Errorf("%w: compressed body without a sensible length", ErrFormat)
	}
	block := data[2+n:]
	if got, err := s2.DecodedLen(block); err != nil || uint64(got) != size {
		return nil, fmt.Errorf("%w: compressed body of another length than it says", ErrFormat)
	}
	if uint64(cap(d.raw)) < size {
		d.raw = make([]byte, size)
	}
	raw, err := s2.Decode(d.raw[:size], block)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if cap(d.raw) > 4<<20 {
		d.raw = nil // one large batch must not hold its memory for ever
	}
	return raw, nil
}

// reader takes values off the front of rest. After the first failure it
// returns zeros and bad says what was wrong.
type reader struct {
	d    *Decoder
	rest []byte
	bad  string
}

func (r *reader) fail(what string) {
	if r.bad == "" {
		r.bad = what
	}
}

func (r *reader) series(received int64) []fact.Series {
	n := r.count(minSeries, "series")
	free := make([]fact.Point, r.count(minPoint, "points"))
	if n == 0 {
		if len(free) > 0 {
			r.fail("points without series")
		}
		return nil
	}
	out := make([]fact.Series, n)
	last := received
	for i := range out {
		s := &out[i]
		s.Labels = r.newLabels()
		s.Type = fact.SeriesType(r.byte())
		s.Unit = r.text()
		s.Help = r.text()
		np := r.count(minPoint, "points of a series")
		if np > len(free) {
			r.fail("more points than announced")
		}
		if r.bad != "" {
			return nil
		}
		if np > 0 {
			s.Points, free = free[:np:np], free[np:]
			r.points(s.Points, last)
			last = s.Points[0].T
		}
	}
	if len(free) > 0 {
		r.fail("fewer points than announced")
	}
	return out
}

func (r *reader) points(ps []fact.Point, t int64) {
	for i := range ps {
		t += r.varint()
		b := r.take(8)
		if b == nil {
			return
		}
		ps[i] = fact.Point{T: t, V: math.Float64frombits(binary.LittleEndian.Uint64(b))}
	}
}

func (r *reader) spans() []fact.Span {
	n := r.count(minSpan, "spans")
	if n == 0 {
		return nil
	}
	out := make([]fact.Span, n)
	last := int64(0)
	for i := range out {
		s := &out[i]
		copy(s.TraceID[:], r.take(16))
		copy(s.ID[:], r.take(8))
		copy(s.Parent[:], r.take(8))
		s.Entity = r.entity()
		s.Instance = r.text()
		s.Version = r.text()
		s.Kind = fact.SpanKind(r.byte())
		s.Failed = r.flag()
		s.Name = r.text()
		s.Peer = r.text()
		s.Start = last + r.varint()
		s.End = s.Start + r.varint()
		s.Attrs = r.labels()
		last = s.Start
		if r.bad != "" {
			return nil
		}
	}
	return out
}

func (r *reader) changes() []fact.Change {
	n := r.count(minChange, "changes")
	if n == 0 {
		return nil
	}
	out := make([]fact.Change, n)
	for i := range out {
		out[i] = fact.Change{
			At: r.time(), Entity: r.entity(),
			ID: r.text(), Kind: fact.ChangeKind(r.text()), Version: r.text(), Before: r.text(),
			By: r.text(), Note: r.text(), Link: r.text(), Source: r.text(),
		}
		if r.bad != "" {
			return nil
		}
	}
	return out
}

func (r *reader) events() []fact.Event {
	n := r.count(minEvent, "events")
	if n == 0 {
		return nil
	}
	out := make([]fact.Event, n)
	for i := range out {
		out[i] = fact.Event{At: r.time(), Kind: r.text(), Ref: r.text(), Body: r.text()}
		if r.bad != "" {
			return nil
		}
	}
	return out
}

func (r *reader) entity() fact.Entity {
	return fact.Entity{Kind: fact.EntityKind(r.text()), Namespace: r.text(), Name: r.text()}
}

func (r *reader) time() time.Time {
	sec, nsec := r.varint(), r.uvarint()
	if nsec >= 1e9 {
		r.fail("more nanoseconds than a second has")
		return time.Time{}
	}
	return time.Unix(sec, int64(nsec)).UTC()
}

func (r *reader) flag() bool {
	b := r.byte()
	if b > 1 {
		r.fail("a flag that is neither 0 nor 1")
	}
	return b == 1
}

// labels reads what [encoder.labels] wrote.
func (r *reader) labels() fact.Labels { return r.told(r.newLabels) }

// told reads a label set by its number, with full when it is told in full.
func (r *reader) told(full func() fact.Labels) fact.Labels {
	n := r.uvarint()
	attrs := r.d.attrs
	switch {
	case n == 0:
		return fact.Labels{}
	case n <= uint64(len(attrs)):
		return attrs[n-1]
	case n != uint64(len(attrs))+1:
		r.fail("a label set that was not told yet")
		return fact.Labels{}
	}
	l := full()
	r.d.attrs = append(r.d.attrs, l)
	return l
}

// newLabels reads a label set that is told in full.
func (r *reader) newLabels() fact.Labels {
	enc := r.bytes()
	if len(enc) == 0 {
		return fact.Labels{}
	}
	if l, ok := r.d.labels.get(enc); ok {
		return l
	}
	l := r.decoded(enc)
	if r.bad == "" {
		r.d.labels.put(l)
	}
	return l
}

func (r *reader) decoded(enc []byte) fact.Labels {
	l, err := fact.DecodeLabels(string(enc))
	if err != nil {
		r.fail(err.Error())
	}
	return l
}

// text reads what [encoder.text] wrote.
func (r *reader) text() string {
	n := r.uvarint()
	table := r.d.table
	switch {
	case n == 0:
		return ""
	case n <= uint64(len(table)):
		return table[n-1]
	case n != uint64(len(table))+1:
		r.fail("a text that was not told yet")
		return ""
	}
	b := r.bytes()
	s, ok := r.d.texts.get(b)
	if !ok {
		s = string(b)
		r.d.texts.put(s)
	}
	r.d.table = append(table, s)
	return s
}

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.fail("a text longer than what is left")
		return nil
	}
	return r.take(int(n))
}

// count reads a number of things that take at least size bytes each.
func (r *reader) count(size int, what string) int {
	n := r.uvarint()
	if n > uint64(len(r.rest)/size) {
		r.fail("more " + what + " than fit in what is left")
		return 0
	}
	return int(n)
}

func (r *reader) byte() byte {
	b := r.take(1)
	if b == nil {
		return 0
	}
	return b[0]
}

func (r *reader) take(n int) []byte {
	if n > len(r.rest) {
		r.fail("cut short")
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.fail("a number cut short or too large")
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail("a number cut short or too large")
		return 0
	}
	r.rest = r.rest[n:]
	return v
}
