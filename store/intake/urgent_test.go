package intake_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/intake"
	"github.com/steersman-ops/steersman/store/storetest/faultfs"
)

func telemetry(n int) *fact.Batch {
	return &fact.Batch{Source: "a", Series: []fact.Series{{Labels: fact.LabelsOf(fact.NameLabel, strings.Repeat("x", n)), Points: []fact.Point{{T: 1}}}}}
}

// A full log still takes what is not telemetry: the clock, by which its readers
// save and say what is done with, and what people decided. Otherwise a reader
// that had not saved when the log became full would never be called again.
func TestAFullLogGoesOn(t *testing.T) {
	l, err := intake.Open(t.TempDir(), intake.Options{MaxBytes: 40_000, Consumers: []string{"watch"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { // a reader that saves by the clock only
		done <- l.Follow(ctx, 0, func(seq uint64, b *fact.Batch) error {
			if b.Source == fact.ClockSource {
				l.Keep("watch", seq)
			}
			return nil
		})
	}()
	for size := 500; size > 0; { // to the last byte
		if _, err = l.Append(ctx, telemetry(size)); err != nil {
			size /= 2
		}
	}
	if !errors.Is(err, fact.ErrBusy) {
		t.Fatal(err)
	}
	if _, err := l.Append(ctx, &fact.Batch{Source: fact.ClockSource, Received: 1000}); err != nil {
		t.Fatalf("the clock in a full log: %v", err)
	}
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		if _, err := l.Append(ctx, telemetry(500)); err == nil {
			break
		} else if time.Since(begun) > 5*time.Second {
			t.Fatalf("the readers are done with everything, and the log says: %v", err)
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// What is kept for that has a limit too.
func TestTheReserveEnds(t *testing.T) {
	l, err := intake.Open(t.TempDir(), intake.Options{MaxBytes: 40_000, Consumers: []string{"watch"}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for err == nil {
		_, err = l.Append(t.Context(), telemetry(500))
	}
	n := 0
	for err = nil; err == nil && n < 10_000; n++ {
		_, err = l.Append(t.Context(), &fact.Batch{Source: fact.ClockSource})
	}
	if !errors.Is(err, fact.ErrBusy) || n < 20 {
		t.Errorf("after %d ticks: %v, want ErrBusy in the end", n, err)
	}
}

// Telemetry leaves a part of the disk to everything else. What all have done
// with makes room first, and when there is room again it goes on.
func TestTheDiskIsNotFilled(t *testing.T) {
	d := faultfs.New(1)
	d.Set(faultfs.Faults{Capacity: 100_000})
	l, err := intake.Open("", intake.Options{FS: d, SegmentBytes: 20_000, Reserve: 30_000, Consumers: []string{"watch"}})
	if err != nil {
		t.Fatal(err)
	}
	var head uint64
	fill := func() (n int) {
		for n = 0; ; n++ {
			seq, err := l.Append(t.Context(), telemetry(500))
			if err != nil {
				if !errors.Is(err, fact.ErrBusy) || !strings.Contains(err.Error(), "the disk is full") {
					t.Fatal(err)
				}
				return n
			}
			head = seq
		}
	}
	left := func() int64 {
		free, _, err := d.Space()
		if err != nil {
			t.Fatal(err)
		}
		return free
	}
	if n := fill(); n < 100 || left() < 30_000 || left() > 31_000 {
		t.Fatalf("%d batches were taken and %d bytes are left, want the reserve of 30,000", n, left())
	}
	for range 20 { // what is not telemetry goes on
		if _, err := l.Append(t.Context(), &fact.Batch{Source: fact.ClockSource}); err != nil {
			t.Fatal(err)
		}
	}
	l.Keep("watch", head)
	if n := fill(); n < 50 {
		t.Errorf("all is done with, and only %d more were taken", n)
	}
	d.Set(faultfs.Faults{Capacity: 200_000})
	if n := fill(); n < 50 || left() < 30_000 {
		t.Errorf("with a larger disk %d more were taken, %d bytes are left", n, left())
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// Lines are telemetry: they do not go before a full log's limit.
func TestLinesAreNotUrgent(t *testing.T) {
	l, err := intake.Open(t.TempDir(), intake.Options{MaxBytes: 40_000, Consumers: []string{"watch"}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range 200 {
		if _, err = l.Append(t.Context(), &fact.Batch{Source: "a", Lines: []fact.Line{{Text: strings.Repeat("x", 300)}}}); err != nil {
			break
		}
	}
	if !errors.Is(err, fact.ErrBusy) {
		t.Errorf("200 batches of lines in a full log: %v, want busy", err)
	}
}
