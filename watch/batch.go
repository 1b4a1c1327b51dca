package watch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal/entity"
	"github.com/steersman-ops/steersman/signal/topology"
	"github.com/steersman-ops/steersman/watch/flow"
)

// tickEvery is the least log time between two ticks, in milliseconds.
const tickEvery = 1000

// take takes one record of the log in. After an error the state is not to be
// trusted: the record was taken in by halves.
func (w *Watcher) take(ctx context.Context, seq uint64, b *fact.Batch) error {
	w.state.Now = max(w.state.Now, b.Received)
	if err := w.advance(ctx); err != nil {
		return err
	}
	for i := range b.Changes {
		if err := w.change(ctx, b.Changes[i]); err != nil {
			return err
		}
	}
	for i := range b.Spans {
		w.graph.Observe(&b.Spans[i])
		w.process(&b.Spans[i])
	}
	about := w.about
	for i := range b.Series {
		w.detect.Series(&b.Series[i], about)
	}
	for i := range b.Deltas {
		w.detect.Deltas(&b.Deltas[i], about)
	}
	for i := range b.Events {
		if err := w.event(ctx, &b.Events[i]); err != nil {
			return err
		}
	}
	if w.state.Now-w.state.Ticked >= tickEvery {
		w.state.Ticked = w.state.Now
		if err := w.tick(ctx); err != nil {
			return err
		}
	}
	w.state.Seq = seq
	w.meters.batches.Inc()
	w.meters.seq.Set(float64(seq))
	w.meters.seconds.Set(float64(w.state.Now) / 1000)
	return nil
}

// advance closes the seconds that the log's time has passed.
func (w *Watcher) advance(ctx context.Context) error {
	steps := w.graph.Advance(w.state.Now)
	if len(steps) == 0 {
		return nil
	}
	for _, st := range steps {
		w.detect.Step(st)
		w.remember(st)
	}
	if derived := w.graph.Series(steps); len(derived) > 0 {
		return w.try(ctx, fmt.Sprintf("append %d derived series", len(derived)), func() error { return w.series.Append(ctx, derived) })
	}
	return nil
}

func (w *Watcher) remember(st topology.Step) {
	second := st.At / 1000
	for i := range st.Edges {
		e := &st.Edges[i]
		w.ring.Add(second, flow.Key{Client: e.Client, Server: e.Server, Side: flow.Side(e.Side), Version: e.Version},
			flow.Count{Requests: uint64(e.Requests), Errors: uint64(e.Errors), Nanos: e.SumNanos, Child: e.ChildNanos})
	}
	w.state.Closed = max(w.state.Closed, second+1)
}

// process counts a served request for the process that served it. A span far
// from the log's time is left out: it would push the ring away.
func (w *Watcher) process(sp *fact.Span) {
	if sp.Kind != fact.SpanServer || sp.Instance == "" || sp.End < sp.Start {
		return
	}
	ms := sp.End / 1e6
	if d := ms - w.state.Now; d > 60_000 || d < -60_000 {
		return
	}
	n := flow.Count{Requests: 1, Nanos: uint64(sp.End - sp.Start)}
	if sp.Failed {
		n.Errors = 1
	}
	w.ring.Add(ms/1000, flow.Key{Server: sp.Entity, Side: flow.Process, Version: sp.Version, Instance: sp.Instance}, n)
}

// about says what a new series is about, and takes note of hosts.
func (w *Watcher) about(l fact.Labels) (fact.Entity, string) {
	id := entity.FromLabels(l)
	if id.Entity.Kind == fact.Host && len(w.state.Hosts) < maxHosts && !slices.Contains(w.state.Hosts, id.Entity) {
		w.state.Hosts = append(w.state.Hosts, id.Entity)
	}
	return id.Entity, id.Instance
}

