package remotewrite

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/prompb"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
)

func lbl(pairs ...string) (out []prompb.Label) {
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, prompb.Label{Name: pairs[i], Value: pairs[i+1]})
	}
	return out
}

func ts(ls []prompb.Label, samples ...prompb.Sample) prompb.TimeSeries {
	return prompb.TimeSeries{Labels: ls, Samples: samples}
}

func marshal(t testing.TB, r *prompb.WriteRequest) []byte {
	t.Helper()
	b, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// oracle decodes with the generated decoder and applies the rules of the door
// in the most obvious way. It knows no metadata.
func oracle(body []byte, lim signal.Limits) (series []fact.Series, native []fact.HistogramSeries, exemplars []fact.Exemplar, refused int, err error) {
	var r prompb.WriteRequest
	if err := r.Unmarshal(body); err != nil {
		return nil, nil, nil, 0, err
	}
	items := 0
	for _, ts := range r.Timeseries {
		items += len(ts.Samples) + len(ts.Exemplars) + len(ts.Histograms)
	}
	if len(r.Timeseries) > lim.Series || items > lim.Points {
		return nil, nil, nil, 0, fmt.Errorf("too many")
	}
	for _, ts := range r.Timeseries {
		var ls []fact.Label
		ok := len(ts.Labels) <= lim.Labels
		for _, l := range ts.Labels {
			ls = append(ls, fact.Label{Name: l.Name, Value: l.Value})
			ok = ok && len(l.Name) <= lim.LabelNameBytes && len(l.Value) <= lim.LabelValueBytes
		}
		labels, err := fact.NewLabels(ls)
		if !ok || err != nil || labels.Name() == "" {
			refused += len(ts.Samples) + len(ts.Histograms) + len(ts.Exemplars)
			continue
		}
		s := fact.Series{Labels: labels}
		for _, p := range ts.Samples {
			if p.Timestamp < 0 || p.Timestamp > lastTime {
				refused++
				continue
			}
			s.Points = append(s.Points, fact.Point{T: p.Timestamp, V: p.Value})
		}
		if len(s.Points) > 0 {
			series = append(series, s)
		}
		h := fact.HistogramSeries{Labels: labels, Type: fact.Counter}
		for i := range ts.Histograms {
			p := nativeOf(&ts.Histograms[i])
			if p.T < 0 || p.T > lastTime || p.H.Check() != nil {
				refused++
				continue
			}
			h.Points = append(h.Points, p)
		}
		if len(h.Points) > 0 {
			native = append(native, h)
		}
		for _, e := range ts.Exemplars {
			x := fact.Exemplar{Series: labels, Attrs: attrsOf(e.Labels), T: e.Timestamp, V: e.Value}
			if x.Attrs.Len() == 0 || x.T < 0 || x.T > lastTime {
				refused++
				continue
			}
			exemplars = append(exemplars, x)
		}
	}
	return series, native, exemplars, refused, nil
}

// attrsOf are the labels of an exemplar, if they can be some and are not too
// long.
func attrsOf(in []prompb.Label) fact.Labels {
	var ls []fact.Label
	n := 0
	for _, l := range in {
		ls = append(ls, fact.Label{Name: l.Name, Value: l.Value})
		n += len([]rune(l.Name + l.Value))
	}
	slices.SortFunc(ls, func(a, b fact.Label) int { return strings.Compare(a.Name, b.Name) })
	out, err := fact.NewLabels(ls)
	if err != nil || n > 128 {
		return fact.Labels{}
	}
	return out
}

func sameExemplars(t *testing.T, body []byte, got, want []fact.Exemplar) {
	t.Helper()
	if a, b := fmt.Sprint(got), fmt.Sprint(want); a != b { // as texts, because NaN is not itself
		t.Fatalf("%x: exemplars\n%s, want\n%s", body, a, b)
	}
}

// nativeOf is what a histogram says, field by field.
func nativeOf(in *prompb.Histogram) fact.HistogramPoint {
	spans := func(in []prompb.BucketSpan) (out []fact.BucketSpan) {
		for _, s := range in {
			out = append(out, fact.BucketSpan{Offset: s.Offset, Length: s.Length})
		}
		return out
	}
	h := &fact.Histogram{
		Schema: in.Schema, Reset: fact.ResetHint(min(uint32(in.ResetHint), 255)), ZeroThreshold: in.ZeroThreshold, Sum: in.Sum,
		Count: in.GetCountInt(), CountF: in.GetCountFloat(), ZeroCount: in.GetZeroCountInt(), ZeroCountF: in.GetZeroCountFloat(),
		Positive: fact.Buckets{Spans: spans(in.PositiveSpans), Deltas: in.PositiveDeltas, Counts: in.PositiveCounts},
		Negative: fact.Buckets{Spans: spans(in.NegativeSpans), Deltas: in.NegativeDeltas, Counts: in.NegativeCounts},
		Bounds:   in.CustomValues,
	}
	_, h.Float = in.Count.(*prompb.Histogram_CountFloat)
	return fact.HistogramPoint{T: in.Timestamp, H: h}
}

// sameNative compares histograms as their texts, because NaN is not itself.
func sameNative(t *testing.T, body []byte, got, want []fact.HistogramSeries) {
	t.Helper()
	text := func(list []fact.HistogramSeries) (out string) {
		for _, s := range list {
			for _, p := range s.Points {
				out += fmt.Sprintf("%s %d %+v\n", s.Labels, p.T, *p.H)
			}
		}
		return out
	}
	if text(got) != text(want) {
		t.Fatalf("%x: histograms\n%s, want\n%s", body, text(got), text(want))
	}
}

// same compares what the decoder and the oracle made of body.
func same(t *testing.T, d *decoder, body []byte) {
	t.Helper()
	want, native, exemplars, refused, err := oracle(body, d.limits)
	got, ref := d.decode(body, nil)
	if err == nil && ref != nil && strings.Contains(ref.Error(), "it ends within a field") {
		return // generated decoders read beyond the end of packed numbers
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

func samePoints(a, b []fact.Point) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].T != b[i].T || math.Float64bits(a[i].V) != math.Float64bits(b[i].V) {
			return false
		}
	}
	return true
}

