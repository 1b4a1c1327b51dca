package series_test

import (
	"testing"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/series"
)

// Half a day of samples goes through blocks on disk. What was stored before
// is still known to be there, late samples find their place, and what the
// database has dropped from memory is forgotten.
func TestThroughBlocks(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, series.Options{})
	const step = 60
	if _, err := s.Append(t.Context(), []fact.Series{one("gone", 0)}); err != nil {
		t.Fatal(err)
	}
	for sec := 0; sec <= 12*hour; sec += step {
		batch := []fact.Series{one("up", float64(sec))}
		if sec%(2*step) == 0 || sec > 11*hour {
			batch = append(batch, one("gaps", float64(sec)))
		}
		res, err := s.Append(t.Context(), batch)
		if err != nil || res.Stored != len(batch) {
			t.Fatalf("at %d s: %+v, %v", sec, res, err)
		}
	}
	for range 3 {
		if err := series.Compact(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if n := series.Blocks(s); n == 0 {
		t.Fatal("there are no blocks")
	}
	if _, err := s.Append(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if n := series.Remembered(s); n != 2 {
		t.Errorf("%d series are remembered, want 2: one has left memory", n)
	}
	var up, gaps fact.Series = one("up"), one("gaps")
	for sec := 9 * hour; sec <= 12*hour; sec += step {
		up.Points = append(up.Points, point(float64(sec), float64(sec)))
	}
	res, err := s.Append(t.Context(), []fact.Series{up})
	if want := (series.Result{Duplicate: len(up.Points)}); err != nil || res != want {
		t.Errorf("the last three hours again: %+v, %v; want %+v", res, err, want)
	}
	for sec := 10*hour + step; sec < 12*hour; sec += 2 * step {
		gaps.Points = append(gaps.Points, point(float64(sec), float64(sec)))
	}
	res, err = s.Append(t.Context(), []fact.Series{gaps})
	// 30 in the first hour of the two are too old; of the others, all are there.
	if want := (series.Result{TooOld: 30, Duplicate: 30}); err != nil || res != want {
		t.Errorf("the gaps: %+v, %v; want %+v", res, err, want)
	}
	before, err := s.Raw(t.Context(), "up")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, series.Options{})
	after, err := s.Raw(t.Context(), "up")
	if err != nil || len(after) != 1 || !equalBits(after[0].Points, before[0].Points) || len(after[0].Points) != 12*hour/step+1 {
		t.Errorf("%d samples of up after reopening (%v), %d before", len(after[0].Points), err, len(before[0].Points))
	}
	if res, err := s.Append(t.Context(), []fact.Series{up}); err != nil || res.Duplicate != len(up.Points) {
		t.Errorf("the last three hours after reopening: %+v, %v", res, err)
	}
}
