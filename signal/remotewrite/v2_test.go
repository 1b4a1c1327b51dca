package remotewrite

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

const v2Type = "application/x-protobuf;proto=io.prometheus.write.v2.Request"

func marshal2(t testing.TB, r *writev2.Request) []byte {
	t.Helper()
	b, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// request2 is what request is, in version 2.
func request2(n int) *writev2.Request {
	table := writev2.NewSymbolTable()
	out := &writev2.Request{}
	help := table.Symbolize("How long requests took.")
	unit := table.Symbolize("seconds")
	for _, ts := range request(n).Timeseries {
		b := labels.NewScratchBuilder(8)
		for _, l := range ts.Labels {
			b.Add(l.Name, l.Value)
		}
		out.Timeseries = append(out.Timeseries, writev2.TimeSeries{
			LabelsRefs: table.SymbolizeLabels(b.Labels(), nil),
			Samples:    []writev2.Sample{{Value: ts.Samples[0].Value, Timestamp: ts.Samples[0].Timestamp, StartTimestamp: 7}},
			Metadata:   writev2.Metadata{Type: writev2.Metadata_METRIC_TYPE_HISTOGRAM, HelpRef: help, UnitRef: unit},
		})
	}
	out.Symbols = table.Symbols()
	return out
}

// oracle2 decodes with the generated decoder, writes the request as one of
// version 1, and asks the oracle of that.
func oracle2(t *testing.T, body []byte, lim signal.Limits) (series []fact.Series, native []fact.HistogramSeries, exemplars []fact.Exemplar, refused int, err error) {
	t.Helper()
	var r writev2.Request
	if err := r.Unmarshal(body); err != nil {
		return nil, nil, nil, 0, err
	}
	if len(r.Symbols) > lim.Objects {
		return nil, nil, nil, 0, errors.New("too many symbols")
	}
	one := &prompb.WriteRequest{}
	text := func(ref uint32) string {
		if int(ref) >= len(r.Symbols) {
			err = errors.New("dangling")
			return ""
		}
		return r.Symbols[ref]
	}
	for _, in := range r.Timeseries {
		ts := prompb.TimeSeries{}
		if len(in.LabelsRefs)%2 != 0 {
			err = errors.New("odd")
			continue
		}
		for i := 0; i < len(in.LabelsRefs); i += 2 {
			ts.Labels = append(ts.Labels, prompb.Label{Name: text(in.LabelsRefs[i]), Value: text(in.LabelsRefs[i+1])})
		}
		for _, ref := range []uint32{in.Metadata.HelpRef, in.Metadata.UnitRef} {
			if ref != 0 {
				text(ref)
			}
		}
		for _, s := range in.Samples {
			ts.Samples = append(ts.Samples, prompb.Sample{Value: s.Value, Timestamp: s.Timestamp})
		}
		for _, e := range in.Exemplars {
			x := prompb.Exemplar{Value: e.Value, Timestamp: e.Timestamp}
			dangles := func(ref uint32) bool { return int(ref) >= len(r.Symbols) }
			if refs := e.LabelsRefs; len(refs)%2 == 0 && !slices.ContainsFunc(refs, dangles) {
				for i := 0; i < len(refs); i += 2 {
					x.Labels = append(x.Labels, prompb.Label{Name: r.Symbols[refs[i]], Value: r.Symbols[refs[i+1]]})
				}
			}
			ts.Exemplars = append(ts.Exemplars, x)
		}
		for i := range in.Histograms {
			b, err := in.Histograms[i].Marshal()
			if err != nil {
				t.Fatal(err)
			}
			ts.Histograms = append(ts.Histograms, prompb.Histogram{})
			if err := ts.Histograms[i].Unmarshal(b); err != nil { // the fields are the same
				t.Fatal(err)
			}
		}
		one.Timeseries = append(one.Timeseries, ts)
	}
	if err != nil {
		return nil, nil, nil, 0, err
	}
	return oracle(marshal(t, one), lim)
}

func same2(t *testing.T, d *decoder, body []byte) {
	t.Helper()
	want, native, exemplars, refused, err := oracle2(t, body, d.limits)
	got, ref := d.decode2(body, nil)
	if err != nil && ref == nil && strings.Contains(err.Error(), "StartTimestamp") {
		return // what is of no use is not read
	}
	if err == nil && ref != nil && (strings.Contains(ref.Error(), "it ends within a field") || ref.Reason == signal.TooLarge) {
		return
	}
	if err != nil && ref == nil && got.tally.Refused[signal.BadLabels] > 0 {
		return // of labels beyond the limit not all references are read
	}
	if (err != nil) != (ref != nil) {
		t.Fatalf("%x: the generated decoder says %v, ours %v", body, err, ref)
	}
	if err != nil {
		return
	}
	if n := got.tally.RefusedAll(); n != int64(refused) {
		t.Fatalf("%x: refused %d, want %d (%s)", body, n, refused, got.tally.Last)
	}
	if len(got.series) != len(want) {
		t.Fatalf("%x: %d series, want %d", body, len(got.series), len(want))
	}
	for i, w := range want {
		g := got.series[i]
		if g.Labels != w.Labels || !samePoints(g.Points, w.Points) {
			t.Fatalf("%x: series %d is\n%v %v, want\n%v %v", body, i, g.Labels, g.Points, w.Labels, w.Points)
		}
	}
	sameNative(t, body, got.histograms, native)
	sameExemplars(t, body, got.exemplars, exemplars)
}

// Whatever is in a request of version 2, the decoder and the generated one
// agree, the first time and when the series are known.
func TestDecode2AgainstGenerated(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	d := newDecoder(signal.Limits{KnownSeries: 200})
	for range 3000 {
		body := marshal2(t, randomRequest2(r))
		same2(t, d, body)
		same2(t, d, body)
		for range 3 { // and broken ones
			broken := append([]byte(nil), body...)
			switch r.IntN(3) {
			case 0:
				broken = broken[:r.IntN(len(broken)+1)]
			case 1:
				if len(broken) > 0 {
					broken[r.IntN(len(broken))] ^= 1 << r.IntN(8)
				}
			case 2:
				at := r.IntN(len(broken) + 1)
				broken = append(broken[:at:at], append([]byte{byte(r.Uint32()), byte(r.Uint32())}, broken[at:]...)...)
			}
			same2(t, d, broken)
		}
	}
}

func randomRequest2(r *rand.Rand) *writev2.Request {
	table := writev2.NewSymbolTable()
	out := &writev2.Request{}
	for _, in := range randomRequest(r).Timeseries {
		var ts writev2.TimeSeries
		for _, l := range in.Labels {
			ts.LabelsRefs = append(ts.LabelsRefs, table.Symbolize(l.Name), table.Symbolize(l.Value))
		}
		for _, s := range in.Samples {
			ts.Samples = append(ts.Samples, writev2.Sample{Value: s.Value, Timestamp: s.Timestamp, StartTimestamp: int64(r.IntN(3))})
		}
		for i := range in.Histograms {
			b, _ := in.Histograms[i].Marshal()
			ts.Histograms = append(ts.Histograms, writev2.Histogram{})
			_ = ts.Histograms[i].Unmarshal(b)
		}
		for _, e := range in.Exemplars {
			x := writev2.Exemplar{Value: e.Value, Timestamp: e.Timestamp}
			for _, l := range e.Labels {
				x.LabelsRefs = append(x.LabelsRefs, table.Symbolize(l.Name), table.Symbolize(l.Value))
			}
			if r.IntN(10) == 0 {
				x.LabelsRefs = append(x.LabelsRefs, uint32(r.IntN(60)))
			}
			ts.Exemplars = append(ts.Exemplars, x)
		}
		if r.IntN(2) == 0 {
			ts.Metadata = writev2.Metadata{Type: writev2.Metadata_MetricType(r.IntN(9)), HelpRef: table.Symbolize([]string{"", "Help.", "\xff", strings.Repeat("h", 5000)}[r.IntN(4)])}
		}
		if r.IntN(30) == 0 {
			ts.LabelsRefs = append(ts.LabelsRefs, uint32(r.IntN(30)), uint32(r.IntN(30)))
		}
		out.Timeseries = append(out.Timeseries, ts)
	}
	out.Symbols = table.Symbols()
	return out
}

func FuzzDecode2(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 3} {
		f.Add(marshal2(f, request2(n)))
	}
	for range 5 {
		f.Add(marshal2(f, randomRequest2(r)))
	}
	d := newDecoder(signal.Limits{KnownSeries: 64, Labels: 8, LabelNameBytes: 20, LabelValueBytes: 60})
	f.Fuzz(func(t *testing.T, body []byte) {
		same2(t, d, body)
		same2(t, d, body)
	})
}

