package signal

import (
	"strings"
	"time"
)

// restless is how long a source may be idle while there is room for no other.
const restless = time.Hour

// sweepEvery is how often it is looked for idle ones.
const sweepEvery = time.Minute

// loose reports whether a name is one that senders choose: "otlp/checkout". All
// others are bounded in number: those that have a token, those of the doors
// themselves, and what is counted together.
func loose(name string) bool {
	_, own, ok := strings.Cut(name, "/")
	return ok && own != others
}

// others is what the sources of a door are called that are counted together.
const others = "(others)"

func othersOf(name string) string {
	door, _, _ := strings.Cut(name, "/")
	return door + "/" + others
}

// Name returns the name under which a source is counted: its own, or beyond the
// limit that of the others at the same door.
func (s *Sources) Name(name string) string {
	name = Cut(name, 256)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[name] == nil && !s.room(name) {
		return othersOf(name)
	}
	return name
}

// room reports whether there is an account to be had for a new name.
func (s *Sources) room(name string) bool {
	if !loose(name) {
		return true
	}
	if s.loose >= s.max {
		s.sweep(s.clock())
	}
	return s.loose < s.max
}

// get returns the account of the named source; beyond the limit that of the
// others at the same door.
func (s *Sources) get(name, kind string, at time.Time) *account {
	name = Cut(name, 256)
	if src, ok := s.all[name]; ok {
		return src
	}
	if !s.room(name) {
		if name = othersOf(name); s.all[name] != nil {
			return s.all[name]
		}
	}
	src := &account{Source: Source{Name: name, Kind: kind, FirstSeen: at}}
	s.all[name] = src
	if loose(name) {
		s.loose++
	}
	return src
}

// sweep counts those that were idle for long with the others at their door, so
// that the sum of all accounts stays what it was.
func (s *Sources) sweep(now time.Time) {
	if now.Sub(s.swept).Abs() < sweepEvery {
		return
	}
	s.swept = now
	idle := s.idle
	if s.loose >= s.max {
		idle = min(idle, restless)
	}
	for name, a := range s.all {
		if loose(name) && now.Sub(a.LastSeen) > idle {
			s.drop(name)
			s.get(othersOf(name), a.Kind, a.FirstSeen).add(&a.Source)
		}
	}
}

// Forget drops the account of a source that is no more.
func (s *Sources) Forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(name)
}

func (s *Sources) drop(name string) {
	if s.all[name] != nil && loose(name) {
		s.loose--
	}
	delete(s.all, name)
}

// add takes what is counted in another account into this one.
func (a *account) add(k *Source) {
	a.FirstSeen = earlier(a.FirstSeen, k.FirstSeen)
	if k.LastSeen.After(a.LastSeen) {
		a.LastSeen = k.LastSeen
	}
	a.Received += k.Received
	a.Accepted += k.Accepted
	a.Refused += k.Refused
	for r, n := range k.Reasons {
		if a.Reasons == nil {
			a.Reasons = make(map[string]int64)
		}
		a.Reasons[r] += n
	}
	for r, t := range k.Told {
		if a.Told == nil {
			a.Told = make(map[string]Told)
		}
		if a.Told[r].At.Before(t.At) {
			a.Told[r] = t
		}
	}
	if a.LastRefusal == "" {
		a.LastRefusal = k.LastRefusal
	}
}
