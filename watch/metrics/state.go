package metrics

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/steersman-ops/steersman/fact"
)

// stateVersion is the version of the snapshot's format. A snapshot of another
// version is refused: the caller starts empty and replays.
const stateVersion = 3

// state is a Metrics on paper: a gob of lists in a fixed order, so that one
// state has one text within a process.
type state struct {
	Version                   int
	Now, Swept                int64
	Stats                     Stats
	Second, LastAny, LastBusy int64
	Busy                      common
	LastStall, AnySince       int64
	Stalled                   int
	Slower                    []float64
	Episodes                  []episode
	Flows                     []flowState
	Groups                    []groupState
	FreeGroups                []int32
	Places                    int32
	FreePlaces                []int32
	Latest                    int64

	series []byte // see save; they follow the gob, which would hold them all at once
}

type flowState struct {
	Key              flowKey
	Born, Last       int64
	Silence          int64
	Entry            bool
	Rivals           int
	Seen             []int64
	Counts           []count
	Bad, Good        float64
	From, LastError  int64
	Since            int64
	ErrorsEp, LoadEp int32
	Total, Self      slowState
	Load             slowState
	Gap              float64
}

type slowState struct {
	Level      []byte
	Gather     gather
	Waiting    []float32
	Run, Plain int
	Since      int64
	Ep         int32
}

type groupState struct {
	Key           groupKey
	Example       string
	Series, Stale int32
	Born, Last    int64
	Every         int32
	Gone          bool
	Ep            int32
}

// Save writes the whole state. m is not changed.
func (m *Metrics) Save(to io.Writer) error {
	st := state{
		Version: stateVersion, Now: m.now, Swept: m.swept, Stats: m.stats, Second: m.flows.second, LastAny: m.flows.lastAny, LastBusy: m.flows.lastBusy,
		Busy: m.flows.busy, LastStall: m.flows.lastStall, AnySince: m.flows.anySince, Stalled: m.flows.stalled, Slower: m.flows.slower[:], FreeGroups: m.series.freeGroups, Places: m.series.n, FreePlaces: m.series.free, Latest: m.series.latest,
	}
	number := map[*episode]int32{nil: -1}
	for i, e := range m.episodes {
		number[e] = int32(i)
		st.Episodes = append(st.Episodes, *e)
	}
	ep := func(e *episode) int32 {
		if !e.lasts() {
			return -1 // it is over; only its telling may be due
		}
		return number[e]
	}
	for _, f := range m.flows.list {
		fs, err := f.state(ep)
		if err != nil {
			return fmt.Errorf("save %s: %w", f.key.Server, err)
		}
		st.Flows = append(st.Flows, fs)
	}
	for _, g := range m.series.groups {
		st.Groups = append(st.Groups, groupState{g.key, g.example.Encoded(), g.series, g.stale, g.born, g.last, g.every, g.gone, ep(g.ep)})
	}
	var buf bytes.Buffer
	if err := gob.NewEncoder(&buf).Encode(&st); err != nil {
		return fmt.Errorf("save the detectors: %w", err)
	}
	if _, err := to.Write(append(binary.AppendUvarint(nil, uint64(buf.Len())), buf.Bytes()...)); err != nil {
		return fmt.Errorf("save the detectors: %w", err)
	}
	if err := m.series.save(to, ep); err != nil {
		return fmt.Errorf("save the series: %w", err)
	}
	return nil
}

func (f *flow) state(ep func(*episode) int32) (flowState, error) {
	fs := flowState{
		Key: f.key, Born: f.born, Last: f.last, Silence: f.silence, Entry: f.entry, Rivals: f.rivals,
		Seen: f.seen[:], Counts: f.counts[:], Bad: f.errors.Bad, Good: f.errors.Good, From: f.errors.from,
		LastError: f.errors.lastError, Since: f.errors.since, ErrorsEp: ep(f.errors.ep), LoadEp: ep(f.load.ep), Gap: f.load.gap,
	}
	var err1, err2, err3 error
	fs.Total, err1 = f.total.state(ep)
	fs.Self, err2 = f.self.state(ep)
	fs.Load = slowState{Gather: f.load.gather, Waiting: f.load.waiting, Run: f.load.run}
	fs.Load.Level, err3 = f.load.level.AppendBinary(nil)
	return fs, errors.Join(err1, err2, err3)
}

func (s *slowSignal) state(ep func(*episode) int32) (slowState, error) {
	b, err := s.level.AppendBinary(nil)
	return slowState{b, s.gather, s.waiting, s.run, s.plain, s.since, ep(s.ep)}, err
}

