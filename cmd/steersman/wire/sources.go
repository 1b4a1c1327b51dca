package wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/steersman-ops/steersman/console/api"
	"github.com/steersman-ops/steersman/govern/identity"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/keyring"
	"github.com/steersman-ops/steersman/signal/quality"
	"github.com/steersman-ops/steersman/store/records"
)

// fixedSources are the named sources of the configuration.
func (w *worker) fixedSources() ([]signal.Named, error) {
	var out []signal.Named
	for _, s := range w.cfg.Sources {
		token, err := s.Token.Read()
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", s.Name, err)
		}
		out = append(out, keyring.Fixed(s.Name, s.Kind, token, s.Limits.Signal()))
	}
	return out, nil
}

// sourceList joins what is known of the sources: the accounts of the doors, the
// counts of the store, and the names that have a token.
func (w *worker) sourceList() []api.Source {
	counts, judged := w.counts(), make(map[string]quality.SourceReport)
	for _, r := range w.quality.Report() {
		judged[r.Name] = r
	}
	named := make(map[string]keyring.Source)
	for _, n := range w.keyring.List() {
		named[n.Name] = n
	}
	var out []api.Source
	for _, s := range w.sources.Sources() {
		v := api.Source{
			Name: s.Name, Kind: s.Kind, FirstSeen: s.FirstSeen, LastSeen: s.LastSeen,
			Received: s.Received, Refused: s.Refused, Accepted: s.Accepted, LastRefusal: s.LastRefusal,
			PerSecond: s.PerSecond, LagSeconds: s.Lag, Series: w.doors.SeriesOf(s.Name), Reading: w.readingOf(s.Name),
		}
		for reason, n := range s.Reasons {
			v.Refusals = append(v.Refusals, api.SourceRefusal{Reason: reason, Count: n, At: s.Told[reason].At, Text: s.Told[reason].Text})
		}
		sortRefusals(v.Refusals)
		c := counts[s.Name]
		v.Stored = int64(c.Stored + c.Duplicate)
		for reason, n := range c.Quarantined {
			v.Quarantined += int64(n)
			v.SetAside = append(v.SetAside, api.SourceRefusal{Reason: reason, Count: int64(n)})
		}
		sortRefusals(v.SetAside)
		if r, ok := judged[s.Name]; ok {
			v = withScore(v, r)
		}
		if n, ok := named[s.Name]; ok {
			v = withName(v, n)
			delete(named, s.Name)
		}
		out = append(out, v)
	}
	for _, r := range w.reads { // they have not had an answer yet
		if s := r.Status(); !slices.ContainsFunc(out, func(v api.Source) bool { return v.Name == s.Source }) {
			out = append(out, api.Source{Name: s.Source, Kind: "read", Reading: reading(&s)})
		}
	}
	for n := range maps.Values(named) { // they have not sent yet
		out = append(out, withName(api.Source{Name: n.Name}, n))
	}
	slices.SortFunc(out, func(a, b api.Source) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func withName(v api.Source, n keyring.Source) api.Source {
	v.Named, v.Sender, v.Added, v.Configured, v.Limits = true, n.Kind, n.Added, n.Configured, n.Limits
	return v
}

func withScore(v api.Source, r quality.SourceReport) api.Source {
	v.Judged, v.Score, v.Why, v.Silent = true, r.Score, r.Why, r.Silent
	for _, s := range r.Steps {
		v.Steps = append(v.Steps, api.SourceStep{Step: s.Step, Text: s.Text, Seen: int64(s.Seen), Flagged: int64(s.Flagged), Share: s.Share})
	}
	return v
}

func sortRefusals(list []api.SourceRefusal) {
	slices.SortFunc(list, func(a, b api.SourceRefusal) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Reason, b.Reason))
	})
}

