package syslog

import (
	"net"
	"sync"
	"time"
)

// peers are the connections, by who is at their other end. When all places are
// taken and somebody comes who has fewer of them than another, the one of the
// other's that has been silent longest is given away, so that one machine cannot
// keep the rest out.
type peers struct {
	most int

	mu      sync.Mutex
	all     map[net.Conn]*peer
	leaving int // were told to go and have not gone yet
}

// peer is one connection.
type peer struct {
	source string
	heard  time.Time // when its last message came
	told   bool      // to go
}

// enter takes a place for a connection, and reports whether there was one.
func (p *peers) enter(conn net.Conn, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	me := &peer{source: source(conn), heard: now}
	if len(p.all)-p.leaving >= p.most {
		out := p.dispensable(me.source)
		if out == nil || p.leaving > p.most/8 {
			return false
		}
		p.all[out].told = true
		p.leaving++
		_ = out.SetReadDeadline(time.Unix(1, 0)) // ends its reading
	}
	p.all[conn] = me
	return true
}

// dispensable is the connection that gives way to one more of source's, nil if
// none does.
func (p *peers) dispensable(source string) (out net.Conn) {
	count := make(map[string]int)
	for _, c := range p.all {
		if !c.told {
			count[c.source]++
		}
	}
	for conn, c := range p.all {
		if c.told || count[c.source] <= count[source]+1 {
			continue
		}
		if out == nil || count[c.source] > count[p.all[out].source] || count[c.source] == count[p.all[out].source] && c.heard.Before(p.all[out].heard) {
			out = conn
		}
	}
	return out
}

// wait gives a connection until then for its next message, and reports whether
// it may stay. It was heard of if it has brought one since.
func (p *peers) wait(conn net.Conn, until, now time.Time, heard bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.all[conn]
	if heard {
		c.heard = now
	}
	if !c.told {
		_ = conn.SetReadDeadline(until)
	}
	return !c.told
}

func (p *peers) leave(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all[conn].told {
		p.leaving--
	}
	delete(p.all, conn)
}

// dismiss tells all to go.
func (p *peers) dismiss() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.all {
		_ = conn.SetReadDeadline(time.Unix(1, 0))
	}
}