// Whatever is in a request, the decoder and the generated one agree, the first
// time and when the series are known.
func TestDecodeAgainstGenerated(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	d := newDecoder(signal.Limits{KnownSeries: 200}) // small, so that it forgets
	for range 3000 {
		body := marshal(t, randomRequest(r))
		same(t, d, body)
		same(t, d, body)
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
			same(t, d, broken)
		}
	}
}

func randomRequest(r *rand.Rand) *prompb.WriteRequest {
	names := []string{"__name__", "job", "instance", "a", "z", "", "ü", "\xff", strings.Repeat("n", 200)}
	values := []string{"up", "x", "", "api", "é", "\xc3", strings.Repeat("v", 300)}
	values64 := []float64{0, 1, -1.5, math.NaN(), math.Inf(1), math.Float64frombits(0x7ff0000000000002)}
	times := []int64{0, 1, 1772366400000, -1, math.MaxInt64, math.MinInt64, lastTime}
	req := &prompb.WriteRequest{}
	for range r.IntN(5) {
		var s prompb.TimeSeries
		if r.IntN(4) > 0 {
			s.Labels = lbl("__name__", values[r.IntN(2)])
		}
		for range r.IntN(5) {
			n := 5
			if r.IntN(8) == 0 {
				n = len(names)
			}
			s.Labels = append(s.Labels, prompb.Label{Name: names[1:][r.IntN(n-1)], Value: values[r.IntN(len(values))]})
		}
		for range r.IntN(4) {
			s.Samples = append(s.Samples, prompb.Sample{Value: values64[r.IntN(len(values64))], Timestamp: times[r.IntN(len(times))]})
		}
		for range r.IntN(20) / 17 {
			x := prompb.Exemplar{Value: values64[r.IntN(len(values64))], Timestamp: times[r.IntN(len(times))]}
			for range r.IntN(4) {
				x.Labels = append(x.Labels, prompb.Label{Name: names[r.IntN(len(names))], Value: values[r.IntN(len(values))]})
			}
			s.Exemplars = append(s.Exemplars, x)
		}
		if r.IntN(10) == 0 {
			s.Histograms = []prompb.Histogram{{Sum: 3}}
		}
		for range r.IntN(3) {
			s.Histograms = append(s.Histograms, randomHistogram(r))
		}
		req.Timeseries = append(req.Timeseries, s)
	}
	return req
}

