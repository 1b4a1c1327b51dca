// Package flow keeps the last minutes of every call between services, second
// by second, so that "now" can be set against "before".
//
// It answers one question: on this edge, for this version, in this process,
// how many requests, failures and how much time were there between these two
// moments? It judges nothing.
//
// # Method
//
// A [Ring] holds, for each [Key], one cell a second in which there were
// requests. [Ring.Sums] adds the cells of a window; [NewPicture] sets two sums
// against each other, edge by edge and service by service, in a fixed order.
// The sums from before an incident are taken once, when it opens, and kept
// with it: an incident may outlast the ring.
//
// # Limits
//
// Windows are whole seconds. Counts of instances come from single spans and
// lack what late spans would add. When there are more keys than the ring may
// hold, new keys are not taken and are counted in [Ring.Dropped].
package flow

import (
	"bytes"
	"cmp"
	"encoding/gob"
	"fmt"
	"slices"

	"github.com/steersman-ops/steersman/fact"
)

// Side says who measured a call.
type Side string

// The sides.
const (
	Client  Side = "client"  // the caller, waiting
	Server  Side = "server"  // the callee, working
	Process Side = "process" // one process of the callee; Key.Instance says which
)

// A Key names one stream of requests.
type Key struct {
	Client, Server fact.Entity // a zero Client is the outside world
	Side           Side
	Version        string // of the callee; on the sides Server and Process
	Instance       string // of the callee; on the side Process
}

// Compare orders keys by server, client, side, version and instance.
func Compare(a, b Key) int {
	return cmp.Or(CompareEntities(a.Server, b.Server), CompareEntities(a.Client, b.Client),
		cmp.Compare(a.Side, b.Side), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Instance, b.Instance))
}

// CompareEntities orders entities by kind, namespace and name.
func CompareEntities(a, b fact.Entity) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// A Count is what happened to some requests.
type Count struct {
	Requests, Errors uint64
	Nanos            uint64 // their durations, added up
	Child            uint64 // of Nanos: time covered by the callee's own calls; on the side Server only
}

// Plus adds two counts.
func (c Count) Plus(d Count) Count {
	return Count{c.Requests + d.Requests, c.Errors + d.Errors, c.Nanos + d.Nanos, c.Child + d.Child}
}

// Over is the count over a window of so many seconds.
func (c Count) Over(seconds float64) Sum {
	return Sum{float64(c.Requests), float64(c.Errors), float64(c.Nanos) / 1e9, float64(min(c.Child, c.Nanos)) / 1e9, seconds}
}

// Config bounds a Ring. The zero value means the defaults.
type Config struct {
	Keep    int // seconds that are kept; default 600
	MaxKeys int // streams at one time; default 20,000
}

type cell struct {
	At int64 // Unix seconds
	N  Count
}

// A Ring is the last minutes of all streams. It is not safe for concurrent
// use.
type Ring struct {
	cfg     Config
	tracks  map[Key][]cell // in order of time, no empty ones
	newest  int64          // Unix seconds
	first   int64          // the second of the first cell ever taken
	dropped uint64
}

// New returns an empty Ring.
func New(cfg Config) *Ring {
	if cfg.Keep <= 0 {
		cfg.Keep = 600
	}
	if cfg.MaxKeys <= 0 {
		cfg.MaxKeys = 20000
	}
	return &Ring{cfg: cfg, tracks: make(map[Key][]cell)}
}

// Add takes n requests of a stream in the second that begins at the given Unix
// second. What is older than the ring is ignored.
func (r *Ring) Add(second int64, k Key, n Count) {
	if second <= r.newest-int64(r.cfg.Keep) || n == (Count{}) {
		return
	}
	t, ok := r.tracks[k]
	if !ok && len(r.tracks) >= r.cfg.MaxKeys {
		r.dropped++
		return
	}
	i := len(t)
	for i > 0 && t[i-1].At > second {
		i--
	}
	if i > 0 && t[i-1].At == second {
		t[i-1].N = t[i-1].N.Plus(n)
	} else {
		t = slices.Insert(t, i, cell{second, n})
	}
	r.tracks[k] = t
	r.newest = max(r.newest, second)
	if r.first == 0 || second < r.first {
		r.first = second
	}
}

