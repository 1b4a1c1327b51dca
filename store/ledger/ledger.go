// Package ledger keeps the papers that must be proved later: an append-only
// Merkle log in plain files, with a signed checkpoint over all of it.
//
// It answers one question: is this what was written, all of it, in this order?
// It does not know what the papers mean.
//
// # Method
//
// A leaf is one line of JSON in the file leaves. Its hash, and those of the tree
// above, are as in RFC 6962 (Certificate Transparency), made by
// golang.org/x/mod/sumdb/tlog, and lie in the file hashes. The file checkpoint is
// a note with the number of leaves and the hash over all of them, signed with an
// Ed25519 key, in the format of C2SP's tlog-checkpoint. docs/formats/ledger.md
// draws all of them.
//
// Append writes the leaf, then the hashes, flushes both, and then puts a new
// checkpoint in the old one's place. Those that come meanwhile share the next
// round. Leaves beyond the checkpoint were never acknowledged, so opening cuts
// them off.
//
// [Verify] needs nothing but the files. It computes everything anew and says
// what is not as it was signed. A ledger that fails this when it is opened can be
// read, but takes no more leaves: a new signature must not make a forgery good.
//
// # Limits
//
// Whoever has the private key can write another ledger and sign it; so can
// whoever replaces all files, key included. And a copy of an earlier day is a
// perfect ledger. Against all three helps a checkpoint, or the public key, that
// was kept elsewhere: see [VerifyOptions].
//
// Opening and verifying read all leaves into memory, and the keys stay there:
// this is for thousands of leaves a day, not for telemetry.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/disk"
)

// The files of a ledger.
const (
	leavesFile     = "leaves"
	hashesFile     = "hashes"
	checkpointFile = "checkpoint"
	keyFile        = "key"
	pubFile        = "key.pub"
)

// MaxLeaf is the longest line of a leaf, in bytes.
const MaxLeaf = 1 << 20

// Options say how a ledger is kept. The zero value is fit for use.
type Options struct {
	// Origin is the name in the checkpoints and of the key. It is used when the
	// ledger is made, and has no spaces and no plus signs. "" means "steersman".
	Origin string

	Registerer prometheus.Registerer // nil: no metrics
	Logger     *slog.Logger          // nil: silent
	FS         disk.FS               // nil: the real directory
}

// ErrTampered is wrapped by what [Ledger.Append] returns when the files are not
// what was signed.
var ErrTampered = errors.New("the ledger is not what was signed: run steersman audit verify")

// ErrClosed is returned by a ledger that was closed.
var ErrClosed = errors.New("the ledger is closed")

// A Ledger is an open ledger. It is safe for concurrent use.
type Ledger struct {
	opt    Options
	fs     disk.FS
	ownFS  bool
	logger *slog.Logger
	met    *metrics

	leaves, hashes disk.File
	signer         note.Signer
	verifier       string

	// turn is held by the one that writes; the files are its own.
	turn      chan struct{}
	untidy    bool // bytes beyond the checkpoint could not be cut off
	unsettled bool // the checkpoint is in its place, but a power cut may undo that

	mu         sync.Mutex
	closed     bool
	broken     error            // why nothing may be appended
	offsets    []int64          // where each leaf begins, and where the last one ends
	keys       map[string]int64 // key → index
	checkpoint string
	next       *group // gathers what comes while a group is being written
	writing    *group // the one that is being written
}

// group is some leaves that are written together.
type group struct {
	leaves []Leaf
	keys   map[string]int // key → place in leaves
	err    error
	done   chan struct{} // closed when err and the leaves' indexes are set
}

// Append writes a leaf, or returns the first one that has the same key. When it
// returns, the leaf is on the disk and a signed checkpoint covers it.
//
// It wraps [ErrTampered] when the ledger may only be read. After another error
// the leaf may yet be found in the ledger; the same call again settles it.
func (l *Ledger) Append(ctx context.Context, key, kind string, at time.Time, body any) (Leaf, error) {
	leaf, err := l.append(ctx, key, kind, at, body)
	if err != nil {
		l.met.failed.Inc()
		return Leaf{}, fmt.Errorf("append %q to the ledger: %w", key, err)
	}
	return leaf, nil
}

func (l *Ledger) append(ctx context.Context, key, kind string, at time.Time, body any) (Leaf, error) {
	if key == "" {
		return Leaf{}, errors.New("it has no key")
	}
	if err := ctx.Err(); err != nil {
		return Leaf{}, err
	}
	leaf := Leaf{Key: key, Kind: kind, At: at.UTC().Round(0)}
	var err error
	if leaf.Body, err = marshal(body); err != nil {
		return Leaf{}, err
	}
	if _, err := leaf.line(); err != nil {
		return Leaf{}, err
	}
	g, place, lead, err := l.join(leaf)
	if err != nil {
		return Leaf{}, err
	}
	if g == nil {
		return l.known(key)
	}
	if lead {
		l.lead(g)
	}
	select {
	case <-g.done:
	case <-ctx.Done():
		return Leaf{}, ctx.Err()
	}
	if g.err != nil {
		return Leaf{}, g.err
	}
	return g.leaves[place], nil
}

