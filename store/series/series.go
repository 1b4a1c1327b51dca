package series

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/compression"

	"github.com/steersman-ops/steersman/store/disk"
)

// Options say how much is kept and how much a query may cost. The zero value
// of each field means its default.
type Options struct {
	// Retention is how long samples are kept at least. Default 15 days.
	Retention time.Duration

	// MaxBytes bounds the finished blocks on disk; the oldest are deleted
	// first. The log of the last hours comes on top. Default 8 GiB.
	MaxBytes int64

	// OutOfOrder is how much older than the newest sample of the store a late
	// sample may be. It must be at least as long as the part of the intake log
	// that is replayed after a stop. Default 1 hour; negative means 0.
	OutOfOrder time.Duration

	// MaxSeries bounds the series in memory; samples of further series are
	// quarantined. Some 2.5 kB each. Default 1,000,000.
	MaxSeries int

	// MaxExemplars is how many exemplars there are in memory, the newest. Some
	// 300 bytes each. Default 20,000.
	MaxExemplars int

	// QueryTimeout, QueryConcurrency and QuerySamples bound the queries: how long one
	// may take (default 30 s), how many run at once, the others wait (default 8),
	// and how many samples one may hold in memory (default 10 million, 160 MB).
	QueryTimeout     time.Duration
	QueryConcurrency int
	QuerySamples     int

	// Version is shown by /api/v1/status/buildinfo.
	Version string

	Registerer prometheus.Registerer // nil: the metrics are not registered
	Logger     *slog.Logger          // nil: silent
}

