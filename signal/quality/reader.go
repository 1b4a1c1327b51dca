package quality

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/steersman-ops/steersman/fact"
)

// A Follower is the intake log, as far as a reader needs it.
type Follower interface {
	// Follow calls fn with every batch after the given one, in order, and waits
	// for more until ctx ends.
	Follow(ctx context.Context, after uint64, fn func(seq uint64, b *fact.Batch) error) error
	// Head is the newest batch.
	Head() uint64
	// Keep says that the consumer needs nothing up to and with seq any more.
	Keep(consumer string, seq uint64)
}

// An Outbox takes findings. The same finding again changes nothing. What wraps
// [fact.ErrBusy] is tried again.
type Outbox interface {
	PutFinding(ctx context.Context, f fact.Finding) error
}

// Consumer is the reader's name at the intake log.
const Consumer = "quality"

// Options are the surroundings of a [Reader].
type Options struct {
	// Dir is where the snapshot lives. Empty: every start reads the whole log.
	Dir string
	// SnapshotEvery is the least log time between two snapshots; a large state is
	// written less often. Default 10 s.
	SnapshotEvery time.Duration
	// Agreed gives, at the start, the contracts that people have agreed to, for
	// the case that the log does not hold all of them any more. Nil: there are
	// none.
	Agreed func(context.Context) ([]fact.Contract, error)
	// Out takes the findings; nil: nobody wants them.
	Out Outbox
	// Open gives the findings about sources that last. It is asked once, when the
	// log was read as far as it went at the start; those of which nothing is known
	// then are closed. Nil: there are none.
	Open       func(context.Context) ([]fact.Finding, error)
	OnFinding  func(id string) // is told of each that was put; nil: nobody is
	Registerer prometheus.Registerer
	Logger     *slog.Logger // nil: silent
}

// A Reader follows the log and judges what is in it. Run it once; all other
// methods may be called from any goroutine.
type Reader struct {
	log Follower
	opt Options

	mu     sync.Mutex
	q      *Quality
	seq    uint64 // the last batch that was taken in
	saved  uint64
	ticked int64 // ms
	kept   struct {
		at    int64 // log time of the last snapshot, ms
		bytes int
	}
}

const (
	snapshotName  = "quality.snapshot"
	snapshotCheap = 4 << 20         // bytes that may be written every SnapshotEvery
	snapshotRare  = 2 * time.Minute // but never more rarely than this
	tickEvery     = 1000            // ms of the log
)

