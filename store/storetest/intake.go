// Package storetest checks that a store keeps the promises that all stores of
// its kind make, so that an embedded one can be replaced by a distributed one.
//
// It answers one question: may this store stand where the others stand? What
// belongs to one implementation alone, such as how it repairs its files, is
// tested beside it.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
)

// IntakeLog is what the doors and the readers ask of an intake log.
type IntakeLog interface {
	Append(ctx context.Context, b *fact.Batch) (seq uint64, err error)
	Follow(ctx context.Context, after uint64, fn func(seq uint64, b *fact.Batch) error) error
	Head() uint64
	Keep(consumer string, seq uint64)
	Close() error
}

// patience is how long a promise may take before the test gives up.
const patience = 20 * time.Second

// Intake checks the promises of an intake log. open opens the log in dir, which
// it made before if it was there before.
func Intake(t *testing.T, open func(t *testing.T, dir string) IntakeLog) {
	t.Run("NumbersBeginWithOne", func(t *testing.T) {
		l := opened(t, open, t.TempDir())
		if head := l.Head(); head != 0 {
			t.Errorf("an empty log has head %d", head)
		}
		for want := uint64(1); want <= 3; want++ {
			if seq := add(t, l, numbered(int(want))); seq != want {
				t.Errorf("record %d got the number %d", want, seq)
			}
		}
		if head := l.Head(); head != 3 {
			t.Errorf("after 3 records the head is %d", head)
		}
	})
	t.Run("WhatGoesInComesOut", func(t *testing.T) { comesOut(t, open) })
	t.Run("ReadersResumeWhereTheyStood", func(t *testing.T) {
		l := opened(t, open, t.TempDir())
		for i := range 20 {
			add(t, l, numbered(i))
		}
		for after := range uint64(20) {
			if got := read(t, l, after, 20); got[0].Received != int64(after) {
				t.Errorf("after %d comes record %d", after, got[0].Received+1)
			}
		}
	})
	t.Run("ReadersWaitForMore", func(t *testing.T) { waits(t, open) })
	t.Run("ReadersEndWithTheirContext", func(t *testing.T) {
		l := opened(t, open, t.TempDir())
		add(t, l, numbered(1))
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		begin := time.Now()
		err := l.Follow(ctx, 0, func(uint64, *fact.Batch) error { return nil })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Follow = %v, want the context's error", err)
		}
		if took := time.Since(begin); took > patience/4 {
			t.Errorf("Follow ended %v after its context", took)
		}
	})
	t.Run("ReadersErrorsComeBack", func(t *testing.T) {
		l := opened(t, open, t.TempDir())
		add(t, l, numbered(1))
		mine := errors.New("mine")
		if err := l.Follow(t.Context(), 0, func(uint64, *fact.Batch) error { return mine }); !errors.Is(err, mine) {
			t.Errorf("Follow = %v, want what fn returned", err)
		}
	})
	t.Run("AnEndedContextAppendsNothing", func(t *testing.T) {
		l := opened(t, open, t.TempDir())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if seq, err := l.Append(ctx, numbered(1)); err == nil {
			t.Errorf("Append with an ended context gave %d", seq)
		}
		if seq := add(t, l, numbered(2)); seq != 1 {
			t.Errorf("the next record got the number %d", seq)
		}
	})
	t.Run("ManySenders", func(t *testing.T) { manySenders(t, open) })
	t.Run("ClosedIsClosed", func(t *testing.T) {
		l := open(t, t.TempDir())
		add(t, l, numbered(1))
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Append(t.Context(), numbered(2)); err == nil {
			t.Error("a closed log took a batch")
		}
	})
}

func opened(t *testing.T, open func(*testing.T, string) IntakeLog, dir string) IntakeLog {
	t.Helper()
	l := open(t, dir)
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return l
}

func add(t *testing.T, l IntakeLog, b *fact.Batch) uint64 {
	t.Helper()
	seq, err := l.Append(t.Context(), b)
	if err != nil {
		t.Fatalf("Append: %v", err)
	}
	return seq
}

