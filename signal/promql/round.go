package promql

import (
	"context"
	"errors"
	"slices"
	"time"
)

const (
	// liveWithin is how far back the live readings reach. What is further behind is
	// read by itself, in pieces. It is more than the ten minutes in which silence
	// is a finding: no piece may end within them and leave a series silent there.
	liveWithin = 15 * time.Minute
	// longAgo is how far back a metric is read that has had no sample, or of which
	// some were missing.
	longAgo = 5 * time.Minute
	// maxParts is how many queries may come of one.
	maxParts = 32
	// maxFailures is how often in a row a query may fail before its metrics are
	// set aside.
	maxFailures = 3
	// secondBytes is what a second of history of one series is guessed to cost: a
	// sample each 15 seconds.
	secondBytes = 2
)

// round reads once what is not behind, all up to one moment, and hands it on
// together: a part that came later would look as if it had been silent.
func (r *Reader) round(ctx context.Context) error {
	now := r.doors.Clock().UnixMilli()
	r.plan(now)
	g := r.gather(now)
	newest := make([]int64, len(r.live))
	for i := range r.live {
		q := &r.live[i]
		from := now - longAgo.Milliseconds()
		for n, p := range q.pairs {
			if t := r.byPair[p]; n == 0 || t.upTo < from {
				from = t.upTo
			}
		}
		got, err := r.fetch(ctx, g, q, from-r.opt.Late.Milliseconds(), now)
		if err != nil {
			return r.failed(q, err)
		}
		delete(r.failing, q.selector())
		newest[i] = got.upTo(now)
	}
	if g.rows > 0 {
		r.perRow += (max(float64(g.bytes)/float64(g.rows), 50) - r.perRow) / 4
	}
	if err := r.deliver(ctx, g); err != nil {
		return err
	}
	if g.over {
		r.soon()
	}
	for i := range r.live {
		for _, p := range r.live[i].pairs {
			t := r.byPair[p]
			t.upTo = max(t.upTo, newest[i])
		}
	}
	r.progress(now)
	return nil
}

// plan packs the live queries anew if the targets are others.
func (r *Reader) plan(now int64) {
	var live []found
	behind := 0
	for _, t := range r.targets {
		if t.behind(now) {
			behind++
		} else {
			live = append(live, t.found)
		}
	}
	if n := len(r.targets) - behind; !r.repack && n == livePairs(r.live) {
		return
	}
	r.live, r.repack = pack(live, r.jobsOf), false
}

func livePairs(list []query) (n int) {
	for i := range list {
		n += len(list[i].pairs)
	}
	return n
}

func (t *target) behind(now int64) bool { return now-t.upTo > liveWithin.Milliseconds() }

// failed takes note of a query that could not be answered. What can be answered
// neither now nor in parts is set aside until the next look at what is there, so
// that it does not keep the others back.
func (r *Reader) failed(q *query, err error) error {
	var theirs *refused
	its := errors.Is(err, errTooLarge) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &theirs) && (theirs.status == 400 || theirs.status == 422)
	if !its {
		return err
	}
	key := q.selector()
	if r.failing[key]++; r.failing[key] < maxFailures {
		return err
	}
	delete(r.failing, key)
	for _, p := range q.pairs {
		r.aside[p] = true
		r.left[p] = whyFailing
		delete(r.byPair, p)
	}
	r.targets = slices.DeleteFunc(r.targets, func(t *target) bool { return r.aside[t.pair] })
	r.repack = true
	r.told(r.there, r.left)
	return err
}

// catchUp reads what is behind, piece by piece, as long as there is time and the
// budget of history.
func (r *Reader) catchUp(ctx context.Context, until time.Time) {
	r.past = true
	defer func() { r.past = false }()
	for ctx.Err() == nil {
		now := r.doors.Clock()
		q, from, to := r.behind(now.UnixMilli())
		expected := int64(float64(q.size) * (rowBytes + secondBytes*float64(to-from)/1000))
		if q.names == nil || !now.Before(until) || !r.rest.room(now, 1, min(expected, r.opt.AnswerBytes)) {
			return
		}
		if err := r.piece(ctx, &q, from, to, now.UnixMilli()); err != nil {
			r.after(ctx, r.failed(&q, err))
			return
		}
	}
}

// piece reads a part of the history of some metrics.
func (r *Reader) piece(ctx context.Context, q *query, from, to, now int64) error {
	g := r.gather(now)
	got, err := r.fetch(ctx, g, q, from-r.opt.Late.Milliseconds(), to)
	if err != nil {
		return err
	}
	if err := r.deliver(ctx, g); err != nil {
		return err
	}
	delete(r.failing, q.selector())
	upTo := to
	if to == now {
		upTo = got.upTo(now)
	}
	for _, p := range q.pairs {
		t := r.byPair[p]
		t.upTo = max(t.upTo, upTo)
	}
	r.progress(now)
	return nil
}

// behind returns the next query for what is behind, and its time.
func (r *Reader) behind(now int64) (q query, from, to int64) {
	var some []found
	for _, t := range r.targets {
		if !t.behind(now) {
			continue
		}
		if some == nil {
			from = t.upTo
		}
		if d := t.upTo - from; d > -time.Minute.Milliseconds() && d < time.Minute.Milliseconds() {
			some = append(some, t.found)
		}
	}
	if some == nil {
		return query{}, 0, 0
	}
	q = pack(some, r.jobsOf)[0]
	for _, p := range q.pairs {
		from = min(from, r.byPair[p].upTo)
	}
	window := int64((float64(r.opt.AnswerBytes)/2/float64(max(q.size, 1)) - rowBytes) / secondBytes * 1000)
	window = max(window, longAgo.Milliseconds())
	last := now - (liveWithin + time.Minute).Milliseconds()
	switch to = from + window; {
	case to >= now || from >= last-time.Minute.Milliseconds(): // one that stopped there goes on to the end
		to = now
	case to > last:
		to = last
	}
	return q, from, to
}
