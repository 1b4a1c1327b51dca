package logdb

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/steersman-ops/steersman/store/disk"
)

// A Kind says what a database keeps. Its words stand in metrics, texts and on
// the disk.
type Kind struct {
	Name   string // one word: the consumer of the intake log, and steersman_NAME_… of the metrics
	Noun   string // several of what is kept: "log lines"
	Stream string // the column whose rows of one value lie together
}

// Options say what a database may cost. The zero value of each field means its
// default.
type Options struct {
	// Retention is how long rows are kept, by their own time, in whole days.
	// Default 7 days.
	Retention time.Duration

	// MaxBytes bounds the files: the oldest days go first, the newest stays.
	// Default 0, no bound.
	MaxBytes int64

	// MinFree is how much of the disk must be free for rows to be added. The
	// database panics when its own merges fill the disk. Default: half of what
	// the intake log leaves free (see [disk.Reserve]), so that what it has taken
	// can be stored.
	MinFree int64

	// Ahead is how far after the receipt of its batch a row's time may be.
	// Default 10 minutes.
	Ahead time.Duration

	// Memory is what databases may take for caches and for one search, each as a
	// share of it. It is one number for the process: the first that is opened
	// sets it. Default 64 MiB.
	Memory int64

	// Searches is how many searches run at a time; others wait. Default 2.
	Searches int

	// SearchTime is how long one search may look. Default 10 seconds.
	SearchTime time.Duration

	Now        func() time.Time      // the clock that retention goes by; nil: time.Now
	Registerer prometheus.Registerer // nil: the metrics are not registered
	Logger     *slog.Logger          // nil: silent
}

func (o Options) withDefaults() Options {
	def := func(v *int64, d int64) {
		if *v == 0 {
			*v = d
		}
	}
	def((*int64)(&o.Retention), int64(7*24*time.Hour))
	def((*int64)(&o.Ahead), int64(10*time.Minute))
	def(&o.Memory, 64<<20)
	def((*int64)(&o.SearchTime), int64(10*time.Second))
	if o.Searches == 0 {
		o.Searches = 2
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// ErrClosed is wrapped by what a database returns that was closed.
var ErrClosed = errors.New("it is closed")

// A DB keeps rows. Put, Flush, Sync, Resume and Retain are for one caller at a
// time, the keeper; [Newest] and [Earliest] may be called by many beside it.
type DB struct {
	dir  string
	kind Kind
	opt  Options
	met  *metrics

	busy chan struct{} // a place for each search

	mu     sync.RWMutex // held for reading by whoever uses db
	db     *logstorage.Storage
	closed bool

	rows     *logstorage.LogRows // gathered, nil if none
	gathered int                 // their bytes
	fresh    bool                // rows were handed to the engine since the last Sync
	replay   replay
	columns  []Column // scratch
}

// Open opens the database in dir, and makes it if it is not there.
func Open(dir string, kind Kind, opt Options) (d *DB, err error) {
	opt = opt.withDefaults()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for %s: %w", kind.Noun, err)
	}
	if err := prepare(opt.Memory); err != nil {
		return nil, fmt.Errorf("open the store of %s: %w", kind.Noun, err)
	}
	if opt.MinFree == 0 {
		_, total, err := disk.Space(dir)
		if err != nil {
			return nil, fmt.Errorf("open the store of %s: %w", kind.Noun, err)
		}
		opt.MinFree = disk.Reserve(total) / 2
	}
	defer func() { // only what happens on this goroutine can be caught
		if p := recover(); p != nil {
			d, err = nil, fmt.Errorf("open the store of %s in %s: %v", kind.Noun, dir, p)
		}
	}()
	if err := dropSnapshots(dir); err != nil {
		return nil, fmt.Errorf("open the store of %s: %w", kind.Noun, err)
	}
	d = &DB{dir: dir, kind: kind, opt: opt, busy: make(chan struct{}, opt.Searches)}
	d.db = logstorage.MustOpenStorage(filepath.Join(dir, "db"), &logstorage.StorageConfig{
		// Both are kept here, by the clock of the options, and counted.
		Retention: forever, FutureRetention: forever,
		// Sync flushes; this is for a process that ends without one.
		FlushInterval: time.Minute,
		// Below it the engine says that it takes nothing.
		MinFreeDiskSpaceBytes: opt.MinFree,
	})
	d.met = newMetrics(d)
	if opt.Registerer != nil {
		opt.Registerer.MustRegister(d.met)
	}
	return d, nil
}

// forever is longer than any row can be old.
const forever = 100 * 365 * 24 * time.Hour

// prepare sets the flags of the process that lib/memory and lib/logger of
// VictoriaMetrics read: they have no other way to be told. It must not run
// twice at a time.
func prepare(memory int64) error {
	for name, value := range map[string]string{
		"memory.allowedBytes": strconv.FormatInt(memory, 10),
		"loggerLevel":         "WARN",
	} {
		f := flag.Lookup(name)
		if f == nil {
			return fmt.Errorf("the engine has no setting %s", name)
		}
		if f.Value.String() != f.DefValue {
			continue // set before: by an earlier database, or by a test's command line
		}
		if err := f.Value.Set(value); err != nil {
			return fmt.Errorf("set the engine's %s to %s: %w", name, value, err)
		}
	}
	if !flag.Parsed() {
		return flag.CommandLine.Parse(nil)
	}
	return nil
}

// use returns the engine for as long as it is not let go.
func (d *DB) use() (db *logstorage.Storage, letGo func(), err error) {
	d.mu.RLock()
	if d.closed {
		d.mu.RUnlock()
		return nil, nil, fmt.Errorf("use the store of %s: %w", d.kind.Noun, ErrClosed)
	}
	return d.db, d.mu.RUnlock, nil
}

// Close flushes and closes the database. Searches that run are waited for.
func (d *DB) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	d.flush(d.db)
	d.db.MustClose()
	if d.opt.Registerer != nil {
		d.opt.Registerer.Unregister(d.met)
	}
	return nil
}

// flushPatience is how long parts that are being merged are waited for.
const flushPatience = 30 * time.Second

// Sync returns when every row that was put is on the disk.
func (d *DB) Sync(ctx context.Context) error {
	db, letGo, err := d.use()
	if err != nil {
		return err
	}
	defer letGo()
	if d.flush(db); !d.fresh {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, flushPatience)
	defer cancel()
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		db.DebugFlush()
		// A snapshot flushes what is in memory, index first, and syncs it. It is
		// the one way to ask for that; the links that it makes are not needed.
		for _, path := range db.PartitionSnapshotMustCreate("") {
			if err := db.PartitionSnapshotDelete(path); err != nil {
				return fmt.Errorf("sync %s: %w", d.kind.Noun, err)
			}
		}
		// It leaves out what is being merged in memory at this moment.
		var st logstorage.StorageStats
		db.UpdateStats(&st)
		if st.PendingRows+st.InmemoryRowsCount == 0 {
			d.fresh = false
			d.met.syncs.Inc()
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("sync %s: %d are still in memory: %w", d.kind.Noun, st.PendingRows+st.InmemoryRowsCount, ctx.Err())
		case <-time.After(wait):
		}
	}
}

// dropSnapshots removes what a Sync left behind that did not end.
func dropSnapshots(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, "db", "partitions", "*", "snapshots"))
	if err != nil {
		return fmt.Errorf("look for left snapshots: %w", err)
	}
	for _, path := range left {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("remove a left snapshot: %w", err)
		}
	}
	return nil
}
