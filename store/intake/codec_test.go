package intake

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
)

// everything is a batch that uses every field.
func everything() *fact.Batch {
	checkout := fact.Entity{Kind: fact.Service, Namespace: "shop", Name: "checkout"}
	at := time.Date(2026, 11, 24, 6, 30, 0, 123456789, time.UTC)
	return &fact.Batch{
		Source:   "otlp/payment",
		Received: at.UnixMilli(),
		Series: []fact.Series{
			{Labels: fact.LabelsOf("__name__", "up", "job", "node"), Type: fact.Gauge, Unit: "s", Help: "is it up",
				Points: []fact.Point{{T: at.UnixMilli(), V: 1}, {T: at.UnixMilli() + 1000, V: math.Inf(-1)}, {T: math.MinInt64, V: 0.1}}},
			{Labels: fact.LabelsOf("__name__", "bare"), Type: 77},
			{Labels: fact.Labels{}, Points: []fact.Point{{T: math.MaxInt64, V: math.Copysign(0, -1)}}},
		},
		Spans: []fact.Span{
			{TraceID: [16]byte{1}, ID: [8]byte{2}, Parent: [8]byte{3}, Entity: checkout, Instance: "checkout-1", Version: "v1", Kind: fact.SpanClient,
				Name: "POST /pay", Peer: "payment", Start: at.UnixNano(), End: at.UnixNano() + 5, Failed: true, Attrs: fact.LabelsOf("http.route", "/pay")},
			{Entity: checkout, Start: math.MinInt64, End: math.MaxInt64, Attrs: fact.LabelsOf("http.route", "/pay")},
			{},
		},
		Changes: []fact.Change{
			{ID: "chg-1", At: at, Kind: fact.Deployed, Entity: checkout, Version: "v2", Before: "v1", By: "ann", Note: "note", Link: "https://x", Source: "hooks"},
			{},
		},
		Events: []fact.Event{{At: at, Kind: "approval", Ref: "p-1", Body: `{"yes":true}`}, {}},
		Lines: []fact.Line{
			{At: at.UnixNano(), Observed: at.UnixNano() + 7, Entity: checkout, Instance: "checkout-1", Version: "v1", Severity: fact.SeverityWarn, Level: "WARNING",
				Text: "card declined\n\tat pay.go:7", TraceID: [16]byte{1}, SpanID: [8]byte{2}, Fields: fact.LabelsOf("http.route", "/pay", "amount", "12"), Truncated: true},
			{At: math.MinInt64, Observed: math.MaxInt64, Severity: 255, SpanID: [8]byte{9}, Fields: fact.LabelsOf("http.route", "/pay")},
			{},
		},
	}
}

// What was written before lines existed is read as it was.
func TestBatchesFromBeforeLines(t *testing.T) {
	data, err := os.ReadFile("testdata/before-lines.batch")
	if err != nil {
		t.Fatal(err)
	}
	want := everything()
	want.Lines = nil
	got, err := NewDecoder(0).Decode(data)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("came back as %+v, %v", got, err)
	}
	if !bytes.Equal(AppendBatch(nil, want), data) {
		t.Error("a batch without lines is written otherwise than before")
	}
}

// shapes has every field of the other shapes.
func shapes() *fact.Batch {
	return &fact.Batch{
		Source: "otlp", Received: 1764000000000,
		Histograms: []fact.HistogramSeries{
			{Labels: fact.LabelsOf("__name__", "lat"), Type: fact.Delta, Unit: "seconds", Help: "How long.", Points: []fact.HistogramPoint{
				{T: 1764000000001, Start: 1763999990000, H: &fact.Histogram{Schema: 3, Reset: fact.ResetNo, ZeroThreshold: 1e-128, Sum: -2.5, Count: 18, ZeroCount: 2,
					Positive: fact.Buckets{Spans: []fact.BucketSpan{{Offset: -3, Length: 2}, {Offset: 4, Length: 1}}, Deltas: []int64{5, -4, 9}},
					Negative: fact.Buckets{Spans: []fact.BucketSpan{{Length: 1}}, Deltas: []int64{0}}}},
				{T: math.MinInt64, Start: math.MaxInt64, H: &fact.Histogram{Schema: fact.CustomBounds, Reset: fact.ResetGauge, Float: true, CountF: 1.5, ZeroCountF: math.Inf(1),
					Positive: fact.Buckets{Spans: []fact.BucketSpan{{Offset: math.MinInt32, Length: math.MaxUint32}}, Counts: []float64{1.5, 0}}, Bounds: []float64{0.1, 7}}},
			}},
			{Points: []fact.HistogramPoint{{H: &fact.Histogram{}}}},
			{},
		},
		Deltas: []fact.DeltaSeries{
			{Labels: fact.LabelsOf("__name__", "requests_total"), Unit: "requests", Help: "How many.", Points: []fact.DeltaPoint{{Start: 1764000000000, T: 1764000000500, V: 7}, {T: 3, V: -1}}},
			{},
		},
	}
}

