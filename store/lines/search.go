package lines

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

// MostLines is the largest limit of a search.
const MostLines = 5000

// mostBytes is how much text one search returns.
const mostBytes = 8 << 20

// An Answer is what a search found.
type Answer struct {
	Lines []Found // the newest first

	// More says that there may be older lines that fit: the limit was reached, or
	// the time was over.
	More bool

	// Since is how far back all of it was looked through. Older lines may be in
	// Lines, but not all that fit.
	Since time.Time

	// TimedOut says that the time was over before the start was reached.
	TimedOut bool
}

// The windows of a search: the first, and by how much each is longer than the
// one after it.
const (
	firstWindow = time.Second
	windowGrows = 4
)

// Search returns the newest lines that fit q. It waits while others search, and
// gives up looking when Options.SearchTime is over, or ctx; then the answer
// tells how far it came.
func (s *Store) Search(ctx context.Context, q Query) (Answer, error) {
	if q.Limit < 1 || q.Limit > MostLines {
		return Answer{}, &fact.Problem{Where: "limit", What: fmt.Sprintf("%d lines", q.Limit), Do: fmt.Sprintf("ask for 1 to %d", MostLines)}
	}
	begin := time.Now()
	defer func() { s.met.searchTime.Observe(time.Since(begin).Seconds()) }()
	ctx, cancel := context.WithTimeout(ctx, s.opt.SearchTime)
	defer cancel()
	select {
	case s.busy <- struct{}{}:
		defer func() { <-s.busy }()
	case <-ctx.Done():
		s.met.searches.WithLabelValues("busy").Inc()
		return Answer{}, fmt.Errorf("search log lines: %d searches run already: %w", cap(s.busy), fact.ErrBusy)
	}
	db, letGo, err := s.use()
	if err != nil {
		return Answer{}, err
	}
	defer letGo()
	a, err := s.walk(ctx, db, q)
	s.met.searches.WithLabelValues(outcome(a, err)).Inc()
	return a, err
}

func outcome(a Answer, err error) string {
	switch {
	case err != nil:
		return "failed"
	case a.TimedOut:
		return "timed out"
	}
	return "ok"
}

// walk looks through the windows of a search, the newest first.
func (s *Store) walk(ctx context.Context, db *logstorage.Storage, q Query) (Answer, error) {
	from, to := s.span(q)
	a := Answer{Since: time.Unix(0, to).UTC()}
	bytes := 0
	for length := int64(firstWindow); to >= from; length *= windowGrows {
		begin := max(from, to-length+1)
		lines, cut, err := window(ctx, db, &q, begin, to, q.Limit-len(a.Lines))
		switch {
		case ctx.Err() != nil: // what it found of the window is not all of its newest
			a.More, a.TimedOut = true, true
			return a, nil
		case err != nil:
			return a, fmt.Errorf("search log lines: %w", err)
		}
		a.More = cut
		for i := range lines {
			if bytes += size(&lines[i]); bytes > mostBytes && len(a.Lines) > 0 {
				a.More = true
				return a, nil
			}
			a.Lines = append(a.Lines, lines[i])
		}
		if a.More {
			return a, nil
		}
		a.Since = time.Unix(0, begin).UTC()
		to = begin - 1
	}
	return a, nil
}

// span returns the time that a search looks through.
func (s *Store) span(q Query) (from, to int64) {
	from, to = s.oldest(), s.opt.Now().Add(s.opt.Ahead).UnixNano()
	if !q.From.IsZero() {
		from = max(from, q.From.UnixNano())
	}
	if !q.To.IsZero() {
		to = min(to, q.To.UnixNano())
	}
	return from, to
}

func size(f *Found) int {
	return len(f.Text) + f.Fields.Size() + 200
}

// window returns the newest lines of a window, and whether there may be more. If
// they are too large for the memory that a search may take, they are fewer than
// the limit.
func window(ctx context.Context, db *logstorage.Storage, q *Query, from, to int64, limit int) (out []Found, more bool, err error) {
	for ; ; limit = max(1, limit/8) {
		text := fmt.Sprintf(`%s | sort by (_time desc) limit %d | delete _stream, _stream_id`, q.logsql(), limit)
		out = out[:0]
		err = run(ctx, db, text, from, to, func(c columns) error {
			f, err := found(c.at(), c.names, func(i int) string { return c.columns[i].Values[c.row] })
			out = append(out, f)
			return err
		})
		if err == nil || ctx.Err() != nil || limit == 1 {
			slices.SortStableFunc(out, func(a, b Found) int { return cmp.Compare(b.At, a.At) })
			return out, len(out) >= limit, err
		}
	}
}

// columns are the columns of one row of an answer, good during the call only.
type columns struct {
	columns []logstorage.BlockColumn
	names   []string
	times   []int64
	row     int
}

func (c columns) at() int64 {
	if c.times == nil {
		return 0
	}
	return c.times[c.row]
}

func (c columns) get(name string) string {
	for i := range c.columns {
		if c.columns[i].Name == name {
			return c.columns[i].Values[c.row]
		}
	}
	return ""
}

// run runs a query over a stretch of time and calls fn for each row of its
// answer, one at a time, with texts that are its own.
func run(ctx context.Context, db *logstorage.Storage, text string, from, to int64, fn func(columns) error) error {
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

func rows(block *logstorage.DataBlock, fn func(columns) error) error {
	c := columns{columns: block.GetColumns(false)}
	if times, ok := block.GetTimestamps(nil); ok {
		c.times = times
	}
	for i := range c.columns {
		c.names = append(c.names, strings.Clone(c.columns[i].Name))
	}
	for c.row = range block.RowsCount() {
		if err := fn(c); err != nil {
			return err
		}
	}
	return nil
}
