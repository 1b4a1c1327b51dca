package signal_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

func gz(b []byte) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, _ = w.Write(b) // a buffer takes everything
	_ = w.Close()
	return buf.Bytes()
}

func zst(b []byte, opts ...zstd.EOption) []byte {
	w, err := zstd.NewWriter(nil, opts...)
	if err != nil {
		panic(err)
	}
	return w.EncodeAll(b, nil)
}

// streamed is zstd by a sender that does not know how much will come.
func streamed(b []byte, opts ...zstd.EOption) []byte {
	var buf bytes.Buffer
	w, err := zstd.NewWriter(&buf, opts...)
	if err != nil {
		panic(err)
	}
	for ; len(b) > 1<<16; b = b[1<<16:] {
		_, _ = w.Write(b[:1<<16])
	}
	_, _ = w.Write(b)
	_ = w.Flush()
	_ = w.Close()
	return buf.Bytes()
}

// read posts a body and reads it through d.
func read(d *signal.Doors, enc string, body []byte) (out string, ref *signal.Refusal) {
	r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	r.Header.Set("Content-Encoding", enc)
	b, free, ref := d.Read(httptest.NewRecorder(), r, signal.Body{Encodings: []string{"", "gzip", "zstd", "snappy"}})
	if ref != nil {
		return "", ref
	}
	defer free()
	return string(b), nil
}

func TestRead(t *testing.T) {
	text := strings.Repeat("hello ", 100)
	lie := gz([]byte(text))
	binary.LittleEndian.PutUint32(lie[len(lie)-4:], 1) // says that one byte is inside
	for _, tt := range []struct {
		name, enc string
		body      []byte
		want      string
		reason    signal.Reason
		text      string
	}{
		{name: "plain", body: []byte(text), want: text},
		{name: "identity", enc: "identity", body: []byte(text), want: text},
		{name: "empty", body: nil, want: ""},
		{name: "gzip", enc: "gzip", body: gz([]byte(text)), want: text},
		{name: "gzip of nothing", enc: "GZIP", body: gz(nil), want: ""},
		{name: "two gzip members", enc: "gzip", body: append(gz([]byte("a")), gz([]byte("b"))...), want: "ab"},
		{name: "snappy", enc: "snappy", body: snappy.Encode(nil, []byte(text)), want: text},
		{name: "zstd", enc: "zstd", body: zst([]byte(text)), want: text},
		{name: "zstd as a stream", enc: "zstd", body: streamed([]byte(text)), want: text},
		{name: "zstd of nothing", enc: "zstd", body: zst(nil, zstd.WithZeroFrames(true)), want: ""},
		{name: "two zstd frames", enc: "zstd", body: append(zst([]byte("aa")), zst([]byte("b"))...), want: "aab"},
		{name: "just within", body: bytes.Repeat([]byte("x"), 1000), want: strings.Repeat("x", 1000)},
		{name: "a byte too much", body: bytes.Repeat([]byte("x"), 1001), reason: signal.TooLarge, text: "body: more than 1000 bytes; send smaller batches or raise limits.body_bytes"},
		{name: "a byte too much in gzip", enc: "gzip", body: gz(make([]byte, 2001)), reason: signal.TooLarge, text: "body after gzip: more than 2000 bytes; send smaller batches or raise limits.plain_bytes"},
		{name: "a byte too much in snappy", enc: "snappy", body: snappy.Encode(nil, make([]byte, 2001)), reason: signal.TooLarge, text: "body after snappy: more than 2000 bytes; send smaller batches or raise limits.plain_bytes"},
		{name: "a byte too much in zstd", enc: "zstd", body: zst(make([]byte, 2001)), reason: signal.TooLarge, text: "body after zstd: more than 2000 bytes; send smaller batches or raise limits.plain_bytes"},
		{name: "a byte too much in a zstd stream", enc: "zstd", body: streamed(make([]byte, 2001)), reason: signal.TooLarge, text: "body after zstd: more than 2000 bytes"},
		{name: "a byte too much in two zstd frames", enc: "zstd", body: append(zst(make([]byte, 1001)), zst(make([]byte, 1000))...), reason: signal.TooLarge, text: "body after zstd: more than 2000 bytes"},
		{name: "zstd that is none", enc: "zstd", body: []byte("hello"), reason: signal.Malformed, text: "body: not zstd: "},
		{name: "zstd of no bytes", enc: "zstd", body: nil, reason: signal.Malformed, text: "body: not zstd: "},
		{name: "zstd cut off", enc: "zstd", body: zst([]byte(text))[:20], reason: signal.Malformed, text: "body after zstd: broken after "},
		{name: "zstd that looks back far", enc: "zstd", body: streamed([]byte(text), zstd.WithWindowSize(16<<20)), reason: signal.TooLarge, text: "body after zstd: its window is 16777216 bytes, the limit is 8388608"},
		{name: "gzip that is none", enc: "gzip", body: []byte("hello"), reason: signal.Malformed, text: "body: not gzip: "},
		{name: "gzip cut off", enc: "gzip", body: gz([]byte(text))[:20], reason: signal.Malformed, text: "body after gzip: broken after "},
		{name: "gzip that lies about its size", enc: "gzip", body: lie, reason: signal.Malformed, text: "invalid checksum"},
		{name: "snappy that is none", enc: "snappy", body: []byte{0x05, 0xff, 0xff}, reason: signal.Malformed, text: "body: not snappy: "},
		{name: "snappy that promises too much", enc: "snappy", body: []byte{0xd0, 0x0f, 0x00, 'x'}, reason: signal.Malformed, text: "body: its header promises 2000 bytes, which 4 bytes of snappy cannot hold"},
		{name: "brotli", enc: "br", body: nil, reason: signal.Unsupported, text: `header Content-Encoding: encoding "br" is not taken here; send none or gzip or zstd or snappy`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, _ := signaltest.Doors(signal.Limits{BodyBytes: 1000, PlainBytes: 2000})
			got, ref := read(d, tt.enc, tt.body)
			switch {
			case tt.text == "" && (ref != nil || got != tt.want):
				t.Errorf("got %q, %v", got, ref)
			case tt.text != "" && (ref == nil || ref.Reason != tt.reason || !strings.Contains(ref.Error(), tt.text)):
				t.Errorf("said %v, want %s: %s", ref, tt.reason, tt.text)
			}
		})
	}
}

