package quality_test

import (
	"math"
	"slices"
	"testing"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal/quality"
)

const (
	start = 1_700_000_000_000 // ms
	step  = 10_000
	delay = 500
)

// A row is one sample of a story, in steps since the start.
type row struct {
	at   float64 // event time
	came float64 // receipt; 0: at
	v    float64
	kind fact.SeriesType
	unit string
}

// steady is n rows of a gauge that moves.
func steady(n int) (out []row) {
	for i := range n {
		out = append(out, row{at: float64(i), v: 50 + float64(i*7%13)})
	}
	return out
}

// play sends each row in a batch of its own and returns which rows each step
// flagged.
func play(rows []row) map[quality.Step][]int {
	q := quality.New(quality.Config{})
	out := make(map[quality.Step][]int)
	i := 0
	q.OnTouch(func(touch quality.Touch) {
		for _, s := range quality.Steps() {
			if touch.Steps&(1<<s) != 0 {
				out[s] = append(out[s], i)
			}
		}
	})
	for i = range rows {
		r := rows[i]
		if r.came == 0 {
			r.came = r.at
		}
		if r.kind == fact.Untyped {
			r.kind = fact.Gauge
		}
		q.Observe(&fact.Batch{Source: "s", Received: start + int64(r.came*step) + delay, Series: []fact.Series{{
			Labels: fact.LabelsOf(fact.NameLabel, "x"), Type: r.kind, Unit: r.unit,
			Points: []fact.Point{{T: start + int64(r.at*step), V: r.v}},
		}}})
	}
	return out
}

func with(rows []row, change func(i int, r *row)) []row {
	for i := range rows {
		change(i, &rows[i])
	}
	return rows
}

func upTo(from, to int) (out []int) {
	for i := from; i <= to; i++ {
		out = append(out, i)
	}
	return out
}