// Advance forgets what is older than Keep seconds before now. It costs a visit
// to every stream; once in some seconds is enough.
func (r *Ring) Advance(now int64) {
	r.newest = max(r.newest, now)
	oldest := r.newest - int64(r.cfg.Keep)
	for k, t := range r.tracks {
		i := 0
		for i < len(t) && t[i].At <= oldest {
			i++
		}
		switch {
		case i == len(t):
			delete(r.tracks, k)
		case i > 0:
			r.tracks[k] = append(t[:0], t[i:]...)
		}
	}
}

// Dropped counts what was not taken because there were too many streams.
func (r *Ring) Dropped() uint64 { return r.dropped }

// Len returns the number of streams.
func (r *Ring) Len() int { return len(r.tracks) }

// Cells returns the number of cells, which is what a snapshot costs.
func (r *Ring) Cells() int {
	n := 0
	for _, t := range r.tracks {
		n += len(t)
	}
	return n
}

// Sums are all streams over one window.
type Sums struct {
	From, To int64 // Unix seconds; To is not part of the window
	Holes    int64 // seconds of the window that were left out
	Streams  []Stream
}

// Seconds is the length of the window without its holes.
func (s *Sums) Seconds() float64 { return float64(max(0, s.To-s.From-s.Holes)) }

// A Span is the seconds From ≤ t < To.
type Span struct{ From, To int64 }

// A Stream is one key and its sum.
type Stream struct {
	Key Key
	N   Count
}

// Sums adds up the seconds from ≤ t < to of every stream, in order of key. The
// window begins at the earliest with the first second ever seen, so that a
// young ring does not make rates too small. The seconds in except are left
// out.
func (r *Ring) Sums(from, to int64, except ...Span) Sums {
	from = min(max(from, r.first, r.newest-int64(r.cfg.Keep)+1), to)
	s := Sums{From: from, To: to}
	for at := from; at < to && len(except) > 0; at++ {
		if within(at, except) {
			s.Holes++
		}
	}
	for k, t := range r.tracks {
		var n Count
		for i := len(t) - 1; i >= 0 && t[i].At >= from; i-- {
			if t[i].At < to && !within(t[i].At, except) {
				n = n.Plus(t[i].N)
			}
		}
		if n.Requests > 0 {
			s.Streams = append(s.Streams, Stream{k, n})
		}
	}
	slices.SortFunc(s.Streams, func(a, b Stream) int { return Compare(a.Key, b.Key) })
	return s
}

func within(at int64, spans []Span) bool {
	for _, s := range spans {
		if at >= s.From && at < s.To {
			return true
		}
	}
	return false
}

type saved struct {
	Newest, First int64
	Dropped       uint64
	Keys          []Key
	Cells         [][]cell
}

// Snapshot writes the ring's whole state.
func (r *Ring) Snapshot() ([]byte, error) {
	s := saved{Newest: r.newest, First: r.first, Dropped: r.dropped}
	for k := range r.tracks {
		s.Keys = append(s.Keys, k)
	}
	slices.SortFunc(s.Keys, Compare)
	for _, k := range s.Keys {
		s.Cells = append(s.Cells, r.tracks[k])
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(s); err != nil {
		return nil, fmt.Errorf("encode flows: %w", err)
	}
	return b.Bytes(), nil
}

// Restore replaces the ring's state by one that Snapshot wrote.
func (r *Ring) Restore(data []byte) error {
	var s saved
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&s); err != nil {
		return fmt.Errorf("decode flows: %w", err)
	}
	if len(s.Keys) != len(s.Cells) {
		return fmt.Errorf("decode flows: %d keys but %d tracks", len(s.Keys), len(s.Cells))
	}
	r.newest, r.first, r.dropped = s.Newest, s.First, s.Dropped
	r.tracks = make(map[Key][]cell, len(s.Keys))
	for i, k := range s.Keys {
		r.tracks[k] = s.Cells[i]
	}
	return nil
}
