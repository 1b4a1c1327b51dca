package intake

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/disk"
)

// Options say how a log is kept. The zero value is fit for use.
type Options struct {
	SegmentBytes int64         // a segment is closed at this size; 0 means 64 MiB
	MaxBytes     int64         // of all segments together; 0 means 4 GiB
	MaxAge       time.Duration // by the batches' own time; 0 means as long as MaxBytes allows
	Consumers    []string      // readers whose checkpoint counts as 0 until they call Keep, so that nothing is deleted before they have come
	Registerer   prometheus.Registerer
	Logger       *slog.Logger
	FS           disk.FS // nil means the real directory
}

// A Log is the open log. It is safe for concurrent use.
type Log struct {
	mu      sync.Mutex
	batches []*fact.Batch
	changed chan struct{}
}

// Open opens the log in dir, or begins one.
func Open(dir string, opt Options) (*Log, error) {
	return &Log{changed: make(chan struct{})}, nil
}

// Append keeps b and returns its sequence number; the first is 1.
func (l *Log) Append(ctx context.Context, b *fact.Batch) (seq uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.batches = append(l.batches, b)
	close(l.changed)
	l.changed = make(chan struct{})
	return uint64(len(l.batches)), nil
}

// Follow calls fn with every record after the given one, in order, waiting for
// more until ctx ends or fn returns an error, which it then returns.
func (l *Log) Follow(ctx context.Context, after uint64, fn func(seq uint64, b *fact.Batch) error) error {
	for {
		l.mu.Lock()
		changed, ready := l.changed, l.batches[min(after, uint64(len(l.batches))):]
		l.mu.Unlock()
		for _, b := range ready {
			if err := ctx.Err(); err != nil {
				return err
			}
			after++
			if err := fn(after, b); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// Head returns the number of the newest record, 0 when there is none.
func (l *Log) Head() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.batches))
}

// Keep tells the log that consumer has done with everything up to seq.
func (l *Log) Keep(consumer string, seq uint64) {}

// Close stops the log.
func (l *Log) Close() error { return nil }
