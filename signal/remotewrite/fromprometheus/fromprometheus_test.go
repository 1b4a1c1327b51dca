// Package fromprometheus_test lets Prometheus' own remote storage send to the
// door: a database's log, read and sent by the queues that every Prometheus has.
// It stands apart because those bring half of Prometheus with them.
package fromprometheus_test

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/storage/remote"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
	"go.yaml.in/yaml/v3"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/remotewrite"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

func TestPrometheusSends(t *testing.T) {
	for _, message := range []string{"prometheus.WriteRequest", "io.prometheus.write.v2.Request"} {
		t.Run(message, func(t *testing.T) { sendWith(t, message) })
	}
}

func sendWith(t *testing.T, message string) {
	d, sink := signaltest.Doors(signal.Limits{})
	srv := httptest.NewServer(remotewrite.NewHandler(d))
	defer srv.Close()
	dir := t.TempDir()
	opt := tsdb.DefaultOptions()
	opt.EnableMetadataWALRecords = true
	db, err := tsdb.Open(dir, nil, nil, opt, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	reg := prometheus.NewRegistry()
	rs := remote.NewStorage(nil, reg, func() (int64, error) { return 0, nil }, dir, 5*time.Second, nil, false)
	var rw config.RemoteWriteConfig
	if err := yaml.Unmarshal([]byte(fmt.Sprintf("url: %s\nprotobuf_message: %s\nsend_native_histograms: true\nqueue_config: {batch_send_deadline: 50ms}\nmetadata_config: {send: false}\n", srv.URL, message)), &rw); err != nil {
		t.Fatal(err)
	}
	cfg := config.DefaultConfig
	cfg.RemoteWriteConfigs = []*config.RemoteWriteConfig{&rw}
	if err := rs.ApplyConfig(&cfg); err != nil {
		t.Fatal(err)
	}
	defer rs.Close()

	now := time.Now().UnixMilli() + 1000 // the queue leaves out what was before it
	const n = 50
	fill(t, db, now, n)
	version2 := message != "prometheus.WriteRequest"
	all := int64(3 * n)
	if version2 {
		all = 4 * n // with bounds of their own histograms are sent only there
	}
	for begun := time.Now(); sink.Items() < all; time.Sleep(20 * time.Millisecond) {
		rs.Notify() // the first may have come before the queue was listening
		if time.Since(begun) > 20*time.Second {
			t.Fatalf("%d of %d samples came; %+v", sink.Items(), all, d.Sources.Sources())
		}
	}
	check(t, sink, now, n, version2)
	signaltest.Law(t, d, sink)
	signaltest.WellFormed(t, sink)
	for _, s := range d.Sources.Sources() {
		if s.Refused != 0 || s.Accepted != all {
			t.Errorf("%+v", s)
		}
	}
	// The sender has no failures: in version 2 it compares what it sent with
	// what the headers of the answer say is written.
	for _, name := range []string{"prometheus_remote_storage_samples_failed_total", "prometheus_remote_storage_histograms_failed_total"} {
		if v := counter(t, reg, name); v != 0 {
			t.Errorf("%s is %v", name, v)
		}
	}
}

func counter(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() == name && len(f.GetMetric()) > 0 {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Errorf("no metric %s", name)
	return 0
}

// fill appends n samples of a float, an integer histogram, a float one, and one
// with bounds of its own.
func fill(t *testing.T, db *tsdb.DB, now int64, n int) {
	t.Helper()
	app := db.Appender(t.Context())
	describe := func(ls labels.Labels, typ model.MetricType) {
		if _, err := app.UpdateMetadata(0, ls, metadata.Metadata{Type: typ, Help: "Help.", Unit: "seconds"}); err != nil {
			t.Fatal(err)
		}
	}
	series := func(name string) labels.Labels {
		return labels.FromStrings("__name__", name, "job", "checkout", "tier", "web")
	}
	for i := range n {
		at := now + int64(i)*1000
		_, err1 := app.Append(0, series("requests_total"), at, float64(i)*1.5)
		_, err2 := app.AppendHistogram(0, series("lat"), at, tsdbutil.GenerateTestHistogram(int64(i)), nil)
		_, err3 := app.AppendHistogram(0, series("lat_float"), at, nil, tsdbutil.GenerateTestFloatHistogram(int64(i)))
		_, err4 := app.AppendHistogram(0, series("lat_bounds"), at, tsdbutil.GenerateTestCustomBucketsHistogram(int64(i)), nil)
		if err1 != nil || err2 != nil || err3 != nil || err4 != nil {
			t.Fatal(err1, err2, err3, err4)
		}
		if i == 0 {
			describe(series("requests_total"), model.MetricTypeCounter)
			describe(series("lat"), model.MetricTypeHistogram)
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
}

func check(t *testing.T, sink *signaltest.Sink, now int64, n int, told bool) {
	t.Helper()
	floats, ints := 0, map[string]int{}
	for _, b := range sink.Batches() {
		for _, s := range b.Series {
			for _, p := range s.Points {
				if i := (p.T - now) / 1000; p.V != float64(i)*1.5 || s.Labels.String() != `requests_total{job="checkout",tier="web"}` {
					t.Errorf("%s at %d is %v", s.Labels, i, p.V)
				}
				floats++
			}
			if told && (s.Type != fact.Counter || s.Help != "Help." || s.Unit != "seconds") {
				t.Errorf("%s is %d, %q in %q", s.Labels, s.Type, s.Help, s.Unit)
			}
		}
		for _, s := range b.Histograms {
			for _, p := range s.Points {
				i := (p.T - now) / 1000
				var want fmt.Stringer
				switch s.Labels.Name() {
				case "lat":
					want = tsdbutil.GenerateTestHistogram(i)
				case "lat_float":
					want = tsdbutil.GenerateTestFloatHistogram(i)
				case "lat_bounds":
					want = tsdbutil.GenerateTestCustomBucketsHistogram(i)
				}
				if got := asPrometheus(p.H); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s at %d is %s, want %s", s.Labels, i, got, want)
				}
				ints[s.Labels.Name()]++
			}
			if told && s.Labels.Name() == "lat" && s.Help != "Help." {
				t.Errorf("%s is %q", s.Labels, s.Help)
			}
		}
	}
	bounds := 0
	if told {
		bounds = n
	}
	if floats != n || ints["lat"] != n || ints["lat_float"] != n || ints["lat_bounds"] != bounds {
		t.Errorf("%d floats, histograms %v, want %d of each", floats, ints, n)
	}
}

// asPrometheus writes a histogram as Prometheus has it.
func asPrometheus(h *fact.Histogram) fmt.Stringer {
	spans := func(in []fact.BucketSpan) (out []histogram.Span) {
		for _, s := range in {
			out = append(out, histogram.Span(s))
		}
		return out
	}
	if h.Float {
		return &histogram.FloatHistogram{
			Schema: h.Schema, ZeroThreshold: h.ZeroThreshold, ZeroCount: h.ZeroCountF, Count: h.CountF, Sum: h.Sum, CustomValues: h.Bounds,
			PositiveSpans: spans(h.Positive.Spans), PositiveBuckets: h.Positive.Counts, NegativeSpans: spans(h.Negative.Spans), NegativeBuckets: h.Negative.Counts,
		}
	}
	return &histogram.Histogram{
		Schema: h.Schema, ZeroThreshold: h.ZeroThreshold, ZeroCount: h.ZeroCount, Count: h.Count, Sum: h.Sum, CustomValues: h.Bounds,
		PositiveSpans: spans(h.Positive.Spans), PositiveBuckets: h.Positive.Deltas, NegativeSpans: spans(h.Negative.Spans), NegativeBuckets: h.Negative.Deltas,
	}
}