func TestMetadata2(t *testing.T) {
	d := newDecoder(signal.Limits{})
	for _, tt := range []struct {
		metric string
		typ    writev2.Metadata_MetricType
		want   fact.SeriesType
	}{
		{"http_requests_total", writev2.Metadata_METRIC_TYPE_COUNTER, fact.Counter},
		{"lat_bucket", writev2.Metadata_METRIC_TYPE_HISTOGRAM, fact.Counter},
		{"lat_sum", writev2.Metadata_METRIC_TYPE_HISTOGRAM, fact.Counter},
		{"gc", writev2.Metadata_METRIC_TYPE_SUMMARY, fact.Gauge},
		{"gc_count", writev2.Metadata_METRIC_TYPE_SUMMARY, fact.Counter},
		{"queue_count", writev2.Metadata_METRIC_TYPE_GAUGE, fact.Gauge},
		{"build_info", writev2.Metadata_METRIC_TYPE_INFO, fact.Gauge},
		{"odd", writev2.Metadata_METRIC_TYPE_UNSPECIFIED, fact.Untyped},
		{"newer", 99, fact.Untyped},
	} {
		req := &writev2.Request{Symbols: []string{"", "__name__", tt.metric, "Help.", "seconds"}, Timeseries: []writev2.TimeSeries{{
			LabelsRefs: []uint32{1, 2}, Samples: []writev2.Sample{{Timestamp: 1}}, Metadata: writev2.Metadata{Type: tt.typ, HelpRef: 3, UnitRef: 4},
		}}}
		for range 2 {
			res, ref := d.decode2(marshal2(t, req), nil)
			if ref != nil || res.series[0].Type != tt.want || res.series[0].Help != "Help." || res.series[0].Unit != "seconds" {
				t.Errorf("%s: %+v, %v, want type %d", tt.metric, res.series, ref, tt.want)
			}
		}
	}
	again := &writev2.Request{Symbols: []string{"", "__name__", "gc", "Other."}, Timeseries: []writev2.TimeSeries{
		{LabelsRefs: []uint32{1, 2}, Samples: []writev2.Sample{{Timestamp: 1}}},
		{LabelsRefs: []uint32{1, 2}, Samples: []writev2.Sample{{Timestamp: 2}}, Metadata: writev2.Metadata{Type: writev2.Metadata_METRIC_TYPE_COUNTER, HelpRef: 3}},
	}}
	if res, ref := d.decode2(marshal2(t, again), nil); ref != nil || res.series[1].Type != fact.Counter || res.series[1].Help != "Other." {
		t.Errorf("told otherwise: %+v, %v", res.series, ref)
	}
}

