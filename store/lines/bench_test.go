//go:build unix

package lines_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/lines"
	"github.com/steersman-ops/steersman/store/storetest/linestest"
)

// typical returns n lines as services write them, one a millisecond up to the
// time of the suite.
func typical(n int) []fact.Line {
	r := rand.New(rand.NewPCG(1, 2))
	verbs := []string{"placed", "paid", "shipped", "cancelled", "returned"}
	out := make([]fact.Line, n)
	for i := range out {
		svc := fmt.Sprintf("service-%d", r.IntN(20))
		at := linestest.Now().Add(-time.Duration(n-i) * time.Millisecond).UnixNano()
		l := fact.Line{
			At: at, Observed: at, Entity: fact.Entity{Kind: fact.Service, Namespace: "shop", Name: svc}, Instance: fmt.Sprintf("%s-%d", svc, r.IntN(3)), Version: "v1",
			Severity: fact.SeverityInfo, Level: "INFO",
			Text:   fmt.Sprintf("order %d of customer %d %s in %d ms", r.IntN(1e6), r.IntN(1e4), verbs[r.IntN(len(verbs))], r.IntN(900)),
			Fields: fact.LabelsOf("http.route", "/orders/{id}", "http.request.method", "POST", "code.function", verbs[r.IntN(len(verbs))], "thread", fmt.Sprint(r.IntN(64))),
		}
		for j := range l.TraceID {
			l.TraceID[j] = byte(r.Uint32())
		}
		for j := range l.SpanID {
			l.SpanID[j] = byte(r.Uint32())
		}
		if r.IntN(1000) == 0 {
			l.Severity, l.Level = fact.SeverityError, "ERROR"
			l.Text += fmt.Sprintf(": connection refused by 10.0.0.%d:5432", r.IntN(256))
		}
		out[i] = l
	}
	return out
}

func batches(all []fact.Line, size int) []*fact.Batch {
	var out []*fact.Batch
	for ; len(all) > 0; all = all[min(size, len(all)):] {
		out = append(out, &fact.Batch{Source: "bench", Received: linestest.Now().UnixMilli(), Lines: all[:min(size, len(all))]})
	}
	return out
}

// BenchmarkPut brings lines to the disk, as the keeper does.
func BenchmarkPut(b *testing.B) {
	const n = 200_000
	all := batches(typical(n), 1000)
	b.ResetTimer()
	var bytes int64
	began := processorTime(b)
	for range b.N {
		dir := b.TempDir()
		s := open(b, dir, options())
		for i, batch := range all {
			if _, err := s.Put(b.Context(), uint64(i+1), batch); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.Sync(b.Context()); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		bytes = folder(b, dir)
	}
	b.ReportMetric(float64(b.N)*n/(processorTime(b)-began).Seconds(), "lines/s/core")
	b.ReportMetric(float64(bytes)/n, "B/line")
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

// BenchmarkSearch searches a million lines of seventeen minutes.
func BenchmarkSearch(b *testing.B) {
	const n = 1_000_000
	s := open(b, b.TempDir(), options())
	defer s.Close()
	all := typical(n)
	for i, batch := range batches(all, 1000) {
		if _, err := s.Put(b.Context(), uint64(i+1), batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Sync(b.Context()); err != nil {
		b.Fatal(err)
	}
	trace := all[n/3].TraceID
	for _, tt := range []struct {
		name, query string
		q           lines.Query
	}{
		{"newest", "", lines.Query{}},
		{"two words", "connection refused", lines.Query{}},
		{"two words that are nowhere", "kernel panic", lines.Query{}},
		{"trace", "", lines.Query{Trace: trace}},
		{"substring", "*0.0.77:54*", lines.Query{}},
		{"substring that is nowhere", `*"ernel pani"*`, lines.Query{}},
		{"field", "thread=63 cancelled", lines.Query{}},
		{"service and severity", "", lines.Query{Service: "service-7", Severity: fact.SeverityError}},
	} {
		b.Run(tt.name, func(b *testing.B) {
			var err error
			if tt.q.Terms, err = lines.ParseTerms(tt.query); err != nil {
				b.Fatal(err)
			}
			tt.q.Limit = 100
			found := 0
			for b.Loop() {
				a, err := s.Search(b.Context(), tt.q)
				if err != nil || a.TimedOut {
					b.Fatal(a.TimedOut, err)
				}
				found = len(a.Lines)
			}
			b.ReportMetric(float64(found), "lines")
		})
	}
}
