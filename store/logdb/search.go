package logdb

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"github.com/steersman-ops/steersman/fact"
)

// Most is the largest limit of a search.
const Most = 5000

// mostBytes is how much one search returns.
const mostBytes = 8 << 20

// A Search says which rows are wanted.
type Search struct {
	Filter   Filter
	From, To time.Time // from and up to, both included; zero: the oldest, the newest
	Limit    int       // at most so many; 1 to [Most]
}

// A Page is what a search found.
type Page[T any] struct {
	List []T

	// More says that there may be others that fit: the limit was reached, or the
	// time was over.
	More bool

	// Since is how far back all of it was looked through. Older rows may be in
	// List, but not all that fit.
	Since time.Time

	// TimedOut says that the time was over before the end was reached.
	TimedOut bool
}

// A Reader makes of a row what is returned of it, and says how many bytes that
// takes. The row's texts may be kept.
type Reader[T any] func(r Row) (v T, bytes int, err error)

// hit is a row that was found.
type hit[T any] struct {
	at    int64
	v     T
	bytes int
}

// The windows of a search: the first, and by how much each is longer than the
// one after it.
const (
	firstWindow = time.Second
	windowGrows = 4
)

// Newest returns the newest rows that fit, the newest first. It waits while
// others search, and gives up looking when Options.SearchTime is over, or ctx;
// then the page tells how far it came.
func Newest[T any](ctx context.Context, d *DB, s Search, read Reader[T]) (Page[T], error) {
	return turn(ctx, d, s, func(ctx context.Context, db *logstorage.Storage, from, to int64) (Page[T], error) {
		return walk(ctx, db, s, from, to, d.opt.Now().UnixNano(), read)
	})
}

// Earliest returns the earliest rows that fit, in the order of time. It looks
// through all of the time at once: it is for what few rows fit that the Bloom
// filters know, as those of one trace. It waits and gives up as [Newest] does.
func Earliest[T any](ctx context.Context, d *DB, s Search, read Reader[T]) (Page[T], error) {
	return turn(ctx, d, s, func(ctx context.Context, db *logstorage.Storage, from, to int64) (Page[T], error) {
		p := Page[T]{Since: time.Unix(0, from).UTC()}
		hits, more, err := window(ctx, db, s, from, to, false, s.Limit, read)
		switch {
		case ctx.Err() != nil:
			p.More, p.TimedOut = true, true
			return p, nil
		case err != nil:
			return p, err
		}
		p.More = more
		fill(&p, hits, 0)
		return p, nil
	})
}

// turn waits for a place and searches.
func turn[T any](ctx context.Context, d *DB, s Search, search func(ctx context.Context, db *logstorage.Storage, from, to int64) (Page[T], error)) (Page[T], error) {
	if s.Limit < 1 || s.Limit > Most {
		return Page[T]{}, &fact.Problem{Where: "limit", What: fmt.Sprintf("%d %s", s.Limit, d.kind.Noun), Do: fmt.Sprintf("ask for 1 to %d", Most)}
	}
	begin := time.Now()
	defer func() { d.met.searchTime.Observe(time.Since(begin).Seconds()) }()
	ctx, cancel := context.WithTimeout(ctx, d.opt.SearchTime)
	defer cancel()
	select {
	case d.busy <- struct{}{}:
		defer func() { <-d.busy }()
	case <-ctx.Done():
		d.met.searches.WithLabelValues("busy").Inc()
		return Page[T]{}, fmt.Errorf("search %s: %d searches run already: %w", d.kind.Noun, cap(d.busy), fact.ErrBusy)
	}
	db, letGo, err := d.use()
	if err != nil {
		return Page[T]{}, err
	}
	defer letGo()
	from, to := d.span(s)
	p, err := search(ctx, db, from, to)
	if err != nil {
		err = fmt.Errorf("search %s: %w", d.kind.Noun, err)
	}
	d.met.searches.WithLabelValues(outcome(p.TimedOut, err)).Inc()
	return p, err
}

func outcome(timedOut bool, err error) string {
	switch {
	case err != nil:
		return "failed"
	case timedOut:
		return "timed out"
	}
	return "ok"
}