// Restore replaces the state by one that Save wrote. After an error m has
// learned nothing.
func (m *Metrics) Restore(data []byte) error {
	m.reset()
	var st state
	size, n := binary.Uvarint(data)
	if n <= 0 || size > uint64(len(data)-n) {
		return errors.New("restore the detectors: cut off")
	}
	if err := gob.NewDecoder(bytes.NewReader(data[n : n+int(size)])).Decode(&st); err != nil {
		return fmt.Errorf("restore the detectors: %w", err)
	}
	st.series = data[n+int(size):]
	if st.Version != stateVersion {
		return fmt.Errorf("restore the detectors: version %d, want %d", st.Version, stateVersion)
	}
	if err := m.restore(&st); err != nil {
		m.reset()
		return fmt.Errorf("restore the detectors: %w", err)
	}
	return nil
}

// A finder gives the episodes of a snapshot back by number.
type finder []*episode

func (fd finder) get(i int32) (*episode, error) {
	switch {
	case i == -1:
		return nil, nil
	case i < 0 || int(i) >= len(fd):
		return nil, fmt.Errorf("finding %d of %d", i, len(fd))
	}
	return fd[i], nil
}

func (m *Metrics) restore(st *state) error {
	m.now, m.swept, m.stats = st.Now, st.Swept, st.Stats
	m.flows.second, m.flows.lastAny, m.flows.lastBusy, m.flows.busy = st.Second, st.LastAny, st.LastBusy, st.Busy
	m.flows.lastStall, m.flows.anySince, m.flows.stalled = st.LastStall, st.AnySince, st.Stalled
	copy(m.flows.slower[:], st.Slower)
	for i := range st.Episodes {
		m.episodes = append(m.episodes, &st.Episodes[i])
	}
	eps := finder(m.episodes)
	for i := range st.Flows {
		f, err := st.Flows[i].flow(eps)
		if err != nil {
			return fmt.Errorf("flow %d: %w", i, err)
		}
		if m.flows.byKey[f.key] != nil {
			return fmt.Errorf("flow %d comes twice", i)
		}
		m.flows.byKey[f.key] = f
		m.flows.list = append(m.flows.list, f)
	}
	for i, g := range st.Groups {
		ls, err := fact.DecodeLabels(g.Example)
		if err != nil {
			return fmt.Errorf("instance %d: %w", i, err)
		}
		ep, err := eps.get(g.Ep)
		if err != nil {
			return fmt.Errorf("instance %d: %w", i, err)
		}
		m.series.groups = append(m.series.groups, group{g.Key, ls, g.Series, g.Stale, g.Born, g.Last, g.Every, g.Gone, ep})
		if ls.Len() > 0 {
			m.series.byGroup[g.Key] = int32(i)
		}
	}
	for _, i := range st.FreeGroups {
		if i < 0 || int(i) >= len(st.Groups) {
			return errors.New("a free instance that is none")
		}
	}
	m.series.freeGroups, m.series.latest = st.FreeGroups, st.Latest
	return m.series.restoreAll(st, eps)
}

func (fs *flowState) flow(eps finder) (*flow, error) {
	if len(fs.Seen) != history || len(fs.Counts) != history {
		return nil, errors.New("its seconds are cut off")
	}
	f := newFlow(fs.Key, fs.Born)
	f.last, f.silence, f.entry, f.rivals = fs.Last, fs.Silence, fs.Entry, fs.Rivals
	copy(f.seen[:], fs.Seen)
	copy(f.counts[:], fs.Counts)
	f.errors.Bad, f.errors.Good, f.errors.from, f.errors.lastError, f.errors.since = fs.Bad, fs.Good, fs.From, fs.LastError, fs.Since
	var err1, err2 error
	f.errors.ep, err1 = eps.get(fs.ErrorsEp)
	f.load.ep, err2 = eps.get(fs.LoadEp)
	f.load.gather, f.load.waiting, f.load.run, f.load.gap = fs.Load.Gather, slices.Clone(fs.Load.Waiting), fs.Load.Run, fs.Gap
	return f, errors.Join(err1, err2, f.load.level.UnmarshalBinary(fs.Load.Level), f.total.restore(&fs.Total, eps), f.self.restore(&fs.Self, eps))
}

func (s *slowSignal) restore(ss *slowState, eps finder) error {
	var err error
	s.ep, err = eps.get(ss.Ep)
	s.gather, s.waiting, s.run, s.plain, s.since = ss.Gather, slices.Clone(ss.Waiting), ss.Run, ss.Plain, ss.Since
	return errors.Join(err, s.level.UnmarshalBinary(ss.Level))
}
