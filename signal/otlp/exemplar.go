package otlp

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
)

// exemplars takes the exemplars of a data point; of tells the series in which a
// value was counted. One that is no good is counted as refused, and its data
// point is taken all the same.
func (f *family) exemplars(list pmetric.ExemplarSlice, of func(v float64) fact.Labels) {
	for i := range list.Len() {
		if !f.receive(1) {
			continue
		}
		in := list.At(i)
		x := fact.Exemplar{T: millis(in.Timestamp()), V: in.DoubleValue()}
		if in.ValueType() == pmetric.ExemplarValueTypeInt {
			x.V = float64(in.IntValue())
		}
		ref := f.checkTime(in.Timestamp())
		if ref == nil {
			x.Attrs, ref = f.exemplarAttrs(in)
		}
		if ref != nil {
			f.ex.refuseItems(f.src, ref, 1, 0)
			continue
		}
		x.Series = of(x.V)
		f.ex.batch.Exemplars = append(f.ex.batch.Exemplars, x)
	}
}

// exemplarAttrs are the trace and the span, under Prometheus' names, and of the
// attributes that were filtered out of the series those for which there is room.
func (f *family) exemplarAttrs(in pmetric.Exemplar) (fact.Labels, *signal.Refusal) {
	var ls []fact.Label
	room := fact.MaxExemplarAttrs
	add := func(name, value string) {
		if n := utf8.RuneCountInString(name) + utf8.RuneCountInString(value); n <= room && utf8.ValidString(name) && utf8.ValidString(value) {
			room -= n
			ls = append(ls, fact.Label{Name: name, Value: value})
		}
	}
	if id := in.TraceID(); !id.IsEmpty() {
		add("trace_id", id.String())
	}
	if id := in.SpanID(); !id.IsEmpty() {
		add("span_id", id.String())
	}
	for key, v := range in.FilteredAttributes().All() {
		if key != "" && key != "trace_id" && key != "span_id" {
			add(key, signal.Cut(v.AsString(), 4*fact.MaxExemplarAttrs+1))
		}
	}
	slices.SortStableFunc(ls, func(a, b fact.Label) int { return strings.Compare(a.Name, b.Name) })
	ls = slices.CompactFunc(ls, func(a, b fact.Label) bool { return a.Name == b.Name })
	out, err := fact.NewLabels(ls)
	switch {
	case err != nil:
		return out, signal.Refuse(signal.Exemplar, "metric "+f.name, fmt.Sprintf("an exemplar's attributes: %v", err), "check the exporter of the sender")
	case len(ls) == 0:
		return out, signal.Refuse(signal.Exemplar, "metric "+f.name, "an exemplar tells neither a trace nor anything else", "measure within a sampled span")
	}
	return out, nil
}
