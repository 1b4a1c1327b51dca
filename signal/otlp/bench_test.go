package otlp

import (
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

// BenchmarkSpans is a request of 1000 spans after the other over loopback,
// client and server together, with a sink that keeps nothing.
func BenchmarkSpans(b *testing.B) {
	const n = 1000
	body := string(proto3(b, traces(n)))
	frame := string(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body)))) + body
	for _, tt := range []struct {
		name, path, typ, body string
		http2                 bool
	}{
		{"http", "/v1/traces", typeProtobuf, body, false},
		{"grpc", "/opentelemetry.proto.collector.trace.v1.TraceService/Export", typeGRPC, frame, true},
	} {
		b.Run(tt.name, func(b *testing.B) {
			d, sink := signaltest.Doors(signal.Limits{})
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			srv := &http.Server{Handler: d.Admit(kind, true, NewHandler(d))}
			tr := &http.Transport{}
			if tt.http2 {
				srv.Handler = NewGRPC(d, true)
				GRPCProtocols(srv)
				tr.Protocols = new(http.Protocols)
				tr.Protocols.SetUnencryptedHTTP2(true)
			}
			done := make(chan error, 1)
			go func() { done <- srv.Serve(ln) }()
			defer func() {
				tr.CloseIdleConnections()
				_ = srv.Close()
				<-done
			}()
			b.ReportAllocs()
			for b.Loop() {
				req, err := http.NewRequest("POST", "http://"+ln.Addr().String()+tt.path, strings.NewReader(tt.body))
				if err != nil {
					b.Fatal(err)
				}
				req.Header.Set("Content-Type", tt.typ)
				resp, err := tr.RoundTrip(req)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body) // its trailer is what counts
				resp.Body.Close()
				if resp.StatusCode != 200 || tt.http2 && resp.Trailer.Get("Grpc-Status") != "0" {
					b.Fatal(resp.Status, resp.Trailer)
				}
				sink.Forget()
			}
		})
	}
}

// BenchmarkMetrics is the door alone with 1000 series that are known, and of it
// the judging of newcomers.
func BenchmarkMetrics(b *testing.B) {
	const n = 1000
	body := proto3(b, gauges(n))
	d, sink := signaltest.Doors(signal.Limits{})
	s := byName("metrics")
	export := func() {
		if _, ref := take(b.Context(), d, s, body, protobuf); ref != nil {
			b.Fatal(ref)
		}
	}
	export()
	series := sink.Series()
	b.Run("export", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			export()
			sink.Forget()
		}
	})
	b.Run("newcomers", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			judge := d.Newcomers(b.Context(), "otlp/checkout")
			for i := range series {
				if ref := judge.Take(series[i].Labels); ref != nil {
					b.Fatal(ref)
				}
			}
		}
	})
}
