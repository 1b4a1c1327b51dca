package series

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/steersman-ops/steersman/fact"
)

// A sample is one native histogram or one increase on its way into the store.
type sample struct {
	t, start int64
	v        float64 // if h is nil
	h        *fact.Histogram
	delta    bool
	gauge    bool
}

func (p *sample) stale() bool {
	if p.h != nil {
		return value.IsStaleNaN(p.h.Sum)
	}
	return value.IsStaleNaN(p.v)
}

// mark tells two samples apart that are of the same series and time.
func (p *sample) mark() uint64 {
	if p.h != nil {
		return math.Float64bits(p.h.Observations()) ^ bits.RotateLeft64(math.Float64bits(p.h.Sum), 1)
	}
	return math.Float64bits(p.v)
}

// shaped holds the samples of one series in one batch, and what the store has
// of them.
type shaped struct {
	shape   *shape
	samples []sample
	stored  []stored
}

// stored is what the store has at one time.
type stored struct {
	t  int64
	v  float64
	fh *histogram.FloatHistogram // nil: a float
}

func (s *stored) stale() bool {
	if s.fh != nil {
		return value.IsStaleNaN(s.fh.Sum)
	}
	return value.IsStaleNaN(s.v)
}

// AppendBatch stores the samples of a batch, of whatever shape, as
// [Store.AppendUntil] does those of Series. Deltas are added up to what the
// series has (docs/decisions/0006-deltas-are-added-up-by-the-store.md).
func (s *Store) AppendBatch(ctx context.Context, b *fact.Batch, limit int64) (Result, error) {
	res, err := s.AppendUntil(ctx, b.Series, limit)
	if err == nil && len(b.Histograms)+len(b.Deltas) > 0 {
		var more Result
		more, err = s.appendShapes(ctx, b, limit)
		res = res.plus(more)
	}
	if err == nil && len(b.Exemplars) > 0 {
		var more Result
		more, err = s.appendExemplars(ctx, b.Exemplars, limit)
		res = res.plus(more)
	}
	return res, err
}

func (s *Store) appendShapes(ctx context.Context, b *fact.Batch, limit int64) (Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shapes.round++
	a := appending{store: s, limit: limit, app: s.db.Appender(ctx)}
	list, err := a.gather(ctx, b)
	if err != nil {
		return a.res, fmt.Errorf("look up histograms and deltas: %w", err)
	}
	for _, l := range list {
		a.storeShaped(l)
	}
	err = a.commit()
	if err != nil {
		for _, l := range list {
			s.shapes.forget(l.shape)
		}
		err = fmt.Errorf("append histograms and deltas to series: %w", err)
	}
	s.shapes.trim()
	return a.res, err
}

// gather sorts the samples by series and time, and looks up what the store has
// of those that may be in it.
func (a *appending) gather(ctx context.Context, b *fact.Batch) ([]*shaped, error) {
	var list []*shaped
	at := make(map[*shape]*shaped)
	of := func(in fact.Series, native, delta bool, n int) *shaped {
		sh := a.shape(in.Labels, &in, native, delta)
		if sh == nil {
			a.res.Invalid += n
			return nil
		}
		out := at[sh]
		if out == nil {
			out = &shaped{shape: sh}
			at[sh], list = out, append(list, out)
		}
		return out
	}
	for i := range b.Histograms {
		in := &b.Histograms[i]
		if l := of(fact.Series{Labels: in.Labels, Type: in.Type, Unit: in.Unit, Help: in.Help}, true, in.Type == fact.Delta, len(in.Points)); l != nil {
			for _, p := range in.Points {
				a.take(l, sample{t: p.T, start: p.Start, h: p.H, delta: in.Type == fact.Delta, gauge: in.Type == fact.Gauge || p.H.Reset == fact.ResetGauge})
			}
		}
	}
	for i := range b.Deltas {
		in := &b.Deltas[i]
		if l := of(fact.Series{Labels: in.Labels, Type: fact.Counter, Unit: in.Unit, Help: in.Help}, false, true, len(in.Points)); l != nil {
			for _, p := range in.Points {
				a.take(l, sample{t: p.T, start: p.Start, v: p.V, delta: true})
			}
		}
	}
	for _, l := range list {
		slices.SortStableFunc(l.samples, func(x, y sample) int { return cmp.Compare(x.t, y.t) })
	}
	return list, a.lookUpShaped(ctx, list)
}

// take puts a sample with the others of its series, unless it cannot be stored.
func (a *appending) take(l *shaped, p sample) {
	switch {
	case p.t > a.limit:
		a.res.TooNew++
	case p.h != nil && p.h.Check() != nil, p.delta && p.h == nil && !p.stale() && (math.IsNaN(p.v) || math.IsInf(p.v, 0)):
		a.res.Invalid++
	default:
		l.samples = append(l.samples, p)
	}
}

