package quality

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/steersman-ops/steersman/fact"
)

// The snapshot is the magic line, the length of a gob (uvarint), the gob of a
// state, the series in order of place, each seriesBytes long, and the SHA-256 of
// all before it. The number in the magic line is the version of the format.
const (
	snapshotMagic = "steersman quality snapshot 1\n"
	seriesBytes   = 64
)

var errSnapshot = errors.New("not a snapshot that can be read")

// state is a Quality on paper, without its series.
type state struct {
	Seq        uint64 // the newest batch that it has seen
	Now, Swept int64
	Over       Over
	Sources    []sourceState
	Metrics    []metricState
	Free       []uint32
	Series     int
}

type sourceState struct {
	Name              string
	About             []fact.Entity
	Crowded           bool
	First, Last       int64
	Every             float64
	Delay, Varies     float64
	Batches           uint32
	Skew              float64
	Skewed            uint32
	LateSince, Minute int64
	Had, Fresh, Ended uint32
	Total             Counts
	Short, Long       window
	Troubles          [steps]trouble
	Sent              uint32
	Contract          *fact.Contract
	Breaches          []Breach
	Names             []string // of its metrics, in order
	Places            []uint32 // of these
}

type metricState struct {
	Name           string
	Kind           fact.SeriesType
	Unit           string
	Low, High      float64
	Rows           uint32
	Since, Last    int64
	Outside, Other int64
	Fixed          bool
	Seen, Nan      uint32
}

