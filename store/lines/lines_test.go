package lines_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"

	"github.com/steersman-ops/steersman/store/lines"
	"github.com/steersman-ops/steersman/store/storetest/linestest"
)

func options() lines.Options {
	return lines.Options{Retention: linestest.Retention, Now: linestest.Now}
}

func open(t testing.TB, dir string, opt lines.Options) *lines.Store {
	t.Helper()
	s, err := lines.Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	linestest.Check(t, func(t *testing.T, dir string) linestest.Store { return open(t, dir, options()) })
}

// The days that are too old go with the clock, and those that are too much with
// the size; the newest stays.
func TestRetain(t *testing.T) {
	now := linestest.Now()
	opt := options()
	opt.Now = func() time.Time { return now }
	s := open(t, t.TempDir(), opt)
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	for i := range 4 {
		at := now.Add(-time.Duration(i) * 24 * time.Hour).UnixNano()
		if _, err := s.Put(t.Context(), uint64(i+1), &fact.Batch{Received: now.UnixMilli(), Lines: []fact.Line{{At: at, Observed: at, Text: fmt.Sprint(i)}}}); err != nil {
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
	a, err := s.Search(t.Context(), lines.Query{Limit: 10})
	if err != nil || len(a.Lines) != 2 || a.Lines[1].Text != "1" {
		t.Errorf("left are %+v, %v", a.Lines, err)
	}
	now = now.Add(10 * 24 * time.Hour)
	if gone, err := s.Retain(); err != nil || len(gone) != 2 || len(s.Days()) != 0 {
		t.Errorf("of all that is too old went %v, %v", gone, err)
	}
}

func TestRetainBySize(t *testing.T) {
	dir := t.TempDir()
	opt := options()
	s := open(t, dir, opt)
	for i, lines := range [][]fact.Line{typical(10_000), typical(10_000), typical(10_000)} {
		for j := range lines {
			lines[j].At -= int64(i) * int64(24*time.Hour)
		}
		if _, err := s.Put(t.Context(), uint64(i+1), &fact.Batch{Received: linestest.Now().UnixMilli(), Lines: lines}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	all := sizeOf(t, dir) // three days of about the same size
	for _, tt := range []struct {
		most int64
		left int
	}{{2 * all, 3}, {all * 5 / 6, 2}, {1, 1}} {
		opt.MaxBytes = tt.most
		s := open(t, dir, opt)
		if gone, err := s.Retain(); err != nil || len(s.Days()) != tt.left {
			t.Errorf("under %d bytes went %v and %v stay, %v, want %d", tt.most, gone, s.Days(), err, tt.left)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func sizeOf(t *testing.T, dir string) (size int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		size += info.Size()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// A search has an end, and tells how far it came; others wait for their turn.
func TestSearchIsBounded(t *testing.T) {
	opt := options()
	opt.SearchTime, opt.Searches = time.Nanosecond, 1
	s := open(t, t.TempDir(), opt)
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	a, err := s.Search(t.Context(), lines.Query{Limit: 10})
	if !errors.Is(err, fact.ErrBusy) && (err != nil || !a.TimedOut || !a.More) {
		t.Errorf("a search without time ends with %+v, %v", a, err)
	}
}

// What one search returns is bounded in bytes too.
func TestLargeLines(t *testing.T) {
	s := open(t, t.TempDir(), options())
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	text := strings.Repeat("large ", 60_000)
	for n := range 60 {
		at := linestest.Now().Add(-time.Duration(n) * time.Second).UnixNano()
		if _, err := s.Put(t.Context(), uint64(n+1), &fact.Batch{Received: linestest.Now().UnixMilli(), Lines: []fact.Line{{At: at, Observed: at, Text: text}}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	a, err := s.Search(t.Context(), lines.Query{Limit: 1000})
	if err != nil || !a.More || len(a.Lines) < 5 || len(a.Lines) > 30 {
		t.Fatalf("%d lines of %d bytes, more %v, %v", len(a.Lines), len(text), a.More, err)
	}
	for i, l := range a.Lines {
		if want := linestest.Now().Add(-time.Duration(i) * time.Second).UnixNano(); l.At != want {
			t.Errorf("line %d is of %d, want %d", i, l.At, want)
		}
	}
}

// A damaged database is an error with the folder's name, where it can be caught.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, options())
	if _, err := s.Put(t.Context(), 1, &fact.Batch{Received: linestest.Now().UnixMilli(), Lines: typical(10)}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "db", "delete_tasks.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := lines.Open(dir, options()); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("opened, or said %v", err)
	}
}
