package syslog

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

func TestLine(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(s string) int64 {
		v, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return v.UnixNano()
	}
	svc := func(name string) fact.Entity { return fact.Entity{Kind: fact.Service, Name: name} }
	for _, tt := range []struct {
		name, in string
		want     fact.Line
		fields   []string
	}{
		// RFC 5424, section 6.5.
		{"5424, without structured data", `<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - ` + "\ufeff" + `'su root' failed for lonvick on /dev/pts/8`,
			fact.Line{At: at("2003-10-11T22:14:15.003Z"), Entity: svc("su"), Instance: "mymachine.example.com", Severity: 18, Level: "crit", Text: "'su root' failed for lonvick on /dev/pts/8"},
			[]string{"host.name", "mymachine.example.com", "syslog.facility", "auth", "syslog.msgid", "ID47"}},
		{"5424, with a zone and a process id", `<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.`,
			fact.Line{At: at("2003-08-24T12:14:15.000003Z"), Entity: svc("myproc"), Instance: "192.0.2.1", Severity: 10, Level: "notice", Text: "%% It's time to make the do-nuts."},
			[]string{"host.name", "192.0.2.1", "process.pid", "8710", "syslog.facility", "local4"}},
		{"5424, with structured data", `<165>1 2003-10-11T22:14:15.003Z h evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="App\]l\"i\\cation"][other@1 a=""] An event`,
			fact.Line{At: at("2003-10-11T22:14:15.003Z"), Entity: svc("evntslog"), Instance: "h", Severity: 10, Level: "notice", Text: "An event"},
			[]string{"exampleSDID@32473.iut", "3", "exampleSDID@32473.eventSource", `App]l"i\cation`, "host.name", "h", "syslog.facility", "local4", "syslog.msgid", "ID47", "other@1.a", ""}},
		{"5424, without a text", `<165>1 - - - - - [a b="c"]`, fact.Line{Severity: 10, Level: "notice"}, []string{"a.b", "c", "syslog.facility", "local4"}},
		{"5424, of a host", `<14>1 2026-03-01T11:00:00Z node-1 - - - - up`, fact.Line{At: at("2026-03-01T11:00:00Z"), Entity: fact.Entity{Kind: fact.Host, Name: "node-1"}, Severity: 9, Level: "info", Text: "up"}, []string{"host.name", "node-1", "syslog.facility", "user"}},
		{"5424 with broken data is a text", `<14>1 2026-03-01T11:00:00Z h a - - [x y=z] t`, fact.Line{Severity: 9, Level: "info", Text: `1 2026-03-01T11:00:00Z h a - - [x y=z] t`}, []string{"syslog.facility", "user"}},
		// RFC 3164, section 5.4.
		{"3164", `<34>Oct 11 22:14:15 mymachine su: 'su root' failed`, fact.Line{At: at("2025-10-11T22:14:15Z"), Entity: svc("su"), Instance: "mymachine", Severity: 18, Level: "crit", Text: "'su root' failed"}, []string{"host.name", "mymachine", "syslog.facility", "auth"}},
		{"3164, with a process id", `<86>Mar  1 11:59:58 node-1 sshd[4711]: Accepted publickey`, fact.Line{At: at("2026-03-01T11:59:58Z"), Entity: svc("sshd"), Instance: "node-1", Severity: 9, Level: "info", Text: "Accepted publickey"},
			[]string{"host.name", "node-1", "process.pid", "4711", "syslog.facility", "authpriv"}},
		{"3164, without a host", `<13>Mar  1 11:59:58 app: x`, fact.Line{At: at("2026-03-01T11:59:58Z"), Entity: svc("app"), Severity: 10, Level: "notice", Text: "x"}, []string{"syslog.facility", "user"}},
		{"3164, with a zone", `<13>2026-03-01T12:59:58.5+01:00 node-1 app: x`, fact.Line{At: at("2026-03-01T11:59:58.5Z"), Entity: svc("app"), Instance: "node-1", Severity: 10, Level: "notice", Text: "x"}, []string{"host.name", "node-1", "syslog.facility", "user"}},
		{"3164, without a tag", `<13>Mar  1 11:59:58 node-1 just words`, fact.Line{At: at("2026-03-01T11:59:58Z"), Entity: fact.Entity{Kind: fact.Host, Name: "node-1"}, Severity: 10, Level: "notice", Text: "just words"}, []string{"host.name", "node-1", "syslog.facility", "user"}},
		{"only a priority", `<0>use the BFG!`, fact.Line{Severity: 21, Level: "emerg", Text: "use the BFG!"}, []string{"syslog.facility", "kern"}},
		{"nothing of it", `hello`, fact.Line{Text: "hello"}, nil},
		{"a priority that is none", `<192>hello`, fact.Line{Text: "<192>hello"}, nil},
		{"a priority without end", `<13`, fact.Line{Text: "<13"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, list := line(tt.in, now)
			fields, err := fact.NewLabels(list)
			if err != nil || !reflect.DeepEqual(got, tt.want) || fields != fact.LabelsOf(tt.fields...) {
				t.Errorf("got  %+v %s, %v\nwant %+v %s", got, fields, err, tt.want, fact.LabelsOf(tt.fields...))
			}
		})
	}
}

