package lines

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Retain drops the days that are older than the retention, and, while the files
// are larger than Options.MaxBytes, the oldest but never the newest. It returns
// the days that went.
func (s *Store) Retain() (gone []string, err error) {
	db, letGo, err := s.use()
	if err != nil {
		return nil, err
	}
	defer letGo()
	days := db.PartitionList()
	oldest := time.Unix(0, s.oldest()).UTC().Format("20060102")
	total, sizes, err := s.sizes(days)
	if err != nil {
		return nil, err
	}
	for i, day := range days {
		last := i == len(days)-1
		if day >= oldest && (last || s.opt.MaxBytes <= 0 || total <= s.opt.MaxBytes) {
			break
		}
		// Searches of that day are waited for.
		if err := db.PartitionDetach(day); err != nil {
			return gone, fmt.Errorf("drop the log lines of %s: %w", day, err)
		}
		// After a crash in between the day is there again, and goes again.
		if err := os.RemoveAll(s.dayPath(day)); err != nil {
			return gone, fmt.Errorf("drop the log lines of %s: %w", day, err)
		}
		total -= sizes[i]
		gone = append(gone, day)
		s.met.dropped.Inc()
		s.opt.Logger.Info("dropped a day of log lines", "day", day, "bytes", sizes[i])
	}
	return gone, nil
}

func (s *Store) dayPath(day string) string {
	return filepath.Join(s.dir, "db", "partitions", day)
}

// sizes returns the bytes of each day's files, and of all.
func (s *Store) sizes(days []string) (total int64, each []int64, err error) {
	each = make([]int64, len(days))
	for i, day := range days {
		err := filepath.WalkDir(s.dayPath(day), func(_ string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return gone(err)
			}
			info, err := d.Info()
			if err == nil {
				each[i] += info.Size()
			}
			return gone(err)
		})
		if err != nil {
			return 0, nil, fmt.Errorf("measure the log lines of %s: %w", day, err)
		}
		total += each[i]
	}
	return total, each, nil
}

// gone forgives a file that a merge has removed in between.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
