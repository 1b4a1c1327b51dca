package promql

import (
	"cmp"
	"slices"
)

// A pair is a metric of a job: the unit of choice.
type pair struct{ Job, Name string }

func (p pair) compare(o pair) int {
	return cmp.Or(cmp.Compare(p.Job, o.Job), cmp.Compare(p.Name, o.Name))
}

// A found is a pair that is there, and of how many series.
type found struct {
	pair
	series int
}

// A wish is a pair that is worth reading, with its rank.
type wish struct {
	found
	class class
	turn  int // how many of its job come before it
}

// maxMetrics is how many pairs are looked at.
const maxMetrics = 200_000

// choose takes what is worth most, up to most series in all. Every job has its
// turn before one gets another; what is read already goes before what is as good.
// It returns what it took, in order, and why it did not take the rest.
func choose(all []found, of map[string]described, reading func(pair) bool, most int) (take []found, left map[pair]string) {
	left = make(map[pair]string)
	wishes := make([]wish, 0, len(all))
	for i, f := range all {
		d, _ := typeOf(f.Name, of)
		switch why := unwatched(f.Name, d); {
		case i >= maxMetrics:
			left[f.pair] = whyTooMany
		case why != "":
			left[f.pair] = why
		default:
			wishes = append(wishes, wish{found: f, class: classOf(f.Name, d)})
		}
	}
	rank(wishes, reading)
	room := most
	for _, w := range wishes {
		switch {
		case w.series <= room && (w.series <= most/2 || len(wishes) == 1):
			take = append(take, w.found)
			room -= w.series
		case w.series > most/2:
			left[w.pair] = whyTooLarge
		default:
			left[w.pair] = whyBudget
		}
	}
	return take, left
}

// rank sorts by turn, then by class.
func rank(wishes []wish, reading func(pair) bool) {
	order := func(a, b wish) int {
		return cmp.Or(cmp.Compare(a.class, b.class), first(reading(a.pair), reading(b.pair)), cmp.Compare(a.series, b.series), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Job, b.Job))
	}
	slices.SortFunc(wishes, order)
	turns := make(map[string]int)
	for i := range wishes {
		wishes[i].turn = turns[wishes[i].Job]
		turns[wishes[i].Job]++
	}
	slices.SortStableFunc(wishes, func(a, b wish) int { return cmp.Or(cmp.Compare(a.turn, b.turn), order(a, b)) })
}

func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// wholes takes metrics of all their jobs or not at all, in the order of what was
// taken, so that fewer questions are needed.
func wholes(taken []found, left map[pair]string, all []found, most int) (take []found, out map[pair]string) {
	of := make(map[string][]found)
	for _, f := range all {
		of[f.Name] = append(of[f.Name], f)
	}
	out = make(map[pair]string, len(all))
	for p, why := range left {
		out[p] = why
	}
	for _, f := range taken {
		pairs, some := of[f.Name], total(of[f.Name])
		if pairs == nil { // it was its turn before
			continue
		}
		delete(of, f.Name)
		for _, p := range pairs {
			if some <= most {
				delete(out, p.pair)
			} else {
				out[p.pair] = whyBudget
			}
		}
		if some <= most {
			take = append(take, pairs...)
			most -= some
		}
	}
	return take, out
}
