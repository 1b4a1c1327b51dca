package series_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/series"
)

// full makes a store that has everything a store may have: blocks, a
// checkpoint of the log, chunks of the head, and both logs.
func full(t *testing.T, dir string) {
	t.Helper()
	s := open(t, dir, series.Options{})
	series.CompactOnRequest(s)
	for sec := 0; sec <= 12*hour; sec += 60 {
		batch := []fact.Series{one("up", float64(sec))}
		if sec%7 == 0 && sec > hour {
			batch = append(batch, one("late", float64(sec), float64(sec-hour/2)))
		}
		if _, err := s.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if err := series.Compact(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// Whatever was done to one of its files, the store opens, takes samples and
// can be asked.
func TestItOpensWhateverIsDamaged(t *testing.T) {
	whole := t.TempDir()
	full(t, whole)
	harms := []struct {
		name string
		do   func(b []byte) []byte
	}{
		{"first byte", func(b []byte) []byte { b[0] ^= 0xff; return b }},
		{"a third", func(b []byte) []byte { b[len(b)/3] ^= 0xff; return b }},
		{"two thirds", func(b []byte) []byte { b[2*len(b)/3] ^= 0x01; return b }},
		{"last byte", func(b []byte) []byte { b[len(b)-1] ^= 0xff; return b }},
		{"cut in half", func(b []byte) []byte { return b[:len(b)/2] }},
		{"empty", func(b []byte) []byte { return nil }},
		{"gone", nil},
	}
	files := 0
	err := filepath.WalkDir(whole, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(whole, path)
		if err != nil {
			return err
		}
		files++
		for _, h := range harms {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if len(b) == 0 {
				continue
			}
			if h.do == nil {
				err = os.Remove(filepath.Join(dir, name))
			} else {
				err = os.WriteFile(filepath.Join(dir, name), h.do(b), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			use(t, dir, name+", "+h.name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 6 {
		t.Fatalf("only %d files: the store is not full", files)
	}
}

func use(t *testing.T, dir, what string) {
	t.Helper()
	s, err := series.Open(dir, series.Options{})
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	defer s.Close()
	if _, err := s.Append(t.Context(), []fact.Series{one("up", 12*hour+60)}); err != nil {
		t.Errorf("%s: append: %v", what, err)
	}
	if _, err := s.Instant(t.Context(), "count(up)", time.UnixMilli(base).Add((12*hour+60)*time.Second)); err != nil {
		t.Errorf("%s: query: %v", what, err)
	}
}

// That something is to be mended is not forgotten when the process ends before
// the keeper has begun.
func TestDamageIsNotForgotten(t *testing.T) {
	for _, harm := range []struct{ name, file string }{
		{"log", "wal/00000000"},
		{"block", "01*/index"},
		{"block and no checkpoint", "01*/index"},
	} {
		t.Run(harm.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, series.Options{})
			log := newLog()
			for sec := 0; sec <= 10*hour; sec += 60 {
				log.batches = append(log.batches, &fact.Batch{Source: "a", Received: base + int64(sec)*1000, Series: []fact.Series{one("metric_0", float64(sec))}})
			}
			run(t, series.NewKeeper(s, log, series.KeeperOptions{}), log)
			if harm.file != "wal/00000000" {
				if err := series.Compact(t.Context(), s); err != nil {
					t.Fatal(err)
				}
			}
			want := content(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			files, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(harm.file)))
			if err != nil || len(files) == 0 {
				t.Fatal(files, err)
			}
			for _, file := range files {
				b, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				b[len(b)/3] ^= 0xff
				if harm.file != "wal/00000000" {
					b[0] ^= 0xff
				}
				if err := os.WriteFile(file, b, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if harm.name == "block and no checkpoint" {
				if err := os.Remove(filepath.Join(dir, series.CheckpointFile)); err != nil {
					t.Fatal(err)
				}
			} else { // killed before it begins to mend
				if err := open(t, dir, series.Options{}).Close(); err != nil {
					t.Fatal(err)
				}
			}
			s = open(t, dir, series.Options{})
			if !s.Repaired() || slices.Equal(content(t, s), want) {
				t.Fatal("the store does not know that it was damaged, or it was not")
			}
			follow(t, s, newLog(log.batches...), uint64(len(log.batches)))
			if got := content(t, s); !slices.Equal(got, want) {
				t.Errorf("%d samples after mending, want %d", len(got), len(want))
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if open(t, dir, series.Options{}).Repaired() {
				t.Error("what was mended is to be mended again")
			}
		})
	}
}
