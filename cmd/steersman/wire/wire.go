// Package wire builds the rooms, hands each what it needs of the others, and
// runs them until one stops or somebody asks.
//
// It answers one question: what is connected to what? The adapters in it are
// as thin as a change of shape can be. It decides nothing.
//
// # Order
//
// Stores open first, the doors last, so that nothing is taken in that could
// not be kept. On the way down the doors close first: what was acknowledged is
// in the log, and whoever reads the log goes on from a checkpoint.
package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/run"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/steersman-ops/steersman/act"
	"github.com/steersman-ops/steersman/cmd/steersman/config"
	"github.com/steersman-ops/steersman/console/api"
	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/gate"
	"github.com/steersman-ops/steersman/govern"
	"github.com/steersman-ops/steersman/govern/desk"
	"github.com/steersman-ops/steersman/govern/identity"
	"github.com/steersman-ops/steersman/govern/watchdog"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/keyring"
	"github.com/steersman-ops/steersman/signal/promql"
	"github.com/steersman-ops/steersman/signal/quality"
	"github.com/steersman-ops/steersman/signal/scrape"
	"github.com/steersman-ops/steersman/signal/tail"
	"github.com/steersman-ops/steersman/store/disk"
	"github.com/steersman-ops/steersman/store/intake"
	"github.com/steersman-ops/steersman/store/ledger"
	"github.com/steersman-ops/steersman/store/lines"
	"github.com/steersman-ops/steersman/store/records"
	"github.com/steersman-ops/steersman/store/series"
	"github.com/steersman-ops/steersman/store/spans"
	"github.com/steersman-ops/steersman/watch"
)

// Options are the surroundings of a worker.
type Options struct {
	Version string
	Out     io.Writer // where a person looks: the greeting with the link
	Greet   bool      // print the greeting
	Stdin   io.Reader // tied to the parent: when it ends, so does the worker; nil: no tie
	Logger  *slog.Logger
}

// A worker is everything that runs, built but not yet running.
type worker struct {
	cfg     config.Config
	opt     Options
	log     *slog.Logger
	metrics *prometheus.Registry
	started time.Time

	budget   budget
	pressure pressure

	ballast  *disk.Ballast
	follower watch.Follower // the intake log, for its readers
	intake   *intake.Log
	series   *opening
	keeper   atomic.Pointer[series.Keeper] // nil until the series are open
	liner    *lines.Keeper
	lines    *lines.Store
	spanner  *spans.Keeper
	spans    *spans.Store
	records  *records.Store
	ledger   *ledger.Ledger

	stop     *watchdog.Switch
	identity *identity.Identity
	receipts *act.Receipts
	gate     *gate.Gate
	desk     *desk.Desk
	watcher  *watch.Watcher
	quality  *quality.Reader
	sources  *signal.Sources
	doors    *signal.Doors
	keyring  *keyring.Ring
	reads    []*promql.Reader
	scraper  *scrape.Scraper // nil: there is nothing to scrape
	tailer   *tail.Tailer    // nil: there are no files to follow
	hints    *api.Hints

	backing  sync.Mutex // held while a backup is taken
	warnings []string   // shown to people: what is off, and why
	closers  []func() error
}

// Broke is the error of a worker that was running: unlike one that could not
// begin, it is worth starting again.
type Broke struct{ Err error }

func (b Broke) Error() string { return b.Err.Error() }

// Unwrap returns what broke it.
func (b Broke) Unwrap() error { return b.Err }

// Run builds a worker and runs it until ctx ends, which is no error.
func Run(ctx context.Context, cfg config.Config, opt Options) (err error) {
	w := &worker{cfg: cfg, opt: opt, log: opt.Logger, metrics: prometheus.NewRegistry(), started: time.Now().UTC(), hints: new(api.Hints)}
	defer func() { err = errors.Join(err, w.close()) }()
	most, err := ceiling(int64(cfg.Memory))
	if err != nil {
		return err
	}
	w.budget = newBudget(most)
	w.budget.keep()
	if err := w.build(); err != nil {
		return err
	}
	var g run.Group
	if err := w.servers(&g); err != nil {
		return err
	}
	w.rooms(&g)
	g.Add(run.ContextHandler(ctx))
	if opt.Stdin != nil {
		add(&g, func(ctx context.Context) error { return watchdog.Tie(ctx, opt.Stdin) })
	}
	if opt.Greet {
		w.greet()
	}
	w.log.Info("ready", "took", time.Since(w.started).Round(time.Millisecond), "listen", w.cfg.Listen, "data", cfg.DataDir, "version", opt.Version)
	err = g.Run()
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	if bad := (unfit{}); errors.As(err, &bad) {
		return bad.error
	}
	return Broke{err}
}

