package watch_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/watch"
	"github.com/steersman-ops/steersman/watch/watchtest"
)

// lasting reads back what the papers say that lasts.
func (p *papers) lasting(context.Context) (is []fact.Incident, fs []fact.Finding, err error) {
	for _, id := range slices.Sorted(maps.Keys(p.byID)) {
		var f fact.Finding
		switch i, ok := p.incidents[id]; {
		case ok && i.State == fact.Open:
			is = append(is, i)
		case strings.HasPrefix(id, "find-"):
			if err := json.Unmarshal([]byte(p.byID[id]), &f); err != nil {
				return nil, nil, err
			}
			if f.Ended.IsZero() {
				fs = append(fs, f)
			}
		}
	}
	return is, fs, nil
}

// runOpen watches log from its snapshot in dir, if there is one.
func runOpen(t *testing.T, dir string, log watch.Follower, out *papers) {
	t.Helper()
	w := watch.New(watch.Config{}, log, out, out, watch.Options{Dir: dir, Logger: quiet(), Open: out.lasting})
	if err := w.Run(t.Context()); !errors.Is(err, errEnd) {
		t.Fatalf("Run: %v", err)
	}
}

// shortLog no longer holds its first records.
type shortLog struct {
	*memoryLog
	from uint64
}

func (l shortLog) Follow(ctx context.Context, after uint64, fn func(uint64, *fact.Batch) error) error {
	return l.memoryLog.Follow(ctx, max(after, l.from), fn)
}

// What was left open by a state that was lost is closed, and says so; what the
// watcher knows is not.
func TestOrphansAreClosed(t *testing.T) {
	fault := watchtest.Fault{From: 100, Service: "payment", Fails: 0.3}
	log := record(watchtest.NewShop(1, 30, fault), 130, nil)
	dir, out := t.TempDir(), newPapers()
	w := watch.New(watch.Config{SnapshotEvery: time.Second}, log, out, out, watch.Options{Dir: dir, Logger: quiet()})
	if err := w.Run(t.Context()); !errors.Is(err, errEnd) {
		t.Fatalf("Run: %v", err)
	}
	is, fs, err := out.lasting(t.Context())
	if len(is) != 1 || len(fs) < 3 || err != nil {
		t.Fatalf("%d incidents and %d findings are open, want 1 and some: %v", len(is), len(fs), err)
	}
	id := is[0].ID

	// Begun again with its snapshot, and without it where the log reaches back.
	runOpen(t, dir, log, out)
	if is, again, _ := out.lasting(t.Context()); len(is) != 1 || len(again) != len(fs) {
		t.Errorf("with the snapshot: %d incidents and %d findings are open, want 1 and %d", len(is), len(again), len(fs))
	}
	if err := os.Remove(filepath.Join(dir, "watch.snapshot")); err != nil {
		t.Fatal(err)
	}
	runOpen(t, t.TempDir(), log, out)
	if is, again, _ := out.lasting(t.Context()); len(is) != 1 || len(again) != len(fs) {
		t.Errorf("with the whole log: %d incidents and %d findings are open, want 1 and %d", len(is), len(again), len(fs))
	}

	// Neither snapshot nor log.
	runOpen(t, t.TempDir(), shortLog{log, uint64(len(log.batches) - 6)}, out)
	if is, fs, _ := out.lasting(t.Context()); len(is)+len(fs) > 0 {
		t.Errorf("%d incidents and %d findings are still open", len(is), len(fs))
	}
	got := out.incidents[id]
	if got.State != fact.Resolved || !got.Resolved.After(got.Onset) || got.Updated != got.Resolved || !strings.Contains(got.Summary, "payment") ||
		!strings.HasSuffix(got.Summary, " Closed at 14:02:10: what was known of it was lost, so nobody saw how and when it ended.") {
		t.Errorf("closed as %s, %v to %v: %q", got.State, got.Onset, got.Resolved, got.Summary)
	}
	for _, f := range got.Findings {
		if f.Ended.IsZero() {
			t.Errorf("the closed incident lists a finding that lasts: %v", f.Signal)
		}
	}
}

// Records that cannot be read are no reason to stop watching.
func TestOrphansCannotBeRead(t *testing.T) {
	log := record(watchtest.NewShop(1, 30), 20, nil)
	out := newPapers()
	w := watch.New(watch.Config{}, log, out, out, watch.Options{Logger: quiet(), Open: func(context.Context) ([]fact.Incident, []fact.Finding, error) {
		return nil, nil, errBroken
	}})
	if err := w.Run(t.Context()); !errors.Is(err, errEnd) {
		t.Errorf("Run: %v", err)
	}
}
