package promql

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
)

// got is what a query gave.
type got struct {
	newest  int64 // the latest sample of all, 0 if there was none
	partial bool  // they say that something is missing
}

// upTo returns until when nothing more is expected. What has been silent for long
// does not hold its query back.
func (g got) upTo(now int64) int64 {
	at := max(g.newest, now-longAgo.Milliseconds())
	if g.partial {
		at -= longAgo.Milliseconds()
	}
	return at
}

// fetch asks for the samples after from, up to to, in parts if they are too many
// for one answer.
func (r *Reader) fetch(ctx context.Context, g *gathering, q *query, from, to int64) (got, error) {
	tries := maxParts
	return r.part(ctx, g, q, from, to, &tries)
}

func (r *Reader) part(ctx context.Context, g *gathering, q *query, from, to int64, tries *int) (out got, err error) {
	*tries--
	expected := min(int64(float64(q.size)*(r.perRow+secondBytes*max(float64(to-from)/1000-(r.opt.Step+r.opt.Late).Seconds(), 0))), r.opt.AnswerBytes)
	values := make(distinct)
	a, n, err := r.ask(ctx, "api/v1/query", r.question(q.over(to-from), to), r.opt.AnswerBytes, expected, result("matrix", func(s *sampled) error {
		out.newest = max(out.newest, g.take(s))
		values.add(s.Metric)
		return nil
	}))
	g.bytes += n
	out.partial = len(a.Warnings) > 0
	if !errors.Is(err, errTooLarge) || *tries <= 0 {
		return out, err
	}
	r.opt.Meters.splits.WithLabelValues(r.source).Inc()
	parts, e := r.divide(ctx, q, from, to, values)
	if e != nil || parts == nil {
		return out, errors.Join(err, e)
	}
	for _, p := range parts {
		o, err := r.part(ctx, g, &p.query, p.from, p.to, tries)
		if err != nil {
			return out, err
		}
		out.newest, out.partial = max(out.newest, o.newest), out.partial || o.partial
	}
	return out, nil
}

// A slice is a part of a query.
type slice struct {
	query
	from, to int64
}

// divide makes parts of a query: by names, then by jobs, then by time, then by
// the label that tells its series apart best. It returns nil if there is no way.
func (r *Reader) divide(ctx context.Context, q *query, from, to int64, values distinct) ([]slice, error) {
	halves := q.halves()
	if halves == nil && to-from > longAgo.Milliseconds() {
		mid := from + (to-from)/2
		return []slice{{*q, from, mid}, {*q, mid, to}}, nil
	}
	if halves == nil && q.label == "" {
		label := values.best()
		by := *q
		by.label, by.value = label, []string{""}
		over := false
		_, _, err := r.ask(ctx, "api/v1/label/"+label+"/values", url.Values{"match[]": {q.selector()}, "start": {moment(from)}, "end": {moment(to)}}, r.opt.AnswerBytes, 0, texts(func(v string) {
			if over = over || len(by.value) >= maxValues; v != "" && !over {
				by.value = append(by.value, v)
			}
		}))
		if err != nil || over {
			return nil, err
		}
		halves = by.halves()
	}
	var out []slice
	for _, h := range halves {
		out = append(out, slice{h, from, to})
	}
	for i := 0; i < len(out) && len(out) < maxParts; { // as the text of a question, too, it can be too long
		if more := out[i].halves(); more != nil && out[i].length() > queryBytes {
			out = slices.Replace(out, i, i+1, slice{more[0], from, to}, slice{more[1], from, to})
			continue
		}
		i++
	}
	return out, nil
}

const (
	// maxValues is how many values of a label a query is divided by; one with more
	// is not.
	maxValues = 20_000
	// maxDistinct is how many values of each label of an answer are told apart.
	maxDistinct = 2000
)

// distinct holds the values of the labels of some series.
type distinct map[string]map[string]bool

func (d distinct) add(metric map[string]string) {
	for l, v := range metric {
		if l == "__name__" || l == "le" || strings.Trim(l, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
			continue
		}
		if d[l] == nil {
			d[l] = make(map[string]bool)
		}
		if len(d[l]) < maxDistinct {
			d[l][v] = true
		}
	}
}

// best returns the label that has most values; that of the process if nothing is
// known.
func (d distinct) best() string {
	best := "instance"
	for l, values := range d {
		if len(values) > max(len(d[best]), 1) || len(values) == len(d[best]) && len(values) > 1 && l < best {
			best = l
		}
	}
	return best
}
