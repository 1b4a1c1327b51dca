package topology

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/stat"
)

// mapSeconds is the time that the figures of a Map cover.
const mapSeconds = 60

// Map draws the services and edges over the last 60 closed seconds, sorted by
// name, without health, incidents and changes. Services stay on it until they
// are forgotten; edges only while they are used.
func (g *Graph) Map() fact.Map {
	m := fact.Map{Over: mapSeconds}
	if g.started {
		m.At = time.UnixMilli(g.open * 1000).UTC()
	}
	d := drawing{pairs: make(map[pair]*[2]EdgeStep), nodes: make(map[fact.Entity]*node)}
	for i := range g.recent {
		for j := range g.recent[i].Edges {
			d.add(&g.recent[i].Edges[j])
		}
	}
	for _, e := range g.entities.all {
		if !e.E.IsZero() {
			m.Nodes = append(m.Nodes, d.node(e))
		}
	}
	for p, sides := range d.pairs {
		m.Edges = append(m.Edges, fact.Edge{Client: p.client, Server: p.server, ClientSide: flow(&sides[0]), ServerSide: flow(&sides[1])})
	}
	slices.SortFunc(m.Nodes, func(a, b fact.Node) int { return compareEntities(a.Entity, b.Entity) })
	slices.SortFunc(m.Edges, func(a, b fact.Edge) int {
		return cmp.Or(compareEntities(a.Client, b.Client), compareEntities(a.Server, b.Server))
	})
	return m
}

type pair struct{ client, server fact.Entity }

type node struct {
	served, called EdgeStep // as the service itself and as its callers measured
	versions       map[string]*EdgeStep
}

type drawing struct {
	pairs map[pair]*[2]EdgeStep // client side, server side
	nodes map[fact.Entity]*node
}

func (d *drawing) add(f *EdgeStep) {
	p := d.pairs[pair{f.Client, f.Server}]
	if p == nil {
		p = new([2]EdgeStep)
		d.pairs[pair{f.Client, f.Server}] = p
	}
	n := d.nodes[f.Server]
	if n == nil {
		n = &node{versions: make(map[string]*EdgeStep)}
		d.nodes[f.Server] = n
	}
	if f.Side == ClientSide {
		p[0].merge(f)
		n.called.merge(f)
		return
	}
	p[1].merge(f)
	n.served.merge(f)
	v := n.versions[f.Version]
	if v == nil {
		v = new(EdgeStep)
		n.versions[f.Version] = v
	}
	v.merge(f)
}

func (d *drawing) node(e known) fact.Node {
	out := fact.Node{Entity: e.E, LastSeen: time.UnixMilli(e.LastSeen).UTC()}
	n := d.nodes[e.E]
	if n == nil {
		return out
	}
	out.Flow = flow(&n.served)
	if n.served.Requests == 0 {
		out.Flow = flow(&n.called)
	}
	for v, f := range n.versions {
		if v != "" {
			out.Versions = append(out.Versions, fact.Version{Version: v, Flow: flow(f)})
		}
	}
	slices.SortFunc(out.Versions, func(a, b fact.Version) int { return strings.Compare(a.Version, b.Version) })
	return out
}

// merge adds another second or edge to e.
func (e *EdgeStep) merge(f *EdgeStep) {
	e.Requests += f.Requests
	e.Errors += f.Errors
	e.SumNanos += f.SumNanos
	e.ChildNanos += f.ChildNanos
	for i, n := range f.Buckets {
		e.Buckets[i] += n
	}
}

func flow(f *EdgeStep) fact.Flow {
	if f.Requests == 0 {
		return fact.Flow{}
	}
	return fact.Flow{
		Rate:       float64(f.Requests) / mapSeconds,
		ErrorRatio: float64(f.Errors) / float64(f.Requests),
		P50:        f.Quantile(0.5),
		P95:        f.Quantile(0.95),
	}
}

// Quantile estimates a quantile of the durations in seconds from the buckets;
// 0 when there were no requests. Within a bucket it is off by a factor of two
// at most.
func (e *EdgeStep) Quantile(q float64) float64 {
	return stat.HistogramQuantile(q, Bound(0), 2, e.Buckets[:])
}
