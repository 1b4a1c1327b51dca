package signal

import (
	"maps"
	"time"

	"github.com/steersman-ops/steersman/fact"
)

// A Told is what a source was told last about one reason.
type Told struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// An account is a source and what is measured of it while it lasts.
type account struct {
	Source
	ring rates
}

// rateWindow is over how many whole seconds a rate is measured.
const rateWindow = 60

// rates counts items by second, over the last minute.
type rates struct {
	counts [rateWindow + 1]int64 // the current second is not whole
	last   int64                 // Unix second of the newest count
	first  int64                 // of the oldest, while it is in the window
}

func (r *rates) add(at time.Time, n int64) {
	r.turn(at.Unix())
	if r.first == 0 {
		r.first = at.Unix()
	}
	r.counts[r.last%int64(len(r.counts))] += n
}

// turn clears the seconds between the newest count and now.
func (r *rates) turn(now int64) {
	if now-r.last >= int64(len(r.counts)) {
		clear(r.counts[:])
		r.first, r.last = 0, max(now, r.last)
		return
	}
	for r.last < now {
		r.last++
		r.counts[r.last%int64(len(r.counts))] = 0
	}
}

// perSecond is the mean over the last whole seconds, at most a minute's.
func (r *rates) perSecond(now time.Time) float64 {
	r.turn(now.Unix())
	var sum int64
	for i, n := range r.counts {
		if int64(i) != r.last%int64(len(r.counts)) {
			sum += n
		}
	}
	if r.first == 0 {
		return 0
	}
	return float64(sum) / float64(min(max(r.last-r.first, 1), rateWindow))
}

// copy returns the source as it is shown.
func (a *account) copy(now time.Time) Source {
	c := a.Source
	c.Reasons, c.Told = maps.Clone(a.Reasons), maps.Clone(a.Told)
	c.PerSecond = a.ring.perSecond(now)
	return c
}

// Lag takes note of how old the newest item of a batch was when it came.
func (s *Sources) Lag(b *fact.Batch) {
	newest := int64(0)
	for i := range b.Series {
		if p := b.Series[i].Points; len(p) > 0 {
			newest = max(newest, p[len(p)-1].T)
		}
	}
	for i := range b.Histograms {
		if p := b.Histograms[i].Points; len(p) > 0 {
			newest = max(newest, p[len(p)-1].T)
		}
	}
	for i := range b.Deltas {
		if p := b.Deltas[i].Points; len(p) > 0 {
			newest = max(newest, p[len(p)-1].T)
		}
	}
	for i := range b.Spans {
		newest = max(newest, b.Spans[i].End/1e6)
	}
	for i := range b.Lines {
		newest = max(newest, b.Lines[i].At/1e6)
	}
	if newest == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.all[b.Source]; a != nil {
		a.Source.Lag = float64(max(b.Received-newest, 0)) / 1000
	}
}
