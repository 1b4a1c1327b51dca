package series_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/value"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/series"
)

// bucketed is a histogram of schema 0 with n values in (1,2] and 2n in (2,4].
func bucketed(n uint64) *fact.Histogram {
	return &fact.Histogram{Count: 3 * n, Sum: 7.5 * float64(n), Positive: fact.Buckets{
		Spans: []fact.BucketSpan{{Offset: 1, Length: 2}}, Deltas: []int64{int64(n), int64(n)},
	}}
}

// floated is the same, counted in floats.
func floated(n float64) *fact.Histogram {
	return &fact.Histogram{Float: true, CountF: 3 * n, Sum: 7.5 * n, Positive: fact.Buckets{
		Spans: []fact.BucketSpan{{Offset: 1, Length: 2}}, Counts: []float64{n, 2 * n},
	}}
}

func histogram(typ fact.SeriesType, name string, points ...fact.HistogramPoint) *fact.Batch {
	return &fact.Batch{Histograms: []fact.HistogramSeries{{Labels: fact.LabelsOf(fact.NameLabel, name, "job", "test"), Type: typ, Points: points}}}
}

func hist(second float64, h *fact.Histogram) fact.HistogramPoint {
	return fact.HistogramPoint{T: base + int64(second*1000), H: h}
}

func deltas(name string, points ...fact.DeltaPoint) *fact.Batch {
	return &fact.Batch{Deltas: []fact.DeltaSeries{{Labels: fact.LabelsOf(fact.NameLabel, name, "job", "test"), Points: points}}}
}

func delta(from, to, v float64) fact.DeltaPoint {
	return fact.DeltaPoint{Start: base + int64(from*1000), T: base + int64(to*1000), V: v}
}

