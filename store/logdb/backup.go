package logdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Backup makes a copy of the database in dir, which must be there and empty, while
// it is used. On the same disk it is made of links. A database that is opened on
// the copy, and a keeper that goes on from its checkpoint, miss nothing.
func (d *DB) Backup(ctx context.Context, dir string) (err error) {
	db, letGo, err := d.use()
	if err != nil {
		return err
	}
	defer letGo()
	defer func() {
		if err != nil {
			err = fmt.Errorf("back up the %s: %w", d.kind.Noun, err)
		}
	}()
	// First the checkpoint: more rows than it tells of are recognised, fewer
	// would be missed.
	if err := link(filepath.Join(d.dir, eraFile), filepath.Join(dir, eraFile)); err != nil && !missing(err) {
		return err
	}
	if err := link(filepath.Join(d.dir, checkpointFile), filepath.Join(dir, checkpointFile)); err != nil && !missing(err) {
		return err
	}
	for _, snapshot := range db.PartitionSnapshotMustCreate("") {
		day := filepath.Base(filepath.Dir(filepath.Dir(snapshot)))
		err = errors.Join(err,
			linkAll(ctx, snapshot, filepath.Join(dir, "db", "partitions", day)),
			db.PartitionSnapshotDelete(snapshot))
	}
	return err
}

// linkAll links all files below from to the same places below to.
func linkAll(ctx context.Context, from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o750)
		}
		return link(path, filepath.Join(to, rel))
	})
}

// link links a file that is only ever replaced whole, or copies it to another
// disk.
func link(from, to string) error {
	if err := os.Link(from, to); err == nil || missing(err) {
		return err
	}
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close() //nolint:errcheck // it is only read
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}
