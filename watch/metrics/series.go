package metrics

import (
	"math"
	"strings"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/learn/level"
)

const (
	seriesScore  = 8    // deviations
	seriesEffect = 0.25 // the least change, as a part of the level
	seriesBeyond = 0.1  // how far beyond all that was seen, as a part of its range
	seriesRun    = 4    // samples in a row
	seriesFor    = 10_000
	calmScore    = 4
	calmRun      = 3

	// learnEvery is the least time between two values that are learned, once
	// the level is ready, ms: a window is worth ten minutes at least.
	learnEvery = 10_000
	learnFirst = 5_000 // the same until then
	// rangeFade is the part of the way that the remembered extremes come back
	// to those of the window with each value learned: half in 8 h or more.
	rangeFade = 1.0 / 4096
	// longestGap is the time without samples after which a counter's increase
	// says nothing about its rate, ms.
	longestGap = 300_000
	zeroSpread = 0.02 // the least spread as a part of the largest value seen
)

func seriesLevel() *level.Config {
	return &level.Config{Window: 64, Ready: 16, RelativeFloor: 0.03}
}

// A series is what is remembered of one.
type series struct {
	labels         fact.Labels
	level          level.Detector // it belongs to the place
	ep             *episode
	prev           float64 // the last value of a counter
	last           int64   // when the latest sample was, ms; zero: never
	learned        int64   // when the latest that was learned was
	runFrom        int64   // the first of the samples in a row
	middle, spread float32 // of the level, as of the last value learned
	lo, hi         float32 // the extremes of some hours
	runExtreme     float32 // the most extreme of the samples in a row
	every          int32   // time between samples, ms, smoothed
	group          int32
	run, calm      uint8
	runUp          bool
	counter        bool
	stale          bool
	used           bool
	unit           string
}

const chunk = 256

// seriesSet holds the series in chunks that never move, in order of arrival.
type seriesSet struct {
	byLabels map[fact.Labels]int32
	hinted   []int32 // 1 + place by fact.Series.Ref, 0 for none; a look here goes before one into the map
	chunks   [][]series
	n        int32 // places in use or free
	free     []int32
	cfg      *level.Config
	most     int // series at one time

	groups     []group
	byGroup    map[groupKey]int32
	freeGroups []int32
	latest     int64 // the latest sample of any series, ms
}

func newSeriesSet(most int) seriesSet {
	return seriesSet{byLabels: make(map[fact.Labels]int32), byGroup: make(map[groupKey]int32), cfg: seriesLevel(), most: most}
}

func (s *seriesSet) at(i int32) *series { return &s.chunks[i/chunk][i%chunk] }

// place returns a free place.
func (s *seriesSet) place() int32 {
	if n := len(s.free); n > 0 {
		i := s.free[n-1]
		s.free = s.free[:n-1]
		return i
	}
	if int(s.n) == len(s.chunks)*chunk {
		all := make([]series, chunk)
		for i, lvl := range newLevels(s.cfg, chunk) {
			all[i].level = lvl
		}
		s.chunks = append(s.chunks, all)
	}
	s.n++
	return s.n - 1
}

// fill puts x in its place, with nothing learned.
func (s *seriesSet) fill(i int32, x series) *series {
	to := s.at(i)
	x.level = to.level
	x.level.Reset()
	*to = x
	return to
}

// find returns the place of a series, or -1.
func (s *seriesSet) find(in *fact.Series) int32 {
	if ref := int(in.Ref); ref < len(s.hinted) && s.hinted[ref] != 0 {
		if i := s.hinted[ref] - 1; s.at(i).labels == in.Labels { // the same text at the same address is equal at a glance
			return i
		}
	}
	i, ok := s.byLabels[in.Labels]
	if !ok {
		return -1
	}
	s.hint(in.Ref, i)
	return i
}

// hint remembers what the number stood for last.
func (s *seriesSet) hint(ref uint32, place int32) {
	if ref == 0 || int(ref) > 2*s.most {
		return
	}
	if more := int(ref) + 1 - len(s.hinted); more > 0 {
		s.hinted = append(s.hinted, make([]int32, more)...)
	}
	s.hinted[ref] = place + 1
}

// Series takes points of one series. The labels are its identity, and about
// tells, when they are new, what it is about and of which instance of that.
// Points not after the latest are ignored.
func (m *Metrics) Series(s *fact.Series, about func(fact.Labels) (fact.Entity, string)) {
	i := m.series.find(s)
	if i < 0 {
		if i = m.addSeries(s, about); i < 0 {
			return
		}
	}
	st := m.series.at(i)
	for _, p := range s.Points {
		m.sample(st, p)
	}
}

