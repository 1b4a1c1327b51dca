package signal

import (
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// served is how long a request may take before its connection counts as one
// that others need not wait for.
const served = 5 * time.Second

// A Crowd bounds the connections of one server. When one too many comes, one is
// closed of those that have never finished a request, while there are such: the
// one that has been idle longest; if none is idle, the one whose request takes
// longest, if it takes long; if none does, the newcomer. Only when all have
// finished one the same goes for them. So thousands that only hold the door open,
// or send a byte a second, neither keep out one that has something to say nor
// cost a place one that has said something.
// Its State is an [http.Server]'s ConnState. It is safe for concurrent use.
type Crowd struct {
	most   int
	clock  func() time.Time
	closed prometheus.Counter

	mu    sync.Mutex
	conns map[net.Conn]presence
}

// presence is since when a connection is idle, or busy.
type presence struct {
	busy   bool
	proven bool // has finished a request
	since  time.Time
}

// NewCrowd returns a crowd of at most so many connections. closed counts those
// that were closed for others; it may be nil.
func NewCrowd(most int, clock func() time.Time, closed prometheus.Counter) *Crowd {
	return &Crowd{most: most, clock: clock, closed: closed, conns: make(map[net.Conn]presence)}
}

// State takes note of what a connection does.
func (c *Crowd) State(conn net.Conn, st http.ConnState) {
	now := c.clock()
	c.mu.Lock()
	var out net.Conn
	switch st {
	case http.StateNew:
		if len(c.conns) >= c.most {
			out = c.dispensable(now)
			if out == nil {
				out = conn
			}
			delete(c.conns, out)
		}
		if out != conn {
			c.conns[conn] = presence{since: now}
		}
	case http.StateActive, http.StateIdle:
		if was, here := c.conns[conn]; here {
			busy := st == http.StateActive
			c.conns[conn] = presence{busy: busy, proven: was.proven || was.busy && !busy, since: now}
		}
	default:
		delete(c.conns, conn)
	}
	c.mu.Unlock()
	if out != nil {
		_ = out.Close() // it is not to be used any more, whatever it says
		if c.closed != nil {
			c.closed.Inc()
		}
	}
}

// dispensable returns the connection that is to be closed for another.
func (c *Crowd) dispensable(now time.Time) (out net.Conn) {
	var worst presence
	proven := true // all of them
	for _, p := range c.conns {
		proven = proven && p.proven
	}
	for conn, p := range c.conns {
		if p.proven && !proven || p.busy && now.Sub(p.since) < served {
			continue
		}
		if out == nil || worst.busy && !p.busy || worst.busy == p.busy && p.since.Before(worst.since) {
			out, worst = conn, p
		}
	}
	return out
}

// Size returns how many connections there are.
func (c *Crowd) Size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.conns)
}
