package cause

import (
	"fmt"
	"slices"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/watch/flow"
	"github.com/steersman-ops/steersman/watch/say"
)

// shared says that most services slowed down by themselves at once.
type shared struct {
	slow, still, of int // still: that take many times as long
	text            string
}

// standstill reports whether most services hardly move: then calls are given up
// whoever is asked.
func (s *shared) standstill() bool { return float64(s.still) >= 0.6*float64(s.of) }

// sharedSlowness looks over all services that were called often enough, in
// this incident or not: three at least, and three of five, whose own work takes
// 1.3 times as long as before, and none of them with most of the delay. It bears
// on failures only when they take five times as long. Two are enough when these
// are all that are asked, because requests get no farther.
func (r *ranker) sharedSlowness() *shared {
	var s shared
	var most, all float64
	for _, h := range r.harms {
		if h.blind || h.in.Before.Requests < 5 || h.in.Now.Requests < 5 {
			continue
		}
		s.of++
		all += h.ownTime
		most = max(most, h.ownTime)
		if h.ownSlower > 0 && h.in.Now.Self() > 1.3*h.in.Before.Self() {
			s.slow++
			if h.in.Now.Self() > 5*h.in.Before.Self() {
				s.still++
			}
		}
	}
	least := 3
	if s.still == s.of && len(r.harms) > s.of {
		least = 2
	}
	if s.slow < least || float64(s.slow) < 0.6*float64(s.of) || most > 0.6*all || r.timeMatters == 0 && !s.standstill() {
		return nil
	}
	s.text = fmt.Sprintf("%d of %d services became slower by themselves at once", s.slow, s.of)
	return &s
}

// hosts weighs the machines below.
func (r *ranker) hosts() []*candidate {
	busy := make(map[fact.Entity]*fact.Finding)
	var names []fact.Entity
	for i := range r.in.Findings {
		f := &r.in.Findings[i]
		if f.Signal.Entity.Kind != fact.Host || f.Signal.Kind != fact.Saturation || f.Direction == fact.Down {
			continue
		}
		if have, ok := busy[f.Signal.Entity]; !ok {
			names = append(names, f.Signal.Entity)
			busy[f.Signal.Entity] = f
		} else if f.Score > have.Score {
			busy[f.Signal.Entity] = f
		}
	}
	if len(names) == 0 && r.shared != nil && len(r.in.Hosts) == 1 {
		names = append(names, r.in.Hosts[0])
	}
	slices.SortFunc(names, flow.CompareEntities)
	var out []*candidate
	for _, e := range names {
		out = append(out, r.host(e, busy[e]))
	}
	return out
}

func (r *ranker) host(e fact.Entity, busy *fact.Finding) *candidate {
	c := &candidate{cause: fact.Cause{Entity: e, Kind: fact.CauseHost}, score: prior, symptom: true}
	name := say.Name(e)
	if busy != nil {
		c.add(fact.Evidence{
			Weight: wBusy, Finding: busy.ID, Query: busy.Signal.Query, Before: busy.Before, Now: busy.Now, Unit: busy.Signal.Unit,
			Text: fmt.Sprintf("%s went from %s to %s", busy.Signal.Name, say.Value(busy.Before, busy.Signal.Unit), say.Value(busy.Now, busy.Signal.Unit)),
		}, r.shared != nil)
	}
	if r.shared == nil {
		c.cause.Text = fmt.Sprintf("host %s is busier than before, but most services are as fast as they were", name)
		c.add(fact.Evidence{Weight: wExplained, Text: "most services on the map are as fast by themselves as before"}, true)
		return c
	}
	c.add(fact.Evidence{Weight: wShared, Text: r.shared.text}, true)
	c.headline = fmt.Sprintf("host %s slows %d services", name, r.shared.slow)
	c.cause.Text = fmt.Sprintf("host %s is busy: %s", name, r.shared.text)
	return c
}
