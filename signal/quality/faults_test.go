package quality_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal/quality"
)

// A sample is one row of a clean series, and what a fault makes of it.
type sample struct {
	t, came int64 // ms
	v       float64
	kind    fact.SeriesType
	unit    string
	bad     bool // the fault is in this row
	gone    bool
}

// A clean is one series without faults.
type clean struct {
	name    string
	step    int64 // ms
	counter bool
	values  []float64
	times   []int64 // ms; nil: every step
}

// samples is the clean series as it comes in, half a second after its time give
// or take.
func (c *clean) samples(r *rand.Rand) []sample {
	out := make([]sample, len(c.values))
	kind := fact.Gauge
	if c.counter {
		kind = fact.Counter
	}
	for i, v := range c.values {
		t := int64(start) + int64(i)*c.step
		if c.times != nil {
			t = c.times[i]
		}
		out[i] = sample{t: t, came: t + 300 + r.Int64N(400), v: v, kind: kind}
	}
	return out
}

// synthetic are series as services and hosts send them, a day each.
func synthetic(step int64, seed uint64) []clean {
	r := rand.New(rand.NewPCG(seed, uint64(step)))
	n := int(24 * 3600_000 / step)
	day := func(i int) float64 { return math.Sin(2 * math.Pi * float64(i) / float64(n)) }
	walk, saw, total, busy := 100.0, 0.0, 0.0, 0.0
	shapes := []struct {
		name    string
		counter bool
		next    func(i int) float64
	}{
		{"a daily wave with noise", false, func(i int) float64 { return 200 + 100*day(i) + 10*r.NormFloat64() }},
		{"a walk", false, func(int) float64 { walk += r.NormFloat64(); return walk }},
		{"memory that is collected", false, func(int) float64 {
			if saw += 1e6 * r.Float64(); saw > 4e7 {
				saw = 0
			}
			return 3e8 + saw
		}},
		{"a queue", false, func(i int) float64 { return float64(int(3 * r.ExpFloat64() * (1.2 + day(i)))) }},
		{"degrees in tenths", false, func(i int) float64 { return math.Round(10*(40+5*day(i)+0.3*r.NormFloat64())) / 10 }},
		{"a ratio", false, func(int) float64 { return math.Abs(math.Tanh(0.2 * r.NormFloat64())) }},
		{"threads, which rarely change", false, func(int) float64 { return float64(20 + r.IntN(100)/99) }},
		{"requests", true, func(i int) float64 { total += float64(int(100 * r.ExpFloat64() * (1.2 + day(i)))); return total }},
		{"a counter that mostly rests", true, func(int) float64 { busy += float64(r.IntN(200) / 199); return busy }},
	}
	var out []clean
	for _, s := range shapes {
		c := clean{name: fmt.Sprintf("%s, every %d s", s.name, step/1000), step: step, counter: s.counter}
		for i := range n {
			c.values = append(c.values, s.next(i))
		}
		out = append(out, c)
	}
	return out
}

// A fault changes rows from the place i on and marks them. It is nil where the
// series cannot have it.
type fault struct {
	step quality.Step
	name string
	put  func(r *rand.Rand, c *clean, rows []sample, i int) []sample
}

func mark(rows []sample, from, n int, change func(k int, s *sample)) []sample {
	for k := range n {
		if from+k < len(rows) {
			change(k, &rows[from+k])
			rows[from+k].bad = true
		}
	}
	return rows
}

