package topology

import (
	"strings"

	"github.com/steersman-ops/steersman/fact"
)

// A Graph gathers spans. It is not safe for concurrent use.
type Graph struct {
	cfg     Config
	started bool
	told    bool  // Advance said what time it is; until then it is a guess
	now     int64 // the latest that Advance was told, ms
	open    int64 // the oldest second that is open: all before it are closed

	spans    spans
	seconds  map[int64]*second // the open ones that have something
	entities entities
	aliases  map[alias]int32 // what a caller's name for a peer has meant

	edges     []edge
	edgeByKey map[edgeKey]int32
	freeEdges []int32
	swept     int64 // when forgotten things were last looked for

	lateness int64 // ms
	delays   delays

	recent []Step // of the last minute, for Map
	texts  map[string]string
	stats  Stats
	meters *meters
	cover  []interval // scratch
}

// A second is one that has not closed yet.
type second struct {
	pending []uint64            // spans to count when it closes
	flows   map[int32]*EdgeStep // what was counted already, by edge
}

// An alias is a caller and the name it uses for a service it calls.
type alias struct {
	client int32
	peer   string
}

// New returns an empty Graph.
func New(cfg Config) *Graph {
	g := &Graph{cfg: cfg.withDefaults()}
	g.reset()
	g.meters = newMeters(cfg.Registerer)
	return g
}

func (g *Graph) reset() {
	*g = Graph{
		cfg: g.cfg, meters: g.meters,
		spans:     spans{byKey: make(map[spanKey]uint64)},
		seconds:   make(map[int64]*second),
		entities:  entities{byName: make(map[fact.Entity]int32)},
		aliases:   make(map[alias]int32),
		edgeByKey: make(map[edgeKey]int32),
		texts:     make(map[string]string),
		lateness:  g.cfg.Lateness.Milliseconds(),
	}
}

// Stats returns what became of the spans so far.
func (g *Graph) Stats() Stats { return g.stats }

// Lateness returns how long spans are waited for at present, in milliseconds.
func (g *Graph) Lateness() int64 { return g.lateness }

// Observe takes one span. Call [Graph.Advance] with the Received of its batch
// first; before the first Advance the first span says what time it is. It
// keeps no part of sp.
func (g *Graph) Observe(sp *fact.Span) {
	g.stats.Observed++
	if !g.wellFormed(sp) {
		return
	}
	if !g.started {
		g.start(sp.End / 1e6)
	}
	sec, ok := g.secondOf(sp)
	if !ok {
		return
	}
	entity, ok := g.entities.place(sp.Entity, g.now, g.cfg.MaxServices)
	if !ok {
		g.stats.OverServices++
		g.offend(sp, "one service too many")
		return
	}
	key := spanKey{sp.TraceID, sp.ID}
	if held := g.spans.find(key); held != nil && held.filled {
		g.stats.Duplicate++
		return
	}
	g.makeRoom()
	n := g.spans.place(key, g.now)
	s := g.spans.at(n)
	s.parent, s.start, s.end, s.second = sp.Parent, sp.Start, sp.End, sec
	s.entity, s.kind, s.failed, s.filled = entity, sp.Kind, sp.Failed, true
	s.version, s.peer = g.text(sp.Version), g.text(sp.Peer)
	counts := s.calls() || s.serves()
	if sp.Parent != [8]byte{} {
		p := g.spans.place(spanKey{sp.TraceID, sp.Parent}, g.now)
		parent := g.spans.at(p)
		// The ring may have moved.
		s = g.spans.at(n)
		s.next, parent.child = parent.child, ref(n+1)
	}
	if !counts {
		g.stats.Inner++
		return
	}
	g.delays.add(g.now - sp.End/1e6)
	g.secondAt(sec).pending = append(g.secondAt(sec).pending, n)
}

func (g *Graph) wellFormed(sp *fact.Span) bool {
	if sp.Entity.IsZero() || sp.ID == [8]byte{} || sp.TraceID == [16]byte{} || sp.Start <= 0 || sp.End < sp.Start || sp.Kind > fact.SpanConsumer {
		g.stats.Broken++
		g.offend(sp, "no ids, no service, or times that cannot be")
		return false
	}
	return true
}

