package triage

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/watch/flow"
	"github.com/steersman-ops/steersman/watch/say"
)

// Ring is what impact is measured with.
type Ring interface {
	Sums(from, to int64, except ...flow.Span) flow.Sums
}

// recent is the length of "now" in an impact, in seconds.
const recent = 10

// Weigh measures how bad the story is for callers, up to the given second,
// which must have closed.
func (s *Story) Weigh(ring Ring, calls Calls, upTo int64) {
	e := s.outermost(calls)
	before := service(&s.Before, e)
	if s.Count.Entity != e {
		s.Count = Count{Entity: e, UpTo: s.Paper.Onset.Unix()}
	}
	if upTo > s.Count.UpTo {
		sums := ring.Sums(s.Count.UpTo, upTo)
		n := service(&sums, e)
		s.Count.Requests += n.Requests
		s.Count.Failed += n.Errors - before.ErrorRatio()*n.Requests
		s.Count.UpTo = upTo
	}
	sums := ring.Sums(max(upTo-recent, s.Paper.Onset.Unix()), upTo)
	now := service(&sums, e)
	im := fact.Impact{Entity: e, ErrorRatio: now.ErrorRatio(), Failed: math.Round(max(0, s.Count.Failed)), Requests: s.Count.Requests}
	if before.Mean() > 0 && now.Requests > 0 {
		im.Slowdown = now.Mean() / before.Mean()
	}
	s.Paper.Impact = im
	s.Peak.ErrorRatio = max(s.Peak.ErrorRatio, im.ErrorRatio)
	s.Peak.Slowdown = max(s.Peak.Slowdown, im.Slowdown)
}

// service adds up what a service was asked: as it measured itself, or, if it
// tells nothing, as its callers did.
func service(sums *flow.Sums, e fact.Entity) flow.Sum {
	var own, seen flow.Count
	for _, st := range sums.Streams {
		if st.Key.Server != e {
			continue
		}
		switch st.Key.Side {
		case flow.Server:
			own = own.Plus(st.N)
		case flow.Client:
			seen = seen.Plus(st.N)
		}
	}
	if own.Requests == 0 {
		own = seen
	}
	return own.Over(sums.Seconds())
}

// outermost is the affected service that no other affected one calls: where
// callers outside feel it. Of several it is the one with the strongest symptom.
func (s *Story) outermost(calls Calls) fact.Entity {
	var all []fact.Entity
	for _, e := range s.entities() {
		if e.Kind == fact.Service && s.Suffering(e) {
			all = append(all, e)
		}
	}
	for _, e := range all {
		if !slices.ContainsFunc(all, func(o fact.Entity) bool {
			return o != e && calls.Reaches(o, e) && !calls.Reaches(e, o)
		}) {
			return e
		}
	}
	if len(all) > 0 {
		return all[0]
	}
	return s.Members[0].Signal.Entity
}

// Tell brings the paper up to date with everything the story knows.
func (t *Triage) Tell(s *Story, now time.Time) {
	p := &s.Paper
	p.Updated = now
	p.Findings, p.Entities = s.shown(t.cfg.MaxShown), s.entities()
	r := &s.Ranking
	p.Causes, p.RuledOut, p.Unknown, p.Abstained = r.Causes, r.RuledOut, r.Unknown, r.Abstained
	for _, list := range []*[]fact.Cause{&p.Causes, &p.RuledOut} {
		if *list == nil {
			*list = []fact.Cause{} // papers list nothing as an empty list
		}
	}
	if p.Changes == nil {
		p.Changes = []fact.Change{}
	}
	if p.Proposals == nil {
		p.Proposals = []string{}
	}
	p.Title = r.Headline
	if p.Title == "" {
		p.Title = say.Name(p.Impact.Entity) + " " + s.feels(false)
	}
	p.Summary = s.summary()
}

// feels says what callers of the outermost service feel.
func (s *Story) feels(past bool) string {
	fails, is, gets, im := "fails", "is", "gets", s.Paper.Impact
	if past {
		fails, is, gets, im = "failed up to", "was up to", "got", s.Peak
	}
	var parts []string
	if s.has(fact.Errors) && im.ErrorRatio > 0 {
		parts = append(parts, fmt.Sprintf("%s %s of requests", fails, say.Percent(im.ErrorRatio)))
	}
	if s.has(fact.Latency) && im.Slowdown >= 1.2 {
		parts = append(parts, fmt.Sprintf("%s %s slower", is, say.Times(im.Slowdown)))
	}
	if len(parts) == 0 && s.has(fact.Traffic) {
		return gets + " fewer requests than usual"
	}
	if len(parts) == 0 {
		return s.strongest()
	}
	return strings.Join(parts, " and ")
}

func (s *Story) has(kind fact.SignalKind) bool {
	return slices.ContainsFunc(s.Members, func(f fact.Finding) bool { return f.Symptom() && f.Signal.Kind == kind })
}

// strongest says the strongest symptom where the outermost service does not
// feel it.
func (s *Story) strongest() string {
	best := &s.Members[0]
	for i := range s.Members {
		if f := &s.Members[i]; f.Symptom() && (!best.Symptom() || f.Score > best.Score) {
			best = f
		}
	}
	switch best.Signal.Kind {
	case fact.Errors:
		return fmt.Sprintf("is troubled: %s fails %s of requests", say.Name(best.Signal.Entity), say.Percent(best.Now))
	case fact.Latency:
		return fmt.Sprintf("is troubled: %s takes %s instead of %s", say.Name(best.Signal.Entity), say.Seconds(best.Now), say.Seconds(best.Before))
	}
	return "is troubled"
}

func (s *Story) summary() string {
	p := &s.Paper
	text, sentence := s.Ranking.Text, ""
	if p.State == fact.Resolved {
		sentence = fmt.Sprintf("From %s to %s %s %s", say.Clock(p.Onset), say.Clock(p.Resolved), say.Name(p.Impact.Entity), s.feels(true))
		if p.Impact.Failed >= 1 {
			sentence += fmt.Sprintf(" (%s in all)", say.Count(p.Impact.Failed))
		}
		text = strings.Replace(text, " is the likely cause", " was the likely cause", 1)
	} else {
		sentence = fmt.Sprintf("Since %s %s %s", say.Clock(p.Onset), say.Name(p.Impact.Entity), s.feels(false))
	}
	if text != "" {
		sentence += "; " + text
	}
	sentence += "."
	for _, n := range s.Notes {
		sentence += " " + n
	}
	return sentence
}
