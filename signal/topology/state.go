package topology

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/steersman-ops/steersman/fact"
)

// stateVersion is the version of the snapshot's format. A snapshot of another
// version is refused: the caller starts empty and replays.
const stateVersion = 1

// state is a Graph on paper: a gob of lists in a fixed order, so that one state
// has one text within a process.
type state struct {
	Version  int
	Started  bool
	Told     bool
	Now      int64
	Open     int64
	Swept    int64
	Lateness int64
	Delays   delays
	Stats    Stats
	Entities []known
	FreeEnts []int32
	Aliases  []aliasState
	Edges    []edgeState
	FreeEdge []int32
	Tail     uint64
	Spans    []byte // spanState after spanState
	Texts    []string
	Seconds  []secondState
	Recent   []Step
}

type aliasState struct {
	Client int32
	Peer   string
	Server int32
}

type edgeState struct {
	Client, Server                         int32
	ServerSide, Used                       bool
	Version                                string
	LastSeen, Told                         int64
	Requests, Errors, SumNanos, ChildNanos uint64
	Buckets                                []uint64
}

type spanState struct {
	Trace                         [16]byte
	ID, Parent                    [8]byte
	Seen, Start, End, Second      int64
	Child, Next                   uint64
	Entity, VersionText, PeerText int32
	Kind, Failed, Filled, Counted uint8
}

type secondState struct {
	At      int64
	Pending []uint64
	Flows   []flowState
}

type flowState struct {
	Edge int32
	Flow EdgeStep
}

// Snapshot returns the whole state. The Graph is not changed.
func (g *Graph) Snapshot() ([]byte, error) {
	st := state{
		Version: stateVersion, Started: g.started, Told: g.told, Now: g.now, Open: g.open, Swept: g.swept, Lateness: g.lateness,
		Delays: g.delays, Stats: g.stats, Entities: g.entities.all, FreeEnts: g.entities.free, FreeEdge: g.freeEdges,
		Tail: g.spans.tail, Recent: g.recent,
	}
	for a, e := range g.aliases {
		st.Aliases = append(st.Aliases, aliasState{a.client, a.peer, e})
	}
	slices.SortFunc(st.Aliases, func(a, b aliasState) int {
		return cmp.Or(cmp.Compare(a.Client, b.Client), strings.Compare(a.Peer, b.Peer))
	})
	for i := range g.edges {
		e := &g.edges[i]
		st.Edges = append(st.Edges, edgeState{e.key.client, e.key.server, e.key.serverSide, e.used, e.key.version,
			e.lastSeen, e.told, e.requests, e.errors, e.sumNanos, e.childNanos, e.buckets[:]})
	}
	var err error
	if st.Spans, st.Texts, err = g.spansState(); err != nil {
		return nil, fmt.Errorf("snapshot the held spans: %w", err)
	}
	for _, at := range slices.Sorted(maps.Keys(g.seconds)) {
		sec := g.seconds[at]
		s := secondState{At: at, Pending: sec.pending}
		for _, i := range slices.Sorted(maps.Keys(sec.flows)) {
			s.Flows = append(s.Flows, flowState{i, *sec.flows[i]})
		}
		st.Seconds = append(st.Seconds, s)
	}
	var buf bytes.Buffer
	if err := gob.NewEncoder(&buf).Encode(&st); err != nil {
		return nil, fmt.Errorf("snapshot the graph: %w", err)
	}
	return buf.Bytes(), nil
}