// Save writes the whole state, as of the batch seq. q is not changed.
func (q *Quality) Save(to io.Writer, seq uint64) error {
	sum := sha256.New()
	w := bufio.NewWriterSize(io.MultiWriter(to, sum), 256<<10)
	st := state{Seq: seq, Now: q.now, Swept: q.swept, Over: q.over, Free: q.free, Series: q.series.n}
	for _, s := range q.sources {
		st.Sources = append(st.Sources, s.state())
	}
	for i := range q.metrics {
		m := &q.metrics[i]
		st.Metrics = append(st.Metrics, metricState{m.name, m.kind, m.unit, m.low, m.high, m.rows, m.since, m.last, m.outside, m.other, m.fixed, m.seen, m.nan})
	}
	var head bytes.Buffer
	if err := gob.NewEncoder(&head).Encode(&st); err != nil {
		return fmt.Errorf("encode the state of the quality: %w", err)
	}
	w.WriteString(snapshotMagic) // an error stays and comes back from Flush
	w.Write(binary.AppendUvarint(nil, uint64(head.Len())))
	w.Write(head.Bytes())
	var b [seriesBytes]byte
	for i := range uint32(q.series.n) {
		q.series.at(i).put(&b)
		w.Write(b[:])
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := to.Write(sum.Sum(nil))
	return err
}

func (s *source) state() sourceState {
	st := sourceState{
		Name: s.name, Crowded: s.crowded, First: s.first, Last: s.last, Every: s.every, Delay: s.delay, Varies: s.varies, Batches: s.batches,
		Skew: s.skew, Skewed: s.skewed, LateSince: s.lateSince, Minute: s.minute, Had: s.had, Fresh: s.fresh, Ended: s.ended,
		Total: s.total, Short: s.short, Long: s.long, Troubles: s.troubles, Sent: s.sent, Contract: s.contract,
	}
	st.About = slices.SortedFunc(maps.Keys(s.about), func(a, b fact.Entity) int { return strings.Compare(a.String(), b.String()) })
	for _, k := range slices.SortedFunc(maps.Keys(s.breaches), func(a, b clauseOf) int {
		return cmp.Or(cmp.Compare(a.clause, b.clause), cmp.Compare(a.metric, b.metric))
	}) {
		st.Breaches = append(st.Breaches, *s.breaches[k])
	}
	st.Names = slices.Sorted(maps.Keys(s.metrics))
	for _, name := range st.Names {
		st.Places = append(st.Places, s.metrics[name])
	}
	return st
}

// put writes what is kept of a series.
func (s *series) put(b *[seriesBytes]byte) {
	le := binary.LittleEndian
	le.PutUint64(b[0:], s.key)
	le.PutUint64(b[8:], uint64(s.lastT))
	le.PutUint64(b[16:], math.Float64bits(s.lastV))
	le.PutUint32(b[24:], s.recent[0])
	le.PutUint32(b[28:], s.recent[1])
	le.PutUint32(b[32:], math.Float32bits(s.step))
	le.PutUint32(b[36:], math.Float32bits(s.level))
	le.PutUint32(b[40:], math.Float32bits(s.spread))
	le.PutUint32(b[44:], s.metric)
	le.PutUint16(b[48:], s.source)
	le.PutUint16(b[50:], s.used)
	le.PutUint16(b[52:], s.run)
	le.PutUint16(b[54:], s.n)
	le.PutUint16(b[56:], s.moves)
	le.PutUint16(b[58:], s.nulls)
	b[60], b[61], b[62], b[63] = s.shift, s.jitter, s.gaps, s.flags
}

// get reads what put wrote.
func (s *series) get(b []byte) {
	le := binary.LittleEndian
	*s = series{
		key: le.Uint64(b[0:]), lastT: int64(le.Uint64(b[8:])), lastV: math.Float64frombits(le.Uint64(b[16:])),
		recent: [2]uint32{le.Uint32(b[24:]), le.Uint32(b[28:])},
		step:   math.Float32frombits(le.Uint32(b[32:])), level: math.Float32frombits(le.Uint32(b[36:])), spread: math.Float32frombits(le.Uint32(b[40:])),
		metric: le.Uint32(b[44:]), source: le.Uint16(b[48:]), used: le.Uint16(b[50:]),
		run: le.Uint16(b[52:]), n: le.Uint16(b[54:]), moves: le.Uint16(b[56:]), nulls: le.Uint16(b[58:]),
		shift: b[60], jitter: b[61], gaps: b[62], flags: b[63],
	}
}

// Restore takes over a snapshot whole, or leaves everything as it was. It
// returns the batch up to which the state reaches.
func (q *Quality) Restore(data []byte) (seq uint64, err error) {
	st, rest, err := parse(data)
	if err != nil {
		return 0, err
	}
	fresh := New(q.cfg)
	if err := fresh.load(&st, rest); err != nil {
		return 0, fmt.Errorf("%w: %w", errSnapshot, err)
	}
	fresh.touch = q.touch
	*q = *fresh
	return st.Seq, nil
}

// parse takes a snapshot apart.
func parse(data []byte) (st state, series []byte, err error) {
	rest, ok := bytes.CutPrefix(data, []byte(snapshotMagic))
	if !ok {
		return st, nil, fmt.Errorf("%w: it does not begin with %q", errSnapshot, snapshotMagic)
	}
	end := len(data) - sha256.Size
	if len(rest) < sha256.Size || sha256.Sum256(data[:end]) != [sha256.Size]byte(data[end:]) {
		return st, nil, fmt.Errorf("%w: its checksum is wrong", errSnapshot)
	}
	rest = rest[:len(rest)-sha256.Size]
	size, n := binary.Uvarint(rest)
	if n <= 0 || size > uint64(len(rest)-n) {
		return st, nil, fmt.Errorf("%w: it is cut off", errSnapshot)
	}
	head, rest := rest[n:n+int(size)], rest[n+int(size):]
	if err := gob.NewDecoder(bytes.NewReader(head)).Decode(&st); err != nil {
		return st, nil, fmt.Errorf("%w: %w", errSnapshot, err)
	}
	if st.Series < 0 || len(rest) != st.Series*seriesBytes {
		return st, nil, fmt.Errorf("%w: %d bytes of %d series", errSnapshot, len(rest), st.Series)
	}
	return st, rest, nil
}

// load fills an empty Quality.
func (q *Quality) load(st *state, list []byte) error {
	if len(st.Metrics) == 0 || len(st.Sources) > math.MaxUint16 {
		return fmt.Errorf("%d metrics of %d sources", len(st.Metrics), len(st.Sources))
	}
	q.now, q.swept, q.over, q.free = st.Now, st.Swept, st.Over, st.Free
	q.metrics = q.metrics[:0]
	for _, m := range st.Metrics {
		q.metrics = append(q.metrics, metric{name: m.Name, kind: m.Kind, unit: m.Unit, low: m.Low, high: m.High, rows: m.Rows, since: m.Since, last: m.Last, outside: m.Outside, other: m.Other, fixed: m.Fixed, seen: m.Seen, nan: m.Nan})
	}
	for i := range st.Sources {
		s, err := st.Sources[i].source(len(q.metrics))
		if err != nil {
			return err
		}
		s.number = uint16(i)
		q.sources = append(q.sources, s)
		q.byName[s.name] = s
	}
	for ; len(list) > 0; list = list[seriesBytes:] {
		var x series
		x.get(list)
		if int(x.metric) >= len(q.metrics) || int(x.source) >= len(q.sources) {
			return errors.New("a series of no metric or source")
		}
		place, ok := q.series.add(x.key)
		if !ok {
			continue // the bound is lower now
		}
		*q.series.at(place) = x
		q.metrics[x.metric].series++
		q.sources[x.source].series++
	}
	return nil
}

func (st *sourceState) source(metrics int) (*source, error) {
	s := &source{
		name: st.Name, crowded: st.Crowded, first: st.First, last: st.Last, every: st.Every, delay: st.Delay, varies: st.Varies, batches: st.Batches,
		skew: st.Skew, skewed: st.Skewed, lateSince: st.LateSince, minute: st.Minute, had: st.Had, fresh: st.Fresh, ended: st.Ended,
		total: st.Total, short: st.Short, long: st.Long, troubles: st.Troubles, sent: st.Sent, contract: st.Contract, metrics: make(map[string]uint32), about: make(map[fact.Entity]bool),
	}
	for _, e := range st.About {
		s.about[e] = true
	}
	if s.contract != nil {
		s.breaches = make(map[clauseOf]*Breach, len(st.Breaches))
		for _, b := range st.Breaches {
			s.breaches[clauseOf{b.Clause, b.Metric}] = &b
		}
	}
	if len(st.Names) != len(st.Places) {
		return nil, fmt.Errorf("source %q: %d names of %d metrics", st.Name, len(st.Names), len(st.Places))
	}
	for i, name := range st.Names {
		if int(st.Places[i]) >= metrics {
			return nil, fmt.Errorf("source %q: metric %d of %d", st.Name, st.Places[i], metrics)
		}
		s.metrics[name] = st.Places[i]
	}
	return s, nil
}
