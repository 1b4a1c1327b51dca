package logdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/steersman-ops/steersman/fact"
)

// A Follower is the part of the intake log that the keeper needs.
type Follower interface {
	// Follow calls fn with every batch after the given one, in order, and waits
	// for more until ctx ends.
	Follow(ctx context.Context, after uint64, fn func(seq uint64, b *fact.Batch) error) error

	// Keep says that the consumer needs nothing up to and with seq any more.
	Keep(consumer string, seq uint64)

	// Head is the newest batch.
	Head() uint64
}

// KeeperOptions say when the keeper saves. The zero value of each field means
// its default.
type KeeperOptions struct {
	// Every is the time between two checkpoints while rows come. A longer one
	// makes a restart replay more, and costs fewer flushes and smaller merges.
	// Default 5 seconds.
	Every time.Duration

	// Retain is the time between two looks at what is too old or too much.
	// Default 5 minutes.
	Retain time.Duration

	Registerer prometheus.Registerer // nil: the metrics are not registered
	Logger     *slog.Logger          // nil: silent
}

// A Part says what of a batch is kept, and how.
type Part struct {
	Count func(b *fact.Batch) int                                            // how many there are in it
	Put   func(ctx context.Context, n uint64, b *fact.Batch) (Result, error) // puts all into the database
}

// A Keeper brings what is kept out of the intake log into its database.
type Keeper struct {
	db   *DB
	part Part
	log  Follower
	opt  KeeperOptions
	path string
	seq  prometheus.Gauge
	read prometheus.Gauge

	at       checkpoint // what is saved
	done     uint64     // newest batch in the database
	dirty    bool       // rows were put since the last checkpoint
	savedAt  time.Time
	retained time.Time

	mu      sync.Mutex
	stalled error
}

// NewKeeper returns a keeper that has not begun. The database must have no other
// keeper.
func NewKeeper(db *DB, part Part, log Follower, opt KeeperOptions) *Keeper {
	if opt.Every <= 0 {
		opt.Every = 5 * time.Second
	}
	if opt.Retain <= 0 {
		opt.Retain = 5 * time.Minute
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	k := &Keeper{
		db: db, part: part, log: log, opt: opt, path: filepath.Join(db.dir, checkpointFile),
		seq: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "steersman_" + db.kind.Name + "_checkpoint", Help: "The newest batch of the intake log whose " + db.kind.Noun + " are durable in the store.",
		}),
		read: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "steersman_" + db.kind.Name + "_log_seq", Help: "The newest batch of the intake log that was read.",
		}),
	}
	if opt.Registerer != nil {
		opt.Registerer.MustRegister(k.seq, k.read)
	}
	return k
}

// Run follows the log until ctx ends and then writes a last checkpoint. It
// returns nil when ctx has ended.
func (k *Keeper) Run(ctx context.Context) error {
	if err := k.begin(ctx); err != nil {
		return fmt.Errorf("keep %s: %w", k.db.kind.Noun, err)
	}
	err := k.log.Follow(ctx, k.done, func(seq uint64, b *fact.Batch) error { return k.take(ctx, seq, b) })
	if ctx.Err() != nil && (err == nil || errors.Is(err, ctx.Err()) || errors.Is(err, context.Canceled)) {
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("keep %s: %w", k.db.kind.Noun, err)
	}
	return errors.Join(err, k.checkpoint(context.WithoutCancel(ctx)))
}

// begin decides from where the log is read.
func (k *Keeper) begin(ctx context.Context) error {
	c, err := readCheckpoint(k.path)
	if err != nil {
		last, err2 := k.db.Last(ctx)
		if err2 != nil {
			return err2
		}
		if !missing(err) || last > 0 {
			k.opt.Logger.Warn("the intake log is read from its start for "+k.db.kind.Noun+"; those that are in the store are passed over", "err", err)
		}
		c = checkpoint{Era: max(last>>eraBits, readEra(k.db.dir))}
	}
	head := k.log.Head()
	if c.Seq > head {
		k.opt.Logger.Warn("the checkpoint of the "+k.db.kind.Noun+" is ahead of the intake log, which must be a new one; it is read from its start", "checkpoint", c.Seq, "log", head)
		c = checkpoint{Era: c.Era + 1}
		if err := errors.Join(writeEra(k.db.dir, c.Era), writeCheckpoint(k.path, c)); err != nil { // a kill must not make it forget
			return err
		}
	}
	k.at, k.done, k.savedAt = c, c.Seq, time.Now()
	k.db.Resume(c.number(c.Seq), c.number(head))
	k.seq.Set(float64(c.Seq))
	k.log.Keep(k.db.kind.Name, c.Seq)
	return nil
}

// idleBatches is how many batches without rows are worth a checkpoint.
const idleBatches = 30

// take brings one batch into the database.
func (k *Keeper) take(ctx context.Context, seq uint64, b *fact.Batch) error {
	if k.part.Count(b) > 0 {
		if err := k.put(ctx, seq, b); err != nil {
			return err
		}
		k.dirty = true
	} else if k.dirty && b.Source == fact.ClockSource {
		if err := k.db.Flush(); err != nil {
			return err
		}
	}
	k.done = seq
	k.read.Set(float64(seq))
	if time.Since(k.retained) >= k.opt.Retain {
		k.retained = time.Now()
		if _, err := k.db.Retain(); err != nil {
			k.opt.Logger.Error(k.db.kind.Noun+" that are too old or too many stay for now", "err", err)
		}
	}
	if time.Since(k.savedAt) < k.opt.Every || !k.dirty && k.done-k.at.Seq < idleBatches {
		return nil
	}
	if err := k.checkpoint(ctx); err != nil {
		// The next one will do; until then a restart has more to replay.
		k.opt.Logger.Error("the intake log is kept for longer", "err", err)
		k.savedAt = time.Now()
	}
	return nil
}

// put does not give up: what was acknowledged must come to rest. While the database
// cannot take it (a full disk, say), Stalled tells why.
func (k *Keeper) put(ctx context.Context, seq uint64, b *fact.Batch) error {
	const first, longest = 100 * time.Millisecond, 10 * time.Second
	for wait := first; ; wait = min(2*wait, longest) {
		res, err := k.part.Put(ctx, k.at.number(seq), b)
		k.stall(err)
		if err == nil {
			if len(res.Quarantined) > 0 {
				k.opt.Logger.Warn(k.db.kind.Noun+" were not kept", "source", b.Source, "batch", seq, k.db.kind.Name, res.Quarantined)
			}
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		k.opt.Logger.Error(k.db.kind.Noun+" wait in the intake log", "err", err, "again in", wait)
		if _, err := k.db.Retain(); err != nil {
			k.opt.Logger.Error(k.db.kind.Noun+" that are too old or too many stay for now", "err", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

func (k *Keeper) stall(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stalled = err
}

// Stalled returns why the keeper does not get on, or nil if it does.
func (k *Keeper) Stalled() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.stalled
}

// checkpoint makes durable what is in the database and then says so.
func (k *Keeper) checkpoint(ctx context.Context) error {
	if k.done == k.at.Seq {
		return nil
	}
	if err := k.db.Sync(ctx); err != nil {
		return err
	}
	c := checkpoint{Era: k.at.Era, Seq: k.done}
	if err := writeCheckpoint(k.path, c); err != nil {
		return err
	}
	k.at, k.dirty, k.savedAt = c, false, time.Now()
	k.seq.Set(float64(c.Seq))
	k.log.Keep(k.db.kind.Name, c.Seq)
	return nil
}
