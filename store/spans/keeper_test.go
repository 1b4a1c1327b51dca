package spans_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/disk"
	"github.com/steersman-ops/steersman/store/intake"
	"github.com/steersman-ops/steersman/store/spans"
)

const patience = 20 * time.Second

// A house is an intake log with a store that follows it.
type house struct {
	log    *intake.Log
	store  *spans.Store
	keeper *spans.Keeper
	stop   func()
}

func enter(t *testing.T, dir string, opt spans.Options, every time.Duration) *house {
	t.Helper()
	l, err := intake.Open(filepath.Join(dir, "intake"), intake.Options{Consumers: []string{spans.Consumer}})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{log: l, store: open(t, filepath.Join(dir, "spans"), opt)}
	h.keeper = spans.NewKeeper(h.store, l, spans.KeeperOptions{Every: every, Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.keeper.Run(ctx) }()
	h.stop = func() {
		cancel()
		if err := errors.Join(<-done, h.store.Close(), l.Close()); err != nil {
			t.Error(err)
		}
	}
	return h
}

func (h *house) send(t *testing.T, names ...string) {
	t.Helper()
	b := &fact.Batch{Source: "test", Received: time.Now().UnixMilli()}
	for i, name := range names {
		at := time.Now().UnixNano()
		b.Spans = append(b.Spans, fact.Span{TraceID: [16]byte{1}, ID: [8]byte{byte(i + 1)}, Name: name, Start: at, End: at + 5})
	}
	if _, err := h.log.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func (h *house) tick(t *testing.T) {
	t.Helper()
	if _, err := h.log.Append(t.Context(), &fact.Batch{Source: fact.ClockSource, Received: time.Now().UnixMilli()}); err != nil {
		t.Fatal(err)
	}
}

// holds waits until the store holds exactly these names, and ticks meanwhile.
func (h *house) holds(t *testing.T, want map[string]int) {
	t.Helper()
	var got map[string]int
	for begin := time.Now(); time.Since(begin) < patience; time.Sleep(20 * time.Millisecond) {
		h.tick(t)
		a, err := h.store.Search(t.Context(), spans.Query{Limit: spans.MostSpans})
		if err != nil {
			t.Fatal(err)
		}
		got = make(map[string]int)
		for _, l := range a.Spans {
			got[l.Name]++
		}
		if fmt.Sprint(got) == fmt.Sprint(want) {
			return
		}
	}
	t.Fatalf("the store holds %v, want %v", got, want)
}

func TestKeeper(t *testing.T) {
	dir := t.TempDir()
	h := enter(t, dir, spans.Options{}, time.Hour)
	h.send(t, "a", "b")
	h.send(t, "c")
	h.holds(t, map[string]int{"a": 1, "b": 1, "c": 1})
	h.stop()
	h = enter(t, dir, spans.Options{}, 10*time.Millisecond)
	h.send(t, "d")
	h.holds(t, map[string]int{"a": 1, "b": 1, "c": 1, "d": 1})
	h.stop()
}

// Whatever is lost beside the spans themselves, none is lost and none is there
// twice.
func TestKeeperBeginsAgain(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
		want  map[string]int
	}{
		{"the checkpoint is lost", func(t *testing.T, dir string) {
			remove(t, filepath.Join(dir, "spans", "intake.checkpoint"))
		}, map[string]int{"a": 1, "b": 1, "c": 1}},
		{"the checkpoint is nonsense", func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "spans", "intake.checkpoint"), []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, map[string]int{"a": 1, "b": 1, "c": 1}},
		{"the store is lost", func(t *testing.T, dir string) {
			remove(t, filepath.Join(dir, "spans"))
		}, map[string]int{"a": 1, "b": 1, "c": 1}},
		{"the intake log is lost", func(t *testing.T, dir string) {
			remove(t, filepath.Join(dir, "intake"))
		}, map[string]int{"a": 1, "b": 1, "c": 1}},
		{"the intake log and later the checkpoint", func(t *testing.T, dir string) {
			remove(t, filepath.Join(dir, "intake"))
			h := enter(t, dir, spans.Options{}, 20*time.Millisecond)
			h.stop()
			remove(t, filepath.Join(dir, "spans", "intake.checkpoint"))
			l, err := intake.Open(filepath.Join(dir, "intake"), intake.Options{})
			if err != nil {
				t.Fatal(err)
			}
			b := &fact.Batch{Source: "test", Received: time.Now().UnixMilli(), Spans: []fact.Span{{TraceID: [16]byte{1}, ID: [8]byte{1}, Start: time.Now().UnixNano(), Name: "e"}}}
			for range 5 { // before the keeper begins, under numbers that it has seen in the lost log
				if _, err := l.Append(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}, map[string]int{"a": 1, "b": 1, "c": 1, "e": 5}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			h := enter(t, dir, spans.Options{}, 20*time.Millisecond)
			h.send(t, "a", "b")
			h.send(t, "c")
			h.holds(t, map[string]int{"a": 1, "b": 1, "c": 1})
			h.stop()
			tt.spoil(t, dir)
			h = enter(t, dir, spans.Options{}, 20*time.Millisecond)
			h.send(t, "d")
			tt.want["d"] = 1
			h.holds(t, tt.want)
			h.stop()
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// While the disk is full, spans wait in the intake log, and the keeper says so.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	h := enter(t, dir, spans.Options{MinFree: 1 << 62}, 0)
	h.send(t, "a")
	for begin := time.Now(); h.keeper.Stalled() == nil; time.Sleep(10 * time.Millisecond) {
		if time.Since(begin) > patience {
			t.Fatal("a keeper that cannot store does not say so")
		}
	}
	if err := h.keeper.Stalled(); !disk.Full(err) || !strings.Contains(err.Error(), "are free in "+dir) {
		t.Errorf("it says %v", err)
	}
	h.stop()
	h = enter(t, dir, spans.Options{}, 20*time.Millisecond)
	h.holds(t, map[string]int{"a": 1})
	h.stop()
}

// TestMain is also the process that TestKill kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv("STEERSMAN_TEST_KILLED"); dir != "" {
		if err := sendUntilKilled(dir, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// sendUntilKilled appends spans to the intake log, which a keeper brings to a
// store, and tells of each batch when it was acknowledged.
func sendUntilKilled(dir string, out io.Writer) error {
	l, err := intake.Open(filepath.Join(dir, "intake"), intake.Options{Consumers: []string{spans.Consumer}})
	if err != nil {
		return err
	}
	s, err := spans.Open(filepath.Join(dir, "spans"), spans.Options{})
	if err != nil {
		return err
	}
	broke := make(chan error, 1)
	go func() {
		broke <- spans.NewKeeper(s, l, spans.KeeperOptions{Every: 50 * time.Millisecond}).Run(context.Background())
	}()
	for n := l.Head(); ; n++ {
		select {
		case err := <-broke:
			return err
		default:
		}
		now := time.Now()
		b := &fact.Batch{Source: "test", Received: now.UnixMilli()}
		for i := range 50 { // half of them of another day
			at := now.Add(-time.Duration(i%2) * 24 * time.Hour).UnixNano()
			b.Spans = append(b.Spans, fact.Span{TraceID: [16]byte{byte(i)}, ID: [8]byte{byte(n), byte(n >> 8), byte(i)}, Start: at, End: at + 1e6, Name: fmt.Sprint("step ", i), Entity: fact.Entity{Kind: fact.Service, Name: fmt.Sprint("s", i%5)}, Attrs: fact.LabelsOf("n", fmt.Sprint(n))})
		}
		seq, err := l.Append(context.Background(), b)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, seq)
	}
}

// A process that is killed at any moment, again and again, has in the end every
// span that it acknowledged, once.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged := uint64(0)
	for round := range 6 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "STEERSMAN_TEST_KILLED="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		sc := bufio.NewScanner(out)
		kill := time.AfterFunc(time.Duration(300+130*round)*time.Millisecond, func() { _ = cmd.Process.Kill() })
		for sc.Scan() {
			if _, err := fmt.Sscan(sc.Text(), &acknowledged); err != nil {
				t.Fatal(err)
			}
		}
		kill.Stop()
		_ = cmd.Wait() // it was killed
	}
	if acknowledged < 100 {
		t.Fatalf("only %d batches were acknowledged", acknowledged)
	}
	h := enter(t, dir, spans.Options{}, 20*time.Millisecond)
	for begin := time.Now(); h.log.Head() > 0; time.Sleep(50 * time.Millisecond) {
		h.tick(t)
		last, err := h.store.Last(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if last >= acknowledged {
			break
		}
		if time.Since(begin) > patience {
			t.Fatalf("the store has batches up to %d, acknowledged were %d", last, acknowledged)
		}
	}
	h.stop() // the newest may not be found before, one day's later than another's
	s := open(t, filepath.Join(dir, "spans"), spans.Options{})
	perBatch := count(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for n := uint64(1); n <= acknowledged; n++ {
		if perBatch[n] != 50 {
			t.Errorf("batch %d has %d spans in the store, want 50", n, perBatch[n])
		}
	}
	t.Logf("%d batches survived 6 kills", acknowledged)
}

// count counts the spans of each batch, page by page.
func count(t *testing.T, s *spans.Store) map[uint64]int {
	t.Helper()
	out := make(map[uint64]int)
	for field := range 5 {
		for to := time.Now().Add(time.Minute); ; {
			a, err := s.Search(t.Context(), spans.Query{Service: fmt.Sprint("s", field), Limit: spans.MostSpans, To: to})
			if err != nil || a.TimedOut {
				t.Fatal(a.TimedOut, err)
			}
			oldest := int64(0)
			for _, l := range a.Spans {
				oldest = l.Start
			}
			for _, l := range a.Spans {
				if l.Start > oldest || !a.More { // those of the oldest time come again with the next page
					out[l.Batch]++
				}
			}
			if !a.More {
				break
			}
			to = time.Unix(0, oldest)
		}
	}
	return out
}

// A backup that is taken while spans come has, with the rest of the log, every
// span once.
func TestBackup(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	h := enter(t, dir, spans.Options{}, 30*time.Millisecond)
	want := make(map[string]int)
	copyDir := filepath.Join(other, "spans")
	for i := range 60 {
		name := fmt.Sprint("step ", i)
		want[name] = 1
		h.send(t, name)
		time.Sleep(5 * time.Millisecond)
		h.tick(t)
		if i == 30 {
			if err := os.Mkdir(copyDir, 0o750); err != nil {
				t.Fatal(err)
			}
			if err := h.store.Backup(t.Context(), copyDir); err != nil {
				t.Fatal(err)
			}
		}
	}
	h.holds(t, want)
	h.stop()
	alone := open(t, copyDir, spans.Options{})
	a, err := alone.Search(t.Context(), spans.Query{Limit: 100})
	if err != nil || len(a.Spans) < 5 || len(a.Spans) > 31 {
		t.Errorf("the copy alone has %d spans, %v", len(a.Spans), err)
	}
	if err := alone.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "intake"), filepath.Join(other, "intake")); err != nil {
		t.Fatal(err)
	}
	h = enter(t, other, spans.Options{}, 30*time.Millisecond)
	h.holds(t, want)
	h.stop()
}
