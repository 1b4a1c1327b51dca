package metrics

import (
	"math"
	"strconv"
	"time"

	"github.com/steersman-ops/steersman/fact"
)

// An episode is a finding and its life.
type episode struct {
	Finding fact.Finding
	Changed bool
	Told    int64   // when it was last told, ms; zero: never
	ToldNow float64 // its Now when it was last told

	Echo   bool  // another finding says the same: not to be told; see hush
	Heard  bool  // there was that other finding
	Judged int64 // the second in which it was first held against others, if it is about an edge
}

// repeatAfter is how long a change that is not much waits to be told, ms.
const repeatAfter = 5000

func (e *episode) lasts() bool { return e != nil && e.Finding.Ended.IsZero() }

// due reports whether the finding should be told.
func (e *episode) due(now int64) bool {
	switch {
	case !e.Changed, e.Echo:
		return false
	case e.Told == 0, !e.lasts(), now-e.Told >= repeatAfter:
		return true
	}
	return math.Abs(e.Finding.Now-e.ToldNow) > 0.2*math.Abs(e.ToldNow)
}

func (e *episode) tell(now int64) fact.Finding {
	if e.Finding.Seen.IsZero() {
		e.Finding.Seen = when(now)
	}
	e.Told, e.ToldNow, e.Changed = now, e.Finding.Now, false
	return e.Finding
}

// push raises the extremes.
func (e *episode) push(now, score float64) {
	f := &e.Finding
	farther := now > f.Now
	if f.Direction != fact.Up {
		farther = now < f.Now
	}
	if farther {
		f.Now, e.Changed = now, true
	}
	if score > f.Score {
		f.Score, e.Changed = score, true
	}
}

// end closes the finding at a moment (ms), which is not before its onset.
func (e *episode) end(at int64) {
	e.Finding.Ended = when(max(at, e.Finding.Onset.UnixMilli()+1))
	e.Changed = true
}

func (e *episode) age(now int64) int64 { return now - e.Finding.Onset.UnixMilli() }

func when(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// maxScore keeps scores finite: JSON has no infinity.
const maxScore = 1000

// begin opens a finding, or returns nil when too many last already.
func (m *Metrics) begin(f fact.Finding, onset int64) *episode {
	if len(m.episodes) >= m.cfg.MaxFindings {
		m.stats.OverFindings++
		return nil
	}
	m.stats.Findings++
	s := &f.Signal
	f.Onset = when(onset)
	f.Score = min(f.Score, maxScore)
	f.ID = fact.ID("find", string(s.Kind), s.Name, s.Entity.String(), s.Client.String(), s.Side, s.Labels.Encoded(), strconv.FormatInt(onset, 10))
	e := &episode{Finding: f, Changed: true}
	m.episodes = append(m.episodes, e)
	return e
}