func (g *Graph) spansState() (data []byte, texts []string, err error) {
	number := make(map[string]int32)
	text := func(s string) int32 {
		n, ok := number[s]
		if !ok {
			n = int32(len(texts))
			number[s] = n
			texts = append(texts, s)
		}
		return n
	}
	bit := func(b bool) uint8 {
		if b {
			return 1
		}
		return 0
	}
	for n := g.spans.tail; n < g.spans.head; n++ {
		s := g.spans.at(n)
		data, err = binary.Append(data, binary.LittleEndian, &spanState{
			s.key.trace, s.key.id, s.parent, s.seen, s.start, s.end, s.second, uint64(s.child), uint64(s.next),
			s.entity, text(s.version), text(s.peer), uint8(s.kind), bit(s.failed), bit(s.filled), bit(s.counted),
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return data, texts, nil
}

// Restore replaces the state by one that Snapshot gave. After an error the
// Graph is empty.
func (g *Graph) Restore(data []byte) error {
	g.reset()
	var st state
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&st); err != nil {
		return fmt.Errorf("restore the graph: %w", err)
	}
	if st.Version != stateVersion {
		return fmt.Errorf("restore the graph: version %d, want %d", st.Version, stateVersion)
	}
	if err := g.restore(&st); err != nil {
		g.reset()
		return fmt.Errorf("restore the graph: %w", err)
	}
	return nil
}

func (g *Graph) restore(st *state) error {
	g.started, g.told, g.now, g.open, g.swept, g.lateness = st.Started, st.Told, st.Now, st.Open, st.Swept, st.Lateness
	g.delays, g.stats, g.recent = st.Delays, st.Stats, st.Recent
	g.entities.all, g.entities.free = st.Entities, st.FreeEnts
	for i, e := range st.Entities {
		if !e.E.IsZero() {
			g.entities.byName[e.E] = int32(i)
		}
	}
	for _, i := range st.FreeEnts {
		if !in(i, st.Entities) || !st.Entities[i].E.IsZero() {
			return errors.New("a free entity that is none")
		}
	}
	for _, a := range st.Aliases {
		if !g.isEntity(a.Client) || !g.isEntity(a.Server) {
			return errors.New("an alias of no entity")
		}
		g.aliases[alias{a.Client, a.Peer}] = a.Server
	}
	if err := g.restoreEdges(st); err != nil {
		return err
	}
	if err := g.restoreSpans(st); err != nil {
		return err
	}
	return g.restoreSeconds(st)
}

func in[T any](i int32, list []T) bool { return i >= 0 && int(i) < len(list) }

func (g *Graph) isEntity(i int32) bool {
	return in(i, g.entities.all) && !g.entities.all[i].E.IsZero()
}

func (g *Graph) restoreEdges(st *state) error {
	g.freeEdges = st.FreeEdge
	for i, e := range st.Edges {
		out := edge{used: e.Used}
		if e.Used {
			if !g.isEntity(e.Server) || e.Client != outside && !g.isEntity(e.Client) || len(e.Buckets) != NBuckets {
				return errors.New("an edge of no entity")
			}
			out = edge{key: edgeKey{e.Client, e.Server, e.ServerSide, e.Version}, used: true, lastSeen: e.LastSeen, told: e.Told,
				requests: e.Requests, errors: e.Errors, sumNanos: e.SumNanos, childNanos: e.ChildNanos}
			copy(out.buckets[:], e.Buckets)
			g.edgeByKey[out.key] = int32(i)
		}
		g.edges = append(g.edges, out)
	}
	for _, i := range st.FreeEdge {
		if !in(i, g.edges) || g.edges[i].used {
			return errors.New("a free edge that is none")
		}
	}
	return nil
}

func (g *Graph) restoreSpans(st *state) error {
	g.spans.tail, g.spans.head = st.Tail, st.Tail
	size := binary.Size(spanState{})
	if len(st.Spans)%size != 0 || len(st.Spans)/size > g.cfg.MaxSpans+2 || st.Tail > 1<<62 {
		return errors.New("the held spans are cut off or too many")
	}
	head := st.Tail + uint64(len(st.Spans)/size)
	for i := 0; i < len(st.Spans); i += size {
		var s spanState
		if _, err := binary.Decode(st.Spans[i:], binary.LittleEndian, &s); err != nil {
			return err
		}
		if !in(s.VersionText, st.Texts) || !in(s.PeerText, st.Texts) || s.Kind > uint8(fact.SpanConsumer) ||
			s.Filled == 1 && !g.isEntity(s.Entity) || s.Child > head || s.Next > head {
			return errors.New("a held span points to nothing")
		}
		// Lists run from newer to older, and that is also why they end.
		number := g.spans.head
		if s.Next != 0 && s.Next-1 == number {
			return errors.New("a held span is its own sibling")
		}
		n := g.spans.place(spanKey{s.Trace, s.ID}, s.Seen)
		if n != number {
			return errors.New("a held span comes twice")
		}
		*g.spans.at(n) = span{
			key: spanKey{s.Trace, s.ID}, parent: s.Parent, seen: s.Seen, start: s.Start, end: s.End, second: s.Second,
			child: ref(s.Child), next: ref(s.Next), version: g.text(st.Texts[s.VersionText]), peer: g.text(st.Texts[s.PeerText]),
			entity: s.Entity, kind: fact.SpanKind(s.Kind), failed: s.Failed == 1, filled: s.Filled == 1, counted: s.Counted == 1,
		}
	}
	return nil
}

func (g *Graph) restoreSeconds(st *state) error {
	for _, s := range st.Seconds {
		sec := &second{pending: s.Pending, flows: make(map[int32]*EdgeStep)}
		for _, f := range s.Flows {
			if !in(f.Edge, g.edges) || !g.edges[f.Edge].used {
				return errors.New("a flow over no edge")
			}
			sec.flows[f.Edge] = &f.Flow
		}
		g.seconds[s.At] = sec
	}
	return nil
}
