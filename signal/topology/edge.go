package topology

import "github.com/steersman-ops/steersman/fact"

// edgeKey names one side of one edge.
type edgeKey struct {
	client, server int32
	serverSide     bool
	version        string
}

// An edge is what is remembered of it from second to second.
type edge struct {
	key      edgeKey
	used     bool
	lastSeen int64 // ms
	// counters since the edge is known, for the store
	requests, errors, sumNanos, childNanos uint64
	buckets                                [NBuckets]uint64
	told                                   int64 // end of the last second that was told to the store, ms; zero: never
	labels                                 []fact.Labels
}

// placeEdge returns the number of an edge, giving it one if there is room.
func (g *Graph) placeEdge(k edgeKey, at int64) (int32, bool) {
	if i, ok := g.edgeByKey[k]; ok {
		g.edges[i].lastSeen = max(g.edges[i].lastSeen, at)
		return i, true
	}
	if len(g.edgeByKey) >= g.cfg.MaxEdges {
		return 0, false
	}
	e := edge{key: k, used: true, lastSeen: at}
	i := int32(len(g.edges))
	if n := len(g.freeEdges); n > 0 {
		i, g.freeEdges = g.freeEdges[n-1], g.freeEdges[:n-1]
		g.edges[i] = e
	} else {
		g.edges = append(g.edges, e)
	}
	g.edgeByKey[k] = i
	return i, true
}

func (g *Graph) edgeStep(k edgeKey) *EdgeStep {
	side := ClientSide
	if k.serverSide {
		side = ServerSide
	}
	return &EdgeStep{Client: g.entities.get(k.client), Server: g.entities.get(k.server), Side: side, Version: k.version}
}

// keyOf is the way back from edgeStep.
func (g *Graph) keyOf(f *EdgeStep) (edgeKey, bool) {
	k := edgeKey{client: outside, serverSide: f.Side == ServerSide, version: f.Version}
	var ok bool
	if k.server, ok = g.entities.byName[f.Server]; !ok {
		return k, false
	}
	if !f.Client.IsZero() {
		k.client, ok = g.entities.byName[f.Client]
	}
	return k, ok
}

// forget removes the edges and services not seen since a moment.
func (g *Graph) forget(before int64) {
	used := make(map[int32]bool)
	for i := range g.edges {
		e := &g.edges[i]
		switch {
		case !e.used:
		case e.lastSeen < before:
			delete(g.edgeByKey, e.key)
			*e = edge{}
			g.freeEdges = append(g.freeEdges, int32(i))
		default:
			used[e.key.client], used[e.key.server] = true, true
		}
	}
	for n := g.spans.tail; n < g.spans.head; n++ {
		if s := g.spans.at(n); s.filled {
			used[s.entity] = true
		}
	}
	gone := make(map[int32]bool)
	for i := range g.entities.all {
		if e := g.entities.all[i]; !e.E.IsZero() && e.LastSeen < before && !used[int32(i)] {
			gone[int32(i)] = true
			g.entities.remove(int32(i))
		}
	}
	for a, e := range g.aliases {
		if gone[a.client] || gone[e] {
			delete(g.aliases, a)
		}
	}
}
