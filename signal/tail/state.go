package tail

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/steersman-ops/steersman/signal"
)

// stateVersion is that of docs/formats/tail.md.
const stateVersion = 1

// A saved is the position of one file, as it is on disk.
type saved struct {
	Path      string `json:"path"`
	Device    uint64 `json:"device"`
	Inode     uint64 `json:"inode"`
	Head      string `json:"head"`
	HeadBytes int    `json:"headBytes"`
	Offset    int64  `json:"offset"`
	Inside    bool   `json:"inside,omitempty"`
}

type state struct {
	Version int     `json:"version"`
	Source  string  `json:"source"`
	Files   []saved `json:"files"`
}

// statePath is where the positions of a group are.
func statePath(dir, source string) string {
	sum := sha256.Sum256([]byte(source))
	return filepath.Join(dir, hex.EncodeToString(sum[:8])+".json")
}

// load reads the positions of a group. First reports that there are none yet.
func load(path, source string) (files []saved, first bool, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, true, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read the positions in log files: %w", err)
	}
	var st state
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	err = dec.Decode(&st)
	switch {
	case err != nil:
	case st.Version != stateVersion:
		err = fmt.Errorf("its version is %d, not %d", st.Version, stateVersion)
	case st.Source != source:
		err = fmt.Errorf("it is of %q", st.Source)
	}
	for _, s := range st.Files {
		if err == nil && (s.Offset < 0 || s.HeadBytes < 0 || s.HeadBytes > headBytes) {
			err = fmt.Errorf("the position of %q is %d, after %d bytes", s.Path, s.Offset, s.HeadBytes)
		}
	}
	if err != nil {
		return nil, false, fmt.Errorf("the positions in log files, %s, cannot be read: %w; move it away to read the files from their beginning", path, err)
	}
	return st.Files, false, nil
}

// save writes the positions of a group.
func save(path, source string, files []*file) error {
	st := state{Version: stateVersion, Source: source, Files: make([]saved, 0, len(files))}
	for _, f := range files {
		st.Files = append(st.Files, saved{
			Path: f.path, Device: f.id.device, Inode: f.id.inode, Head: digest(f.head), HeadBytes: len(f.head), Offset: f.acked.offset, Inside: f.acked.inside,
		})
	}
	data, err := json.Marshal(st)
	if err == nil {
		err = signal.ReplaceFile(path, append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the positions in log files: %w", err)
	}
	return nil
}

func digest(head []byte) string {
	sum := sha256.Sum256(head)
	return hex.EncodeToString(sum[:])
}

// is reports whether f is the file whose position was saved.
func (s *saved) is(f *file) bool {
	return s.Device == f.id.device && s.Inode == f.id.inode && s.HeadBytes <= len(f.head) && s.Head == digest(f.head[:s.HeadBytes])
}