func faults() []fault {
	between := func(r *rand.Rand, lo, hi int64) int64 { return lo + r.Int64N(hi-lo) }
	return []fault{
		{quality.Late, "some rows come together, 45 s to 9 min late", func(r *rand.Rand, c *clean, rows []sample, i int) []sample {
			n := 1 + r.IntN(5)
			at := rows[min(i+n, len(rows))-1].t + between(r, 45_000, 540_000)
			return mark(rows, i, n, func(_ int, s *sample) { s.came = at })
		}},
		{quality.Duplicate, "some rows come again", func(r *rand.Rand, c *clean, rows []sample, i int) []sample {
			n := 1 + r.IntN(20)
			again := slices.Clone(rows[i:min(i+n, len(rows))])
			for k := range again {
				again[k].came += 1 + r.Int64N(c.step)
				again[k].bad = true
			}
			return append(rows, again...)
		}},
		{quality.OutOfOrder, "a row comes after one to three later ones", func(r *rand.Rand, c *clean, rows []sample, i int) []sample {
			return mark(rows, i, 1, func(_ int, s *sample) { s.came = rows[min(i+1+r.IntN(3), len(rows)-1)].came + 1 })
		}},
		{quality.SkewedClock, "the clock is 5 s to 9 min fast", func(r *rand.Rand, c *clean, rows []sample, i int) []sample {
			by := between(r, 5_000, 540_000)
			return mark(rows, i, 5+r.IntN(40), func(_ int, s *sample) { s.t += by })
		}},
		{quality.SkewedClock, "the clock is 45 s to 9 min slow", func(r *rand.Rand, c *clean, rows []sample, i int) []sample {
			by := between(r, 45_000, 540_000)
			return mark(rows, i, 10+r.IntN(40), func(_ int, s *sample) { s.t -= by })
		}},
		{quality.CounterReset, "a counter begins anew", func(r *rand.Rand, c *clean, rows []sample, i int) []sample {
			base := rows[i].v
			if !c.counter || rows[i].v == 0 {
				return nil
			}
			for k := i; k < len(rows); k++ {
				rows[k].v -= base
			}
			rows[i].bad = true
			return rows
		}},
		{quality.UnitChange, "values times 60, 100, 1000, 1024 or 10^6, or parts of it", func(r *rand.Rand, c *clean, rows []sample, i int) []sample {
			by := []float64{60, 100, 1000, 1024, 1e6}[r.IntN(5)]
			if r.IntN(2) == 0 {
				by = 1 / by
			}
			return mark(rows, i, 60, func(_ int, s *sample) { s.v *= by })
		}},
		{quality.UnitChange, "another unit is declared", func(r *rand.Rand, c *clean, rows []sample, i int) []sample {
			for k := range rows {
				rows[k].unit = "seconds"
			}
			return mark(rows, i, 30, func(_ int, s *sample) { s.unit = "milliseconds" })
		}},
		{quality.TypeChange, "another type is declared", func(r *rand.Rand, c *clean, rows []sample, i int) []sample {
			return mark(rows, i, 30, func(_ int, s *sample) {
				if s.kind == fact.Gauge {
					s.kind = fact.Counter
				} else {
					s.kind = fact.Gauge
				}
			})
		}},
		{quality.Gap, "3 to 60 rows are missing", func(r *rand.Rand, c *clean, rows []sample, i int) []sample {
			n := 3 + r.IntN(58)
			rows = mark(rows, i, n, func(_ int, s *sample) { s.gone = true })
			if i+n < len(rows) {
				rows[i+n].bad = true
			}
			return rows
		}},
		{quality.Stuck, "the value stands for 40 to 160 rows", func(r *rand.Rand, c *clean, rows []sample, i int) []sample {
			if c.counter || rows[i].v == 0 {
				return nil
			}
			v := rows[i].v
			return mark(rows, i, 40+r.IntN(121), func(_ int, s *sample) { s.v = v })
		}},
		{quality.NullRate, "half of 20 rows are no numbers", func(r *rand.Rand, c *clean, rows []sample, i int) []sample {
			for k := i; k < min(i+20, len(rows)); k++ {
				if r.IntN(2) == 0 {
					rows[k].v, rows[k].bad = math.NaN(), true
				}
			}
			return rows
		}},
		{quality.Range, "1 to 5 rows are ten times the range away", func(r *rand.Rand, c *clean, rows []sample, i int) []sample {
			if c.counter {
				return nil
			}
			low, high := slices.Min(c.values[:i]), slices.Max(c.values[:i])
			by := 10 * max(high-low, math.Abs(high), math.Abs(low))
			if by == 0 {
				return nil
			}
			return mark(rows, i, 1+r.IntN(5), func(_ int, s *sample) { s.v += by })
		}},
		{quality.Range, "1 to 5 rows are negative where none was", func(r *rand.Rand, c *clean, rows []sample, i int) []sample {
			if c.counter || slices.Min(c.values) < 0 {
				return nil
			}
			return mark(rows, i, 1+r.IntN(5), func(_ int, s *sample) { s.v = -1 - s.v })
		}},
	}
}

