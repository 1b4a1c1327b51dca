package quality

import (
	"math"

	"github.com/steersman-ops/steersman/fact"
)

// A series is what is remembered of one: 80 bytes.
type series struct {
	labels fact.Labels // where the door gives it a number, and so keeps the text
	key    uint64
	lastT  int64   // of the newest row, Unix milliseconds
	lastV  float64 // the newest value that is a number
	recent [2]uint32
	step   float32 // usual time between rows, ms
	level  float32 // usual size of the values, log2
	spread float32 // how far they are from it, on average
	metric uint32
	source uint16
	used   uint16 // minute of the log in which the newest row came, of 65,536
	run    uint16 // rows in a row with the same value, beyond the first
	n      uint16 // rows learned, saturating
	moves  uint16 // share of rows that differ from the one before, of 65535
	nulls  uint16 // share of rows that are no number, of 65535
	shift  uint8  // rows in a row of another unit
	jitter uint8  // how far steps are from the usual one, of 64ths of it
	gaps   uint8  // gaps in a row
	flags  uint8
}

// What flags holds.
const (
	isCounter = 1 << iota
	isSized   // level and spread are known
	isEnded   // the newest row is a stale marker
)

// The bounds of the steps. A change of one is a new version of its step.
const (
	gapKnown   = 4   // steps that must be known before one is missing
	gapFactor  = 2.5 // of the usual step
	gapJitter  = 8   // times the jitter on top
	gapTaken   = 3   // gaps in a row that are the new step
	stuckKnown = 30  // rows
	sizeKnown  = 32
	sizeSpread = 0.6 // of a series whose size says what its unit is, log2
	sizeFar    = 4.5 // the least change of unit, log2
	sizeNear   = 0.4 // how near to a known factor
	sizeRun    = 5
	nullKnown  = 16
	nullUsual  = 65535 / 20
)

// sample takes one row of a series and returns the steps that flag it, as bits.
func (s *series) sample(t int64, v float64, m *metric) (flagged uint32) {
	if old, steps := s.order(t, v); old {
		return steps
	}
	flagged = s.cadence(t)
	s.lastT = t
	if v != v {
		return flagged | s.null(v)
	}
	s.nulls -= s.nulls >> 11
	if s.flags&isCounter != 0 {
		if s.n > 0 && v < s.lastV {
			flagged |= 1 << CounterReset
		}
	} else {
		flagged |= s.still(v) | m.within(v, t)
	}
	flagged |= s.size(v)
	s.lastV = v
	if s.n < math.MaxUint16 {
		s.n++
	}
	return flagged
}

// order tells rows that are not the newest of the series.
func (s *series) order(t int64, v float64) (old bool, flagged uint32) {
	if t > s.lastT || s.lastT == 0 {
		s.recent[1], s.recent[0] = s.recent[0], print(s.lastT)
		return false, 0
	}
	if p := print(t); t == s.lastT || p == s.recent[0] || p == s.recent[1] {
		return true, 1 << Duplicate
	}
	return true, 1 << OutOfOrder
}

// print is a row's time in short.
func print(t int64) uint32 {
	h := uint64(t) * 0x9e3779b97f4a7c15
	return uint32(h >> 32)
}

// cadence learns the step and tells the first row after missing ones.
func (s *series) cadence(t int64) (flagged uint32) {
	if s.lastT == 0 {
		return 0
	}
	if s.flags&isEnded != 0 { // the sender has said that nothing follows
		s.flags &^= isEnded
		return 0
	}
	dt := float32(t - s.lastT)
	if s.step == 0 {
		s.step = dt
		return 0
	}
	off := (dt - s.step) / s.step
	far := gapFactor + gapJitter*float32(s.jitter)/64
	switch {
	case off+1 > far && s.n >= gapKnown:
		if s.gaps++; s.gaps >= gapTaken { // it is sent more rarely from now on
			s.step, s.gaps = dt, 0
		}
		return 1 << Gap
	case off < -0.6: // more often
		s.step += (dt - s.step) / 4
	default:
		s.step += (dt - s.step) / 8
	}
	s.gaps = 0
	s.jitter = uint8(min(255, (7*float32(s.jitter)+64*abs(off))/8))
	return 0
}