// build opens the stores and makes the rooms, in the order of the house.
func (w *worker) build() error {
	if err := os.MkdirAll(w.cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	w.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "steersman_memory_ceiling_bytes", Help: "What --memory allows."}, func() float64 { return float64(w.budget.ceiling) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "steersman_memory_used_bytes", Help: "What the runtime holds of the system, files aside."}, func() float64 { return float64(used()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "steersman_build_info", Help: "Always 1; the version is a label.", ConstLabels: prometheus.Labels{"version": w.opt.Version}}, func() float64 { return 1 }))
	for _, step := range []func() error{w.openStores, w.openQuality, w.openGovern, w.openGate, w.openWatch, w.openDoors, w.openReads} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (w *worker) path(name string) string { return filepath.Join(w.cfg.DataDir, name) }

// later remembers what to close; the last opened is closed first.
func (w *worker) later(f func() error) { w.closers = append(w.closers, f) }

func (w *worker) close() error {
	var errs []error
	for i := len(w.closers) - 1; i >= 0; i-- {
		errs = append(errs, w.closers[i]())
	}
	return errors.Join(errs...)
}

// The readers of the intake log, as they name their checkpoints.
var readers = []string{"series", lines.Consumer, spans.Consumer, watch.Consumer, quality.Consumer}

// ballast is how much of the disk is given free when it is full.
const ballast = 16 << 20

func (w *worker) openStores() (err error) {
	w.ballast = disk.NewBallast(w.path("ballast"), ballast)
	w.trim()
	w.sweepBackups()
	if w.intake, err = intake.Open(w.path("intake"), intake.Options{
		MaxBytes: int64(w.cfg.Intake.MaxBytes), MaxAge: time.Duration(w.cfg.Intake.MaxAge), Consumers: readers,
		QueueBytes: w.budget.queue, WindowBytes: w.budget.window,
		Registerer: w.metrics, Logger: w.log,
	}); err != nil {
		return err
	}
	w.later(w.intake.Close)
	if w.series, err = openLater(func() (*series.Store, error) {
		return series.Open(w.path("series"), series.Options{
			Retention: time.Duration(w.cfg.Metrics.Retention), MaxBytes: int64(w.cfg.Metrics.MaxBytes),
			MaxSeries: w.budget.series, OutOfOrder: w.late(),
			Version: w.opt.Version, Registerer: w.metrics, Logger: slog.New(quieter{w.log.Handler()}),
		})
	}); err != nil {
		return err
	}
	w.later(w.series.Close)
	if w.lines, err = lines.Open(w.path("lines"), lines.Options{
		Retention: time.Duration(w.cfg.Lines.Retention), MaxBytes: int64(w.cfg.Lines.MaxBytes),
		Memory: min(int64(w.cfg.Lines.Memory), w.budget.search), Ahead: time.Duration(w.cfg.Limits.Ahead), Registerer: w.metrics, Logger: w.log,
	}); err != nil {
		return err
	}
	w.later(w.lines.Close)
	if w.spans, err = spans.Open(w.path("spans"), spans.Options{
		Retention: time.Duration(w.cfg.Spans.Retention), MaxBytes: int64(w.cfg.Spans.MaxBytes),
		Memory: min(int64(w.cfg.Lines.Memory), w.budget.search), Ahead: time.Duration(w.cfg.Limits.Ahead), Registerer: w.metrics, Logger: w.log,
	}); err != nil {
		return err
	}
	w.later(w.spans.Close)
	if w.records, err = records.Open(w.path("records.db"), records.Options{Version: w.opt.Version, Registerer: w.metrics, Logger: w.log}); err != nil {
		return err
	}
	w.later(w.records.Close)
	if w.ledger, err = ledger.Open(w.path("ledger"), ledger.Options{Registerer: w.metrics, Logger: w.log}); err != nil {
		return err
	}
	w.later(w.ledger.Close)
	if err := w.ledger.Err(); err != nil {
		w.warnings = append(w.warnings, "nothing can be approved: "+err.Error())
	}
	return nil
}

func (w *worker) openQuality() error {
	w.judge(w.intake)
	return nil
}

// judge makes the reader that judges what is in the log.
func (w *worker) judge(log quality.Follower) {
	w.quality = quality.NewReader(quality.Config{MaxSeries: w.budget.series}, log, quality.Options{
		Dir: w.path("quality"), Agreed: w.records.Contracts, Out: w.records, Open: lasting{w.records}.aboutSources,
		OnFinding: func(string) { w.hints.Tell(api.HintNow, "") }, Registerer: w.metrics, Logger: w.log,
	})
}

func (w *worker) openGovern() (err error) {
	if w.stop, err = watchdog.OpenSwitch(w.cfg.DataDir, watchdog.SwitchOptions{Logger: w.log}); err != nil {
		return err
	}
	w.identity, err = identity.Open(w.cfg.DataDir, identity.Options{Hosts: w.hosts(), Logger: w.log})
	return err
}

