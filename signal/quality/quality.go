package quality

import (
	"maps"
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal/entity"
)

// Config bounds what is remembered. The zero value of each field means its
// default.
type Config struct {
	MaxSeries   int // each takes some 95 bytes. Default 1,000,000
	MaxMetrics  int // each takes some 200 bytes. Default 50,000
	MaxSources  int // default 1000; those beyond it are one
	MaxEntities int // of one source. Default 1000
}

func (c Config) withDefaults() Config {
	for _, f := range []struct {
		n   *int
		def int
	}{{&c.MaxSeries, 1_000_000}, {&c.MaxMetrics, 50_000}, {&c.MaxSources, 1000}, {&c.MaxEntities, 1000}} {
		if *f.n <= 0 {
			*f.n = f.def
		}
	}
	c.MaxSources = min(c.MaxSources, math.MaxUint16)
	return c
}

// Forgotten series are those without a row for so long, in minutes of the log.
const forgetAfter = 60

// Quality judges rows. It is not safe for concurrent use.
type Quality struct {
	cfg     Config
	now     int64 // the latest receipt, ms
	swept   int64 // minute of the last look for series that are gone
	sources []*source
	byName  map[string]*source
	metrics []metric
	series  table
	over    Over
	free    []uint32 // places in metrics
	batch   Counts   // of the batch at hand
	seen    struct{ rows, samples, counted uint64 }
	touch   func(Touch)
}

// Over counts what was not looked at because a bound was reached.
type Over struct {
	Series  uint64 // rows of series beyond MaxSeries
	Metrics uint64 // series whose metric is beyond MaxMetrics: without type, unit and range
}

// A Touch is one row that steps flagged.
type Touch struct {
	Source string
	Labels fact.Labels
	T      int64 // of the row, Unix milliseconds
	Steps  uint32
}

// others is the name of the sources beyond MaxSources.
const others = "others"

// New returns a Quality that knows nothing.
func New(cfg Config) *Quality {
	q := &Quality{cfg: cfg.withDefaults(), byName: make(map[string]*source)}
	q.series.most = q.cfg.MaxSeries
	q.metrics = []metric{{kind: fact.Untyped, fixed: true, low: math.Inf(-1), high: math.Inf(1), rows: rangeRows}} // of the series whose metric has no place
	return q
}

// OnTouch makes q tell of each row that is flagged.
func (q *Quality) OnTouch(f func(Touch)) { q.touch = f }

// own reports whether a batch is one of Steersman's own papers.
func own(name string) bool { return name == fact.ClockSource || name == "desk" || name == "gate" }

// Observe judges one batch. Batches come in the order of the log.
func (q *Quality) Observe(b *fact.Batch) {
	q.now = max(q.now, b.Received)
	if own(b.Source) {
		q.events(b)
		q.sweep()
		return
	}
	newest := newestOf(b)
	if newest == 0 {
		return
	}
	s := q.source(b.Source)
	s.came(q.now)
	s.turn(q.now)
	q.batch = Counts{}
	q.seen.rows, q.seen.samples, q.seen.counted = 0, 0, 0
	a := s.arrive(b.Received, newest)
	q.rows(s, &a, b)
	q.count()
	s.total.plus(&q.batch)
	s.short.turn(q.now, shortPart).plus(&q.batch)
	s.long.turn(q.now, longPart).plus(&q.batch)
}

// count says how many rows each step has seen of the batch.
func (q *Quality) count() {
	for step := range q.batch {
		switch Step(step) {
		case Late, SkewedClock:
			q.batch[step].Seen = q.seen.rows
		case CounterReset:
			q.batch[step].Seen = q.seen.counted
		case Stuck, Range:
			q.batch[step].Seen = q.seen.samples - q.seen.counted
		default:
			q.batch[step].Seen = q.seen.samples
		}
	}
}