// addSeries returns the place of a new series, or -1 if it is not watched.
func (m *Metrics) addSeries(s *fact.Series, about func(fact.Labels) (fact.Entity, string)) int32 {
	name := s.Labels.Name()
	if !watched(name) {
		m.stats.Skipped += uint64(len(s.Points))
		return -1
	}
	if len(m.series.byLabels) >= m.cfg.MaxSeries {
		m.stats.OverSeries += uint64(len(s.Points))
		return -1
	}
	e, instance := about(s.Labels)
	g := m.series.groupOf(e, instance, s.Labels)
	i := m.series.place()
	m.series.fill(i, series{
		labels: s.Labels, used: true, group: g, unit: unitOf(name, s.Unit),
		counter: s.Type == fact.Counter || s.Type == fact.Untyped && looksCounted(name),
	})
	m.series.byLabels[s.Labels] = i
	m.series.hint(s.Ref, i)
	return i
}

// watched reports whether a series of that name has a level worth watching.
func watched(name string) bool {
	for _, end := range []string{"_bucket", "_info", "_created", "_timestamp", "_timestamp_seconds", "_start_time_seconds", "_timestamp_ms", "_time_unix"} {
		if strings.HasSuffix(name, end) {
			return false
		}
	}
	return name != "" && !strings.HasPrefix(name, "steersman_edge_")
}

