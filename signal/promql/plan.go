package promql

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A query selects the series of some metrics of some jobs.
type query struct {
	names []string
	jobs  []string // nil: all
	label string   // further, one of values of this label; "": no such condition
	value []string
	pairs []pair // what it is for
	size  int    // series that it will give, as far as is known
}

// selector writes it in PromQL.
func (q *query) selector() string {
	var b strings.Builder
	b.WriteByte('{')
	condition(&b, "__name__", q.names)
	if q.jobs != nil {
		b.WriteByte(',')
		condition(&b, "job", q.jobs)
	}
	if q.label != "" {
		b.WriteByte(',')
		condition(&b, q.label, q.value)
	}
	b.WriteByte('}')
	return b.String()
}

// over writes it with its window, in milliseconds.
func (q *query) over(window int64) string {
	return q.selector() + "[" + strconv.FormatInt(window, 10) + "ms]"
}

// condition wants one of values of a label. A name that is none for every
// version of PromQL is written in quotes.
func condition(b *strings.Builder, label string, values []string) {
	if strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
		label = strconv.Quote(label)
	}
	b.WriteString(label)
	if len(values) == 1 {
		b.WriteString("=" + strconv.Quote(values[0]))
		return
	}
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = regexp.QuoteMeta(v)
	}
	b.WriteString("=~" + strconv.Quote(strings.Join(quoted, "|")))
}

const (
	// queryBytes is how long a query is as part of an address: proxies take 8 KB.
	queryBytes = 5000
	// querySeries is how many series one query should give.
	querySeries = 2500
)

// pack makes queries of pairs. The names that are read of the same jobs go
// together, in the order in which they come, until a query is full. all is of how
// many jobs each name is there.
func pack(pairs []found, all map[string]int) []query {
	jobs := make(map[string][]found)
	var names []string
	for _, p := range pairs {
		if jobs[p.Name] == nil {
			names = append(names, p.Name)
		}
		jobs[p.Name] = append(jobs[p.Name], p)
	}
	open := make(map[string]*query) // by set of jobs, the query that has room
	var order []*query
	for _, name := range names {
		of := jobs[name]
		slices.SortFunc(of, func(a, b found) int { return cmp.Compare(a.Job, b.Job) })
		for len(of) > 0 {
			part := fit(of)
			set, key := jobSet(part, len(part) == all[name])
			size := total(part)
			q := open[key]
			if q == nil || q.size+size > querySeries || q.length()+len(url.QueryEscape(name))+3 > queryBytes {
				q = &query{jobs: set}
				open[key] = q
				order = append(order, q)
			}
			q.names = append(q.names, name)
			q.size += size
			for _, p := range part {
				q.pairs = append(q.pairs, p.pair)
			}
			of = of[len(part):]
		}
	}
	out := make([]query, len(order))
	for i, q := range order {
		out[i] = *q
	}
	return out
}

// fit returns as many of the jobs of a name as go into one query, at least one.
func fit(of []found) []found {
	n, length := 0, 0
	for i, p := range of {
		n += p.series
		length += len(url.QueryEscape(p.Job)) + 3
		if i > 0 && (n > querySeries || length > queryBytes/2) {
			return of[:i]
		}
	}
	return of
}

func total(of []found) (n int) {
	for _, p := range of {
		n += p.series
	}
	return n
}

// jobSet returns the jobs of a condition, nil if it is all that there are, and a
// text that is the same for the same ones.
func jobSet(of []found, all bool) (set []string, key string) {
	if all {
		return nil, ""
	}
	set = make([]string, len(of))
	for i, p := range of {
		set[i] = p.Job
	}
	return set, "\x00" + strings.Join(set, "\x00")
}

func (q *query) length() int { return len(url.QueryEscape(q.selector())) }

// halves divides a query, so that each part gives less. It returns nil if that is
// not possible by names or jobs.
func (q *query) halves() []query {
	switch {
	case len(q.names) > 1:
		return q.divide(len(q.names), func(p *query, from, to int) { p.names = q.names[from:to] })
	case len(q.jobs) > 1:
		return q.divide(len(q.jobs), func(p *query, from, to int) { p.jobs = q.jobs[from:to] })
	case len(q.value) > 1:
		return q.divide(len(q.value), func(p *query, from, to int) { p.value = q.value[from:to] })
	}
	return nil
}

func (q *query) divide(n int, cut func(p *query, from, to int)) []query {
	a, b := *q, *q
	cut(&a, 0, n/2)
	cut(&b, n/2, n)
	a.size, b.size = q.size/2, q.size-q.size/2
	return []query{a, b}
}
