package series_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/value"
	"go.uber.org/goleak"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/series"
)

func open(t testing.TB, dir string, opt series.Options) *series.Store {
	t.Helper()
	s, err := series.Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// one returns a series named name with a point at each of the given seconds,
// whose value is the second.
func one(name string, seconds ...float64) fact.Series {
	s := fact.Series{Labels: fact.LabelsOf(fact.NameLabel, name, "job", "test")}
	for _, sec := range seconds {
		s.Points = append(s.Points, point(sec, sec))
	}
	return s
}

// with is one, with a single point of another value.
func with(name string, second, value float64) fact.Series {
	s := one(name)
	s.Points = []fact.Point{point(second, value)}
	return s
}

func point(second, value float64) fact.Point {
	return fact.Point{T: base + int64(second*1000), V: value}
}

// base is when the tests begin.
const base = int64(1_800_000_000_000)

func at(second float64) time.Time { return time.UnixMilli(base + int64(second*1000)) }

func equalBits(a, b []fact.Point) bool {
	return slices.EqualFunc(a, b, func(x, y fact.Point) bool {
		return x.T == y.T && math.Float64bits(x.V) == math.Float64bits(y.V)
	})
}

const hour = 3600

func TestEverySampleMeetsItsFate(t *testing.T) {
	stale := math.Float64frombits(value.StaleNaN)
	for _, tt := range []struct {
		name    string
		opt     series.Options
		batches [][]fact.Series
		want    series.Result // of the last batch
	}{
		{
			name:    "fresh samples are stored",
			batches: [][]fact.Series{{one("up", 0, 1, 2)}},
			want:    series.Result{Stored: 3},
		},
		{
			name:    "the newest again is a duplicate",
			batches: [][]fact.Series{{one("up", 0, 1)}, {one("up", 1)}},
			want:    series.Result{Duplicate: 1},
		},
		{
			name:    "an older one again is a duplicate, too",
			batches: [][]fact.Series{{one("up", 0, 1, 2, 3)}, {one("up", 0, 1, 2)}},
			want:    series.Result{Duplicate: 3},
		},
		{
			name:    "a gap is filled",
			batches: [][]fact.Series{{one("up", 0, 9)}, {one("up", 4, 5)}},
			want:    series.Result{Stored: 2},
		},
		{
			name:    "a filled gap again is a duplicate",
			batches: [][]fact.Series{{one("up", 0, 9)}, {one("up", 4, 5)}, {one("up", 5, 6, 0)}},
			want:    series.Result{Stored: 1, Duplicate: 2},
		},
		{
			name:    "another value at the newest time is a conflict",
			batches: [][]fact.Series{{one("up", 0, 1)}, {with("up", 1, 7)}},
			want:    series.Result{Conflict: 1},
		},
		{
			name:    "another value at an older time is a conflict",
			batches: [][]fact.Series{{one("up", 0, 1, 2)}, {with("up", 1, 7)}},
			want:    series.Result{Conflict: 1},
		},
		{
			name:    "the same twice in one batch",
			batches: [][]fact.Series{{one("up", 0, 0, 1, 1), one("up", 1)}},
			want:    series.Result{Stored: 2, Duplicate: 3},
		},
		{
			name:    "the order in a batch does not matter",
			batches: [][]fact.Series{{one("up", 3, 1, 2, 1)}},
			want:    series.Result{Stored: 3, Duplicate: 1},
		},
		{
			name:    "two late ones with one time and two values",
			batches: [][]fact.Series{{one("up", 9)}, {with("up", 1, 5), with("up", 1, 6)}},
			want:    series.Result{Stored: 1, Conflict: 1},
		},
		{
			name:    "too old for the store does not keep the others out",
			batches: [][]fact.Series{{one("up", 2*hour)}, {one("up", 0, 2*hour+1), one("down", 2*hour)}},
			want:    series.Result{TooOld: 1, Stored: 2},
		},
		{
			name:    "an old one that is there is a duplicate, not too old",
			batches: [][]fact.Series{{one("up", 0)}, {one("up", 2*hour)}, {one("up", 0)}},
			want:    series.Result{Duplicate: 1},
		},
		{
			name:    "without a window late samples are out of order",
			opt:     series.Options{OutOfOrder: -1},
			batches: [][]fact.Series{{one("up", 5)}, {one("up", 4, 5, 6)}},
			want:    series.Result{OutOfOrder: 1, Duplicate: 1, Stored: 1},
		},
		{
			name:    "no name, no labels",
			batches: [][]fact.Series{{{Points: []fact.Point{point(0, 0)}}, {Labels: fact.LabelsOf("a", "b"), Points: []fact.Point{point(0, 0)}}, one("up", 0)}},
			want:    series.Result{Invalid: 2, Stored: 1},
		},
		{
			name:    "a stale marker is a sample like others",
			batches: [][]fact.Series{{one("up", 0), with("up", 1, stale)}, {with("up", 1, stale), with("up", 0, stale)}},
			want:    series.Result{Duplicate: 1, Conflict: 1},
		},
		{
			name:    "zero and minus zero are two values",
			batches: [][]fact.Series{{with("up", 0, 0)}, {with("up", 0, math.Copysign(0, -1))}},
			want:    series.Result{Conflict: 1},
		},
		{
			name:    "more series than may be",
			opt:     series.Options{MaxSeries: 2},
			batches: [][]fact.Series{{one("a", 0), one("b", 0)}, {one("c", 0, 1), one("a", 1), one("b", 0)}},
			want:    series.Result{TooMany: 2, Stored: 1, Duplicate: 1},
		},
		{
			name:    "no series at all",
			batches: [][]fact.Series{nil},
		},
		{
			name:    "a series without points",
			batches: [][]fact.Series{{one("up")}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, t.TempDir(), tt.opt)
			var got series.Result
			var err error
			for _, b := range tt.batches {
				if got, err = s.Append(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
			if got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
			n := 0
			for _, b := range tt.batches[len(tt.batches)-1] {
				n += len(b.Points)
			}
			if sum := got.Stored + got.Duplicate + got.Quarantined(); sum != n {
				t.Errorf("%d samples have %d fates", n, sum)
			}
		})
	}
}

// The same batches in a store that was closed between them give the same
// results, although nothing is remembered then.
func TestTheSameAfterReopening(t *testing.T) {
	dir := t.TempDir()
	batch := []fact.Series{one("up", 0, 1, 2), one("down", 0, 5, 3)}
	for round, want := range []series.Result{{Stored: 6}, {Duplicate: 6}, {Duplicate: 6}} {
		s := open(t, dir, series.Options{})
		if got, err := s.Append(t.Context(), batch); err != nil || got != want {
			t.Errorf("round %d: %+v, %v; want %+v", round, got, err, want)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir, series.Options{})
	if got, err := s.Append(t.Context(), []fact.Series{one("up", 1, 3), with("down", 5, 6)}); err != nil || got != (series.Result{Duplicate: 1, Stored: 1, Conflict: 1}) {
		t.Errorf("after reopening: %+v, %v", got, err)
	}
	want := []fact.Point{point(0, 0), point(1, 1), point(2, 2), point(3, 3)}
	got, err := s.Range(t.Context(), `up`, at(0), at(3), time.Second)
	if err != nil || len(got) != 1 || !equalBits(got[0].Points, want) {
		t.Errorf("up = %v, %v; want %v", got, err, want)
	}
}

func TestAppendUntil(t *testing.T) {
	s := open(t, t.TempDir(), series.Options{})
	got, err := s.AppendUntil(t.Context(), []fact.Series{one("up", 0, 1, 2)}, at(1).UnixMilli())
	if want := (series.Result{Stored: 2, TooNew: 1}); err != nil || got != want {
		t.Errorf("AppendUntil = %+v, %v; want %+v", got, err, want)
	}
}

// When more series come than are remembered, nothing changes but the cost.
func TestForgettingChangesNothing(t *testing.T) {
	s := open(t, t.TempDir(), series.Options{})
	series.Remember(s, 10)
	names := []string{}
	for i := range 40 {
		names = append(names, "m"+strings.Repeat("x", i))
	}
	for round := range 3 {
		for _, name := range names {
			got, err := s.Append(t.Context(), []fact.Series{one(name, float64(round)), one(name, 0)})
			want := series.Result{Stored: 1, Duplicate: 1}
			if err != nil || got != want {
				t.Fatalf("round %d, %s: %+v, %v; want %+v", round, name, got, err, want)
			}
		}
	}
}

// A hint is never believed: whatever the numbers, also those of series that were
// forgotten, samples come to the series with the labels.
func TestHintsAreOnlyHints(t *testing.T) {
	s := open(t, t.TempDir(), series.Options{})
	series.Remember(s, 10)
	rnd := rand.New(rand.NewPCG(1, 2))
	want := make(map[string][]fact.Point)
	for sec := range 400 {
		name := fmt.Sprint("m", rnd.IntN(20))
		in := one(name, float64(sec))
		in.Ref = uint32(rnd.IntN(24))
		if rnd.IntN(2) == 0 {
			in.Ref = 1 + uint32(name[len(name)-1]) // often the same for the same
		}
		if got, err := s.Append(t.Context(), []fact.Series{in}); err != nil || got.Stored != 1 {
			t.Fatalf("%s: %+v, %v", name, got, err)
		}
		want[name] = append(want[name], in.Points...)
	}
	for name, points := range want {
		got, err := s.Raw(t.Context(), name)
		if err != nil || len(got) != 1 || !equalBits(got[0].Points, points) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, points)
		}
	}
}

func TestInstantAndRange(t *testing.T) {
	s := open(t, t.TempDir(), series.Options{})
	if _, err := s.Append(t.Context(), []fact.Series{one("up", 0, 10, 20), one("down", 0, 10, 20)}); err != nil {
		t.Fatal(err)
	}
	labels := fact.LabelsOf(fact.NameLabel, "up", "job", "test")
	for _, tt := range []struct {
		query string
		want  []series.Value
		err   string
	}{
		{query: `up`, want: []series.Value{{Labels: labels, V: 20}}},
		{query: `sum(up) + sum(down)`, want: []series.Value{{V: 40}}},
		{query: `1 + 1`, want: []series.Value{{V: 2}}},
		{query: `nothing`, want: []series.Value{}},
		{query: `rate(up[20s])`, want: []series.Value{{Labels: labels.With(fact.NameLabel, ""), V: 1}}},
		{query: `up[1m]`, err: `query "up[1m]" gives a matrix, want a vector or a scalar`},
		{query: `"text"`, err: `gives a string`},
		{query: `sum(`, err: `query "sum(": 1:5: parse error`},
	} {
		got, err := s.Instant(t.Context(), tt.query, at(20))
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: error %v, want …%s…", tt.query, err, tt.err)
			}
			continue
		}
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s = %v, %v; want %v", tt.query, got, err, tt.want)
		}
	}
	for _, step := range []time.Duration{0, -time.Second} {
		if _, err := s.Range(t.Context(), `up`, at(0), at(1), step); err == nil {
			t.Errorf("Range with step %v: no error", step)
		}
	}
	if _, err := s.Range(t.Context(), `up`, at(1), at(0), time.Second); err == nil {
		t.Error("Range that ends before it starts: no error")
	}
}

