package intake

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/disk"
)

// Options say how a log is kept. The zero value is fit for use.
type Options struct {
	// SegmentBytes is the size at which a segment is closed and the next one
	// begun. Deleting goes by segments. 0 means 64 MiB; it is never more than
	// a quarter of MaxBytes.
	SegmentBytes int64

	// MaxBytes is how much all segments may take together; 0 means 4 GiB. The
	// oldest segments go when it is reached, but none that a consumer has not
	// done with: then Append is refused until it has. For what is not telemetry
	// (the clock, changes, events) a 64th comes on top, also of QueueBytes.
	MaxBytes int64

	// Reserve is how much of the disk telemetry leaves free, so that everything
	// else can still be written when it is full: decisions, the audit trail, the
	// clock. Segments that all have done with go first; then Append is refused.
	// 0 means [disk.Reserve]; negative means nothing.
	Reserve int64

	// MaxAge is how long a batch is kept, by the batches' own time of receipt.
	// 0 means as long as MaxBytes allows.
	MaxAge time.Duration

	// Consumers are the readers that there are. The checkpoint of one that has
	// not called Keep yet counts as 0, so that nothing is deleted before it
	// has come.
	Consumers []string

	// QueueBytes is how much may wait for the writer; 0 means 64 MiB. Beyond
	// it Append is refused.
	QueueBytes int64

	// WindowBytes is how much memory the newest batches may take; 0 means
	// 32 MiB. Readers no farther behind need no disk.
	WindowBytes int64

	Registerer prometheus.Registerer // nil: no metrics
	Logger     *slog.Logger          // nil: silent
	FS         disk.FS               // nil: the real directory
}

func (o *Options) fill() {
	set := func(v *int64, otherwise int64) {
		if *v <= 0 {
			*v = otherwise
		}
	}
	set(&o.SegmentBytes, 64<<20)
	set(&o.MaxBytes, 4<<30)
	set(&o.QueueBytes, 64<<20)
	set(&o.WindowBytes, 32<<20)
	o.SegmentBytes = min(o.SegmentBytes, o.MaxBytes/4)
	o.Reserve = max(o.Reserve, -1)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// ErrClosed is returned by a log that was closed.
var ErrClosed = errors.New("the intake log is closed")

// A Log is the open log. It is safe for concurrent use.
type Log struct {
	opt      Options
	fs       disk.FS
	ownFS    bool
	logger   *slog.Logger
	met      *metrics
	encoders encoders
	spare    spare

	work chan struct{} // tells the writer that something waits; holds one
	done chan struct{} // closed when the writer has ended

	mu         sync.Mutex
	closed     bool
	queue      []*pending
	queueBytes int64
	segments   []segment // in order; the sizes are what was acknowledged
	total      int64     // bytes of all segments
	head       uint64
	floor      uint64 // numbers up to here were given out in an earlier life and must not come again
	win        window
	changed    chan struct{}     // closed and replaced when the head moves
	keep       map[string]uint64 // consumer → checkpoint

	// The writer's own.
	active disk.File // the newest segment; nil when a new one must be made
	number uint64    // of the newest file
	now    int64     // the newest Received
	told   int64     // when it was last said that telemetry is refused
	buf    []byte    // the group being written

	hurt quarantine
}

// pending is a batch that waits for the writer.
type pending struct {
	batch *fact.Batch
	rec   []byte // room for the header, then the payload
	sum   uint32 // CRC-32C of the payload
	seq   uint64
	err   error
	done  chan struct{} // closed when seq and err are set
}

// Append keeps b and returns its number. When it returns nil, b is on the disk.
//
// It wraps [fact.ErrBusy] when too much waits already, or when the log is full
// of batches that a consumer has not done with. After another error b is not in
// the log as its readers see it, but it may come back after a crash. When ctx
// ends first, b may be in the log or not: a sender that was told so and sends
// again may be heard twice.
func (l *Log) Append(ctx context.Context, b *fact.Batch) (seq uint64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("append to the intake log: %w", err)
	}
	p := &pending{batch: b, done: make(chan struct{})}
	p.rec = l.encoders.encode(l.spare.get(), b)
	if n := len(p.rec) - recordHeader; n > MaxBatch {
		return 0, &fact.Problem{
			What:  fmt.Sprintf("the batch is %d bytes long, the limit is %d", n, MaxBatch),
			Where: "source " + b.Source,
			Do:    "send it in smaller parts",
		}
	}
	p.sum = crc32.Checksum(p.rec[recordHeader:], castagnoli())
	if err := l.enqueue(p); err != nil {
		return 0, err
	}
	select {
	case <-p.done:
		return p.seq, p.err
	case <-ctx.Done():
		l.withdraw(p)
		select {
		case <-p.done: // it was written all the same
			return p.seq, p.err
		default:
		}
		return 0, fmt.Errorf("append to the intake log: %w", ctx.Err())
	}
}