// A bomb costs no more than little, even if it lies about what is inside.
func TestBombs(t *testing.T) {
	honest := gz(make([]byte, 40<<20)) // 1:1000
	liar := bytes.Clone(honest)
	binary.LittleEndian.PutUint32(liar[len(liar)-4:], 10)
	snap := append(binary.AppendUvarint(nil, 30<<20), bytes.Repeat([]byte{0}, 30<<10)...) // 1:1000
	for _, tt := range []struct {
		name, enc string
		body      []byte
		most      uint64
	}{
		{"gzip", "gzip", honest, 1 << 20},
		{"gzip that lies", "gzip", liar, 120 << 20}, // grows to the limit of 32 MiB, by half each time
		{"snappy", "snappy", snap, 1 << 20},
		{"zstd", "zstd", zst(make([]byte, 40<<20)), 1 << 20},
		{"zstd that does not tell", "zstd", streamed(make([]byte, 40<<20)), 140 << 20}, // grows to the limit, and a window
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, _ := signaltest.Doors(signal.Limits{})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, ref := read(d, tt.enc, tt.body)
			runtime.ReadMemStats(&after)
			if ref == nil {
				t.Fatal("taken")
			}
			if grew := after.TotalAlloc - before.TotalAlloc; grew > tt.most+uint64(len(tt.body)) {
				t.Errorf("allocated %d bytes for a body of %d", grew, len(tt.body))
			}
		})
	}
}

// Bodies in flight share one allowance, and it is given back.
func TestInFlight(t *testing.T) {
	d, _ := signaltest.Doors(signal.Limits{InFlightBytes: 10_000})
	body := make([]byte, 4000)
	var frees []func()
	for i := range 3 {
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		_, free, ref := d.Read(httptest.NewRecorder(), r, signal.Body{Encodings: []string{""}})
		switch {
		case i < 2 && ref != nil:
			t.Fatal(ref)
		case i == 2 && (ref == nil || ref.Reason != signal.Share):
			t.Errorf("the third is taken: %v", ref)
		}
		frees = append(frees, free)
	}
	frees[0]()
	if _, ref := read(d, "", body); ref != nil {
		t.Errorf("after one is done: %v", ref)
	}
	frees[1]()
	bomb := gz(make([]byte, 1<<20))
	d.Limits.PlainBytes = 1 << 19
	for range 20 { // what was refused holds nothing
		_, _ = read(d, "gzip", bomb)
		_, _ = read(d, "snappy", []byte{0x05, 0xff, 0xff})
		_, _ = read(d, "zstd", bomb)
		_, _ = read(d, "zstd", zst(make([]byte, 1<<20)))
	}
	if _, ref := read(d, "", make([]byte, 9000)); ref != nil {
		t.Errorf("when all are done: %v", ref)
	}
}