// What was written before there were other shapes is read as it was, and what
// has none of them is written as before.
func TestBatchesFromBeforeShapes(t *testing.T) {
	data, err := os.ReadFile("testdata/before-shapes.batch")
	if err != nil {
		t.Fatal(err)
	}
	got, err := NewDecoder(0).Decode(data)
	if err != nil || !reflect.DeepEqual(got, everything()) {
		t.Errorf("came back as %+v, %v", got, err)
	}
	if !bytes.Equal(AppendBatch(nil, everything()), data) {
		t.Error("a batch without other shapes is written otherwise than before")
	}
}

// exemplars has them beside what they are of.
func exemplars() *fact.Batch {
	b := shapes()
	of := b.Histograms[0].Labels
	b.Exemplars = []fact.Exemplar{
		{Series: of, Attrs: fact.LabelsOf("span_id", "ab", "trace_id", "cd"), T: 1764000000001, V: 0.25},
		{Series: of, Attrs: fact.LabelsOf("trace_id", "ef"), T: math.MinInt64, V: math.Inf(-1)},
		{},
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	long := fact.Batch{Source: strings.Repeat("long", 1000), Events: []fact.Event{{Body: strings.Repeat("long", 1000)}}}
	for _, tt := range []struct {
		name string
		b    *fact.Batch
	}{
		{"nothing", &fact.Batch{}},
		{"a tick", &fact.Batch{Source: fact.ClockSource, Received: 1764000000000}},
		{"every field", everything()},
		{"compressible", &long},
		{"remote write", remoteWrite(50, 8, 3)},
		{"lines", logLines(100)},
		{"other shapes", shapes()},
		{"exemplars", exemplars()},
		{"incompressible", incompressible(4096)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := NewDecoder(0).Decode(AppendBatch(nil, tt.b))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.b) {
				t.Errorf("came back as\n%+v, want\n%+v", got, tt.b)
			}
		})
	}
}

// NaN is not equal to itself, but Prometheus' stale marker must stay that one.
func TestNaNKeepsItsBits(t *testing.T) {
	const stale = 0x7ff0000000000002
	b := &fact.Batch{Series: []fact.Series{{Labels: fact.LabelsOf("a", "b"), Points: []fact.Point{{V: math.Float64frombits(stale)}}}}}
	got, err := NewDecoder(0).Decode(AppendBatch(nil, b))
	if err != nil {
		t.Fatal(err)
	}
	if bits := math.Float64bits(got.Series[0].Points[0].V); bits != stale {
		t.Errorf("the stale marker came back as %#x", bits)
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := AppendBatch(nil, everything())
	packed := AppendBatch(nil, remoteWrite(50, 8, 1))
	if packed[1] != flagS2 {
		t.Fatal("the compressible batch is not compressed")
	}
	for _, tt := range []struct {
		name string
		data []byte
	}{
		{"nothing", nil},
		{"one byte", []byte{codecVersion}},
		{"another version", append([]byte{9}, good[1:]...)},
		{"an unknown flag", append([]byte{codecVersion, 0x80}, good[2:]...)},
		{"bytes after the end", append(bytes.Clone(good), 0)},
		{"a compressed body without length", []byte{codecVersion, flagS2}},
		{"a compressed body of a wrong length", append([]byte{codecVersion, flagS2, 5}, packed[4:]...)},
		{"a compressed body that is too long", []byte{codecVersion, flagS2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0}},
		{"more series than bytes", []byte{codecVersion, 0, 0, 0, 0xff, 0xff, 0x03, 0}},
		{"more lines than bytes", []byte{codecVersion, flagLines, 0, 0, 0, 0, 0, 0, 0, 0xff, 0x03}},
		{"a line with a flag that is not known", []byte{codecVersion, flagLines, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0}},
		{"a text that was not told", []byte{codecVersion, 0, 7, 0, 0, 0, 0, 0, 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if b, err := NewDecoder(0).Decode(tt.data); !errors.Is(err, ErrFormat) {
				t.Errorf("Decode = %v, %v; want ErrFormat", b, err)
			}
		})
	}
	for _, good := range [][]byte{good, AppendBatch(nil, shapes())} {
		for n := range len(good) {
			if _, err := NewDecoder(0).Decode(good[:n]); !errors.Is(err, ErrFormat) {
				t.Errorf("the first %d of %d bytes: %v, want ErrFormat", n, len(good), err)
			}
		}
	}
}

// A decoder that has forgotten most of what it saw still decodes right, and
// one that has not gives the same string again.
func TestInterning(t *testing.T) {
	data := AppendBatch(nil, remoteWrite(500, 8, 1))
	want := remoteWrite(500, 8, 1)
	for _, limit := range []int{1, 4 << 10, 64 << 10, 0} {
		d := NewDecoder(limit)
		for range 5 {
			got, err := d.Decode(data)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("limit %d: came back different", limit)
			}
			if max := max(limit, 1); limit > 0 && d.labels.size > max {
				t.Errorf("limit %d: %d bytes remembered", limit, d.labels.size)
			}
		}
	}
	d := NewDecoder(0)
	if _, err := d.Decode(data); err != nil {
		t.Fatal(err)
	}
	allocs := testing.AllocsPerRun(20, func() {
		if _, err := d.Decode(data); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 10 {
		t.Errorf("decoding 500 known series allocates %v times", allocs)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(AppendBatch(nil, &fact.Batch{}))
	f.Add(AppendBatch(nil, everything()))
	f.Add(AppendBatch(nil, remoteWrite(20, 8, 2)))
	f.Add(AppendBatch(nil, &fact.Batch{Lines: everything().Lines}))
	f.Add(AppendBatch(nil, shapes()))
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := NewDecoder(0).Decode(data)
		if err != nil {
			return
		}
		again := AppendBatch(nil, first)
		second, err := NewDecoder(0).Decode(again)
		if err != nil {
			t.Fatalf("Decode(Encode(b)): %v", err)
		}
		// NaN is not DeepEqual to NaN; the bytes are.
		if !bytes.Equal(again, AppendBatch(nil, second)) {
			t.Errorf("%+v came back as %+v", first, second)
		}
	})
}

// remoteWrite is a batch as Prometheus sends it.
func remoteWrite(series, labels, points int) *fact.Batch {
	const now = 1764000000000
	b := &fact.Batch{Source: "remote-write", Received: now}
	for i := range series {
		ls := []fact.Label{{Name: "__name__", Value: fmt.Sprintf("node_cpu_seconds_total_%d", i%40)}}
		for j := 1; j < labels; j++ {
			ls = append(ls, fact.Label{Name: fmt.Sprintf("label_%d", j), Value: fmt.Sprintf("value-%d-%d", j, i/(j*j))})
		}
		l, err := fact.NewLabels(ls)
		if err != nil {
			panic(err)
		}
		s := fact.Series{Labels: l, Type: fact.Counter}
		for k := range points {
			s.Points = append(s.Points, fact.Point{T: now + int64(k)*1000, V: float64(i*k) * 0.7})
		}
		b.Series = append(b.Series, s)
	}
	return b
}

func incompressible(n int) *fact.Batch {
	r := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, n)
	for i := range text {
		text[i] = byte(r.Uint32())
	}
	return &fact.Batch{Source: string(text)}
}