// NewReader returns a reader that does nothing until Run is called.
func NewReader(cfg Config, log Follower, opt Options) *Reader {
	if opt.SnapshotEvery <= 0 {
		opt.SnapshotEvery = 10 * time.Second
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.OnFinding == nil {
		opt.OnFinding = func(string) {}
	}
	r := &Reader{log: log, opt: opt, q: New(cfg)}
	if opt.Registerer != nil {
		opt.Registerer.MustRegister(meters{r})
	}
	return r
}

// Run follows the log from the last snapshot until ctx ends, which is no error.
func (r *Reader) Run(ctx context.Context) error {
	if err := r.restore(); err != nil {
		return fmt.Errorf("quality: %w", err)
	}
	if err := r.agreed(ctx); err != nil {
		return fmt.Errorf("quality: %w", err)
	}
	r.log.Keep(Consumer, r.seq)
	head, caughtUp := r.log.Head(), r.opt.Open == nil
	err := r.log.Follow(ctx, r.seq, func(seq uint64, b *fact.Batch) error {
		if err := r.take(ctx, seq, b); err != nil {
			return err
		}
		if !caughtUp && seq >= head {
			caughtUp = true
			return r.closeOrphans(ctx)
		}
		return nil
	})
	if ctx.Err() == nil {
		return fmt.Errorf("quality: follow the log after %d: %w", r.seq, err)
	}
	r.save()
	return nil
}

// take takes one batch in.
func (r *Reader) take(ctx context.Context, seq uint64, b *fact.Batch) error {
	r.mu.Lock()
	r.q.Observe(b)
	var found []fact.Finding
	if r.q.now-r.ticked >= tickEvery {
		r.ticked = r.q.now
		found = r.q.Tick()
	}
	r.mu.Unlock()
	for _, f := range found {
		if err := r.put(ctx, f); err != nil {
			return err
		}
	}
	r.mu.Lock()
	r.seq = seq
	r.mu.Unlock()
	r.saveIfDue()
	return nil
}

// agreed takes in the contracts that are on record.
func (r *Reader) agreed(ctx context.Context) error {
	if r.opt.Agreed == nil {
		return nil
	}
	list, err := r.opt.Agreed(ctx)
	if err != nil {
		return fmt.Errorf("read the contracts: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range list {
		r.q.Agree(c)
	}
	return nil
}

// closeOrphans closes the findings that a state has left open which was lost
// since: nobody else would ever close them.
func (r *Reader) closeOrphans(ctx context.Context) error {
	open, err := r.opt.Open(ctx)
	if err != nil {
		r.opt.Logger.Error("findings about sources that may be left open were not looked for; they are at the next start", "err", err)
		return nil
	}
	known := r.q.lasting()
	for _, f := range open {
		if known[f.ID] || !f.Ended.IsZero() {
			continue
		}
		f.Ended = time.UnixMilli(max(r.q.now, f.Onset.UnixMilli()+1)).UTC()
		if err := r.put(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// put does not give up while the outbox is only busy.
func (r *Reader) put(ctx context.Context, f fact.Finding) error {
	if r.opt.Out == nil {
		return nil
	}
	for {
		err := r.opt.Out.PutFinding(ctx, f)
		if err == nil {
			r.opt.OnFinding(f.ID)
			return nil
		}
		if !errors.Is(err, fact.ErrBusy) {
			return fmt.Errorf("put finding %s: %w", f.ID, err)
		}
		r.opt.Logger.Warn("a finding about a source waits", "finding", f.ID, "err", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// saveIfDue writes a snapshot when enough log time has passed since the last.
func (r *Reader) saveIfDue() {
	every := r.opt.SnapshotEvery
	if r.kept.bytes > snapshotCheap {
		every = min(snapshotRare, every*time.Duration(r.kept.bytes)/snapshotCheap)
	}
	if r.kept.at == 0 {
		r.kept.at = r.q.now
	}
	if r.q.now-r.kept.at >= every.Milliseconds() {
		r.save()
	}
}

// save writes the snapshot durably into its place. What cannot be written is
// tried again, and the log kept until then.
func (r *Reader) save() {
	r.kept.at = r.q.now
	if r.opt.Dir == "" || r.saved == r.seq {
		return
	}
	size, err := replace(filepath.Join(r.opt.Dir, snapshotName), func(w io.Writer) error { return r.q.Save(w, r.seq) })
	if err != nil {
		r.opt.Logger.Error("the state of the quality was not saved; it is tried again, and the log kept until then", "err", err)
		return
	}
	r.kept.bytes = size
	r.mu.Lock()
	r.saved = r.seq
	r.mu.Unlock()
	r.log.Keep(Consumer, r.seq)
}

// restore reads the snapshot. Without one, with one that cannot be read or that
// is ahead of the log, the log is read from its start.
func (r *Reader) restore() error {
	if r.opt.Dir == "" {
		return nil
	}
	if err := os.MkdirAll(r.opt.Dir, 0o700); err != nil {
		return err
	}
	path := filepath.Join(r.opt.Dir, snapshotName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read snapshot: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	empty := New(r.q.cfg)
	seq, err := r.q.Restore(data)
	if head := r.log.Head(); err == nil && seq > head {
		err = fmt.Errorf("it is ahead of the intake log, %d of %d, which must be a new one", seq, head)
		*r.q = *empty
	}
	if err != nil {
		r.opt.Logger.Error("the snapshot of the quality is ignored: what was learned is learned again from what the log still holds", "file", path, "err", err)
		return nil
	}
	r.seq, r.saved, r.ticked, r.kept.at, r.kept.bytes = seq, seq, r.q.now, r.q.now, len(data)
	return nil
}

// replace writes a file so that after a crash either the old or the new one is
// there.
func replace(path string, write func(io.Writer) error) (size int, err error) {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, err
	}
	c := counting{w: f}
	if err := errors.Join(write(&c), f.Sync(), f.Close()); err != nil {
		return 0, errors.Join(err, os.Remove(f.Name())) // the disk may be full
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return 0, err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return 0, err
	}
	return c.n, errors.Join(dir.Sync(), dir.Close())
}

type counting struct {
	w io.Writer
	n int
}

func (c *counting) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += n
	return n, err
}

// Report returns what is known of every source, in order of name.
func (r *Reader) Report() []SourceReport {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.q.Report()
}

// A Contracted is what a source should send, and how it does not.
type Contracted struct {
	Agreed   *fact.Contract // that a person has agreed to; nil: there is none
	Inferred *fact.Contract // from what it sends; nil: see Early
	Early    string         // why none could be inferred yet
	Breaches []Breach       // of the one that was agreed to
}

// Contract returns the contracts of a source.
func (r *Reader) Contract(name string) (c Contracted, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if agreed, breaches, ok := r.q.Agreed(name); ok {
		c.Agreed, c.Breaches = &agreed, breaches
	}
	inferred, err := r.q.Infer(name)
	var early *fact.Problem
	switch {
	case err == nil:
		c.Inferred = &inferred
	case errors.As(err, &early):
		c.Early = early.Error()
	default:
		return c, err
	}
	return c, nil
}

// Of says how far what is known of an entity is to be trusted.
func (r *Reader) Of(e fact.Entity) Trust {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.q.Of(e)
}

// Snapshot returns the whole state.
func (r *Reader) Snapshot() ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b bytes.Buffer
	err := r.q.Save(&b, r.seq)
	return b.Bytes(), err
}