// read returns the records after after up to number last.
func read(t *testing.T, l IntakeLog, after, last uint64) []*fact.Batch {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out []*fact.Batch
	enough := errors.New("enough")
	err := l.Follow(ctx, after, func(seq uint64, b *fact.Batch) error {
		if want := after + uint64(len(out)) + 1; seq != want {
			t.Errorf("record %d came where %d was due", seq, want)
		}
		if out = append(out, b); seq >= last {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatalf("Follow after %d to %d: %v", after, last, err)
	}
	return out
}

func numbered(i int) *fact.Batch { return &fact.Batch{Source: "test", Received: int64(i)} }

// batches use every field that a batch has.
func batches() []*fact.Batch {
	at := time.Date(2026, 3, 4, 5, 6, 7, 89, time.UTC)
	pay := fact.Entity{Kind: fact.Service, Namespace: "shop", Name: "payment"}
	return []*fact.Batch{
		{Source: fact.ClockSource, Received: at.UnixMilli()},
		{Source: "remote-write", Received: at.UnixMilli(), Series: []fact.Series{
			{Labels: fact.LabelsOf("__name__", "up", "job", "x"), Type: fact.Gauge, Unit: "s", Help: "h", Points: []fact.Point{{T: 1, V: 2}, {T: 3, V: -4.5}}},
			{Labels: fact.LabelsOf("__name__", "down"), Points: []fact.Point{{T: -1, V: 0}}},
		}},
		{Source: "otlp/payment", Received: at.UnixMilli(), Spans: []fact.Span{{
			TraceID: [16]byte{1}, ID: [8]byte{2}, Parent: [8]byte{3}, Entity: pay, Instance: "i", Version: "v1", Kind: fact.SpanClient,
			Name: "GET /", Peer: "bank", Start: at.UnixNano(), End: at.UnixNano() + 7, Failed: true, Attrs: fact.LabelsOf("a", "b"),
		}}},
		{Source: "hooks", Received: at.UnixMilli(), Changes: []fact.Change{{
			ID: "c", At: at, Kind: fact.Deployed, Entity: pay, Version: "v2", Before: "v1", By: "ann", Note: "n", Link: "l", Source: "hooks",
		}}},
		{Source: "otlp/payment", Received: at.UnixMilli(), Lines: []fact.Line{{
			At: at.UnixNano(), Observed: at.UnixNano() + 7, Entity: pay, Instance: "i", Version: "v1", Severity: fact.SeverityError, Level: "ERR",
			Text: "no\nmoney", TraceID: [16]byte{1}, SpanID: [8]byte{2}, Fields: fact.LabelsOf("a", "b"), Truncated: true,
		}}},
		{Source: "desk", Received: at.UnixMilli(), Events: []fact.Event{{At: at, Kind: "approval", Ref: "p", Body: "{}"}}},
		{
			Source: "otlp/shop/cart", Received: at.UnixMilli(),
			Histograms: []fact.HistogramSeries{{Labels: fact.LabelsOf("__name__", "lat"), Points: []fact.HistogramPoint{{T: at.UnixMilli(), H: &fact.Histogram{
				Count: 3, Sum: 1.5, Positive: fact.Buckets{Spans: []fact.BucketSpan{{Offset: -1, Length: 1}}, Deltas: []int64{3}}}}}}},
			Deltas: []fact.DeltaSeries{{Labels: fact.LabelsOf("__name__", "n"), Points: []fact.DeltaPoint{{Start: at.UnixMilli() - 1000, T: at.UnixMilli(), V: 2}}}},
		},
	}
}

func comesOut(t *testing.T, open func(*testing.T, string) IntakeLog) {
	dir := t.TempDir()
	l := open(t, dir)
	want := batches()
	for _, b := range want {
		add(t, l, b)
	}
	check := func(when string) {
		for i, b := range read(t, l, 0, uint64(len(want))) {
			if !reflect.DeepEqual(b, want[i]) {
				t.Errorf("%s, record %d is\n%+v, want\n%+v", when, i+1, b, want[i])
			}
		}
	}
	check("at once")
	if err := l.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	l = opened(t, open, dir)
	check("opened again")
	if seq := add(t, l, numbered(1)); seq != uint64(len(want))+1 {
		t.Errorf("the first record after opening again has the number %d", seq)
	}
}

func waits(t *testing.T, open func(*testing.T, string) IntakeLog) {
	l := opened(t, open, t.TempDir())
	got := make(chan uint64)
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		done <- l.Follow(ctx, 0, func(seq uint64, _ *fact.Batch) error {
			got <- seq
			return nil
		})
	}()
	for i := range 50 {
		want := add(t, l, numbered(i))
		select {
		case seq := <-got:
			if seq != want {
				t.Errorf("record %d came where %d was due", seq, want)
			}
		case <-time.After(patience):
			t.Fatalf("record %d never came", want)
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Follow = %v, want the context's error", err)
	}
}

func manySenders(t *testing.T, open func(*testing.T, string) IntakeLog) {
	const senders, each = 16, 50
	l := opened(t, open, t.TempDir())
	var mu sync.Mutex
	sent := make(map[uint64]string)
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				b := &fact.Batch{Source: fmt.Sprintf("%d/%d", s, i)}
				seq, err := l.Append(t.Context(), b)
				if err != nil {
					t.Errorf("Append: %v", err)
					return
				}
				mu.Lock()
				if sent[seq] != "" {
					t.Errorf("the number %d was given twice", seq)
				}
				sent[seq] = b.Source
				mu.Unlock()
			}
		})
	}
	// One reader runs along, one comes afterwards: both see the same.
	along := read(t, l, 0, senders*each)
	wg.Wait()
	for _, got := range [][]*fact.Batch{along, read(t, l, 0, senders*each)} {
		for i, b := range got {
			if want := sent[uint64(i+1)]; b.Source != want {
				t.Fatalf("record %d is %q, sent was %q", i+1, b.Source, want)
			}
		}
	}
}
