package otlp

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
)

// staleNaN is Prometheus' stale marker: the series ended here.
var staleNaN = math.Float64frombits(0x7ff0000000000002)

// A family is one metric of one resource on its way to series.
type family struct {
	*labeler
	ex         *export
	src        *source
	name       string
	unit, help string
	delta      bool   // its points tell what came since the point before
	latest     *int64 // time of the resource's latest point that was taken
}

// metrics translates metrics into ex.
func (ex *export) metrics(md pmetric.Metrics) {
	for i := range md.ResourceMetrics().Len() {
		rm := md.ResourceMetrics().At(i)
		id := identify(rm.Resource())
		src := ex.source(id)
		lab := newLabeler(ex, rm.Resource().Attributes(), id)
		var latest int64
		for j := range rm.ScopeMetrics().Len() {
			list := rm.ScopeMetrics().At(j).Metrics()
			for k := range list.Len() {
				m := list.At(k)
				f := &family{labeler: lab, ex: ex, src: src, latest: &latest,
					unit: ex.unit(m.Unit()), help: signal.Cut(m.Description(), ex.lim.LabelValueBytes)}
				f.metric(m)
			}
		}
		ex.targetInfo(src, lab, rm.Resource().Attributes(), latest)
	}
}

func (ex *export) unit(s string) string {
	namer := otlptranslator.UnitNamer{}
	return signal.Cut(namer.Build(s), 64)
}

// metric translates one metric, or refuses its points.
func (f *family) metric(m pmetric.Metric) {
	namer := otlptranslator.MetricNamer{WithMetricSuffixes: true}
	in := otlptranslator.Metric{Name: m.Name(), Unit: m.Unit()}
	temporality := pmetric.AggregationTemporalityCumulative
	typ, n := fact.Gauge, 0
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		in.Type, n = otlptranslator.MetricTypeGauge, m.Gauge().DataPoints().Len()
	case pmetric.MetricTypeSum:
		temporality, n = m.Sum().AggregationTemporality(), m.Sum().DataPoints().Len()
		in.Type = otlptranslator.MetricTypeNonMonotonicCounter
		if m.Sum().IsMonotonic() {
			in.Type, typ = otlptranslator.MetricTypeMonotonicCounter, fact.Counter
		}
	case pmetric.MetricTypeHistogram:
		temporality, n = m.Histogram().AggregationTemporality(), m.Histogram().DataPoints().Len()
		in.Type = otlptranslator.MetricTypeHistogram
	case pmetric.MetricTypeSummary:
		in.Type, n = otlptranslator.MetricTypeSummary, m.Summary().DataPoints().Len()
	case pmetric.MetricTypeExponentialHistogram:
		temporality, n = m.ExponentialHistogram().AggregationTemporality(), m.ExponentialHistogram().DataPoints().Len()
		in.Type = otlptranslator.MetricTypeExponentialHistogram
	default:
		return // no data, and so no points
	}
	f.delta = temporality == pmetric.AggregationTemporalityDelta
	switch {
	case f.delta && in.Type == otlptranslator.MetricTypeNonMonotonicCounter:
		f.refuseAll(n, signal.Refuse(signal.Temporality, whereMetric(m.Name()), "it goes up and down and its temporality is Delta, which says nothing of its value", "set OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative"))
		return
	case !f.delta && temporality != pmetric.AggregationTemporalityCumulative:
		f.refuseAll(n, signal.Refuse(signal.Temporality, whereMetric(m.Name()), "its temporality is "+temporality.String(), "set OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative"))
		return
	}
	name, err := namer.Build(in)
	if err != nil {
		f.refuseAll(n, signal.Refuse(signal.BadLabels, whereMetric(m.Name()), err.Error(), "rename it"))
		return
	}
	f.name = name
	f.points(m, typ)
}

func (f *family) points(m pmetric.Metric, typ fact.SeriesType) {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		f.numbers(m.Gauge().DataPoints(), typ)
	case pmetric.MetricTypeSum:
		f.numbers(m.Sum().DataPoints(), typ)
	case pmetric.MetricTypeHistogram:
		for i := range m.Histogram().DataPoints().Len() {
			f.histogram(m.Histogram().DataPoints().At(i))
		}
	case pmetric.MetricTypeExponentialHistogram:
		for i := range m.ExponentialHistogram().DataPoints().Len() {
			f.exponential(m.ExponentialHistogram().DataPoints().At(i))
		}
	case pmetric.MetricTypeSummary:
		for i := range m.Summary().DataPoints().Len() {
			f.summary(m.Summary().DataPoints().At(i))
		}
	}
}

func whereMetric(name string) string { return fmt.Sprintf("metric %q", signal.Cut(name, 100)) }

// refuseAll refuses n points before they were looked at.
func (f *family) refuseAll(n int, ref *signal.Refusal) {
	f.src.Receive(n)
	f.ex.refuseItems(f.src, ref, n, n)
}

// one is one series of a data point.
type one struct {
	suffix, key, value string
	typ                fact.SeriesType
	v                  float64
}

