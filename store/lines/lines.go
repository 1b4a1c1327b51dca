package lines

import (
	"context"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/logdb"
)

// Consumer is the keeper's name at the intake log.
const Consumer = "lines"

// What a store and its keeper share with those of other kinds.
type (
	Options       = logdb.Options
	Result        = logdb.Result
	Follower      = logdb.Follower
	KeeperOptions = logdb.KeeperOptions
	Keeper        = logdb.Keeper
	Term          = logdb.Term
)

// A Store keeps lines. Put, Flush, Sync, Resume and Retain are for one caller at
// a time, the keeper; Search may be called by many beside it.
type Store struct{ *logdb.DB }

// Open opens the store in dir, and makes it if it is not there.
func Open(dir string, opt Options) (*Store, error) {
	db, err := logdb.Open(dir, logdb.Kind{Name: Consumer, Noun: "log lines", Stream: colEntity}, opt)
	if err != nil {
		return nil, err
	}
	return &Store{db}, nil
}

// Put adds the lines of b, which is batch number n of those that are put: see
// [logdb.DB.Put].
func (s *Store) Put(ctx context.Context, n uint64, b *fact.Batch) (Result, error) {
	return s.DB.Put(ctx, logdb.Rows{
		Batch: n, Received: b.Received, Count: len(b.Lines),
		At:      func(i int) int64 { return b.Lines[i].At },
		Columns: func(dst []logdb.Column, i int, batch string) []logdb.Column { return row(dst, &b.Lines[i], batch) },
	})
}

// NewKeeper returns a keeper of the lines of a log that has not begun. The store
// must have no other keeper.
func NewKeeper(s *Store, log Follower, opt KeeperOptions) *Keeper {
	return logdb.NewKeeper(s.DB, logdb.Part{Count: func(b *fact.Batch) int { return len(b.Lines) }, Put: s.Put}, log, opt)
}
