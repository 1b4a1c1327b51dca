package scrape

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/family"
)

// An appendable is where the scrape loops of one job put what they scraped.
type appendable struct {
	doors    *signal.Doors
	puller   *signal.Puller
	limits   signal.Limits
	known    *known
	patience time.Duration   // how long a sink that is busy is asked again
	stopping context.Context // ends when nobody may wait any more
}

// AppenderV2 returns an appender for one scrape of one target.
func (a *appendable) AppenderV2(ctx context.Context) storage.AppenderV2 {
	ctx = a.puller.In(ctx)
	return &appender{appendable: a, ctx: ctx, newcomers: a.doors.Newcomers(ctx, a.puller.Name())}
}

// An appender gathers what one scrape of one target gives. It is not safe for
// concurrent use, as Prometheus has it.
type appender struct {
	*appendable
	ctx       context.Context
	newcomers *signal.Newcomers
	tally     signal.Tally
	series    []fact.Series
	points    []fact.Point // one for each of series
	native    []fact.HistogramSeries
	told      []fact.Exemplar
	seen      []seen
	reports   int // series that tell of the scrape, beside the limits
}

// A seen is a sample that was gathered.
type seen struct {
	e    *entry
	t    int64
	last *exemplar.Exemplar // the newest that came with it, if one did
}

// Append takes one sample. Of one that is refused alone it says that all is
// well, without a number: the loop then goes on, and asks again with the next
// scrape. Any error makes it give up the whole scrape.
func (a *appender) Append(ref storage.SeriesRef, ls labels.Labels, _, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AppendV2Options) (storage.SeriesRef, error) {
	e, bad := a.entry(ref, ls)
	if bad == nil && opts.RejectOutOfOrder && t <= e.newest.Load() {
		return 0, storage.ErrOutOfOrderSample
	}
	a.tally.Receive(1)
	switch {
	case bad != nil:
	case h != nil:
		bad = a.histogram(e, t, integers(h), opts.Metadata)
	case fh != nil:
		bad = a.histogram(e, t, floats(fh), opts.Metadata)
	case value.IsStaleNaN(v) && e.native.Load(): // the loop does not know what it ends
		bad = a.histogram(e, t, &fact.Histogram{Sum: v}, opts.Metadata)
	default:
		e.native.Store(false)
		a.float(e, t, v, opts.Metadata)
	}
	if bad != nil {
		a.tally.Refuse(bad, 1)
		return 0, nil
	}
	a.seen = append(a.seen, seen{e, t, a.exemplars(e, opts.Exemplars)})
	return e.ref, nil
}

func (a *appender) float(e *entry, t int64, v float64, m metadata.Metadata) {
	s := fact.Series{Labels: e.labels, Unit: a.text(m.Unit), Help: a.text(m.Help)}
	if m.Type != "" {
		s.Type = family.Parse(string(m.Type)).Of(e.labels.Name())
	}
	a.series = append(a.series, s)
	a.points = append(a.points, fact.Point{T: t, V: v})
}

// exemplars takes up those that were not told with the scrape before: a target
// tells each until it has a newer one. It returns the newest.
func (a *appender) exemplars(e *entry, list []exemplar.Exemplar) (last *exemplar.Exemplar) {
	before := e.exemplar.Load()
	for i := range list {
		x := list[i]
		if before != nil && (x.Equals(*before) || x.HasTs && x.Ts <= before.Ts) {
			continue
		}
		a.tally.Receive(1)
		var ls []fact.Label
		x.Labels.Range(func(l labels.Label) { ls = append(ls, fact.Label{Name: l.Name, Value: l.Value}) })
		attrs := signal.ExemplarAttrs(ls)
		if attrs == (fact.Labels{}) {
			a.tally.Refuse(signal.Refuse(signal.Exemplar, signal.Cut(e.labels.String(), 200), fmt.Sprintf("an exemplar without labels, or with more than %d characters of them", fact.MaxExemplarAttrs), "tell the trace id and little else"), 1)
			continue
		}
		a.told = append(a.told, fact.Exemplar{Series: e.labels, Attrs: attrs, T: x.Ts, V: x.Value})
		last = &x
	}
	return last
}