// rows judges what a batch holds.
func (q *Quality) rows(s *source, a *arrival, b *fact.Batch) {
	for i := range b.Series {
		in := &b.Series[i]
		x, known := q.find(s, in.Ref, in.Labels, in.Type, in.Unit, len(in.Points), a)
		for j := range in.Points {
			q.row(s, a, x, in.Labels, in.Type, in.Unit, in.Points[j].T, in.Points[j].V, known)
			known = 0
		}
	}
	for i := range b.Deltas {
		in := &b.Deltas[i]
		x, known := q.find(s, 0, in.Labels, fact.Delta, in.Unit, len(in.Points), a)
		for j := range in.Points {
			q.row(s, a, x, in.Labels, fact.Delta, in.Unit, in.Points[j].T, in.Points[j].V, known)
			known = 0
		}
	}
	for i := range b.Histograms {
		in := &b.Histograms[i]
		x, known := q.find(s, 0, in.Labels, histogramType(in.Type), in.Unit, len(in.Points), a)
		for j := range in.Points {
			q.row(s, a, x, in.Labels, histogramType(in.Type), in.Unit, in.Points[j].T, countOf(in.Points[j].H), known)
			known = 0
		}
	}
	for i := range b.Spans {
		q.time(s, a, b.Spans[i].End/1e6)
		s.tellsOf(b.Spans[i].Entity, q.cfg.MaxEntities)
	}
	for i := range b.Lines {
		q.time(s, a, b.Lines[i].At/1e6)
	}
}

// time judges what has a time and is no sample.
func (q *Quality) time(s *source, a *arrival, t int64) {
	q.seen.rows++
	if f := a.row(t); f != 0 {
		q.flag(f)
		q.tell(s, fact.Labels{}, t, f)
	}
}

// row judges one sample. x is nil where the series is not remembered; known is
// what is flagged already.
func (q *Quality) row(s *source, a *arrival, x *series, l fact.Labels, kind fact.SeriesType, unit string, t int64, v float64, known uint32) {
	q.seen.rows++
	f := known | a.row(t)
	if x != nil {
		q.seen.samples++
		q.seen.counted += uint64(x.flags & isCounter)
		m := &q.metrics[x.metric]
		if t <= a.ahead { // a row from the future would make all others old
			f |= x.sample(t, v, m)
		}
		if v != v && math.Float64bits(v) == staleBits && s.ends() {
			f |= 1 << NullRate
		}
		if m.fixed && x.metric != 0 {
			m.count(v)
			if f&(1<<Range|1<<TypeChange|1<<UnitChange) != 0 {
				s.broken(m, q.now, t, v, kind, unit, f)
			}
		}
	}
	if f != 0 {
		q.flag(f)
		q.tell(s, l, t, f)
	}
}

func (q *Quality) flag(f uint32) {
	for ; f != 0; f &= f - 1 {
		q.batch[bits.TrailingZeros32(f)].Flagged++
	}
}

func (q *Quality) tell(s *source, l fact.Labels, t int64, f uint32) {
	if q.touch != nil {
		q.touch(Touch{Source: s.name, Labels: l, T: t, Steps: f})
	}
}

// find returns what is remembered of a series, and what flags it as a whole. It
// is nil beyond the bound.
func (q *Quality) find(s *source, ref uint32, l fact.Labels, kind fact.SeriesType, unit string, rows int, a *arrival) (x *series, flagged uint32) {
	if x = q.series.byRef(s.number, ref, l); x == nil {
		k := key(s.number, l)
		place, ok := q.series.find(k)
		if !ok {
			if place, ok = q.series.add(k); !ok {
				q.over.Series += uint64(rows)
				return nil, 0
			}
			q.join(s, q.series.at(place), l, kind, unit)
			if s.comes(q.now) {
				flagged = 1 << CardinalityJump
			}
		}
		q.series.hint(ref, place, l)
		x = q.series.at(place)
	}
	x.used = uint16(q.now / 60_000)
	if m := &q.metrics[x.metric]; x.metric != 0 && (kind != m.kind || unit != m.unit) {
		if f := m.declared(kind, unit, a.received); f != 0 {
			if rows > 1 { // the others of them; the first is counted with its own
				q.batch.flagAll(f, rows-1)
			}
			flagged |= f
		}
	}
	return x, flagged
}

func (c *Counts) flagAll(f uint32, rows int) {
	for ; f != 0; f &= f - 1 {
		c[bits.TrailingZeros32(f)].Flagged += uint64(rows)
	}
}

