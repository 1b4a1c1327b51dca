package series

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/steersman-ops/steersman/fact"
)

// A Result counts the samples of one append by what became of them.
type Result struct {
	Stored    int
	Duplicate int // the same sample is there already: nothing was done

	// The quarantined: they are not stored.
	TooOld     int // further back than Options.OutOfOrder
	TooNew     int // after the limit given to AppendUntil
	OutOfOrder int // older than the newest of the series: deltas, and others only when Options.OutOfOrder is negative
	Conflict   int // another value is stored for this series at this time
	Invalid    int // no series can have these labels
	TooMany    int // of a series beyond Options.MaxSeries

	// Exemplars only.
	NoSeries    int // its series is not in memory
	OldExemplar int // not newer than the newest of its series, or there already
}

// Quarantined counts the samples that were neither stored nor there already.
func (r Result) Quarantined() int {
	return r.TooOld + r.TooNew + r.OutOfOrder + r.Conflict + r.Invalid + r.TooMany + r.NoSeries + r.OldExemplar
}

// plus returns the counts of both.
func (r Result) plus(o Result) Result {
	return Result{
		Stored: r.Stored + o.Stored, Duplicate: r.Duplicate + o.Duplicate,
		TooOld: r.TooOld + o.TooOld, TooNew: r.TooNew + o.TooNew, OutOfOrder: r.OutOfOrder + o.OutOfOrder,
		Conflict: r.Conflict + o.Conflict, Invalid: r.Invalid + o.Invalid, TooMany: r.TooMany + o.TooMany,
		NoSeries: r.NoSeries + o.NoSeries, OldExemplar: r.OldExemplar + o.OldExemplar,
	}
}

// Reasons yields the parts of Quarantined by name.
func (r Result) Reasons(yield func(reason string, n int) bool) {
	for _, p := range []struct {
		reason string
		n      int
	}{
		{"too_old", r.TooOld},
		{"too_new", r.TooNew},
		{"out_of_order", r.OutOfOrder},
		{"conflict", r.Conflict},
		{"invalid", r.Invalid},
		{"too_many_series", r.TooMany},
		{"no_series", r.NoSeries},
		{"old_exemplar", r.OldExemplar},
	} {
		if p.n > 0 && !yield(p.reason, p.n) {
			return
		}
	}
}

// Append stores the samples of batch. What is wrong with one sample is counted
// and does not keep the others out; the error is for what went wrong with the
// store itself. After an error the same batch can be appended again: what was
// stored already will count as duplicate.
func (s *Store) Append(ctx context.Context, batch []fact.Series) (Result, error) {
	return s.AppendUntil(ctx, batch, math.MaxInt64)
}

// AppendUntil is [Store.Append] for samples that must not be later than limit
// (in Unix milliseconds). One sample from the far future would otherwise make
// everything that comes after it too old.
func (s *Store) AppendUntil(ctx context.Context, batch []fact.Series, limit int64) (Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refs.next()
	a := appending{store: s, limit: limit, app: s.db.Appender(ctx)}
	// Fresh series and fresh samples go straight in; all others are looked up.
	a.app.SetOptions(&storage.AppendOptions{DiscardOutOfOrder: true})
	for i := range batch {
		a.series(&batch[i])
	}
	if err := a.commit(); err != nil {
		return a.res, fmt.Errorf("append to series: %w", err)
	}
	if len(a.late) > 0 {
		if err := a.appendLate(ctx); err != nil {
			return a.res, fmt.Errorf("append late samples to series: %w", err)
		}
	}
	return a.res, nil
}

// appending is one call of Append on its way.
type appending struct {
	store   *Store
	limit   int64
	app     storage.Appender
	res     Result
	pending int      // samples handed to app and not committed
	touched []*entry // whose newest sample is among the pending
	late    []late   // what must be looked up before it can be appended
	lateOf  map[*entry]int
}