// judge sends the rows in the order in which they come and returns, for each
// step, which it flags. One source has nothing but this series.
func judge(rows []sample) (order []sample, flagged []uint32) {
	order = slices.DeleteFunc(rows, func(s sample) bool { return s.gone })
	slices.SortStableFunc(order, func(a, b sample) int { return int(a.came - b.came) })
	flagged = make([]uint32, len(order))
	q := quality.New(quality.Config{})
	i := 0
	q.OnTouch(func(t quality.Touch) { flagged[i] |= t.Steps })
	labels := fact.LabelsOf(fact.NameLabel, "x")
	for i = range order {
		s := &order[i]
		q.Observe(&fact.Batch{Source: "s", Received: s.came, Series: []fact.Series{{Labels: labels, Type: s.kind, Unit: s.unit, Points: []fact.Point{{T: s.t, V: s.v}}}}})
	}
	return order, flagged
}

// A tally is what came of one fault in many series.
type tally struct {
	episodes, found int
	hits, flags     int // rows that the step flagged within the fault, and all
}

// try puts one fault into one series and counts what the step makes of it. What
// it flags in the clean series is counted there, and not here.
func (t *tally) try(f *fault, c *clean, clean map[int64]uint32, seed uint64) {
	r := rand.New(rand.NewPCG(seed, uint64(f.step)))
	rows := c.samples(r)
	i := len(rows)/2 + r.IntN(len(rows)*2/5)
	if rows = f.put(r, c, rows, i); rows == nil {
		return
	}
	order, flagged := judge(rows)
	t.episodes++
	found := false
	for k, s := range order {
		if flagged[k]&(1<<f.step) == 0 || clean[s.t]&(1<<f.step) != 0 && !s.bad {
			continue
		}
		if t.flags++; s.bad {
			t.hits++
			found = true
		}
	}
	if found {
		t.found++
	}
}

func (t *tally) recall() float64    { return float64(t.found) / float64(max(t.episodes, 1)) }
func (t *tally) precision() float64 { return float64(t.hits) / float64(max(t.flags, 1)) }

// A result is what is published of one fault.
type result struct {
	fault
	tally
	clean float64 // rows that the step flags in clean series, per series-day
}

// measure puts each fault into each series, a few times.
func measure(all []clean, times int) (results []result, days float64) {
	flags := make([]map[int64]uint32, len(all))
	var sum [16]int
	for i := range all {
		rows := all[i].samples(rand.New(rand.NewPCG(uint64(i), 9)))
		days += float64(rows[len(rows)-1].t-rows[0].t) / 86_400_000
		flags[i] = make(map[int64]uint32)
		order, flagged := judge(rows)
		for k, f := range flagged {
			if f != 0 {
				flags[i][order[k].t] |= f
			}
			for _, s := range quality.Steps() {
				sum[s] += int(f >> s & 1)
			}
		}
	}
	for _, f := range faults() {
		r := result{fault: f, clean: float64(sum[f.step]) / days}
		for i := range all {
			for k := range times {
				r.try(&f, &all[i], flags[i], uint64(1000*i+k))
			}
		}
		results = append(results, r)
	}
	return results, days
}