// receive counts the samples that a data point will be, and reports whether
// they fit into the request.
func (f *family) receive(n int) bool {
	f.src.Receive(n)
	return f.ex.fits(n)
}

// A dataPoint is what the points of all types have.
type dataPoint interface {
	Attributes() pcommon.Map
	Timestamp() pcommon.Timestamp
	StartTimestamp() pcommon.Timestamp
	Flags() pmetric.DataPointFlags
}

// emit adds the series of one data point, or refuses the point as a whole: a
// histogram with half of its buckets would be a lie. It returns the labels of
// what it added; they are good until the next call.
func (f *family) emit(pt dataPoint, parts []one, ref *signal.Refusal) []fact.Labels {
	base, ref := f.begin(pt, ref)
	start, startDeltas := len(f.ex.batch.Series), len(f.ex.batch.Deltas)
	all := f.ex.labels[:0]
	for i := 0; i < len(parts) && ref == nil; i++ {
		p := &parts[i]
		if pt.Flags().NoRecordedValue() {
			p.v = staleNaN
		} else if f.delta && (math.IsNaN(p.v) || math.IsInf(p.v, 0) || p.v < 0 && p.suffix != "_sum") {
			ref = signal.Refuse(signal.BadValue, "metric "+f.name, fmt.Sprintf("a delta of %v is no increase", p.v), "check the exporter of the sender")
			break
		}
		var labels fact.Labels
		if labels, ref = f.series(base, f.name+p.suffix, p.key, p.value); ref == nil {
			all = append(all, labels)
			f.add(labels, p, pt)
		}
	}
	if ref == nil {
		ref = f.src.newcomers.Take(all...)
	}
	if ref != nil {
		f.ex.batch.Series, f.ex.batch.Deltas = f.ex.batch.Series[:start], f.ex.batch.Deltas[:startDeltas]
	}
	f.end(pt, ref, len(parts))
	if f.ex.labels = all; ref != nil {
		return nil
	}
	return all
}

// begin returns the labels of all series of a data point.
func (f *family) begin(pt dataPoint, ref *signal.Refusal) ([]fact.Label, *signal.Refusal) {
	if ref == nil {
		ref = f.checkTime(pt.Timestamp())
	}
	if ref != nil {
		return nil, ref
	}
	base, err := f.base(pt.Attributes())
	if err != nil {
		return nil, signal.Refuse(signal.BadLabels, "metric "+f.name, err.Error(), "rename the attribute")
	}
	return base, nil
}

// end accounts for a data point of n samples.
func (f *family) end(pt dataPoint, ref *signal.Refusal, n int) {
	if ref != nil {
		f.ex.refuseItems(f.src, ref, n, 1)
		return
	}
	*f.latest = max(*f.latest, millis(pt.Timestamp()))
}

// add adds one series of a data point.
func (f *family) add(labels fact.Labels, p *one, pt dataPoint) {
	if f.delta {
		f.ex.batch.Deltas = append(f.ex.batch.Deltas, fact.DeltaSeries{Labels: labels, Unit: f.unit, Help: f.help, Points: []fact.DeltaPoint{{Start: startOf(pt), T: millis(pt.Timestamp()), V: p.v}}})
		return
	}
	f.ex.add(fact.Series{Labels: labels, Type: p.typ, Unit: f.unit, Help: f.help}, millis(pt.Timestamp()), p.v)
}

func millis(t pcommon.Timestamp) int64 { return int64(t) / 1e6 }

// startOf is since when a delta counts, or 0 if that is not told.
func startOf(pt dataPoint) int64 {
	if pt.StartTimestamp() > pt.Timestamp() {
		return 0
	}
	return millis(pt.StartTimestamp())
}

func (f *family) checkTime(at pcommon.Timestamp) *signal.Refusal {
	if at == 0 || at > math.MaxInt64 {
		return signal.Refuse(signal.BadTime, "metric "+f.name, fmt.Sprintf("the time %d is no time in nanoseconds since 1970", uint64(at)), "check the exporter of the sender")
	}
	return nil
}

func (f *family) numbers(list pmetric.NumberDataPointSlice, typ fact.SeriesType) {
	for i := range list.Len() {
		pt := list.At(i)
		if !f.receive(1) {
			continue
		}
		var ref *signal.Refusal
		v := pt.DoubleValue()
		switch pt.ValueType() {
		case pmetric.NumberDataPointValueTypeInt:
			v = float64(pt.IntValue())
		case pmetric.NumberDataPointValueTypeEmpty:
			if !pt.Flags().NoRecordedValue() {
				ref = signal.Refuse(signal.BadValue, "metric "+f.name, "a point has no value", "send one, or the flag for no recorded value")
			}
		}
		if of := f.emit(pt, []one{{typ: typ, v: v}}, ref); of != nil {
			f.exemplars(pt.Exemplars(), func(float64) fact.Labels { return of[0] })
		}
	}
}

