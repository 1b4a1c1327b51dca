package quality

import (
	"github.com/cespare/xxhash/v2"

	"github.com/steersman-ops/steersman/fact"
)

const chunk = 4096

// A table holds the series in chunks that never move, in order of arrival, and
// finds them by their keys with linear probing: a search costs a place in slots
// and one in the chunks, or only the latter for the one after that found last.
type table struct {
	most   int
	n      int
	slots  []uint32 // 1 + place, 0 free; at most three quarters are taken
	hinted []uint32 // 1 + place by fact.Series.Ref, 0 free; a look here goes before one into slots
	chunks [][]series
	last   uint32 // the place that was found last
}

// key names a series of a source.
func key(source uint16, l fact.Labels) uint64 {
	h := xxhash.Sum64String(l.Encoded()) + uint64(source)*0x9e3779b97f4a7c15
	return h ^ h>>29
}

func (t *table) at(i uint32) *series { return &t.chunks[i/chunk][i%chunk] }

// byRef returns the series that the number meant last, if it has these labels.
// The same text at the same address is equal at a glance: nothing is read of it.
func (t *table) byRef(source uint16, ref uint32, l fact.Labels) *series {
	if int(ref) >= len(t.hinted) || t.hinted[ref] == 0 || int(t.hinted[ref]) > t.n {
		return nil
	}
	if s := t.at(t.hinted[ref] - 1); s.labels == l && s.source == source {
		return s
	}
	return nil
}

// hint remembers what the number means.
func (t *table) hint(ref uint32, place uint32, l fact.Labels) {
	if ref == 0 || int(ref) > 2*t.most {
		return
	}
	if more := int(ref) + 1 - len(t.hinted); more > 0 {
		t.hinted = append(t.hinted, make([]uint32, more)...)
	}
	t.hinted[ref] = place + 1
	t.at(place).labels = l
}

// find returns the place of a series.
func (t *table) find(key uint64) (place uint32, ok bool) {
	if next := t.last + 1; int(next) < t.n && t.at(next).key == key { // senders keep their order
		t.last = next
		return next, true
	}
	if len(t.slots) == 0 {
		return 0, false
	}
	mask := uint64(len(t.slots) - 1)
	for i := key & mask; t.slots[i] != 0; i = (i + 1) & mask {
		if place = t.slots[i] - 1; t.at(place).key == key {
			t.last = place
			return place, true
		}
	}
	return 0, false
}

// add makes a series, unless the table is full.
func (t *table) add(key uint64) (place uint32, ok bool) {
	if t.n >= t.most {
		return 0, false
	}
	if t.n == len(t.chunks)*chunk {
		t.chunks = append(t.chunks, make([]series, chunk))
	}
	if 4*(t.n+1) > 3*len(t.slots) {
		t.grow(max(chunk, 2*len(t.slots)))
	}
	place = uint32(t.n)
	t.n++
	*t.at(place) = series{key: key}
	t.put(key, place)
	return place, true
}

func (t *table) put(key uint64, place uint32) {
	mask := uint64(len(t.slots) - 1)
	i := key & mask
	for t.slots[i] != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = place + 1
}

func (t *table) grow(n int) {
	t.slots = make([]uint32, n)
	for i := range uint32(t.n) {
		t.put(t.at(i).key, i)
	}
}

// sweep forgets the series for which gone is true and closes the ranks.
func (t *table) sweep(gone func(*series) bool) {
	kept := uint32(0)
	for i := range uint32(t.n) {
		s := t.at(i)
		if gone(s) {
			continue
		}
		if kept != i {
			*t.at(kept) = *s
		}
		kept++
	}
	if int(kept) == t.n {
		return
	}
	t.n = int(kept)
	clear(t.chunks[(t.n+chunk-1)/chunk:])
	t.chunks = t.chunks[:(t.n+chunk-1)/chunk]
	size := chunk
	for 4*(t.n+1) > 3*size {
		size *= 2
	}
	t.grow(size)
}
