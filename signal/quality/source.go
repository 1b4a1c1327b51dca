package quality

import (
	"math"

	"github.com/steersman-ops/steersman/fact"
)

// The bounds of late/1 and skewed_clock/1, in milliseconds.
const (
	aheadBy     = 2_000
	lateBy      = 30_000
	lateVaries  = 6 // times what the delay varies
	lateMost    = 10 * 60_000
	skewNear    = 2_000 // how equal the delays of a slow clock are
	skewRun     = 5     // batches
	delayKnown  = 10    // batches until a delay is usual
	delayUnsure = 60_000
	delayTaken  = 60 * 60_000 // late for so long is the usual delay now
)

// The bounds of cardinality_jump/1 and of the stale part of null_rate/1.
const (
	jumpAfter = 5 * 60_000 // ms since the source's first row
	jumpLeast = 100        // series in a minute
	jumpShare = 1.5        // of those that it had
	endShare  = 0.5
)

// A source is what is remembered of one.
type source struct {
	name    string
	number  uint16
	metrics map[string]uint32
	about   map[fact.Entity]bool
	crowded bool // it tells of more entities than are remembered

	first, last int64   // receipt of its first and of its newest batch, ms
	every       float64 // usual time between batches, ms

	delay, varies float64 // of the newest row of a batch at its receipt, ms
	batches       uint32  // that these were learned from
	skew          float64 // the delay that may be a slow clock's
	skewed        uint32  // batches in a row with it
	lateSince     int64   // ms; 0: it is not

	series       uint32 // that are remembered
	minute       int64  // of which the next three are
	had          uint32 // series when it began
	fresh, ended uint32 // series that came and that ended in it

	total Counts
	short window // the last seconds
	long  window // the last minutes

	troubles [steps]trouble

	sent     uint32         // batches
	contract *fact.Contract // that a person has agreed to; nil: there is none
	breaches map[clauseOf]*Breach
}

// arrival is what is known of the time of a batch.
type arrival struct {
	received int64
	ahead    int64 // rows after this are ahead
	late     int64 // rows before this are late
	slow     bool  // they are because the clock is slow
}

// arrive learns from the newest row of a batch how long the way is.
func (s *source) arrive(received, newest int64) arrival {
	a := arrival{received: received, ahead: received + aheadBy}
	allowed := float64(delayUnsure)
	if s.batches >= delayKnown {
		allowed = min(lateMost, s.delay+max(lateBy, lateVaries*s.varies))
	}
	delay := float64(received - newest)
	switch {
	case newest == 0 || delay < -aheadBy:
	case delay <= allowed:
		s.skewed, s.lateSince = 0, 0
		s.learnDelay(max(delay, 0))
	default:
		a.slow = s.late(received, delay)
	}
	a.late = received - int64(allowed)
	return a
}

// came learns how often the source sends.
func (s *source) came(now int64) {
	if s.last > 0 && !s.silent(now) {
		s.every += (float64(now-s.last) - s.every) / 16
	}
	if s.first == 0 { // its contract was there before it
		s.first = now
	}
	s.last = now
	if s.sent < math.MaxUint32 {
		s.sent++
	}
}

func (s *source) learnDelay(delay float64) {
	s.batches = min(s.batches+1, math.MaxUint32-1)
	part := 1 / float64(min(s.batches, 32))
	off := delay - s.delay
	s.delay += off * part
	if s.batches > 1 {
		s.varies += (math.Abs(off) - s.varies) * part
	}
}

// late looks at a batch that even with its newest row is late, and reports
// whether a slow clock explains it.
func (s *source) late(received int64, delay float64) (slow bool) {
	if s.lateSince == 0 {
		s.lateSince = received
	}
	if received-s.lateSince > delayTaken { // that is how long the way is now
		s.delay, s.varies, s.batches, s.lateSince, s.skewed = delay, 0, 1, 0, 0
		return false
	}
	if math.Abs(delay-s.skew) > skewNear+s.varies {
		s.skew, s.skewed = delay, 0
	}
	s.skewed++
	return s.skewed >= skewRun
}

// row judges the time of one row.
func (a *arrival) row(t int64) (flagged uint32) {
	switch {
	case t > a.ahead:
		return 1 << SkewedClock
	case t >= a.late:
		return 0
	case a.slow:
		return 1 << SkewedClock
	}
	return 1 << Late
}

// turn begins a minute.
func (s *source) turn(now int64) {
	if m := now / 60_000; m != s.minute {
		s.minute, s.had, s.fresh, s.ended = m, s.series, 0, 0
	}
}

// comes counts a new series and reports whether it is one of too many.
func (s *source) comes(now int64) bool {
	s.fresh++
	return now-s.first > jumpAfter && float64(s.fresh) > max(jumpLeast, jumpShare*float64(s.had))
}

// ends counts a stale marker and reports whether it is one of too many.
func (s *source) ends() bool {
	s.ended++
	return float64(s.ended) > max(jumpLeast, endShare*float64(s.had))
}

// A window is the counts of a time, in parts of which the oldest is forgotten
// when a new one begins.
type window struct {
	Parts [6]Counts
	At    int64 // which part is the newest, counted from 1970
}

// turn makes the part in which now is the newest; each lasts so many
// milliseconds.
func (w *window) turn(now, lasts int64) *Counts {
	at := now / lasts
	if at-w.At >= int64(len(w.Parts)) {
		w.Parts, w.At = [6]Counts{}, at
	}
	for w.At < at {
		w.At++
		w.Parts[w.At%int64(len(w.Parts))] = Counts{}
	}
	return &w.Parts[w.At%int64(len(w.Parts))]
}

// sum is what was counted in the parts that are not too old by now. It changes
// nothing, so that asking leaves no trace.
func (w *window) sum(now, lasts int64) (c Counts) {
	newest := now / lasts
	for at := newest - int64(len(w.Parts)) + 1; at <= newest; at++ {
		if at <= w.At && w.At-at < int64(len(w.Parts)) && at >= 0 {
			c.plus(&w.Parts[at%int64(len(w.Parts))])
		}
	}
	return c
}