func table(results []result) string {
	var b strings.Builder
	fmt.Fprint(&b, "\n| step | fault | episodes | recall | precision | rows flagged in clean data, per series-day |\n|---|---|---|---|---|---|\n")
	for _, r := range results {
		if r.episodes > 0 {
			fmt.Fprintf(&b, "| `%s` | %s | %d | %.3f | %.3f | %.3f |\n", r.step, r.name, r.episodes, r.recall(), r.precision(), r.clean)
		}
	}
	return b.String()
}

// A floor is the least that is good enough.
type floor struct{ recall, precision, clean float64 }

func hold(t *testing.T, results []result, common floor, special map[string]floor) {
	t.Helper()
	for _, r := range results {
		want, ok := special[r.name]
		if !ok {
			want = common
		}
		if r.episodes > 0 && (r.recall() < want.recall || r.precision() < want.precision || r.clean > want.clean) {
			t.Errorf("%s, %s: recall %.3f, precision %.3f, %.3f rows of a clean series-day; want %+v", r.step, r.name, r.recall(), r.precision(), r.clean, want)
		}
	}
}

// Names of faults with floors of their own: a unit is told only where sizes are
// steady, and what stands is told only where it moved.
const (
	otherSize = "values times 60, 100, 1000, 1024 or 10^6, or parts of it"
	standing  = "the value stands for 40 to 160 rows"
)

func TestFaultsInSyntheticSeries(t *testing.T) {
	var all []clean
	for _, step := range []int64{15_000, 60_000} {
		for seed := range uint64(2) {
			all = append(all, synthetic(step, seed)...)
		}
	}
	results, days := measure(all, 3)
	t.Logf("%d synthetic series, %.0f series-days\n%s", len(all), days, table(results))
	hold(t, results, floor{0.99, 0.99, 0.01}, map[string]floor{otherSize: {0.75, 0.99, 0.01}, standing: {0.8, 0.99, 0.1}})
}

// A fleet of series of which some go and others come all the time, and that is
// deployed anew twice; and one into which somebody puts a user's number.
func TestCardinalityFault(t *testing.T) {
	const minutes, episodes = 24 * 60, 15
	found, hits, flags, clean := 0, 0, 0, 0
	for e := range episodes {
		r := rand.New(rand.NewPCG(uint64(e), 4))
		q := quality.New(quality.Config{})
		bad, at := false, minutes/2+r.IntN(minutes/3)
		fleet, next := 100+r.IntN(400), 0
		q.OnTouch(func(touch quality.Touch) {
			switch {
			case touch.Steps&(1<<quality.CardinalityJump) == 0:
			case bad:
				hits++
				flags++
			default:
				clean++
				flags++
			}
		})
		send := func(minute, from, to int) {
			b := &fact.Batch{Source: "s", Received: start + int64(minute)*60_000}
			for i := from; i < to; i++ {
				b.Series = append(b.Series, fact.Series{Labels: fact.LabelsOf(fact.NameLabel, "x", "i", fmt.Sprint(i)), Points: []fact.Point{{T: b.Received, V: 1}}})
			}
			q.Observe(b)
		}
		for m := range minutes {
			if m == minutes/4 || m == minutes/3 {
				next += fleet // all pods are new
			}
			next += r.IntN(3) / 2 // one comes and one goes
			send(m, next, next+fleet)
			q.Observe(&fact.Batch{Source: fact.ClockSource, Received: start + int64(m)*60_000})
			if bad = m == at; bad {
				before := hits
				send(m, 1_000_000, 1_000_000+2*fleet+r.IntN(5*fleet)+150)
				if hits > before {
					found++
				}
			}
		}
	}
	t.Logf("`cardinality_jump/1`: %d episodes, recall %.3f, precision %.3f, %.3f rows flagged per clean source-day", episodes, float64(found)/episodes, float64(hits)/float64(flags), float64(clean)/episodes)
	if found < episodes || float64(hits) < 0.99*float64(flags) {
		t.Errorf("%d of %d episodes found, %d of %d flags right; want all, and 0.99 of them", found, episodes, hits, flags)
	}
}
