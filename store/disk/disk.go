// Package disk is the few things that the stores ask of a file system, so that
// a test can stand in for it and lose, tear or refuse what a real disk might.
//
// It answers one question: how do bytes get into a file so that they are still
// there after the power failed? It knows nothing of what is in the files.
//
// # Method
//
// An [FS] is one flat directory. The real one, [Open], is an [os.Root], so that
// no name leads out of the directory, with an exclusive lock, so that no two
// processes write to the same store. Sync is fdatasync where the system has it:
// it flushes the data and the size, which is all that reading it back needs.
// A new, renamed or removed name is durable only after SyncDir.
//
// # Limits
//
// The lock is advisory (flock) and is not taken on systems without it. A disk
// that answers a flush before it has done it cannot be helped from here.
package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// FS is one flat directory of files. Names hold no separators. It is safe for
// concurrent use.
type FS interface {
	// OpenFile opens the named file; flag is as for [os.OpenFile], without
	// O_APPEND.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	// List returns the regular files in order of name.
	List() ([]Info, error)
	Rename(from, to string) error
	Remove(name string) error
	// SyncDir makes the names durable: what was created, renamed and removed.
	SyncDir() error
	// Space returns the bytes that may still be written to the disk, and those
	// that it has. Where the system does not tell, both are [math.MaxInt64].
	Space() (free, total int64, err error)
	// Close gives the directory free. Open files stay open.
	Close() error
}

// File is one open file. Reads and writes say where: there is no position that
// a failed write could leave in doubt.
type File interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Size() (int64, error)
	// Sync makes the content durable. After an error nothing that was written
	// since the last good Sync may be trusted, whatever a later Sync says.
	Sync() error
	Close() error
}

// Info is one file of a listing.
type Info struct {
	Name string
	Size int64
}

// ErrInUse is wrapped by what [Open] returns when another process has the
// directory open.
var ErrInUse = errors.New("in use by another process")

const lockName = "lock"

type root struct {
	root *os.Root
	lock *os.File
}

// Open makes dir if it is missing, locks it and returns it.
func Open(dir string) (FS, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	r, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open directory: %w", err)
	}
	lock, err := r.OpenFile(lockName, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock directory: %w", err), r.Close())
	}
	if err := flock(lock); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", dir, err), lock.Close(), r.Close())
	}
	return &root{root: r, lock: lock}, nil
}

func (r *root) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := r.root.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return file{f}, nil
}

func (r *root) List() ([]Info, error) {
	entries, err := fs.ReadDir(r.root.FS(), ".")
	if err != nil {
		return nil, err
	}
	var out []Info
	for _, e := range entries {
		if !e.Type().IsRegular() || e.Name() == lockName {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed since it was listed
		}
		if err != nil {
			return nil, err
		}
		out = append(out, Info{Name: e.Name(), Size: info.Size()})
	}
	return out, nil
}

func (r *root) Rename(from, to string) error { return r.root.Rename(from, to) }

func (r *root) Remove(name string) error { return r.root.Remove(name) }

func (r *root) SyncDir() error {
	d, err := r.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (r *root) Space() (free, total int64, err error) { return Space(r.root.Name()) }

func (r *root) Close() error { return errors.Join(r.lock.Close(), r.root.Close()) }

type file struct{ *os.File }

func (f file) Sync() error { return fdatasync(f.File) }

func (f file) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// WriteFile puts data under name so that after a crash name holds either what
// it held before or all of data: written beside it, synced, renamed, and the
// directory synced.
func WriteFile(d FS, name string, data []byte, perm fs.FileMode) error {
	tmp, err := WriteBeside(d, name, data, perm)
	if err != nil {
		return err
	}
	if err := d.Rename(tmp, name); err != nil {
		return err
	}
	return d.SyncDir()
}

// WriteBeside puts data into a durable file next to name and returns what that
// file is called: the first half of [WriteFile].
func WriteBeside(d FS, name string, data []byte, perm fs.FileMode) (tmp string, err error) {
	tmp = name + ".new"
	return tmp, writeAll(d, tmp, data, perm)
}

func writeAll(d FS, name string, data []byte, perm fs.FileMode) (err error) {
	f, err := d.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_RDWR, perm)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.WriteAt(data, 0); err != nil {
		return err
	}
	return f.Sync()
}

// ReadFile returns all of the named file.
func ReadFile(d FS, name string) (data []byte, err error) {
	f, err := d.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	data = make([]byte, size)
	n, err := f.ReadAt(data, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return data[:n], err
}