// join puts the leaf into the next group. No group means that the key is known.
// The first of a group leads it.
func (l *Ledger) join(leaf Leaf) (g *group, place int, lead bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, 0, false, ErrClosed
	}
	if _, ok := l.keys[leaf.Key]; ok {
		return nil, 0, false, nil
	}
	if l.broken != nil {
		return nil, 0, false, l.broken
	}
	if l.writing != nil {
		if place, ok := l.writing.keys[leaf.Key]; ok {
			return l.writing, place, false, nil
		}
	}
	if l.next == nil {
		l.next = &group{keys: make(map[string]int), done: make(chan struct{})}
		lead = true
	}
	g = l.next
	place, ok := g.keys[leaf.Key]
	if !ok {
		place = len(g.leaves)
		g.keys[leaf.Key] = place
		g.leaves = append(g.leaves, leaf)
	}
	return g, place, lead, nil
}

// lead waits until no other group is being written and writes g.
func (l *Ledger) lead(g *group) {
	l.turn <- struct{}{}
	l.mu.Lock()
	l.next, l.writing = nil, g
	l.mu.Unlock()
	begin := time.Now()
	g.err = l.commit(g)
	l.met.commitTime.Observe(time.Since(begin).Seconds())
	l.mu.Lock()
	l.writing = nil
	l.mu.Unlock()
	<-l.turn
	close(g.done)
}

// known returns the leaf with a key that was there before, once it is certain
// that it stays.
func (l *Ledger) known(key string) (Leaf, error) {
	l.met.repeats.Inc()
	l.turn <- struct{}{}
	err := l.settle()
	<-l.turn
	if err != nil {
		return Leaf{}, err
	}
	l.mu.Lock()
	i := l.keys[key]
	l.mu.Unlock()
	leaves, err := l.Leaves(i, 1)
	if err != nil {
		return Leaf{}, err
	}
	return leaves[0], nil
}

// Leaves returns up to n leaves beginning with index from.
func (l *Ledger) Leaves(from int64, n int) ([]Leaf, error) {
	lines, err := l.lines(from, n)
	if err != nil {
		return nil, fmt.Errorf("read leaves of the ledger: %w", err)
	}
	out := make([]Leaf, 0, len(lines))
	for i, line := range lines {
		leaf, err := parseLine(line)
		if err != nil {
			return nil, fmt.Errorf("read leaf %d of the ledger: %w", from+int64(i), err)
		}
		out = append(out, leaf)
	}
	return out, nil
}

// lines returns up to n lines of the leaves file.
func (l *Ledger) lines(from int64, n int) ([][]byte, error) {
	l.mu.Lock()
	offsets := l.offsets
	l.mu.Unlock()
	size := int64(len(offsets)) - 1
	if from < 0 {
		return nil, fmt.Errorf("leaf %d: %w", from, fact.ErrNotFound)
	}
	if from >= size || n <= 0 {
		return nil, nil
	}
	to := from + min(int64(n), size-from)
	data := make([]byte, offsets[to]-offsets[from])
	if _, err := l.leaves.ReadAt(data, offsets[from]); err != nil {
		return nil, err
	}
	out := make([][]byte, 0, to-from)
	for i := from; i < to; i++ {
		line := data[offsets[i]-offsets[from] : offsets[i+1]-offsets[from]]
		out = append(out, line[:len(line)-1])
	}
	return out, nil
}

// Size returns the number of leaves.
func (l *Ledger) Size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(len(l.offsets)) - 1
}

// Checkpoint returns the signed checkpoint in force, whole.
func (l *Ledger) Checkpoint() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.checkpoint
}

// VerifierKey returns the public key that checks the checkpoints.
func (l *Ledger) VerifierKey() string { return l.verifier }

// Err says why the ledger takes no more leaves, nil when it does.
func (l *Ledger) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken
}

// Close waits for what is being written and gives the directory free.
func (l *Ledger) Close() error {
	l.mu.Lock()
	was := l.closed
	l.closed = true
	gathering := l.next
	l.mu.Unlock()
	if was {
		return nil
	}
	if gathering != nil {
		<-gathering.done
	}
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	if l.opt.Registerer != nil {
		l.opt.Registerer.Unregister(l.met)
	}
	return l.closeFiles()
}

func (l *Ledger) closeFiles() error {
	var errs []error
	for _, f := range []disk.File{l.leaves, l.hashes} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	if l.ownFS && l.fs != nil {
		errs = append(errs, l.fs.Close())
	}
	return errors.Join(errs...)
}

// readHashes implements [tlog.HashReader] over the hashes file.
func (l *Ledger) readHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if _, err := l.hashes.ReadAt(out[i][:], x*tlog.HashSize); err != nil {
			return nil, fmt.Errorf("read stored hash %d: %w", x, err)
		}
	}
	return out, nil
}
