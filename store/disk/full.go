package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
)

// Full reports whether err says that there is no room on the disk, which a
// person or retention may mend: it is worth to try again.
func Full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// Reserve is how much of a disk with total bytes those leave free that write
// what can wait: a tenth, 64 MiB at least and 1 GiB at most, but never more
// than half.
func Reserve(total int64) int64 {
	return min(max(total/10, 64<<20), 1<<30, total/2)
}

// A Ballast is a file that only takes room. It is dropped when the disk is
// full, whoever filled it, so that what must be written then can be: a start
// needs to write before it can make room, and so does the audit trail.
type Ballast struct {
	path string
	size int64
}

// NewBallast returns the ballast at path, which Trim makes and drops.
func NewBallast(path string, size int64) *Ballast { return &Ballast{path, size} }

// Trim drops the ballast when less than half of its size is free, and makes it
// anew when four times its size is. It reports whether it was dropped just now.
func (b *Ballast) Trim() (dropped bool, err error) {
	free, _, err := Space(filepath.Dir(b.path))
	if err != nil {
		return false, fmt.Errorf("ballast %s: %w", b.path, err)
	}
	_, err = os.Lstat(b.path)
	switch there := err == nil; {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("ballast: %w", err)
	case there && free < b.size/2:
		if err := os.Remove(b.path); err != nil {
			return false, fmt.Errorf("drop ballast: %w", err)
		}
		return true, nil
	case !there && free > 4*b.size:
		return false, b.make()
	}
	return false, nil
}

// make writes the file, with bytes that no file system can leave out.
func (b *Ballast) make() error {
	f, err := os.CreateTemp(filepath.Dir(b.path), "ballast.*")
	if err != nil {
		return fmt.Errorf("make ballast: %w", err)
	}
	noise, block := rand.NewChaCha8([32]byte{}), make([]byte, 1<<20)
	for left := b.size; left > 0 && err == nil; left -= int64(len(block)) {
		block = block[:min(int64(len(block)), left)]
		noise.Read(block) // it never fails
		_, err = f.Write(block)
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), b.path)
	}
	if err != nil {
		return fmt.Errorf("make ballast: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