// saveSources keeps the accounts of the sources across restarts.
func (w *worker) saveSources(ctx context.Context) error {
	t := time.NewTicker(10 * time.Second)
	defer t.Stop()
	for last := false; ; {
		select {
		case <-ctx.Done():
			last = true
		case <-t.C:
		}
		var list []records.Source
		for _, s := range w.sources.Sources() {
			list = append(list, saved(s))
		}
		if err := w.records.PutSources(context.WithoutCancel(ctx), list...); err != nil {
			w.log.Warn("the accounts of the sources were not saved", "err", err)
		}
		if last {
			return nil
		}
	}
}

func saved(s signal.Source) records.Source {
	out := records.Source{
		Name: s.Name, Kind: s.Kind, FirstSeen: s.FirstSeen, LastSeen: s.LastSeen,
		Received: s.Received, Refused: s.Refused, Accepted: s.Accepted, LastRefusal: s.LastRefusal,
	}
	for _, reason := range slices.Sorted(maps.Keys(s.Reasons)) {
		out.Refusals = append(out.Refusals, records.Refusal{Reason: reason, Count: s.Reasons[reason], At: s.Told[reason].At, Text: s.Told[reason].Text})
	}
	return out
}

func restored(known []records.Source) []signal.Source {
	out := make([]signal.Source, 0, len(known))
	for _, s := range known {
		r := signal.Source{
			Name: s.Name, Kind: s.Kind, FirstSeen: s.FirstSeen, LastSeen: s.LastSeen,
			Received: s.Received, Refused: s.Refused, Accepted: s.Accepted, LastRefusal: s.LastRefusal,
			Reasons: make(map[string]int64), Told: make(map[string]signal.Told),
		}
		for _, f := range s.Refusals {
			r.Reasons[f.Reason], r.Told[f.Reason] = f.Count, signal.Told{At: f.At, Text: f.Text}
		}
		out = append(out, r)
	}
	return out
}

// ring is the API's view of the named sources. Who gave a token and who took it
// away is in the ledger; a token that cannot be written there is not given out.
type ring struct{ w *worker }

func (r ring) AddSource(ctx context.Context, who identity.Person, in api.NewSource) (api.AddedSource, error) {
	now := time.Now().UTC()
	token, err := r.w.keyring.Add(in.Name, in.Sender, in.Limits, now)
	if err != nil {
		return api.AddedSource{}, err
	}
	if err := r.prove(ctx, who, "added", in.Name, now); err != nil {
		return api.AddedSource{}, errors.Join(err, r.w.keyring.Remove(in.Name))
	}
	return api.AddedSource{Name: in.Name, Token: token}, nil
}

func (r ring) RemoveSource(ctx context.Context, who identity.Person, name string) error {
	if err := r.w.keyring.Remove(name); err != nil {
		return err
	}
	r.w.sources.Forget(name)
	if err := r.w.records.DropSource(ctx, name); err != nil {
		return err
	}
	return r.prove(ctx, who, "removed", name, time.Now().UTC())
}

// prove writes down who gave a token or took it away.
func (r ring) prove(ctx context.Context, who identity.Person, what, name string, at time.Time) error {
	r.w.log.Info("source "+what, "source", name, "by", who.Name)
	_, _, err := proof{r.w.ledger}.Append(ctx, fmt.Sprintf("source/%s/%s/%s", name, what, at.Format(time.RFC3339Nano)), "source", at,
		map[string]string{"source": name, "what": what, "by": who.Name})
	return err
}

func (r ring) Connect(kind, source, host string) (api.Snippet, error) {
	name := ""
	for _, n := range r.w.keyring.List() {
		if n.Name == source {
			name, kind = source, cmp.Or(kind, n.Kind)
		}
	}
	at := keyring.Place{OTLPHTTP: r.w.cfg.OTLPHTTP, OTLPGRPC: r.w.cfg.OTLPGRPC}.Reach(host)
	s, err := keyring.Connect(cmp.Or(kind, keyring.Kinds()[0]), name, "", at)
	if err != nil {
		return api.Snippet{}, err
	}
	out := api.Snippet{Kind: s.Kind, Kinds: keyring.Kinds(), Where: s.Where, Syntax: s.Syntax, Text: s.Text}
	if strings.Contains(s.Text, keyring.Hidden) {
		out.Token = keyring.Hidden
	}
	return out, nil
}
