package metrics

import (
	"math"
	"strconv"
	"strings"

	"github.com/steersman-ops/steersman/fact"
)

const (
	goneAfter     = 60_000  // ms without samples that make an instance gone
	goneIntervals = 5       // and so many of its own intervals
	staleAfter    = 15_000  // the same when its series said that they end
	goneFor       = 600_000 // ms after which a gone instance is no longer told
	leastLife     = 60_000  // ms that it must have told something
)

// groupKey names an instance of an entity, all series of which come and go
// together.
type groupKey struct {
	Entity   fact.Entity
	Instance string
}

type group struct {
	key     groupKey
	example fact.Labels // one of its series
	series  int32       // that are remembered
	stale   int32       // of them, that said that they ended
	born    int64
	last    int64 // its latest sample that was one, ms
	every   int32 // the shortest time between samples of one series, ms
	gone    bool  // was told to be gone, and has not come back
	ep      *episode
}

func (s *seriesSet) groupOf(e fact.Entity, instance string, example fact.Labels) int32 {
	k := groupKey{e, instance}
	i, ok := s.byGroup[k]
	if !ok {
		k.Instance = strings.Clone(instance)
		i = int32(len(s.groups))
		if n := len(s.freeGroups); n > 0 {
			i, s.freeGroups = s.freeGroups[n-1], s.freeGroups[:n-1]
		} else {
			s.groups = append(s.groups, group{})
		}
		s.groups[i] = group{key: k, example: example}
		s.byGroup[k] = i
	}
	s.groups[i].series++
	return i
}

// saw notes a sample, or the marker that a series has ended.
func (s *seriesSet) saw(st *series, p fact.Point, gap int64) {
	g := &s.groups[st.group]
	ended := math.Float64bits(p.V) == staleBits
	if ended != st.stale {
		st.stale = ended
		if ended {
			g.stale++
		} else {
			g.stale--
		}
	}
	if ended {
		return
	}
	if g.born == 0 {
		g.born = p.T
	}
	g.last = max(g.last, p.T)
	if gap != p.T && gap <= longestGap {
		if st.every == 0 {
			st.every = int32(gap)
		}
		st.every += (int32(gap) - st.every) / 4
		if g.every == 0 || st.every < g.every {
			g.every = st.every
		}
	}
}

// left notes that a series was forgotten.
func (s *seriesSet) left(st *series) {
	g := &s.groups[st.group]
	g.series--
	if st.stale {
		g.stale--
	}
}

// forgetGroups removes the instances of which no series is left.
func (s *seriesSet) forgetGroups() {
	for i := range s.groups {
		if g := &s.groups[i]; g.series == 0 && g.example.Len() > 0 && !g.ep.lasts() {
			delete(s.byGroup, g.key)
			*g = group{}
			s.freeGroups = append(s.freeGroups, int32(i))
		}
	}
}

// watchInstances begins and ends the findings about instances that are gone.
// When nothing at all comes in, it is our door that is closed, not they.
func (m *Metrics) watchInstances() {
	if m.now-m.series.latest > goneAfter/2 {
		return
	}
	for i := range m.series.groups {
		g := &m.series.groups[i]
		if !g.isGone(m.now) {
			if g.gone {
				g.gone = false
				if g.ep.lasts() {
					g.ep.end(g.last)
				}
			}
			continue
		}
		silent := m.now - g.last
		switch {
		case !g.gone && silent < goneFor:
			g.gone = true
			g.ep = m.begin(g.finding(), g.last+1)
		case g.ep.lasts() && silent >= goneFor:
			g.ep.end(m.now)
		}
	}
}

func (g *group) isGone(now int64) bool {
	if g.series == 0 || g.last == 0 {
		return false
	}
	if !g.gone && g.last-g.born < leastLife {
		return false
	}
	limit := max(goneAfter, goneIntervals*int64(g.every))
	if g.stale == g.series {
		limit = max(staleAfter, int64(g.every))
	}
	return now-g.last >= limit
}

func (g *group) finding() fact.Finding {
	sig := fact.Signal{
		Kind: fact.Other, Name: "telemetry", Entity: g.key.Entity, Unit: "samples",
		Query: "count_over_time(" + seriesSelector(g.example) + "[1m])",
	}
	// One label with a valid value: there is nothing to refuse.
	sig.Labels, _ = fact.NewLabels([]fact.Label{{Name: "instance", Value: strings.ToValidUTF8(g.key.Instance, "\uFFFD")}})
	perMinute := 60_000 / float64(max(g.every, 1000))
	return fact.Finding{
		Signal: sig, Direction: fact.Absent, Score: seriesScore, Before: perMinute, Low: perMinute, High: perMinute, Detector: "absence@1",
	}
}

func seconds(ms int64) string { return strconv.FormatInt((ms+999)/1000, 10) + "s" }
