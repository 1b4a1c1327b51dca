package ledger

import (
	"bytes"
	"fmt"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/steersman-ops/steersman/store/disk"
)

// batch is what one commit adds to the files.
type batch struct {
	first   int64
	lines   []byte
	hashes  []byte
	offsets []int64 // where the leaf after each one begins
	tree    string  // the checkpoint over all of it
}

// commit makes the group durable, or leaves the ledger as it was.
func (l *Ledger) commit(g *group) error {
	if err := l.settle(); err != nil {
		return err
	}
	b, err := l.build(g)
	if err != nil {
		return err
	}
	if err := l.write(b); err != nil {
		l.untidy = true
		if cut := l.tidy(); cut != nil {
			l.logger.Warn("ledger: cut off what was not acknowledged", "err", cut)
		}
		return err
	}
	if err := l.replaceCheckpoint(b); err != nil {
		return err
	}
	l.publish(g, b)
	l.unsettled = true
	return l.settle()
}

// settle finishes what an earlier call could not: nothing that was not
// acknowledged may stand beyond the checkpoint, and the checkpoint must stay.
func (l *Ledger) settle() error {
	if err := l.Err(); err != nil {
		return err
	}
	if err := l.tidy(); err != nil {
		return err
	}
	if l.unsettled {
		if err := l.fs.SyncDir(); err != nil {
			return fmt.Errorf("flush the directory: %w", err)
		}
		l.unsettled = false
	}
	return nil
}

// tidy cuts the files at the end of the last acknowledged leaf.
func (l *Ledger) tidy() error {
	if !l.untidy {
		return nil
	}
	size := l.Size()
	l.mu.Lock()
	end := l.offsets[size]
	l.mu.Unlock()
	if err := l.leaves.Truncate(end); err != nil {
		return fmt.Errorf("cut the leaves: %w", err)
	}
	if err := l.hashes.Truncate(tlog.StoredHashCount(size) * tlog.HashSize); err != nil {
		return fmt.Errorf("cut the hashes: %w", err)
	}
	l.untidy = false
	return nil
}

// build gives the leaves their places and computes the hashes and the checkpoint.
func (l *Ledger) build(g *group) (batch, error) {
	l.mu.Lock()
	b := batch{first: int64(len(l.offsets)) - 1}
	at := l.offsets[b.first]
	l.mu.Unlock()
	stored := tlog.StoredHashCount(b.first)
	var fresh []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			if x >= stored {
				out[i] = fresh[x-stored]
				continue
			}
			old, err := l.readHashes([]int64{x})
			if err != nil {
				return nil, err
			}
			out[i] = old[0]
		}
		return out, nil
	})
	for i := range g.leaves {
		leaf := &g.leaves[i]
		leaf.Index = b.first + int64(i)
		text, err := leaf.line()
		if err != nil {
			return batch{}, err
		}
		hash := tlog.RecordHash(text)
		more, err := tlog.StoredHashesForRecordHash(leaf.Index, hash, reader)
		if err != nil {
			return batch{}, err
		}
		leaf.Hash = hash.String()
		fresh = append(fresh, more...)
		b.lines = append(append(b.lines, text...), '\n')
		b.offsets = append(b.offsets, at+int64(len(b.lines)))
	}
	for _, h := range fresh {
		b.hashes = append(b.hashes, h[:]...)
	}
	size := b.first + int64(len(g.leaves))
	root, err := tlog.TreeHash(size, reader)
	if err != nil {
		return batch{}, err
	}
	b.tree, err = sign(l.signer, tlog.Tree{N: size, Hash: root})
	return b, err
}

// write appends to the two files and flushes them.
func (l *Ledger) write(b batch) error {
	l.mu.Lock()
	at := l.offsets[b.first]
	l.mu.Unlock()
	for _, part := range []struct {
		name string
		file disk.File
		data []byte
		at   int64
	}{
		{leavesFile, l.leaves, b.lines, at},
		{hashesFile, l.hashes, b.hashes, tlog.StoredHashCount(b.first) * tlog.HashSize},
	} {
		if _, err := part.file.WriteAt(part.data, part.at); err != nil {
			return fmt.Errorf("write %s: %w", part.name, err)
		}
		if err := part.file.Sync(); err != nil {
			return fmt.Errorf("flush %s: %w", part.name, err)
		}
	}
	return nil
}

// replaceCheckpoint puts the new checkpoint in the place of the old one. When
// that is refused, it looks which of the two is there.
func (l *Ledger) replaceCheckpoint(b batch) error {
	tmp, err := disk.WriteBeside(l.fs, checkpointFile, []byte(b.tree), 0o644)
	if err == nil {
		err = l.fs.Rename(tmp, checkpointFile)
	}
	if err == nil {
		return nil
	}
	found, readErr := disk.ReadFile(l.fs, checkpointFile)
	switch {
	case readErr == nil && bytes.Equal(found, []byte(b.tree)):
		return nil
	case readErr == nil && string(found) == l.Checkpoint():
		l.untidy = true
		if cut := l.tidy(); cut != nil {
			l.logger.Warn("ledger: cut off what was not acknowledged", "err", cut)
		}
		return fmt.Errorf("write the checkpoint: %w", err)
	}
	// Neither cutting nor going on would be safe without knowing.
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = fmt.Errorf("write the checkpoint: %w; which one is in force cannot be read (%v): start again", err, readErr)
	return l.broken
}

// publish makes the group's leaves known.
func (l *Ledger) publish(g *group, b batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.offsets = append(l.offsets, b.offsets...)
	l.checkpoint = b.tree
	for i := range g.leaves {
		l.keys[g.leaves[i].Key] = g.leaves[i].Index
	}
	l.met.leaves.Set(float64(len(l.offsets) - 1))
}

// sign returns the checkpoint over tree.
func sign(s note.Signer, tree tlog.Tree) (string, error) {
	text := fmt.Sprintf("%s\n%d\n%s\n", s.Name(), tree.N, tree.Hash)
	msg, err := note.Sign(&note.Note{Text: text}, s)
	return string(msg), err
}
