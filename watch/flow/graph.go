package flow

import "github.com/steersman-ops/steersman/fact"

// A Graph is who calls whom. It answers from the moment it was made; the same
// question twice is looked up.
type Graph struct {
	callees map[fact.Entity][]fact.Entity
	reached map[fact.Entity]map[fact.Entity]bool
}

// Graph draws the calls that the ring holds.
func (r *Ring) Graph() *Graph {
	g := &Graph{make(map[fact.Entity][]fact.Entity), make(map[fact.Entity]map[fact.Entity]bool)}
	seen := make(map[edgeID]bool)
	for k := range r.tracks {
		id := edgeID{k.Client, k.Server}
		if k.Side != Process && !k.Client.IsZero() && !seen[id] {
			seen[id] = true
			g.callees[k.Client] = append(g.callees[k.Client], k.Server)
		}
	}
	return g
}

// Reaches reports whether from calls to, directly or through others. A service
// reaches itself; the outside reaches nothing.
func (g *Graph) Reaches(from, to fact.Entity) bool {
	if from.IsZero() || to.IsZero() {
		return false
	}
	return from == to || g.from(from)[to]
}

// CommonCaller reports whether one service reaches both.
func (g *Graph) CommonCaller(a, b fact.Entity) bool {
	for c := range g.callees {
		if g.Reaches(c, a) && g.Reaches(c, b) {
			return true
		}
	}
	return false
}

func (g *Graph) from(e fact.Entity) map[fact.Entity]bool {
	if m, ok := g.reached[e]; ok {
		return m
	}
	m := make(map[fact.Entity]bool)
	todo := []fact.Entity{e}
	for len(todo) > 0 {
		x := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, d := range g.callees[x] {
			if !m[d] {
				m[d] = true
				todo = append(todo, d)
			}
		}
	}
	g.reached[e] = m
	return m
}
