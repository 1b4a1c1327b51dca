package watch

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/watch/remedy"
)

// A Follower is the intake log, as far as a reader needs it.
type Follower interface {
	// Follow calls fn with every record after the given sequence number, in
	// order, and waits for more until ctx ends or fn fails.
	Follow(ctx context.Context, after uint64, fn func(seq uint64, b *fact.Batch) error) error
	// Keep says that the consumer needs nothing at or below seq any more.
	Keep(consumer string, seq uint64)
}

// An Outbox takes the papers. Every method is idempotent: the same paper again
// changes nothing. What wraps [fact.ErrBusy] is tried again.
type Outbox interface {
	PutFinding(ctx context.Context, f fact.Finding) error
	PutIncident(ctx context.Context, inc fact.Incident) error
	PutChange(ctx context.Context, c fact.Change) error
	// Propose hands a proposal to the gate.
	Propose(ctx context.Context, p fact.Proposal) error
}

// A SeriesSink takes the derived series. A sample that it already has must be
// no error.
type SeriesSink interface {
	Append(ctx context.Context, series []fact.Series) error
}

// Config is what decides on findings: the same Config and the same log give
// the same papers.
type Config struct {
	Actuators []remedy.Actuator
}

// Options are the surroundings, which decide nothing.
type Options struct {
	// Dir is where the snapshot lives. Empty means no snapshot: every start
	// replays the whole log.
	Dir string
	// OnChange, if set, is called after something was written or the map was
	// drawn anew: kind is "map", "finding", "incident", "proposal" or
	// "change", id the paper's. It is called from Run's goroutine and must
	// return at once.
	OnChange   func(kind, id string)
	Registerer prometheus.Registerer // nil: no metrics
	Logger     *slog.Logger          // nil: slog.Default
}

// A Watcher watches. Run it once; Map may be called from any goroutine.
type Watcher struct {
	cfg    Config
	log    Follower
	out    Outbox
	series SeriesSink
	opt    Options
	drawn  atomic.Pointer[fact.Map]
}

// New returns a Watcher that does nothing until Run is called.
func New(cfg Config, log Follower, out Outbox, series SeriesSink, opt Options) *Watcher {
	if opt.Logger == nil {
		opt.Logger = slog.Default()
	}
	w := &Watcher{cfg: cfg, log: log, out: out, series: series, opt: opt}
	w.drawn.Store(&fact.Map{})
	return w
}

// Run follows the log until ctx ends, which is no error, or until something
// cannot be written.
func (w *Watcher) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Map returns the services as they were at the last tick. The caller must not
// change it.
func (w *Watcher) Map() fact.Map { return *w.drawn.Load() }
