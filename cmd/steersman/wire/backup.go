package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/steersman-ops/steersman/store/backup"
	"github.com/steersman-ops/steersman/store/disk"
)

// backupPrefix is how the folders are called in which backups are prepared.
const backupPrefix = "backup.tmp"

// sweepBackups removes what a backup left that was cut off.
func (w *worker) sweepBackups() {
	left, _ := filepath.Glob(w.path(backupPrefix + "*")) // the pattern is sound
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			w.log.Warn("a cut off backup is still there", "folder", dir, "err", err)
		}
	}
}

// sendBackup answers with a backup of the whole data folder, taken while
// everything goes on.
func (w *worker) sendBackup(rw http.ResponseWriter, r *http.Request) {
	if !w.backing.TryLock() {
		http.Error(rw, "another backup is being taken: wait for it to end", http.StatusConflict)
		return
	}
	defer w.backing.Unlock()
	began := time.Now()
	dir, err := os.MkdirTemp(w.cfg.DataDir, backupPrefix)
	if err == nil {
		defer os.RemoveAll(dir) //nolint:errcheck // the next start sweeps it
		err = w.collect(r.Context(), dir)
	}
	switch {
	case disk.Full(err):
		http.Error(rw, fmt.Sprintf("there is no room beside the data to prepare a backup: %v", err), http.StatusInsufficientStorage)
		return
	case err != nil:
		w.log.Error("a backup could not be taken", "err", err)
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "application/x-tar")
	to := &patient{rw, http.NewResponseController(rw)}
	if err := backup.Pack(to, dir, backup.Manifest{Version: w.opt.Version, At: began.UTC()}); err != nil {
		w.log.Warn("a backup did not get through", "err", err)
		panic(http.ErrAbortHandler) // the reader must not take it for whole
	}
	w.log.Info("a backup was taken", "took", time.Since(began).Round(time.Millisecond))
}

// collect brings a copy of every store into dir, each consistent in itself. What
// reads from another store is copied before it: on replay it then finds there
// what it has not seen yet, and never too little. So the intake log is the last.
func (w *worker) collect(ctx context.Context, dir string) error {
	release := w.intake.Hold()
	defer release()
	for _, name := range []string{"watch", "quality", "series", "lines", "spans", "ledger", "intake"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o750); err != nil {
			return fmt.Errorf("back up: %w", err)
		}
	}
	for _, copied := range []func() error{
		func() error { return copyFile(dir, w.cfg.DataDir, "watch/watch.snapshot") },
		func() error { return copyFile(dir, w.cfg.DataDir, "quality/quality.snapshot") },
		func() error {
			s, err := w.series.wait(ctx)
			if err != nil {
				return err
			}
			return s.Backup(ctx, filepath.Join(dir, "series"))
		},
		func() error { return w.lines.Backup(ctx, filepath.Join(dir, "lines")) },
		func() error { return w.spans.Backup(ctx, filepath.Join(dir, "spans")) },
		func() error { return w.records.Backup(ctx, filepath.Join(dir, "records.db")) },
		func() error { return w.ledger.Backup(ctx, filepath.Join(dir, "ledger")) },
		func() error { return copyFile(dir, w.cfg.DataDir, "receipts.jsonl") },
		func() error { return copyFile(dir, w.cfg.DataDir, "sources.json") },
		func() error { return copyFile(dir, w.cfg.DataDir, "STOP") },
		func() error { return w.intake.Backup(ctx, filepath.Join(dir, "intake")) },
	} {
		if err := copied(); err != nil {
			return err
		}
	}
	return nil
}

// copyFile copies a file that need not be there.
func copyFile(to, from, name string) (err error) {
	src, err := os.Open(filepath.Join(from, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	defer src.Close() //nolint:errcheck // it is only read
	dst, err := os.OpenFile(filepath.Join(to, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = io.Copy(dst, src)
		err = errors.Join(err, dst.Close())
	}
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	return nil
}

// patient gives a reader time as long as it reads.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (p *patient) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(patience)) // not all connections have deadlines
	return p.ResponseWriter.Write(b)
}
