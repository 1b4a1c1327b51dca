package ledger_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/steersman-ops/steersman/store/ledger"
)

func BenchmarkAppend(b *testing.B) {
	body := map[string]string{"state": "waiting", "why": "policy permits it; a person must agree", "proposal": "prop-abcdefghjkmnpqr"}
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			l, err := ledger.Open(b.TempDir(), ledger.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			var n atomic.Int64
			b.SetParallelism(max(1, writers/2)) // times GOMAXPROCS
			if writers == 1 {
				for b.Loop() {
					if _, err := l.Append(b.Context(), fmt.Sprint(n.Add(1)), "step", at, body); err != nil {
						b.Fatal(err)
					}
				}
			} else {
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if _, err := l.Append(b.Context(), fmt.Sprint(n.Add(1)), "step", at, body); err != nil {
							b.Error(err)
						}
					}
				})
			}
			b.ReportMetric(float64(l.Size())/b.Elapsed().Seconds(), "leaves/s")
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	dir := b.TempDir()
	l, err := ledger.Open(dir, ledger.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 1000 {
		if _, err := l.Append(b.Context(), fmt.Sprint(i), "step", at, "some body"); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if r, err := ledger.Verify(dir, ledger.VerifyOptions{}); err != nil || !r.OK() {
			b.Fatal(r.Problems, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/leaf")
}