// shape returns what is remembered of a series, or nil if it can be none. What
// the database has of a series that is not remembered is not known, unless the
// database has forgotten the series: then it has nothing of the last hour. That
// is not long enough for deltas, see totalHorizon.
func (a *appending) shape(key fact.Labels, in *fact.Series, native, delta bool) *shape {
	all := a.store.shapes
	sh := all.byLabel[key]
	if sh == nil {
		ls := toProm(key)
		if ls.IsEmpty() || !ls.Has(fact.NameLabel) {
			return nil
		}
		sh = &shape{labels: ls}
		all.forget(sh)
		if get, ok := a.app.(storage.GetRef); ok {
			ref, theirs := get.GetRef(ls, ls.Hash())
			if sh.ref = ref; ref != 0 {
				sh.labels = theirs
			}
			sh.known = ref == 0 && !delta
		}
		sh.used = all.round
		all.add(key, sh)
	}
	sh.used = all.round
	switch {
	case native && (!sh.family.same(in) || !sh.family.Native):
		sh.family = a.store.meta.observeNative(in)
	case !sh.family.same(in):
		sh.family = a.store.meta.observe(in)
	}
	return sh
}

// lookUpShaped fills in what the store has of the series whose newest sample is
// not known, or not older than what came.
func (a *appending) lookUpShaped(ctx context.Context, list []*shaped) error {
	var ask []*shaped
	var names []labels.Labels
	from := int64(math.MaxInt64)
	for _, l := range list {
		if len(l.samples) == 0 || l.shape.known && l.samples[0].t > l.shape.newest {
			continue
		}
		ask, names = append(ask, l), append(names, l.shape.labels)
		first := l.samples[0].t
		if l.samples[0].delta {
			first -= totalHorizon.Milliseconds()
		}
		from = min(from, first)
	}
	if len(ask) == 0 {
		return nil
	}
	err := a.store.scan(ctx, from, names, func(i int, it chunkenc.Iterator) error { return a.store.shapes.read(ask[i], it, from) })
	for _, l := range ask {
		l.shape.known = true
	}
	return err
}

// read remembers the samples at the times of those that came, the newest time,
// and what deltas have added up to.
func (s *shapes) read(l *shaped, it chunkenc.Iterator, from int64) error {
	sh, next := l.shape, 0
	var tot total
	for kind := it.Seek(from); kind != chunkenc.ValNone; kind = it.Next() {
		var p stored
		if kind == chunkenc.ValFloat {
			p.t, p.v = it.At()
		} else {
			p.t, p.fh = it.AtFloatHistogram(nil)
		}
		if sh.newest = max(sh.newest, p.t); !p.stale() {
			tot = total{is: true, v: p.v, h: p.fh}
		}
		for next < len(l.samples) && l.samples[next].t < p.t {
			next++
		}
		if next < len(l.samples) && l.samples[next].t == p.t {
			l.stored = append(l.stored, p)
		}
	}
	if !sh.known && l.samples[0].delta {
		s.setTotal(sh, tot)
	}
	return it.Err()
}

// storeShaped appends the samples of l that the store does not have.
func (a *appending) storeShaped(l *shaped) {
	sh := l.shape
	for i := range l.samples {
		p := &l.samples[i]
		at, there := slices.BinarySearchFunc(l.stored, p.t, func(s stored, t int64) int { return cmp.Compare(s.t, t) })
		switch {
		case i > 0 && p.t == l.samples[i-1].t:
			// Twice in one batch: the first of them counts, whatever became of it.
			a.tell(p.mark() == l.samples[i-1].mark())
			l.samples[i] = l.samples[i-1]
		case there && p.delta:
			a.tell(sh.last == 0 || p.t < sh.newest || sh.last == p.mark())
		case there:
			a.tell(sameHistogram(p.h, l.stored[at].fh))
		case p.delta && p.t <= sh.newest:
			a.res.OutOfOrder++
		default:
			a.storeSample(sh, p)
		}
	}
}

// tell counts a sample at whose time there is one already.
func (a *appending) tell(same bool) {
	if same {
		a.res.Duplicate++
	} else {
		a.res.Conflict++
	}
}

func (a *appending) storeSample(sh *shape, p *sample) {
	var ref storage.SeriesRef
	var err error
	next := sh.total
	if p.delta {
		next, ref, err = a.storeDelta(sh, p)
	} else {
		h, fh := toPromHistogram(p.h, p.gauge)
		ref, err = a.app.AppendHistogram(sh.ref, sh.labels, p.t, h, fh)
	}
	if err != nil {
		a.refuse(err)
		return
	}
	a.pending++
	sh.ref, sh.newest = ref, max(sh.newest, p.t)
	if p.delta {
		a.store.shapes.setTotal(sh, next)
		sh.last = p.mark()
	}
}
