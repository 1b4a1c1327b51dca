package metrics

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/steersman-ops/steersman/fact"
)

// seriesState is the part of a series that has a fixed size. The text of its
// labels, its unit and the bytes of its level follow, each after its length.
type seriesState struct {
	Place                          int32
	Prev                           float64
	Last, Learned, RunFrom         int64
	Middle, Spread, Lo, Hi         float32
	RunExtreme                     float32
	Every, Group, Ep               int32
	Run, Calm                      uint8
	RunUp, Counter, Stale          bool
	LabelBytes, UnitBytes, LvlSize uint32
}

// save writes the series in use, in order of place.
func (s *seriesSet) save(to io.Writer, ep func(*episode) int32) error {
	var b, lvl []byte
	for i := range s.n {
		x := s.at(i)
		if !x.used {
			continue
		}
		var err error
		if lvl, err = x.level.AppendBinary(lvl[:0]); err != nil {
			return err
		}
		labels := x.labels.Encoded()
		b, err = binary.Append(b[:0], binary.LittleEndian, &seriesState{
			i, x.prev, x.last, x.learned, x.runFrom, x.middle, x.spread, x.lo, x.hi, x.runExtreme, x.every, x.group, ep(x.ep),
			x.run, x.calm, x.runUp, x.counter, x.stale, uint32(len(labels)), uint32(len(x.unit)), uint32(len(lvl)),
		})
		if err != nil {
			return err
		}
		if _, err := to.Write(append(append(append(b, labels...), x.unit...), lvl...)); err != nil {
			return err
		}
	}
	return nil
}

func (s *seriesSet) restoreAll(st *state, eps finder) error {
	if st.Places < 0 || int(st.Places) > len(st.series)+len(st.FreePlaces) {
		return errors.New("more places than series")
	}
	for int(s.n) < int(st.Places) {
		s.place()
	}
	for _, i := range st.FreePlaces {
		if i < 0 || i >= s.n {
			return errors.New("a free place that is none")
		}
	}
	s.free = st.FreePlaces
	for b := st.series; len(b) > 0; {
		var err error
		if b, err = s.restoreOne(b, st, eps); err != nil {
			return fmt.Errorf("a series, %d bytes before the end: %w", len(b), err)
		}
	}
	if len(s.byLabels)+len(s.free) != int(s.n) {
		return errors.New("series and free places do not add up")
	}
	return nil
}

func (s *seriesSet) restoreOne(b []byte, st *state, eps finder) ([]byte, error) {
	var x seriesState
	n, err := binary.Decode(b, binary.LittleEndian, &x)
	if err != nil {
		return b, err
	}
	b = b[n:]
	size := uint64(x.LabelBytes) + uint64(x.UnitBytes) + uint64(x.LvlSize)
	if size > uint64(len(b)) || x.Place < 0 || x.Place >= s.n || s.at(x.Place).used || x.Group < 0 || int(x.Group) >= len(s.groups) {
		return b, errors.New("it is cut off, or its place is taken")
	}
	labels, err := fact.DecodeLabels(string(b[:x.LabelBytes]))
	if err != nil {
		return b, err
	}
	unit := string(b[x.LabelBytes : x.LabelBytes+x.UnitBytes])
	ep, err := eps.get(x.Ep)
	if err != nil {
		return b, err
	}
	if _, twice := s.byLabels[labels]; twice || math.IsNaN(float64(x.Middle)) || math.IsNaN(float64(x.Spread)) {
		return b, errors.New("it comes twice, or has no level")
	}
	to := s.fill(x.Place, series{
		labels: labels, ep: ep, prev: x.Prev, last: x.Last, learned: x.Learned, runFrom: x.RunFrom,
		middle: x.Middle, spread: x.Spread, lo: x.Lo, hi: x.Hi, runExtreme: x.RunExtreme, every: x.Every, group: x.Group,
		run: x.Run, calm: x.Calm, runUp: x.RunUp, counter: x.Counter, stale: x.Stale, used: true, unit: unit,
	})
	if err := to.level.UnmarshalBinary(b[x.LabelBytes+x.UnitBytes : size]); err != nil {
		return b, err
	}
	s.byLabels[labels] = x.Place
	return b[size:], nil
}
