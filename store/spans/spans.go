package spans

import (
	"context"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/logdb"
)

// Consumer is the keeper's name at the intake log.
const Consumer = "spans"

// What a store and its keeper share with those of other kinds.
type (
	Options       = logdb.Options
	Result        = logdb.Result
	Follower      = logdb.Follower
	KeeperOptions = logdb.KeeperOptions
	Keeper        = logdb.Keeper
	Term          = logdb.Term
)

// A Store keeps spans. Put, Flush, Sync, Resume and Retain are for one caller at
// a time, the keeper; Search and Trace may be called by many beside it.
type Store struct{ *logdb.DB }

// Open opens the store in dir, and makes it if it is not there.
func Open(dir string, opt Options) (*Store, error) {
	db, err := logdb.Open(dir, logdb.Kind{Name: Consumer, Noun: "spans", Stream: colShard}, opt)
	if err != nil {
		return nil, err
	}
	return &Store{db}, nil
}

// Put adds the spans of b, which is batch number n of those that are put: see
// [logdb.DB.Put].
func (s *Store) Put(ctx context.Context, n uint64, b *fact.Batch) (Result, error) {
	return s.DB.Put(ctx, logdb.Rows{
		Batch: n, Received: b.Received, Count: len(b.Spans),
		At:      func(i int) int64 { return b.Spans[i].Start },
		Columns: func(dst []logdb.Column, i int, batch string) []logdb.Column { return row(dst, &b.Spans[i], batch) },
	})
}

// NewKeeper returns a keeper of the spans of a log that has not begun. The store
// must have no other keeper.
func NewKeeper(s *Store, log Follower, opt KeeperOptions) *Keeper {
	return logdb.NewKeeper(s.DB, logdb.Part{Count: func(b *fact.Batch) int { return len(b.Spans) }, Put: s.Put}, log, opt)
}
