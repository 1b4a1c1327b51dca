//go:build unix

package spans_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/spans"
	"github.com/steersman-ops/steersman/store/storetest/spanstest"
)

// typical returns n spans as services with OpenTelemetry write them: traces of
// ten spans through five of twenty services, each call seen by the caller and
// the callee, a trace every ten milliseconds up to the time of the suite.
func typical(n int) []fact.Span {
	r := rand.New(rand.NewPCG(1, 2))
	routes := []string{"/orders/{id}", "/cart", "/pay", "/stock/{sku}", "/users/{id}"}
	out := make([]fact.Span, 0, n+10)
	for len(out) < n {
		start := spanstest.Now().Add(-time.Duration(n-len(out)) * time.Millisecond).UnixNano()
		var trace [16]byte
		binary.BigEndian.PutUint64(trace[:], r.Uint64())
		binary.BigEndian.PutUint64(trace[8:], r.Uint64())
		var parent [8]byte
		for depth := range 5 {
			svc, next := r.IntN(20), r.IntN(20)
			route := routes[r.IntN(len(routes))]
			start += int64(r.IntN(1e6))
			took := int64(5-depth)*4e6 + int64(r.IntN(3e6))
			sp := fact.Span{
				TraceID: trace, Parent: parent, Entity: fact.Entity{Kind: fact.Service, Namespace: "shop", Name: fmt.Sprintf("service-%d", svc)},
				Instance: fmt.Sprintf("service-%d-%d", svc, r.IntN(3)), Version: "v1", Failed: r.IntN(1000) == 0, Start: start, End: start + took,
			}
			server, client := sp, sp
			binary.BigEndian.PutUint64(server.ID[:], r.Uint64())
			server.Kind, server.Name = fact.SpanServer, "POST "+route
			server.Attrs = fact.LabelsOf("http.route", route, "http.request.method", "POST", "http.response.status_code", "200", "url.path", fmt.Sprintf("/orders/%d", r.IntN(1e5)), "user_agent.original", "okhttp/4.12")
			binary.BigEndian.PutUint64(client.ID[:], r.Uint64())
			client.Kind, client.Name, client.Parent, client.Peer = fact.SpanClient, "POST", server.ID, fmt.Sprintf("service-%d", next)
			client.Start, client.End = start+5e5, start+took-5e5
			client.Attrs = fact.LabelsOf("http.request.method", "POST", "http.response.status_code", "200", "server.address", client.Peer, "server.port", "8080")
			out, parent = append(out, server, client), client.ID
		}
	}
	return out[:n]
}

func batches(all []fact.Span, size int) []*fact.Batch {
	var out []*fact.Batch
	for ; len(all) > 0; all = all[min(size, len(all)):] {
		out = append(out, &fact.Batch{Source: "bench", Received: spanstest.Now().UnixMilli(), Spans: all[:min(size, len(all))]})
	}
	return out
}

// BenchmarkPut brings spans to the disk, as the keeper does.
func BenchmarkPut(b *testing.B) {
	const n = 200_000
	all := batches(typical(n), 1000)
	b.ResetTimer()
	var bytes int64
	began := processorTime(b)
	for range b.N {
		dir := b.TempDir()
		s := open(b, dir, options())
		fill(b, s, all)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		bytes = folder(b, dir)
	}
	b.ReportMetric(float64(b.N)*n/(processorTime(b)-began).Seconds(), "spans/s/core")
	b.ReportMetric(float64(bytes)/n, "B/span")
}

func fill(b *testing.B, s *spans.Store, all []*fact.Batch) {
	b.Helper()
	for i, batch := range all {
		if _, err := s.Put(b.Context(), uint64(i+1), batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Sync(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// processorTime is what the process has used so far: with what runs in the
// background, and without what others on the machine take.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func folder(b *testing.B, dir string) (n int64) {
	err := filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			n += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkTrace looks for traces among a million spans.
func BenchmarkTrace(b *testing.B) {
	const n = 1_000_000
	s := open(b, b.TempDir(), options())
	defer s.Close()
	all := typical(n)
	fill(b, s, batches(all, 1000))
	b.Run("there", func(b *testing.B) {
		i, began := 0, processorTime(b)
		for b.Loop() {
			i = (i + 77_770) % n
			a, err := s.Trace(b.Context(), all[i].TraceID)
			if err != nil || a.TimedOut || len(a.Spans) != 10 {
				b.Fatal(len(a.Spans), a.TimedOut, err)
			}
		}
		b.ReportMetric(float64((processorTime(b)-began).Microseconds())/1000/float64(b.N), "cpu-ms/op")
	})
	b.Run("not there", func(b *testing.B) {
		for b.Loop() {
			if a, err := s.Trace(b.Context(), [16]byte{1}); err != nil || a.TimedOut || len(a.Spans) != 0 {
				b.Fatal(len(a.Spans), a.TimedOut, err)
			}
		}
	})
	for _, tt := range []struct {
		name, query string
		q           spans.Query
	}{
		{"newest", "", spans.Query{}},
		{"failed of a service", "", spans.Query{Service: "service-7", Failed: true}},
		{"slow", "", spans.Query{AtLeast: 22900 * time.Microsecond}},
		{"attribute", "url.path=/orders/77", spans.Query{}},
		{"operation", "kind=server", spans.Query{Operation: "POST /pay", Service: "service-3"}},
	} {
		b.Run(tt.name, func(b *testing.B) {
			var err error
			if tt.q.Terms, err = spans.ParseTerms(tt.query); err != nil {
				b.Fatal(err)
			}
			tt.q.Limit = 100
			found := 0
			for b.Loop() {
				a, err := s.Search(b.Context(), tt.q)
				if err != nil || a.TimedOut {
					b.Fatal(a.TimedOut, err)
				}
				found = len(a.Spans)
			}
			b.ReportMetric(float64(found), "spans")
		})
	}
}