func TestSteps(t *testing.T) {
	nan, stale := math.NaN(), math.Float64frombits(0x7ff0000000000002)
	for _, tt := range []struct {
		name string
		rows []row
		want map[quality.Step][]int
	}{
		{name: "a gauge that moves", rows: steady(300)},
		{name: "the same row twice, and one of two before", rows: slices.Insert(steady(60), 50, row{at: 49, came: 49.1, v: 50}, row{at: 47, came: 49.2, v: 50}),
			want: map[quality.Step][]int{quality.Duplicate: {50, 51}}},
		{name: "one that is older than the newest", rows: slices.Insert(steady(60), 50, row{at: 48.5, came: 49, v: 50}),
			want: map[quality.Step][]int{quality.OutOfOrder: {50}}},
		{name: "rows missing", rows: slices.Delete(steady(100), 50, 54),
			want: map[quality.Step][]int{quality.Gap: {50}}},
		{name: "one row missing is no gap", rows: slices.Delete(steady(100), 50, 51)},
		{name: "sent more rarely from now on", rows: with(steady(60), func(i int, r *row) { r.at += 4 * max(0, float64(i-30)) }),
			want: map[quality.Step][]int{quality.Gap: {31, 32, 33}}},
		{name: "a minute late", rows: with(steady(60), func(i int, r *row) {
			if i == 40 {
				r.at, r.came = 40, 46
			} else if i > 40 {
				r.at, r.came = r.at+6, r.at+6
			}
		}), want: map[quality.Step][]int{quality.Late: {40}, quality.Gap: {41}}},
		{name: "ten seconds ahead", rows: with(steady(60), func(i int, r *row) {
			if i >= 40 && i < 45 {
				r.came, r.at = r.at, r.at+1
			}
		}), want: map[quality.Step][]int{quality.SkewedClock: upTo(40, 44), quality.Gap: {45}}},
		{name: "a clock that is two minutes slow: late until that is sure", rows: with(steady(60), func(i int, r *row) {
			if i >= 40 {
				r.came = r.at
				r.at -= 12
			}
		}), want: map[quality.Step][]int{quality.Late: upTo(40, 43), quality.SkewedClock: upTo(44, 59), quality.OutOfOrder: upTo(40, 48), quality.Duplicate: {49, 50, 51}}},
		{name: "a counter that begins anew", rows: with(steady(60), func(i int, r *row) { r.kind, r.v = fact.Counter, float64(i%40) }),
			want: map[quality.Step][]int{quality.CounterReset: {40}}},
		{name: "another type", rows: with(steady(60), func(i int, r *row) {
			if i >= 57 {
				r.kind = fact.Counter
			}
		}), want: map[quality.Step][]int{quality.TypeChange: {57, 58, 59}}},
		{name: "another unit is declared", rows: with(steady(60), func(i int, r *row) {
			if r.unit = "s"; i >= 58 {
				r.unit = "ms"
			}
		}), want: map[quality.Step][]int{quality.UnitChange: {58, 59}}},
		{name: "values times a thousand", rows: with(steady(60), func(i int, r *row) {
			if i >= 50 {
				r.v *= 1000
			}
		}), want: map[quality.Step][]int{quality.UnitChange: upTo(54, 59)}},
		{name: "stands still", rows: with(steady(100), func(i int, r *row) {
			if i >= 60 && i < 80 {
				r.v = 55.5
			}
		}), want: map[quality.Step][]int{quality.Stuck: upTo(75, 79)}},
		{name: "rests at zero", rows: with(steady(100), func(i int, r *row) {
			if i >= 60 {
				r.v = 0
			}
		})},
		{name: "not a number", rows: with(steady(60), func(i int, r *row) {
			if i == 50 {
				r.v = nan
			}
		}), want: map[quality.Step][]int{quality.NullRate: {50}}},
		{name: "not a number every other time", rows: with(steady(60), func(i int, r *row) {
			if i%2 == 1 {
				r.v = nan
			}
		})},
		{name: "ends", rows: append(steady(50), row{at: 50, v: stale})},
		{name: "ends, and comes back long after", rows: append(append(steady(50), row{at: 50, v: stale}), with(steady(20), func(_ int, r *row) { r.at += 200 })...)},
		{name: "negative and far beyond", rows: with(steady(600), func(i int, r *row) {
			switch i {
			case 580:
				r.v = -1
			case 590:
				r.v = 200
			}
		}), want: map[quality.Step][]int{quality.Range: {580, 590}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := play(tt.rows)
			for _, s := range quality.Steps() {
				if !slices.Equal(got[s], tt.want[s]) {
					t.Errorf("%s flags rows %v, want %v", s, got[s], tt.want[s])
				}
			}
		})
	}
}

func TestCardinalityJump(t *testing.T) {
	q := quality.New(quality.Config{})
	flagged := 0
	q.OnTouch(func(touch quality.Touch) {
		if touch.Steps == 1<<quality.CardinalityJump {
			flagged++
		}
	})
	send := func(second, series int) {
		b := &fact.Batch{Source: "s", Received: start + int64(second)*1000}
		for i := range series {
			b.Series = append(b.Series, fact.Series{Labels: fact.LabelsOf(fact.NameLabel, "x", "i", string(rune(i))), Points: []fact.Point{{T: b.Received, V: 1}}})
		}
		q.Observe(b)
	}
	for s := 0; s <= 600; s += 10 {
		send(s, 200)
	}
	send(610, 450) // 250 more: within one and a half times 200
	if flagged != 0 {
		t.Errorf("%d of 250 new series flagged, want none", flagged)
	}
	send(660, 1500) // 1050 more; 675 are within
	if flagged != 375 {
		t.Errorf("%d of 1050 new series flagged, want 375", flagged)
	}
}

func TestNames(t *testing.T) {
	for _, s := range quality.Steps() {
		if got, ok := quality.ParseStep(s.String()); !ok || got != s || s.Explain() == "" {
			t.Errorf("ParseStep(%q) = %v, %v; its text is %q", s, got, ok, s.Explain())
		}
		if w, share := s.Weight(); !(w > 0 && w < 1 && share > 0) {
			t.Errorf("%s can take %v at %v", s, w, share)
		}
	}
	if _, ok := quality.ParseStep("late/2"); ok {
		t.Error("late/2 is a step")
	}
}
