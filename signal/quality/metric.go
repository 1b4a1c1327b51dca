package quality

import (
	"math"
	"strings"

	"github.com/steersman-ops/steersman/fact"
)

// A metric is what is remembered of one metric of one source.
type metric struct {
	name   string
	kind   fact.SeriesType
	unit   string
	series uint32 // of it that are remembered

	low, high float64 // of its gauges
	rows      uint32  // that were learned
	since     int64   // time of the first row, ms
	last      int64   // and of the last that was learned
	outside   int64   // time of the first of the rows that are outside, ms; 0: the last was not
	other     int64   // when another type or unit was first declared, ms; 0: it is as before
	fixed     bool    // by a contract: what is outside stays so
	seen, nan uint32  // rows within a minute, and those that are no number; only while it is fixed
}

// The bounds of range/1, unit_change/1 and type_change/1.
const (
	rangeRows  = 500
	rangeFor   = 30 * 60_000 // ms
	rangeTaken = 30 * 60_000 // outside for so long is the new range
	otherTaken = 60 * 60_000 // another type or unit for so long is the new one
)

// within learns the range and tells a value outside it.
func (m *metric) within(v float64, t int64) (flagged uint32) {
	if v >= m.low && v <= m.high && m.rows >= rangeRows {
		m.outside = 0
		return 0
	}
	if v-v != 0 {
		return 0
	}
	if m.rows == 0 {
		m.low, m.high, m.since = v, v, t
	}
	if !m.fixed && (m.rows < rangeRows || t-m.since < rangeFor) {
		m.rows++
		m.last = t
		m.low, m.high = min(m.low, v), max(m.high, v)
		return 0
	}
	low, high := m.bounds()
	if v >= low && v <= high || v == 0 && !m.fixed {
		m.outside = 0
		if !m.fixed {
			m.low, m.high = min(m.low, v), max(m.high, v)
		}
		return 0
	}
	switch {
	case m.outside == 0:
		m.outside = t
	case !m.fixed && t-m.outside > rangeTaken:
		m.low, m.high, m.outside = min(m.low, v), max(m.high, v), 0
	}
	return 1 << Range
}

// count counts a row of a metric in a contract.
func (m *metric) count(v float64) {
	if m.seen++; v != v && math.Float64bits(v) != staleBits {
		m.nan++
	}
}

// bounds is the range with its margin. Zero is always inside: it is what idle
// things show.
func (m *metric) bounds() (low, high float64) {
	if m.fixed {
		return m.low, m.high
	}
	margin := max(m.high-m.low, math.Abs(m.high)/2, math.Abs(m.low)/2)
	low, high = m.low-margin, m.high+margin
	if m.low >= 0 {
		low = max(low, 0)
	}
	return low, high
}

// declared takes what a sender says of the metric, and tells when it says
// something else than before.
func (m *metric) declared(kind fact.SeriesType, unit string, now int64) (flagged uint32) {
	if kind == m.kind && unit == m.unit {
		m.other = 0
		return 0
	}
	if kind != fact.Untyped && m.kind == fact.Untyped {
		m.kind = kind
	}
	if unit != "" && m.unit == "" {
		m.unit = strings.Clone(unit)
	}
	if kind != fact.Untyped && kind != m.kind {
		flagged |= 1 << TypeChange
	}
	if unit != "" && unit != m.unit {
		flagged |= 1 << UnitChange
	}
	switch {
	case flagged == 0:
		return 0
	case m.other == 0:
		m.other = now
	case !m.fixed && now-m.other > otherTaken:
		m.kind, m.unit, m.other = kind, strings.Clone(unit), 0
	}
	return flagged
}

// looksCounted guesses whether an untyped series is a counter: remote write
// 1.0 does not tell.
func looksCounted(name string) bool {
	for _, end := range []string{"_total", "_count", "_sum", "_bucket"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}
