package ledger

import (
	"fmt"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/steersman-ops/steersman/fact"
)

// A Proof shows that one leaf is in the ledger, to somebody who has nothing but
// the public key.
type Proof struct {
	Line       string   `json:"line"` // the leaf as it stands in the file
	Index      int64    `json:"index"`
	Path       []string `json:"path"`       // hashes from the leaf to the root, base64
	Checkpoint string   `json:"checkpoint"` // signed, with the root
}

// Proof returns the proof of one leaf under the checkpoint in force.
func (l *Ledger) Proof(index int64) (Proof, error) {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	size := l.Size()
	if index < 0 || index >= size {
		return Proof{}, fmt.Errorf("prove leaf %d of a ledger with %d: %w", index, size, fact.ErrNotFound)
	}
	lines, err := l.lines(index, 1)
	if err != nil {
		return Proof{}, fmt.Errorf("prove leaf %d: %w", index, err)
	}
	path, err := tlog.ProveRecord(size, index, tlog.HashReaderFunc(l.readHashes))
	if err != nil {
		return Proof{}, fmt.Errorf("prove leaf %d: %w", index, err)
	}
	return Proof{Line: string(lines[0]), Index: index, Path: hashText(path), Checkpoint: l.Checkpoint()}, nil
}

// Check returns the leaf if p proves it to whoever trusts the public key.
func (p Proof) Check(verifierKey string) (Leaf, error) {
	tree, err := signedTree(p.Checkpoint, verifierKey)
	if err != nil {
		return Leaf{}, fmt.Errorf("check the proof of leaf %d: %w", p.Index, err)
	}
	path, err := parseHashes(p.Path)
	if err != nil {
		return Leaf{}, fmt.Errorf("check the proof of leaf %d: %w", p.Index, err)
	}
	if p.Index < 0 || p.Index >= tree.N {
		return Leaf{}, fmt.Errorf("check the proof of leaf %d: the checkpoint covers %d leaves", p.Index, tree.N)
	}
	if err := tlog.CheckRecord(path, tree.N, tree.Hash, p.Index, tlog.RecordHash([]byte(p.Line))); err != nil {
		return Leaf{}, fmt.Errorf("check the proof of leaf %d: %w", p.Index, err)
	}
	leaf, err := parseLine([]byte(p.Line))
	if err == nil && leaf.Index != p.Index {
		err = fmt.Errorf("the line is of leaf %d", leaf.Index)
	}
	if err != nil {
		return Leaf{}, fmt.Errorf("check the proof of leaf %d: %w", p.Index, err)
	}
	return leaf, nil
}

// Consistency returns the hashes that prove that the ledger of today continues
// the one of when it had old leaves. There is nothing to prove from an empty one.
func (l *Ledger) Consistency(old int64) (path []string, checkpoint string, err error) {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	size := l.Size()
	if old < 1 || old > size {
		return nil, "", fmt.Errorf("prove that %d leaves continue %d: %w", size, old, fact.ErrNotFound)
	}
	proof, err := tlog.ProveTree(size, old, tlog.HashReaderFunc(l.readHashes))
	if err != nil {
		return nil, "", fmt.Errorf("prove that %d leaves continue %d: %w", size, old, err)
	}
	return hashText(proof), l.Checkpoint(), nil
}

// CheckConsistency reports whether path proves that the checkpoint now continues
// the checkpoint old, both signed with the public key.
func CheckConsistency(path []string, old, now, verifierKey string) error {
	before, err := signedTree(old, verifierKey)
	if err != nil {
		return fmt.Errorf("check the old checkpoint: %w", err)
	}
	after, err := signedTree(now, verifierKey)
	if err != nil {
		return fmt.Errorf("check the new checkpoint: %w", err)
	}
	if before.N < 1 || before.N > after.N {
		return fmt.Errorf("check that %d leaves continue %d: they cannot", after.N, before.N)
	}
	proof, err := parseHashes(path)
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(proof, after.N, after.Hash, before.N, before.Hash); err != nil {
		return fmt.Errorf("check that %d leaves continue %d: %w", after.N, before.N, err)
	}
	return nil
}

func signedTree(checkpoint, verifierKey string) (tlog.Tree, error) {
	v, err := note.NewVerifier(verifierKey)
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("public key: %w", err)
	}
	return openCheckpoint(checkpoint, v)
}

func hashText(hashes []tlog.Hash) []string {
	out := make([]string, len(hashes))
	for i, h := range hashes {
		out[i] = h.String()
	}
	return out
}

func parseHashes(texts []string) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(texts))
	for i, s := range texts {
		h, err := tlog.ParseHash(s)
		if err != nil {
			return nil, fmt.Errorf("hash %d of the proof: %w", i, err)
		}
		out[i] = h
	}
	return out, nil
}
