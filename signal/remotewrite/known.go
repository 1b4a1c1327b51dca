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
	for len(raw) > 0 {
		label, rest, ok := cut(raw, 0x0a)
		if !ok {
			return false
		}
		_, value, ok := cut(label, 0x0a)
		if !ok {
			return false
		}
		text, tail, ok := cut(value, 0x12)
		if !ok || len(tail) > 0 || len(text) == 0 {
			return false
		}
		// What follows the tags 0x0a and 0x12 is written as fact.Labels writes it.
		head := label[1 : len(label)-len(value)]
		both := len(head) + len(value) - 1
		if both > len(enc) || !equal(head, enc[:len(head)]) || !equal(value[1:], enc[len(head):both]) {
			return false
		}
		raw, enc = rest, enc[both:]
	}
	return enc == ""
}

func equal(b []byte, s string) bool { return string(b) == s }

// cut takes the length-delimited field with the one-byte tag off buf: its
// content and what follows it.
func cut(buf []byte, tag byte) (content, rest []byte, ok bool) {
	if len(buf) < 2 || buf[0] != tag {
		return nil, nil, false
	}
	c := wire.Cursor{Buf: buf[1:]}
	content = c.Bytes()
	return content, c.Buf, c.Err == nil
}