func (a *appending) series(in *fact.Series) {
	if len(in.Points) == 0 {
		return
	}
	e := a.store.refs.get(in)
	if e == nil {
		if e = a.admit(in); e == nil {
			a.res.Invalid += len(in.Points)
			return
		}
	}
	if !e.family.same(in) {
		e.family = a.store.meta.observe(in)
	}
	touched := false
	for _, p := range in.Points {
		touched = a.point(e, p) || touched
	}
	if touched {
		a.touched = append(a.touched, e)
	}
}

// admit makes the entry of a series that is not remembered. What the
// database has of it, if it has it, is not known.
func (a *appending) admit(in *fact.Series) *entry {
	ls := toProm(in.Labels)
	if ls.IsEmpty() || !ls.Has(fact.NameLabel) {
		return nil
	}
	e := &entry{labels: ls, family: a.store.meta.observe(in)}
	e.forgetNewest()
	if get, ok := a.app.(storage.GetRef); ok {
		ref, theirs := get.GetRef(ls, ls.Hash())
		if e.ref = ref; ref != 0 {
			e.labels = theirs
		}
		e.known = ref == 0
	}
	a.store.refs.add(in, e)
	return e
}

// Has reports whether the series is in memory, as all are that had a sample in
// the last hours. It costs some microseconds.
func (s *Store) Has(l fact.Labels) bool {
	ls := toProm(l)
	app := s.db.Head().Appender(context.Background())
	defer app.Rollback() //nolint:errcheck // nothing was appended
	get, ok := app.(storage.GetRef)
	if !ok || ls.IsEmpty() {
		return false
	}
	ref, _ := get.GetRef(ls, ls.Hash())
	return ref != 0
}

// point deals with one sample and reports whether it is the newest of its
// series now.
func (a *appending) point(e *entry, p fact.Point) bool {
	switch {
	case p.T > a.limit:
		a.res.TooNew++
	case !e.known || p.T < e.newest.T:
		a.addLate(e, p)
	case p.T == e.newest.T:
		a.compare(p, e.newest)
	default:
		ref, err := a.app.Append(e.ref, e.labels, p.T, p.V)
		switch {
		case errors.Is(err, storage.ErrOutOfOrderSample):
			a.addLate(e, p)
		case err != nil:
			a.refuse(err)
		default:
			e.ref, e.newest = ref, p
			a.pending++
			return true
		}
	}
	return false
}

// compare counts p, at whose time the series already has the sample old.
func (a *appending) compare(p, old fact.Point) {
	if math.Float64bits(p.V) == math.Float64bits(old.V) {
		a.res.Duplicate++
	} else {
		a.res.Conflict++
	}
}

// refuse counts a sample that the database did not take.
func (a *appending) refuse(err error) {
	var many errTooMany
	switch {
	case errors.As(err, &many):
		a.res.TooMany++
	case errors.Is(err, storage.ErrTooOldSample), errors.Is(err, storage.ErrOutOfBounds):
		a.res.TooOld++
	case errors.Is(err, storage.ErrOutOfOrderSample):
		a.res.OutOfOrder++
	case errors.Is(err, storage.ErrDuplicateSampleForTimestamp):
		a.res.Conflict++
	default:
		a.res.Invalid++
	}
}

// commit makes the pending samples visible. If that fails, nothing that was
// remembered about their series holds.
func (a *appending) commit() error {
	a.store.sync.dirty.Store(true)
	err := a.app.Commit()
	a.store.sync.dirty.Store(true) // again, for a sync that began in between
	if err != nil {
		for _, e := range a.touched {
			e.forgetNewest()
		}
	} else {
		a.res.Stored += a.pending
	}
	a.pending, a.touched = 0, a.touched[:0]
	return err
}

// toProm returns the labels as the database wants them.
func toProm(ls fact.Labels) labels.Labels {
	b := labels.NewScratchBuilder(8)
	for name, value := range ls.All() {
		b.Add(name, value)
	}
	return b.Labels() // ours are sorted, too
}

// fromProm is the way back.
func fromProm(ls labels.Labels) (fact.Labels, error) {
	pairs := make([]fact.Label, 0, ls.Len())
	ls.Range(func(l labels.Label) { pairs = append(pairs, fact.Label{Name: l.Name, Value: l.Value}) })
	return fact.NewLabels(pairs)
}
