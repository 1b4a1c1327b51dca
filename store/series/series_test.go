package series_test

import (
	"math"
	"testing"
	"time"

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

func point(second, value float64) fact.Point {
	return fact.Point{T: base + int64(second*1000), V: value}
}

// base is when the tests begin.
const base = int64(1_800_000_000_000)

func at(second float64) time.Time { return time.UnixMilli(base + int64(second*1000)) }

func TestAppendAndQuery(t *testing.T) {
	s := open(t, t.TempDir(), series.Options{})
	res, err := s.Append(t.Context(), []fact.Series{one("up", 0, 1, 2)})
	if want := (series.Result{Stored: 3}); err != nil || res != want {
		t.Fatalf("Append = %+v, %v; want %+v", res, err, want)
	}
	got, err := s.Instant(t.Context(), `up{job="test"}`, at(2))
	if err != nil || len(got) != 1 || got[0].V != 2 {
		t.Fatalf("Instant = %v, %v; want one value 2", got, err)
	}
	if math.IsNaN(got[0].V) {
		t.Fatal(got)
	}
}
