package signal

import (
	"sync"
	"time"
)

// burst is how much of its rate a sender may have saved up.
const burst = 10 * time.Second

// A bucket limits a rate. What a request costs is known only when it has been
// read, so it may be overdrawn once; nothing more is let in until the debt is
// paid. It is safe for concurrent use; the zero value is full.
type bucket struct {
	mu     sync.Mutex
	tokens float64
	at     time.Time // when tokens was true; zero: full
}

// wait returns how long a sender has to wait before its next request, 0 if it
// need not. A rate of 0 is no limit.
func (b *bucket) wait(perSecond int, now time.Time) time.Duration {
	if perSecond <= 0 {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill(perSecond, now)
	if b.tokens > 0 {
		return 0
	}
	return time.Duration((1 - b.tokens) / float64(perSecond) * float64(time.Second))
}

// spend takes n tokens out.
func (b *bucket) spend(n int64, perSecond int, now time.Time) {
	if perSecond <= 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill(perSecond, now)
	b.tokens -= float64(n)
}

func (b *bucket) fill(perSecond int, now time.Time) {
	most := float64(perSecond) * burst.Seconds()
	if b.at.IsZero() {
		b.tokens = most
	} else if d := now.Sub(b.at); d > 0 {
		b.tokens += d.Seconds() * float64(perSecond)
	}
	b.tokens = min(b.tokens, most)
	b.at = now
}
