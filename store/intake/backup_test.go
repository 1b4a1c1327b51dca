package intake_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/intake"
)

// A copy that is made while batches come in has all that were acknowledged
// before it, without a gap, and goes on.
func TestBackup(t *testing.T) {
	l, err := intake.Open(t.TempDir(), intake.Options{SegmentBytes: 4000, MaxBytes: 40_000, Consumers: []string{"watch"}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range 40 {
		if _, err := l.Append(t.Context(), telemetry(300)); err != nil {
			t.Fatal(err)
		}
	}
	l.Keep("watch", 10)
	release := l.Hold()
	l.Keep("watch", 40)
	var writer sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	writer.Go(func() {
		for ctx.Err() == nil {
			if _, err := l.Append(ctx, telemetry(300)); err != nil {
				return // full, because of the hold
			}
		}
	})
	head := l.Head()
	dir := t.TempDir()
	if err := l.Backup(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	cancel()
	writer.Wait()
	release()
	c, err := intake.Open(dir, intake.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	next, done := uint64(11), errors.New("done")
	err = c.Follow(t.Context(), 10, func(seq uint64, b *fact.Batch) error {
		if seq != next || len(b.Series) != 1 {
			t.Errorf("record %d, want %d", seq, next)
		}
		if next++; seq == c.Head() {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) || c.Head() < head {
		t.Errorf("the copy ends at %d (%v), the original was at %d", c.Head(), err, head)
	}
	if _, err := c.Append(t.Context(), telemetry(300)); err != nil {
		t.Errorf("the copy takes no more: %v", err)
	}
	for range 200 { // without the hold there is room again
		if _, err := l.Append(t.Context(), telemetry(300)); err != nil {
			t.Fatal(err)
		}
		l.Keep("watch", l.Head())
	}
}
