package metrics

import (
	"math"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/stat"
)

const (
	// The base rate of errors before anything is learned: about 1 %, but a
	// third is as good as impossible (0.7^50).
	priorBad, priorGood = 0.5, 50
	// claim is the most requests that the learned base rate is worth, however
	// many it was learned from.
	claim = 2000
	// fade is what a second leaves of what was learned: half in ten minutes.
	fade = 0.99884540

	errorScore   = 5    // deviations
	leastErrors  = 4    // in the window
	leastSeconds = 3    // with errors, in the window
	leastExcess  = 0.01 // above the base rate

	// withdrawnAfter is the time in seconds after which a version without
	// requests has been taken back.
	withdrawnAfter = 8

	// grace is how long after its first request a flow is not judged: callers
	// fail while what they call is starting.
	grace = 10
	// lag is by how many seconds learning trails judging.
	lag = 15
)

// errorWindows are the seconds over which errors are counted, nearest first.
// The longer ones are for little traffic.
func errorWindows() [4]int { return [4]int{5, 10, 30, 60} }

// An errorSignal is the share of failed requests of a flow.
type errorSignal struct {
	Bad, Good float64 // learned counts, fading
	from      int64   // the next second to learn from
	lastError int64   // the latest second that had one
	since     int64   // seconds before it belong to an earlier finding
	ep        *episode
}

// belief returns the base rate as a Beta distribution, and its mean.
func (s *errorSignal) belief() (a, b, mean float64) {
	scale := 1.0
	if total := s.Bad + s.Good; total > claim {
		scale = claim / total
	}
	a, b = priorBad+s.Bad*scale, priorGood+s.Good*scale
	return a, b, a / (a + b)
}

// base returns the share of errors that was learned, without the prior.
func (s *errorSignal) base() float64 {
	if s.Bad+s.Good < 1 {
		return 0
	}
	return s.Bad / (s.Bad + s.Good)
}

// excess is the least rise above the base rate that is worth a finding.
func (s *errorSignal) excess() float64 { return max(leastExcess, s.base()) }

// learn counts the seconds that are lag seconds old.
func (s *errorSignal) learn(f *flow, t int64, frozen bool) {
	if frozen {
		s.from = t + 1
		return
	}
	for ; s.from <= t-lag; s.from++ {
		c := f.at(s.from)
		s.Bad = s.Bad*fade + float64(c.Err)
		s.Good = s.Good*fade + float64(c.N-min(c.Err, c.N))
	}
}

func (m *Metrics) judgeErrors(f *flow, t int64) {
	s := &f.errors
	if f.at(t).Err > 0 {
		s.lastError = t
	}
	if s.ep.lasts() {
		m.followErrors(f, t)
		return
	}
	if t-f.born < grace || t-s.lastError >= 60 || s.lastError == 0 {
		return
	}
	// While everything stands still, requests are given up whoever is asked:
	// that is held against nobody. Only the entry of the system is judged
	// after a while, because its callers do feel it.
	from := max(s.since, m.flows.lastStall+1)
	if f.entry && f.key.What == service && m.flows.stalled >= entryFor {
		from = s.since
	}
	score := s.strangest(f, from, t)
	if score == 0 {
		return
	}
	onset := s.onset(f, from, t)
	base, now := s.base(), ratio(f.over(t, int(t-onset+1)))
	s.ep = m.begin(fact.Finding{
		Signal: f.signal(errorRatio), Direction: fact.Up, Score: score,
		Before: base, Low: 0, High: base + s.excess(), Now: now, Detector: "ratio@1",
	}, onset*1000)
}

// strangest returns the score of the shortest window from..t that is worth a
// finding; 0 if none is.
func (s *errorSignal) strangest(f *flow, from, t int64) float64 {
	a, b, mean := s.belief()
	limit := max(mean, s.base()) + s.excess()
	var n, k, seconds, length int
	for _, w := range errorWindows() {
		for ; length < w && t-int64(length) >= from; length++ {
			c := f.at(t - int64(length))
			n += int(c.N)
			k += int(min(c.Err, c.N))
			if c.Err > 0 {
				seconds++
			}
		}
		// What ended a while ago is over.
		recent := t-s.lastError <= int64(max(w/5, 2))
		if k < leastErrors || seconds < leastSeconds || !recent || float64(k) < limit*float64(n) {
			continue
		}
		if z := stat.Deviations(stat.BetaBinomialTail(k, n, a, b)); z >= errorScore {
			return z
		}
	}
	return 0
}

// onset returns the second from which a higher ratio of errors than the base
// rate is most likely: the start with the greatest likelihood ratio, the ratio
// since each start being taken at its best estimate.
func (s *errorSignal) onset(f *flow, from, t int64) int64 {
	_, _, p0 := s.belief()
	best, at := math.Inf(-1), t
	var c count
	for sec := t; sec > t-history && sec >= max(f.born, from); sec-- {
		one := f.at(sec)
		c.add(one)
		if p := ratio(c); one.Err > 0 && p > p0 {
			gain := float64(min(c.Err, c.N)) * math.Log(p/p0)
			if p < 1 {
				gain += float64(c.N-c.Err) * math.Log((1-p)/(1-p0))
			}
			if gain > best {
				best, at = gain, sec
			}
		}
	}
	return at
}

func ratio(c count) float64 {
	if c.N == 0 {
		return 0
	}
	return float64(min(c.Err, c.N)) / float64(c.N)
}

// followErrors keeps an open finding up to date, and closes it.
func (m *Metrics) followErrors(f *flow, t int64) {
	s := &f.errors
	if s.ep.age(t*1000) > m.cfg.Adapt.Milliseconds() {
		c := f.over(t, 60)
		s.Bad, s.Good = float64(min(c.Err, c.N)), float64(c.N-min(c.Err, c.N))
		s.since = t + 1
		s.ep.end(s.since * 1000)
		return
	}
	if c := f.over(t, 5); c.N > 0 && c.Err > 0 {
		a, b, _ := s.belief()
		score := stat.Deviations(stat.BetaBinomialTail(int(min(c.Err, c.N)), int(c.N), a, b))
		now := s.ep.Finding.Now
		if int(c.N) >= 10 {
			now = ratio(c)
		}
		s.ep.push(now, min(score, maxScore))
	}
	if f.withdrawn(t) {
		s.since = f.last + 1
		s.ep.end(s.since * 1000)
		return
	}
	if quiet := f.quietSpan(t); quiet > 0 && ratio(f.over(t, quiet)) < s.base()+s.excess()/2 {
		s.since = t - int64(quiet) + 1
		s.ep.end(s.since * 1000)
	}
}

// quietSpan returns the number of seconds that tell whether an open finding is
// over: enough for eight requests and at least eight seconds; a minute when
// there are fewer.
func (f *flow) quietSpan(t int64) int {
	for _, w := range []int{8, 15, 30} {
		if f.over(t, w).N >= 8 {
			return w
		}
	}
	return 60
}

// withdrawn reports whether f is a version that gets no more requests: whatever
// was wrong with it hurts nobody any more.
func (f *flow) withdrawn(t int64) bool {
	return f.key.What == version && t-f.last >= max(withdrawnAfter, 4*f.silence)
}