func (f *family) histogram(pt pmetric.HistogramDataPoint) {
	bounds, counts := pt.ExplicitBounds(), pt.BucketCounts()
	n := bounds.Len() + 2
	if pt.HasSum() {
		n++
	}
	if last := bounds.Len() - 1; last >= 0 && math.IsInf(bounds.At(last), 1) {
		n-- // that bucket is the count
	}
	if !f.receive(n) {
		return
	}
	if ref := f.checkBounds(bounds, counts); ref != nil {
		f.ex.refuseItems(f.src, ref, n, 1)
		return
	}
	parts := make([]one, 0, n)
	if pt.HasSum() {
		parts = append(parts, one{suffix: "_sum", typ: fact.Counter, v: pt.Sum()})
	}
	parts = append(parts, one{suffix: "_count", typ: fact.Counter, v: float64(pt.Count())})
	var sum uint64
	for i := 0; i < min(bounds.Len(), counts.Len()); i++ {
		sum += counts.At(i)
		if b := bounds.At(i); !math.IsInf(b, 1) {
			parts = append(parts, one{suffix: "_bucket", key: "le", value: strconv.FormatFloat(b, 'f', -1, 64), typ: fact.Counter, v: float64(sum)})
		}
	}
	parts = append(parts, one{suffix: "_bucket", key: "le", value: "+Inf", typ: fact.Counter, v: float64(pt.Count())})
	if of := f.emit(pt, parts, nil); of != nil {
		buckets := slices.DeleteFunc(of, func(l fact.Labels) bool { return l.Get("le") == "" })
		f.exemplars(pt.Exemplars(), func(v float64) fact.Labels {
			i := 0
			for i < len(buckets)-1 && bounds.At(i) < v {
				i++
			}
			return buckets[i]
		})
	}
}

// checkBounds refuses a histogram whose buckets are not buckets.
func (f *family) checkBounds(bounds pcommon.Float64Slice, counts pcommon.UInt64Slice) *signal.Refusal {
	bad := func(what string) *signal.Refusal {
		return signal.Refuse(signal.BadValue, "metric "+f.name, what, "check the exporter of the sender")
	}
	if counts.Len() != bounds.Len()+1 && counts.Len()+bounds.Len() > 0 {
		return bad(fmt.Sprintf("a histogram has %d bounds and %d buckets, which must be one more", bounds.Len(), counts.Len()))
	}
	for i := range bounds.Len() {
		if b := bounds.At(i); math.IsNaN(b) || i > 0 && b <= bounds.At(i-1) {
			return bad(fmt.Sprintf("bound %d of a histogram, %v, is not above the one before it", i+1, b))
		}
	}
	return nil
}

func (f *family) summary(pt pmetric.SummaryDataPoint) {
	qs := pt.QuantileValues()
	if !f.receive(qs.Len() + 2) {
		return
	}
	parts := make([]one, 0, qs.Len()+2)
	parts = append(parts,
		one{suffix: "_sum", typ: fact.Counter, v: pt.Sum()},
		one{suffix: "_count", typ: fact.Counter, v: float64(pt.Count())})
	var ref *signal.Refusal
	last := math.Inf(-1)
	for i := range qs.Len() {
		q := qs.At(i)
		if !(q.Quantile() > last) {
			ref = signal.Refuse(signal.BadValue, "metric "+f.name, fmt.Sprintf("quantile %d of a summary, %v, is not above the one before it", i+1, q.Quantile()), "check the exporter of the sender")
		}
		last = q.Quantile()
		parts = append(parts, one{key: "quantile", value: strconv.FormatFloat(last, 'f', -1, 64), typ: fact.Gauge, v: q.Value()})
	}
	f.emit(pt, parts, ref)
}

// targetInfo adds the series that tells the other attributes of a resource of
// which a point was taken. Values over the limit are cut: they are for people.
func (ex *export) targetInfo(src *source, lab *labeler, attrs pcommon.Map, latest int64) {
	identifying := []string{"service.namespace", "service.name", "service.instance.id"}
	others := attrs.Len()
	for _, key := range identifying {
		if _, ok := attrs.Get(key); ok {
			others--
		}
	}
	if latest == 0 || others <= 0 || len(lab.forced) == 0 || !ex.fits(1) {
		return
	}
	src.Receive(1)
	promoted := lab.promoted
	lab.promoted = nil
	base, err := lab.base(attrs, identifying...)
	lab.promoted = promoted
	ref := signal.Refuse(signal.BadLabels, "metric target_info", fmt.Sprint(err), "rename the resource attribute")
	if err == nil {
		for i := range base {
			base[i].Value = signal.Cut(base[i].Value, ex.lim.LabelValueBytes)
		}
		var labels fact.Labels
		if labels, ref = lab.series(base, "target_info", "", ""); ref == nil {
			ref = src.newcomers.Take(labels)
		}
		if ref == nil {
			ex.add(fact.Series{Labels: labels, Type: fact.Gauge, Help: "Target metadata"}, latest, 1)
			return
		}
	}
	ex.refuseItems(src, ref, 1, 0)
}
