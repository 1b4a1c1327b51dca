package metrics

import (
	"math"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/learn/level"
)

const (
	loadSeconds = 10   // the rate is taken over so many
	loadScore   = 6    // deviations
	dropTo      = 0.4  // of the normal rate
	surgeTo     = 2.5  //
	loadFor     = 5    // seconds in a row
	leastLoad   = 20   // requests that were to be expected in the window
	loadSpread  = 0.10 // the least spread, in logarithms
	rateFloor   = 0.1  // requests per second: what keeps logarithms of rates finite

	leastSilence = 8  // seconds
	surelySilent = 20 // requests that were to be expected in them
)

func loadLevel() *level.Config { return &level.Config{Window: 120, Ready: 12, Floor: loadSpread} }

// A loadSignal is the rate of a service's requests.
type loadSignal struct {
	level   *level.Detector // of the logarithm of the rate over five seconds
	gather  gather
	waiting []float32
	run     int     // seconds in a row above (positive) or below
	gap     float64 // the longest silence lately, in seconds, fading
	ep      *episode
}

func newLoadSignal(t int64) loadSignal {
	return loadSignal{level: newLevel(loadLevel()), gather: gather{From: t}}
}

func logRate(n uint32, seconds int) float64 {
	return math.Log(float64(n)/float64(seconds) + rateFloor)
}

func (s *loadSignal) learn(t int64, n uint32, silence int64, frozen bool) {
	g := &s.gather
	if frozen {
		*g, s.waiting = gather{From: t + 1}, s.waiting[:0]
		return
	}
	s.gap = max(s.gap*0.9995, 0)
	if n > 0 {
		s.gap = max(s.gap, float64(silence))
	}
	g.N += n
	if t-g.From+1 < meanSeconds {
		return
	}
	s.waiting = append(s.waiting, float32(logRate(g.N, int(t-g.From+1))))
	*g = gather{From: t + 1}
	if len(s.waiting) > waitingMeans {
		_ = s.level.Learn(float64(s.waiting[0])) // finite: a logarithm of a bounded number
		s.waiting = append(s.waiting[:0], s.waiting[1:]...)
	}
}

func (m *Metrics) judgeLoad(f *flow, t int64) {
	s := &f.load
	if !s.level.Ready() {
		return
	}
	middle, spread := s.level.Level()
	rate := max(math.Exp(middle)-rateFloor, 0)
	if rate < 1 || s.level.Quantile(0.05) < math.Log(2*rateFloor) {
		// Not steady: silence and bursts are its nature.
		if s.ep.lasts() {
			m.followLoad(f, t, rate)
		}
		return
	}
	if s.ep.lasts() {
		m.followLoad(f, t, rate)
		return
	}
	now := float64(f.over(t, loadSeconds).N) / loadSeconds
	found := fact.Finding{
		Signal: f.signal(requests), Before: rate, Low: max(math.Exp(middle-3*spread)-rateFloor, 0),
		High: math.Exp(middle+3*spread) - rateFloor, Now: now, Detector: "level@1",
	}
	if m.isSilent(f, t, rate) {
		found.Direction, found.Now, found.Score = fact.Absent, 0, max(math.Log((rate+rateFloor)/rateFloor)/spread, loadScore)
		s.run = 0
		s.ep = m.begin(found, (f.last+1)*1000)
		return
	}
	change := logRate(f.over(t, loadSeconds).N, loadSeconds) - middle
	if !f.entry {
		change -= m.flows.busy.Load
	}
	expected := rate * loadSeconds
	score := math.Abs(change) / math.Sqrt(spread*spread+1/expected)
	switch {
	case t-f.last > 3: // silence is another question
		s.run = 0
		return
	case expected < leastLoad || score < loadScore || change > math.Log(dropTo) && change < math.Log(surgeTo):
		s.run = 0
		return
	case change > 0:
		s.run = max(s.run, 0) + 1
		found.Direction = fact.Up
	default:
		s.run = min(s.run, 0) - 1
		found.Direction = fact.Down
	}
	if s.run == loadFor || s.run == -loadFor {
		found.Score = score
		s.run = 0
		s.ep = m.begin(found, loadOnset(f, t, rate, found.Direction)*1000)
	}
}

// isSilent reports whether a service that always had requests has none, while
// others have had some all the time, or, at the entry, while other telemetry
// comes in.
func (m *Metrics) isSilent(f *flow, t int64, rate float64) bool {
	silent := func(since int64) bool {
		return float64(t-since) >= max(leastSilence, surelySilent/rate, 2*f.load.gap)
	}
	if t-m.flows.lastAny <= 2 && silent(max(f.last, m.flows.anySince-1)) {
		return true
	}
	return f.entry && silent(f.last) && t*1000-m.series.latest < 15_000
}

// loadOnset walks back while most seconds are nearer to the present rate than
// to the normal one.
func loadOnset(f *flow, t int64, rate float64, dir fact.Direction) int64 {
	at, sum, best := t, 0.0, 0.0
	between := rate * (1 + dropTo) / 2
	if dir == fact.Up {
		between = rate * (1 + surgeTo) / 2
	}
	for sec := t; sec > t-history && sec >= f.born; sec-- {
		if n := float64(f.at(sec).N); n > between == (dir == fact.Up) {
			sum++
		} else {
			sum -= 1.5
		}
		if sum > best {
			best, at = sum, sec
		}
	}
	return at
}

func (m *Metrics) followLoad(f *flow, t int64, rate float64) {
	s := &f.load
	if s.ep.age(t*1000) > m.cfg.Adapt.Milliseconds() {
		s.level.Reset()
		s.ep.end(t*1000 + 1000)
		return
	}
	now := float64(f.over(t, loadSeconds).N) / loadSeconds
	d := &s.ep.Finding.Direction
	if *d == fact.Down && m.isSilent(f, t, max(rate, 1)) {
		*d, s.ep.Changed = fact.Absent, true
	}
	if t-s.ep.Finding.Onset.Unix() >= loadSeconds {
		s.ep.push(now, s.ep.Finding.Score)
	}
	back := now > rate*(1+dropTo)/2
	if *d == fact.Up {
		back = now < rate*(1+surgeTo)/2
	}
	if back {
		s.ep.end((t - loadSeconds + 1) * 1000)
	}
}