// secondOf says in which second a span is counted, and false if in none.
func (g *Graph) secondOf(sp *fact.Span) (int64, bool) {
	end := sp.End / 1e6
	if end > g.now+g.cfg.MaxAhead.Milliseconds() {
		g.stats.Ahead++
		g.offend(sp, "ends in the future")
		return 0, false
	}
	sec := end / 1000
	if sec >= g.open {
		return sec, true
	}
	if end < g.now-g.cfg.MaxLate.Milliseconds() {
		g.stats.TooLate++
		g.offend(sp, "came too late")
		return 0, false
	}
	if sp.Kind != fact.SpanInternal && sp.Kind != fact.SpanUnspecified {
		if held := g.spans.find(spanKey{sp.TraceID, sp.ID}); held == nil || !held.filled {
			g.stats.Late++
		}
	}
	return g.open, true
}

func (g *Graph) offend(sp *fact.Span, why string) {
	g.stats.Offender = sp.Entity.String() + ": " + why
}

func (g *Graph) start(now int64) {
	g.started, g.now = true, now
	g.open = (now - g.cfg.MaxLate.Milliseconds()) / 1000
}

func (g *Graph) secondAt(sec int64) *second {
	s := g.seconds[sec]
	if s == nil {
		s = &second{flows: make(map[int32]*EdgeStep)}
		g.seconds[sec] = s
	}
	return s
}

// text returns one shared copy of s, so that a held span does not keep the
// batch it came with.
func (g *Graph) text(s string) string {
	if t, ok := g.texts[s]; ok {
		return t
	}
	if len(g.texts) >= 2*g.cfg.MaxEdges {
		clear(g.texts)
	}
	s = strings.Clone(s)
	g.texts[s] = s
	return s
}

// makeRoom lets old spans go until two more fit.
func (g *Graph) makeRoom() {
	for g.spans.len() > 0 && g.spans.len()+2 > g.cfg.MaxSpans {
		g.letGo()
	}
}

// letGo drops the oldest span, counting it first with what is known.
func (g *Graph) letGo() {
	if s := g.spans.at(g.spans.tail); s.filled && !s.counted && (s.calls() || s.serves()) {
		g.stats.Early++
		g.count(s)
	}
	g.spans.drop()
}

// Advance says what time it is, in Unix milliseconds (the Received of any
// batch), and returns the seconds that closed with that, in order, those
// without requests too. A time before the latest one is ignored.
func (g *Graph) Advance(now int64) []Step {
	if !g.started {
		g.start(now)
	}
	if now > g.now || !g.told {
		g.now, g.told = now, true
	}
	g.lateness = g.delays.lateness(g.now, g.cfg.Lateness.Milliseconds(), g.cfg.MaxLateness.Milliseconds())
	var steps []Step
	end := (g.now - g.lateness) / 1000 // this second and later ones stay open
	for ; g.open < end; g.open++ {
		if end-g.open > maxEmpty {
			g.open = g.skip(end - maxEmpty)
		}
		steps = append(steps, g.close(g.open))
	}
	if len(steps) > 0 {
		g.remember(steps)
		g.age()
		g.meters.publish(g)
	}
	return steps
}

// maxEmpty is the longest silence, in seconds, that is told second by second.
const maxEmpty = 300

// skip returns the first open second that has something, or upTo.
func (g *Graph) skip(upTo int64) int64 {
	first := upTo
	for sec := range g.seconds {
		first = min(first, sec)
	}
	return first
}

// remember keeps the steps of the last minute.
func (g *Graph) remember(steps []Step) {
	g.recent = append(g.recent, steps...)
	last := g.recent[len(g.recent)-1].At
	drop := 0
	for drop < len(g.recent) && g.recent[drop].At <= last-mapSeconds*1000 {
		drop++
	}
	g.recent = append(g.recent[:0], g.recent[drop:]...)
}

// age lets go of spans that nothing will be paired with any more, and once a
// minute of edges and services that are gone.
func (g *Graph) age() {
	old := g.now - g.cfg.MaxLate.Milliseconds() - g.cfg.MaxLateness.Milliseconds()
	for g.spans.len() > 0 && g.spans.at(g.spans.tail).seen < old {
		// A span that ends in the future is still waiting for its second.
		if s := g.spans.at(g.spans.tail); s.filled && !s.counted && s.second >= g.open && (s.calls() || s.serves()) {
			break
		}
		g.spans.drop()
	}
	if g.now-g.swept < 60_000 {
		return
	}
	g.swept = g.now
	g.forget(g.now - g.cfg.Forget.Milliseconds())
}
