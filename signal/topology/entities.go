package topology

import (
	"strings"

	"github.com/steersman-ops/steersman/fact"
)

// outside is the index of the zero Entity: no known caller.
const outside int32 = -1

// entities numbers the services, so that spans and edges can hold four bytes.
type entities struct {
	all    []known
	byName map[fact.Entity]int32
	free   []int32
}

type known struct {
	E        fact.Entity // zero: the number is free
	LastSeen int64       // ms
}

func (es *entities) get(i int32) fact.Entity {
	if i < 0 {
		return fact.Entity{}
	}
	return es.all[i].E
}

// place returns the number of e, giving it one if it has none and there are
// fewer than limit.
func (es *entities) place(e fact.Entity, now int64, limit int) (int32, bool) {
	if i, ok := es.byName[e]; ok {
		es.all[i].LastSeen = max(es.all[i].LastSeen, now)
		return i, true
	}
	if len(es.byName) >= limit {
		return 0, false
	}
	e.Kind, e.Namespace, e.Name = fact.EntityKind(strings.Clone(string(e.Kind))), strings.Clone(e.Namespace), strings.Clone(e.Name)
	i := int32(len(es.all))
	if n := len(es.free); n > 0 {
		i, es.free = es.free[n-1], es.free[:n-1]
		es.all[i] = known{e, now}
	} else {
		es.all = append(es.all, known{e, now})
	}
	es.byName[e] = i
	return i, true
}

func (es *entities) remove(i int32) {
	delete(es.byName, es.all[i].E)
	es.all[i] = known{}
	es.free = append(es.free, i)
}

func compareEntities(a, b fact.Entity) int {
	if c := strings.Compare(a.Namespace, b.Namespace); c != 0 {
		return c
	}
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	return strings.Compare(string(a.Kind), string(b.Kind))
}
