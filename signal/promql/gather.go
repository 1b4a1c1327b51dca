package promql

import (
	"fmt"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
)

// A gathering is what was read and not handed on yet.
type gathering struct {
	r         *Reader
	now       int64
	lim       signal.Limits
	newcomers *signal.Newcomers
	series    []fact.Series
	of        map[fact.Labels]int // place in series
	tally     signal.Tally
	known     int64 // samples that were had before
	rows      int   // series in the answers
	bytes     int64
	unseen    int  // series of which nothing was had before
	over      bool // there were more of those than are let in
}

// take takes what is new of a series, and returns the time of its latest sample.
func (g *gathering) take(s *sampled) (newest int64) {
	g.rows++
	if n := len(s.Histograms); n > 0 {
		g.tally.Receive(n)
		g.tally.Refuse(signal.Refuse(signal.Histogram, "series "+signal.Cut(s.Metric["__name__"], 80), "native histograms are not read", "send them by remote write"), n)
	}
	if len(s.Values) == 0 {
		return 0
	}
	newest = s.Values[len(s.Values)-1].T
	l, ref := g.labels(s.Metric)
	if ref == nil {
		ref = g.newcomers.Take(l)
	}
	if ref != nil {
		g.tally.Receive(len(s.Values))
		g.tally.Refuse(ref, len(s.Values))
		return newest
	}
	i, here := g.of[l]
	last, seen := g.r.latest[l]
	if !seen && !here && len(g.r.latest)+g.unseen >= 2*g.r.opt.Series {
		g.over = true
		g.tally.Receive(len(s.Values))
		g.tally.Refuse(signal.Refuse(signal.TooMany, "series "+signal.Cut(l.String(), 200), fmt.Sprintf("twice as many series came as are read, %d", g.r.opt.Series), "it is chosen anew; raise series of this source if they are all wanted"), len(s.Values))
		return newest
	}
	if here {
		p := g.series[i].Points
		last = p[len(p)-1].T
	}
	var fresh []fact.Point
	for _, p := range s.Values {
		if p.T > last {
			last = p.T
			fresh = append(fresh, fact.Point(p))
		}
	}
	g.known += int64(len(s.Values) - len(fresh))
	if len(fresh) == 0 {
		return newest
	}
	g.tally.Receive(len(fresh))
	if here {
		g.series[i].Points = append(g.series[i].Points, fresh...)
		return newest
	}
	if g.of == nil {
		g.of = make(map[fact.Labels]int)
	}
	if !seen {
		g.unseen++
	}
	g.of[l] = len(g.series)
	d, typ := typeOf(l.Name(), g.r.of)
	g.series = append(g.series, fact.Series{Labels: l, Type: typ, Unit: d.Unit, Help: d.Help, Points: fresh})
	return newest
}

// labels makes the labels of a series, within the limits.
func (g *gathering) labels(metric map[string]string) (fact.Labels, *signal.Refusal) {
	at := "series " + signal.Cut(metric["__name__"], 80)
	if len(metric) > g.lim.Labels {
		return fact.Labels{}, signal.Refuse(signal.BadLabels, at, fmt.Sprintf("%d labels, the limit is %d", len(metric), g.lim.Labels), "raise limits.labels")
	}
	ls := make([]fact.Label, 0, len(metric))
	for name, value := range metric {
		if len(name) > g.lim.LabelNameBytes || len(value) > g.lim.LabelValueBytes {
			return fact.Labels{}, signal.Refuse(signal.BadLabels, at, fmt.Sprintf("label %s is %d bytes long, its value %d", signal.Cut(name, 40), len(name), len(value)), "raise limits.label_name_bytes or limits.label_value_bytes")
		}
		ls = append(ls, fact.Label{Name: name, Value: value})
	}
	l, err := fact.NewLabels(ls)
	if err != nil {
		return l, signal.Refuse(signal.BadLabels, at, err.Error(), "mend the labels on their side")
	}
	if l.Name() == "" {
		return l, signal.Refuse(signal.BadLabels, at, signal.Cut(l.String(), 200)+" has no metric name", "nothing can be done about it here")
	}
	return l, nil
}

// batches divides what was gathered by the limits of a request.
func (g *gathering) batches() (out []*fact.Batch) {
	room := 0
	for _, s := range g.series {
		for len(s.Points) > 0 {
			if len(out) == 0 || room <= 0 || len(out[len(out)-1].Series) >= g.lim.Series {
				out = append(out, &fact.Batch{Source: g.r.source, Received: g.now})
				room = g.lim.Points
			}
			n := min(len(s.Points), room)
			part := s
			part.Points, s.Points = s.Points[:n], s.Points[n:]
			room -= n
			b := out[len(out)-1]
			b.Series = append(b.Series, part)
		}
	}
	return out
}

// had remembers what was handed on.
func (g *gathering) had() {
	for i := range g.series {
		p := g.series[i].Points
		g.r.latest[g.series[i].Labels] = p[len(p)-1].T
	}
	g.r.opt.Meters.known.WithLabelValues(g.r.source).Add(float64(g.known))
}
