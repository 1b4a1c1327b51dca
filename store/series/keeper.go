package series

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"strings"
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

// Consumer is the keeper's name at the intake log.
const Consumer = "series"

// KeeperOptions say when the keeper saves and what it refuses. The zero value
// of each field means its default.
type KeeperOptions struct {
	// Every is the time between two checkpoints. A longer one makes a restart
	// replay more and costs fewer syncs. Default 1 second.
	Every time.Duration

	// Ahead is how far after the receipt of its batch a sample may be; what is
	// further is quarantined. Default 10 minutes.
	Ahead time.Duration

	Registerer prometheus.Registerer // nil: the metrics are not registered
	Logger     *slog.Logger          // nil: silent
}

// A Keeper brings the samples of the intake log into the store.
type Keeper struct {
	store *Store
	log   Follower
	opt   KeeperOptions
	path  string
	tally *tally

	skip    int64     // batches received before this are in the store for certain
	mending uint64    // what was lost of the store is in batches up to this one
	done    uint64    // newest batch in the store
	saved   uint64    // newest batch that the checkpoint covers
	samples bool      // samples were appended since the last checkpoint
	savedAt time.Time // when the last checkpoint was written

	mu      sync.Mutex
	stalled error
}

// NewKeeper returns a keeper that has not begun. The store must have no other
// keeper.
func NewKeeper(store *Store, log Follower, opt KeeperOptions) *Keeper {
	if opt.Every <= 0 {
		opt.Every = time.Second
	}
	if opt.Ahead <= 0 {
		opt.Ahead = 10 * time.Minute
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	return &Keeper{
		store: store,
		log:   log,
		opt:   opt,
		path:  filepath.Join(store.dir, checkpointFile),
		tally: newTally(opt.Registerer),
	}
}

// Run follows the log until ctx ends and then writes a last checkpoint. It
// returns nil when ctx has ended.
func (k *Keeper) Run(ctx context.Context) error {
	if err := k.begin(); err != nil {
		return fmt.Errorf("keep series: %w", err)
	}
	defer k.store.admitLate(0)
	err := k.log.Follow(ctx, k.done, func(seq uint64, b *fact.Batch) error { return k.take(ctx, seq, b) })
	if ctx.Err() != nil && (err == nil || errors.Is(err, ctx.Err()) || errors.Is(err, context.Canceled)) {
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("keep series: %w", err)
	}
	return errors.Join(err, k.checkpoint())
}

// begin decides from where the log is read.
func (k *Keeper) begin() error {
	c, err := readCheckpoint(k.path)
	if err != nil {
		k.opt.Logger.Warn("the intake log is read from its start", "err", err)
	}
	head := k.log.Head()
	switch {
	case c.Seq > head:
		k.opt.Logger.Warn("the checkpoint is ahead of the intake log, which must be a new one; it is read from its start",
			"checkpoint", c.Seq, "log", head)
		c = checkpoint{}
	case k.store.Repaired():
		k.opt.Logger.Warn("the intake log is read from its start, to mend what was lost of the series", "checkpoint", c.Seq)
		c = checkpoint{Mending: head, MendFrom: k.store.inBlocks() - k.opt.Ahead.Milliseconds()}
		if err := writeCheckpoint(k.path, c); err != nil { // a kill must not make it forget
			return err
		}
	}
	k.done, k.saved, k.savedAt = c.Seq, c.Seq, time.Now()
	if c.Mending > c.Seq {
		k.mend(c.Mending, c.MendFrom)
	}
	k.log.Keep(Consumer, c.Seq)
	return nil
}

// mend prepares for fetching again what was lost, up to the batch last: what
// was received before the time from is passed over, and samples may be as late
// as that.
func (k *Keeper) mend(last uint64, from int64) {
	k.mending, k.skip = last, from
	late := time.Duration(max(0, k.store.db.Head().MaxTime()-from)) * time.Millisecond
	k.store.admitLate(late + k.opt.Ahead)
}

// mended ends that.
func (k *Keeper) mended() {
	k.mending, k.skip = 0, 0
	k.store.admitLate(0)
}

// take brings one batch into the store.
func (k *Keeper) take(ctx context.Context, seq uint64, b *fact.Batch) error {
	if len(b.Series)+len(b.Histograms)+len(b.Deltas)+len(b.Exemplars) > 0 && b.Received >= k.skip {
		res, err := k.append(ctx, b)
		if err != nil {
			return err
		}
		k.tally.add(b.Source, b.Samples()+len(b.Exemplars), res)
		k.samples = true
	}
	k.done = seq
	k.tally.seq.Set(float64(seq))
	if k.mending > 0 && seq >= k.mending {
		k.mended()
	}
	if time.Since(k.savedAt) < k.opt.Every {
		return nil
	}
	if !k.samples && k.done-k.saved < idleBatches {
		return k.store.Sync() // what others have appended
	}
	err := k.checkpoint()
	if errors.Is(err, errCheckpoint) {
		// The next one will do; until then a restart has more to replay.
		k.opt.Logger.Error("the intake log is kept for longer", "err", err)
		k.savedAt = time.Now()
		return nil
	}
	return err
}

// idleBatches is how many batches without samples are worth a checkpoint.
const idleBatches = 30

// append does not give up: what was acknowledged must come to rest. While the
// store cannot take it (a full disk, say), Stalled tells why.
func (k *Keeper) append(ctx context.Context, b *fact.Batch) (Result, error) {
	const first, longest = 100 * time.Millisecond, 10 * time.Second
	for wait := first; ; wait = min(2*wait, longest) {
		res, err := Result{}, k.store.room()
		if err == nil {
			res, err = k.store.AppendBatch(ctx, b, b.Received+k.opt.Ahead.Milliseconds())
		}
		k.stall(err)
		if err == nil {
			return res, nil
		}
		if ctx.Err() != nil {
			return res, ctx.Err()
		}
		k.opt.Logger.Error("samples wait in the intake log", "err", err, "again in", wait)
		select {
		case <-ctx.Done():
			return res, ctx.Err()
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

// errCheckpoint is wrapped when the samples are durable and only the note that
// says so is not. A sync that goes wrong is another matter: whether the data
// are on disk is not known any more, so the keeper stops.
var errCheckpoint = errors.New("checkpoint is not written")

// checkpoint makes durable what is in the store and then says so.
func (k *Keeper) checkpoint() error {
	if k.done == k.saved {
		return nil
	}
	if err := k.store.Sync(); err != nil {
		return err
	}
	if err := writeCheckpoint(k.path, checkpoint{Seq: k.done, Mending: k.mending, MendFrom: k.skip}); err != nil {
		return fmt.Errorf("%w: %w", errCheckpoint, err)
	}
	k.saved, k.samples, k.savedAt = k.done, false, time.Now()
	k.tally.saved.Set(float64(k.saved))
	k.log.Keep(Consumer, k.saved)
	return nil
}

// Counts says what became of the samples of one source since the start.
// Accepted = Stored + Duplicate + all of Quarantined.
type Counts struct {
	Accepted    uint64
	Stored      uint64
	Duplicate   uint64
	Quarantined map[string]uint64 // by reason
}

// Counts returns the counts of each source.
func (k *Keeper) Counts() map[string]Counts { return k.tally.counts() }

// maxSources is how many sources are counted by name, of those whose name holds
// a slash: that is of the senders' own choice. The others are few, because
// somebody gave them a name.
const maxSources = 1000

// otherSources is what those beyond it are counted as.
const otherSources = "others"

// A tally counts samples by source and by what became of them.
type tally struct {
	accepted, fate *prometheus.CounterVec
	seq, saved     prometheus.Gauge

	mu     sync.Mutex
	source map[string]*Counts
	loose  int // sources with a slash
}

func newTally(reg prometheus.Registerer) *tally {
	t := &tally{
		accepted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "steersman_series_accepted_samples_total",
			Help: "Samples that came out of the intake log.",
		}, []string{"source"}),
		fate: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "steersman_series_samples_total",
			Help: "What became of the accepted samples: stored, duplicate, or quarantined for a reason.",
		}, []string{"source", "fate", "reason"}),
		seq: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "steersman_series_log_seq",
			Help: "Sequence number of the last batch of the intake log that was taken in.",
		}),
		saved: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "steersman_series_checkpoint",
			Help: "The newest batch of the intake log whose samples are durable in the store.",
		}),
		source: make(map[string]*Counts),
	}
	if reg != nil {
		reg.MustRegister(t.accepted, t.fate, t.seq, t.saved)
	}
	return t
}

func (t *tally) add(source string, accepted int, res Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, loose := t.source[source], strings.Contains(source, "/")
	if c == nil && loose && t.loose >= maxSources {
		source, loose = otherSources, false
		c = t.source[source]
	}
	if c == nil {
		if loose {
			t.loose++
		}
		c = &Counts{Quarantined: make(map[string]uint64)}
		t.source[source] = c
	}
	c.Accepted += uint64(accepted)
	c.Stored += uint64(res.Stored)
	c.Duplicate += uint64(res.Duplicate)
	t.accepted.WithLabelValues(source).Add(float64(accepted))
	t.fate.WithLabelValues(source, "stored", "").Add(float64(res.Stored))
	t.fate.WithLabelValues(source, "duplicate", "").Add(float64(res.Duplicate))
	for reason, n := range res.Reasons {
		c.Quarantined[reason] += uint64(n)
		t.fate.WithLabelValues(source, "quarantined", reason).Add(float64(n))
	}
}

func (t *tally) counts() map[string]Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make(map[string]Counts, len(t.source))
	for source, c := range t.source {
		one := *c
		one.Quarantined = maps.Clone(c.Quarantined)
		out[source] = one
	}
	return out
}