// logLines is a batch as a Collector sends it.
func logLines(n int) *fact.Batch {
	const now = 1764000000000
	b := &fact.Batch{Source: "otlp/shop/checkout", Received: now}
	for i := range n {
		b.Lines = append(b.Lines, fact.Line{
			At: now*1e6 + int64(i)*1e6, Observed: now*1e6 + int64(i)*1e6, Entity: fact.Entity{Kind: fact.Service, Namespace: "shop", Name: "checkout"},
			Instance: "checkout-1", Version: "v1", Severity: fact.SeverityInfo, Level: "INFO", Text: fmt.Sprintf("order %d of customer %d placed in %d ms", i*7919, i*31%997, i%90),
			TraceID: [16]byte{byte(i), byte(i >> 8), 3: 7}, SpanID: [8]byte{byte(i)},
			Fields: fact.LabelsOf("http.route", "/pay", "http.request.method", "POST", "order.id", fmt.Sprint(i*7919), "code.function", "place"),
		})
	}
	return b
}

func BenchmarkLines(b *testing.B) {
	const n = 2000
	batch := logLines(n)
	data := AppendBatch(nil, batch)
	perLine := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/line")
		b.ReportMetric(float64(len(data))/n, "B/line")
	}
	b.Run("encode", func(b *testing.B) {
		var es encoders
		var buf []byte
		for b.Loop() {
			buf = es.encode(buf[:0], batch)
		}
		perLine(b)
	})
	b.Run("decode", func(b *testing.B) {
		d := NewDecoder(0)
		for b.Loop() {
			if _, err := d.Decode(data); err != nil {
				b.Fatal(err)
			}
		}
		perLine(b)
	})
}

func BenchmarkCodec(b *testing.B) {
	batch := remoteWrite(2000, 8, 1)
	data := AppendBatch(nil, batch)
	perSample := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/2000, "ns/sample")
		b.ReportMetric(float64(len(data))/2000, "B/sample")
	}
	b.Run("encode", func(b *testing.B) {
		var es encoders
		var buf []byte
		b.ReportAllocs()
		for b.Loop() {
			buf = es.encode(buf[:0], batch)
		}
		perSample(b)
	})
	b.Run("decode", func(b *testing.B) {
		d := NewDecoder(0)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := d.Decode(data); err != nil {
				b.Fatal(err)
			}
		}
		perSample(b)
	})
}