// hosts are the names under which browsers may ask.
func (w *worker) hosts() []string {
	hosts := w.cfg.Hosts
	if host, _, err := net.SplitHostPort(w.cfg.Listen); err == nil && host != "" {
		hosts = append(hosts[:len(hosts):len(hosts)], host)
	}
	return hosts
}

func (w *worker) openGate() (err error) {
	if w.receipts, err = act.OpenReceipts(w.path("receipts.jsonl")); err != nil {
		return err
	}
	w.later(w.receipts.Close)
	actuators, err := w.actuators()
	if err != nil {
		return err
	}
	doer, err := act.New(act.Options{Actuators: actuators, Switch: w.stop, Receipts: w.receipts, Timeout: time.Duration(w.cfg.Policy.ActionTimeout), Logger: w.log, Registerer: w.metrics})
	if err != nil {
		return err
	}
	journal := journal{w.records}
	governor, err := govern.New(w.policy(), govern.Options{Switch: w.stop, Incidents: journal, History: journal, Actuators: w.allowed(), Quality: trust{w.quality}})
	if err != nil {
		return err
	}
	if w.gate, err = gate.New(gate.Options{
		Governor: governor, Act: doer, Journal: journal, Ledger: proof{w.ledger}, Prober: prober{w.series}, Events: w.intake,
		Logger: w.log, Registerer: w.metrics, OnChange: func(d fact.Decision) {
			w.hints.Tell(api.HintDecision, d.Proposal.ID)
			w.hints.Tell(api.HintNow, "")
		},
	}); err != nil {
		return err
	}
	w.desk, err = desk.New(desk.Options{Gate: w.gate, Switch: w.stop, Ledger: proof{w.ledger}, Events: w.intake, Contracts: w.records, Logger: w.log})
	return err
}

func (w *worker) openWatch() error {
	w.follow(w.intake, w.watching(), outbox{w.records, w.gate})
	return nil
}

// follow makes the readers of the intake log.
func (w *worker) follow(log watch.Follower, cfg watch.Config, out watch.Outbox) {
	w.follower = log
	w.liner = lines.NewKeeper(w.lines, log, lines.KeeperOptions{Registerer: w.metrics, Logger: w.log})
	w.spanner = spans.NewKeeper(w.spans, log, spans.KeeperOptions{Registerer: w.metrics, Logger: w.log})
	w.watcher = watch.New(cfg, log, out, derived{w.series, w.log}, watch.Options{
		Dir: w.path("watch"), OnChange: w.hint, Open: lasting{w.records}.open, Registerer: w.metrics, Logger: w.log,
	})
}

// hint passes on what the watcher changed.
func (w *worker) hint(kind, id string) {
	switch kind {
	case "map":
		w.hints.Tell(api.HintMap, "")
	case "incident":
		w.hints.Tell(api.HintIncident, id)
		w.hints.Tell(api.HintNow, "")
	case "change":
		w.hints.Tell(api.HintChange, id)
	default:
		w.hints.Tell(api.HintNow, "")
	}
}

func (w *worker) openDoors() error {
	w.sources = signal.NewSources(signal.SourcesOptions{Registerer: w.metrics})
	known, err := w.records.Sources(context.Background())
	if err != nil {
		return err
	}
	w.sources.Restore(restored(known))
	limits := w.cfg.Limits.Signal()
	limits.InFlightBytes = min(limits.InFlightBytes, int(w.budget.inFlight))
	limits.KnownSeries = min(limits.KnownSeries, w.budget.series)
	limits.ActiveSeries = min(limits.ActiveSeries, w.budget.series)
	w.pressure.ceiling = w.budget.ceiling
	w.doors = &signal.Doors{Sink: w.intake, Limits: limits, Short: w.pressure.high.Load, Sources: w.sources, Clock: time.Now, Logger: w.log, Keys: new(signal.Keys), Owner: w.identity.Owner, Known: w.series.has}
	fixed, err := w.fixedSources()
	if err != nil {
		return err
	}
	if w.keyring, err = keyring.Open(w.path("sources.json"), fixed, w.doors.Keys); err != nil {
		return err
	}
	return w.openPullers()
}

// openPullers makes the doors that go and get what they bring.
func (w *worker) openPullers() (err error) {
	if jobs := w.cfg.ScrapeConfigs.Jobs; len(jobs) > 0 {
		if w.scraper, err = scrape.New(w.doors, jobs, scrape.Options{Limits: w.cfg.Scrape.Limits.Signal(), Registerer: w.metrics}); err != nil {
			return err
		}
	}
	var groups []tail.Group
	for i := range w.cfg.Files {
		groups = append(groups, w.cfg.Files[i].Group())
	}
	if len(groups) > 0 {
		w.tailer, err = tail.New(w.doors, groups, tail.Options{Dir: w.path("tail"), Registerer: w.metrics})
	}
	return err
}

