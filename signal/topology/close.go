package topology

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal/entity"
)

// close counts what ended in a second and returns it.
func (g *Graph) close(sec int64) Step {
	step := Step{At: sec * 1000}
	s := g.seconds[sec]
	if s == nil {
		return step
	}
	g.learnAliases(s.pending)
	for _, n := range s.pending {
		if sp := g.spans.get(ref(n + 1)); sp != nil && !sp.counted {
			g.count(sp)
		}
	}
	delete(g.seconds, sec)
	for _, f := range s.flows {
		step.Edges = append(step.Edges, *f)
	}
	slices.SortFunc(step.Edges, compareEdges)
	return step
}

func compareEdges(a, b EdgeStep) int {
	return cmp.Or(compareEntities(a.Server, b.Server), compareEntities(a.Client, b.Client),
		strings.Compare(a.Side, b.Side), strings.Compare(a.Version, b.Version))
}

// learnAliases notes, from the calls that found their server span, what the
// callers' names for it mean. Of two meanings in one second the lesser name
// wins, so that the order of arrival does not matter.
func (g *Graph) learnAliases(pending []uint64) {
	fresh := make(map[alias]int32)
	for _, n := range pending {
		c := g.spans.get(ref(n + 1))
		if c == nil || c.counted || c.kind != fact.SpanClient || c.peer == "" {
			continue
		}
		server := g.serverOf(c)
		if server == nil {
			continue
		}
		a := alias{c.entity, c.peer}
		if old, ok := fresh[a]; !ok || compareEntities(g.entities.get(server.entity), g.entities.get(old)) < 0 {
			fresh[a] = server.entity
		}
	}
	// In order, so that it is always the same ones that find no room.
	for _, a := range slices.SortedFunc(maps.Keys(fresh), g.compareAliases) {
		if _, known := g.aliases[a]; known || len(g.aliases) < g.cfg.MaxEdges {
			g.aliases[a] = fresh[a]
		}
	}
}

func (g *Graph) compareAliases(a, b alias) int {
	return cmp.Or(compareEntities(g.entities.get(a.client), g.entities.get(b.client)), strings.Compare(a.peer, b.peer))
}

// serverOf returns the server span that answered a call, or nil. Of several
// the first to start is taken.
func (g *Graph) serverOf(call *span) *span {
	var first *span
	for s := g.spans.get(call.child); s != nil; s = g.spans.get(s.next) {
		if s.serves() && (first == nil || earlier(s, first)) {
			first = s
		}
	}
	return first
}

func earlier(a, b *span) bool {
	return cmp.Or(cmp.Compare(a.start, b.start), slices.Compare(a.key.id[:], b.key.id[:])) < 0
}

// count adds a span to the flows of its second.
func (g *Graph) count(s *span) {
	s.counted = true
	var key edgeKey
	var child uint64
	switch {
	case s.serves():
		client, inner := g.callerOf(s)
		if inner {
			g.stats.Inner++
			return
		}
		key = edgeKey{client, s.entity, true, s.version}
		child = g.covered(s)
	default:
		server, inner, ok := g.calleeOf(s)
		if inner {
			g.stats.Inner++
			return
		}
		if !ok {
			return
		}
		key = edgeKey{s.entity, server, false, ""}
	}
	i, ok := g.placeEdge(key, s.second*1000)
	if !ok {
		g.stats.OverEdges++
		g.stats.Offender = g.entities.get(s.entity).String() + ": one edge too many"
		return
	}
	g.stats.Counted++
	flows := g.secondAt(s.second).flows
	f := flows[i]
	if f == nil {
		f = g.edgeStep(key)
		flows[i] = f
	}
	f.add(uint64(s.end-s.start), child, s.failed)
}

// callerOf returns who called the server span s. inner is true when the caller
// is a server or internal span of the same service: one request that two
// libraries saw.
func (g *Graph) callerOf(s *span) (client int32, inner bool) {
	if s.parent == [8]byte{} {
		return outside, false
	}
	p := g.spans.find(spanKey{s.key.trace, s.parent})
	if p == nil || !p.filled {
		return outside, false
	}
	return p.entity, p.entity == s.entity && !p.calls()
}

// calleeOf returns whom the client span s called. inner is true when s wraps
// another client span of the same service, which counts instead.
func (g *Graph) calleeOf(s *span) (server int32, inner, ok bool) {
	if s.kind == fact.SpanClient || s.peer == "" {
		if srv := g.serverOf(s); srv != nil {
			return srv.entity, false, true
		}
		for c := g.spans.get(s.child); c != nil; c = g.spans.get(c.next) {
			if c.filled && c.calls() && c.entity == s.entity {
				return 0, true, false
			}
		}
	}
	if s.peer == "" {
		g.stats.Unnamed++
		return 0, false, false
	}
	if e, known := g.aliases[alias{s.entity, s.peer}]; known && s.kind == fact.SpanClient {
		return e, false, true
	}
	e := entity.Peer(g.entities.get(s.entity), s.peer)
	if _, known := g.entities.byName[e]; !known {
		if bare := (fact.Entity{Kind: fact.Service, Name: e.Name}); g.knows(bare) {
			e = bare
		}
	}
	server, ok = g.entities.place(e, s.second*1000, g.cfg.MaxServices)
	if !ok {
		g.stats.OverServices++
		g.stats.Offender = e.String() + ": one service too many"
	}
	return server, false, ok
}

func (g *Graph) knows(e fact.Entity) bool {
	_, ok := g.entities.byName[e]
	return ok
}

type interval struct{ from, to int64 }

// Bounds for one span's walk downwards, so that a broken trace costs little.
const (
	maxCovered = 4096
	maxDepth   = 16
)

// covered returns how much of s its own calls to others took: the union of
// their intervals, cut to s.
func (g *Graph) covered(s *span) uint64 {
	g.cover = g.cover[:0]
	g.gatherCalls(s, s, 0)
	slices.SortFunc(g.cover, func(a, b interval) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	var sum, upTo int64 = 0, s.start
	for _, iv := range g.cover {
		from, to := max(iv.from, upTo), min(iv.to, s.end)
		if to > from {
			sum += to - from
			upTo = to
		}
	}
	return uint64(sum)
}

func (g *Graph) gatherCalls(root, s *span, depth int) {
	for c := g.spans.get(s.child); c != nil && len(g.cover) < maxCovered; c = g.spans.get(c.next) {
		switch {
		case !c.filled || c.entity != root.entity:
		case c.calls():
			g.cover = append(g.cover, interval{c.start, c.end})
		case depth < maxDepth:
			g.gatherCalls(root, c, depth+1)
		}
	}
}