// walk looks through the windows of a search, the newest first. The first has
// all that is ahead of the clock.
func walk[T any](ctx context.Context, db *logstorage.Storage, s Search, from, to, now int64, read Reader[T]) (Page[T], error) {
	p := Page[T]{Since: time.Unix(0, to).UTC()}
	bytes := 0
	for length := int64(firstWindow); to >= from; length *= windowGrows {
		begin := max(from, min(to, now)-length+1)
		hits, cut, err := window(ctx, db, s, begin, to, true, s.Limit-len(p.List), read)
		switch {
		case ctx.Err() != nil: // what it found of the window is not all of its newest
			p.More, p.TimedOut = true, true
			return p, nil
		case err != nil:
			return p, err
		}
		p.More = cut
		if bytes = fill(&p, hits, bytes); p.More {
			return p, nil
		}
		p.Since = time.Unix(0, begin).UTC()
		to = begin - 1
	}
	return p, nil
}

// fill adds hits to a page that has bytes already, and returns how many it has
// then. When they are too many, the rest is left out.
func fill[T any](p *Page[T], hits []hit[T], bytes int) int {
	for i := range hits {
		if bytes += hits[i].bytes; bytes > mostBytes && len(p.List) > 0 {
			p.More = true
			return bytes
		}
		p.List = append(p.List, hits[i].v)
	}
	return bytes
}

// span returns the time that a search looks through.
func (d *DB) span(s Search) (from, to int64) {
	from, to = d.oldest(), d.opt.Now().Add(d.opt.Ahead).UnixNano()
	if !s.From.IsZero() {
		from = max(from, s.From.UnixNano())
	}
	if !s.To.IsZero() {
		to = min(to, s.To.UnixNano())
	}
	return from, to
}

// window returns the newest or the earliest rows of a stretch of time, these
// first, and whether there may be more. If they are too large for the memory
// that a search may take, they are fewer than the limit.
func window[T any](ctx context.Context, db *logstorage.Storage, s Search, from, to int64, newest bool, limit int, read Reader[T]) (out []hit[T], more bool, err error) {
	order, sign := "_time", 1
	if newest {
		order, sign = "_time desc", -1
	}
	for ; ; limit = max(1, limit/8) {
		text := fmt.Sprintf(`%s | sort by (%s) limit %d | delete _stream, _stream_id`, s.Filter, order, limit)
		out = out[:0]
		err = run(ctx, db, text, from, to, func(r Row) error {
			v, bytes, err := read(r)
			out = append(out, hit[T]{r.At(), v, bytes})
			return err
		})
		if err == nil || ctx.Err() != nil || limit == 1 {
			slices.SortStableFunc(out, func(a, b hit[T]) int { return sign * cmp.Compare(a.at, b.at) })
			return out, len(out) >= limit, err
		}
	}
}

// A Row is one row of an answer, good during the call only.
type Row struct {
	columns []logstorage.BlockColumn
	names   []string
	times   []int64
	row     int
}

// At is the row's time, in Unix nanoseconds.
func (r Row) At() int64 {
	if r.times == nil {
		return 0
	}
	return r.times[r.row]
}

// Names are those of the columns.
func (r Row) Names() []string { return r.names }

// Value is that of column i. It is empty if the row has none there.
func (r Row) Value(i int) string { return r.columns[i].Values[r.row] }

func (r Row) get(name string) string {
	if i := slices.Index(r.names, name); i >= 0 {
		return r.Value(i)
	}
	return ""
}

// run runs a query over a stretch of time and calls fn for each row of its
// answer, one at a time, with texts that are its own.
func run(ctx context.Context, db *logstorage.Storage, text string, from, to int64, fn func(Row) error) error {
	q, err := logstorage.ParseQueryAtTimestamp("options(concurrency=1, parallel_readers=1) "+text, to)
	if err != nil {
		return fmt.Errorf("query %s: %w", text, err)
	}
	q.AddTimeFilter(from, to)
	var mu sync.Mutex
	var first error
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var stats logstorage.QueryStats
	err = db.RunQuery(logstorage.NewQueryContext(ctx, &stats, []logstorage.TenantID{{}}, q, false, nil), func(_ uint, block *logstorage.DataBlock) {
		mu.Lock()
		defer mu.Unlock()
		if first != nil {
			return
		}
		if first = rows(block, fn); first != nil {
			cancel()
		}
	})
	if first != nil {
		return first
	}
	return err
}

func rows(block *logstorage.DataBlock, fn func(Row) error) error {
	r := Row{columns: block.GetColumns(false)}
	if times, ok := block.GetTimestamps(nil); ok {
		r.times = times
	}
	for i := range r.columns {
		r.names = append(r.names, strings.Clone(r.columns[i].Name))
	}
	for r.row = range block.RowsCount() {
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}
