package topology

import (
	"strconv"
	"strings"

	"github.com/steersman-ops/steersman/fact"
)

// The names of the derived counters. Labels: client, server, client_namespace,
// server_namespace, side, version; le on the buckets.
const (
	RequestsTotal = "steersman_edge_requests_total"
	ErrorsTotal   = "steersman_edge_errors_total"
	DurationSum   = "steersman_edge_duration_seconds_sum"
	DurationCount = "steersman_edge_duration_seconds_count"
	DurationLe    = "steersman_edge_duration_seconds_bucket"
	ChildSum      = "steersman_edge_child_seconds_sum" // server side: the part spent in calls to others
)

// idleEvery is how often an edge without requests is told to the store, ms.
const idleEvery = 15_000

// The order of one edge's series in edge.labels.
const (
	iRequests = iota
	iErrors
	iSum
	iCount
	iChild
	iLe
	nSeries = iLe + NBuckets
)

// Series counts steps up and returns the derived counters that they moved, for
// the store: a point at the end of each second that had requests, and of each
// 15th second. An edge's first point is a zero at the start of its first
// second, so that its first requests are an increase. Give it every step that
// Advance returned, once, in order.
func (g *Graph) Series(steps []Step) []fact.Series {
	var out []fact.Series
	at := make(map[int32]int) // edge → index of its first series in out
	for i := range steps {
		end := steps[i].At + 1000
		for j := range steps[i].Edges {
			f := &steps[i].Edges[j]
			k, ok := g.keyOf(f)
			if !ok {
				continue
			}
			n, ok := g.placeEdge(k, steps[i].At)
			if !ok {
				continue
			}
			e := &g.edges[n]
			if e.told == 0 {
				out = g.tell(out, at, n, steps[i].At)
			}
			e.addUp(f)
			out = g.tell(out, at, n, end)
		}
		if end%idleEvery != 0 {
			continue
		}
		for n := range g.edges {
			if e := &g.edges[n]; e.used && e.told != 0 && e.told < end {
				out = g.tell(out, at, int32(n), end)
			}
		}
	}
	return out
}

func (e *edge) addUp(f *EdgeStep) {
	e.requests += uint64(f.Requests)
	e.errors += uint64(f.Errors)
	e.sumNanos += f.SumNanos
	e.childNanos += f.ChildNanos
	for i, n := range f.Buckets {
		e.buckets[i] += uint64(n)
	}
}

// tell appends one point to each series of edge n.
func (g *Graph) tell(out []fact.Series, at map[int32]int, n int32, t int64) []fact.Series {
	e := &g.edges[n]
	first, ok := at[n]
	if !ok {
		if e.labels == nil {
			e.labels = g.edgeLabels(e.key)
		}
		first = len(out)
		at[n] = first
		for _, ls := range e.labels {
			if ls.Len() > 0 {
				out = append(out, fact.Series{Labels: ls, Type: fact.Counter})
			}
		}
	}
	e.told = t
	put := func(v float64) {
		out[first].Points = append(out[first].Points, fact.Point{T: t, V: v})
		first++
	}
	put(float64(e.requests))
	put(float64(e.errors))
	put(float64(e.sumNanos) / 1e9)
	put(float64(e.requests))
	if e.key.serverSide {
		put(float64(e.childNanos) / 1e9)
	}
	var upTo uint64
	for _, b := range e.buckets {
		upTo += b
		put(float64(upTo))
	}
	return out
}

func (g *Graph) edgeLabels(k edgeKey) []fact.Labels {
	f := g.edgeStep(k)
	base := []fact.Label{
		{Name: "client", Value: f.Client.Name}, {Name: "client_namespace", Value: f.Client.Namespace},
		{Name: "server", Value: f.Server.Name}, {Name: "server_namespace", Value: f.Server.Namespace},
		{Name: "side", Value: f.Side}, {Name: "version", Value: f.Version},
	}
	for i := range base {
		base[i].Value = strings.ToValidUTF8(base[i].Value, "\uFFFD")
	}
	named := func(name string, more ...fact.Label) fact.Labels {
		// Names are distinct and values valid, so there is nothing to refuse.
		ls, _ := fact.NewLabels(append(append([]fact.Label{{Name: fact.NameLabel, Value: name}}, base...), more...))
		return ls
	}
	out := make([]fact.Labels, nSeries)
	for i, name := range []string{RequestsTotal, ErrorsTotal, DurationSum, DurationCount, ChildSum} {
		if i != iChild || k.serverSide {
			out[i] = named(name)
		}
	}
	for i := range NBuckets {
		le := "+Inf"
		if i < NBuckets-1 {
			le = strconv.FormatFloat(Bound(i), 'g', -1, 64)
		}
		out[iLe+i] = named(DurationLe, fact.Label{Name: "le", Value: le})
	}
	return out
}