func TestEveryShapeMeetsItsFate(t *testing.T) {
	stale := math.Float64frombits(value.StaleNaN)
	broken := bucketed(1)
	broken.Count++
	bounds := &fact.Histogram{Schema: fact.CustomBounds, Count: 3, Bounds: []float64{0.1, 1}, Positive: fact.Buckets{Spans: []fact.BucketSpan{{Length: 2}}, Deltas: []int64{1, 1}}}
	noName := &fact.Batch{Histograms: []fact.HistogramSeries{{Points: []fact.HistogramPoint{hist(0, bucketed(1))}}}}
	const c, d = fact.Counter, fact.Delta
	for _, tt := range []struct {
		name    string
		batches []*fact.Batch
		want    series.Result // of the last batch
	}{
		{"fresh histograms are stored", []*fact.Batch{histogram(c, "h", hist(0, bucketed(1)), hist(1, bucketed(2)))}, series.Result{Stored: 2}},
		{"the same again is a duplicate", []*fact.Batch{histogram(c, "h", hist(0, bucketed(1)), hist(1, bucketed(2))), histogram(c, "h", hist(0, bucketed(1)), hist(1, bucketed(2)))}, series.Result{Duplicate: 2}},
		{"another one at the same time is a conflict", []*fact.Batch{histogram(c, "h", hist(0, bucketed(1))), histogram(c, "h", hist(0, bucketed(2)))}, series.Result{Conflict: 1}},
		{"one where a float is, is a conflict", []*fact.Batch{{Series: []fact.Series{one("h", 0)}}, histogram(c, "h", hist(0, bucketed(2)))}, series.Result{Conflict: 1}},
		{"late ones find their place", []*fact.Batch{histogram(c, "h", hist(0, bucketed(1)), hist(9, bucketed(9))), histogram(c, "h", hist(3, bucketed(3)), hist(9, bucketed(9)))}, series.Result{Stored: 1, Duplicate: 1}},
		{"too late", []*fact.Batch{histogram(c, "h", hist(10*hour, bucketed(1))), histogram(c, "h", hist(0, bucketed(1)))}, series.Result{TooOld: 1}},
		{"too new", []*fact.Batch{histogram(c, "h", hist(21*hour, bucketed(1)))}, series.Result{TooNew: 1}},
		{"one that contradicts itself", []*fact.Batch{histogram(c, "h", hist(0, broken), hist(1, bucketed(1)))}, series.Result{Stored: 1, Invalid: 1}},
		{"without a name", []*fact.Batch{noName}, series.Result{Invalid: 1}},
		{"floats, bounds, gauges and the end", []*fact.Batch{histogram(fact.Gauge, "h", hist(0, floated(1.5)), hist(1, bounds), hist(2, &fact.Histogram{Sum: stale}))}, series.Result{Stored: 3}},
		{"those again", []*fact.Batch{histogram(c, "h", hist(0, floated(1.5)), hist(1, bounds), hist(2, &fact.Histogram{Sum: stale})), histogram(c, "h", hist(0, floated(1.5)), hist(1, bounds), hist(2, &fact.Histogram{Sum: stale}))}, series.Result{Duplicate: 3}},
		{"twice in one batch", []*fact.Batch{histogram(c, "h", hist(0, bucketed(1)), hist(0, bucketed(1)), hist(0, bucketed(2)))}, series.Result{Stored: 1, Duplicate: 1, Conflict: 1}},

		{"increases", []*fact.Batch{deltas("n", delta(0, 1, 5), delta(1, 2, 3))}, series.Result{Stored: 2}},
		{"a batch of increases sent again", []*fact.Batch{deltas("n", delta(0, 1, 5), delta(1, 2, 3)), deltas("n", delta(0, 1, 5), delta(1, 2, 3))}, series.Result{Duplicate: 2}},
		{"two writers under one name", []*fact.Batch{deltas("n", delta(0, 1, 5)), deltas("n", delta(0, 1, 6))}, series.Result{Conflict: 1}},
		{"an increase that comes late", []*fact.Batch{deltas("n", delta(0, 1, 5), delta(3, 4, 5)), deltas("n", delta(1, 2, 3))}, series.Result{OutOfOrder: 1}},
		{"an increase that is none", []*fact.Batch{deltas("n", delta(0, 1, math.NaN()), delta(1, 2, math.Inf(1)), delta(2, 3, stale))}, series.Result{Stored: 1, Invalid: 2}},
		{"histograms that add up, sent again", []*fact.Batch{histogram(d, "h", hist(0, bucketed(1)), hist(1, bucketed(2))), histogram(d, "h", hist(1, bucketed(2)))}, series.Result{Duplicate: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, t.TempDir(), series.Options{})
			var got series.Result
			for _, b := range tt.batches {
				var err error
				if got, err = s.AppendBatch(t.Context(), b, base+20*hour*1000); err != nil {
					t.Fatal(err)
				}
			}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// A store that has forgotten everything, or was opened again, meets the same
// batch with the same fate.
func TestShapesAfterARestart(t *testing.T) {
	dir := t.TempDir()
	batch := histogram(fact.Counter, "h", hist(0, bucketed(1)), hist(60, bucketed(2)), hist(120, floated(3)))
	batch.Deltas = deltas("n", delta(0, 60, 5), delta(60, 120, 3)).Deltas
	batch.Histograms = append(batch.Histograms, histogram(fact.Delta, "d", hist(60, bucketed(1)), hist(120, bucketed(2))).Histograms...)
	s := open(t, dir, series.Options{})
	if res, err := s.AppendBatch(t.Context(), batch, math.MaxInt64); err != nil || res.Stored != 7 {
		t.Fatal(res, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, series.Options{})
	if res, err := s.AppendBatch(t.Context(), batch, math.MaxInt64); err != nil || res != (series.Result{Duplicate: 7}) {
		t.Errorf("again: %+v, %v", res, err)
	}
	more := deltas("n", delta(120, 180, 4))
	more.Histograms = histogram(fact.Delta, "d", hist(180, bucketed(4))).Histograms
	if res, err := s.AppendBatch(t.Context(), more, math.MaxInt64); err != nil || res.Stored != 2 {
		t.Errorf("more: %+v, %v", res, err)
	}
	for query, want := range map[string]float64{"n": 12, "histogram_count(d)": 21, "histogram_sum(d)": 52.5, "histogram_fraction(1, 2, d)": 1. / 3} {
		if v, err := s.Instant(t.Context(), query, at(180)); err != nil || len(v) != 1 || v[0].V != want {
			t.Errorf("%s is %v, %v, want %v", query, v, err, want)
		}
	}
}

func TestIncreasesAddUp(t *testing.T) {
	stale := math.Float64frombits(value.StaleNaN)
	for _, tt := range []struct {
		name   string
		points []fact.DeltaPoint
		want   []fact.Point
	}{
		{"from zero, where the sender began", []fact.DeltaPoint{delta(0, 10, 5), delta(10, 20, 3)}, []fact.Point{point(0, 0), point(10, 5), point(20, 8)}},
		{"without a start there is no zero", []fact.DeltaPoint{{T: base + 10_000, V: 5}, {T: base + 20_000, V: 3}}, []fact.Point{point(10, 5), point(20, 8)}},
		{"a start after the end is none", []fact.DeltaPoint{delta(11, 10, 5)}, []fact.Point{point(10, 5)}},
		{"a start of long ago is none", []fact.DeltaPoint{delta(-4*hour, 10, 5)}, []fact.Point{point(10, 5)}},
		{"a gap stays one", []fact.DeltaPoint{delta(0, 10, 5), delta(50, 60, 3)}, []fact.Point{point(0, 0), point(10, 5), point(60, 8)}},
		{"what overlaps is added whole", []fact.DeltaPoint{delta(0, 10, 5), delta(5, 15, 3)}, []fact.Point{point(0, 0), point(10, 5), point(15, 8)}},
		{"a pause is marked and goes on", []fact.DeltaPoint{delta(0, 10, 5), delta(10, 20, stale), delta(20, 30, 2)}, []fact.Point{point(0, 0), point(10, 5), point(20, stale), point(30, 7)}},
		{"a second start is no reset", []fact.DeltaPoint{delta(0, 10, 5), delta(12, 20, 1)}, []fact.Point{point(0, 0), point(10, 5), point(20, 6)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, again := range []bool{false, true} { // the second half after a restart, too
				s := open(t, dir, series.Options{})
				name := fmt.Sprintf("n_%t", again)
				for i, p := range tt.points {
					if _, err := s.AppendBatch(t.Context(), deltas(name, p), math.MaxInt64); err != nil {
						t.Fatal(err)
					}
					if again && i == len(tt.points)/2 {
						if err := s.Close(); err != nil {
							t.Fatal(err)
						}
						s = open(t, dir, series.Options{})
					}
				}
				got, err := s.Raw(t.Context(), name)
				if err != nil || len(got) != 1 || !equalBits(got[0].Points, tt.want) {
					t.Errorf("restart %t: stored %v, %v, want %v", again, got, err, tt.want)
				}
				s.Close()
			}
		})
	}
}

// Whatever is sent again, and wherever the process dies, every increase counts
// once: the total is that of the log, and so is increase().
func TestNoIncreaseIsInventedOrLost(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	for range 6 {
		dir := t.TempDir()
		const names, steps = 3, 60
		var log []*fact.Batch
		var want [names]float64
		for i := range steps {
			b := &fact.Batch{}
			for n := range names {
				if r.IntN(5) == 0 {
					continue // a gap
				}
				v := float64(r.IntN(100))
				want[n] += v
				name := fmt.Sprintf("n%d", n)
				b.Deltas = append(b.Deltas, deltas(name, delta(float64(i*15), float64(i*15+15), v)).Deltas...)
				p := hist(float64(i*15+15), bucketed(uint64(v)))
				p.Start = base + int64(i*15_000)
				b.Histograms = append(b.Histograms, histogram(fact.Delta, "h"+name, p).Histograms...)
			}
			if log = append(log, b); r.IntN(6) == 0 {
				log = append(log, log[r.IntN(len(log))]) // a sender that was not answered
			}
		}
		s := open(t, dir, series.Options{})
		series.RememberShapes(s, 1+r.IntN(20))
		for i := 0; i < len(log); i++ {
			if _, err := s.AppendBatch(t.Context(), log[i], math.MaxInt64); err != nil {
				t.Fatal(err)
			}
			if r.IntN(12) == 0 { // the process ends, and the checkpoint is an older one
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = open(t, dir, series.Options{})
				i -= r.IntN(min(i+1, 10))
			}
		}
		for n := range names {
			for query, want := range map[string]float64{
				fmt.Sprintf("n%d", n):                                    want[n],
				fmt.Sprintf("histogram_count(hn%d)", n):                  3 * want[n],
				fmt.Sprintf("resets(n%d[1h])", n):                        0,
				fmt.Sprintf("n%d - min_over_time(n%d[1h])", n, n):        want[n],
				fmt.Sprintf("histogram_count(hn%d) - 3 * n%d", n, n):     0,
				fmt.Sprintf("histogram_quantile(1, hn%d)", n):            4,
				fmt.Sprintf("histogram_count(increase(hn%d[1h]))>0", n):  math.NaN(),
				fmt.Sprintf("round(histogram_avg(hn%d) * 1000)/1000", n): 2.5,
			} {
				v, err := s.Instant(t.Context(), query, at(steps*15))
				if err != nil || len(v) != 1 || v[0].V != want && !math.IsNaN(want) {
					t.Errorf("%s is %v, %v, want %v", query, v, err, want)
				}
			}
		}
		s.Close()
	}
}

// Histograms of other resolutions and bounds add up, and do not grow for ever.
func TestDeltaHistogramsOfManyLayouts(t *testing.T) {
	s := open(t, t.TempDir(), series.Options{})
	var count uint64
	for i := range 200 {
		h := &fact.Histogram{Schema: int32(8 - i%3), ZeroThreshold: 1e-128, Count: 20, Sum: 1, Positive: fact.Buckets{
			Spans: []fact.BucketSpan{{Offset: int32(i * 20), Length: 20}}, Deltas: append([]int64{1}, make([]int64, 19)...),
		}}
		count += h.Count
		res, err := s.AppendBatch(t.Context(), histogram(fact.Delta, "h", hist(float64(i), h)), math.MaxInt64)
		if err != nil || res.Stored != 1 {
			t.Fatal(i, res, err)
		}
	}
	v, err := s.Instant(t.Context(), "histogram_count(h)", at(199))
	if err != nil || len(v) != 1 || v[0].V != float64(count) {
		t.Errorf("%v, %v, want %d", v, err, count)
	}
	var got struct {
		Data struct {
			Result []struct{ Histogram [2]any }
		}
	}
	askAt(t, s, "h", at(199), &got)
	buckets := got.Data.Result[0].Histogram[1].(map[string]any)["buckets"].([]any)
	if len(buckets) > 700 {
		t.Errorf("%d buckets", len(buckets))
	}
}

func askAt(t *testing.T, s *series.Store, query string, at time.Time, into any) string {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/query?query="+url.QueryEscape(query)+"&time="+fmt.Sprint(at.Unix()), nil))
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", query, w.Code, w.Body)
	}
	return w.Body.String()
}

// Histograms are answered as Prometheus does.
func TestHistogramsAreAnswered(t *testing.T) {
	s := open(t, t.TempDir(), series.Options{})
	b := histogram(fact.Counter, "h", hist(0, bucketed(0)), hist(60, bucketed(10)), hist(120, bucketed(30)))
	b.Histograms[0].Help, b.Histograms[0].Unit = "How long.", "seconds"
	if _, err := s.AppendBatch(t.Context(), b, math.MaxInt64); err != nil {
		t.Fatal(err)
	}
	var any map[string]any
	if got := askAt(t, s, "h", at(60), &any); got != `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"h","job":"test"},"histogram":[1800000060,{"count":"30","sum":"75","buckets":[[0,"1","2","10"],[0,"2","4","20"]]}]}]}}` {
		t.Errorf("answer %s", got)
	}
	for query, want := range map[string]float64{
		// Half of 30 values: 5 of the 20 in (2,4], which are spread exponentially.
		"histogram_quantile(0.5, h offset 1m)":      2 * math.Pow(2, 0.25),
		"histogram_count(h)":                        90,
		"histogram_avg(h)":                          2.5,
		"histogram_count(increase(h[2m]))":          90,
		"histogram_count(rate(h[2m])) * 120":        90,
		"histogram_quantile(0.5, rate(h[2m])) > 2":  2 * math.Pow(2, 0.25),
		"histogram_fraction(0, 2, rate(h[2m])) * 3": 1,
	} {
		v, err := s.Instant(t.Context(), query, at(120))
		if err != nil || len(v) != 1 || math.Abs(v[0].V-want) > 1e-9 {
			t.Errorf("%s is %v, %v, want %v", query, v, err, want)
		}
	}
	if v, err := s.Instant(t.Context(), "h", at(120)); err != nil || len(v) != 0 {
		t.Errorf("a histogram as numbers: %v, %v", v, err)
	}
	if m, err := s.Range(t.Context(), "h or histogram_count(h)", at(0), at(120), time.Minute); err != nil || len(m) != 0 {
		t.Errorf("a histogram as numbers: %v, %v", m, err)
	}
	if m, err := s.Range(t.Context(), "histogram_count(h)", at(0), at(120), time.Minute); err != nil || len(m) != 1 || !equalBits(m[0].Points, []fact.Point{point(0, 0), point(60, 30), point(120, 90)}) {
		t.Errorf("counts: %v, %v", m, err)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/metadata?metric=h", nil))
	if got := w.Body.String(); got != `{"status":"success","data":{"h":[{"type":"histogram","unit":"seconds","help":"How long."}]}}` {
		t.Errorf("metadata: %s", got)
	}
}

// The store does not remember more than its limit, and forgets nothing by it.
func TestShapesAreBounded(t *testing.T) {
	s := open(t, t.TempDir(), series.Options{MaxSeries: 100})
	series.RememberShapes(s, 10)
	for step := range 3 {
		for i := range 40 {
			b := deltas("n", delta(float64(step*10), float64(step*10+10), 1))
			b.Histograms = histogram(fact.Delta, "h", hist(float64(step*10+10), bucketed(1))).Histograms
			b.Deltas[0].Labels = b.Deltas[0].Labels.With("i", fmt.Sprint(i))
			b.Histograms[0].Labels = b.Histograms[0].Labels.With("i", fmt.Sprint(i))
			if res, err := s.AppendBatch(t.Context(), b, math.MaxInt64); err != nil || res.Stored != 2 {
				t.Fatal(res, err)
			}
			if n, totals := series.RememberedShapes(s); n > 10 || totals > 2 {
				t.Fatalf("%d shapes, %d totals are remembered", n, totals)
			}
		}
	}
	v, err := s.Instant(t.Context(), `sum(n) + sum(histogram_count(h))`, at(30))
	if err != nil || len(v) != 1 || v[0].V != 40*3+40*9 {
		t.Errorf("%v, %v", v, err)
	}
}

// What deltas have added up to is found again when the database has put it away
// into a block, and not for longer than it says.
func TestTotalsAreFoundInBlocks(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, series.Options{})
	series.CompactOnRequest(s)
	put := func(name string, from, to, v float64) {
		t.Helper()
		if res, err := s.AppendBatch(t.Context(), deltas(name, delta(from, to, v)), math.MaxInt64); err != nil || res.Stored != 1 {
			t.Fatal(res, err)
		}
	}
	put("quiet", 0, 10, 5)
	put("quieter", 0, 10, 5)
	for i := range 60 + 50 {
		put("busy", float64(i*60), float64(i*60+60), 1)
	}
	put("quiet", 1.8*hour, 1.8*hour+10, 7)
	for i := 60 + 50; i < 4*60; i++ {
		put("busy", float64(i*60), float64(i*60+60), 1)
	}
	if err := series.Compact(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if series.Blocks(s) == 0 {
		t.Fatal("nothing is in blocks")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, series.Options{})
	series.CompactOnRequest(s)
	put("quiet", 4*hour, 4*hour+10, 1)
	put("quieter", 4*hour, 4*hour+10, 1)
	for query, want := range map[string]float64{"quiet": 13, "quieter": 1, "busy": 240} {
		v, err := s.Instant(t.Context(), query, at(4*hour+10))
		if err != nil || len(v) != 1 || v[0].V != want {
			t.Errorf("%s is %v, %v, want %v", query, v, err, want)
		}
	}
}
