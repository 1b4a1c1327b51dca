package watch_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/watch"
	"github.com/steersman-ops/steersman/watch/watchtest"
)

// A snapshot says that everything up to a record was taken in. It must not be
// there before the series that were derived from these records are on disk.
func TestDerivedSeriesAreOnDiskBeforeASnapshot(t *testing.T) {
	log := record(watchtest.NewShop(1, 30), 30, nil)
	for _, fails := range []error{nil, errors.New("disk full")} {
		dir, out := t.TempDir(), newPapers()
		w := watch.New(watch.Config{SnapshotEvery: time.Second}, log, out, &syncing{out, fails}, watch.Options{Dir: dir, Logger: quiet()})
		if err := w.Run(t.Context()); !errors.Is(err, errEnd) {
			t.Fatalf("Run: %v", err)
		}
		_, err := os.Stat(filepath.Join(dir, "watch.snapshot"))
		if (err == nil) != (fails == nil) {
			t.Errorf("the series are synced: %v; a snapshot: %v", fails, err)
		}
	}
}

type syncing struct {
	*papers
	fails error
}

func (s *syncing) Sync() error { return s.fails }
