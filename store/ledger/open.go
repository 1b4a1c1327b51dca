package ledger

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/steersman-ops/steersman/store/disk"
)

// Open opens the ledger in dir, or begins one with a new key. Leaves that no
// checkpoint covers were never acknowledged: they are cut off, and named.
//
// A ledger whose files are not what was signed opens too, for reading: [Ledger.Err]
// says why, and Append refuses.
func Open(dir string, opt Options) (*Ledger, error) {
	if opt.Origin == "" {
		opt.Origin = "steersman"
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	l := &Ledger{
		opt:    opt,
		fs:     opt.FS,
		ownFS:  opt.FS == nil,
		logger: opt.Logger,
		met:    newMetrics(),
		turn:   make(chan struct{}, 1),
	}
	if err := l.start(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("open the ledger in %s: %w", dir, err), l.closeFiles())
	}
	return l, nil
}

func (l *Ledger) start(dir string) (err error) {
	if l.fs == nil {
		if l.fs, err = disk.Open(dir); err != nil {
			return err
		}
	}
	read := func(name string) ([]byte, error) { return disk.ReadFile(l.fs, name) }
	files, err := readContents(read)
	if err != nil {
		return err
	}
	if files[keyFile] == nil && len(files[leavesFile]) == 0 && len(files[hashesFile]) == 0 {
		if err := l.begin(); err != nil {
			return fmt.Errorf("begin it: %w", err)
		}
		if files, err = readContents(read); err != nil {
			return err
		}
	}
	if l.leaves, err = l.fs.OpenFile(leavesFile, os.O_RDWR|os.O_CREATE, 0o640); err != nil {
		return err
	}
	if l.hashes, err = l.fs.OpenFile(hashesFile, os.O_RDWR|os.O_CREATE, 0o640); err != nil {
		return err
	}
	if err := l.adopt(inspect(files, VerifyOptions{})); err != nil {
		return err
	}
	if l.opt.Registerer != nil {
		return l.opt.Registerer.Register(l.met)
	}
	return nil
}

// begin makes the files of an empty ledger, the private key last: a ledger that
// has one was begun, so whatever else is missing then was taken away.
func (l *Ledger) begin() error {
	private, public, err := note.GenerateKey(rand.Reader, l.opt.Origin)
	if err != nil {
		return err
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		return err
	}
	root, err := tlog.TreeHash(0, nil)
	if err != nil {
		return err
	}
	checkpoint, err := sign(signer, tlog.Tree{N: 0, Hash: root})
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name, data string
		perm       os.FileMode
	}{
		{pubFile, public + "\n", 0o644},
		{leavesFile, "", 0o640},
		{hashesFile, "", 0o640},
		{checkpointFile, checkpoint, 0o644},
		{keyFile, private + "\n", 0o600},
	} {
		if err := disk.WriteFile(l.fs, f.name, []byte(f.data), f.perm); err != nil {
			return err
		}
	}
	l.logger.Info("ledger: a new one was begun; keep its public key elsewhere too", "key", public)
	return nil
}

// adopt takes over what the files hold, cuts off what no checkpoint covers, and
// decides whether more may be written.
func (l *Ledger) adopt(in *inspection) error {
	l.offsets, l.keys, l.verifier = in.offsets, in.keys, in.key
	l.checkpoint = string(in.files[checkpointFile])
	l.met.leaves.Set(float64(len(in.lines)))
	problems := in.problems
	if in.signed && in.leavesTail > 0 || in.hashesTail > 0 {
		problems = inspect(in.withoutTails(), VerifyOptions{}).problems
	}
	if in.files[keyFile] == nil {
		problems = append(problems, Problem{File: keyFile, Leaf: -1, Byte: -1, What: "the file is missing or cannot be read"})
	}
	if len(problems) > 0 {
		l.met.tampered.Set(1)
		l.broken = fmt.Errorf("%w: %s", ErrTampered, problems[0])
		l.logger.Error("ledger: it is not what was signed, so it can only be read: run steersman audit verify",
			"problems", len(problems), "first", problems[0].String())
		return nil
	}
	var err error
	if l.signer, err = note.NewSigner(strings.TrimSuffix(string(in.files[keyFile]), "\n")); err != nil {
		return fmt.Errorf("%s: %w", keyFile, err)
	}
	if in.leavesTail > 0 || in.hashesTail > 0 {
		l.logger.Warn("ledger: cut off leaves that were being written and that no checkpoint covers",
			"leaves bytes", in.leavesTail, "hashes bytes", in.hashesTail, "leaves", len(in.lines))
		l.untidy = true
	}
	// What an ended process wrote may not be on the disk yet.
	l.unsettled = true
	if err := errors.Join(l.leaves.Sync(), l.hashes.Sync()); err != nil {
		return err
	}
	return l.settle()
}

// withoutTails is the files as they would be without what follows the last leaf
// that the checkpoint covers.
func (in *inspection) withoutTails() contents {
	out := make(contents, len(in.files))
	for name, data := range in.files {
		out[name] = data
	}
	cut := func(name string, tail int64) {
		if tail > 0 {
			out[name] = out[name][:int64(len(out[name]))-tail]
		}
	}
	cut(leavesFile, in.leavesTail)
	cut(hashesFile, in.hashesTail)
	return out
}
