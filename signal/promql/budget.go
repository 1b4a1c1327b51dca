package promql

import (
	"sync"
	"time"
)

// A budget counts what was asked in the last minute, and says whether there is
// room for more. It is safe for concurrent use.
type budget struct {
	queries int
	bytes   int64

	mu   sync.Mutex
	ring [60]spent
	last int64 // Unix second of the newest
}

type spent struct {
	queries int
	bytes   int64
}

// turn clears the seconds between the newest and now.
func (b *budget) turn(now int64) {
	if now-b.last >= int64(len(b.ring)) {
		clear(b.ring[:])
		b.last = now
	}
	for b.last < now {
		b.last++
		b.ring[b.last%int64(len(b.ring))] = spent{}
	}
}

// spend counts one question and the bytes of its answer.
func (b *budget) spend(now time.Time, bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn(now.Unix())
	s := &b.ring[b.last%int64(len(b.ring))]
	s.queries++
	s.bytes += bytes
}

// used returns what was spent in the last minute.
func (b *budget) used(now time.Time) (queries int, bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn(now.Unix())
	for _, s := range b.ring {
		queries += s.queries
		bytes += s.bytes
	}
	return queries, bytes
}

// room reports whether there is room for so much. When nothing was spent there
// always is, so that what is too large for the budget comes once a minute.
func (b *budget) room(now time.Time, queries int, bytes int64) bool {
	q, n := b.used(now)
	return q == 0 || q+queries <= b.queries && n+bytes <= b.bytes
}
