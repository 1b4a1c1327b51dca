package wire

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"

	"github.com/steersman-ops/steersman/act"
	"github.com/steersman-ops/steersman/act/process"
	"github.com/steersman-ops/steersman/act/router"
	"github.com/steersman-ops/steersman/console/api"
	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/gate"
	"github.com/steersman-ops/steersman/govern/identity"
	"github.com/steersman-ops/steersman/govern/policy"
	"github.com/steersman-ops/steersman/signal/quality"
	"github.com/steersman-ops/steersman/signal/topology"
	"github.com/steersman-ops/steersman/store/ledger"
	"github.com/steersman-ops/steersman/store/records"
	"github.com/steersman-ops/steersman/watch"
	"github.com/steersman-ops/steersman/watch/metrics"
	"github.com/steersman-ops/steersman/watch/remedy"
)

// outbox takes the watcher's papers: records keeps them, the gate takes the
// proposals.
type outbox struct {
	*records.Store
	gate *gate.Gate
}

func (o outbox) Propose(ctx context.Context, p fact.Proposal) error { return o.gate.Propose(ctx, p) }

// lasting is the watcher's view of the records: the papers that say that
// something lasts.
type lasting struct{ *records.Store }

func (l lasting) open(ctx context.Context) ([]fact.Incident, []fact.Finding, error) {
	incidents, err := l.Incidents(ctx, records.IncidentQuery{State: fact.Open, Limit: records.NoLimit})
	if err != nil {
		return nil, nil, err
	}
	findings, err := l.Findings(ctx, records.FindingQuery{Open: true, Limit: records.NoLimit})
	return incidents, slices.DeleteFunc(findings, aboutSource), err // those the quality closes
}

// aboutSources returns the findings about sources that last.
func (l lasting) aboutSources(ctx context.Context) ([]fact.Finding, error) {
	findings, err := l.Findings(ctx, records.FindingQuery{Open: true, Limit: records.NoLimit})
	return slices.DeleteFunc(findings, func(f fact.Finding) bool { return !aboutSource(f) }), err
}

func aboutSource(f fact.Finding) bool { return f.Signal.Entity.Kind == fact.Sender }

// derived stores the series that the watcher makes. Like the keeper, the
// watcher waits for a store that cannot take them, as on a full disk.
type derived struct {
	series *opening
	log    *slog.Logger
}

func (d derived) Append(ctx context.Context, s []fact.Series) error {
	store, err := d.series.wait(ctx)
	if err != nil {
		return err
	}
	_, err = store.Append(ctx, s)
	if err == nil || ctx.Err() != nil {
		return err
	}
	d.log.Error("detection waits for the time series store", "err", err)
	return fmt.Errorf("%w: %w", fact.ErrBusy, err)
}

func (d derived) Sync() error {
	if store := d.series.now(); store != nil {
		return store.Sync()
	}
	return nil // nothing was appended yet
}

// journal is the gate's and governance's view of the records.
type journal struct{ *records.Store }

func (j journal) RecentDecisions(ctx context.Context, since time.Time) ([]fact.Decision, error) {
	return j.Decisions(ctx, records.DecisionQuery{Since: since, Limit: math.MaxInt32})
}

func (j journal) IncidentOpen(ctx context.Context, id string) (bool, error) {
	i, err := j.Incident(ctx, id)
	return i.State == fact.Open, err
}

// trust is governance's view of the quality: how far what is known of an entity
// is to be trusted.
type trust struct {
	quality interface {
		Of(fact.Entity) quality.Trust
	}
}

func (t trust) DataOf(e fact.Entity) policy.Data { return policy.Data(t.quality.Of(e)) }

// proof is the gate's view of the ledger.
type proof struct{ ledger *ledger.Ledger }

func (p proof) Append(ctx context.Context, key, kind string, at time.Time, body any) (int64, string, error) {
	leaf, err := p.ledger.Append(ctx, key, kind, at, body)
	return leaf.Index, leaf.Hash, err
}

// prober asks one number of the series store.
type prober struct{ series *opening }

func (p prober) Probe(ctx context.Context, query string, at time.Time) (float64, bool, error) {
	store := p.series.now()
	if store == nil {
		return 0, false, errOpening
	}
	vs, err := store.Instant(ctx, query, at)
	switch {
	case err != nil:
		return 0, false, err
	case len(vs) > 1:
		return 0, false, fmt.Errorf("check %s gives %d values instead of one", query, len(vs))
	case len(vs) == 0 || math.IsNaN(vs[0].V):
		return 0, false, nil
	}
	return vs[0].V, true, nil
}