// join gives a new series its metric and its source the entity.
func (q *Quality) join(s *source, x *series, l fact.Labels, kind fact.SeriesType, unit string) {
	name := l.Name()
	i, ok := s.metrics[name]
	if !ok {
		if i = q.place(); i == 0 {
			q.over.Metrics++
		} else {
			name = strings.Clone(name)
			s.breach(q.now, "schema", name, 1, "a metric that is not in the contract")
			q.metrics[i] = metric{name: name, kind: kind, unit: strings.Clone(unit)}
			s.metrics[name] = i
		}
	}
	x.metric, x.source = i, s.number
	q.metrics[i].series++
	s.series++
	if countedType(kind, name) {
		x.flags |= isCounter
	}
	if kind == fact.Delta {
		x.flags &^= isCounter
	}
	s.tellsOf(entity.FromLabels(l).Entity, q.cfg.MaxEntities)
}

// place returns a free place for a metric, or 0.
func (q *Quality) place() (i uint32) {
	if n := len(q.free); n > 0 {
		i, q.free = q.free[n-1], q.free[:n-1]
	} else if len(q.metrics) <= q.cfg.MaxMetrics {
		i = uint32(len(q.metrics))
		q.metrics = append(q.metrics, metric{})
	}
	return i
}

// tellsOf remembers that the source tells of an entity.
func (s *source) tellsOf(e fact.Entity, most int) {
	switch {
	case e.IsZero() || s.about[e]:
	case len(s.about) < most:
		s.about[fact.Entity{Kind: e.Kind, Namespace: strings.Clone(e.Namespace), Name: strings.Clone(e.Name)}] = true
	default:
		s.crowded = true
	}
}

func (q *Quality) source(name string) *source {
	if s := q.byName[name]; s != nil {
		return s
	}
	if len(q.sources) >= q.cfg.MaxSources {
		if name = others; q.byName[name] != nil {
			return q.byName[name]
		}
	}
	s := &source{
		name: strings.Clone(name), number: uint16(len(q.sources)), first: q.now,
		metrics: make(map[string]uint32), about: make(map[fact.Entity]bool),
	}
	q.sources = append(q.sources, s)
	q.byName[s.name] = s
	return s
}

// sweep forgets once a minute the series that have had no row for long, and
// the metrics that have no series then.
func (q *Quality) sweep() {
	minute := q.now / 60_000
	if minute == q.swept {
		return
	}
	q.swept = minute
	for _, s := range q.sources {
		q.audit(s)
	}
	before := q.series.n
	q.series.sweep(func(x *series) bool {
		if uint16(minute)-x.used <= forgetAfter {
			return false
		}
		q.metrics[x.metric].series--
		return true
	})
	if q.series.n == before {
		return
	}
	for _, s := range q.sources {
		s.series = 0
		for _, name := range slices.Sorted(maps.Keys(s.metrics)) { // in order: places are given out again
			i := s.metrics[name]
			s.series += q.metrics[i].series
			if m := &q.metrics[i]; m.series == 0 && !m.fixed {
				delete(s.metrics, name)
				q.free = append(q.free, i)
			}
		}
	}
}

// newestOf is the time of the newest row, Unix milliseconds; 0 if there is none.
func newestOf(b *fact.Batch) (newest int64) {
	for i := range b.Series {
		if p := b.Series[i].Points; len(p) > 0 {
			newest = max(newest, p[len(p)-1].T)
		}
	}
	for i := range b.Histograms {
		if p := b.Histograms[i].Points; len(p) > 0 {
			newest = max(newest, p[len(p)-1].T)
		}
	}
	for i := range b.Deltas {
		if p := b.Deltas[i].Points; len(p) > 0 {
			newest = max(newest, p[len(p)-1].T)
		}
	}
	for i := range b.Spans {
		newest = max(newest, b.Spans[i].End/1e6)
	}
	for i := range b.Lines {
		newest = max(newest, b.Lines[i].At/1e6)
	}
	return newest
}

// countOf is what a native histogram counted, or the stale marker.
func countOf(h *fact.Histogram) float64 {
	if h == nil {
		return math.Float64frombits(staleBits)
	}
	if h.Sum != h.Sum && math.Float64bits(h.Sum) == staleBits {
		return h.Sum
	}
	return h.Observations()
}

// histogramType is the type of a native histogram: one that tells none counts.
func histogramType(t fact.SeriesType) fact.SeriesType {
	if t == fact.Untyped {
		return fact.Counter
	}
	return t
}