// randomHistogram makes one that is right most of the time.
func randomHistogram(r *rand.Rand) prompb.Histogram {
	h := prompb.Histogram{Schema: int32(r.IntN(14) - 4), Sum: r.Float64(), ResetHint: prompb.Histogram_ResetHint(r.IntN(4)), Timestamp: int64(r.IntN(2000) - 10), ZeroThreshold: 1e-128}
	var count uint64
	side := func() (spans []prompb.BucketSpan, deltas []int64, counts []float64) {
		last := int64(0)
		for range r.IntN(3) {
			s := prompb.BucketSpan{Offset: int32(r.IntN(4)), Length: uint32(r.IntN(4))}
			spans = append(spans, s)
			for range s.Length {
				n := int64(r.IntN(9))
				deltas, counts = append(deltas, n-last), append(counts, float64(n))
				last, count = n, count+uint64(n)
			}
		}
		return spans, deltas, counts
	}
	ps, pd, pc := side()
	var ns []prompb.BucketSpan
	var nd []int64
	var nc []float64
	if h.Schema > 8 {
		h.Schema, h.ZeroThreshold, h.CustomValues = fact.CustomBounds, 0, []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	} else {
		ns, nd, nc = side()
	}
	h.PositiveSpans, h.NegativeSpans = ps, ns
	if r.IntN(3) > 0 {
		h.PositiveDeltas, h.NegativeDeltas, h.Count, h.ZeroCount = pd, nd, &prompb.Histogram_CountInt{CountInt: count}, &prompb.Histogram_ZeroCountInt{}
		return h
	}
	h.PositiveCounts, h.NegativeCounts, h.Count, h.ZeroCount = pc, nc, &prompb.Histogram_CountFloat{CountFloat: float64(count)}, &prompb.Histogram_ZeroCountFloat{}
	return h
}