func TestNearest(t *testing.T) {
	for _, tt := range []struct{ in, now, want string }{
		{"Dec 31 23:59:59", "2026-01-01T00:00:05Z", "2025-12-31T23:59:59Z"},
		{"Jan  1 00:00:05", "2025-12-31T23:59:59Z", "2026-01-01T00:00:05Z"},
		{"Feb 29 12:00:00", "2025-03-01T00:00:00Z", "2024-02-29T12:00:00Z"},
		{"Mar  1 12:00:00", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"},
	} {
		now, err := time.Parse(time.RFC3339, tt.now)
		if err != nil {
			t.Fatal(err)
		}
		got, _, ok := oldTime(tt.in+" x", now)
		if !ok || got.Format(time.RFC3339) != tt.want {
			t.Errorf("%s, read at %s, is %v, %v, want %s", tt.in, tt.now, got, ok, tt.want)
		}
	}
}

func frames(t testing.TB, r io.Reader, most int) (out []string, err error) {
	t.Helper()
	b := bufio.NewReaderSize(r, 64)
	for {
		text, cut, err := readFrame(b, most)
		if err != nil {
			if errors.Is(err, io.EOF) && !errors.Is(err, errFrame) {
				err = nil
			}
			return out, err
		}
		if cut {
			text += "…"
		}
		out = append(out, text)
	}
}

func TestFrames(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     []string
		err      string
	}{
		{"nothing", "", nil, ""},
		{"newlines", "<1>a\n<2>b\r\n<3>c\x00\n", []string{"<1>a", "<2>b", "<3>c"}, ""},
		{"without a last newline", "<1>a\n<2>b", []string{"<1>a", "<2>b"}, ""},
		{"empty ones", "\n\n<1>a\n", []string{"", "", "<1>a"}, ""},
		{"counted", "4 <1>a7 <2>b\nc\n", []string{"<1>a", "<2>b\nc"}, ""},
		{"both", "4 <1>a<2>b\n4 <3>c", []string{"<1>a", "<2>b", "<3>c"}, ""},
		{"a text that begins with a number", "3 blind mice\n5\n404 not found", []string{"3 blind mice", "5", "404 not found"}, ""},
		{"a counted one that ends", "9 <1>a", nil, "a message of 9 bytes ends after 4"},
		{"long", strings.Repeat("x", 30) + "\n" + strings.Repeat("y", 300) + "\n<1>a\n", []string{"xxxxxxxxxxxxxxxxxxxx…", "yyyyyyyyyyyyyyyyyyyy…", "<1>a"}, ""},
		{"long and counted", "303 <1>" + strings.Repeat("y", 300) + "4 <2>b", []string{"<1>yyyyyyyyyyyyyyyyy…", "<2>b"}, ""},
		{"as long as may be", strings.Repeat("x", 20) + "\r\n", []string{strings.Repeat("x", 20)}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(tt.in), iotest.OneByteReader(strings.NewReader(tt.in))} {
				got, err := frames(t, r, 20)
				if !reflect.DeepEqual(got, tt.want) || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
					t.Errorf("%q, %v, want %q %s", got, err, tt.want, tt.err)
				}
			}
		})
	}
}

// serve runs a server and returns its address and how it is stopped.
func serve(t *testing.T, d *signal.Doors, opt Options) (addr string, stop func()) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- NewServer(d, opt).Serve(ctx, ln) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Error("the server does not stop")
		}
	}
	t.Cleanup(stop)
	return ln.Addr().String(), stop
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func write(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for begin := time.Now(); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begin) > 10*time.Second {
			t.Fatalf("not after 10 s: %s", what)
		}
	}
}

