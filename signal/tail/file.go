package tail

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
)

// headBytes is how much of a file's beginning tells it from others.
const headBytes = 1024

// id is a device and an inode.
type id struct{ device, inode uint64 }

// A position is a place in a file. Inside means that it is in a line whose
// beginning was taken, so that all until the next newline is left out.
type position struct {
	offset int64
	inside bool
}

// A file is one that is followed.
type file struct {
	id   id
	path string // where it was found last
	f    *os.File
	head []byte // its beginning

	acked position // what the sink has
	read  position // what was read; goes back to acked if the sink did not take it

	size     int64
	modified time.Time
	grown    time.Time // when it was last seen to change
	waits    int64     // the size at which there was only a part of a line left
	lost     bool      // no glob finds it any more
	ending   bool      // it is about to be let go
}

// look takes note of how the file has changed. It reports whether it was
// truncated.
func (f *file) look(now time.Time) (truncated bool, err error) {
	fi, err := f.f.Stat()
	if err != nil {
		return false, err
	}
	if fi.Size() == f.size && fi.ModTime().Equal(f.modified) {
		return false, nil
	}
	f.grown = now
	same := fi.Size() >= f.acked.offset
	if same {
		if same, err = f.begins(); err != nil {
			return false, err
		}
	}
	if !same {
		f.acked, f.read, f.head, f.waits = position{}, position{}, nil, 0
	}
	f.size, f.modified = fi.Size(), fi.ModTime()
	return !same, f.learn()
}

// begins reports whether the file begins as it did.
func (f *file) begins() (bool, error) {
	now := make([]byte, len(f.head))
	n, err := f.f.ReadAt(now, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return n == len(f.head) && bytes.Equal(now, f.head), nil
}

// learn takes note of more of the beginning, as long as there is too little.
func (f *file) learn() error {
	if len(f.head) >= headBytes || f.size <= int64(len(f.head)) {
		return nil
	}
	head := make([]byte, min(f.size, headBytes))
	n, err := f.f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	f.head = head[:n]
	return nil
}

// lines reads from where the file stands into buf and calls take with each whole
// line, until it returns false; the text is valid during the call. The buffer must
// have room for most+2 bytes. A line longer
// than most bytes comes as its first most+1. If last is set, what has no newline
// yet is a line, too.
func (f *file) lines(buf []byte, most int, last bool, take func(text []byte) bool) error {
	n, err := f.f.ReadAt(buf, f.read.offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for rest := buf[:n]; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		switch {
		case f.read.inside && i < 0:
			f.read.offset += int64(len(rest))
			return nil
		case f.read.inside:
			f.read = position{offset: f.read.offset + int64(i) + 1}
		case i < 0 && len(rest) > most+1: // one may be a carriage return
			if !take(rest[:most+1]) {
				return nil
			}
			f.read = position{f.read.offset + int64(len(rest)), true}
			return nil
		case i < 0 && !(last && n < len(buf)): // the end of the file, not of buf
			return nil
		default:
			size := i + 1
			if i < 0 {
				i, size = len(rest), len(rest)
			}
			if !take(bytes.TrimSuffix(rest[:min(i, most+2)], []byte("\r"))) {
				return nil
			}
			f.read.offset += int64(size)
			rest = rest[size:]
			continue
		}
		rest = rest[i+1:]
	}
	return nil
}

// atEnd sets a file that is new to its end, so that only what comes is read.
func (f *file) atEnd() error {
	f.acked = position{offset: f.size}
	if f.size > 0 {
		last := make([]byte, 1)
		if _, err := f.f.ReadAt(last, f.size-1); err != nil {
			return err
		}
		f.acked.inside = last[0] != '\n'
	}
	f.read = f.acked
	return nil
}

// open opens a file that is an ordinary one. It returns nil if it is not.
func open(path string) (*file, error) {
	fi, err := os.Stat(path) // before it is opened: a pipe would wait for its writer
	if err != nil || !fi.Mode().IsRegular() {
		return nil, err
	}
	h, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if fi, err = h.Stat(); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	f := &file{id: identify(path, fi), path: path, f: h, size: fi.Size(), modified: fi.ModTime()}
	if err := f.learn(); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return f, nil
}

// gone reports whether err says that there is no such file.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) }
