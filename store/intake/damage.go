package intake

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"sync"

	"github.com/steersman-ops/steersman/store/disk"
)

const (
	maxQuarantined   = 64      // files kept beside the segments
	quarantinedBytes = 8 << 20 // of one such file
)

// quarantine remembers which damaged stretches are known, so that each is
// counted and copied once however many readers step over it.
type quarantine struct {
	mu    sync.Mutex
	known map[string]bool // file name → known
	files int
}

func damageName(seg segment, off int64) string {
	return fmt.Sprintf("%012d-%020d-at-%d.damaged", seg.number, seg.base, off)
}

// isDamageName reports whether name is one that damageName makes.
func isDamageName(name string) bool {
	ok, err := regexp.MatchString(`^\d{12}-\d{20}-at-\d+\.damaged$`, name)
	return ok && err == nil
}

// damaged counts, names and copies a stretch of seg that holds no whole record.
func (l *Log) damaged(f disk.File, seg segment, bad found, why string) {
	l.hurt.mu.Lock()
	defer l.hurt.mu.Unlock()
	name := damageName(seg, bad.off)
	if l.hurt.known[name] {
		return
	}
	l.hurt.known[name] = true
	l.met.damaged.Add(float64(bad.lost))
	l.met.damagedBytes.Add(float64(bad.length))
	l.logger.Error("intake: damaged record stepped over", "segment", seg.name(), "offset", bad.off,
		"bytes", bad.length, "records", bad.lost, "why", why, "copy", name)
	l.saveDamaged(f, name, bad)
}

// saveDamaged copies a stretch to a file of its own. It is for people to look
// at; that it could not be written is said, and is no reason to stop.
func (l *Log) saveDamaged(f disk.File, name string, bad found) {
	if l.hurt.files >= maxQuarantined {
		l.logger.Warn("intake: damaged bytes not copied, there are enough such files", "files", l.hurt.files)
		return
	}
	data := make([]byte, min(bad.length, quarantinedBytes))
	n, err := f.ReadAt(data, bad.off)
	if n > 0 || err == nil {
		err = disk.WriteFile(l.fs, name, data[:n], 0o640)
	}
	if err != nil && !errors.Is(err, os.ErrClosed) {
		l.logger.Warn("intake: copy damaged bytes", "copy", name, "err", err)
		return
	}
	l.hurt.files++
}
