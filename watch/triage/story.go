package triage

import (
	"cmp"
	"slices"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/watch/cause"
	"github.com/steersman-ops/steersman/watch/flow"
)

// A Story is an incident in the making: the paper, and what it is made from.
// All of it is exported because all of it must survive a restart.
type Story struct {
	Paper   fact.Incident
	Members []fact.Finding // everything that joined, in order of onset and ID
	Ranking cause.Result
	Former  Former
	Before  flow.Sums // what flowed before the onset
	Changed bool      // members or state changed since the paper was last written
	Count   Count
	Peak    fact.Impact // the worst so far
	Notes   []string    // sentences about what was done, for the summary
}

// Former is the answer that went before one with another culprit, and until when
// it was given.
type Former struct {
	Ranking cause.Result
	Until   time.Time
}

// Count is how many requests were counted since the onset, and up to where.
type Count struct {
	Entity           fact.Entity
	UpTo             int64 // Unix seconds
	Requests, Failed float64
}

// Suffers reports whether a symptom that counts still lasts.
func (s *Story) Suffers() bool {
	for f := range s.counting {
		if f.Ended.IsZero() {
			return true
		}
	}
	return false
}

// quietSince is when the last of the symptoms that count ended.
func (s *Story) quietSince() time.Time {
	var last time.Time
	for f := range s.counting {
		if f.Ended.After(last) {
			last = f.Ended
		}
	}
	return last
}

// counting yields the symptoms that decide whether the trouble is over. Those
// of a single version count only when there are no others: a version that gets
// no more requests would never be known to be well again.
func (s *Story) counting(yield func(*fact.Finding) bool) {
	only := !slices.ContainsFunc(s.Members, func(f fact.Finding) bool { return f.Symptom() && !ofVersion(&f) })
	for i := range s.Members {
		if f := &s.Members[i]; f.Symptom() && (only || !ofVersion(f)) && !yield(f) {
			return
		}
	}
}

func ofVersion(f *fact.Finding) bool { return f.Signal.Labels.Get("version") != "" }

// Blamed is the likely cause's entity, or the zero entity.
func (s *Story) Blamed() fact.Entity {
	if s.Ranking.Abstained || len(s.Ranking.Causes) == 0 {
		return fact.Entity{}
	}
	return s.Ranking.Causes[0].Entity
}

// suffering yields the services that the symptoms are about.
func (s *Story) suffering(yield func(fact.Entity) bool) {
	for i := range s.Members {
		if f := &s.Members[i]; f.Symptom() && !yield(f.Signal.Entity) {
			return
		}
	}
}

// Suffering reports whether a symptom of the story is about e.
func (s *Story) Suffering(e fact.Entity) bool {
	for x := range s.suffering {
		if x == e {
			return true
		}
	}
	return false
}

// Recovered returns when the likely cause was well again while others still
// suffer from that time: queues are worked off, and callers look guilty now. It
// is zero while the cause suffers, and once something began to suffer later.
func (s *Story) Recovered() (end time.Time) {
	for i := range s.Members {
		if f := &s.Members[i]; f.Symptom() && f.Signal.Entity == s.Blamed() {
			if f.Ended.IsZero() {
				return time.Time{}
			}
			if f.Ended.After(end) {
				end = f.Ended
			}
		}
	}
	for f := range s.counting {
		if f.Onset.After(end) {
			return time.Time{}
		}
	}
	return end
}

// isBack reports whether a new symptom is the old trouble again: the same kind
// of harm to the likely cause.
func (s *Story) isBack(f *fact.Finding) bool {
	return f.Signal.Entity == s.Blamed() && slices.ContainsFunc(s.Members, func(g fact.Finding) bool {
		return g.Symptom() && g.Signal.Kind == f.Signal.Kind && g.Signal.Entity == f.Signal.Entity
	})
}

// involves reports whether a symptom is about e or seen by it.
func (s *Story) involves(e fact.Entity) bool {
	return slices.ContainsFunc(s.Members, func(f fact.Finding) bool {
		return f.Symptom() && (f.Signal.Entity == e || f.Signal.Client == e)
	})
}

// put takes a finding in or replaces what it said before, and reports whether
// the story changed.
func (s *Story) put(f fact.Finding, limit int) bool {
	if i := slices.IndexFunc(s.Members, func(g fact.Finding) bool { return g.ID == f.ID }); i >= 0 {
		if s.Members[i] == f {
			return false
		}
		s.Members[i] = f
		return true
	}
	if len(s.Members) >= limit {
		return false
	}
	i, _ := slices.BinarySearchFunc(s.Members, f, byOnset)
	s.Members = slices.Insert(s.Members, i, f)
	if f.Symptom() && f.Onset.Before(s.Paper.Onset) {
		s.Paper.Onset = f.Onset
	}
	return true
}

func byOnset(a, b fact.Finding) int {
	return cmp.Or(a.Onset.Compare(b.Onset), cmp.Compare(a.ID, b.ID))
}

// shown are the findings that the paper lists: symptoms before others, strong
// ones before weak, at most limit, in order of onset.
func (s *Story) shown(limit int) []fact.Finding {
	out := slices.Clone(s.Members)
	if len(out) > limit {
		slices.SortStableFunc(out, func(a, b fact.Finding) int {
			if x, y := a.Symptom(), b.Symptom(); x != y {
				if x {
					return -1
				}
				return 1
			}
			return cmp.Compare(b.Score, a.Score)
		})
		out = out[:limit]
		slices.SortFunc(out, byOnset)
	}
	return out
}

// entities are those affected, most affected first: by the strongest symptom,
// and the likely cause in front of all.
func (s *Story) entities() []fact.Entity {
	score := make(map[fact.Entity]float64)
	for i := range s.Members {
		if f := &s.Members[i]; f.Symptom() {
			score[f.Signal.Entity] = max(score[f.Signal.Entity], f.Score)
		}
	}
	blamed := s.Blamed()
	if !blamed.IsZero() {
		score[blamed] = max(score[blamed], 0)
	}
	out := make([]fact.Entity, 0, len(score))
	for e := range score {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b fact.Entity) int {
		if (a == blamed) != (b == blamed) {
			if a == blamed {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(score[b], score[a]), flow.CompareEntities(a, b))
	})
	return out
}