// A length that is announced is not memory: senders that announce much and send
// nothing must not shut the door for the others.
// What is written out is in flight, beyond the first MiB, until it is freed.
func TestWriting(t *testing.T) {
	d, _ := signaltest.Doors(signal.Limits{PlainBytes: 2 << 20, InFlightBytes: 12 << 20})
	a, b := d.Writing(t.Context()), d.Writing(t.Context())
	add := func(w *signal.Writing, mib int) (ref *signal.Refusal) {
		for range mib << 4 {
			ref = w.Add(1 << 16)
		}
		return ref
	}
	if ref := add(a, 8); ref != nil {
		t.Error(ref)
	}
	if ref := a.Add(1); ref == nil || ref.Reason != signal.TooLarge || a.Refused() != ref || a.Add(0) != ref {
		t.Errorf("a byte more: %v", ref)
	}
	if ref := add(b, 7); ref == nil || ref.Reason != signal.Share {
		t.Errorf("beside it: %v", ref)
	}
	a.Free()
	b.Free()
	b.Free()
	c := d.Writing(t.Context())
	if ref := add(c, 8); ref != nil {
		t.Errorf("afterwards: %v", ref)
	}
	c.Free()
	d.Limits.InFlightBytes = 8 << 20
	if ref := add(d.Writing(t.Context()), 7); ref == nil || ref.Reason != signal.TooLarge {
		t.Errorf("what is never to be had: %v", ref)
	}
}

func TestAnnouncedLength(t *testing.T) {
	d, _ := signaltest.Doors(signal.Limits{BodyBytes: 8 << 20, InFlightBytes: 60 << 20})
	var wg sync.WaitGroup
	begun := make(chan struct{}, 40)
	stop := make(chan struct{})
	for range 20 {
		wg.Go(func() {
			r := httptest.NewRequest(http.MethodPost, "/", &silent{begun: begun, stop: stop})
			r.ContentLength = 8 << 20
			_, _, _ = d.Read(httptest.NewRecorder(), r, signal.Body{Encodings: []string{""}})
			begun <- struct{}{} // also if it was refused at once
		})
	}
	for range 20 {
		<-begun
	}
	body := strings.Repeat("honest", 1<<20)
	if got, ref := read(d, "", []byte(body)); ref != nil || got != body {
		t.Errorf("an honest sender is told: %v", ref)
	}
	close(stop)
	wg.Wait()
}

// silent is a body that sends nothing.
type silent struct {
	begun chan<- struct{}
	stop  <-chan struct{}
}

func (s *silent) Read([]byte) (int, error) {
	s.begun <- struct{}{}
	<-s.stop
	return 0, io.ErrUnexpectedEOF
}

