package intake

import (
	"encoding/binary"
	"math"
	"sync"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/steersman-ops/steersman/fact"
)

// codecVersion is the first byte of an encoded batch.
const codecVersion = 1

const (
	flagS2        = 1 << 0 // the body is an s2 block after its uvarint raw length
	flagLines     = 1 << 1 // lines follow the events; without lines it is not set
	flagShapes    = 1 << 2 // histograms and deltas follow; without any it is not set
	flagExemplars = 1 << 3 // exemplars follow; without any it is not set
	knownFlags    = flagS2 | flagLines | flagShapes | flagExemplars
)

// compressFrom is the body size from which compression is tried. Below it the
// gain is less than a disk sector.
const compressFrom = 1 << 10

// MaxBatch is the size of the largest encoded batch, in bytes, before and after
// compression.
const MaxBatch = 64 << 20

// encoder holds what one encoding needs and the next can use again.
type encoder struct {
	body  []byte
	texts map[string]uint64      // → its number
	attrs map[fact.Labels]uint64 // → its number
}

func newEncoder() *encoder {
	return &encoder{texts: make(map[string]uint64), attrs: make(map[fact.Labels]uint64)}
}

// encoders are the spare encoders of one log.
type encoders struct{ pool sync.Pool }

// encode appends the encoding of b to dst.
func (es *encoders) encode(dst []byte, b *fact.Batch) []byte {
	e, ok := es.pool.Get().(*encoder)
	if !ok {
		e = newEncoder()
	}
	dst = e.encode(dst, b)
	if cap(e.body) <= 4<<20 {
		es.pool.Put(e)
	}
	return dst
}

// AppendBatch appends the encoding of b, as docs/formats/intake.md draws it, to
// dst and returns the longer slice.
func AppendBatch(dst []byte, b *fact.Batch) []byte {
	return newEncoder().encode(dst, b)
}

func (e *encoder) encode(dst []byte, b *fact.Batch) []byte {
	clear(e.texts)
	clear(e.attrs)
	e.body = e.body[:0]
	e.text(b.Source)
	e.varint(b.Received)
	e.series(b)
	e.spans(b.Spans)
	e.changes(b.Changes)
	e.events(b.Events)
	var flags byte
	if len(b.Lines) > 0 {
		flags |= flagLines
		e.lines(b)
	}
	if hasShapes(b) {
		flags |= flagShapes
		e.shapes(b)
	}
	if len(b.Exemplars) > 0 {
		flags |= flagExemplars
		e.exemplars(b)
	}
	if len(e.body) < compressFrom || len(e.body) > MaxBatch { // too long: Append refuses it by its size
		return append(append(dst, codecVersion, flags), e.body...)
	}
	return compress(dst, e.body, flags)
}

// compress appends body as an s2 block if that saves at least an eighth, and
// as it is otherwise.
func compress(dst, body []byte, flags byte) []byte {
	start := len(dst)
	dst = append(dst, codecVersion, flags|flagS2)
	dst = binary.AppendUvarint(dst, uint64(len(body)))
	most := s2.MaxEncodedLen(len(body))
	head := len(dst)
	if cap(dst)-head < most {
		dst = append(make([]byte, 0, head+most), dst...)
	}
	block := s2.Encode(dst[head:cap(dst)], body)
	if len(block) > len(body)-len(body)/8 {
		return append(append(dst[:start], codecVersion, flags), body...)
	}
	return dst[:head+len(block)]
}

func (e *encoder) series(b *fact.Batch) {
	e.uvarint(uint64(len(b.Series)))
	e.uvarint(uint64(b.Points()))
	last := b.Received
	for i := range b.Series {
		s := &b.Series[i]
		e.bytes(s.Labels.Encoded())
		e.body = append(e.body, byte(s.Type))
		e.text(s.Unit)
		e.text(s.Help)
		e.uvarint(uint64(len(s.Points)))
		t := last
		for j, p := range s.Points {
			e.varint(p.T - t)
			e.body = binary.LittleEndian.AppendUint64(e.body, math.Float64bits(p.V))
			t = p.T
			if j == 0 {
				last = p.T
			}
		}
	}
}

func (e *encoder) spans(spans []fact.Span) {
	e.uvarint(uint64(len(spans)))
	last := int64(0)
	for i := range spans {
		s := &spans[i]
		e.body = append(e.body, s.TraceID[:]...)
		e.body = append(e.body, s.ID[:]...)
		e.body = append(e.body, s.Parent[:]...)
		e.entity(s.Entity)
		e.text(s.Instance)
		e.text(s.Version)
		e.body = append(e.body, byte(s.Kind), flag(s.Failed))
		e.text(s.Name)
		e.text(s.Peer)
		e.varint(s.Start - last)
		e.varint(s.End - s.Start)
		e.labels(s.Attrs)
		last = s.Start
	}
}

func (e *encoder) changes(changes []fact.Change) {
	e.uvarint(uint64(len(changes)))
	for i := range changes {
		c := &changes[i]
		e.time(c.At)
		e.entity(c.Entity)
		for _, s := range []string{c.ID, string(c.Kind), c.Version, c.Before, c.By, c.Note, c.Link, c.Source} {
			e.text(s)
		}
	}
}

func (e *encoder) events(events []fact.Event) {
	e.uvarint(uint64(len(events)))
	for i := range events {
		v := &events[i]
		e.time(v.At)
		for _, s := range []string{v.Kind, v.Ref, v.Body} {
			e.text(s)
		}
	}
}

func (e *encoder) entity(n fact.Entity) {
	e.text(string(n.Kind))
	e.text(n.Namespace)
	e.text(n.Name)
}

func (e *encoder) time(t time.Time) {
	e.varint(t.Unix())
	e.uvarint(uint64(t.Nanosecond()))
}

// text writes a string by its number in the table: 0 is the empty string, a
// number one past the end of the table brings the string along.
func (e *encoder) text(s string) {
	if s == "" {
		e.body = append(e.body, 0)
		return
	}
	if n, ok := e.texts[s]; ok {
		e.uvarint(n)
		return
	}
	n := uint64(len(e.texts) + 1)
	e.texts[s] = n
	e.uvarint(n)
	e.bytes(s)
}

// labels writes a label set by its number, as text does.
func (e *encoder) labels(l fact.Labels) {
	if l.Size() == 0 {
		e.body = append(e.body, 0)
		return
	}
	if n, ok := e.attrs[l]; ok {
		e.uvarint(n)
		return
	}
	n := uint64(len(e.attrs) + 1)
	e.attrs[l] = n
	e.uvarint(n)
	e.bytes(l.Encoded())
}

func (e *encoder) bytes(s string) {
	e.uvarint(uint64(len(s)))
	e.body = append(e.body, s...)
}

func (e *encoder) varint(v int64) { e.body = binary.AppendVarint(e.body, v) }

func (e *encoder) uvarint(v uint64) { e.body = binary.AppendUvarint(e.body, v) }

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}