func TestKnownSeriesOfVersion2CostNoAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector empties pools at random")
	}
	d := newDecoder(signal.Limits{})
	body := marshal2(t, request2(2000))
	if _, ref := d.decode2(body, nil); ref != nil {
		t.Fatal(ref)
	}
	allocs := testing.AllocsPerRun(20, func() {
		if res, ref := d.decode2(body, nil); ref != nil || len(res.series) != 2000 || res.series[7].Type != fact.Counter {
			t.Fatal(ref)
		}
	})
	if allocs > 3 {
		t.Errorf("%v allocations for 2000 known series, want 2", allocs)
	}
}

// A few bytes that refer to long texts again and again do not become many.
func TestReferencesAreNoBomb(t *testing.T) {
	req := &writev2.Request{Symbols: []string{"", "__name__", "up"}}
	refs := []uint32{1, 2}
	for i := range 60 {
		req.Symbols = append(req.Symbols, fmt.Sprintf("l%d", i), strings.Repeat("x", 4000))
		refs = append(refs, uint32(3+2*i), uint32(4+2*i))
	}
	for range 40_000 {
		req.Timeseries = append(req.Timeseries, writev2.TimeSeries{LabelsRefs: refs, Samples: []writev2.Sample{{Timestamp: 1}}})
	}
	_, ref := newDecoder(signal.Limits{}).decode2(marshal2(t, req), nil)
	if want := "request: its labels are more than 33554432 bytes when they are written out; lower max_samples_per_send or raise limits.plain_bytes"; ref == nil || ref.Error() != want {
		t.Errorf("said %v, want %s", ref, want)
	}
	req = &writev2.Request{Symbols: make([]string, 1001)}
	if _, ref := newDecoder(signal.Limits{Objects: 1000}).decode2(marshal2(t, req), nil); ref == nil || ref.Reason != signal.TooMany {
		t.Errorf("symbols: %v", ref)
	}
}