func TestServer(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{})
	addr, stop := serve(t, d, Options{})
	c := dial(t, addr)
	write(t, c, "<14>1 2026-03-01T11:59:59Z node-1 app - - - one\n<14>1 2026-03-01T11:59:59Z node-1 app - - - half")
	until(t, "the whole message is handed on before the other is whole", func() bool { return len(sink.Lines()) == 1 })
	write(t, c, " of two\n<14>1 2026-03-02T11:59:59Z node-1 app - - - ahead\n")
	until(t, "the second comes", func() bool { return len(sink.Lines()) == 2 })
	for i, want := range []string{"one", "half of two"} {
		if got := sink.Lines()[i].Text; got != want {
			t.Errorf("line %d says %q, want %q", i, got, want)
		}
	}
	write(t, c, "<14>1 2026-03-01T11:59:59Z node-1 app - - - last")
	time.Sleep(20 * time.Millisecond)
	_ = c.Close()
	until(t, "what was there when the sender went", func() bool { return len(sink.Lines()) == 3 })
	stop()
	signaltest.Law(t, d, sink)
	signaltest.WellFormed(t, sink)
	s := d.Sources.Sources()
	if len(s) != 1 || s[0].Name != "syslog/127.0.0.1" || s[0].Received != 4 || s[0].Reasons["time"] != 1 {
		t.Errorf("accounts: %+v", s)
	}
}

// While the log takes nothing, senders wait, and nothing is lost.
func TestBusySinkHoldsTheSender(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{})
	sink.Fail(fact.ErrBusy)
	addr, stop := serve(t, d, Options{})
	c := dial(t, addr)
	const n = 3000
	go func() {
		for i := range n {
			fmt.Fprintf(c, "<14>1 2026-03-01T11:59:59Z node-1 app - - - line %d\n", i)
		}
	}()
	time.Sleep(300 * time.Millisecond)
	if got := len(sink.Lines()); got != 0 {
		t.Fatalf("%d lines in a busy sink", got)
	}
	sink.Fail(nil)
	until(t, "all lines come", func() bool { return len(sink.Lines()) == n })
	for i, l := range sink.Lines() {
		if want := fmt.Sprint("line ", i); l.Text != want {
			t.Fatalf("line %d says %q", i, l.Text)
		}
	}
	stop()
	signaltest.Law(t, d, sink)
}

func TestConnectionsAreBounded(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{})
	addr, stop := serve(t, d, Options{Connections: 2, Idle: 200 * time.Millisecond})
	a, b := dial(t, addr), dial(t, addr)
	write(t, a, "<14>a\n")
	write(t, b, "<14>b\n")
	until(t, "both are heard", func() bool { return len(sink.Lines()) == 2 })
	c := dial(t, addr)
	if _, err := io.ReadAll(c); err != nil && !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the third: %v", err)
	}
	if s := d.Sources.Sources()[0]; s.Reasons["busy"] != 1 {
		t.Errorf("account: %+v", s)
	}
	if _, err := io.ReadAll(a); err != nil { // it is closed when it has said nothing for a while
		t.Errorf("the idle one: %v", err)
	}
	write(t, dial(t, addr), "<14>d\n")
	until(t, "there is room again", func() bool { return len(sink.Lines()) == 3 })
	stop()
	signaltest.Law(t, d, sink)
}

// One machine cannot keep the others out, however many connections it opens, and
// what it had sent is kept.
func TestOneMachineDoesNotTakeAllPlaces(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{})
	addr, stop := serve(t, d, Options{Connections: 8})
	var bad []net.Conn
	for i := range 8 {
		c := dial(t, addr)
		write(t, c, fmt.Sprintf("<14>bad %d\n", i))
		bad = append(bad, c)
	}
	until(t, "all are heard", func() bool { return len(sink.Lines()) == 8 })
	good := []string{"127.0.0.2", "127.0.0.3", "127.0.0.2"}
	for i, from := range good {
		c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).Dial("tcp", addr)
		if err != nil {
			t.Skipf("SKIPPED, NOT TESTED: this system has not all of 127.0.0.0/8: %v", err)
		}
		defer c.Close()
		write(t, c, fmt.Sprintf("<14>good %d\n", i))
		until(t, from+" is heard", func() bool { return len(sink.Lines()) == 9+i })
	}
	over := 0
	for _, c := range bad {
		_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if _, err := c.Read(make([]byte, 1)); errors.Is(err, io.EOF) {
			over++
		}
	}
	if over != len(good) {
		t.Errorf("%d of the many were closed, want %d", over, len(good))
	}
	stop()
	signaltest.Law(t, d, sink)
}

