package backup

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// ErrNotWhole is wrapped by what [Check] and [Unpack] return for a stream that
// is not a whole backup as it was packed.
var ErrNotWhole = errors.New("not a whole backup")

// Check reads a backup to its end and returns what is in it.
func Check(r io.Reader) (Manifest, error) {
	return read(r, func(string, fs.FileMode) (io.WriteCloser, error) { return nothing{io.Discard}, nil })
}

type nothing struct{ io.Writer }

func (nothing) Close() error { return nil }

// Unpack makes the folder dir, which must not exist yet or be empty, from a
// backup. After an error dir is as it was.
func Unpack(r io.Reader, dir string) (m Manifest, err error) {
	if list, err := os.ReadDir(dir); err == nil && len(list) > 0 {
		return m, fmt.Errorf("unpack into %s: it is not empty; move it away, or give another folder", dir)
	}
	beside := filepath.Clean(dir) + ".unpacking"
	if err := os.MkdirAll(filepath.Dir(beside), 0o750); err != nil {
		return m, fmt.Errorf("unpack: %w", err)
	}
	if err := os.Mkdir(beside, 0o750); err != nil {
		return m, fmt.Errorf("unpack: %w (left by an earlier attempt? remove it)", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(beside))
		}
	}()
	root, err := os.OpenRoot(beside) // no name leads out of it
	if err != nil {
		return m, fmt.Errorf("unpack: %w", err)
	}
	defer root.Close() //nolint:errcheck // nothing is written through it any more
	m, err = read(r, func(name string, perm fs.FileMode) (io.WriteCloser, error) {
		if parent := filepath.Dir(name); parent != "." {
			if err := root.MkdirAll(parent, 0o750); err != nil {
				return nil, err
			}
		}
		f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
		return synced{f}, err
	})
	if err != nil {
		return m, err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("unpack: %w", err)
	}
	if err := os.Rename(beside, dir); err != nil {
		return m, fmt.Errorf("unpack: %w", err)
	}
	return m, nil
}

// synced is a file that is on stable storage once it was closed.
type synced struct{ *os.File }

func (f synced) Close() error { return errors.Join(f.Sync(), f.File.Close()) }

// read hands every file to where create says, and compares with the manifest.
func read(r io.Reader, create func(name string, perm fs.FileMode) (io.WriteCloser, error)) (m Manifest, err error) {
	from := tar.NewReader(r)
	var got []File
	for {
		h, err := from.Next()
		if errors.Is(err, io.EOF) {
			return m, fmt.Errorf("%w: it ends after %d files, without %s", ErrNotWhole, len(got), ManifestName)
		}
		if err != nil {
			return m, fmt.Errorf("%w: after %d files: %w", ErrNotWhole, len(got), err)
		}
		if h.Name == ManifestName {
			break
		}
		name := filepath.FromSlash(h.Name)
		if h.Typeflag != tar.TypeReg || !filepath.IsLocal(name) {
			return m, fmt.Errorf("%w: entry %q is no file of a data folder", ErrNotWhole, h.Name)
		}
		f, err := receive(from, h, name, create)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return m, fmt.Errorf("%w: it ends within %q", ErrNotWhole, h.Name)
		}
		if err != nil {
			return m, fmt.Errorf("unpack %q: %w", h.Name, err)
		}
		got = append(got, f)
	}
	list, err := io.ReadAll(io.LimitReader(from, manifestMost))
	if err == nil {
		err = json.Unmarshal(list, &m)
	}
	if err != nil {
		return m, fmt.Errorf("%w: %s: %w", ErrNotWhole, ManifestName, err)
	}
	if m.Format != Format {
		return m, fmt.Errorf("the backup has format %d, made by version %q; this program knows format %d: use the version that made it", m.Format, m.Version, Format)
	}
	return m, compare(m.Files, got)
}

func receive(from io.Reader, h *tar.Header, name string, create func(string, fs.FileMode) (io.WriteCloser, error)) (File, error) {
	to, err := create(name, fs.FileMode(h.Mode)&0o770|0o600)
	if err != nil {
		return File{}, err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(to, sum), from)
	return File{Name: h.Name, Size: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, errors.Join(err, to.Close())
}

// compare says what is not as it was packed.
func compare(want, got []File) error {
	if slices.Equal(want, got) {
		return nil
	}
	for i := range want {
		if i >= len(got) || want[i] != got[i] {
			return fmt.Errorf("%w: file %q is not as it was packed", ErrNotWhole, want[i].Name)
		}
	}
	return fmt.Errorf("%w: %d files, the manifest tells of %d", ErrNotWhole, len(got), len(want))
}