// rooms adds what runs beside the servers.
func (w *worker) rooms(g *run.Group) {
	add(g, w.stop.Run)
	add(g, w.pressure.Run)
	add(g, w.keep)
	add(g, w.liner.Run)
	add(g, w.spanner.Run)
	add(g, w.watcher.Run)
	add(g, w.quality.Run)
	add(g, w.gate.Run)
	add(g, w.desk.Run)
	add(g, w.tick)
	add(g, w.saveSources)
	add(g, w.tellStop)
	add(g, w.prune)
	add(g, w.keepTrim)
	w.runReads(g)
	if w.scraper != nil {
		add(g, w.scraper.Run)
	}
	if w.tailer != nil {
		add(g, w.tailer.Run)
	}
}

// keepTrim looks after the ballast.
func (w *worker) keepTrim(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(5 * time.Second):
			w.trim()
		}
	}
}

func (w *worker) trim() {
	dropped, err := w.ballast.Trim()
	if err != nil {
		w.log.Warn("the ballast is not as it should be", "err", err)
	}
	if dropped {
		w.log.Error("the disk is full: the ballast was dropped, so that decisions and the audit trail can still be written; telemetry is refused until there is room", "data", w.cfg.DataDir)
	}
}

// add makes a function with a context a member of the group.
func add(g *run.Group, f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	g.Add(func() error { return f(ctx) }, func(error) { cancel() })
}

// tick writes the time into the intake log once a second, so that silence and
// expiry are seen, at the same place, whenever the log is read.
func (w *worker) tick(ctx context.Context) error {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-t.C:
			_, err := w.intake.Append(ctx, &fact.Batch{Source: fact.ClockSource, Received: now.UnixMilli()})
			if err != nil && ctx.Err() == nil {
				w.log.Warn("the clock could not be written to the intake log; detection waits", "err", err)
			}
		}
	}
}

// tellStop passes turns of the kill switch on to the consoles.
func (w *worker) tellStop(ctx context.Context) error {
	changed, stop := w.stop.Changed()
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
			w.hints.Tell(api.HintStop, "")
			w.hints.Tell(api.HintNow, "")
		}
	}
}

// prune forgets old papers, a few minutes after the start and then hourly. What
// was decided stays provable: leaves of the ledger do not age out.
func (w *worker) prune(ctx context.Context) error {
	for wait := 5 * time.Minute; ; wait = time.Hour {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		now := time.Now().UTC()
		n, err := w.records.Prune(ctx, records.Cutoff{
			Findings: now.Add(-time.Duration(w.cfg.Records.Findings)), Incidents: now.Add(-time.Duration(w.cfg.Records.Incidents)),
		})
		if err != nil && ctx.Err() == nil {
			w.log.Error("old papers were not forgotten", "err", err)
		} else if n > 0 {
			w.log.Info("forgot old papers", "papers", n)
		}
	}
}

// quieter turns what Prometheus' database tells of its ordinary days into
// details.
type quieter struct{ slog.Handler }

func (q quieter) Enabled(ctx context.Context, l slog.Level) bool {
	return q.Handler.Enabled(ctx, ordinary(l))
}

func (q quieter) Handle(ctx context.Context, r slog.Record) error {
	r.Level = ordinary(r.Level)
	return q.Handler.Handle(ctx, r)
}

func (q quieter) WithAttrs(a []slog.Attr) slog.Handler { return quieter{q.Handler.WithAttrs(a)} }
func (q quieter) WithGroup(n string) slog.Handler      { return quieter{q.Handler.WithGroup(n)} }

func ordinary(l slog.Level) slog.Level {
	if l == slog.LevelInfo {
		return slog.LevelDebug
	}
	return l
}

// greet tells a person where to look.
func (w *worker) greet() {
	base := w.base()
	fmt.Fprintf(w.opt.Out, "\n  Steersman %s\n\n  Console   %s\n            (this link signs you in, once; `steersman login` makes another)\n  Send to   OTLP %s (gRPC), %s (HTTP) · Prometheus remote write %s/api/v1/write\n  Data      %s\n\n",
		w.opt.Version, w.identity.LoginLink(base), orOff(w.cfg.OTLPGRPC), orOff(w.cfg.OTLPHTTP), base, w.cfg.DataDir)
	for _, warning := range w.warnings {
		fmt.Fprintf(w.opt.Out, "  Warning   %s\n", warning)
	}
}

func orOff(address string) string {
	if address == "" {
		return "off"
	}
	return address
}
