package metrics

import (
	"math"

	"github.com/steersman-ops/steersman/fact"
)

// Deltas takes increases of one counter, as [Metrics.Series] takes its points:
// an increase by the time that it took is the rate that two points of a counter
// give, so no total is needed here.
func (m *Metrics) Deltas(in *fact.DeltaSeries, about func(fact.Labels) (fact.Entity, string)) {
	as := fact.Series{Labels: in.Labels, Type: fact.Counter, Unit: in.Unit}
	i := m.series.find(&as)
	if i < 0 {
		as.Points = make([]fact.Point, len(in.Points)) // they are only counted
		if i = m.addSeries(&as, about); i < 0 {
			return
		}
	}
	s := m.series.at(i)
	for _, p := range in.Points {
		m.increase(s, p)
	}
}

// increase is sample for an increase. One that does not say since when it counts
// is taken to have begun where the one before ended.
func (m *Metrics) increase(s *series, p fact.DeltaPoint) {
	if p.T <= s.last {
		m.stats.OutOfOrder++
		return
	}
	m.stats.Samples++
	gap, first := p.T-s.last, s.last == 0
	s.last = p.T
	m.series.latest = max(m.series.latest, p.T)
	m.series.saw(s, fact.Point{T: p.T, V: p.V}, gap)
	took := gap
	if p.Start > 0 && p.Start < p.T {
		took, first = p.T-p.Start, false
	}
	if math.IsNaN(p.V) || math.IsInf(p.V, 0) || first || took > longestGap {
		return
	}
	if v := p.V / (float64(took) / 1000); v <= math.MaxFloat32 && v >= -math.MaxFloat32 {
		m.judgeValue(s, p.T, float32(v))
	}
}