func (a *appender) text(s string) string { return signal.Cut(s, a.limits.LabelValueBytes) }

func (a *appender) histogram(e *entry, t int64, is *fact.Histogram, m metadata.Metadata) *signal.Refusal {
	out := fact.HistogramSeries{Labels: e.labels, Type: fact.Counter, Unit: a.text(m.Unit), Help: a.text(m.Help)}
	if err := is.Check(); err != nil {
		return signal.Refuse(signal.BadValue, signal.Cut(e.labels.String(), 200), "a native histogram contradicts itself: "+err.Error(), "check the target")
	}
	if is.Reset == fact.ResetGauge {
		out.Type = fact.Gauge
	}
	e.native.Store(true)
	out.Points = []fact.HistogramPoint{{T: t, H: is}}
	a.native = append(a.native, out)
	return nil
}

// entry returns the series, if it may come in.
func (a *appender) entry(ref storage.SeriesRef, ls labels.Labels) (*entry, *signal.Refusal) {
	now := a.doors.Clock()
	if e := a.known.find(ref, now); e != nil && now.Unix()-e.judged.Load() < int64(judgeAfter/time.Second) {
		return e, nil
	}
	l, bad := a.translate(ls)
	if bad == nil && !a.report(l) {
		bad = a.newcomers.Take(l)
	}
	if bad != nil {
		return nil, bad
	}
	e := a.known.get(l, now)
	e.judged.Store(now.Unix())
	return e, nil
}

// reports is how many series tell of one scrape, at most.
const reports = 8

// report reports whether l tells of the scrape, as up does. Such a series comes in
// whatever came before it in this scrape, so that the scrape is seen at all. A
// target that makes series with these names of its own gains as many as there are.
func (a *appender) report(l fact.Labels) bool {
	switch l.Name() {
	case "up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_samples_post_metric_relabeling", "scrape_series_added",
		"scrape_timeout_seconds", "scrape_sample_limit", "scrape_body_size_bytes":
		a.reports++
		return a.reports <= reports
	}
	return false
}

// translate makes our labels of Prometheus', within the limits.
func (a *appender) translate(ls labels.Labels) (fact.Labels, *signal.Refusal) {
	at := ls.Get(model.MetricNameLabel)
	if n := ls.Len(); n > a.limits.Labels {
		return fact.Labels{}, signal.Refuse(signal.BadLabels, at, fmt.Sprintf("%d labels, the limit is %d", n, a.limits.Labels), "drop labels with metric_relabel_configs or raise limits.labels")
	}
	list := make([]fact.Label, 0, ls.Len())
	var bad *signal.Refusal
	ls.Range(func(l labels.Label) {
		switch {
		case len(l.Name) > a.limits.LabelNameBytes:
			bad = signal.Refuse(signal.BadLabels, at, fmt.Sprintf("label name %q… is %d bytes long, the limit is %d", signal.Cut(l.Name, 40), len(l.Name), a.limits.LabelNameBytes), "rename it or raise limits.label_name_bytes")
		case len(l.Value) > a.limits.LabelValueBytes:
			bad = signal.Refuse(signal.BadLabels, fmt.Sprintf("%s, label %q", at, l.Name), fmt.Sprintf("its value is %d bytes long, the limit is %d", len(l.Value), a.limits.LabelValueBytes), "shorten it with metric_relabel_configs or raise limits.label_value_bytes")
		}
		list = append(list, fact.Label{Name: l.Name, Value: l.Value})
	})
	if bad != nil {
		return fact.Labels{}, bad
	}
	out, err := fact.NewLabels(list)
	if err != nil {
		return out, signal.Refuse(signal.BadLabels, at, err.Error(), "mend the labels with metric_relabel_configs")
	}
	return out, nil
}

