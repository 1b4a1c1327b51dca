package series

import (
	"errors"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/tsdb"
)

// damagedPrefix begins the names of what was damaged and is kept for people to
// look at. The database does not see it.
const damagedPrefix = "damaged-"

// openDB opens the database. The database mends what its own log and chunks
// suffer, and refuses to open over a damaged block, or a damaged beginning of
// a file. Such files are put aside, and it is opened without them.
func (s *Store) openDB(opt *tsdb.Options) error {
	for {
		var err error
		s.metrics = prometheus.NewRegistry()
		if s.db, err = tsdb.Open(s.dir, s.opt.Logger, s.metrics, opt, nil); err == nil {
			return nil
		}
		if !isDamage(err) || !s.putAside(err) {
			return err
		}
		s.repaired = true
	}
}

// isDamage reports whether an error may come from what is in a file. Others
// are to be seen to, not stepped over.
func isDamage(err error) bool {
	for _, other := range []error{fs.ErrPermission, syscall.EIO, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOSPC, syscall.EROFS, syscall.ENOTDIR} {
		if errors.Is(err, other) {
			return false
		}
	}
	return true
}

// putAside takes away what keeps the database from opening: blocks that cannot
// be opened, else the chunks of the head, whose samples the log has too, else
// the log. It is false when there is nothing of that.
func (s *Store) putAside(why error) bool {
	if s.putBlocksAside() {
		return true
	}
	for _, group := range [][]string{{"chunks_head"}, {"wal", "wbl"}} {
		done := false
		for _, name := range group {
			done = s.rename(name, why) || done
		}
		if done {
			return true
		}
	}
	return false
}

func (s *Store) putBlocksAside() (done bool) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if !isBlock(e.Name()) || !e.IsDir() {
			continue
		}
		b, err := tsdb.OpenBlock(slog.New(slog.DiscardHandler), filepath.Join(s.dir, e.Name()), nil, nil)
		if err == nil {
			err = b.Close()
		}
		if err == nil || !isDamage(err) {
			continue
		}
		s.lostSince(s.blockStart(e.Name()))
		done = s.rename(e.Name(), err) || done
	}
	return done
}

// isBlock reports whether the database takes a directory of that name for a
// block: it is a ULID.
func isBlock(name string) bool {
	return len(name) == 26 && strings.Trim(name, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == ""
}

// blockStart is the time of the first sample of a block, or 0 if it cannot be
// told.
func (s *Store) blockStart(name string) int64 {
	meta, err := readBlockMeta(filepath.Join(s.dir, name))
	if err != nil {
		return 0
	}
	return meta.MinTime
}

// lostSince notes from which time on samples may be missing.
func (s *Store) lostSince(t int64) { s.lost = min(s.lost, t) }

// notLost is when nothing is missing.
const notLost = int64(math.MaxInt64)

func (s *Store) rename(name string, why error) bool {
	to := damagedPrefix + strings.TrimPrefix(name, damagedPrefix)
	from := filepath.Join(s.dir, name)
	if entries, err := os.ReadDir(from); err != nil || len(entries) == 0 {
		return false // it is not there, or there is nothing in it that could be damaged
	}
	err := os.RemoveAll(filepath.Join(s.dir, to)) // one is enough to look at
	if err == nil {
		err = os.Rename(from, filepath.Join(s.dir, to))
	}
	if err == nil {
		err = fsync(s.dir)
	}
	if err != nil {
		s.opt.Logger.Error("damaged series cannot be put aside", "what", name, "err", err)
		return false
	}
	s.opt.Logger.Error("damaged series were put aside; what was in them is fetched again from the intake log, as far as it goes back",
		"what", name, "kept as", filepath.Join(s.dir, to), "why", why)
	return true
}