// looksCounted guesses whether an untyped series is a counter: remote write
// 1.0 does not tell.
func looksCounted(name string) bool {
	for _, end := range []string{"_total", "_count", "_sum"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

func unitOf(name, declared string) string {
	if declared != "" {
		return strings.Clone(declared)
	}
	for _, u := range []string{"seconds", "bytes", "ratio", "percent", "celsius"} {
		if strings.HasSuffix(strings.TrimSuffix(name, "_total"), "_"+u) {
			return u
		}
	}
	return ""
}

// staleBits is the NaN by which Prometheus says that a series has ended.
const staleBits = 0x7ff0000000000002

func (m *Metrics) sample(s *series, p fact.Point) {
	if p.T <= s.last {
		m.stats.OutOfOrder++
		return
	}
	m.stats.Samples++
	gap := p.T - s.last
	first := s.last == 0
	s.last = p.T
	m.series.latest = max(m.series.latest, p.T)
	m.series.saw(s, p, gap)
	if math.IsNaN(p.V) || math.IsInf(p.V, 0) {
		return
	}
	v := p.V
	if s.counter {
		v -= s.prev
		if v < 0 { // a reset: it counted from zero
			v = p.V
		}
		s.prev = p.V
		if first || gap > longestGap {
			return
		}
		v /= float64(gap) / 1000
	}
	if v > math.MaxFloat32 || v < -math.MaxFloat32 {
		return
	}
	m.judgeValue(s, p.T, float32(v))
}

// judgeValue judges one value and learns from it if it is fit.
func (m *Metrics) judgeValue(s *series, t int64, v float32) {
	if !s.level.Ready() {
		if t-s.learned >= learnFirst {
			s.learn(t, v)
		}
		return
	}
	score := s.score(v)
	if s.ep.lasts() {
		m.followSeries(s, t, v, score)
		return
	}
	if !s.isStrange(v, score) {
		s.calmDown()
		if t-s.learned >= learnEvery {
			s.learn(t, v)
		}
		return
	}
	up := v > s.middle
	if s.run == 0 || up != s.runUp {
		s.run, s.runUp, s.runFrom, s.runExtreme = 0, up, t, v
	}
	s.run = min(s.run+1, 200)
	if up == (v > s.runExtreme) {
		s.runExtreme = v
	}
	if s.run >= seriesRun && t-s.runFrom >= seriesFor {
		m.beginSeries(s, score)
	}
}

// score returns how far out v is, in spreads.
func (s *series) score(v float32) float64 {
	dist := math.Abs(float64(v) - float64(s.middle))
	if dist == 0 {
		return 0
	}
	return min(dist/float64(s.spread), maxScore)
}

// isStrange reports whether v is far from the level, by enough to matter, and
// beyond what the series has shown for hours.
func (s *series) isStrange(v float32, score float64) bool {
	if score < seriesScore {
		return false
	}
	x, middle := float64(v), float64(s.middle)
	if math.Abs(x-middle) < seriesEffect*math.Abs(middle) {
		return false
	}
	margin := seriesBeyond * (float64(s.hi) - float64(s.lo))
	return x > float64(s.hi)+margin || x < float64(s.lo)-margin
}

// calmDown ends a run that was too short for a finding; what it reached is
// remembered, so that the next such run is nothing new.
func (s *series) calmDown() {
	if s.run > 0 {
		s.lo, s.hi = min(s.lo, s.runExtreme), max(s.hi, s.runExtreme)
		s.run = 0
	}
}

func (s *series) learn(t int64, v float32) {
	if s.level.Learn(float64(v)) != nil {
		return
	}
	if s.level.Learned() == 1 {
		s.lo, s.hi = v, v
	}
	s.learned = t
	middle, spread := s.level.Level()
	lo, hi := float32(s.level.Quantile(0)), float32(s.level.Quantile(1))
	s.lo = min(s.lo+(lo-s.lo)*rangeFade, lo)
	s.hi = max(s.hi+(hi-s.hi)*rangeFade, hi)
	s.middle = float32(middle)
	s.spread = float32(max(spread, zeroSpread*max(math.Abs(float64(s.lo)), math.Abs(float64(s.hi)))))
}

func (m *Metrics) beginSeries(s *series, score float64) {
	g := &m.series.groups[s.group]
	dir := fact.Down
	if s.runUp {
		dir = fact.Up
	}
	name := s.labels.Name()
	sig := fact.Signal{Kind: kindOf(name), Name: name, Entity: g.key.Entity, Unit: s.unit, Labels: s.labels, Query: s.query()}
	if s.counter {
		sig.Unit = strings.TrimSpace(s.unit + " per second")
	}
	s.ep = m.begin(fact.Finding{
		Signal: sig, Direction: dir, Score: score, Before: float64(s.middle),
		Low: min(float64(s.lo), float64(s.middle)-3*float64(s.spread)), High: max(float64(s.hi), float64(s.middle)+3*float64(s.spread)),
		Now: float64(s.runExtreme), Detector: "level@1",
	}, s.runFrom)
	if s.ep != nil {
		s.ep.Echo = m.retells(name, g.key.Entity)
	}
	s.run, s.calm = 0, 0
}

func (m *Metrics) followSeries(s *series, t int64, v float32, score float64) {
	if s.ep.age(t) > m.cfg.Adapt.Milliseconds() {
		s.ep.end(t)
		s.level.Reset()
		s.learn(t, v)
		return
	}
	s.ep.push(float64(v), score)
	if !s.isStrange(v, score) && (score < calmScore || v >= s.lo && v <= s.hi) {
		if s.calm == 0 {
			s.runFrom = t
		}
		if s.calm++; s.calm >= calmRun && t-s.runFrom >= seriesFor/2 {
			s.ep.end(s.runFrom)
			now := float32(s.ep.Finding.Now)
			s.lo, s.hi = min(s.lo, now), max(s.hi, now)
			s.calm = 0
		}
		s.calm = min(s.calm, 200)
		return
	}
	s.calm = 0
}

// query draws the series, or its rate.
func (s *series) query() string {
	sel := seriesSelector(s.labels)
	if !s.counter {
		return sel
	}
	return "rate(" + sel + "[" + seconds(max(4*int64(s.every), 10_000)) + "])"
}

// kindOf tells from its name whether a series shows how full something is.
func kindOf(name string) fact.SignalKind {
	name = strings.ToLower(name)
	for _, part := range []string{
		"memory", "heap", "rss", "cpu", "load", "queue", "backlog", "pending", "inflight", "in_flight", "pool", "disk",
		"filesystem", "swap", "open_fds", "file_descriptors", "threads", "goroutines", "connections", "throttl", "saturation", "utilization",
	} {
		if strings.Contains(name, part) {
			return fact.Saturation
		}
	}
	return fact.Other
}

// readiness returns the part of the series that has a level.
func (s *seriesSet) readiness() float64 {
	ready := 0
	for i := range s.n {
		if st := s.at(i); st.used && st.level.Ready() {
			ready++
		}
	}
	return float64(ready) / float64(max(len(s.byLabels), 1))
}

// forgetSeries removes the series without samples since a moment.
func (m *Metrics) forgetSeries(before int64) {
	defer m.series.forgetGroups()
	for i := range m.series.n {
		s := m.series.at(i)
		if !s.used || s.last >= before {
			continue
		}
		if s.ep.lasts() {
			s.ep.end(m.now)
		}
		m.series.left(s)
		delete(m.series.byLabels, s.labels)
		m.series.fill(i, series{})
		m.series.free = append(m.series.free, i)
	}
}
