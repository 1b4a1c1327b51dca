package scrape

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/storage"

	"github.com/steersman-ops/steersman/fact"
)

const (
	// turnAfter is how long a series that is not scraped any more is remembered,
	// at least.
	turnAfter = time.Hour

	// judgeAfter is how often a series that goes on is shown to the newcomers'
	// judge, who forgets what he has not seen for an hour.
	judgeAfter = 20 * time.Minute
)

// An entry is a series that was taken in.
type entry struct {
	ref    storage.SeriesRef
	labels fact.Labels
	newest atomic.Int64 // time of its newest sample
	judged atomic.Int64 // when it was last let in, Unix seconds
	native atomic.Bool  // its newest sample is a native histogram

	exemplar atomic.Pointer[exemplar.Exemplar] // the newest that was taken in
}

// known remembers the series that were taken in: by the number under which the
// scrape loops know them, so that labels need not be translated for every
// sample, and by their labels, so that a target that went and came back finds
// its series. It holds at most most entries, the least recently scraped go
// first. It is safe for concurrent use.
type known struct {
	most int

	mu         sync.Mutex
	last       storage.SeriesRef
	young, old generation
	turned     time.Time
}

type generation struct {
	byRef    map[storage.SeriesRef]*entry
	byLabels map[fact.Labels]*entry
}

func newGeneration() generation {
	return generation{make(map[storage.SeriesRef]*entry), make(map[fact.Labels]*entry)}
}

func (g generation) add(e *entry) { g.byRef[e.ref], g.byLabels[e.labels] = e, e }

func newKnown(most int) *known { return &known{most: most, young: newGeneration()} }

// find returns the series with that number, or nil.
func (k *known) find(ref storage.SeriesRef, now time.Time) *entry {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.young.byRef[ref]; e != nil {
		return e
	}
	e := k.old.byRef[ref]
	if e != nil {
		k.keep(e, now)
	}
	return e
}

// get returns the series with those labels, a new one if there is none.
func (k *known) get(l fact.Labels, now time.Time) *entry {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.young.byLabels[l]; e != nil {
		return e
	}
	e := k.old.byLabels[l]
	if e == nil {
		k.last++
		e = &entry{ref: k.last, labels: l}
	}
	k.keep(e, now)
	return e
}

func (k *known) keep(e *entry, now time.Time) {
	if len(k.young.byRef) >= max(k.most/2, 1) || now.Sub(k.turned) >= turnAfter {
		k.old, k.young, k.turned = k.young, newGeneration(), now
	}
	k.young.add(e)
}