func TestRefusals(t *testing.T) {
	up := prompb.Sample{Value: 1, Timestamp: 1000}
	lim := signal.Limits{Labels: 3, LabelNameBytes: 10, LabelValueBytes: 20, Series: 2, Points: 3}
	for _, tt := range []struct {
		name   string
		req    prompb.WriteRequest
		kept   int
		reason signal.Reason
		text   string
	}{
		{"no name", prompb.WriteRequest{Timeseries: []prompb.TimeSeries{ts(lbl("job", "a"), up)}}, 0, signal.BadLabels,
			`timeseries 1: {job="a"} has no metric name; send the label __name__`},
		{"a label twice", prompb.WriteRequest{Timeseries: []prompb.TimeSeries{ts(lbl("__name__", "up", "a", "1", "a", "2"), up)}}, 0, signal.BadLabels,
			`timeseries 1: label "a" is given twice; mend the labels at the sender`},
		{"not UTF-8", prompb.WriteRequest{Timeseries: []prompb.TimeSeries{ts(lbl("__name__", "up", "a", "\xff"), up)}}, 0, signal.BadLabels,
			`timeseries 1: value "\xff" of label "a" is not UTF-8; mend the labels at the sender`},
		{"a label without a name", prompb.WriteRequest{Timeseries: []prompb.TimeSeries{ts(lbl("__name__", "up", "", "x"), up)}}, 0, signal.BadLabels,
			`timeseries 1: a label with the value "x" has no name; mend the labels at the sender`},
		{"the second is bad, the first is kept", prompb.WriteRequest{Timeseries: []prompb.TimeSeries{ts(lbl("__name__", "up"), up), ts(nil, up)}}, 1, signal.BadLabels,
			`timeseries 2:  has no metric name; send the label __name__`},
		{"too many labels", prompb.WriteRequest{Timeseries: []prompb.TimeSeries{ts(lbl("__name__", "up", "a", "1", "b", "1", "c", "1"), up)}}, 0, signal.BadLabels,
			`timeseries 1: 4 labels, the limit is 3; drop labels with write_relabel_configs or raise limits.labels`},
		{"a long name", prompb.WriteRequest{Timeseries: []prompb.TimeSeries{ts(lbl("__name__", "up", "abcdefghijk", "1"), up)}}, 0, signal.BadLabels,
			`timeseries 1: label name "abcdefghijk"… is 11 bytes long, the limit is 10; rename it or raise limits.label_name_bytes`},
		{"a long value", prompb.WriteRequest{Timeseries: []prompb.TimeSeries{ts(lbl("__name__", "up", "url", strings.Repeat("x", 21)), up)}}, 0, signal.BadLabels,
			`timeseries 1, label "url": its value is 21 bytes long, the limit is 20; shorten it at the sender or raise limits.label_value_bytes`},
		{"before 1970", prompb.WriteRequest{Timeseries: []prompb.TimeSeries{ts(lbl("__name__", "up"), prompb.Sample{Timestamp: -1}, up)}}, 1, signal.BadTime,
			`timeseries 1, up: the time -1 is no time in milliseconds since 1970; send milliseconds`},
		{"a native histogram that contradicts itself", prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{Labels: lbl("__name__", "h"), Histograms: []prompb.Histogram{{Count: &prompb.Histogram_CountInt{CountInt: 1}}}}}}, 0, signal.BadValue,
			`timeseries 1, h: a native histogram contradicts itself: its count is 1, its buckets count 0; check the sender`},
		{"a native histogram before 1970", prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{Labels: lbl("__name__", "h"), Histograms: []prompb.Histogram{{Timestamp: -1}}}}}, 0, signal.BadTime,
			`timeseries 1, h: the time -1 is no time in milliseconds since 1970; send milliseconds`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res, ref := newDecoder(lim).decode(marshal(t, &tt.req), nil)
			if ref != nil {
				t.Fatalf("refused all: %v", ref)
			}
			if len(res.series) != tt.kept || res.tally.Refused[tt.reason] != 1 || res.first == nil || res.first.Error() != tt.text {
				t.Errorf("kept %d, refused %v, said\n%v, want %d and 1 for %s,\n%s", len(res.series), res.tally.Refused, res.first, tt.kept, tt.reason, tt.text)
			}
		})
	}
}

func TestWholeRequestRefused(t *testing.T) {
	up := prompb.Sample{Value: 1, Timestamp: 1000}
	one := ts(lbl("__name__", "up"), up, up)
	lim := signal.Limits{Series: 2, Points: 3}
	for _, tt := range []struct {
		name, text string
		body       []byte
	}{
		{"three series", "request: 3 series, the limit is 2; lower max_samples_per_send or raise limits.series",
			marshal(t, &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{one, one, one}})},
		{"four points", "request: 4 samples, the limit is 3; lower max_samples_per_send or raise limits.points",
			marshal(t, &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{one, one}})},
		{"text", "timeseries 0: not the protobuf of prometheus.WriteRequest: it ends within a field; send remote write 1.0, compressed with snappy's block format",
			[]byte("up 1 1000")},
		{"cut off", "timeseries 1: not the protobuf of prometheus.WriteRequest: it ends within a field; send remote write 1.0, compressed with snappy's block format",
			marshal(t, &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{one}})[:20]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, ref := newDecoder(lim).decode(tt.body, nil)
			if ref == nil || ref.Error() != tt.text {
				t.Errorf("said %v, want %s", ref, tt.text)
			}
		})
	}
}