// Buffers are used again and never by two at once.
func TestBuffersAreNotShared(t *testing.T) {
	d, _ := signaltest.Doors(signal.Limits{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			want := strings.Repeat(fmt.Sprint(i), 20_000)
			body := gz([]byte(want))
			for range 50 {
				if got, ref := read(d, "gzip", body); ref != nil || got != want {
					t.Errorf("got another's bytes, or %v", ref)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestBrokenConnection(t *testing.T) {
	d, _ := signaltest.Doors(signal.Limits{})
	r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader("abc"), errReader{}))
	_, _, ref := d.Read(httptest.NewRecorder(), r, signal.Body{Encodings: []string{""}})
	if ref == nil || ref.Error() != "body: broken after 3 bytes: connection reset; send it whole" {
		t.Errorf("said %v", ref)
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestDeliver(t *testing.T) {
	disk := errors.New("disk full")
	for _, tt := range []struct {
		sink   error
		reason signal.Reason
		status int
	}{
		{fact.ErrBusy, signal.Busy, 429},
		{disk, signal.Failed, 503},
	} {
		d, sink := signaltest.Doors(signal.Limits{})
		sink.Fail(tt.sink)
		ref := d.Deliver(context.Background(), &fact.Batch{})
		if ref == nil || ref.Reason != tt.reason || !errors.Is(ref, tt.sink) {
			t.Fatalf("%v: %v", tt.sink, ref)
		}
		w := httptest.NewRecorder()
		signal.WriteRefusal(w, ref)
		if w.Code != tt.status || w.Header().Get("Retry-After") != "2" {
			t.Errorf("%v: %d, Retry-After %q", tt.sink, w.Code, w.Header().Get("Retry-After"))
		}
	}
	// What is wrong with the batch itself is not to be sent again.
	d, sink := signaltest.Doors(signal.Limits{})
	sink.Fail(fmt.Errorf("append: %w", &fact.Problem{What: "the batch is too long", Do: "send less"}))
	w := httptest.NewRecorder()
	signal.WriteRefusal(w, d.Deliver(context.Background(), &fact.Batch{}))
	if w.Code != http.StatusRequestEntityTooLarge || w.Header().Get("Retry-After") != "" || !strings.Contains(w.Body.String(), "the batch is too long") {
		t.Errorf("a batch that is too long: %d %v %s", w.Code, w.Header(), w.Body)
	}
	// A sender that goes away does not undo what was begun.
	d, sink = signaltest.Doors(signal.Limits{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	d.Sink = obedient{sink}
	if ref := d.Deliver(ctx, &fact.Batch{}); ref != nil {
		t.Error(ref)
	}
}

// obedient is a sink that gives up when its context ends.
type obedient struct{ signal.Sink }

func (s obedient) Append(ctx context.Context, b *fact.Batch) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return s.Sink.Append(ctx, b)
}

func TestSources(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	s := signal.NewSources(signal.SourcesOptions{Max: 2, Registerer: reg, Clock: signaltest.Now})
	at := signaltest.Now()
	record := func(name string, received, refused int, at time.Time) {
		var t signal.Tally
		t.Receive(received)
		t.Refuse(signal.Refuse(signal.BadTime, "here", "what", "do"), refused)
		t.Settle(nil)
		s.Record(name, "otlp", at, &t)
	}
	record("otlp/a", 10, 3, at)
	record("otlp/a", 5, 0, at.Add(time.Second))
	record("otlp/b", 1, 0, at)
	record("otlp/c", 2, 1, at) // beyond the limit
	record("otlp/d", 4, 0, at)
	got := s.Sources()
	if len(got) != 3 || got[0].Name != "otlp/(others)" || got[0].Received != 6 || got[0].Refused != 2-1 {
		t.Fatalf("%+v", got)
	}
	a := got[1]
	if a.Name != "otlp/a" || a.Received != 15 || a.Accepted != 12 || a.Refused != 3 || a.Reasons["time"] != 3 ||
		!a.FirstSeen.Equal(at) || !a.LastSeen.Equal(at.Add(time.Second)) || a.LastRefusal != "here: what; do" {
		t.Errorf("%+v", a)
	}
	want := `
# HELP steersman_signal_accepted_items_total Samples, spans, lines and changes that were kept before the sender got its answer.
# TYPE steersman_signal_accepted_items_total counter
steersman_signal_accepted_items_total{door="otlp"} 18
# HELP steersman_signal_received_items_total Samples, spans, lines and changes that came in. Always the sum of accepted and refused.
# TYPE steersman_signal_received_items_total counter
steersman_signal_received_items_total{door="otlp"} 22
# HELP steersman_signal_refused_items_total Samples, spans, lines and changes that were refused in the answer, by reason.
# TYPE steersman_signal_refused_items_total counter
steersman_signal_refused_items_total{door="otlp",reason="time"} 4
# HELP steersman_signal_sources Sources that have an account.
# TYPE steersman_signal_sources gauge
steersman_signal_sources 3
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

// However many names strangers make up, one that has a token is told what became
// of its own; and they are forgotten, but not what they sent.
func TestAccountsOfStrangers(t *testing.T) {
	now := signaltest.Now()
	s := signal.NewSources(signal.SourcesOptions{Max: 3, Clock: func() time.Time { return now }})
	record := func(names ...string) {
		for _, name := range names {
			var tally signal.Tally
			tally.Receive(2)
			tally.Refuse(signal.Refuse(signal.BadTime, "here", "what", "do"), 1)
			tally.Settle(nil)
			s.Record(name, "otlp", now, &tally)
		}
	}
	check := func(what, want string) {
		t.Helper()
		var names []string
		var sum [3]int64
		for _, a := range s.Sources() {
			names = append(names, a.Name)
			sum[0], sum[1], sum[2] = sum[0]+a.Received, sum[1]+a.Refused, sum[2]+a.Reasons["time"]
		}
		if got := fmt.Sprint(names, sum); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	record("otlp/a", "otlp/b", "otlp/c", "otlp/d", "shop", "remote-write")
	check("all at once", "[otlp/(others) otlp/a otlp/b otlp/c remote-write shop] [12 6 6]")
	if got := s.Name("shop2") + " " + s.Name("otlp/e") + " " + s.Name("otlp/a"); got != "shop2 otlp/(others) otlp/a" {
		t.Errorf("new names are %s", got)
	}
	now = now.Add(59 * time.Minute)
	record("otlp/a", "otlp/d")
	check("an hour is not over", "[otlp/(others) otlp/a otlp/b otlp/c remote-write shop] [16 8 8]")
	now = now.Add(2 * time.Minute)
	record("otlp/d")
	check("there is room again", "[otlp/(others) otlp/a otlp/d remote-write shop] [18 9 9]")
	now = now.Add(29 * 24 * time.Hour)
	check("idle, with room for others", "[otlp/(others) otlp/a otlp/d remote-write shop] [18 9 9]")
	now = now.Add(25 * time.Hour)
	check("a month later", "[otlp/(others) remote-write shop] [18 9 9]")
	s.Forget("shop")
	check("forgotten", "[otlp/(others) remote-write] [16 8 8]")
	record("otlp/a", "otlp/b", "otlp/c")
	check("anew", "[otlp/(others) otlp/a otlp/b otlp/c remote-write] [22 11 11]")
}

func TestRestore(t *testing.T) {
	at := signaltest.Now()
	s := signal.NewSources(signal.SourcesOptions{})
	var tally signal.Tally
	tally.Receive(2)
	tally.Settle(nil)
	s.Record("a", "hook", at, &tally)
	s.Restore([]signal.Source{{Name: "a", Kind: "hook", FirstSeen: at.Add(-time.Hour), LastSeen: at.Add(-time.Minute), Received: 10, Accepted: 7, Refused: 3, Reasons: map[string]int64{"time": 3}, LastRefusal: "no"}})
	got := s.Sources()[0]
	if got.Received != 12 || got.Accepted != 9 || got.Refused != 3 || got.Reasons["time"] != 3 || !got.FirstSeen.Equal(at.Add(-time.Hour)) || !got.LastSeen.Equal(at) || got.LastRefusal != "no" {
		t.Errorf("%+v", got)
	}
}

func TestLimits(t *testing.T) {
	l := signal.Limits{Labels: 7}.WithDefaults()
	want := signal.DefaultLimits()
	want.Labels = 7
	if l != want {
		t.Errorf("got %+v, want %+v", l, want)
	}
	if err := (signal.Limits{Spans: -1}).Check(); err == nil || err.Error() != "limits.spans is -1: must not be negative" {
		t.Errorf("said %v", err)
	}
	if err := want.Check(); err != nil {
		t.Error(err)
	}
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		s    string
		n    int
		want string
	}{{"abc", 5, "abc"}, {"abc", 2, "ab"}, {"aü", 2, "a"}, {"ü", 0, ""}, {"ü", 1, ""}} {
		if got := signal.Cut(tt.s, tt.n); got != tt.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", tt.s, tt.n, got, tt.want)
		}
	}
}

// Whatever is sent as compressed, it is unpacked within the limit or refused.
func FuzzUnpack(f *testing.F) {
	encodings := []string{"gzip", "zstd", "snappy"}
	for i, body := range [][]byte{gz([]byte("hello hello hello")), zst([]byte("hello hello hello")), snappy.Encode(nil, []byte("hello hello hello"))} {
		f.Add(uint8(i), body)
	}
	f.Add(uint8(1), streamed([]byte("hello")))
	f.Fuzz(func(t *testing.T, enc uint8, body []byte) {
		d, _ := signaltest.Doors(signal.Limits{BodyBytes: 1 << 16, PlainBytes: 1 << 16, InFlightBytes: 16 << 20})
		if out, ref := read(d, encodings[int(enc)%len(encodings)], body); ref == nil && len(out) > 1<<16 {
			t.Errorf("%d bytes of %d", len(out), len(body))
		}
		if n := signal.Held(d); n != 0 {
			t.Errorf("a request that is over still holds %d bytes", n)
		}
	})
}