// change keeps what people or pipelines did.
func (w *Watcher) change(ctx context.Context, c fact.Change) error {
	if c.At.IsZero() {
		c.At = time.UnixMilli(w.state.Now).UTC()
	}
	if c.ID == "" {
		c.ID = fact.ID("chg", c.Entity.String(), string(c.Kind), c.Version, c.At.UTC().Format(time.RFC3339Nano))
	}
	if !slices.ContainsFunc(w.state.Changes, func(o fact.Change) bool { return o.ID == c.ID }) {
		i, _ := slices.BinarySearchFunc(w.state.Changes, c, func(a, b fact.Change) int {
			return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
		})
		w.state.Changes = slices.Insert(w.state.Changes, i, c)
		if len(w.state.Changes) > maxChanges {
			w.state.Changes = slices.Delete(w.state.Changes, 0, 1)
		}
	}
	if err := w.try(ctx, "put change "+c.ID, func() error { return w.out.PutChange(ctx, c) }); err != nil {
		return err
	}
	w.opt.OnChange("change", c.ID)
	return nil
}

// event keeps what other programs told of, and takes note of what became of a
// proposal.
func (w *Watcher) event(ctx context.Context, e *fact.Event) error {
	if e.Kind != fact.NoticeEvent {
		w.became(e)
		return nil
	}
	var n fact.Notice
	if err := json.Unmarshal([]byte(e.Body), &n); err != nil || n.ID == "" {
		w.opt.Logger.Warn("an event holds no notice", "ref", e.Ref, "err", err)
		return nil
	}
	return w.try(ctx, "put notice "+n.ID, func() error { return w.out.PutNotice(ctx, n) })
}

// became takes note of what became of a proposal.
func (w *Watcher) became(e *fact.Event) {
	for _, s := range w.triage.Stories() {
		f := w.state.Files[s.Paper.ID]
		if f == nil {
			continue
		}
		if o := f.offer(e.Ref); o != nil {
			if note := o.became(e); note != "" {
				s.Notes = append(s.Notes, note)
				s.Changed = true
			}
			return
		}
	}
}

// became is what an event says of the offer, as a sentence for the summary.
func (o *offer) became(e *fact.Event) string {
	var told struct {
		By      string        `json:"by"`
		Answer  string        `json:"answer"`
		Outcome *fact.Outcome `json:"outcome"`
		State   fact.State    `json:"state"`
	}
	if err := json.Unmarshal([]byte(e.Body), &told); err != nil {
		return "" // not a paper that says what became of it
	}
	at := e.At.UTC().Format("15:04:05")
	switch {
	case e.Kind == "approval" && told.Answer == "approve":
		o.Settled = true
		return fmt.Sprintf("%s: approved by %s at %s.", o.Title, told.By, at)
	case e.Kind == "approval" && told.Answer == "refuse":
		o.Settled = true
		return fmt.Sprintf("%s: refused by %s at %s.", o.Title, told.By, at)
	case e.Kind == "outcome" && told.Outcome != nil && told.Outcome.Helped:
		o.Settled, o.Helped = true, true
		return fmt.Sprintf("%s: it helped (%s).", o.Title, at)
	case e.Kind == "outcome" && told.Outcome != nil:
		o.Settled = true
		return fmt.Sprintf("%s: it did not help (%s).", o.Title, at)
	case e.Kind == "outcome" && told.State.Done() && told.State != fact.Expired:
		o.Settled = true
	}
	return ""
}

// try calls do until it is not refused for being busy. The waiting is by the
// wall clock and decides nothing.
func (w *Watcher) try(ctx context.Context, what string, do func() error) error {
	wait := 10 * time.Millisecond
	for {
		err := do()
		if err == nil {
			return nil
		}
		if !errors.Is(err, fact.ErrBusy) {
			return fmt.Errorf("%s: %w", what, err)
		}
		w.meters.busy.Inc()
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		case <-time.After(wait):
		}
		wait = min(2*wait, time.Second)
	}
}

// finite makes a finding fit for JSON, which has no infinity.
func finite(f fact.Finding) fact.Finding {
	for _, x := range []*float64{&f.Score, &f.Before, &f.Low, &f.High, &f.Now} {
		switch {
		case math.IsNaN(*x):
			*x = 0
		case math.IsInf(*x, 1):
			*x = math.MaxFloat64
		case math.IsInf(*x, -1):
			*x = -math.MaxFloat64
		}
	}
	return f
}