// The headers say what was kept of each kind.
func TestHistogramsAreCounted(t *testing.T) {
	h := randomHistogram(rand.New(rand.NewPCG(9, 9)))
	h.Timestamp = 1
	b, err := h.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	two := request2(2)
	var h2 writev2.Histogram
	if err := h2.Unmarshal(b); err != nil {
		t.Fatal(err)
	}
	bad := writev2.Histogram{Count: &writev2.Histogram_CountInt{CountInt: 9}}
	two.Timeseries[1].Histograms = []writev2.Histogram{h2, bad, h2}
	one := request(2)
	one.Timeseries[1].Histograms = []prompb.Histogram{h, {Count: &prompb.Histogram_CountInt{CountInt: 9}}, h}
	for typ, body := range map[string][]byte{v2Type: marshal2(t, two), "application/x-protobuf": marshal(t, one)} {
		d, sink := signaltest.Doors(signal.Limits{})
		w := send(NewHandler(d), "/api/v1/write", typ, "snappy", snappy.Encode(nil, body))
		if w.Code != 400 || !strings.Contains(w.Body.String(), "a native histogram contradicts itself: its count is 9, its buckets count 0 (4 of 5 samples of this request were kept)") {
			t.Errorf("%s: %d %s", typ, w.Code, w.Body)
		}
		if got := headers(w); got != "2 2 0" {
			t.Errorf("%s: written %s, want 2 2 0", typ, got)
		}
		signaltest.Law(t, d, sink)
		signaltest.WellFormed(t, sink)
		sink.Fail(fact.ErrBusy)
		if w := send(NewHandler(d), "/api/v1/write", typ, "snappy", snappy.Encode(nil, body)); w.Code != 429 || headers(w) != "0 0 0" {
			t.Errorf("%s: busy: %d, written %s", typ, w.Code, headers(w))
		}
	}
}

func headers(w *httptest.ResponseRecorder) string {
	const p = "X-Prometheus-Remote-Write-"
	return w.Header().Get(p+"Samples-Written") + " " + w.Header().Get(p+"Histograms-Written") + " " + w.Header().Get(p+"Exemplars-Written")
}

func BenchmarkDecode2(b *testing.B) {
	body := marshal2(b, request2(2000))
	perSample := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/2000, "ns/sample")
	}
	b.Run("ours/known", func(b *testing.B) {
		d := newDecoder(signal.Limits{})
		b.ReportAllocs()
		_, _ = d.decode2(body, nil)
		for b.Loop() {
			_, _ = d.decode2(body, nil)
		}
		perSample(b)
	})
	b.Run("ours/new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = newDecoder(signal.Limits{}).decode2(body, nil)
		}
		perSample(b)
	})
	b.Run("writev2", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var r writev2.Request
			if err := r.Unmarshal(body); err != nil {
				b.Fatal(err)
			}
		}
		perSample(b)
	})
	b.Run("histograms", func(b *testing.B) {
		r := rand.New(rand.NewPCG(1, 2))
		req := request2(500)
		for i := range req.Timeseries {
			h := randomHistogram(r)
			buf, _ := h.Marshal()
			req.Timeseries[i].Samples, req.Timeseries[i].Histograms = nil, make([]writev2.Histogram, 1)
			_ = req.Timeseries[i].Histograms[0].Unmarshal(buf)
		}
		body := marshal2(b, req)
		d := newDecoder(signal.Limits{})
		b.ReportAllocs()
		for b.Loop() {
			_, _ = d.decode2(body, nil)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/500, "ns/histogram")
	})
}
