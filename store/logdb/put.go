package logdb

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
)

const day = 24 * time.Hour

// A Result says what became of the rows of one batch. They add up to all.
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

// A Column is the value of one row in one column. The column of the text that is
// looked through for words is [Text].
type Column = logstorage.Field

// Rows are those of one batch.
type Rows struct {
	Batch    uint64 // its number: they only grow
	Received int64  // Unix milliseconds
	Count    int

	At func(i int) int64 // the time of row i, Unix nanoseconds

	// Columns returns the columns of row i in dst's place, with [Batch] among
	// them: none is empty, none is there twice. They are best in the order of
	// their names, where that of [Text] is the first, because the engine sorts
	// them.
	Columns func(dst []Column, i int, batch string) []Column
}

// Put adds rows. After [DB.Resume] it adds only what is not there. While too
// little of the disk is free, it adds nothing and says so ([disk.Full]).
func (d *DB) Put(ctx context.Context, in Rows) (Result, error) {
	db, letGo, err := d.use()
	if err != nil {
		return Result{}, err
	}
	defer letGo()
	if db.IsReadOnly() {
		return Result{}, fmt.Errorf("put %s: less than %d MiB are free in %s: %w", d.kind.Noun, d.opt.MinFree>>20, d.dir, syscall.ENOSPC)
	}
	there, err := d.there(ctx, db, in.Batch)
	if err != nil {
		return Result{}, err
	}
	var res Result
	if d.rows == nil {
		d.rows = logstorage.GetLogRows([]string{d.kind.Stream}, nil, nil, nil, "")
	}
	rows := d.rows
	oldest, newest := d.oldest(), (in.Received+d.opt.Ahead.Milliseconds())*1e6
	batch := strconv.FormatUint(in.Batch, 10)
	for i := range in.Count {
		at := in.At(i)
		switch {
		case at < oldest:
			res.Expired++
			continue
		case at > newest:
			res.quarantine("ahead")
			continue
		case there[at/int64(day)] > 0:
			res.Duplicate++
			continue
		}
		d.columns = in.Columns(d.columns, i, batch)
		before, bytes := rows.RowsCount(), rowBytes(d.columns)
		if bytes <= largestRow {
			rows.MustAdd(logstorage.TenantID{}, at, d.columns, -1)
		}
		if rows.RowsCount() == before {
			res.quarantine("too large")
			continue
		}
		res.Stored++
		d.gathered += bytes
	}
	clear(d.columns)
	if d.gathered >= gatherBytes {
		d.flush(db)
	}
	d.met.add(res)
	return res, nil
}

// rowBytes estimates what the engine counts for a row, from above.
func rowBytes(columns []Column) int {
	n := 64
	for i := range columns {
		n += len(columns[i].Name) + 2*len(columns[i].Value) + 8 // quotes and escapes
	}
	return n
}

// largestRow is the largest row that the engine takes.
const largestRow = 2 << 20

// gatherBytes is how much is gathered before it is handed to the engine. Each
// time makes a part, and parts are merged until they are large: the larger they
// begin, the less often a row is written.
const gatherBytes = 4 << 20

// Flush hands what was gathered to the engine, so that it can be found.
func (d *DB) Flush() error {
	db, letGo, err := d.use()
	if err != nil {
		return err
	}
	defer letGo()
	d.flush(db)
	return nil
}

// flush adds all rows in one call, in which those of one day become one part: so
// the rows of a batch and day come to the disk together.
func (d *DB) flush(db *logstorage.Storage) {
	if d.rows == nil || d.rows.RowsCount() == 0 {
		return
	}
	db.MustAddRows(d.rows)
	logstorage.PutLogRows(d.rows)
	d.rows, d.gathered, d.fresh = nil, 0, true
}

// oldest is the earliest time that is kept: the start of a day.
func (d *DB) oldest() int64 {
	return d.opt.Now().Add(-d.opt.Retention).UnixNano() / int64(day) * int64(day)
}

// replay is what a database knows of batches that may be there already, wholly or
// in part.
type replay struct {
	last  uint64                   // the newest of them
	upTo  uint64                   // those up to this one are known
	known map[uint64]map[int64]int // batch → day → rows
}

// replayAtOnce is of how many batches is asked at a time. Each takes some 200
// bytes.
const replayAtOnce = 20_000

// Resume says that the batches after the number after, up to last, are put once
// more: some of their rows may be there.
func (d *DB) Resume(after, last uint64) {
	d.replay = replay{last: last, upTo: after}
}

// there returns how many rows of batch n are in the database, by day. Rows of one
// batch and day come to the disk together, so it is all of them or none.
func (d *DB) there(ctx context.Context, db *logstorage.Storage, n uint64) (map[int64]int, error) {
	r := &d.replay
	if n > r.last {
		r.known = nil
		return nil, nil
	}
	if n > r.upTo {
		r.known, r.upTo = make(map[uint64]map[int64]int), n-1+replayAtOnce
		for _, name := range db.PartitionList() {
			if err := d.count(ctx, db, name, n, r.upTo); err != nil {
				r.upTo = n - 1
				return nil, fmt.Errorf("look for %s that are there: %w", d.kind.Noun, err)
			}
		}
	}
	return r.known[n], nil
}

// count counts the rows of one day by batch.
func (d *DB) count(ctx context.Context, db *logstorage.Storage, partition string, from, to uint64) error {
	begin, err := time.Parse("20060102", partition)
	if err != nil {
		return fmt.Errorf("partition %q: %w", partition, err)
	}
	q := fmt.Sprintf(`%q:>=%d %q:<=%d | stats by (%q) count() as n`, Batch, from, Batch, to, Batch)
	return run(ctx, db, q, begin.UnixNano(), begin.Add(day).UnixNano()-1, func(c Row) error {
		batch, err1 := strconv.ParseUint(c.get(Batch), 10, 64)
		n, err2 := strconv.Atoi(c.get("n"))
		if err := errors.Join(err1, err2); err != nil {
			return fmt.Errorf("count of batch %q: %w", c.get(Batch), err)
		}
		if d.replay.known[batch] == nil {
			d.replay.known[batch] = make(map[int64]int)
		}
		d.replay.known[batch][begin.UnixNano()/int64(day)] = n
		return nil
	})
}

// Last returns the highest number of a batch in the database, 0 if it is empty. It
// reads all of it: it is for a keeper that has lost its checkpoint.
func (d *DB) Last(ctx context.Context) (last uint64, err error) {
	db, letGo, err := d.use()
	if err != nil {
		return 0, err
	}
	defer letGo()
	q := fmt.Sprintf(`* | stats max(%q) as n`, Batch)
	err = run(ctx, db, q, 0, d.opt.Now().Add(forever/2).UnixNano(), func(c Row) (err error) {
		if v := c.get("n"); v != "" {
			last, err = strconv.ParseUint(v, 10, 64)
		}
		return err
	})
	return last, err
}

// Days returns the days that have rows, oldest first, as 20060102.
func (d *DB) Days() []string {
	db, letGo, err := d.use()
	if err != nil {
		return nil
	}
	defer letGo()
	return db.PartitionList() // it keeps them in this order
}
