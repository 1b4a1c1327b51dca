package series

import (
	"math"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/steersman-ops/steersman/fact"
)

// A shape is what is remembered between batches of one series of histograms or
// of deltas.
type shape struct {
	labels labels.Labels
	ref    storage.SeriesRef
	family *family
	known  bool   // false: the database must be asked before anything is appended
	newest int64  // time of the newest sample, math.MinInt64 if there is none
	total  total  // of deltas: what they have added up to
	last   uint64 // of deltas: what the newest added, see [sample.mark]
	used   uint64 // the round in which it was last used
}

// shapes finds the shape of a series. It holds at most max of them, and of
// histograms that deltas have added up to at most an eighth as many.
type shapes struct {
	max     int
	round   uint64
	byLabel map[fact.Labels]*shape
	totals  int // how many have a histogram that deltas have added up to
}

func newShapes(most int) *shapes { return &shapes{max: most, byLabel: make(map[fact.Labels]*shape)} }

// add remembers a shape, and makes room for it if need be: first go those that
// this round does not use. One that is forgotten costs a look at the database
// when it comes again, nothing else.
func (s *shapes) add(key fact.Labels, sh *shape) {
	if len(s.byLabel) >= s.max {
		want := s.max - s.max/8 - 1
		for _, all := range []bool{false, true} {
			for k, old := range s.byLabel {
				if len(s.byLabel) > want && (all || old.used < s.round) {
					s.forget(old)
					delete(s.byLabel, k)
				}
			}
		}
	}
	s.byLabel[own(key)] = sh
}

// forget makes the next append look at the database first.
func (s *shapes) forget(sh *shape) {
	s.setTotal(sh, total{})
	sh.known, sh.newest, sh.last = false, math.MinInt64, 0
}

func (s *shapes) setTotal(sh *shape, t total) {
	if sh.total.h != nil {
		s.totals--
	}
	if sh.total = t; t.h != nil {
		s.totals++
	}
}

// trim forgets the histograms that deltas have added up to if they are too many.
func (s *shapes) trim() {
	if s.totals <= max(s.max/8, 1) {
		return
	}
	for _, sh := range s.byLabel {
		if sh.total.h != nil {
			s.forget(sh)
		}
	}
}