func TestMetadata(t *testing.T) {
	d := newDecoder(signal.Limits{})
	families := []prompb.MetricMetadata{
		{Type: prompb.MetricMetadata_COUNTER, MetricFamilyName: "http_requests_total", Help: "Requests."},
		{Type: prompb.MetricMetadata_COUNTER, MetricFamilyName: "jobs"},
		{Type: prompb.MetricMetadata_HISTOGRAM, MetricFamilyName: "lat", Unit: "seconds"},
		{Type: prompb.MetricMetadata_SUMMARY, MetricFamilyName: "gc"},
		{Type: prompb.MetricMetadata_GAUGE, MetricFamilyName: "queue_count"},
		{Type: prompb.MetricMetadata_INFO, MetricFamilyName: "build"},
		{Type: prompb.MetricMetadata_UNKNOWN, MetricFamilyName: "odd"},
	}
	for _, tt := range []struct {
		metric string
		want   fact.SeriesType
	}{
		{"http_requests_total", fact.Counter},
		{"jobs_total", fact.Counter},
		{"lat_bucket", fact.Counter},
		{"lat_sum", fact.Counter},
		{"lat_count", fact.Counter},
		{"gc", fact.Gauge},
		{"gc_sum", fact.Counter},
		{"gc_count", fact.Counter},
		{"queue_count", fact.Gauge},
		{"build_info", fact.Gauge},
		{"odd", fact.Untyped},
		{"never_heard_of", fact.Untyped},
	} {
		req := &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{ts(lbl("__name__", tt.metric), prompb.Sample{Timestamp: 1})}}
		if res, ref := d.decode(marshal(t, req), nil); ref != nil || res.series[0].Type != fact.Untyped {
			t.Errorf("%s without metadata: %v, %v", tt.metric, res.series, ref)
		}
		again := newDecoder(signal.Limits{})
		if _, ref := again.decode(marshal(t, req), nil); ref != nil { // known before its metadata
			t.Fatal(ref)
		}
		req.Metadata = families
		res, ref := again.decode(marshal(t, req), nil)
		if ref != nil || res.series[0].Type != tt.want {
			t.Errorf("%s is %v (%v), want %v", tt.metric, res.series[0].Type, ref, tt.want)
		}
		if tt.metric == "lat_bucket" && res.series[0].Unit != "seconds" || tt.metric == "http_requests_total" && res.series[0].Help != "Requests." {
			t.Errorf("%s: unit %q, help %q", tt.metric, res.series[0].Unit, res.series[0].Help)
		}
	}
}

func TestForgets(t *testing.T) {
	d := newDecoder(signal.Limits{KnownSeries: 1000})
	for i := range 20_000 {
		req := &prompb.WriteRequest{
			Timeseries: []prompb.TimeSeries{ts(lbl("__name__", "up", "i", fmt.Sprint(i)), prompb.Sample{Timestamp: 1})},
			Metadata:   []prompb.MetricMetadata{{MetricFamilyName: fmt.Sprint("f", i), Type: 1}},
		}
		if _, ref := d.decode(marshal(t, req), nil); ref != nil {
			t.Fatal(ref)
		}
	}
	n := 0
	for i := range d.known.shards {
		n += len(d.known.shards[i].entries)
	}
	if n > 1000+shards {
		t.Errorf("remembers %d series, the limit is 1000", n)
	}
	if n := len(d.known.families.known.young) + len(d.known.families.known.old); n > 1000/8+1 {
		t.Errorf("remembers %d families", n)
	}
}

