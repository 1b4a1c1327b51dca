package topology

import "github.com/steersman-ops/steersman/fact"

// spanKey names a span.
type spanKey struct {
	trace [16]byte
	id    [8]byte
}

// A ref points to a span that is held: its number in order of arrival, plus
// one. Zero points to nothing, and so does a ref to a span that was let go.
type ref uint64

// A span is what is kept of a fact.Span, or, while filled is false, the place
// of a span that others named as their parent.
type span struct {
	key           spanKey
	parent        [8]byte
	seen          int64 // when it came, ms
	start, end    int64 // ns
	second        int64 // in which it is counted
	child, next   ref   // its first child; the next child of its parent. Newest first.
	version, peer string
	entity        int32
	kind          fact.SpanKind
	failed        bool
	filled        bool
	counted       bool
}

func (s *span) calls() bool  { return s.kind == fact.SpanClient || s.kind == fact.SpanProducer }
func (s *span) serves() bool { return s.kind == fact.SpanServer || s.kind == fact.SpanConsumer }

// spans holds the spans of the last minute in a ring, in order of arrival.
// A list of children ends at the first that was let go; the oldest leave first
// and lists run from newer to older, so what is lost with it is as old.
type spans struct {
	ring       []span // length is zero or a power of two
	tail, head uint64 // numbers of the oldest span held and of the next to come
	byKey      map[spanKey]uint64
}

func (s *spans) at(n uint64) *span { return &s.ring[n&uint64(len(s.ring)-1)] }

// get returns the span at r, or nil.
func (s *spans) get(r ref) *span {
	if n := uint64(r) - 1; r != 0 && n >= s.tail && n < s.head {
		return s.at(n)
	}
	return nil
}

// find returns the span with the key, or nil.
func (s *spans) find(k spanKey) *span {
	if n, ok := s.byKey[k]; ok {
		return s.at(n)
	}
	return nil
}

// place returns the number of the span with the key, making an empty one if
// there is none.
func (s *spans) place(k spanKey, now int64) uint64 {
	if n, ok := s.byKey[k]; ok {
		return n
	}
	if int(s.head-s.tail) == len(s.ring) {
		s.grow()
	}
	n := s.head
	s.head++
	*s.at(n) = span{key: k, seen: now}
	s.byKey[k] = n
	return n
}

func (s *spans) grow() {
	old := *s
	s.ring = make([]span, max(1024, 2*len(old.ring)))
	for n := s.tail; n < s.head; n++ {
		*s.at(n) = *old.at(n)
	}
}

// drop lets the oldest span go.
func (s *spans) drop() {
	sp := s.at(s.tail)
	delete(s.byKey, sp.key)
	*sp = span{}
	s.tail++
}

func (s *spans) len() int { return int(s.head - s.tail) }
