// Package backup packs a folder into one stream that can be checked, and
// unpacks it.
//
// It answers one question: is what is unpacked here exactly what was packed
// there, all of it? It does not know what the files mean; the stores write and
// open them.
//
// # Method
//
// The stream is a tar: the regular files of the folder, each under its path, and
// at the end manifest.json with the size and the SHA-256 of every one. Unpack
// writes into a new folder beside the target and gives it the target's name when
// everything is as the manifest says and on stable storage: there is never half
// a data folder.
//
// # Limits
//
// The manifest is not signed: whoever can write the backup can write another.
// What must be provable is in the ledger, which has signatures of its own. The
// backup holds the ledger's private key; keep it as a secret.
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
	"time"
)

// ManifestName is the last entry of a backup.
const ManifestName = "manifest.json"

// Format is the version of the layout.
const Format = 1

// manifestMost bounds the manifest, in bytes: some 200,000 files.
const manifestMost = 32 << 20

// A Manifest says what is in a backup.
type Manifest struct {
	Format  int       `json:"format"`
	Version string    `json:"version"` // of the program that made it
	At      time.Time `json:"at"`
	Files   []File    `json:"files"` // in the order of the stream
}

// A File is one of them.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Bytes is the size of all files.
func (m *Manifest) Bytes() (n int64) {
	for _, f := range m.Files {
		n += f.Size
	}
	return n
}

// Pack writes all regular files below dir. m brings Version and At.
func Pack(w io.Writer, dir string, m Manifest) error {
	m.Format = Format
	to := tar.NewWriter(w)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		f, err := pack(to, path, filepath.ToSlash(rel), m.At)
		m.Files = append(m.Files, f)
		return err
	})
	if err != nil {
		return fmt.Errorf("pack %s: %w", dir, err)
	}
	list, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("pack %s: %w", dir, err)
	}
	err = to.WriteHeader(&tar.Header{Name: ManifestName, Mode: 0o600, Size: int64(len(list)), ModTime: m.At})
	if err == nil {
		_, err = to.Write(list)
	}
	if err := errors.Join(err, to.Close()); err != nil {
		return fmt.Errorf("pack %s: %w", dir, err)
	}
	return nil
}

func pack(to *tar.Writer, path, name string, at time.Time) (File, error) {
	f, err := os.Open(path)
	if err != nil {
		return File{}, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil {
		return File{}, err
	}
	if err := to.WriteHeader(&tar.Header{Name: name, Mode: int64(info.Mode().Perm()), Size: info.Size(), ModTime: at}); err != nil {
		return File{}, err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(to, sum), f)
	return File{Name: name, Size: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, err
}
