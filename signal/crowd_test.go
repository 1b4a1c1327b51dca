package signal_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/signal"
)

type pipe struct {
	net.Conn
	closed bool
}

func (p *pipe) Close() error { p.closed = true; return nil }

func TestCrowd(t *testing.T) {
	now := time.Unix(0, 0)
	c := signal.NewCrowd(3, func() time.Time { return now }, nil)
	come := func() *pipe {
		p := &pipe{}
		c.State(p, http.StateNew)
		now = now.Add(time.Second)
		return p
	}
	first, second, third := come(), come(), come()
	c.State(first, http.StateActive)
	fourth := come() // the second has been idle longest
	if first.closed || !second.closed || third.closed || fourth.closed || c.Size() != 3 {
		t.Errorf("%v %v %v %v, %d here", first.closed, second.closed, third.closed, fourth.closed, c.Size())
	}
	c.State(third, http.StateActive)
	c.State(fourth, http.StateActive)
	now = now.Add(-2 * time.Second)
	if fifth := come(); !fifth.closed { // all are busy, and none for long
		t.Error("taken")
	}
	now = now.Add(10 * time.Second)
	if sixth := come(); sixth.closed || !first.closed || c.Size() != 3 {
		t.Error("one that is slow keeps others out")
	}
	c.State(third, http.StateClosed)
	c.State(second, http.StateActive) // was sent away: not to come back
	if c.Size() != 2 {
		t.Errorf("%d here", c.Size())
	}
}

// One that has finished a request keeps its place while others have not.
func TestCrowdKeepsWhoHasProvenItself(t *testing.T) {
	now := time.Unix(0, 0)
	c := signal.NewCrowd(2, func() time.Time { return now }, nil)
	come := func(busy bool) *pipe {
		p := &pipe{}
		c.State(p, http.StateNew)
		if busy {
			c.State(p, http.StateActive)
		}
		return p
	}
	steady := come(true)
	c.State(steady, http.StateIdle)
	now = now.Add(time.Hour)
	slow := come(true)
	if second := come(true); steady.closed || slow.closed || !second.closed {
		t.Error("another that has finished nothing went before the one that has")
	}
	now = now.Add(10 * time.Second)
	third := come(false)
	if steady.closed || !slow.closed || third.closed {
		t.Error("one that is slow keeps its place")
	}
	c.State(third, http.StateActive)
	c.State(third, http.StateIdle)
	if fourth := come(false); !steady.closed || third.closed || fourth.closed {
		t.Error("of two that have finished one, the longest idle was to go")
	}
}

// Two thousand that only hold the door open keep nobody out.
func TestIdleClientsKeepNobodyOut(t *testing.T) {
	c := signal.NewCrowd(100, time.Now, nil)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }))
	srv.Config.ConnState = c.State
	srv.Start()
	defer srv.Close()
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for i := range 2000 {
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		if i%500 != 499 {
			continue
		}
		resp, err := http.Get(srv.URL)
		if err != nil {
			t.Fatalf("after %d: %v", i+1, err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(b) != "ok" || c.Size() > 100 {
			t.Errorf("after %d: %q, %d connections", i+1, b, c.Size())
		}
		http.DefaultClient.CloseIdleConnections()
	}
}