// Rollback forgets what was gathered: the target said something that cannot be
// read, or more than its job permits.
func (a *appender) Rollback() error {
	if a.tally.Received == 0 {
		return nil
	}
	a.tally.Settle(signal.Refuse(signal.Malformed, "source "+a.puller.Name(), "what a target said could not be read to its end, or exceeds a limit of its job", "see up, scrape_samples_scraped and the log at level debug"))
	a.record()
	a.series, a.points, a.native, a.told, a.seen = nil, nil, nil, nil, nil
	return nil
}

// Commit hands what was gathered to the sink, and returns when it is durable.
func (a *appender) Commit() error {
	if a.tally.Received == 0 {
		return nil
	}
	begun := a.doors.Clock()
	ref := a.deliver()
	a.tally.Settle(ref)
	outcome := "ok"
	switch {
	case ref != nil:
		outcome = ref.Reason.String()
	case a.tally.Refused[signal.Exemplar] < a.tally.RefusedAll():
		outcome = "partly"
	}
	a.record()
	a.doors.Sources.Answered(Door, outcome, a.doors.Clock().Sub(begun))
	if ref != nil {
		return ref
	}
	for _, s := range a.seen {
		if s.t > s.e.newest.Load() {
			s.e.newest.Store(s.t)
		}
		if s.last != nil {
			s.e.exemplar.Store(s.last)
		}
	}
	return nil
}

func (a *appender) record() {
	a.doors.Record(a.ctx, a.puller.Name(), Door, a.doors.Clock(), &a.tally)
	a.tally = signal.Tally{}
}

// deliver offers the batch until it is taken, refused for good, or too late.
func (a *appender) deliver() *signal.Refusal {
	if len(a.series)+len(a.native) == 0 {
		return nil
	}
	b := &fact.Batch{Source: a.puller.Name(), Received: a.doors.Clock().UnixMilli(), Series: a.series, Histograms: a.native, Exemplars: a.told}
	for i := range a.series {
		a.series[i].Points = a.points[i : i+1 : i+1]
	}
	deadline, wait := time.Now().Add(a.patience), 50*time.Millisecond
	for {
		ref := a.puller.Offer(a.ctx, Door, b)
		if ref == nil || !ref.Reason.Retry() || ref.Reason == signal.Rate || time.Now().Add(wait).After(deadline) {
			return ref
		}
		select {
		case <-a.stopping.Done():
			return ref
		case <-time.After(wait):
		}
		wait = min(2*wait, signal.RetryAfter)
	}
}

func spans(in []histogram.Span) []fact.BucketSpan {
	out := make([]fact.BucketSpan, len(in))
	for i, s := range in {
		out[i] = fact.BucketSpan(s)
	}
	return out
}

// integers translates a histogram that counts in integers. Nothing of it is
// shared: the scrape loop's parser may use its buffers again.
func integers(h *histogram.Histogram) *fact.Histogram {
	return &fact.Histogram{
		Schema: h.Schema, Reset: fact.ResetHint(h.CounterResetHint), ZeroThreshold: h.ZeroThreshold, Sum: h.Sum,
		Count: h.Count, ZeroCount: h.ZeroCount, Bounds: copied(h.CustomValues),
		Positive: fact.Buckets{Spans: spans(h.PositiveSpans), Deltas: copied(h.PositiveBuckets)},
		Negative: fact.Buckets{Spans: spans(h.NegativeSpans), Deltas: copied(h.NegativeBuckets)},
	}
}

func floats(h *histogram.FloatHistogram) *fact.Histogram {
	return &fact.Histogram{
		Schema: h.Schema, Reset: fact.ResetHint(h.CounterResetHint), Float: true, ZeroThreshold: h.ZeroThreshold, Sum: h.Sum,
		CountF: h.Count, ZeroCountF: h.ZeroCount, Bounds: copied(h.CustomValues),
		Positive: fact.Buckets{Spans: spans(h.PositiveSpans), Counts: copied(h.PositiveBuckets)},
		Negative: fact.Buckets{Spans: spans(h.NegativeSpans), Counts: copied(h.NegativeBuckets)},
	}
}

func copied[T any](in []T) []T { return append([]T(nil), in...) }
