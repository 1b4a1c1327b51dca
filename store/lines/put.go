package lines

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"github.com/steersman-ops/steersman/fact"
)

const day = 24 * time.Hour

// A Result says what became of the lines of one batch. They add up to all.
type Result struct {
	Stored      int
	Duplicate   int            // there before, on a replay
	Expired     int            // older than the retention
	Quarantined map[string]int // by reason
}

func (r *Result) quarantine(reason string) {
	if r.Quarantined == nil {
		r.Quarantined = make(map[string]int)
	}
	r.Quarantined[reason]++
}

// Put adds the lines of b, which is batch number n of those that are put; the
// numbers only grow. After [Store.Resume] it adds only what is not there. While
// too little of the disk is free, it adds nothing and says so ([disk.Full]).
func (s *Store) Put(ctx context.Context, n uint64, b *fact.Batch) (Result, error) {
	db, letGo, err := s.use()
	if err != nil {
		return Result{}, err
	}
	defer letGo()
	if db.IsReadOnly() {
		return Result{}, fmt.Errorf("put log lines: less than %d MiB are free in %s: %w", s.opt.MinFree>>20, s.dir, syscall.ENOSPC)
	}
	there, err := s.there(ctx, db, n)
	if err != nil {
		return Result{}, err
	}
	var res Result
	if s.rows == nil {
		s.rows = logstorage.GetLogRows([]string{colEntity}, nil, nil, nil, "")
	}
	rows := s.rows
	oldest, newest := s.oldest(), (b.Received+s.opt.Ahead.Milliseconds())*1e6
	batch := strconv.FormatUint(n, 10)
	for i := range b.Lines {
		l := &b.Lines[i]
		switch {
		case l.At < oldest:
			res.Expired++
			continue
		case l.At > newest:
			res.quarantine("ahead")
			continue
		case there[l.At/int64(day)] > 0:
			res.Duplicate++
			continue
		}
		s.fields = row(s.fields, l, batch)
		before, bytes := rows.RowsCount(), rowBytes(s.fields)
		if bytes <= largestRow {
			rows.MustAdd(logstorage.TenantID{}, l.At, s.fields, -1)
		}
		if rows.RowsCount() == before {
			res.quarantine("too large")
			continue
		}
		res.Stored++
		s.gathered += bytes
	}
	clear(s.fields)
	if s.gathered >= gatherBytes {
		s.flush(db)
	}
	s.met.add(res)
	return res, nil
}

// gatherBytes is how much is gathered before it is handed to the database. Each
// time makes a part, and parts are merged until they are large: the larger they
// begin, the less often a line is written.
const gatherBytes = 4 << 20

// Flush hands what was gathered to the database, so that it can be found.
func (s *Store) Flush() error {
	db, letGo, err := s.use()
	if err != nil {
		return err
	}
	defer letGo()
	s.flush(db)
	return nil
}

// flush adds all rows in one call, in which those of one day become one part: so
// the lines of a batch and day come to the disk together.
func (s *Store) flush(db *logstorage.Storage) {
	if s.rows == nil || s.rows.RowsCount() == 0 {
		return
	}
	db.MustAddRows(s.rows)
	logstorage.PutLogRows(s.rows)
	s.rows, s.gathered, s.fresh = nil, 0, true
}

// oldest is the earliest time that is kept: the start of a day.
func (s *Store) oldest() int64 {
	return s.opt.Now().Add(-s.opt.Retention).UnixNano() / int64(day) * int64(day)
}

// replay is what a store knows of batches that may be there already, wholly or
// in part.
type replay struct {
	last  uint64                   // the newest of them
	upTo  uint64                   // those up to this one are known
	known map[uint64]map[int64]int // batch → day → lines
}

// replayAtOnce is of how many batches is asked at a time. Each takes some 200
// bytes.
const replayAtOnce = 20_000

// Resume says that the batches after the number after, up to last, are put once
// more: some of their lines may be there.
func (s *Store) Resume(after, last uint64) {
	s.replay = replay{last: last, upTo: after}
}

// there returns how many lines of batch n are in the store, by day. Lines of one
// batch and day come to the disk together, so it is all of them or none.
func (s *Store) there(ctx context.Context, db *logstorage.Storage, n uint64) (map[int64]int, error) {
	r := &s.replay
	if n > r.last {
		r.known = nil
		return nil, nil
	}
	if n > r.upTo {
		r.known, r.upTo = make(map[uint64]map[int64]int), n-1+replayAtOnce
		for _, name := range db.PartitionList() {
			if err := s.count(ctx, db, name, n, r.upTo); err != nil {
				r.upTo = n - 1
				return nil, fmt.Errorf("look for log lines that are there: %w", err)
			}
		}
	}
	return r.known[n], nil
}

// count counts the lines of one day by batch.
func (s *Store) count(ctx context.Context, db *logstorage.Storage, partition string, from, to uint64) error {
	begin, err := time.Parse("20060102", partition)
	if err != nil {
		return fmt.Errorf("partition %q: %w", partition, err)
	}
	q := fmt.Sprintf(`%q:>=%d %q:<=%d | stats by (%q) count() as n`, colBatch, from, colBatch, to, colBatch)
	return run(ctx, db, q, begin.UnixNano(), begin.Add(day).UnixNano()-1, func(c columns) error {
		batch, err1 := strconv.ParseUint(c.get(colBatch), 10, 64)
		n, err2 := strconv.Atoi(c.get("n"))
		if err := errors.Join(err1, err2); err != nil {
			return fmt.Errorf("count of batch %q: %w", c.get(colBatch), err)
		}
		if s.replay.known[batch] == nil {
			s.replay.known[batch] = make(map[int64]int)
		}
		s.replay.known[batch][begin.UnixNano()/int64(day)] = n
		return nil
	})
}

// Last returns the highest number of a batch in the store, 0 if it is empty. It
// reads all of it: it is for a keeper that has lost its checkpoint.
func (s *Store) Last(ctx context.Context) (last uint64, err error) {
	db, letGo, err := s.use()
	if err != nil {
		return 0, err
	}
	defer letGo()
	q := fmt.Sprintf(`* | stats max(%q) as n`, colBatch)
	err = run(ctx, db, q, 0, s.opt.Now().Add(forever/2).UnixNano(), func(c columns) (err error) {
		if v := c.get("n"); v != "" {
			last, err = strconv.ParseUint(v, 10, 64)
		}
		return err
	})
	return last, err
}

// Days returns the days that have lines, oldest first, as 20060102.
func (s *Store) Days() []string {
	db, letGo, err := s.use()
	if err != nil {
		return nil
	}
	defer letGo()
	return db.PartitionList() // it keeps them in this order
}
