package otlp

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

// What a request says once, and is written for each of its series or lines, is
// bounded as it is written.
func TestWhatIsWrittenOutIsBounded(t *testing.T) {
	const n = 5000
	md := pmetric.NewMetrics()
	m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("m")
	h := m.SetEmptyHistogram()
	h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := h.DataPoints().AppendEmpty()
	p.SetTimestamp(1772366400e9)
	for i := range 16 {
		p.Attributes().PutStr(fmt.Sprintf("a%d", i), strings.Repeat("x", 4000))
	}
	for i := range n {
		p.ExplicitBounds().Append(float64(i))
		p.BucketCounts().Append(0)
	}
	p.BucketCounts().Append(0)
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	for _, name := range []string{"host.name", "process.pid", "k8s.pod.name", "k8s.node.name", "container.id"} {
		rl.Resource().Attributes().PutStr(name, strings.Repeat("x", 200))
	}
	list := rl.ScopeLogs().AppendEmpty().LogRecords()
	for range n {
		list.AppendEmpty()
	}
	for _, tt := range []struct {
		path string
		body []byte
	}{
		{"/v1/metrics", proto3(t, pmetricotlp.NewExportRequestFromMetrics(md))},
		{"/v1/logs", proto3(t, plogotlp.NewExportRequestFromLogs(ld))},
	} {
		d, sink := signaltest.Doors(signal.Limits{PlainBytes: 512 << 10})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		w := post(d, tt.path, typeProtobuf, "", tt.body)
		runtime.ReadMemStats(&after)
		if w.Code != 413 || !strings.Contains(w.Body.String(), "are more than 2097152 bytes when they are written out") {
			t.Errorf("%s: %d %s", tt.path, w.Code, w.Body)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 32<<20 {
			t.Errorf("%s: %d bytes took %d", tt.path, len(tt.body), took)
		}
		signaltest.Law(t, d, sink)
	}
}
