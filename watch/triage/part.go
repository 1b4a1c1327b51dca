package triage

import (
	"slices"
	"time"

	"github.com/steersman-ops/steersman/fact"
)

// apart is how long a trouble must have been over for another kind of trouble
// in the same services to be a story of its own: onsets and ends are estimates.
const apart = 3 * time.Second

// part divides the open stories of which one trouble had ended before another
// began. Only in hindsight is that known: that a trouble is over is found some
// seconds later than that one has begun, so the second joins at first.
func (t *Triage) part(now time.Time) (opened []*Story) {
	for _, s := range slices.Clone(t.stories) {
		if s.Paper.State != fact.Open {
			continue
		}
		if first := s.second(); first != nil {
			if o := t.open(now, first); o != nil {
				t.move(s, o)
				opened = append(opened, o)
			}
		}
	}
	return opened
}

// second returns the first symptom of another trouble: all before it had ended
// when it began, and neither it nor those after it do the same kind of harm.
func (s *Story) second() *fact.Finding {
	var end time.Time
	var before, after []fact.SignalKind
	var first *fact.Finding
	for f := range s.counting {
		switch {
		case first != nil:
			after = append(after, f.Signal.Kind)
		case !end.IsZero() && f.Onset.Sub(end) >= apart:
			copied := *f
			first, after = &copied, []fact.SignalKind{f.Signal.Kind}
		case f.Ended.IsZero():
			return nil
		default:
			before = append(before, f.Signal.Kind)
			if f.Ended.After(end) {
				end = f.Ended
			}
		}
	}
	if slices.ContainsFunc(after, func(k fact.SignalKind) bool { return slices.Contains(before, k) }) {
		return nil
	}
	return first
}

// move hands what began with the second trouble or after it over to its story.
// The answer of that time went with it.
func (t *Triage) move(from, to *Story) {
	from.Members = slices.DeleteFunc(from.Members, func(f fact.Finding) bool {
		if f.Onset.Before(to.Paper.Onset) {
			return false
		}
		t.join(to, f)
		return true
	})
	if !from.Former.Until.Before(to.Paper.Onset) {
		from.Ranking = from.Former.Ranking
	}
	from.Changed = true
}