// A web page cannot write lines through the browser of whoever looks at it.
func TestBrowsersWriteNoLines(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{})
	addr, stop := serve(t, d, Options{})
	resp, err := http.Post("http://"+addr+"/", "text/plain", strings.NewReader("\n<8>1 2026-03-01T11:59:58Z h checkout - - - forged\n"))
	if err == nil {
		resp.Body.Close()
		t.Error("it was answered")
	}
	until(t, "it is refused", func() bool { s := d.Sources.Sources(); return len(s) == 1 && s[0].Reasons["malformed"] == 1 })
	stop()
	if l := sink.Lines(); len(l) > 0 {
		t.Errorf("lines: %+v", l)
	}
	signaltest.Law(t, d, sink)
}

func TestStopWithOpenConnections(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{})
	addr, stop := serve(t, d, Options{})
	c := dial(t, addr)
	write(t, c, "9999 <14>begun")
	write(t, dial(t, addr), "<14>whole\n")
	until(t, "the whole one comes", func() bool { return len(sink.Lines()) == 1 })
	stop()
	signaltest.Law(t, d, sink)
}

// A real sender: util-linux' logger, in both formats and framings.
func TestLogger(t *testing.T) {
	if _, err := exec.LookPath("logger"); err != nil {
		t.Skip("there is no logger(1) here")
	}
	for _, args := range [][]string{{"--rfc5424"}, {"--rfc3164"}, {"--rfc5424", "--octet-count"}, {"--rfc3164", "--octet-count"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			d, sink := signaltest.Doors(signal.Limits{})
			d.Clock = time.Now
			addr, _ := serve(t, d, Options{})
			host, port, _ := net.SplitHostPort(addr)
			cmd := exec.Command("logger", append(args, "--tcp", "--server", host, "--port", port, "--tag", "checkout", "--priority", "local3.warning", "--id=4711", "card declined")...)
			cmd.Env = []string{"TZ=UTC", "PATH=/usr/bin:/bin"}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			until(t, "the line comes", func() bool { return len(sink.Lines()) == 1 })
			l := sink.Lines()[0]
			if l.Text != "card declined" || l.Entity.Name != "checkout" || l.Level != "warning" || l.Fields.Get("process.pid") != "4711" || l.Fields.Get("syslog.facility") != "local3" {
				t.Errorf("%+v", l)
			}
			if off := time.Since(time.Unix(0, l.At)); off > time.Minute || off < -time.Minute {
				t.Errorf("its time is %v off", off)
			}
		})
	}
}

// Whatever comes, what is kept is well formed, the law holds, and how the bytes
// are cut into packets makes no difference.
func FuzzStream(f *testing.F) {
	f.Add([]byte("<34>1 2003-10-11T22:14:15.003Z h su - ID47 [a@1 b=\"c\\\"\"] x\n48 <13>Mar  1 11:59:58 node-1 app[1]: x\n7 <1>a\xffb"))
	f.Add([]byte("12 3 <1>\n<999>x\n\x00\r\n[]\n99999999 <"))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err1 := frames(t, bytes.NewReader(data), 40)
		b, err2 := frames(t, iotest.OneByteReader(bytes.NewReader(data)), 40)
		if !reflect.DeepEqual(a, b) || (err1 == nil) != (err2 == nil) {
			t.Fatalf("at once %q %v, byte by byte %q %v", a, err1, b, err2)
		}
		d, sink := signaltest.Doors(signal.Limits{LineFields: 8, LineBytes: 50, LineFieldBytes: 20})
		g := &gathering{Server: NewServer(d, Options{}), source: "syslog/x"}
		g.begin()
		for _, text := range a {
			g.add(text, false)
		}
		g.deliver(context.Background())
		signaltest.Law(t, d, sink)
		signaltest.WellFormed(t, sink)
	})
}

func BenchmarkLine(b *testing.B) {
	const text = `<165>1 2026-03-01T11:59:59.003Z node-1 checkout 8710 ID47 [x@1 iut="3"] order 4711 of customer 12 placed in 20 ms`
	lim := signal.DefaultLimits()
	b.ReportAllocs()
	for b.Loop() {
		l, fields := line(text, signaltest.Now())
		if ref := signal.FinishLine(&l, fields, &lim, signaltest.Now()); ref != nil {
			b.Fatal(ref)
		}
	}
}
