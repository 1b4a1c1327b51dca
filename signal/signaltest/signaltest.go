// Package signaltest has what the tests of the doors share: a sink that
// remembers, doors that lead to it, and the check of the doors' law.
package signaltest

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
)

const nowMillis = 1772366400000 // 2026-03-01 12:00:00 UTC

// Now is what the clock of [Doors] says, always.
func Now() time.Time { return time.UnixMilli(nowMillis).UTC() }

// A Sink remembers what it is given, or fails when told to.
type Sink struct {
	mu      sync.Mutex
	err     error
	batches []*fact.Batch
}

// Append keeps b.
func (s *Sink) Append(_ context.Context, b *fact.Batch) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, fmt.Errorf("append: %w", s.err)
	}
	s.batches = append(s.batches, b)
	return uint64(len(s.batches)), nil
}

// Fail lets every later Append fail; nil lets them succeed again.
func (s *Sink) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// Forget lets go of what was appended, for benchmarks.
func (s *Sink) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.batches)
	s.batches = s.batches[:0]
}

// Batches returns what was appended.
func (s *Sink) Batches() []*fact.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*fact.Batch(nil), s.batches...)
}

// Series returns all series that were appended.
func (s *Sink) Series() (out []fact.Series) {
	for _, b := range s.Batches() {
		out = append(out, b.Series...)
	}
	return out
}

// Spans returns all spans that were appended.
func (s *Sink) Spans() (out []fact.Span) {
	for _, b := range s.Batches() {
		out = append(out, b.Spans...)
	}
	return out
}

// Changes returns all changes that were appended.
func (s *Sink) Changes() (out []fact.Change) {
	for _, b := range s.Batches() {
		out = append(out, b.Changes...)
	}
	return out
}

// Lines returns all lines that were appended.
func (s *Sink) Lines() (out []fact.Line) {
	for _, b := range s.Batches() {
		out = append(out, b.Lines...)
	}
	return out
}

// Events returns all events that were appended.
func (s *Sink) Events() (out []fact.Event) {
	for _, b := range s.Batches() {
		out = append(out, b.Events...)
	}
	return out
}

// Items counts the items that were appended, as the doors count them.
func (s *Sink) Items() (n int64) {
	for _, b := range s.Batches() {
		n += int64(b.Samples() + len(b.Exemplars) + len(b.Spans) + len(b.Lines) + len(b.Changes) + len(b.Events))
	}
	return n
}

// Doors returns doors that lead to a new sink.
func Doors(limits signal.Limits) (*signal.Doors, *Sink) {
	sink := &Sink{}
	return &signal.Doors{
		Sink:    sink,
		Limits:  limits,
		Sources: signal.NewSources(signal.SourcesOptions{Clock: Now}),
		Clock:   Now,
		Logger:  slog.New(slog.DiscardHandler),
	}, sink
}

// Law checks for every source that what was received was accepted or refused,
// and that what was accepted is what the sink has.
func Law(t testing.TB, d *signal.Doors, sink *Sink) {
	t.Helper()
	var accepted int64
	for _, s := range d.Sources.Sources() {
		accepted += s.Accepted
		if s.Received != s.Accepted+s.Refused {
			t.Errorf("source %s: received %d, accepted %d, refused %d", s.Name, s.Received, s.Accepted, s.Refused)
		}
		var byReason int64
		for _, n := range s.Reasons {
			byReason += n
		}
		if byReason != s.Refused {
			t.Errorf("source %s: refused %d, by reason %v", s.Name, s.Refused, s.Reasons)
		}
	}
	if accepted != sink.Items() {
		t.Errorf("accepted %d items, the sink has %d", accepted, sink.Items())
	}
}

// WellFormed checks that what the sink has can be written and read back, and is
// what the papers promise.
func WellFormed(t testing.TB, sink *Sink) {
	t.Helper()
	for _, s := range sink.Series() {
		if got, err := fact.DecodeLabels(s.Labels.Encoded()); err != nil || got != s.Labels || s.Labels.Name() == "" || len(s.Points) == 0 {
			t.Errorf("series %s: %v, %d points", s.Labels, err, len(s.Points))
		}
	}
	for _, b := range sink.Batches() {
		for _, s := range b.Histograms {
			if got, err := fact.DecodeLabels(s.Labels.Encoded()); err != nil || got != s.Labels || s.Labels.Name() == "" || len(s.Points) == 0 {
				t.Errorf("histograms %s: %v, %d points", s.Labels, err, len(s.Points))
			}
			for _, p := range s.Points {
				if err := p.H.Check(); err != nil || p.Start > p.T {
					t.Errorf("histogram %s at %d from %d: %v", s.Labels, p.T, p.Start, err)
				}
			}
		}
		for _, s := range b.Deltas {
			if got, err := fact.DecodeLabels(s.Labels.Encoded()); err != nil || got != s.Labels || s.Labels.Name() == "" || len(s.Points) == 0 {
				t.Errorf("deltas %s: %v, %d points", s.Labels, err, len(s.Points))
			}
		}
	}
	for _, s := range sink.Spans() {
		if got, err := fact.ParseEntity(s.Entity.String()); err != nil || got != s.Entity || s.Entity.IsZero() {
			t.Errorf("span of %q: %v", s.Entity, err)
		}
		if _, err := fact.DecodeLabels(s.Attrs.Encoded()); err != nil || s.TraceID == [16]byte{} || s.ID == [8]byte{} || s.End < s.Start {
			t.Errorf("span %+v: %v", s, err)
		}
	}
	for _, l := range sink.Lines() {
		if got, err := fact.ParseEntity(l.Entity.String()); err != nil || got != l.Entity || l.Severity > fact.MaxSeverity || l.At <= 0 || l.Observed <= 0 {
			t.Errorf("line %+v: %v", l, err)
		}
		if _, err := fact.DecodeLabels(l.Fields.Encoded()); err != nil || !utf8.ValidString(l.Text) || !utf8.ValidString(l.Level) {
			t.Errorf("line %+v: %v", l, err)
		}
	}
	for _, c := range sink.Changes() {
		if got, err := fact.ParseEntity(c.Entity.String()); err != nil || got != c.Entity || c.Entity.IsZero() || c.ID == "" || c.At.IsZero() {
			t.Errorf("change %+v: %v", c, err)
		}
	}
}

// OnError returns a logger that calls fn with the message of every error.
func OnError(fn func(msg string)) *slog.Logger { return slog.New(onError{fn: fn}) }

type onError struct{ fn func(string) }

func (onError) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }

func (h onError) Handle(_ context.Context, r slog.Record) error {
	h.fn(r.Message)
	return nil
}

func (h onError) WithAttrs([]slog.Attr) slog.Handler { return h }

func (h onError) WithGroup(string) slog.Handler { return h }
