package series

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
)

// A syncer makes durable what the database has written to its logs. The
// database itself does so only when a segment is full, and does not let
// others ask for it; but fsync is a matter of the file, whoever opened it.
type syncer struct {
	dir string

	dirty atomic.Bool // something was appended since the last sync began

	mu   sync.Mutex
	last map[string]int // log → the segment that was the last one at the last sync
}

// Sync returns when everything that was appended before it was called is on
// stable storage.
func (s *Store) Sync() error {
	if err := s.meta.save(); err != nil {
		s.opt.Logger.Warn("metric descriptions are kept in memory only", "err", err)
	}
	return s.sync.run()
}

// run syncs the write-ahead log and the log of samples out of order.
func (s *syncer) run() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.dirty.Swap(false) {
		return nil
	}
	for _, name := range []string{"wal", "wbl"} {
		if err := s.syncLog(name); err != nil {
			s.dirty.Store(true)
			return fmt.Errorf("sync series: %w", err)
		}
	}
	return nil
}

// syncLog syncs the segments of one log that may have been written to since
// the last time: the one that was the last then, and those after it.
func (s *syncer) syncLog(name string) error {
	dir := filepath.Join(s.dir, name)
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // there is none until it is needed
	}
	if err != nil {
		return err
	}
	last, known := s.last[name]
	newest := last
	for _, f := range files {
		n, err := strconv.Atoi(f.Name())
		if err != nil || (known && n < last) {
			continue // a checkpoint, which the database syncs, or an older segment
		}
		// A segment that is gone by now is in a block, which the database has synced.
		if err := fsync(filepath.Join(dir, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		newest = max(newest, n)
	}
	if !known || newest != last {
		if err := fsync(dir); err != nil {
			return err
		}
	}
	if s.last == nil {
		s.last = make(map[string]int)
	}
	s.last[name] = newest
	return nil
}

// fsync makes a file or directory durable.
func fsync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// writeFile replaces the file at path, so that whenever the power goes there
// is either the old or the new one, whole.
func writeFile(path string, data []byte) (err error) {
	tmp := path + ".new"
	f, err := os.Create(tmp)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return fsync(filepath.Dir(path))
}
