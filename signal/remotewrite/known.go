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

type shard struct {
	mu    sync.Mutex
	known aged[uint64, series]
}

type series struct {
	labels   fact.Labels
	declared *declared
	version  uint32 // of the families when declared was looked up
}

func newKnown(most int) *known {
	k := &known{seed: maphash.MakeSeed(), families: &families{known: aged[string, family]{most: most/8 + 1}}}
	for i := range k.shards {
		k.shards[i].known.most = most/shards + 1
	}
	return k
}

// find returns the series whose labels are raw, if it is known. version is that
// of the families. It does not allocate.
func (k *known) find(hash uint64, raw []byte, version uint32) (series, bool) {
	sh := &k.shards[hash%shards]
	sh.mu.Lock()
	s, ok := sh.known.get(hash)
	sh.mu.Unlock()
	if !ok || !sameLabels(raw, s.labels.Encoded()) {
		return series{}, false
	}
	if s.version != version {
		s.declared, s.version = k.families.declare(s.labels.Name())
		k.put(hash, s)
	}
	return s, true
}

// add remembers a series.
func (k *known) add(hash uint64, l fact.Labels) series {
	s := series{labels: l}
	s.declared, s.version = k.families.declare(l.Name())
	k.put(hash, s)
	return s
}

func (k *known) put(hash uint64, s series) {
	sh := &k.shards[hash%shards]
	sh.mu.Lock()
	sh.known.put(hash, s)
	sh.mu.Unlock()
}

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