func TestQueriesAreBounded(t *testing.T) {
	s := open(t, t.TempDir(), series.Options{QuerySamples: 100, QueryTimeout: 50 * time.Millisecond})
	many := one("up")
	for i := range 200 {
		many.Points = append(many.Points, point(float64(i), 1))
	}
	if _, err := s.Append(t.Context(), []fact.Series{many}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Instant(t.Context(), `up[10m]`, at(200)); err == nil || !strings.Contains(err.Error(), "too many samples") {
		t.Errorf("200 samples with a limit of 100: %v", err)
	}
}

func TestOpenSaysWhatIsInTheWay(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := series.Open(filepath.Join(file, "series"), series.Options{}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("Open below a file: %v", err)
	}
	open(t, dir, series.Options{})
	if _, err := series.Open(dir, series.Options{}); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("Open of what is open: %v", err)
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	reg := prometheus.NewRegistry()
	dir := t.TempDir()
	for range 2 { // twice with one registry: Close gives the names back
		s, err := series.Open(dir, series.Options{Registerer: reg})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Append(t.Context(), []fact.Series{one("up", 0)}); err != nil {
			t.Fatal(err)
		}
		all, err := reg.Gather()
		if err != nil || !slices.ContainsFunc(all, func(f *dto.MetricFamily) bool { return f.GetName() == "prometheus_tsdb_head_series" }) {
			t.Errorf("the database's metrics are not registered: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHas(t *testing.T) {
	s, err := series.Open(t.TempDir(), series.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l := fact.LabelsOf("__name__", "m", "i", "1")
	if s.Has(l) || s.Has(fact.Labels{}) {
		t.Error("has what it has not")
	}
	if _, err := s.Append(t.Context(), []fact.Series{{Labels: l, Points: []fact.Point{{T: 1772366400000, V: 1}}}}); err != nil {
		t.Fatal(err)
	}
	if !s.Has(l) || s.Has(fact.LabelsOf("__name__", "m", "i", "2")) {
		t.Error("has not what it has")
	}
}
