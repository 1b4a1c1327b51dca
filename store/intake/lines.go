package intake

import (
	"time"

	"github.com/steersman-ops/steersman/fact"
)

// minLine is the least bytes that a line takes.
const minLine = 2 + 3 + 2 + 2 + 1 + 1 + 1

// The flags of one line.
const (
	lineTruncated = 1 << iota
	lineInTrace
	knownLineFlags
)

// lines writes the texts as they are, without the table: two that are equal are
// rare, and the compression finds what is equal within them.
func (e *encoder) lines(b *fact.Batch) {
	e.uvarint(uint64(len(b.Lines)))
	last := b.Received * int64(time.Millisecond)
	for i := range b.Lines {
		l := &b.Lines[i]
		e.varint(l.At - last)
		e.varint(l.Observed - l.At)
		e.entity(l.Entity)
		e.text(l.Instance)
		e.text(l.Version)
		e.body = append(e.body, byte(l.Severity), lineFlags(l))
		e.text(l.Level)
		e.bytes(l.Text)
		if lineFlags(l)&lineInTrace != 0 {
			e.body = append(e.body, l.TraceID[:]...)
			e.body = append(e.body, l.SpanID[:]...)
		}
		e.labels(l.Fields)
		last = l.At
	}
}

func lineFlags(l *fact.Line) (f byte) {
	if l.Truncated {
		f |= lineTruncated
	}
	if l.TraceID != [16]byte{} || l.SpanID != [8]byte{} {
		f |= lineInTrace
	}
	return f
}

func (r *reader) lines(received int64) []fact.Line {
	n := r.count(minLine, "lines")
	if n == 0 {
		return nil
	}
	out := make([]fact.Line, n)
	last := received * int64(time.Millisecond)
	for i := range out {
		l := &out[i]
		l.At = last + r.varint()
		l.Observed = l.At + r.varint()
		l.Entity = r.entity()
		l.Instance = r.text()
		l.Version = r.text()
		l.Severity = fact.Severity(r.byte())
		flags := r.byte()
		if flags >= knownLineFlags {
			r.fail("flags of a line that are not known")
		}
		l.Truncated = flags&lineTruncated != 0
		l.Level = r.text()
		l.Text = string(r.bytes())
		if flags&lineInTrace != 0 {
			copy(l.TraceID[:], r.take(16))
			copy(l.SpanID[:], r.take(8))
		}
		l.Fields = r.fields()
		last = l.At
		if r.bad != "" {
			return nil
		}
	}
	return out
}

// fields reads a label set as labels does. Those of lines hardly come again
// in another batch, and so must not push out of memory those that do.
func (r *reader) fields() fact.Labels { return r.told(r.freshLabels) }

// freshLabels does so without remembering it.
func (r *reader) freshLabels() fact.Labels { return r.decoded(r.bytes()) }
