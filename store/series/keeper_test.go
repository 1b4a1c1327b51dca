package series_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/intake"
	"github.com/steersman-ops/steersman/store/series"
)

var _ series.Follower = (*intake.Log)(nil)

// memLog is an intake log in memory.
type memLog struct {
	mu      sync.Mutex
	batches []*fact.Batch // batches[i] has the number i+1
	more    chan struct{} // closed when a batch is added
	kept    uint64
	after   uint64 // from where it was followed the last time
}

func newLog(batches ...*fact.Batch) *memLog {
	return &memLog{batches: batches, more: make(chan struct{})}
}

func (l *memLog) add(b *fact.Batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.batches = append(l.batches, b)
	close(l.more)
	l.more = make(chan struct{})
}

func (l *memLog) Head() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.batches))
}

func (l *memLog) Keep(consumer string, seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if consumer != series.Consumer || seq < l.kept {
		panic(fmt.Sprintf("Keep(%q, %d) after %d", consumer, seq, l.kept))
	}
	l.kept = seq
}

func (l *memLog) keptUpTo() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept
}

func (l *memLog) Follow(ctx context.Context, after uint64, fn func(uint64, *fact.Batch) error) error {
	l.mu.Lock()
	l.after = after
	l.mu.Unlock()
	for {
		l.mu.Lock()
		rest, more := l.batches[min(after, uint64(len(l.batches))):], l.more
		l.mu.Unlock()
		for _, b := range rest {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err := fn(after+1, b); err != nil {
				return err
			}
			after++
		}
		if len(rest) == 0 {
			select {
			case <-more:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// run lets a keeper follow the log until it has come to its head, and stops it.
func run(t testing.TB, k *series.Keeper, log *memLog) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	want := 0
	for _, b := range log.batches {
		want += b.Samples()
	}
	for begun := time.Now(); counted(k)+alreadyThere(log) < want; time.Sleep(time.Millisecond) {
		if time.Since(begun) > 20*time.Second {
			t.Fatalf("the keeper counts %d of %d samples", counted(k), want)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// alreadyThere counts the samples before the place from where the log was followed.
func alreadyThere(log *memLog) int {
	log.mu.Lock()
	defer log.mu.Unlock()
	n := 0
	for _, b := range log.batches[:log.after] {
		n += b.Samples()
	}
	return n
}

func counted(k *series.Keeper) int {
	n := uint64(0)
	for _, c := range k.Counts() {
		n += c.Accepted
	}
	return int(n)
}

// batches makes n batches, one a second, of a few sources: samples that are
// fresh, late, repeated, contradictory, too old and too new.
func batches(seed uint64, n int) []*fact.Batch {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]*fact.Batch, n)
	for i := range out {
		b := &fact.Batch{Source: fmt.Sprintf("source-%d", r.IntN(3)), Received: base + int64(i)*1000}
		if r.IntN(4) == 0 {
			b.Source = fact.ClockSource
			out[i] = b
			continue
		}
		for range 1 + r.IntN(4) {
			s := one(fmt.Sprintf("metric_%d", r.IntN(5)))
			for range 1 + r.IntN(5) {
				sec := float64(i)
				value := sec
				switch r.IntN(10) {
				case 0, 1:
					sec -= float64(r.IntN(60))
				case 2:
					value = r.Float64()
				case 3:
					sec += 601 + float64(r.IntN(1000))
				case 4:
					sec -= 2 * hour
				case 5:
					s.Labels = fact.LabelsOf("no", "name")
				}
				s.Points = append(s.Points, point(sec, value))
			}
			b.Series = append(b.Series, s)
		}
		b.Deltas = deltas(fmt.Sprintf("delta_%d", i%2), delta(float64(i-i%7), float64(i-i%7+1), float64(i))).Deltas // late, repeated, contradictory
		b.Histograms = histogram(fact.SeriesType(1+i%3), fmt.Sprintf("histogram_%d", i%3), hist(float64(i-i%5), bucketed(uint64(i)))).Histograms
		out[i] = b
	}
	return out
}

// The law: accepted = stored + duplicate + quarantined, for every source, and
// the metrics say the same.
func TestTheLaw(t *testing.T) {
	log := newLog(batches(1, 600)...)
	s := open(t, t.TempDir(), series.Options{})
	reg := prometheus.NewRegistry()
	k := series.NewKeeper(s, log, series.KeeperOptions{Registerer: reg})
	run(t, k, log)
	sent := make(map[string]uint64)
	for _, b := range log.batches {
		sent[b.Source] += uint64(b.Samples())
	}
	delete(sent, fact.ClockSource)
	reasons := make(map[string]bool)
	for source, c := range k.Counts() {
		sum := c.Stored + c.Duplicate
		for reason, n := range c.Quarantined {
			sum += n
			reasons[reason] = true
		}
		if c.Accepted != sent[source] || c.Accepted != sum {
			t.Errorf("%s: sent %d, accepted %d, accounted for %d (%+v)", source, sent[source], c.Accepted, sum, c)
		}
		delete(sent, source)
	}
	if len(sent) > 0 {
		t.Errorf("not accounted for at all: %v", sent)
	}
	for _, reason := range []string{"too_old", "too_new", "conflict", "invalid"} {
		if !reasons[reason] {
			t.Errorf("the test has no sample that is %s", reason)
		}
	}
	accepted := sumOf(t, reg, "steersman_series_accepted_samples_total")
	fates := sumOf(t, reg, "steersman_series_samples_total")
	if want := float64(counted(k)); accepted != want || fates != want {
		t.Errorf("the metrics say %v accepted and %v fates, want %v", accepted, fates, want)
	}
	if n := testutil.CollectAndCount(s.Metrics()); n == 0 {
		t.Error("the store has no metrics")
	}
}

func sumOf(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range all {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// content is everything that is stored, as text.
func content(t testing.TB, s *series.Store) []string {
	t.Helper()
	var out []string
	for i := range 5 {
		name := fmt.Sprintf("metric_%d", i)
		all, err := s.Raw(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range all {
			for _, p := range one.Points {
				out = append(out, fmt.Sprintf("%s %d %x", one.Labels, p.T, p.V))
			}
		}
	}
	return out
}

// A keeper that is stopped and started at any batch brings the same content
// as one that never was.
func TestTheSameLogGivesTheSameContent(t *testing.T) {
	log := batches(2, 300)
	whole := open(t, t.TempDir(), series.Options{})
	all := newLog(log...)
	run(t, series.NewKeeper(whole, all, series.KeeperOptions{}), all)
	want := content(t, whole)
	if len(want) < 300 {
		t.Fatalf("only %d samples are stored", len(want))
	}

	dir := t.TempDir()
	r := rand.New(rand.NewPCG(3, 3))
	for n := 0; n < len(log); {
		n = min(len(log), n+1+r.IntN(80))
		s := open(t, dir, series.Options{})
		part := newLog(log[:n]...)
		run(t, series.NewKeeper(s, part, series.KeeperOptions{Every: time.Hour}), part)
		if part.kept != uint64(n) {
			t.Errorf("after %d batches the log may forget up to %d", n, part.kept)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir, series.Options{})
	if got := content(t, s); !slices.Equal(got, want) {
		t.Errorf("%d samples with restarts, %d without", len(got), len(want))
	}
}

// The machine stops at any moment: what is on disk then, plus the log from the
// checkpoint on, is everything. The files are copied while the keeper runs.
func TestNothingIsLostWhenTheMachineStops(t *testing.T) {
	all := batches(4, 300)
	whole := open(t, t.TempDir(), series.Options{})
	wholeLog := newLog(all...)
	run(t, series.NewKeeper(whole, wholeLog, series.KeeperOptions{}), wholeLog)
	want := content(t, whole)

	dir := t.TempDir()
	s := open(t, dir, series.Options{})
	log := newLog()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- series.NewKeeper(s, log, series.KeeperOptions{Every: time.Millisecond}).Run(ctx) }()
	r := rand.New(rand.NewPCG(5, 5))
	var images []string
	for _, b := range all {
		log.add(b)
		if r.IntN(40) == 0 {
			time.Sleep(time.Duration(r.IntN(3000)) * time.Microsecond)
			images = append(images, image(t, dir))
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if len(images) < 3 {
		t.Fatalf("only %d images", len(images))
	}
	for i, dir := range images {
		seq, err := series.ReadCheckpoint(filepath.Join(dir, series.CheckpointFile))
		if err != nil {
			t.Fatalf("image %d: %v", i, err)
		}
		s := open(t, dir, series.Options{})
		again := newLog(all...)
		run(t, series.NewKeeper(s, again, series.KeeperOptions{}), again)
		if again.after != seq && !s.Repaired() {
			t.Errorf("image %d: the checkpoint is %d, the log was read after %d", i, seq, again.after)
		}
		if got := content(t, s); !slices.Equal(got, want) {
			t.Errorf("image %d, checkpoint %d: %d samples, want %d", i, seq, len(got), len(want))
		}
		s.Close()
	}
}

// image copies the checkpoint first and then the rest: what the checkpoint
// promises must be in the rest.
func image(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	b, err := os.ReadFile(filepath.Join(dir, series.CheckpointFile))
	if err == nil {
		err = os.WriteFile(filepath.Join(to, series.CheckpointFile), b, 0o644)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, sub := range []string{"wal", "wbl", "chunks_head"} {
		err := os.CopyFS(filepath.Join(to, sub), os.DirFS(filepath.Join(dir, sub)))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	return to
}

func TestWhereTheKeeperBegins(t *testing.T) {
	for _, tt := range []struct {
		name       string
		checkpoint string
		want       uint64
	}{
		{"without checkpoint", "", 0},
		{"with one", `{"format":1,"seq":3}`, 3},
		{"with one ahead of the log", `{"format":1,"seq":99}`, 0},
		{"with a torn one", `{"format":1,"se`, 0},
		{"with one of another format", `{"format":7,"seq":3}`, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if tt.checkpoint != "" {
				if err := os.WriteFile(filepath.Join(dir, series.CheckpointFile), []byte(tt.checkpoint), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			log := newLog(batches(6, 5)...)
			run(t, series.NewKeeper(open(t, dir, series.Options{}), log, series.KeeperOptions{}), log)
			if log.after != tt.want {
				t.Errorf("the log was read after %d, want %d", log.after, tt.want)
			}
		})
	}
}

// A log that was damaged in the middle is cut there; the keeper then fetches
// from the intake log what is lost, although its checkpoint is behind it.
func TestADamagedLogIsMended(t *testing.T) {
	dir := t.TempDir()
	all := batches(7, 400)
	s := open(t, dir, series.Options{})
	log := newLog(all...)
	run(t, series.NewKeeper(s, log, series.KeeperOptions{}), log)
	want := content(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	segment := filepath.Join(dir, "wal", "00000000")
	b, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/3] ^= 0xff
	if err := os.WriteFile(segment, b, 0o644); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, series.Options{})
	if !s.Repaired() {
		t.Fatal("the store does not know that it was damaged")
	}
	log = newLog(all...)
	run(t, series.NewKeeper(s, log, series.KeeperOptions{}), log)
	if got := content(t, s); !slices.Equal(got, want) {
		t.Errorf("%d samples after mending, want %d", len(got), len(want))
	}
}

func TestSourcesAreCountedUpToALimit(t *testing.T) {
	log := newLog()
	for i := range 1100 {
		log.batches = append(log.batches, &fact.Batch{Source: fmt.Sprintf("otlp/s%d", i), Received: base, Series: []fact.Series{one("up", float64(i))}})
	}
	log.batches = append(log.batches, &fact.Batch{Source: "shop", Received: base, Series: []fact.Series{one("up", 1)}})
	k := series.NewKeeper(open(t, t.TempDir(), series.Options{}), log, series.KeeperOptions{})
	run(t, k, log)
	if c := k.Counts(); len(c) != 1002 || c["others"].Accepted != 100 || c["shop"].Accepted != 1 {
		t.Errorf("%d sources, others %+v, shop %+v; want 1002, 100 samples and one", len(c), c["others"], c["shop"])
	}
}

// While the store cannot take samples, the keeper waits, says why, and goes
// on without a loss.
func TestTheKeeperWaits(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, series.Options{})
	s.Close()
	log := newLog(&fact.Batch{Source: "a", Received: base, Series: []fact.Series{one("up", 0)}})
	k := series.NewKeeper(s, log, series.KeeperOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	for begun := time.Now(); k.Stalled() == nil; time.Sleep(time.Millisecond) {
		if time.Since(begun) > 10*time.Second {
			t.Fatal("a closed store takes samples")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
	if seq, err := series.ReadCheckpoint(filepath.Join(dir, series.CheckpointFile)); seq != 0 || err != nil {
		t.Errorf("the checkpoint is %d (%v), although nothing was stored", seq, err)
	}
}
