package metrics

import (
	"math"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/learn/level"
)

const (
	slowScore  = 5     // deviations
	slowRatio  = 1.5   // the least rise
	starkRatio = 10    // a rise above what all have in common that no busy machine explains
	slowBy     = 0.010 // and the least in seconds
	slowFor    = 2     // seconds in a row whose windows must say so
	busyFor    = 10    // for how many on a busy machine
	busyRatio  = 3     // and by how much above what all have in common
	entryFor   = 30    // how long a busy machine is forgiven at the entry
	slowSpread = 0.08  // the least spread, in logarithms: 8 %

	recordBy    = 1.5 // above the greatest mean learned
	recordEarly = 2.5 // the same while fewer than so many means were learned
	recordAfter = 24

	meanSeconds = 5  // a mean is taken over at least so many seconds
	meanCount   = 10 // and so many requests,
	meanLongest = 60 // or over so many seconds at most
	leastMean   = 3  // with so many requests
	// waitingMeans are the means that are too fresh to learn.
	waitingMeans = lag / meanSeconds
)

// slowLevel says how means of durations are learned: some ten minutes of them.
func slowLevel() *level.Config {
	return &level.Config{Window: 120, Ready: 6, Floor: slowSpread}
}

// newLevel makes a detector from one of the configurations of this package,
// which its tests show to be sound.
func newLevel(cfg *level.Config) *level.Detector { return &newLevels(cfg, 1)[0] }

func newLevels(cfg *level.Config, n int) []level.Detector {
	all, err := level.NewAll(cfg, n)
	if err != nil {
		return make([]level.Detector, n)
	}
	return all
}

// A slowSignal is the mean duration of a flow's requests, or of the part of it
// that the service itself took.
type slowSignal struct {
	level   *level.Detector // of the logarithm of the mean in seconds
	own     bool            // without calls to others
	gather  gather
	waiting []float32
	run     int   // seconds in a row that were abnormal
	plain   int   // the same, a busy machine not being forgiven
	since   int64 // seconds before it belong to an earlier finding
	ep      *episode
}

// A gather is a mean that is not complete yet.
type gather struct {
	From int64 // its first second
	N    uint32
	Sum  uint64
}

func newSlowSignal(t int64, own bool) slowSignal {
	return slowSignal{level: newLevel(slowLevel()), own: own, gather: gather{From: t}}
}

// mean returns the mean in seconds of what was counted.
func (s *slowSignal) mean(c count) float64 {
	if s.own {
		c.Sum -= c.Child
	}
	return max(float64(c.Sum)/float64(max(c.N, 1))/1e9, 1e-6)
}

// normal returns the middle and the spread of the logarithm of the mean. The
// spread is at least what the upper tenth shows: durations have long tails.
func (s *slowSignal) normal() (middle, spread float64) {
	middle, spread = s.level.Level()
	return middle, max(spread, (s.level.Quantile(0.9)-middle)/1.2816)
}

// learn gathers a second, and learns the means that have waited long enough.
func (s *slowSignal) learn(t int64, c count, frozen bool) {
	g := &s.gather
	if frozen {
		*g, s.waiting = gather{From: t + 1}, s.waiting[:0]
		return
	}
	g.N += c.N
	g.Sum += c.Sum
	if s.own {
		g.Sum -= c.Child
	}
	seconds := t - g.From + 1
	switch {
	case seconds >= meanSeconds && g.N >= meanCount, seconds >= meanLongest && g.N >= leastMean:
		x := math.Log(max(float64(g.Sum)/float64(g.N)/1e9, 1e-6))
		s.waiting = append(s.waiting, float32(x))
		*g = gather{From: t + 1}
	case seconds >= meanLongest:
		*g = gather{From: t + 1}
	}
	if len(s.waiting) > waitingMeans {
		_ = s.level.Learn(float64(s.waiting[0])) // finite: a logarithm of a bounded number
		s.waiting = append(s.waiting[:0], s.waiting[1:]...)
	}
}

// A view is how slow a flow is at the moment, over the window that says so
// most quickly.
type view struct {
	base, spread float64 // the normal mean in seconds, and its spread in logarithms
	beyond       float64 // what would exceed all means learned, in logarithms above the base
	now          float64 // mean in seconds
	score        float64
}

// scoreOf returns how far out a mean is. Where the noise is so wide that
// nothing would be, what exceeds all means learned by half is worth a finding.
func (v *view) scoreOf(mean float64) float64 {
	above := math.Log(mean / v.base)
	return min(max(above/v.spread, slowScore*above/v.beyond, 0), maxScore)
}

