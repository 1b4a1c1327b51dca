package fact_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/histogram"

	"github.com/steersman-ops/steersman/fact"
)

func ints(first int32, deltas ...int64) fact.Buckets {
	return fact.Buckets{Spans: []fact.BucketSpan{{Offset: first, Length: uint32(len(deltas))}}, Deltas: deltas}
}

func TestHistogramCheck(t *testing.T) {
	for _, tt := range []struct {
		name string
		h    fact.Histogram
		want string // part of the error; "": none
	}{
		{"empty", fact.Histogram{}, ""},
		{"both sides", fact.Histogram{Schema: 2, Count: 9, ZeroCount: 1, Positive: ints(-3, 2, 1), Negative: ints(0, 3)}, ""},
		{"a count that is not that of the buckets", fact.Histogram{Count: 5, Positive: ints(0, 2)}, "its count is 5, its buckets count 2"},
		{"more counted than in buckets, some were NaN", fact.Histogram{Count: 5, Sum: math.NaN(), Positive: ints(0, 2)}, ""},
		{"less counted than in buckets, some were NaN", fact.Histogram{Count: 1, Sum: math.NaN(), Positive: ints(0, 2)}, "its count is 1"},
		{"a negative bucket", fact.Histogram{Count: 1, Positive: ints(0, 2, -3)}, "bucket 2 counts -1"},
		{"a bucket beyond all numbers", fact.Histogram{Positive: ints(0, math.MaxInt64, 1)}, "bucket 2 counts more"},
		{"buckets beyond all numbers", fact.Histogram{ZeroCount: math.MaxUint64, Positive: ints(0, 1)}, "count more than"},
		{"schema 9", fact.Histogram{Schema: 9}, "schema is 9"},
		{"schema -5", fact.Histogram{Schema: -5}, "schema is -5"},
		{"bounds with a schema", fact.Histogram{Bounds: []float64{1}}, "bounds of its own"},
		{"spans without buckets", fact.Histogram{Positive: fact.Buckets{Spans: []fact.BucketSpan{{Length: math.MaxUint32}}}}, "ends at the bucket"},
		{"buckets without spans", fact.Histogram{Positive: fact.Buckets{Deltas: []int64{0}}}, "spans are of 0 buckets, and there are 1"},
		{"a span that goes back", fact.Histogram{Positive: fact.Buckets{Spans: []fact.BucketSpan{{}, {Offset: -1}}}}, "span 2 begins at -1"},
		{"a bucket past all indexes", fact.Histogram{Positive: ints(math.MaxInt32, 0, 0)}, "positive side: span 1 ends"},
		{"a zero bucket of no width", fact.Histogram{ZeroThreshold: math.NaN()}, "zero bucket is NaN wide"},
		{"a hint that does not exist", fact.Histogram{Reset: 4}, "hint 4"},
		{"integers and floats", fact.Histogram{Float: true, CountF: 1, Positive: ints(0, 1)}, "integers and in floats"},
		{"floats", fact.Histogram{Float: true, CountF: 1.5, Positive: fact.Buckets{Spans: []fact.BucketSpan{{Length: 1}}, Counts: []float64{1.25}}}, ""},
		{"a float that is none", fact.Histogram{Float: true, Positive: fact.Buckets{Spans: []fact.BucketSpan{{Length: 1}}, Counts: []float64{math.NaN()}}}, "bucket 1 counts NaN"},
		{"a negative count", fact.Histogram{Float: true, CountF: -1}, "its count is -1"},
		{"bounds", fact.Histogram{Schema: fact.CustomBounds, Count: 3, Bounds: []float64{-1, 2}, Positive: ints(1, 1, 1)}, ""},
		{"more buckets than bounds", fact.Histogram{Schema: fact.CustomBounds, Bounds: []float64{-1, 2}, Positive: ints(2, 0, 0)}, "ends at the bucket 3"},
		{"bounds that do not rise", fact.Histogram{Schema: fact.CustomBounds, Bounds: []float64{1, 1}}, "bound 2"},
		{"bounds and a zero bucket", fact.Histogram{Schema: fact.CustomBounds, ZeroCount: 1}, "zero bucket or a negative side"},
		{"too many buckets", fact.Histogram{Positive: ints(0, make([]int64, fact.MaxBuckets+1)...)}, "the limit is 10000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.h.Check()
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Check() = %v, want %q", err, tt.want)
			}
		})
	}
}

// Prometheus' own check takes whatever ours does.
func TestCheckIsNotLaxerThanPrometheus(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	passed := 0
	for range 200_000 {
		h := randomHistogram(r)
		if h.Check() != nil {
			continue
		}
		passed++
		spans := func(in []fact.BucketSpan) (out []histogram.Span) {
			for _, s := range in {
				out = append(out, histogram.Span(s))
			}
			return out
		}
		err := (&histogram.Histogram{
			Schema: h.Schema, Sum: h.Sum, Count: h.Count, ZeroCount: h.ZeroCount, ZeroThreshold: h.ZeroThreshold, CustomValues: h.Bounds,
			PositiveSpans: spans(h.Positive.Spans), PositiveBuckets: h.Positive.Deltas, NegativeSpans: spans(h.Negative.Spans), NegativeBuckets: h.Negative.Deltas,
		}).Validate()
		if err != nil {
			t.Fatalf("%+v: %v", h, err)
		}
	}
	if passed < 1000 {
		t.Errorf("only %d histograms were good enough to compare", passed)
	}
}

// randomHistogram makes a histogram that may contradict itself.
func randomHistogram(r *rand.Rand) *fact.Histogram {
	h := &fact.Histogram{Schema: int32(r.IntN(14)) - 5, ZeroCount: uint64(r.IntN(2))}
	if r.IntN(3) == 0 {
		h.Schema, h.ZeroCount = fact.CustomBounds, 0
		for range r.IntN(4) {
			h.Bounds = append(h.Bounds, float64(len(h.Bounds)-r.IntN(2)))
		}
	}
	side := func() (b fact.Buckets) {
		for range r.IntN(3) {
			s := fact.BucketSpan{Offset: int32(r.IntN(5) - 1), Length: uint32(r.IntN(3))}
			b.Spans = append(b.Spans, s)
			for range s.Length {
				b.Deltas = append(b.Deltas, int64(r.IntN(4)-1))
			}
		}
		return b
	}
	h.Positive = side()
	if h.Schema != fact.CustomBounds {
		h.Negative = side()
	}
	h.Count = h.ZeroCount
	for _, b := range []fact.Buckets{h.Positive, h.Negative} {
		var n int64
		for _, d := range b.Deltas {
			n += d
			h.Count += uint64(n)
		}
	}
	return h
}
