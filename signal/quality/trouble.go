package quality

import (
	"time"

	"github.com/steersman-ops/steersman/fact"
)

// Trouble that lasts is a finding.
const (
	troubleAt  = 0.25   // of the share at which a step takes all that it can
	troubleFor = 60_000 // ms above that
	calmFor    = 60_000 // ms below half of it
)

// A trouble is what is remembered of one step's flags at one source.
type trouble struct {
	Since int64 // when the share began to be too high, ms; 0: it is not
	Calm  int64 // when it began to be low again, ms; 0: it is not
	Told  int64 // when it was first told; 0: it was not
	Peak  float64
}

// Tick looks at all sources, once in a second of the log, and returns the
// findings that begin, that end, and that became worse by half.
func (q *Quality) Tick() (out []fact.Finding) {
	for _, s := range q.sources {
		short, long := s.windows(q.now)
		for step := range steps {
			_, most := step.Weight()
			share := max(part(short[step]), part(long[step])) / most
			if f, ok := s.troubles[step].tick(s, step, share, q.now); ok {
				out = append(out, f)
			}
		}
	}
	return out
}

// lasting returns the ids of the findings that were told and have not ended.
func (q *Quality) lasting() map[string]bool {
	out := make(map[string]bool)
	for _, s := range q.sources {
		for step := range steps {
			if t := &s.troubles[step]; t.Told != 0 {
				out[t.finding(s, step, 0).ID] = true
			}
		}
	}
	return out
}

// tick takes the share of rows flagged, as a part of the share at which the
// step takes all that it can, and reports a finding that has news.
func (t *trouble) tick(s *source, step Step, share float64, now int64) (f fact.Finding, news bool) {
	switch {
	case share >= troubleAt:
		if t.Calm = 0; t.Since == 0 {
			t.Since, t.Peak = now, 0
		}
		if news = t.Told == 0 && now-t.Since >= troubleFor; news {
			t.Told = now
		}
		if share > 1.5*t.Peak {
			t.Peak, news = share, t.Told != 0
		}
		return t.finding(s, step, 0), news
	case share >= troubleAt/2 && t.Told != 0:
		t.Calm = 0
		return f, false
	case t.Told == 0:
		*t = trouble{}
		return f, false
	case t.Calm == 0:
		t.Calm = now
	}
	if now-t.Calm < calmFor {
		return f, false
	}
	f = t.finding(s, step, t.Calm)
	*t = trouble{}
	return f, true
}

// finding is the paper of a trouble, which ended at the time ended, in ms, or
// lasts if that is 0. Callers do not feel it, so it opens no incident.
func (t *trouble) finding(s *source, step Step, ended int64) fact.Finding {
	_, most := step.Weight()
	at := func(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
	f := fact.Finding{
		ID: fact.ID("find", "quality", s.name, step.String(), at(t.Since).Format(time.RFC3339Nano)),
		Signal: fact.Signal{
			Kind: fact.Other, Name: step.String(), Entity: fact.SenderOf(s.name), Unit: "ratio",
			Labels: fact.LabelsOf("source", s.name, "step", step.String()),
		},
		Direction: fact.Up, Onset: at(t.Since), Seen: at(t.Told),
		Score: t.Peak / troubleAt, High: troubleAt * most, Now: t.Peak * most, Detector: "quality." + step.name() + "@" + step.version(),
	}
	if ended != 0 {
		f.Ended = at(ended)
	}
	return f
}
