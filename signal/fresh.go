package signal

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/steersman-ops/steersman/fact"
)

// remembered is how long a series counts as known after it was seen, at least.
const remembered = time.Hour

// fresh bounds the series that come new. Series that are there go on, whatever
// comes beside them.
type fresh struct {
	seed maphash.Seed

	mu     sync.Mutex
	minute time.Time // in which coming counts
	coming share     // the new series of this minute, by account
	there  share     // the series that are remembered, by account
	of     map[string]*roster
}

// A roster is the series of one account, in two generations.
type roster struct {
	young, old map[uint64]struct{}
	turned     time.Time
	coming     int // new in this minute
}

// A Newcomers judges the series of one account on their way in.
type Newcomers struct {
	doors   *Doors
	account string
	limits  SourceLimits
	now     time.Time
	series  int // the limits of all together
	minute  int
}

// Newcomers returns the judge of the series that a request brings to the
// account of name, or of whoever the context names.
func (d *Doors) Newcomers(ctx context.Context, name string) *Newcomers {
	lim := d.Limits.WithDefaults()
	n := &Newcomers{doors: d, account: d.Sources.Name(d.Account(ctx, name)), now: d.Clock(), series: lim.ActiveSeries, minute: lim.NewSeries}
	if v := visitOf(ctx); v.key != nil {
		n.limits = v.key.Limits
	}
	return n
}

// Take lets in a series, or all series of one data point, or none: those that
// are not known must fit into the limits. It may be called on nil.
func (n *Newcomers) Take(list ...fact.Labels) *Refusal {
	if n == nil {
		return nil
	}
	f := &n.doors.fresh
	f.mu.Lock()
	defer f.mu.Unlock()
	ro := f.roster(n.account, n.now)
	var some [16]uint64
	missing := some[:0]
	for _, l := range list {
		h := maphash.String(f.seed, l.Encoded())
		if ro.knows(h) {
			continue
		}
		if n.doors.Known != nil && n.doors.Known(l) {
			if f.there.take(n.account, 1, int64(n.series)) == granted {
				ro.young[h] = struct{}{}
			}
			continue
		}
		missing = append(missing, h)
	}
	if len(missing) == 0 {
		return nil
	}
	if ref := n.fits(f, ro, len(missing)); ref != nil {
		return ref
	}
	for _, h := range missing {
		ro.young[h] = struct{}{}
	}
	ro.coming += len(missing)
	return nil
}

// fits takes room for k new series.
func (n *Newcomers) fits(f *fresh, ro *roster, k int) *Refusal {
	at := "source " + n.account
	const do = "look for a label that never repeats (a user, a request, a URL)"
	switch per := n.limits.NewSeriesPerMinute; {
	case n.limits.Series > 0 && ro.size()+k > n.limits.Series:
		return Refuse(NewSeries, at, fmt.Sprintf("a new series, and it has %d, its limit", ro.size()), do+", or raise series of this source")
	case per > 0 && ro.coming+k > per:
		return Refuse(NewSeries, at, fmt.Sprintf("more than %d new series in this minute, its limit", per), do+", or raise new_series_per_minute of this source")
	}
	if f.coming.take(n.account, int64(k), int64(n.minute)) != granted {
		return Refuse(NewSeries, at, fmt.Sprintf("%d new series in this minute, more than its share of limits.new_series", ro.coming), do+", or raise limits.new_series")
	}
	if f.there.take(n.account, int64(k), int64(n.series)) != granted {
		return Refuse(NewSeries, at, fmt.Sprintf("a new series, and it has %d, its share of limits.active_series", ro.size()), do+", or raise limits.active_series")
	}
	return nil
}

// roster returns the account's, brought up to now.
func (f *fresh) roster(account string, now time.Time) *roster {
	if f.of == nil {
		f.of, f.seed = make(map[string]*roster), maphash.MakeSeed()
	}
	if m := now.Truncate(time.Minute); m.After(f.minute) {
		f.minute, f.coming = m, share{}
		for name, ro := range f.of {
			ro.coming = 0
			if f.age(name, ro, now); ro.size() == 0 && name != account {
				delete(f.of, name)
			}
		}
	}
	ro := f.of[account]
	if ro == nil {
		ro = &roster{young: make(map[uint64]struct{}), turned: now}
		f.of[account] = ro
	}
	return ro
}

// age forgets what was not seen for long.
func (f *fresh) age(account string, ro *roster, now time.Time) {
	if now.Sub(ro.turned) < remembered {
		return
	}
	f.there.give(account, int64(len(ro.old)))
	ro.old, ro.young, ro.turned = ro.young, make(map[uint64]struct{}, len(ro.young)), now
}

func (r *roster) size() int { return len(r.young) + len(r.old) }

func (r *roster) knows(h uint64) bool {
	if _, ok := r.young[h]; ok {
		return true
	}
	if _, ok := r.old[h]; ok {
		delete(r.old, h)
		r.young[h] = struct{}{}
		return true
	}
	return false
}

// SeriesOf returns how many series of an account are remembered.
func (d *Doors) SeriesOf(account string) int {
	d.fresh.mu.Lock()
	defer d.fresh.mu.Unlock()
	if ro := d.fresh.of[account]; ro != nil {
		return ro.size()
	}
	return 0
}
