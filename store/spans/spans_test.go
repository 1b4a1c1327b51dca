package spans_test

import (
	"slices"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/spans"
	"github.com/steersman-ops/steersman/store/storetest/spanstest"
)

func options() spans.Options {
	return spans.Options{Retention: spanstest.Retention, Now: spanstest.Now}
}

func open(t testing.TB, dir string, opt spans.Options) *spans.Store {
	t.Helper()
	s, err := spans.Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	spanstest.Check(t, func(t *testing.T, dir string) spanstest.Store { return open(t, dir, options()) })
}

// The days that are too old go with the clock, and those that are too much with
// the size; the newest stays.
func TestRetain(t *testing.T) {
	now, dir := spanstest.Now(), t.TempDir()
	opt := options()
	opt.Now = func() time.Time { return now }
	s := open(t, dir, opt)
	for i := range 4 {
		start := now.Add(-time.Duration(i) * 24 * time.Hour).UnixNano()
		b := &fact.Batch{Received: now.UnixMilli(), Spans: []fact.Span{{TraceID: [16]byte{1}, ID: [8]byte{byte(i + 1)}, Start: start, End: start}}}
		if _, err := s.Put(t.Context(), uint64(i+1), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	now = now.Add(36 * time.Hour)
	gone, err := s.Retain()
	if err != nil || !slices.Equal(gone, []string{"20260226", "20260227"}) {
		t.Errorf("went %v, %v", gone, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	opt.MaxBytes = 1
	s = open(t, dir, opt)
	if gone, err := s.Retain(); err != nil || !slices.Equal(gone, []string{"20260228"}) {
		t.Errorf("under one byte went %v, %v", gone, err)
	}
	if a, err := s.Trace(t.Context(), [16]byte{1}); err != nil || len(a.Spans) != 1 {
		t.Errorf("left are %+v, %v", a.Spans, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
