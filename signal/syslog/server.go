package syslog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"sync"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
)

const kind = "syslog"

// browser is how a web page would begin that tries to write lines of its own: it
// can send any text to any port, but only behind a head.
var browser = regexp.MustCompile(`^[A-Z]+ \S+ HTTP/[0-9.]+$`)

// Options bound what all connections may cost. The zero value of each field
// means its default.
type Options struct {
	// Connections is how many senders may be connected. Beyond it a machine that
	// has fewer connections than another gets one of the other's; else it is
	// turned away. One costs up to some 300 KiB. Default 256.
	Connections int

	// Idle is after how long without a message a connection is closed. Default 30
	// minutes.
	Idle time.Duration
}

// What a connection gathers before it hands it on.
const (
	gatherLines = 500
	gatherBytes = 128 << 10
	bufferBytes = 32 << 10
	headerBytes = 4 << 10 // of a message, beside its text
)

// A Server takes messages from connections.
type Server struct {
	doors *signal.Doors
	lim   signal.Limits
	opt   Options

	peers peers
	wg    sync.WaitGroup
}

// NewServer returns a server that has not begun.
func NewServer(d *signal.Doors, opt Options) *Server {
	if opt.Connections <= 0 {
		opt.Connections = 256
	}
	if opt.Idle <= 0 {
		opt.Idle = 30 * time.Minute
	}
	return &Server{doors: d, lim: d.Limits.WithDefaults(), opt: opt, peers: peers{most: opt.Connections, all: make(map[net.Conn]*peer)}}
}

// Serve takes connections from ln until ctx ends, closes it and them, and waits
// until what they brought is handed on. It returns nil when ctx has ended.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	defer s.wg.Wait()
	stop := context.AfterFunc(ctx, func() {
		_ = ln.Close()
		s.peers.dismiss()
	})
	defer stop()
	for {
		conn, err := ln.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("take syslog connections: %w", err)
		case err != nil: // too many open files, say: it will pass
			s.doors.Logger.Warn("a syslog connection was not taken", "err", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		if !s.enter(ctx, conn) {
			s.turnAway(conn)
		}
	}
}

// enter begins to serve a connection, if there is room for it.
func (s *Server) enter(ctx context.Context, conn net.Conn) bool {
	if !s.peers.enter(conn, s.doors.Clock()) {
		return false
	}
	s.wg.Go(func() {
		defer func() {
			s.peers.leave(conn)
			_ = conn.Close()
		}()
		s.serve(ctx, conn)
	})
	return true
}

func (s *Server) turnAway(conn net.Conn) {
	ref := signal.Refuse(signal.Busy, "connection", fmt.Sprintf("%d senders are connected, which is the limit", s.opt.Connections), "send through a relay")
	t := &signal.Tally{}
	t.Receive(1)
	t.Settle(ref)
	s.doors.Sources.Record(source(conn), kind, s.doors.Clock(), t)
	_ = conn.Close()
}

func source(conn net.Conn) string {
	host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		return kind
	}
	return kind + "/" + host
}

// A gathering is what a connection has brought and not handed on yet.
type gathering struct {
	*Server
	source string
	batch  *fact.Batch
	tally  *signal.Tally
	bytes  int
}

func (s *Server) serve(ctx context.Context, conn net.Conn) {
	ctx, leave, _ := s.doors.Enter(ctx, signal.Caller{Door: kind, Peer: source(conn), Open: true}) // never refused: it knows no tokens
	defer leave()
	g := &gathering{Server: s, source: source(conn)}
	g.begin()
	r := bufio.NewReaderSize(conn, bufferBytes)
	ref := s.doors.Guard(kind, func() *signal.Refusal {
		for heard := false; ctx.Err() == nil; heard = true {
			if !whole(r) || len(g.batch.Lines) >= gatherLines || g.bytes >= gatherBytes {
				if !g.deliver(ctx) {
					return nil
				}
			}
			if !s.peers.wait(conn, time.Now().Add(s.opt.Idle), s.doors.Clock(), heard) || ctx.Err() != nil { // it may have come between the two
				return nil
			}
			text, cut, err := readFrame(r, s.lim.LineBytes+headerBytes)
			if err != nil {
				return ended(err)
			}
			if !heard && browser.MatchString(text) {
				return signal.Refuse(signal.Malformed, "connection", "it begins as a request of HTTP", "send syslog; a web page that sends this wants to write your log")
			}
			if text != "" {
				g.add(text, cut)
			}
		}
		return nil
	})
	if ref != nil { // the rest of the connection: one item, as nobody knows how many
		g.tally.Receive(1)
		g.tally.Refuse(ref, 1)
	}
	g.deliver(ctx)
}

// ended returns what there is to say of the end of a connection.
func ended(err error) *signal.Refusal {
	if !errors.Is(err, errFrame) {
		return nil // it was closed, by whichever side
	}
	return signal.Refuse(signal.Malformed, "connection", err.Error(), "send RFC 5424 or 3164, framed by octet counting or newlines")
}

func (g *gathering) begin() {
	g.batch, g.tally, g.bytes = &fact.Batch{Source: g.source}, &signal.Tally{}, 0
}

func (g *gathering) add(text string, cut bool) {
	now := g.doors.Clock()
	g.tally.Receive(1)
	l, fields := line(text, now)
	l.Truncated = cut
	if ref := signal.FinishLine(&l, fields, &g.lim, now); ref != nil {
		g.tally.Refuse(ref, 1)
		return
	}
	g.batch.Lines = append(g.batch.Lines, l)
	g.bytes += len(text)
}

// deliver hands on what was gathered. It does not give up while the sink may
// take it later, except when ctx ends; then it returns false.
func (g *gathering) deliver(ctx context.Context) bool {
	const first, longest = 100 * time.Millisecond, 5 * time.Second
	begun := g.doors.Clock()
	var ref *signal.Refusal
	for wait := first; len(g.batch.Lines) > 0; wait = min(2*wait, longest) {
		g.batch.Received = g.doors.Clock().UnixMilli()
		if ref = g.doors.Deliver(ctx, g.batch); ref == nil || !ref.Reason.Retry() || ctx.Err() != nil {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	if g.tally.Received > 0 {
		outcome := "ok"
		if ref != nil {
			outcome = ref.Reason.String()
		}
		g.tally.Settle(ref)
		g.doors.Sources.Record(g.source, kind, begun, g.tally)
		g.doors.Sources.Answered(kind, outcome, g.doors.Clock().Sub(begun))
	}
	g.begin()
	return ctx.Err() == nil
}
