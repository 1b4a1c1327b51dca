package series

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunks"

	"github.com/steersman-ops/steersman/fact"
)

// An entry is what is remembered of one series between batches.
type entry struct {
	key    fact.Labels
	labels labels.Labels
	ref    storage.SeriesRef
	family *family
	newest fact.Point // the newest sample of the series, if known
	known  bool       // false: the database must be asked before anything is appended
	used   uint64     // the round in which it was last used
	gone   bool       // it is not in refs any more
}

// forgetNewest makes the next append look at the database first.
func (e *entry) forgetNewest() { e.known, e.newest = false, fact.Point{T: math.MinInt64} }

// refs finds the entry of a series. It holds at most max entries.
type refs struct {
	max     int
	round   uint64
	entries map[fact.Labels]*entry
	hinted  []*entry // by fact.Series.Ref; a look here goes before one into the map
	dropped dropped
}

func newRefs(maxEntries int) *refs {
	return &refs{max: maxEntries, entries: make(map[fact.Labels]*entry)}
}

// next begins a round of appends. Series that the database has dropped since
// the last are forgotten.
func (r *refs) next() {
	r.round++
	gone := r.dropped.take()
	if gone == nil {
		return
	}
	for _, e := range r.entries {
		if gone[chunks.HeadSeriesRef(e.ref)] {
			r.remove(e)
		}
	}
}

// get returns the entry of a series, or nil.
func (r *refs) get(in *fact.Series) *entry {
	e := r.at(in.Ref)
	if e == nil || e.key != in.Labels { // the same text at the same address is equal at a glance
		if e = r.entries[in.Labels]; e == nil {
			return nil
		}
		r.hint(in.Ref, e)
	}
	e.used = r.round
	return e
}

// at returns the entry that the hint names, or nil.
func (r *refs) at(ref uint32) *entry {
	if int(ref) >= len(r.hinted) {
		return nil
	}
	if e := r.hinted[ref]; e != nil && e.gone {
		r.hinted[ref] = nil
	}
	return r.hinted[ref]
}

// hint remembers what the number stood for last.
func (r *refs) hint(ref uint32, e *entry) {
	if ref == 0 || int(ref) > 2*r.max {
		return
	}
	if more := int(ref) + 1 - len(r.hinted); more > 0 {
		r.hinted = append(r.hinted, make([]*entry, more)...)
	}
	r.hinted[ref] = e
}

// add remembers an entry, and makes room for it if need be.
func (r *refs) add(in *fact.Series, e *entry) {
	if len(r.entries) >= r.max {
		r.evict()
	}
	e.key, e.used = in.Labels, r.round
	if in.Ref == 0 {
		e.key = own(in.Labels)
	}
	r.entries[e.key] = e
	r.hint(in.Ref, e)
}

func (r *refs) remove(e *entry) {
	delete(r.entries, e.key)
	e.gone = true // a hint may still hold it
}

// own copies the text of key, which may be a small part of a large batch. What
// a door knows has text of its own.
func own(key fact.Labels) fact.Labels {
	out, err := fact.DecodeLabels(strings.Clone(key.Encoded()))
	if err != nil {
		return key // not well formed: keep the caller's
	}
	return out
}

// evict forgets entries that this round has not used until an eighth is free,
// and if that does not suffice, others. A forgotten series costs a look at
// the database when it comes again, nothing else.
func (r *refs) evict() {
	want := r.max - r.max/8 - 1
	for _, all := range []bool{false, true} {
		for _, e := range r.entries {
			if len(r.entries) <= want {
				return
			}
			if all || e.used < r.round {
				r.remove(e)
			}
		}
	}
}

// dropped collects the series that the database has dropped. The database
// tells in the middle of its own work, so this has a lock of its own.
type dropped struct {
	mu   sync.Mutex
	refs map[chunks.HeadSeriesRef]bool
}

func (d *dropped) put(gone map[chunks.HeadSeriesRef]labels.Labels) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refs == nil {
		d.refs = make(map[chunks.HeadSeriesRef]bool, len(gone))
	}
	for ref := range gone {
		d.refs[ref] = true
	}
}

func (d *dropped) take() map[chunks.HeadSeriesRef]bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := d.refs
	d.refs = nil
	return out
}

// errTooMany is what the database returns for a series beyond the limit.
type errTooMany int

func (n errTooMany) Error() string {
	return fmt.Sprintf("there are %d series in memory already, which is the limit", int(n))
}

// limiter is told by the database of series that come and go. It refuses those
// beyond the limit once the database is open; the log is replayed without.
type limiter struct {
	max     int
	head    atomic.Pointer[tsdb.Head]
	dropped *dropped
}

func (l *limiter) PreCreation(labels.Labels) error {
	if head := l.head.Load(); head != nil && head.NumSeries() >= uint64(l.max) {
		return errTooMany(l.max)
	}
	return nil
}

func (l *limiter) PostCreation(labels.Labels) {}

func (l *limiter) PostDeletion(gone map[chunks.HeadSeriesRef]labels.Labels) { l.dropped.put(gone) }
