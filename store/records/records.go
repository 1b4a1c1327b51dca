package records

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"modernc.org/sqlite" // the driver

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/steersman-ops/steersman/fact"
)

// Options say who opens the store. The zero value is fine.
type Options struct {
	// Version is this Steersman's. It is written into the file, so that an older
	// one can say which is needed.
	Version string

	Registerer prometheus.Registerer // nil: the metrics are not registered
	Logger     *slog.Logger          // nil: silent
}

// readers is how many queries are answered at once. Each holds a connection
// of some 600 kB.
const readers = 4

// A Store holds papers in an SQLite file. It is safe for concurrent use.
type Store struct {
	path    string
	opt     Options
	write   *sql.DB // one connection
	read    *sql.DB
	metrics *metrics
}

// Open opens the file at path, or makes one, and brings its schema up to date.
func Open(path string, opt Options) (*Store, error) {
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("open records: %w", err)
	}
	s := &Store{path: path, opt: opt}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("open records: %w", errors.Join(s.named(err), s.closeDBs()))
	}
	s.metrics = newMetrics(opt.Registerer)
	return s, nil
}

func (s *Store) open() (err error) {
	if s.write, err = connect(s.path, 1, url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"busy_timeout(5000)", "auto_vacuum(incremental)", "journal_mode(wal)", "synchronous(full)", "foreign_keys(1)", "cache_size(-1024)", "journal_size_limit(4194304)"},
	}); err != nil {
		return err
	}
	if err := s.check(); err != nil {
		return err
	}
	if err := s.migrate(context.Background()); err != nil {
		return err
	}
	s.read, err = connect(s.path, readers, url.Values{
		"_pragma": {"busy_timeout(5000)", "query_only(1)", "foreign_keys(1)", "cache_size(-512)"},
	})
	return err
}

// connect opens a pool of connections to the file and tries one.
func connect(path string, n int, params url.Values) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	dsn := url.URL{Scheme: "file", Path: abs, RawQuery: params.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	if err := db.Ping(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// checkedBytes is the size up to which the whole file is checked when it is
// opened. Larger ones are checked page by page as they are read.
const checkedBytes = 16 << 20

// check reads the whole file, if it is small, and says whether it is sound.
func (s *Store) check() error {
	info, err := os.Stat(s.path)
	if err != nil || info.Size() > checkedBytes {
		return err
	}
	var verdict string
	if err := s.write.QueryRow(`PRAGMA quick_check(1)`).Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return &DamagedError{Path: s.path, What: verdict}
	}
	return nil
}

// Close waits for what is going on and closes the file.
func (s *Store) Close() error {
	s.metrics.unregister()
	if err := s.closeDBs(); err != nil {
		return fmt.Errorf("close records: %w", err)
	}
	return nil
}

func (s *Store) closeDBs() error {
	var errs []error
	for _, db := range []*sql.DB{s.read, s.write} { // the writer last: it merges the log into the file
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// A DamagedError says that the file is not, or not any more, a sound SQLite
// file.
type DamagedError struct {
	Path string
	What string
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged (%s): restore it from a copy, or move it and %s-wal away and a new one is made"+
		" (the incidents and decisions in it are then not shown any more; the ledger still proves them)", e.Path, e.What, filepath.Base(e.Path))
}

// named turns what the driver says about a damaged file into a [DamagedError],
// and adds the file's name to what else it says. A full disk is a reason to try
// again: space comes back.
func (s *Store) named(err error) error {
	var damaged *DamagedError
	if err == nil || errors.As(err, &damaged) {
		return err
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return &DamagedError{Path: s.path, What: e.Error()}
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%s: %w: %w: %w", s.path, fact.ErrBusy, syscall.ENOSPC, err)
	case sqlite3.SQLITE_BUSY:
		return fmt.Errorf("%s: %w: %w", s.path, fact.ErrBusy, err)
	}
	return fmt.Errorf("%s: %w", s.path, err)
}
