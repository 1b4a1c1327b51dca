package quality

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/steersman-ops/steersman/fact"
)

const (
	shortPart = 3_000  // ms; a window has six parts
	longPart  = 60_000 // ms
	fewRows   = 20     // in a window tell nothing

	silentLeast = 60_000  // ms
	silentTimes = 10      // of the usual time between batches
	silentOver  = 600_000 // ms: then the source is gone
)

// Score is how far a source is to be trusted, from 0 to 1: the product over all
// steps of 1 − w·min(1, s/m). Here s is the share of the step's rows that were
// flagged, over the last 15 s or the last 5 minutes, whichever is more (of fewer
// than 20 rows it is nothing); m is the share at which a source has lost all
// that the step can take, and w how much that is, both in [Step.Weight]. So it
// falls within seconds and comes back within minutes. why says what took most.
func score(short, long *Counts) (score float64, why string) {
	score = 1
	worst := 0.0
	for s := range steps {
		share := max(part(short[s]), part(long[s]))
		w, most := s.Weight()
		loss := w * min(1, share/most)
		if score *= 1 - loss; loss > worst && loss >= 0.01 {
			worst, why = loss, fmt.Sprintf("%s flags %.3g %% of the rows: %s", s, 100*share, s.Explain())
		}
	}
	return score, why
}

func part(c Count) float64 {
	if c.Seen < fewRows {
		return 0
	}
	return min(1, float64(c.Flagged)/float64(c.Seen))
}

// Weight returns what a step can take from the score at most, and the share of
// its rows flagged at which it does.
func (s Step) Weight() (weight, share float64) {
	r := s.rule()
	return r.weight, r.share
}

// A StepReport is what one step did with the rows of a source.
type StepReport struct {
	Step    string
	Text    string // which rows it flags
	Seen    uint64
	Flagged uint64
	Share   float64 // flagged of the rows seen lately
}

// A SourceReport says how far one source is to be trusted.
type SourceReport struct {
	Name   string
	Score  float64
	Why    string // what took most of the score; empty: nothing did
	Silent bool   // it has not sent for much longer than usual
	Series int    // that are remembered
	Delay  float64
	Steps  []StepReport
}

// Report returns what is known of every source, in order of name.
func (q *Quality) Report() []SourceReport {
	out := make([]SourceReport, 0, len(q.sources))
	for _, s := range q.sources {
		out = append(out, q.report(s))
	}
	slices.SortFunc(out, func(a, b SourceReport) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (q *Quality) report(s *source) SourceReport {
	short, long := s.windows(q.now)
	r := SourceReport{Name: s.name, Silent: s.silent(q.now), Series: int(s.series), Delay: s.delay / 1000}
	r.Score, r.Why = s.score(q.now)
	for step := range steps {
		r.Steps = append(r.Steps, StepReport{
			Step: step.String(), Text: step.Explain(), Seen: s.total[step].Seen, Flagged: s.total[step].Flagged,
			Share: max(part(short[step]), part(long[step])),
		})
	}
	return r
}

func (s *source) windows(now int64) (short, long Counts) {
	return s.short.sum(now, shortPart), s.long.sum(now, longPart)
}

func (s *source) score(now int64) (float64, string) {
	if s.silent(now) {
		return 0, fmt.Sprintf("it has sent nothing for %d s, where it sends every %.3g s", (now-s.last)/1000, s.every/1000)
	}
	short, long := s.windows(now)
	return score(&short, &long)
}

// silent reports whether the source has not sent for much longer than usual.
func (s *source) silent(now int64) bool {
	return s.last > 0 && float64(now-s.last) > max(silentLeast, silentTimes*s.every)
}

// gone reports whether a source has been silent for so long that others must
// speak for what it told of.
func (s *source) gone(now int64) bool {
	return float64(now-s.last) > max(silentOver, 2*silentTimes*s.every)
}

// Trust is how far what is known of an entity is to be trusted.
type Trust struct {
	Known  bool    // somebody sends data about it
	Score  float64 // of the worst of its sources, 0 to 1
	Source string  // which that is
	Why    string  // what took most of its score
}

// Of says how far what is known of an entity is to be trusted. A source that
// tells of more entities than can be remembered counts for all.
func (q *Quality) Of(e fact.Entity) (t Trust) {
	for _, s := range q.sources {
		if !s.about[e] && !s.crowded || s.gone(q.now) {
			continue
		}
		if score, why := s.score(q.now); !t.Known || score < t.Score {
			t = Trust{Known: true, Score: score, Source: s.name, Why: why}
		}
	}
	return t
}

// Entities returns what a source tells of.
func (q *Quality) Entities(name string) []fact.Entity {
	s := q.byName[name]
	if s == nil {
		return nil
	}
	return slices.SortedFunc(maps.Keys(s.about), func(a, b fact.Entity) int { return strings.Compare(a.String(), b.String()) })
}
