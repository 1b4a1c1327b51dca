package series

import (
	"math"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
)

// totalHorizon is how far back the store is asked for what deltas have added up
// to when it is not remembered. A series that was silent for longer begins anew
// at zero, which is the same to every function that counts increases.
const totalHorizon = 3 * time.Hour

// totalBuckets is how many buckets a histogram that deltas have added up to may
// have; its resolution is halved until it has no more.
const totalBuckets = 640

// A total is what the deltas of one series have added up to.
type total struct {
	is bool    // false: nothing yet
	v  float64 // if h is nil
	h  *histogram.FloatHistogram
}

// plus returns the total with an increase added. It reports false if there was
// no total to which it could be added: then it is the increase alone.
func (t total) plus(p *sample) (_ total, grown bool) {
	if p.h == nil {
		if t.is && t.h == nil && !math.IsNaN(t.v) && !math.IsInf(t.v+p.v, 0) {
			return total{is: true, v: t.v + p.v}, true
		}
		return total{is: true, v: p.v}, false
	}
	more := toFloatHistogram(p.h)
	if t.h != nil {
		sum := t.h.Copy()
		sum.CounterResetHint = histogram.UnknownCounterReset
		if _, _, _, err := sum.Add(more); err == nil && !sum.HasOverflow() {
			coarsen(sum)
			return total{is: true, h: sum}, true
		}
	}
	coarsen(more)
	return total{is: true, h: more}, false
}

func coarsen(h *histogram.FloatHistogram) {
	for len(h.PositiveBuckets)+len(h.NegativeBuckets) > totalBuckets && !h.UsesCustomBuckets() && h.Schema > histogram.ExponentialSchemaMin {
		if h.ReduceResolution(h.Schema-1) != nil {
			return // the next sample tries again
		}
	}
}

// zero is a total of nothing, of the kind of t.
func (t total) zero() total {
	if t.h == nil {
		return total{is: true}
	}
	return total{is: true, h: &histogram.FloatHistogram{CounterResetHint: histogram.CounterReset, Schema: t.h.Schema, ZeroThreshold: t.h.ZeroThreshold, CustomValues: t.h.CustomValues}}
}

// storeDelta appends what the series has added up to with p, and returns it. Of
// a series that begins, the zero from which it began is stored too, where its
// sender says since when it counts; without it the first increase would be seen
// by nobody.
func (a *appending) storeDelta(sh *shape, p *sample) (total, storage.SeriesRef, error) {
	if p.stale() {
		gone := total{v: math.Float64frombits(value.StaleNaN)}
		if p.h != nil {
			gone.h = &histogram.FloatHistogram{Sum: gone.v}
		}
		ref, err := a.appendTotal(sh, p.t, gone)
		return sh.total, ref, err
	}
	next, grown := sh.total.plus(p)
	if !grown && p.start > sh.newest && p.start < p.t && p.t-p.start <= totalHorizon.Milliseconds() && p.start > 0 {
		if ref, err := a.appendTotal(sh, p.start, next.zero()); err == nil {
			sh.ref, sh.newest = ref, p.start
		}
	}
	ref, err := a.appendTotal(sh, p.t, next)
	return next, ref, err
}

func (a *appending) appendTotal(sh *shape, at int64, t total) (storage.SeriesRef, error) {
	if t.h == nil {
		return a.app.Append(sh.ref, sh.labels, at, t.v)
	}
	return a.app.AppendHistogram(sh.ref, sh.labels, at, nil, t.h.Copy())
}
