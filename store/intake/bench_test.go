package intake

import (
	"fmt"
	"testing"
)

func BenchmarkAppend(b *testing.B) {
	for _, tt := range []struct {
		senders, series int
	}{{1, 1}, {64, 1}, {1, 2000}, {64, 2000}} {
		b.Run(fmt.Sprintf("senders=%d/series=%d", tt.senders, tt.series), func(b *testing.B) {
			l, err := Open(b.TempDir(), Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			batch := remoteWrite(tt.series, 8, 1)
			b.ReportAllocs()
			if tt.senders == 1 {
				for b.Loop() {
					if _, err := l.Append(b.Context(), batch); err != nil {
						b.Fatal(err)
					}
				}
			} else {
				b.SetParallelism(tt.senders / 2) // times GOMAXPROCS
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if _, err := l.Append(b.Context(), batch); err != nil {
							b.Error(err)
						}
					}
				})
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "batches/s")
			b.ReportMetric(float64(b.N*tt.series)/b.Elapsed().Seconds(), "samples/s")
		})
	}
}