func (o Options) withDefaults() Options {
	def := func(p *time.Duration, d time.Duration) {
		if *p == 0 {
			*p = d
		}
	}
	num := func(p *int, n int) {
		if *p <= 0 {
			*p = n
		}
	}
	def(&o.Retention, 15*24*time.Hour)
	def(&o.OutOfOrder, time.Hour)
	def(&o.QueryTimeout, 30*time.Second)
	num(&o.QueryConcurrency, 8)
	num(&o.QuerySamples, 10_000_000)
	num(&o.MaxSeries, 1_000_000)
	num(&o.MaxExemplars, 20_000)
	if o.MaxBytes <= 0 {
		o.MaxBytes = 8 << 30
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// tsdbOptions are Prometheus' defaults except where an idle store would pay
// for a busy one.
func (o Options) tsdbOptions() *tsdb.Options {
	t := tsdb.DefaultOptions()
	t.RetentionDuration = o.Retention.Milliseconds()
	t.MaxBytes = o.MaxBytes
	t.OutOfOrderTimeWindow = max(0, o.OutOfOrder.Milliseconds())
	t.WALCompression = compression.Snappy
	t.WALSegmentSize = 32 << 20 // the last segment is synced again and again, and replayed at start
	t.StripeSize = 1 << 12      // 16,384 by default, for millions of series
	t.HeadChunksWriteBufferSize = 512 << 10
	t.EnableExemplarStorage, t.MaxExemplars = true, int64(o.MaxExemplars)
	t.IsolationDisabled = true // a query may see part of a batch: a batch is a request, not a whole scrape
	return t
}

// A Store holds series on disk. It is safe for concurrent use.
type Store struct {
	dir     string
	opt     Options
	db      *tsdb.DB
	engine  *promql.Engine
	meta    *metadata
	metrics *prometheus.Registry // of the database and the engine
	handler http.Handler

	repaired bool
	lost     int64 // the time from which samples may be missing in blocks too

	mu     sync.Mutex // held while appending: one batch after the other
	refs   *refs
	shapes *shapes

	sync syncer
}

// Open opens the store in dir, or makes one there. After a crash it replays
// the write-ahead log first.
func Open(dir string, opt Options) (*Store, error) {
	opt = opt.withDefaults()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("open series: %w", err)
	}
	s := &Store{dir: dir, opt: opt, refs: newRefs(opt.MaxSeries), shapes: newShapes(opt.MaxSeries), lost: notLost}
	s.sync.dir = dir
	meta, err := openMetadata(filepath.Join(dir, metadataFile))
	if err != nil {
		opt.Logger.Warn("metric descriptions are lost until they are sent again", "err", err)
	}
	s.meta = meta
	limit := &limiter{max: opt.MaxSeries, dropped: &s.refs.dropped}
	topt := opt.tsdbOptions()
	topt.SeriesLifecycleCallback = limit
	if err := s.openDB(topt); err != nil {
		return nil, fmt.Errorf("open series in %s: %w", dir, err)
	}
	limit.head.Store(s.db.Head())
	s.engine = newEngine(opt, s.metrics)
	s.handler = newHandler(s)
	if opt.Registerer != nil {
		if err := opt.Registerer.Register(s.metrics); err != nil {
			return nil, errors.Join(fmt.Errorf("register the metrics of series: %w", err), s.db.Close())
		}
	}
	if n := s.counter("prometheus_tsdb_wal_corruptions_total"); n > 0 {
		s.repaired = true
		opt.Logger.Warn("the log of the series was damaged; what stood behind the damage is fetched again from the intake log", "dir", dir)
	}
	if err := s.noteRepair(); err != nil {
		return nil, errors.Join(fmt.Errorf("open series in %s: %w", dir, err), s.db.Close())
	}
	return s, nil
}

// noteRepair writes down that there is something to mend, because the next
// start will find everything in order; and finds it again if an earlier
// process had no time to begin.
func (s *Store) noteRepair() error {
	path := filepath.Join(s.dir, checkpointFile)
	c, err := readCheckpoint(path)
	if err != nil {
		return nil // without a checkpoint, everything is read again anyhow
	}
	if c.Repaired {
		s.lostSince(c.MendFrom)
	}
	if !s.repaired || c.Seq == 0 && c.Mending == 0 {
		s.repaired = s.repaired || c.Repaired
		return nil
	}
	c.Repaired, c.MendFrom = true, s.inBlocks()
	return writeCheckpoint(path, c)
}

// Repaired reports whether the store may have lost samples: something of it was
// damaged when it was opened, and was cut off or put aside.
func (s *Store) Repaired() bool { return s.repaired }

// inBlocks is the time before which all samples are in finished blocks, which
// do not need the log; 0 if there is nothing at all. A batch whose samples are
// not all in blocks was received later than this, but for the time by which
// samples may be ahead.
func (s *Store) inBlocks() int64 {
	head := s.db.Head()
	if head.MinTime() > head.MaxTime() && s.lost == notLost {
		return 0
	}
	return max(0, min(head.MinTime(), s.lost))
}

// longestLate is how late samples may be at most.
const longestLate = 24 * time.Hour

// admitLate lets samples be late by so much more than Options.OutOfOrder, to
// mend what was lost after newer samples had come. Zero is the usual.
func (s *Store) admitLate(more time.Duration) {
	if s.opt.OutOfOrder > 0 {
		more = min(max(0, more), longestLate)
		s.db.Head().SetOutOfOrderTimeWindow((s.opt.OutOfOrder + more).Milliseconds(), nil)
	}
}

// room returns an error when the disk has less than half of its reserve free:
// the database does not bear it well when a write fails.
func (s *Store) room() error {
	free, total, err := disk.Space(s.dir)
	if err != nil {
		return nil //nolint:nilerr // a disk that does not say what it has is tried
	}
	if least := disk.Reserve(total) / 2; free < least {
		return fmt.Errorf("append to series: the disk has %d bytes free, and %d are left to decisions and the audit trail: %w", free, least, syscall.ENOSPC)
	}
	return nil
}

// counter returns the value of one of the database's own counters.
func (s *Store) counter(name string) float64 {
	all, err := s.metrics.Gather()
	if err != nil {
		return 0
	}
	for _, f := range all {
		if f.GetName() == name && len(f.GetMetric()) > 0 {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return 0
}

// Close syncs and closes the store. Queries that still run are waited for.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opt.Registerer != nil {
		s.opt.Registerer.Unregister(s.metrics)
	}
	return errors.Join(s.Sync(), s.engine.Close(), s.db.Close())
}

// Handler answers Prometheus' HTTP API under /api/v1/.
func (s *Store) Handler() http.Handler { return s.handler }
