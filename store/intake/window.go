package intake

import (
	"unsafe"

	"github.com/steersman-ops/steersman/fact"
)

// entry is one acknowledged record in memory.
type entry struct {
	seq   uint64
	batch *fact.Batch
	bytes int64
}

// window holds the newest records, without a gap, up to limit bytes.
type window struct {
	limit   int64
	bytes   int64
	entries []entry
	gone    int // entries at the front that were dropped
}

// add takes the next record and drops the oldest ones that no longer fit.
func (w *window) add(e entry) {
	if n := len(w.entries); n > w.gone && w.entries[n-1].seq+1 != e.seq {
		w.entries, w.gone, w.bytes = nil, 0, 0 // the numbers jumped
	}
	w.entries = append(w.entries, e)
	w.bytes += e.bytes
	for w.bytes > w.limit && w.gone < len(w.entries) {
		w.bytes -= w.entries[w.gone].bytes
		w.entries[w.gone] = entry{}
		w.gone++
	}
	if w.gone > 64 && w.gone > len(w.entries)/2 {
		n := copy(w.entries, w.entries[w.gone:])
		clear(w.entries[n:])
		w.entries, w.gone = w.entries[:n], 0
	}
}

// from appends up to max entries from seq on to dst; none if seq is not there.
func (w *window) from(dst []entry, seq uint64, max int) []entry {
	live := w.entries[w.gone:]
	if len(live) == 0 || seq < live[0].seq || seq > live[len(live)-1].seq {
		return dst
	}
	live = live[seq-live[0].seq:]
	return append(dst, live[:min(max, len(live))]...)
}

// memory estimates the bytes that b holds.
func memory(b *fact.Batch) int64 {
	n := int64(unsafe.Sizeof(*b)) + int64(len(b.Source)) + 64
	for i := range b.Series {
		s := &b.Series[i]
		n += int64(unsafe.Sizeof(*s)) + int64(s.Labels.Size()+len(s.Unit)+len(s.Help)) + int64(cap(s.Points))*int64(unsafe.Sizeof(fact.Point{}))
	}
	for i := range b.Spans {
		s := &b.Spans[i]
		n += int64(unsafe.Sizeof(*s)) + int64(s.Attrs.Size()+len(s.Name)+len(s.Peer)+len(s.Instance)+len(s.Version)+len(s.Entity.Name)+len(s.Entity.Namespace))
	}
	for i := range b.Changes {
		c := &b.Changes[i]
		n += int64(unsafe.Sizeof(*c)) + int64(len(c.ID)+len(c.Note)+len(c.Link)+len(c.By)+len(c.Version)+len(c.Before))
	}
	for i := range b.Events {
		v := &b.Events[i]
		n += int64(unsafe.Sizeof(*v)) + int64(len(v.Kind)+len(v.Ref)+len(v.Body))
	}
	for i := range b.Lines {
		l := &b.Lines[i]
		n += int64(unsafe.Sizeof(*l)) + int64(len(l.Text)+l.Fields.Size()+len(l.Level)+len(l.Instance)+len(l.Version)+len(l.Entity.Name)+len(l.Entity.Namespace))
	}
	return n + shapesMemory(b)
}