func (m *Metrics) judgeSlow(f *flow, s *slowSignal, t int64) {
	if !s.level.Ready() || t-f.born < grace {
		return
	}
	middle, spread := s.normal()
	v := view{base: math.Exp(middle), spread: spread, beyond: s.level.Quantile(1) - middle + math.Log(recordBy)}
	if s.level.Learned() < recordAfter {
		v.beyond += math.Log(recordEarly / recordBy)
	}
	if s.ep.lasts() {
		m.followSlow(f, s, &v, t)
		return
	}
	busy := m.flows.busy
	// What was slow while the machine was busy is not held against a service
	// afterwards.
	need, ratio, from := slowFor, 1.0, max(s.since, m.flows.lastBusy+1)
	if busy.Busy {
		need, ratio, from = busyFor, math.Exp(busy.Slower)*busyRatio/slowRatio, s.since
	}
	s.run = next(s.run, s.isSlow(f, from, t, &v, ratio, slowRatio))
	s.plain = next(s.plain, busy.Busy && f.entry && f.key.What == service && s.isSlow(f, s.since, t, &v, 1, slowRatio))
	if s.run < need && s.plain < entryFor && !s.isStark(m, f, t, &v) {
		return
	}
	s.begin(m, f, &v, t)
}

// next counts a run.
func next(run int, more bool) int {
	if more {
		return run + 1
	}
	return 0
}

func (s *slowSignal) begin(m *Metrics, f *flow, v *view, t int64) {
	name := duration
	if s.own {
		name = selfTime
	}
	onset := s.onset(f, t, v.base)
	s.run, s.plain = 0, 0
	s.ep = m.begin(fact.Finding{
		Signal: f.signal(name), Direction: fact.Up, Score: v.score, Before: v.base,
		Low: v.base * math.Exp(-3*v.spread), High: v.base * math.Exp(3*v.spread), Now: v.now, Detector: "level@1",
	}, onset*1000)
}

// isStark reports whether the last seconds, ten at most, are slower by a
// multiple of what all services had in common in them. That is clear at once,
// and however busy the machine is or was.
func (s *slowSignal) isStark(m *Metrics, f *flow, t int64, v *view) bool {
	return s.isSlow(f, max(s.since, t-9), t, v, math.Exp(m.flows.worst()), starkRatio)
}

// isSlow reports whether some window from..t is slow, and by most of its
// single seconds too: slower than factor times the base, which is what is
// forgiven, by the given ratio.
func (s *slowSignal) isSlow(f *flow, from, t int64, v *view, factor, least float64) bool {
	var c count
	busy, slow, length := 0, 0, 0
	for i, w := range [...]int{5, 10, 30, 60} {
		for ; length < w && t-int64(length) >= from; length++ {
			one := f.at(t - int64(length))
			c.add(one)
			if one.N > 0 {
				busy++
				if s.secondIsSlow(one, v.base*factor, least) {
					slow++
				}
			}
			if busy == 2 && slow == 0 {
				return false // it is over
			}
		}
		if c.N < meanCount || slow < 4 || float64(slow) < 0.6*float64(busy) {
			continue
		}
		mean := s.mean(c)
		score := v.scoreOf(mean / factor)
		// Few requests over a long time differ more from one another.
		if score >= slowScore+float64(i) && mean >= v.base*factor*least && mean-v.base*factor >= slowBy {
			v.now, v.score = mean, v.scoreOf(mean)
			return true
		}
	}
	return false
}

func (s *slowSignal) secondIsSlow(c count, base, least float64) bool {
	mean := s.mean(c)
	return mean > base*(1+(least-1)*0.8) && mean-base >= slowBy*0.8
}

// onset returns the second from which most seconds are slow.
func (s *slowSignal) onset(f *flow, t int64, base float64) int64 {
	at, sum, best := t, 0.0, 0.0
	for sec := t; sec > t-history && sec >= max(f.born, s.since); sec-- {
		c := f.at(sec)
		switch {
		case c.N == 0:
		case s.secondIsSlow(c, base, slowRatio):
			if sum++; sum > best {
				best, at = sum, sec
			}
		default:
			sum -= 1.5
		}
	}
	return at
}

func (m *Metrics) followSlow(f *flow, s *slowSignal, v *view, t int64) {
	if s.ep.age(t*1000) > m.cfg.Adapt.Milliseconds() {
		s.level.Reset()
		s.ep.end(t*1000 + 1000)
		return
	}
	if c := f.over(t, 5); c.N >= meanCount {
		mean := s.mean(c)
		s.ep.push(mean, v.scoreOf(mean))
	}
	if f.withdrawn(t) {
		s.since = f.last + 1
		s.ep.end(s.since * 1000)
		return
	}
	quiet := f.quietSpan(t)
	mean := s.mean(f.over(t, quiet))
	if f.over(t, quiet).N == 0 || mean < v.base*(1+(slowRatio-1)/2) || mean-v.base < slowBy/2 {
		s.since = t - int64(quiet) + 1
		s.ep.end(s.since * 1000)
	}
}
