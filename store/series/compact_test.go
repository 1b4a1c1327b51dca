package series_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/series"
)

// Half a day of samples goes through blocks on disk. What was stored before
// is still known to be there, late samples find their place, and what the
// database has dropped from memory is forgotten.
func TestThroughBlocks(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, series.Options{})
	series.CompactOnRequest(s)
	const step = 60
	if _, err := s.Append(t.Context(), []fact.Series{one("gone", 0)}); err != nil {
		t.Fatal(err)
	}
	for sec := 0; sec <= 12*hour; sec += step {
		batch := []fact.Series{one("up", float64(sec))}
		if sec%(2*step) == 0 || sec > 11*hour {
			batch = append(batch, one("gaps", float64(sec)))
		}
		res, err := s.Append(t.Context(), batch)
		if err != nil || res.Stored != len(batch) {
			t.Fatalf("at %d s: %+v, %v", sec, res, err)
		}
	}
	for range 3 {
		if err := series.Compact(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if n := series.Blocks(s); n == 0 {
		t.Fatal("there are no blocks")
	}
	if _, err := s.Append(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if n := series.Remembered(s); n != 2 {
		t.Errorf("%d series are remembered, want 2: one has left memory", n)
	}
	up, gaps := one("up"), one("gaps")
	for sec := 9 * hour; sec <= 12*hour; sec += step {
		up.Points = append(up.Points, point(float64(sec), float64(sec)))
	}
	res, err := s.Append(t.Context(), []fact.Series{up})
	if want := (series.Result{Duplicate: len(up.Points)}); err != nil || res != want {
		t.Errorf("the last three hours again: %+v, %v; want %+v", res, err, want)
	}
	for sec := 10*hour + step; sec < 12*hour; sec += 2 * step {
		gaps.Points = append(gaps.Points, point(float64(sec), float64(sec)))
	}
	res, err = s.Append(t.Context(), []fact.Series{gaps})
	// 30 in the first hour of the two are too old; of the others, all are there.
	if want := (series.Result{TooOld: 30, Duplicate: 30}); err != nil || res != want {
		t.Errorf("the gaps: %+v, %v; want %+v", res, err, want)
	}
	before, err := s.Raw(t.Context(), "up")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, series.Options{})
	after, err := s.Raw(t.Context(), "up")
	if err != nil || len(after) != 1 || !equalBits(after[0].Points, before[0].Points) || len(after[0].Points) != 12*hour/step+1 {
		t.Errorf("%d samples of up after reopening (%v), %d before", len(after[0].Points), err, len(before[0].Points))
	}
	if res, err := s.Append(t.Context(), []fact.Series{up}); err != nil || res.Duplicate != len(up.Points) {
		t.Errorf("the last three hours after reopening: %+v, %v", res, err)
	}
}

// Damage to the log is mended from the intake log, of which only what is not
// in blocks is appended again.
func TestDamageBehindBlocksIsMended(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, series.Options{})
	series.CompactOnRequest(s)
	log := newLog()
	for sec := 0; sec <= 10*hour; sec += 60 {
		b := &fact.Batch{Source: "a", Received: base + int64(sec)*1000, Series: []fact.Series{one("metric_0", float64(sec)), one("metric_1", float64(sec-90))}}
		if sec%7 == 0 && sec > hour {
			b.Series = append(b.Series, one("metric_2", float64(sec-hour/2), float64(sec)))
		}
		log.batches = append(log.batches, b)
	}
	run(t, series.NewKeeper(s, log, series.KeeperOptions{}), log)
	if err := series.Compact(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	want := content(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	damaged := 0
	for _, name := range []string{"wal", "wbl"} {
		segments, err := filepath.Glob(filepath.Join(dir, name, "0*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range segments {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(b) < 100 {
				continue
			}
			b[len(b)/3] ^= 0xff
			if err := os.WriteFile(file, b, 0o644); err != nil {
				t.Fatal(err)
			}
			damaged++
		}
	}
	s = open(t, dir, series.Options{})
	series.CompactOnRequest(s)
	if !s.Repaired() {
		t.Fatalf("the store does not know that %d files of its logs were damaged", damaged)
	}
	lost := len(want) - len(content(t, s))
	again := newLog(log.batches...)
	// It is killed before it begins to mend, and stopped and started in the middle.
	accepted := uint64(0)
	for _, until := range []uint64{0, uint64(len(log.batches)) - 50, uint64(len(log.batches))} {
		accepted += follow(t, s, again, until)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir, series.Options{})
		series.CompactOnRequest(s)
	}
	if got := content(t, s); !slices.Equal(got, want) {
		t.Errorf("%d samples after mending, want %d", len(got), len(want))
	}
	if lost == 0 || accepted < uint64(lost) || accepted > uint64(len(want))/2 {
		t.Errorf("%d samples were appended again; %d of %d were lost", accepted, lost, len(want))
	}
}

// follow lets a keeper run until its checkpoint is at the batch until, and
// returns how many samples it accepted.
func follow(t *testing.T, s *series.Store, log *memLog, until uint64) uint64 {
	t.Helper()
	k := series.NewKeeper(s, &limitedLog{log, until}, series.KeeperOptions{Every: time.Nanosecond})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	for begun := time.Now(); log.keptUpTo() < until; time.Sleep(time.Millisecond) {
		if time.Since(begun) > 20*time.Second {
			t.Fatal("the keeper does not come to the end of the log")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return k.Counts()["a"].Accepted
}

// A limitedLog hands out batches up to one number.
type limitedLog struct {
	*memLog
	until uint64
}

func (l *limitedLog) Follow(ctx context.Context, after uint64, fn func(uint64, *fact.Batch) error) error {
	return l.memLog.Follow(ctx, after, func(seq uint64, b *fact.Batch) error {
		if seq > l.until {
			<-ctx.Done()
			return ctx.Err()
		}
		return fn(seq, b)
	})
}