// A ref names one series as long as it is known, whoever else comes, and after
// the table was emptied perhaps another: it is a hint.
func TestRefs(t *testing.T) {
	d := newDecoder(signal.Limits{KnownSeries: 64 * shards})
	send := func(i int) fact.Series {
		res, ref := d.decode(marshal(t, &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{ts(lbl("__name__", "up", "i", fmt.Sprint(i)), prompb.Sample{Timestamp: 1})}}), nil)
		if ref != nil {
			t.Fatal(ref)
		}
		return res.series[0]
	}
	of := make(map[uint32]fact.Labels)
	for i := range 1000 {
		s := send(i)
		if other, ok := of[s.Ref]; ok || s.Ref == 0 {
			t.Fatalf("%s has the ref %d, as %s", s.Labels, s.Ref, other)
		}
		of[s.Ref] = s.Labels
	}
	for i := range 1000 {
		if s := send(i); of[s.Ref] != s.Labels {
			t.Fatalf("%s has the ref %d now, which was of %s", s.Labels, s.Ref, of[s.Ref])
		}
	}
	for i := range 20 * 64 * shards {
		if s := send(i); s.Labels.Get("i") != fmt.Sprint(i) || s.Ref == 0 || s.Ref > 65*shards {
			t.Fatalf("series %d is %s, ref %d", i, s.Labels, s.Ref)
		}
	}
}

// request is n series with 8 labels and one point each, as Prometheus sends
// them.
func request(n int) *prompb.WriteRequest {
	req := &prompb.WriteRequest{}
	for i := range n {
		req.Timeseries = append(req.Timeseries, ts(lbl(
			"__name__", "http_server_request_duration_seconds_bucket", "cluster", "prod-eu-1", "instance", fmt.Sprintf("10.0.%d.%d:8080", i/250, i%250),
			"job", "checkout", "le", "0.25", "method", "GET", "namespace", "shop", "pod", fmt.Sprintf("checkout-7d9f8b6c5-%05d", i),
		), prompb.Sample{Value: float64(i) * 1.5, Timestamp: 1772366400000 + int64(i)}))
	}
	return req
}

func TestKnownSeriesCostNoAllocations(t *testing.T) {
	d := newDecoder(signal.Limits{})
	body := marshal(t, request(2000))
	if _, ref := d.decode(body, nil); ref != nil {
		t.Fatal(ref)
	}
	allocs := testing.AllocsPerRun(20, func() {
		if res, ref := d.decode(body, nil); ref != nil || len(res.series) != 2000 {
			t.Fatal(ref)
		}
	})
	if allocs > 2 {
		t.Errorf("%v allocations for 2000 known series, want 2", allocs)
	}
}

func BenchmarkDecode(b *testing.B) {
	body := marshal(b, request(2000))
	b.Run("ours/known", func(b *testing.B) {
		d := newDecoder(signal.Limits{})
		b.ReportAllocs()
		_, _ = d.decode(body, nil)
		for b.Loop() {
			_, _ = d.decode(body, nil)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/2000, "ns/sample")
	})
	b.Run("ours/new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = newDecoder(signal.Limits{}).decode(body, nil)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/2000, "ns/sample")
	})
	b.Run("prompb", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var r prompb.WriteRequest
			if err := r.Unmarshal(body); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/2000, "ns/sample")
	})
}

func FuzzDecode(f *testing.F) {
	for _, n := range []int{0, 1, 3} {
		f.Add(marshal(f, request(n)))
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		f.Add(marshal(f, &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{Labels: lbl("__name__", "h"), Histograms: []prompb.Histogram{randomHistogram(r)}}}}))
	}
	f.Add(marshal(f, &prompb.WriteRequest{Metadata: []prompb.MetricMetadata{{Type: 1, MetricFamilyName: "up", Help: "h", Unit: "s"}}}))
	f.Add([]byte("\x0a\x00\x13\x0b\x0c\x14"))
	d := newDecoder(signal.Limits{KnownSeries: 64, Labels: 8, LabelNameBytes: 20, LabelValueBytes: 60})
	f.Fuzz(func(t *testing.T, body []byte) {
		same(t, d, body)
		same(t, d, body)
	})
}
