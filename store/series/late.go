package series

import (
	"cmp"
	"context"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/steersman-ops/steersman/fact"
)

// late holds the samples of one series that may be in the store already, and
// what the store has from the first of them on.
type late struct {
	entry  *entry
	points []fact.Point
	stored []fact.Point
}

func (a *appending) addLate(e *entry, p fact.Point) {
	i, ok := a.lateOf[e]
	if !ok {
		if a.lateOf == nil {
			a.lateOf = make(map[*entry]int)
		}
		i = len(a.late)
		a.lateOf[e] = i
		a.late = append(a.late, late{entry: e})
	}
	a.late[i].points = append(a.late[i].points, p)
}

// appendLate looks the late samples up and stores those that are new.
func (a *appending) appendLate(ctx context.Context) error {
	from := int64(math.MaxInt64)
	for i := range a.late {
		l := &a.late[i]
		slices.SortStableFunc(l.points, func(x, y fact.Point) int { return cmp.Compare(x.T, y.T) })
		from = min(from, l.points[0].T)
	}
	if err := a.lookUp(ctx, from); err != nil {
		return err
	}
	a.app = a.store.db.Appender(ctx)
	for i := range a.late {
		a.storeLate(&a.late[i])
	}
	return a.commit()
}

// storeLate appends the samples of l that the store does not have.
func (a *appending) storeLate(l *late) {
	e := l.entry
	if n := len(l.stored); n > 0 {
		e.known, e.newest = true, l.stored[n-1]
	}
	touched := false
	for i, p := range l.points {
		if i > 0 && p.T == l.points[i-1].T {
			// Twice in one batch: the first of them counts, whatever became of it.
			a.compare(p, l.points[i-1])
			l.points[i] = l.points[i-1]
			continue
		}
		if at, ok := slices.BinarySearchFunc(l.stored, p.T, pointAt); ok {
			a.compare(p, l.stored[at])
			continue
		}
		ref, err := a.app.Append(e.ref, e.labels, p.T, p.V)
		if err != nil {
			a.refuse(err)
			continue
		}
		e.ref, touched = ref, true
		a.pending++
		if p.T > e.newest.T {
			e.known, e.newest = true, p
		}
	}
	if touched {
		a.touched = append(a.touched, e)
	}
}

func pointAt(p fact.Point, t int64) int { return cmp.Compare(p.T, t) }

// lookUp fills in what the store has of the late series.
func (a *appending) lookUp(ctx context.Context, from int64) error {
	list := make([]labels.Labels, len(a.late))
	for i := range a.late {
		list[i] = a.late[i].entry.labels
	}
	return a.store.scan(ctx, from, list, func(i int, it chunkenc.Iterator) error { return a.late[i].read(it) })
}

// scan calls read with the samples from the given time on of those of the listed
// series that the store has.
func (s *Store) scan(ctx context.Context, from int64, list []labels.Labels, read func(i int, it chunkenc.Iterator) error) error {
	q, err := s.db.Querier(from, math.MaxInt64)
	if err != nil {
		return err
	}
	defer q.Close()
	byName := make(map[string][]labels.Labels)
	byHash := make(map[uint64][]int, len(list))
	for i, ls := range list {
		name, h := ls.Get(fact.NameLabel), ls.Hash()
		byName[name] = append(byName[name], ls)
		byHash[h] = append(byHash[h], i)
	}
	var it chunkenc.Iterator
	for name, group := range byName {
		set := q.Select(ctx, false, nil, selector(name, group)...)
		for set.Next() {
			at := set.At()
			for _, i := range byHash[at.Labels().Hash()] {
				if labels.Equal(list[i], at.Labels()) {
					it = at.Iterator(it)
					if err := read(i, it); err != nil {
						return err
					}
				}
			}
		}
		if err := set.Err(); err != nil {
			return err
		}
	}
	return nil
}

// manyValues is how many values of one label are worth a selection by them.
const manyValues = 1000

// selector returns matchers that select the series of group, all of which have
// the given name, and not many others: each label that all have must have one
// of the values that it has among them.
func selector(name string, group []labels.Labels) []*labels.Matcher {
	out := []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, fact.NameLabel, name)}
	group[0].Range(func(first labels.Label) {
		if first.Name == fact.NameLabel {
			return
		}
		values := map[string]bool{}
		for _, l := range group {
			v := l.Get(first.Name)
			if values[v] = true; v == "" || len(values) > manyValues {
				return
			}
		}
		out = append(out, oneOf(first.Name, values))
	})
	return out
}

// oneOf matches a label with one of the values.
func oneOf(name string, values map[string]bool) *labels.Matcher {
	quoted := make([]string, 0, len(values))
	for v := range values {
		if len(values) == 1 {
			return labels.MustNewMatcher(labels.MatchEqual, name, v)
		}
		quoted = append(quoted, regexp.QuoteMeta(v))
	}
	slices.Sort(quoted)
	return labels.MustNewMatcher(labels.MatchRegexp, name, strings.Join(quoted, "|"))
}

// read remembers the samples at the times of the late ones, and the newest.
func (l *late) read(it chunkenc.Iterator) error {
	next := 0
	var newest fact.Point
	found := false
	for kind := it.Seek(l.points[0].T); kind != chunkenc.ValNone; kind = it.Next() {
		if kind != chunkenc.ValFloat {
			continue
		}
		newest.T, newest.V = it.At()
		found = true
		for next < len(l.points) && l.points[next].T < newest.T {
			next++
		}
		if next < len(l.points) && l.points[next].T == newest.T {
			l.stored = append(l.stored, newest)
		}
	}
	if n := len(l.stored); found && (n == 0 || l.stored[n-1].T != newest.T) {
		l.stored = append(l.stored, newest)
	}
	return it.Err()
}
