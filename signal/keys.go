package signal

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// MaxNamed is how many sources can have a name of their own.
const MaxNamed = 1000

// SourceLimits bound what one named source may send. A zero field is no limit
// of its own: the source then has its fair share.
type SourceLimits struct {
	BytesPerSecond     int `yaml:"bytes_per_second" json:"bytesPerSecond,omitempty" doc:"Bytes of requests, as sent."`
	ItemsPerSecond     int `yaml:"items_per_second" json:"itemsPerSecond,omitempty" doc:"Samples, spans, lines and changes."`
	Series             int `yaml:"series" json:"series,omitempty" doc:"Series at a time."`
	NewSeriesPerMinute int `yaml:"new_series_per_minute" json:"newSeriesPerMinute,omitempty" doc:"Series that were not there before."`
	Bodies             int `yaml:"bodies" json:"bodies,omitempty" doc:"Requests at a time."`
}

// Check refuses limits that are below zero.
func (l SourceLimits) Check() error {
	for _, f := range []struct {
		name string
		n    int
	}{{"bytes_per_second", l.BytesPerSecond}, {"items_per_second", l.ItemsPerSecond}, {"series", l.Series}, {"new_series_per_minute", l.NewSeriesPerMinute}, {"bodies", l.Bodies}} {
		if f.n < 0 {
			return fmt.Errorf("%s is %d: must not be negative", f.name, f.n)
		}
	}
	return nil
}

// A Named is a source that has a name, a token and limits of its own.
type Named struct {
	Name   string
	Kind   string   // what it is for people: otel, prometheus, github, …; may be empty
	Digest [32]byte // SHA-256 of its token; a token is 256 random bits, so that needs no salt
	Secret []byte   // the token itself, only where signatures are checked with it
	Limits SourceLimits
}

// Digest returns the digest of a token.
func Digest(token string) [32]byte { return sha256.Sum256([]byte(token)) }

// CheckName refuses what cannot be the name of a source. A slash is for the
// names that the doors give to those who have none.
func CheckName(name string) error {
	switch {
	case name == "" || len(name) > 64:
		return fmt.Errorf("source %q: a name has 1 to 64 bytes", Cut(name, 80))
	case strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" || name[0] == '.' || name[0] == '-':
		return fmt.Errorf("source %q: a name is made of letters, digits, '.', '_' and '-', and begins with none of the last", name)
	case slices.Contains([]string{"clock", "otlp", "remote-write", "hook", "hooks", "gate", "desk", "self", "read"}, name):
		return fmt.Errorf("source %q: that name is in use by Steersman itself", name)
	}
	return nil
}

// A key is a named source and what is measured of it.
type key struct {
	Named
	bytes, items bucket
	bodies       counter
}

// counter counts with a limit.
type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) enter(most int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if most > 0 && c.n >= most {
		return false
	}
	c.n++
	return true
}

func (c *counter) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n--
}

// Keys know the named sources by their tokens. The zero value knows none. It is
// safe for concurrent use.
type Keys struct {
	mu       sync.RWMutex
	byName   map[string]*key
	byDigest map[[32]byte]*key
}

// Set replaces what is known. What was measured of a source that stays goes on.
func (k *Keys) Set(list []Named) error {
	if len(list) > MaxNamed {
		return fmt.Errorf("%d named sources: the limit is %d", len(list), MaxNamed)
	}
	byName, byDigest := make(map[string]*key, len(list)), make(map[[32]byte]*key, len(list))
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, n := range list {
		if err := CheckName(n.Name); err != nil {
			return err
		}
		if byName[n.Name] != nil {
			return fmt.Errorf("source %q is there twice", n.Name)
		}
		if other := byDigest[n.Digest]; other != nil {
			return fmt.Errorf("sources %q and %q have the same token: give each its own", other.Name, n.Name)
		}
		e := k.byName[n.Name]
		if e == nil || e.Digest != n.Digest || e.Limits != n.Limits {
			e = &key{Named: n}
		}
		byName[n.Name], byDigest[n.Digest] = e, e
	}
	k.byName, k.byDigest = byName, byDigest
	return nil
}

// Named returns the named sources in order of name.
func (k *Keys) Named() []Named {
	k.mu.RLock()
	defer k.mu.RUnlock()
	out := make([]Named, 0, len(k.byName))
	for _, e := range k.byName {
		out = append(out, e.Named)
	}
	slices.SortFunc(out, func(a, b Named) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Lookup returns the source with that name.
func (k *Keys) Lookup(name string) (Named, bool) {
	if e := k.named(name); e != nil {
		return e.Named, true
	}
	return Named{}, false
}

func (k *Keys) named(name string) *key {
	if k == nil {
		return nil
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.byName[name]
}

// find returns the source that has this token. Its digest is looked up, which
// tells nothing of the token, and compared in constant time.
func (k *Keys) find(token string) *key {
	if k == nil || token == "" {
		return nil
	}
	d := Digest(token)
	k.mu.RLock()
	e := k.byDigest[d]
	k.mu.RUnlock()
	if e == nil || subtle.ConstantTimeCompare(e.Digest[:], d[:]) != 1 {
		return nil
	}
	return e
}