func (l *Log) enqueue(p *pending) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	most := l.opt.QueueBytes
	if urgent(p.batch) {
		most += most / reserved
	}
	if len(l.queue) > 0 && l.queueBytes+int64(len(p.rec)) > most {
		l.met.busy.Inc()
		return fmt.Errorf("append to the intake log: %d batches with %d bytes wait for the disk: %w", len(l.queue), l.queueBytes, fact.ErrBusy)
	}
	l.queue = append(l.queue, p)
	l.queueBytes += int64(len(p.rec))
	l.wake()
	return nil
}

// withdraw takes p out of the queue if the writer has not taken it yet.
func (l *Log) withdraw(p *pending) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, q := range l.queue {
		if q == p {
			l.queue = append(l.queue[:i], l.queue[i+1:]...)
			l.queueBytes -= int64(len(p.rec))
			return
		}
	}
}

func (l *Log) wake() {
	select {
	case l.work <- struct{}{}:
	default:
	}
}

// Head returns the number of the newest record, 0 when there never was one.
func (l *Log) Head() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head
}

// Keep tells the log that consumer has done with everything up to seq, and
// needs the rest. A log that knows of no consumer deletes by size and age alone.
//
// If seq lies beyond the head, the log has lost records that the consumer has
// seen; their numbers will not be given out again.
func (l *Log) Keep(consumer string, seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keep[consumer] = seq
	l.seen(seq)
}

// seen takes note that a reader has seen everything up to seq.
func (l *Log) seen(seq uint64) {
	if seq > l.head && seq > l.floor {
		l.floor = seq
		l.logger.Warn("intake: a reader has seen more than the log holds", "reader", seq, "head", l.head)
	}
}

// state returns what the metrics show.
func (l *Log) state() (head uint64, size int64, lags map[string]uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lags = maps.Clone(l.keep)
	for c, seq := range lags {
		lags[c] = l.head - min(seq, l.head)
	}
	return l.head, l.total, lags
}

// Close writes what waits, stops the log and gives the directory free. Followers
// return [ErrClosed].
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		<-l.done
		return nil
	}
	l.closed = true
	l.wake()
	l.mu.Unlock()
	<-l.done
	l.mu.Lock()
	close(l.changed)
	l.mu.Unlock()
	var errs []error
	if l.active != nil {
		errs = append(errs, l.active.Close())
	}
	if l.ownFS {
		errs = append(errs, l.fs.Close())
	}
	if l.opt.Registerer != nil {
		l.opt.Registerer.Unregister(l.met)
	}
	return errors.Join(errs...)
}

// spare holds the memory of records that were written, for the next ones.
type spare struct{ pool sync.Pool }

// get returns a slice with room for a record header.
func (s *spare) get() []byte {
	if b, ok := s.pool.Get().(*[]byte); ok {
		return (*b)[:recordHeader]
	}
	return make([]byte, recordHeader, recordHeader+512)
}

func (s *spare) put(b []byte) {
	if cap(b) >= recordHeader && cap(b) <= 4<<20 {
		s.pool.Put(&b)
	}
}
