package watch

import (
	"context"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/watch/say"
)

// closeOrphans closes the papers that say that something lasts and of which the
// watcher knows nothing, though it has read all of the log. They are left over
// when a snapshot was lost and the log no longer reaches back: nobody else would
// ever close them.
func (w *Watcher) closeOrphans(ctx context.Context) error {
	incidents, findings, err := w.opt.Open(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		w.opt.Logger.Error("papers that may be left open were not looked for; they are at the next start", "err", err)
		return nil
	}
	now := time.UnixMilli(w.state.Now).UTC()
	known := make(map[string]bool)
	for _, f := range w.detect.Open() {
		known[f.ID] = true
	}
	for _, s := range w.triage.Stories() {
		known[s.Paper.ID] = true
	}
	closed := 0
	for _, f := range findings {
		if known[f.ID] || !f.Ended.IsZero() {
			continue
		}
		f.Ended = later(now, f.Onset)
		if err := w.putFinding(ctx, f); err != nil {
			return err
		}
		closed++
	}
	for _, i := range incidents {
		if known[i.ID] || i.State != fact.Open {
			continue
		}
		if err := w.putIncident(ctx, closedUnknown(i, now)); err != nil {
			return err
		}
		closed++
	}
	if closed > 0 {
		w.opt.Logger.Warn("papers were left open by a state that was lost; they are closed", "papers", closed)
	}
	return nil
}

// closedUnknown is the incident, closed by someone who does not know how it
// ended, and says so.
func closedUnknown(i fact.Incident, now time.Time) fact.Incident {
	i.State, i.Resolved, i.Updated = fact.Resolved, later(now, i.Onset), now
	findings := make([]fact.Finding, len(i.Findings))
	for n, f := range i.Findings {
		if f.Ended.IsZero() {
			f.Ended = later(now, f.Onset)
		}
		findings[n] = f
	}
	i.Findings = findings
	i.Summary += " Closed at " + say.Clock(now) + ": what was known of it was lost, so nobody saw how and when it ended."
	return i
}

// later returns t, or the first moment after start if t is not after it: what
// ends has lasted.
func later(t, start time.Time) time.Time {
	if !t.After(start) {
		return start.Add(time.Millisecond)
	}
	return t
}
