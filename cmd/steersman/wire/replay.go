package wire

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/steersman-ops/steersman/cmd/steersman/config"
	"github.com/steersman-ops/steersman/console/api"
	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal/recorded"
	"github.com/steersman-ops/steersman/store/intake"
	"github.com/steersman-ops/steersman/store/records"
)

// Replayed is the account of a replay.
type Replayed struct {
	From      time.Time       `json:"from"` // the first and the last moment of the recording
	To        time.Time       `json:"to"`
	Batches   int             `json:"batches"`
	Files     []recorded.File `json:"files"`
	Findings  []fact.Finding  `json:"findings"`
	Incidents []fact.Incident `json:"incidents"`
}

// forever is for how long a replay keeps what it reads: nothing recorded is too
// old.
const forever = config.Duration(100 * 365 * 24 * time.Hour)

// Replay feeds what is recorded at the paths into a data folder of its own, and
// watches it as if it came in now. A path is what [recorded.Read] reads, or the
// data folder of a Steersman that is not running, of which the intake log is
// read. The clock is the recording's: two replays of the same find the same.
// Nothing is proposed and nothing is done.
func Replay(ctx context.Context, cfg config.Config, paths []string, read recorded.Options, opt Options) (out Replayed, err error) {
	cfg.Metrics.Retention, cfg.Lines.Retention, cfg.Spans.Retention, cfg.Intake.MaxAge = forever, forever, forever, forever
	cfg.Metrics.MaxBytes, cfg.Lines.MaxBytes, cfg.Spans.MaxBytes = 0, 0, 0
	w := &worker{cfg: cfg, opt: opt, log: opt.Logger, metrics: prometheus.NewRegistry(), started: time.Now().UTC(), hints: new(api.Hints)}
	defer func() { err = errors.Join(err, w.close()) }()
	most, err := ceiling(int64(cfg.Memory))
	if err != nil {
		return out, err
	}
	w.budget = newBudget(most)
	w.budget.keep()
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return out, fmt.Errorf("make the data folder: %w", err)
	}
	if err := w.openStores(); err != nil {
		return out, err
	}
	if err := w.pour(ctx, paths, read, &out); err != nil {
		return out, err
	}
	if out.Findings, err = w.records.Findings(ctx, records.FindingQuery{Limit: records.NoLimit}); err != nil {
		return out, err
	}
	out.Incidents, err = w.records.Incidents(ctx, records.IncidentQuery{Limit: records.NoLimit})
	return out, err
}

// pour feeds the log and has it read at the same time, to its end.
func (w *worker) pour(ctx context.Context, paths []string, read recorded.Options, out *Replayed) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	log := &ending{Log: w.intake, stop: stop}
	w.follow(log, w.watching(), silent{w.records})
	w.judge(log)
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{w.watcher.Run, w.quality.Run, w.keep, w.liner.Run, w.spanner.Run} {
		running.Go(func() {
			if err := run(ctx); err != nil && context.Cause(ctx) == nil {
				stop(err)
			}
		})
	}
	if err := log.feed(ctx, paths, read, out); err != nil {
		stop(err)
	}
	running.Wait()
	if err := context.Cause(ctx); !errors.Is(err, errRead) {
		return err
	}
	return nil
}

// silent takes the watcher's papers and proposes nothing: what is recorded is
// over.
type silent struct{ *records.Store }

func (silent) Propose(context.Context, fact.Proposal) error { return nil }

// errRead ends the readers when all have read everything.
var errRead = errors.New("all is read")

// ending is a log that has an end.
type ending struct {
	*intake.Log
	stop context.CancelCauseFunc
	last atomic.Uint64 // the number of the last record, once that is known
	done atomic.Int32  // readers that have seen it
}

// Follow is the log's, and takes note when the reader is at the end.
func (e *ending) Follow(ctx context.Context, after uint64, fn func(seq uint64, b *fact.Batch) error) error {
	return e.Log.Follow(ctx, after, func(seq uint64, b *fact.Batch) error {
		if err := fn(seq, b); err != nil {
			return err
		}
		if seq == e.last.Load() && int(e.done.Add(1)) == len(readers) {
			e.stop(errRead)
		}
		return nil
	})
}

// feed appends everything. The last record is held back until it is known to be
// the last, so that no reader can pass it unaware.
func (e *ending) feed(ctx context.Context, paths []string, read recorded.Options, out *Replayed) error {
	var held *fact.Batch
	put := func(b *fact.Batch) error {
		if held != nil {
			if err := e.append(ctx, held); err != nil {
				return err
			}
		}
		at := time.UnixMilli(b.Received).UTC()
		if out.Batches == 0 {
			out.From = at
		}
		held, out.To = b, at
		out.Batches++
		return nil
	}
	files := paths[:0:0]
	for _, p := range paths {
		if _, err := os.Stat(filepath.Join(p, "intake")); err != nil {
			files = append(files, p)
			continue
		}
		if len(paths) > 1 {
			return fmt.Errorf("%s is the data folder of a Steersman, whose log has a clock of its own: replay it alone", p)
		}
		if err := reread(ctx, filepath.Join(p, "intake"), put); err != nil {
			return err
		}
	}
	if len(files) > 0 {
		var err error
		if out.Files, err = recorded.Read(ctx, files, read, put); err != nil {
			return err
		}
	}
	if held == nil {
		return fmt.Errorf("there is nothing to replay at %v", paths)
	}
	e.last.Store(e.Head() + 1)
	return e.append(ctx, held)
}

// append waits for the readers when the log is full of what they have not read.
func (e *ending) append(ctx context.Context, b *fact.Batch) error {
	for {
		_, err := e.Append(ctx, b)
		if !errors.Is(err, fact.ErrBusy) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// reread hands on what is in the intake log of a Steersman that does not run.
func reread(ctx context.Context, dir string, put func(*fact.Batch) error) error {
	from, err := intake.Open(dir, intake.Options{})
	if err != nil {
		return fmt.Errorf("%w (is that Steersman still running? then take a backup, restore it and replay that)", err)
	}
	head, end := from.Head(), errors.New("read")
	if head > 0 {
		err = from.Follow(ctx, 0, func(seq uint64, b *fact.Batch) error {
			if err := put(b); err != nil {
				return err
			}
			if seq >= head {
				return end
			}
			return nil
		})
	}
	if errors.Is(err, end) {
		err = nil
	}
	return errors.Join(err, from.Close())
}
