package ledger

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/steersman-ops/steersman/store/disk"
)

// VerifyOptions say against what a ledger is checked. The zero value checks the
// files against one another.
type VerifyOptions struct {
	// Known is a checkpoint that was seen earlier and kept elsewhere, the whole
	// text. With it an older copy put in the ledger's place, and a ledger
	// written anew with the same key, are found. "" means none.
	Known string

	// VerifierKey is the public key that must have signed. With it a ledger
	// written anew with another key is found. "" means the one in the directory.
	VerifierKey string

	// Settle is how long to look again while bytes stand beyond the checkpoint,
	// which in a ledger that is in use are leaves that are just being written.
	Settle time.Duration
}

// A Report is what was found.
type Report struct {
	Origin     string    `json:"origin"`
	Key        string    `json:"key"`  // the public key that checked the checkpoint
	Size       int64     `json:"size"` // leaves
	Root       string    `json:"root"` // hash over all leaves, computed
	Checkpoint string    `json:"checkpoint"`
	Problems   []Problem `json:"problems"` // at most 100 are listed, then one says how many more
}

// OK reports whether the ledger is what was signed.
func (r Report) OK() bool { return len(r.Problems) == 0 }

// A Problem is one thing that is not as it was written.
type Problem struct {
	File string `json:"file"` // "" when it is not about one file
	Leaf int64  `json:"leaf"` // -1 when it is not about one leaf
	Byte int64  `json:"byte"` // offset in the file, -1 when it is not about one place
	What string `json:"what"`
}

func (p Problem) String() string {
	s := p.What
	if p.Byte >= 0 {
		s = fmt.Sprintf("byte %d: %s", p.Byte, s)
	}
	if p.Leaf >= 0 {
		s = fmt.Sprintf("leaf %d: %s", p.Leaf, s)
	}
	if p.File != "" {
		s = p.File + ": " + s
	}
	return s
}

// Verify reads the ledger in dir, computes everything anew and reports whatever
// is not as it was signed: a changed, deleted, added or moved leaf, a changed
// hash, a bad signature, a key that does not fit, bytes too few or too many. It
// writes nothing and needs no running program. The error says that it could not
// look; what it found is in the report.
func Verify(dir string, opt VerifyOptions) (Report, error) {
	if info, err := os.Stat(dir); err != nil {
		return Report{}, fmt.Errorf("verify the ledger in %s: %w", dir, err)
	} else if !info.IsDir() {
		return Report{}, fmt.Errorf("verify the ledger in %s: it is not a directory", dir)
	}
	read := func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, name)) }
	for deadline := time.Now().Add(opt.Settle); ; time.Sleep(20 * time.Millisecond) {
		files, err := readContents(read)
		if err != nil {
			return Report{}, fmt.Errorf("verify the ledger in %s: %w", dir, err)
		}
		in := inspect(files, opt)
		if in.leavesTail+in.hashesTail <= 0 || !time.Now().Before(deadline) {
			return in.report(), nil
		}
	}
}

// Verify is the same for an open ledger, between two commits.
func (l *Ledger) Verify(opt VerifyOptions) (Report, error) {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	files, err := readContents(func(name string) ([]byte, error) { return disk.ReadFile(l.fs, name) })
	if err != nil {
		return Report{}, fmt.Errorf("verify the ledger: %w", err)
	}
	return inspect(files, opt).report(), nil
}

func (in *inspection) report() Report {
	r := Report{
		Key:        in.key,
		Size:       int64(len(in.lines)),
		Root:       in.root.String(),
		Checkpoint: string(in.files[checkpointFile]),
		Problems:   in.problems,
	}
	if in.verifier != nil {
		r.Origin = in.verifier.Name()
	}
	if r.Problems == nil {
		r.Problems = []Problem{} // an empty list in JSON, not null
	}
	return r
}