// auditor is the API's view of the ledger.
type auditor struct{ ledger *ledger.Ledger }

func (a auditor) Page(from int64, limit int) (api.Audit, error) {
	leaves, err := a.ledger.Leaves(from, limit)
	if leaves == nil {
		leaves = []ledger.Leaf{}
	}
	return api.Audit{Size: a.ledger.Size(), Checkpoint: a.ledger.Checkpoint(), Leaves: leaves}, err
}

func (a auditor) Verify(context.Context) (api.Verification, error) {
	r, err := a.ledger.Verify(ledger.VerifyOptions{})
	out := api.Verification{OK: r.OK() && err == nil, Size: r.Size, Checkpoint: r.Checkpoint, Problems: []string{}}
	for _, p := range r.Problems {
		out.Problems = append(out.Problems, p.String())
	}
	return out, err
}

func (w *worker) apiRooms() api.Rooms {
	return api.Rooms{
		Papers: w.records, Lines: w.lines, Spans: w.spans, Map: w.watcher.Map, Learning: w.learning, Sources: w.sourceList, Keyring: ring{w}, Quality: w.quality, Warnings: func() []string { return w.warnings },
		Stop: w.stop.State, Desk: w.desk, Ledger: auditor{w.ledger}, Who: w.identity.Authenticate, Link: w.link,
		Now: func() time.Time { return time.Now().UTC() }, Hints: w.hints, Log: w.log,
		Version: w.opt.Version, Started: w.started,
	}
}

func (w *worker) link() (api.Link, error) {
	return api.Link{URL: w.identity.LoginLink(w.base()), Expires: time.Now().UTC().Add(identity.LinkFor)}, nil
}

func (w *worker) learning() api.Learning {
	l := api.Learning{Ready: w.watcher.Readiness()}
	for _, s := range w.sources.Sources() {
		if l.Since.IsZero() || s.FirstSeen.Before(l.Since) {
			l.Since = s.FirstSeen
		}
	}
	return l
}

// policy turns the settings into the rules' numbers.
func (w *worker) policy() policy.Config {
	p := policy.Default()
	p.PerService, p.Global, p.BreakerAfter = w.cfg.Policy.ActionsPerHour, w.cfg.Policy.ActionsPerHourOverall, w.cfg.Policy.BadOutcomes
	return p
}

// actuators makes the configured actuators.
func (w *worker) actuators() (map[string]act.Actuator, error) {
	out := make(map[string]act.Actuator)
	for _, a := range w.cfg.Actuators {
		token, err := a.Token.Read()
		if err != nil {
			return nil, fmt.Errorf("actuator %s: %w", a.Name, err)
		}
		switch fact.ActionKind(a.Kind) {
		case fact.SetWeights:
			out[a.Name], err = router.New(router.Config{Name: a.Name, URL: a.URL, Token: token})
		case fact.Restart:
			out[a.Name], err = process.New(process.Config{Name: a.Name, URL: a.URL, Token: token})
		}
		if err != nil {
			return nil, fmt.Errorf("actuator %s: %w", a.Name, err)
		}
	}
	return out, nil
}

func (w *worker) allowed() []policy.Actuator {
	var out []policy.Actuator
	for _, a := range w.cfg.Actuators {
		out = append(out, policy.Actuator{Name: a.Name, Kind: fact.ActionKind(a.Kind), Services: a.Services})
	}
	return out
}

// watching turns the settings into the watcher's.
func (w *worker) watching() watch.Config {
	return watch.Config{
		Topology: topology.Config{Lateness: time.Duration(w.cfg.Watch.Lateness)}, SnapshotEvery: time.Duration(w.cfg.Watch.Snapshot),
		Actuators: w.remedies(), ProposalsLast: time.Duration(w.cfg.Policy.ApprovalWithin), Metrics: metrics.Config{MaxSeries: w.budget.series},
	}
}

func (w *worker) remedies() []remedy.Actuator {
	var out []remedy.Actuator
	for _, a := range w.cfg.Actuators {
		out = append(out, remedy.Actuator{Name: a.Name, Kind: fact.ActionKind(a.Kind), Services: a.Services, Stable: a.Stable})
	}
	return out
}
