package ledger

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/steersman-ops/steersman/store/disk"
)

// Backup copies the ledger, the private key included, into the folder dir, which
// [Open] and [Verify] then take for the ledger. Nothing is appended meanwhile.
func (l *Ledger) Backup(ctx context.Context, dir string) error {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return fmt.Errorf("back up the ledger: %w", ctx.Err())
	}
	size := l.Size()
	l.mu.Lock()
	ends := map[string]int64{leavesFile: l.offsets[size], hashesFile: tlog.StoredHashCount(size) * tlog.HashSize}
	l.mu.Unlock()
	for name, perm := range map[string]os.FileMode{leavesFile: 0o640, hashesFile: 0o640, checkpointFile: 0o644, pubFile: 0o644, keyFile: 0o600} {
		data, err := disk.ReadFile(l.fs, name)
		if err != nil {
			return fmt.Errorf("back up the ledger: %w", err)
		}
		if end, ok := ends[name]; ok && int64(len(data)) > end {
			data = data[:end] // what was not acknowledged
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, perm); err != nil {
			return fmt.Errorf("back up the ledger: %w", err)
		}
	}
	return nil
}
