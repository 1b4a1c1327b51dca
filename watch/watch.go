package watch

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal/topology"
	"github.com/steersman-ops/steersman/watch/flow"
	"github.com/steersman-ops/steersman/watch/metrics"
	"github.com/steersman-ops/steersman/watch/remedy"
	"github.com/steersman-ops/steersman/watch/triage"
)

// A Follower is the intake log, as far as a reader needs it.
type Follower interface {
	// Follow calls fn with every record after the given sequence number, in
	// order, and waits for more until ctx ends or fn fails.
	Follow(ctx context.Context, after uint64, fn func(seq uint64, b *fact.Batch) error) error
	// Head returns the number of the last record; 0 if there is none.
	Head() uint64
	// Keep says that the consumer needs nothing at or below seq any more.
	Keep(consumer string, seq uint64)
}

// An Outbox takes the papers. Every method is idempotent: the same paper again
// changes nothing. What wraps [fact.ErrBusy] is tried again.
type Outbox interface {
	PutFinding(ctx context.Context, f fact.Finding) error
	PutIncident(ctx context.Context, inc fact.Incident) error
	PutChange(ctx context.Context, c fact.Change) error
	PutNotice(ctx context.Context, n fact.Notice) error
	// Propose hands a proposal to the gate.
	Propose(ctx context.Context, p fact.Proposal) error
}

// A SeriesSink takes the derived series. A sample that it already has must be
// no error.
type SeriesSink interface {
	Append(ctx context.Context, series []fact.Series) error
	// Sync returns when what was appended before is on disk. It may be called
	// while something is appended.
	Sync() error
}

// Config is what decides on findings: the same Config and the same log give
// the same papers. The zero value watches and proposes nothing.
type Config struct {
	Topology  topology.Config
	Metrics   metrics.Config
	Triage    triage.Config
	Flows     flow.Config
	Actuators []remedy.Actuator // what could be done; nothing else is proposed

	// ProposalsLast is how long a proposal waits for a person. Zero means 15
	// minutes.
	ProposalsLast time.Duration

	// Baseline is how long a time before an incident "before" is. Zero means
	// 5 minutes; it should not be longer than Flows keeps.
	Baseline time.Duration
	// SnapshotEvery is the least log time between two snapshots. Zero means
	// 10 s. A large state is written less often.
	SnapshotEvery time.Duration
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
	OnChange func(kind, id string)
	// Open, if set, gives the papers that say that something lasts. It is asked
	// once, when the log was read as far as it went at the start; papers that
	// the watcher then knows nothing of are closed, and the incidents say so.
	Open       func(context.Context) ([]fact.Incident, []fact.Finding, error)
	Registerer prometheus.Registerer // nil: no metrics
	Logger     *slog.Logger          // nil: slog.Default
}

// Consumer is the name under which the watcher keeps the log.
const Consumer = "watch"

// A Watcher watches. Run it once; Map may be called from any goroutine.
type Watcher struct {
	cfg    Config
	log    Follower
	out    Outbox
	series SeriesSink
	opt    Options
	meters *meters
	drawn  atomic.Pointer[fact.Map]
	ready  atomic.Uint64 // readiness of the detectors as float bits

	graph  *topology.Graph
	detect *metrics.Metrics
	ring   *flow.Ring
	triage *triage.Triage
	state  state
	whole  bool // the last record was taken in whole
	saving struct {
		at    int64 // log time of the last snapshot, Unix milliseconds
		bytes int
		seq   uint64
		done  chan error // of the snapshot being written; nil: there is none
	}
}

// state is what the watcher itself remembers; with the state of its parts it
// is all that a snapshot holds.
type state struct {
	Seq     uint64 // the last record that was taken in whole
	Now     int64  // the latest Received, Unix milliseconds
	Ticked  int64  // Now at the last tick
	Closed  int64  // the end of the last closed second, Unix seconds
	Changes []fact.Change
	Hosts   []fact.Entity
	Files   map[string]*file // by incident
	Over    []flow.Span      // troubles of the last minutes that are over: not what "before" should be
}

// Bounds of what is remembered.
const (
	maxChanges = 500
	maxHosts   = 100
)

// New returns a Watcher that does nothing until Run is called.
func New(cfg Config, log Follower, out Outbox, series SeriesSink, opt Options) *Watcher {
	if opt.Logger == nil {
		opt.Logger = slog.Default()
	}
	if opt.OnChange == nil {
		opt.OnChange = func(kind, id string) {}
	}
	if cfg.Baseline <= 0 {
		cfg.Baseline = 5 * time.Minute
	}
	if cfg.SnapshotEvery <= 0 {
		cfg.SnapshotEvery = 10 * time.Second
	}
	if cfg.Topology.Registerer == nil {
		cfg.Topology.Registerer = opt.Registerer
	}
	if cfg.Metrics.Registerer == nil {
		cfg.Metrics.Registerer = opt.Registerer
	}
	w := &Watcher{cfg: cfg, log: log, out: out, series: series, opt: opt, meters: newMeters(opt.Registerer)}
	w.graph, w.detect = topology.New(cfg.Topology), metrics.New(cfg.Metrics)
	w.forget()
	w.drawn.Store(&fact.Map{})
	return w
}

// forget begins anew with everything that needs no care.
func (w *Watcher) forget() {
	w.ring, w.triage = flow.New(w.cfg.Flows), triage.New(w.cfg.Triage)
	w.state = state{Files: make(map[string]*file)}
}

// Run follows the log from the last snapshot until ctx ends, which is no
// error, or until something cannot be written, which is. Whoever runs it again
// must make a new Watcher.
func (w *Watcher) Run(ctx context.Context) error {
	if err := w.restore(); err != nil {
		return err
	}
	w.log.Keep(Consumer, w.state.Seq)
	w.whole = true
	head, caughtUp := w.log.Head(), w.opt.Open == nil
	err := w.log.Follow(ctx, w.state.Seq, func(seq uint64, b *fact.Batch) error {
		w.whole = false
		if err := w.take(ctx, seq, b); err != nil {
			return err
		}
		if !caughtUp && seq >= head {
			if err := w.closeOrphans(ctx); err != nil {
				return err
			}
			caughtUp = true
		}
		w.whole = true
		w.snapshotIfDue()
		return nil
	})
	w.snapshotDone(true)
	if ctx.Err() == nil {
		return fmt.Errorf("watch: follow the log after %d: %w", w.state.Seq, err)
	}
	if w.whole && w.opt.Dir != "" {
		w.save() // so that the next start has little to replay
		w.snapshotDone(true)
	}
	return nil
}

// Map returns the services as they were at the last tick. The caller must not
// change it.
func (w *Watcher) Map() fact.Map { return *w.drawn.Load() }

// Readiness returns how much of what is watched has learned what is normal, 0
// to 1, as of the last tick.
func (w *Watcher) Readiness() float64 { return math.Float64frombits(w.ready.Load()) }