func abs(x float32) float32 { return max(x, -x) }

// null tells rows that are no number where there are hardly any. The stale
// marker is for the source to judge.
func (s *series) null(v float64) (flagged uint32) {
	if math.Float64bits(v) == staleBits {
		s.flags |= isEnded
		return 0
	}
	if s.n < nullKnown {
		s.nulls = math.MaxUint16 / 2
		return 0
	}
	if s.nulls < nullUsual {
		flagged = 1 << NullRate
	}
	s.nulls += (math.MaxUint16 - s.nulls) >> 11
	return flagged
}

// staleBits is Prometheus' stale marker.
const staleBits = 0x7ff0000000000002

// still learns how often a gauge moves, and tells when it stands for too long.
func (s *series) still(v float64) (flagged uint32) {
	if s.n == 0 {
		return 0
	}
	if v != s.lastV {
		moves := float32(s.moves)
		if s.n < stuckKnown { // the mean until then
			s.moves = uint16((moves*float32(s.n) + math.MaxUint16) / float32(s.n+1))
		} else {
			s.moves = uint16(min(math.MaxUint16, moves*rest(s.run)+math.MaxUint16/64))
		}
		s.run = 0
		return 0
	}
	if s.run < math.MaxUint16 {
		s.run++
	}
	if s.n < stuckKnown {
		s.moves = uint16(float32(s.moves) * float32(s.n) / float32(s.n+1))
		return 0
	}
	if v == 0 || s.run < longest(s.moves) {
		return 0
	}
	return 1 << Stuck
}

// rest is what is left of the share of moves after run rows without one.
func rest(run uint16) float32 {
	if run > 512 {
		return 0
	}
	left := float32(1)
	for range run + 1 {
		left *= 1 - 1.0/64
	}
	return left
}

// longest is after how many rows without a move a series stands, by the share
// of its rows that move: chance would give so many once in a million times.
func longest(moves uint16) uint16 {
	return [16]uint16{
		math.MaxUint16, math.MaxUint16, math.MaxUint16, math.MaxUint16, math.MaxUint16, // below 0.31: at rest too often to tell
		37, 30, 24, 20, 17, 15, 15, 15, 15, 15, 15,
	}[moves>>12]
}

// size learns how large the values are, and tells when they are those of before
// in another unit.
func (s *series) size(v float64) (flagged uint32) {
	if v == 0 || v-v != 0 {
		return 0
	}
	x := log2(v)
	if s.flags&isSized == 0 {
		s.flags |= isSized
		s.level = x
		return 0
	}
	off := x - s.level
	if far := abs(off); far > sizeFar && s.n >= sizeKnown && s.spread < sizeSpread && isFactor(far) {
		if s.shift++; s.shift == math.MaxUint8 { // it is the unit now
			s.level, s.shift = x, 0
		}
		if s.shift >= sizeRun {
			return 1 << UnitChange
		}
		return 0
	}
	s.shift = 0
	s.level += off / 16
	s.spread += (min(abs(off), 8) - s.spread) / 32
	return 0
}

// log2 is the binary logarithm of |x| within 0.09, in a nanosecond.
func log2(x float64) float32 {
	bits := math.Float64bits(x) &^ (1 << 63)
	return float32(int64(bits>>32))/(1<<20) - 1023
}

// isFactor reports whether 2^x is about the quotient of two usual units.
func isFactor(x float32) bool {
	for _, f := range [...]float32{5.907, 6.644, 9.966, 11.814, 13.288, 19.932, 29.897} { // 60, 100, 1000 and 1024, 3600, 10^4, 10^6, 10^9
		if abs(x-f) <= sizeNear {
			return true
		}
	}
	return false
}

// countedType reports whether a fall of such a series is a reset.
func countedType(t fact.SeriesType, name string) bool {
	return t == fact.Counter || t == fact.Untyped && looksCounted(name)
}
