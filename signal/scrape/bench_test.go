package scrape

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/storage"

	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

// What one sample costs from the scrape loop to the sink, once its series is known.
func BenchmarkAppend(b *testing.B) {
	const n = 1000
	d, sink := signaltest.Doors(signal.Limits{})
	to := &appendable{doors: d, puller: d.Puller("scrape:x", signal.SourceLimits{}), limits: d.Limits.WithDefaults(), known: newKnown(10 * n), patience: time.Second, stopping: b.Context()}
	refs, list := make([]storage.SeriesRef, n), make([]labels.Labels, n)
	for i := range list {
		list[i] = labels.FromStrings(model.MetricNameLabel, "node_cpu_seconds_total", "instance", "127.0.0.1:9100", "job", "node", "cpu", fmt.Sprint(i), "mode", "idle")
	}
	opt := storage.AppendV2Options{Metadata: metadata.Metadata{Type: model.MetricTypeCounter, Help: "Seconds the CPUs spent in each mode.", Unit: "seconds"}}
	b.ReportAllocs()
	for t := int64(0); b.Loop(); t++ {
		if t%n == 0 {
			sink.Forget()
		}
		a := to.AppenderV2(b.Context())
		for i := range list {
			ref, err := a.Append(refs[i], list[i], 0, t*1000, 1, nil, nil, opt)
			if err != nil {
				b.Fatal(err)
			}
			refs[i] = ref
		}
		if err := a.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/sample")
}
