package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Hold keeps everything that some reader may still need, as of now, from being
// deleted until release is called.
func (l *Log) Hold() (release func()) {
	const name = "backup"
	l.mu.Lock()
	defer l.mu.Unlock()
	_, l.keep[name] = l.slowest()
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.keep, name)
	}
}

// Backup copies what was acknowledged by now into the folder dir, which [Open]
// then opens as a log of its own. Appending goes on meanwhile.
func (l *Log) Backup(ctx context.Context, dir string) error {
	l.mu.Lock()
	segments := slices.Clone(l.segments)
	l.mu.Unlock()
	for _, seg := range segments {
		err := l.copy(ctx, seg, filepath.Join(dir, seg.name()))
		if errors.Is(err, fs.ErrNotExist) && ctx.Err() == nil {
			continue // retention was faster; what was in it had been done with
		}
		if err != nil {
			return fmt.Errorf("back up segment %s of the intake log: %w", seg.name(), err)
		}
	}
	return nil
}

// copy writes the acknowledged part of a segment to path.
func (l *Log) copy(ctx context.Context, seg segment, path string) (err error) {
	from, err := l.fs.OpenFile(seg.name(), os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	n, err := io.Copy(to, io.NewSectionReader(from, 0, seg.size))
	if err == nil && n < seg.size {
		err = io.ErrUnexpectedEOF
	}
	return errors.Join(err, ctx.Err())
}
