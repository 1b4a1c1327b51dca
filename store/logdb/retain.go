package logdb

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
func (d *DB) Retain() (gone []string, err error) {
	db, letGo, err := d.use()
	if err != nil {
		return nil, err
	}
	defer letGo()
	days := db.PartitionList()
	oldest := time.Unix(0, d.oldest()).UTC().Format("20060102")
	total, sizes, err := d.sizes(days)
	if err != nil {
		return nil, err
	}
	for i, day := range days {
		last := i == len(days)-1
		if day >= oldest && (last || d.opt.MaxBytes <= 0 || total <= d.opt.MaxBytes) {
			break
		}
		// Searches of that day are waited for.
		if err := db.PartitionDetach(day); err != nil {
			return gone, fmt.Errorf("drop the %s of %s: %w", d.kind.Noun, day, err)
		}
		// After a crash in between the day is there again, and goes again.
		if err := os.RemoveAll(d.dayPath(day)); err != nil {
			return gone, fmt.Errorf("drop the %s of %s: %w", d.kind.Noun, day, err)
		}
		total -= sizes[i]
		gone = append(gone, day)
		d.met.dropped.Inc()
		d.opt.Logger.Info("dropped a day of "+d.kind.Noun, "day", day, "bytes", sizes[i])
	}
	if d.opt.MaxBytes > 0 && total > d.opt.MaxBytes {
		d.opt.Logger.Warn("the "+d.kind.Noun+" of the newest day alone are more than may be kept: they stay until the day is over", "bytes", total, "max_bytes", d.opt.MaxBytes)
	}
	return gone, nil
}

func (d *DB) dayPath(day string) string {
	return filepath.Join(d.dir, "db", "partitions", day)
}

// sizes returns the bytes of each day's files, and of all.
func (d *DB) sizes(days []string) (total int64, each []int64, err error) {
	each = make([]int64, len(days))
	for i, day := range days {
		err := filepath.WalkDir(d.dayPath(day), func(_ string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return gone(err)
			}
			info, err := e.Info()
			if err == nil {
				each[i] += info.Size()
			}
			return gone(err)
		})
		if err != nil {
			return 0, nil, fmt.Errorf("measure the %s of %s: %w", d.kind.Noun, day, err)
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
