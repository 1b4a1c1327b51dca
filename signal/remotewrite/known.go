package remotewrite

import (
	"hash/maphash"
	"sync"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal/wire"
)

const shards = 32

// known remembers the labels of series by their bytes on the wire. It is safe
// for concurrent use.
type known struct {
	seed     maphash.Seed
	families *families
	shards   [shards]shard
}

// A shard is a hash table with linear probing. With 100,000 series a search
// costs what memory it touches: here a place in slots, one in entries, and the
// labels. A full shard is emptied; what still comes is soon back.
type shard struct {
	mu      sync.Mutex
	most    int
	slots   []uint32 // 1 + place in entries, 0 free; at most three quarters are taken
	entries []series
}

type series struct {
	hash     uint64
	labels   fact.Labels
	declared *declared
	version  uint32 // of the families when declared was looked up
	ref      uint32 // see fact.Series
}

func newKnown(most int) *known {
	k := &known{seed: maphash.MakeSeed(), families: &families{known: aged[string, described]{most: most/8 + 1}, told: aged[string, *declared]{most: most/8 + 1}}}
	for i := range k.shards {
		k.shards[i].most = most/shards + 1
	}
	return k
}

// find returns the series whose labels are raw, if it is known. version is that
// of the families. It does not allocate.
func (k *known) find(hash uint64, raw []byte, version uint32) (series, bool) {
	sh := &k.shards[hash%shards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	place := sh.find(hash)
	if place < 0 || !sameLabels(raw, sh.entries[place].labels.Encoded()) {
		return series{}, false
	}
	s := &sh.entries[place]
	if s.version != version {
		s.declared, s.version = k.families.declare(s.labels.Name())
	}
	return *s, true
}

// find2 is find for a request of version 2. A series whose sender tells of it
// in the same breath needs nothing that was said elsewhere.
func (k *known) find2(hash uint64, q *reading, tells bool) (series, bool) {
	sh := &k.shards[hash%shards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	place := sh.find(hash)
	if place < 0 || !q.sameSymbols(sh.entries[place].labels.Encoded()) {
		return series{}, false
	}
	s := &sh.entries[place]
	if !tells && s.version != q.version {
		s.declared, s.version = k.families.declare(s.labels.Name())
	}
	return *s, true
}

// redeclare remembers what is known of a series now.
func (k *known) redeclare(s *series) {
	sh := &k.shards[s.hash%shards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if place := sh.find(s.hash); place >= 0 && sh.entries[place].labels == s.labels {
		sh.entries[place].declared = s.declared
	}
}

// add remembers a series.
func (k *known) add(hash uint64, l fact.Labels) series {
	s := series{hash: hash, labels: l}
	s.declared, s.version = k.families.declare(l.Name())
	sh := &k.shards[hash%shards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	place := sh.place(hash)
	s.ref = uint32(place*shards) + uint32(hash%shards) + 1
	sh.entries[place] = s
	return s
}

// find returns the place of the entry with that hash, or -1.
func (sh *shard) find(hash uint64) int {
	if len(sh.slots) == 0 {
		return -1
	}
	for i := sh.slot(hash); sh.slots[i] != 0; i = (i + 1) & (len(sh.slots) - 1) {
		if place := int(sh.slots[i] - 1); sh.entries[place].hash == hash {
			return place
		}
	}
	return -1
}

// place returns the place for an entry with that hash: its own, or a new one.
func (sh *shard) place(hash uint64) int {
	if place := sh.find(hash); place >= 0 {
		return place
	}
	if len(sh.entries) >= sh.most {
		clear(sh.slots)
		clear(sh.entries)
		sh.entries = sh.entries[:0]
	}
	sh.entries = append(sh.entries, series{hash: hash})
	if 4*len(sh.entries) > 3*len(sh.slots) {
		sh.slots = make([]uint32, max(64, 2*len(sh.slots)))
		for place := range sh.entries {
			sh.link(place)
		}
	} else {
		sh.link(len(sh.entries) - 1)
	}
	return len(sh.entries) - 1
}

func (sh *shard) link(place int) {
	i := sh.slot(sh.entries[place].hash)
	for sh.slots[i] != 0 {
		i = (i + 1) & (len(sh.slots) - 1)
	}
	sh.slots[i] = uint32(place) + 1
}

// slot is where the search for a hash begins; its lowest bits chose the shard.
func (sh *shard) slot(hash uint64) int { return int(hash/shards) & (len(sh.slots) - 1) }

func (k *known) hash(raw []byte) uint64 { return maphash.Bytes(k.seed, raw) }

// sameLabels reports whether raw, a run of label fields of a TimeSeries, holds
// just the labels that are encoded in enc, in the same order and in the
// shortest writing. It may report false for equal labels that were written
// otherwise; those are decoded.
func sameLabels(raw []byte, enc string) bool {
	for i := 0; i < len(raw); {
		size, at := lengthAt(raw, i+1)
		if raw[i] != 0x0a || size < 0 || size > len(raw)-at {
			return false
		}
		i = at + size
		label := raw[at:i]
		// 0x0a, length, name, 0x12, length, value. What follows the tags is
		// written as fact.Labels writes it.
		n, name := lengthAt(label, 1)
		if size == 0 || label[0] != 0x0a || n < 0 || n >= len(label)-name || label[name+n] != 0x12 {
			return false
		}
		tag := name + n
		m, value := lengthAt(label, tag+1)
		if m <= 0 || m != len(label)-value {
			return false
		}
		head, both := tag-1, len(label)-2
		if both > len(enc) || string(label[1:tag]) != enc[:head] || string(label[tag+1:]) != enc[head:both] {
			return false
		}
		enc = enc[both:]
	}
	return enc == ""
}

// lengthAt reads the length at buf[i] and returns it, and where what it measures
// begins. It returns -1 if there is no length.
func lengthAt(buf []byte, i int) (n, at int) {
	if i < len(buf) && buf[i] < 0x80 {
		return int(buf[i]), i + 1
	}
	c := wire.Over(buf)
	c.Seek(i)
	v := c.Varint()
	if c.Err() != nil || v > uint64(len(buf)) {
		return -1, i
	}
	return int(v), c.Pos()
}
