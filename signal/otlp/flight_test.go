package otlp

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

// half sends the first bytes of a message over gRPC and keeps the call open.
func half(t *testing.T, addr string, announced, sent int) (end func()) {
	t.Helper()
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	r, w := io.Pipe()
	req, err := http.NewRequest("POST", "http://"+addr+"/opentelemetry.proto.collector.trace.v1.TraceService/Export", r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/grpc")
	done := make(chan struct{})
	go func() {
		defer close(done)
		if resp, err := tr.RoundTrip(req); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	}()
	head := binary.BigEndian.AppendUint32([]byte{0}, uint32(announced))
	if _, err := w.Write(append(head, make([]byte, sent)...)); err != nil {
		t.Fatal(err)
	}
	return func() {
		w.CloseWithError(io.ErrClosedPipe)
		<-done
		tr.CloseIdleConnections()
	}
}

// Messages that are being received count as in flight, and no longer than they
// are; what is refused for it may be sent again.
func TestGRPCMessagesInFlight(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{InFlightBytes: 1600 << 10})
	d.Keys = new(signal.Keys)
	if err := d.Keys.Set([]signal.Named{{Name: "shop", Digest: signal.Digest("t")}}); err != nil {
		t.Fatal(err)
	}
	addr, conn := serveGRPC(t, d)
	export := func(token string) error {
		ctx := t.Context()
		if token != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
		}
		_, err := ptraceotlp.NewGRPCClient(conn).Export(ctx, traces(12_000))
		return err
	}
	end := half(t, addr, 1000<<10, 900<<10)
	var err error
	for i := 0; i < 100 && err == nil; i++ { // until all of it has come
		time.Sleep(10 * time.Millisecond)
		err = export("")
	}
	if st := status.Convert(err); st.Code() != codes.ResourceExhausted || len(st.Details()) != 1 {
		t.Errorf("while much is in flight: %v", err)
	}
	if err := export("shop"); status.Code(err) != codes.Unauthenticated {
		t.Errorf("a wrong token: %v", err)
	}
	end()
	for i := 0; ; i++ {
		if err = export(""); err == nil || i == 100 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if err := export("t"); err != nil {
		t.Errorf("a named source: %v", err)
	}
	named := 0
	for _, s := range d.Sources.Sources() {
		if s.Name == "shop" && s.Accepted == 12_000 {
			named++
		}
	}
	if b := sink.Batches(); named != 1 || b[len(b)-1].Source != "shop" {
		t.Errorf("accounts: %+v", d.Sources.Sources())
	}
	signaltest.Law(t, d, sink)
}

// What is no gRPC, or no message, is answered in words.
func TestGRPCNonsense(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{})
	addr, _ := serveGRPC(t, d)
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	defer tr.CloseIdleConnections()
	ofThree := proto3(t, traces(3))
	const traces = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
	for _, tt := range []struct {
		name, path, typ, enc, body string
		code                       codes.Code
		text                       string
	}{
		{"another method", "/grpc.health.v1.Health/Check", "application/grpc", "", "\x00\x00\x00\x00\x00", codes.Unimplemented, "is not served here"},
		{"no message", traces, "application/grpc+proto", "", "", codes.InvalidArgument, "there is none"},
		{"half a message", traces, "application/grpc", "", "\x00\x00\x00\x00\x09abc", codes.InvalidArgument, "broken after 3 bytes"},
		{"an unknown compression", traces, "application/grpc", "zip", "\x01\x00\x00\x00\x01a", codes.InvalidArgument, `encoding "zip" is not taken here`},
		{"not gzip", traces, "application/grpc", "gzip", "\x01\x00\x00\x00\x01a", codes.InvalidArgument, "not gzip"},
		{"too long", traces, "application/grpc", "", "\x00\xff\xff\xff\xff", codes.ResourceExhausted, "4294967295 bytes, more than"},
		{"not zstd", traces, "application/grpc", "zstd", "\x01\x00\x00\x00\x01a", codes.InvalidArgument, "not zstd"},
		{"zstd", traces, "application/grpc", "zstd", frameZstd(t, ofThree), codes.OK, ""},
		{"two messages", traces, "application/grpc", "", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", codes.InvalidArgument, "there is another behind it; send one message in each call"},
		{"nothing in it", traces, "application/grpc", "", "\x00\x00\x00\x00\x00", codes.OK, ""},
	} {
		req, err := http.NewRequest("POST", "http://"+addr+tt.path, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", tt.typ)
		req.Header.Set("Grpc-Encoding", tt.enc)
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 || resp.Trailer.Get("Grpc-Status") != fmt.Sprint(int(tt.code)) || !strings.Contains(resp.Trailer.Get("Grpc-Message"), tt.text) {
			t.Errorf("%s: %d %v, want %d %s", tt.name, resp.StatusCode, resp.Trailer, tt.code, tt.text)
		}
	}
	resp, err := tr.RoundTrip(httptest.NewRequest("GET", "http://"+addr+"/", nil))
	if err != nil || resp.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("a browser: %v %v", resp, err)
	}
	signaltest.Law(t, d, sink)
	if b := sink.Batches(); len(b) != 1 || len(b[0].Spans) != 3 {
		t.Errorf("%d batches came, want the one with three spans", len(b))
	}
}

// frameZstd is a message of gRPC, compressed.
func frameZstd(t *testing.T, msg []byte) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	packed := w.EncodeAll(msg, nil)
	return string(append(binary.BigEndian.AppendUint32([]byte{1}, uint32(len(packed))), packed...))
}

func FuzzGRPCMessage(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x00"), "gzip")
	f.Add([]byte("\x01\x00\x00\x00\x03abc"), "gzip")
	f.Add([]byte{}, "")
	f.Fuzz(func(t *testing.T, body []byte, enc string) {
		d, _ := signaltest.Doors(signal.Limits{PlainBytes: 4096, InFlightBytes: 64 << 10})
		g := &grpcDoor{doors: d, open: true}
		r, err := http.NewRequest("POST", "http://x/", strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header["Grpc-Encoding"] = []string{enc}
		got, free, ref := g.message(r)
		if ref == nil {
			if len(got) > 4096 || body[0]&1 == 0 && string(got) != string(body[5:]) {
				t.Errorf("%q became %q", body, got)
			}
			free()
		}
		if _, free, ref := d.Unpack(t.Context(), strings.NewReader("x"), 1, "", signal.Body{Most: 10}); ref != nil {
			t.Error("something is still held")
		} else {
			free()
		}
	})
}
