package act

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern/watchdog"
)

// Receipts keeps, in one file of JSON lines, which warrants were begun and
// what came of them. A line without a finish time says "begun"; a later line
// for the same warrant replaces it. A torn last line, from a crash while it was
// being written, is cut off: what it would have said had not begun.
type Receipts struct {
	mu    sync.Mutex
	f     *os.File
	size  int64 // of what is whole in the file
	known map[string]fact.Receipt
	order []string // warrants, oldest first
}

// OpenReceipts reads the file at path, or makes it.
func OpenReceipts(path string) (*Receipts, error) {
	r := &Receipts{known: make(map[string]fact.Receipt)}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("receipts: %w", err)
	}
	if err := r.read(data); err != nil {
		return nil, fmt.Errorf("receipts %s: %w", path, err)
	}
	// Rewritten at each start, so that it holds one line for each warrant.
	lines := r.lines()
	if err := watchdog.WriteDurably(path, lines, 0o600); err != nil {
		return nil, fmt.Errorf("receipts: %w", err)
	}
	r.size = int64(len(lines))
	if r.f, err = os.OpenFile(filepath.Clean(path), os.O_WRONLY, 0o600); err != nil {
		return nil, fmt.Errorf("receipts: %w", err)
	}
	return r, nil
}

// read takes in the lines of a file. A line that cannot be read, other than a
// torn last one, is an error: it may hide that something was done.
func (r *Receipts) read(data []byte) error {
	n, whole := 0, bytes.LastIndexByte(data, '\n')+1
	for text := range bytes.Lines(data[:whole]) {
		n++
		var line fact.Receipt
		if err := json.Unmarshal(text, &line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if line.Warrant == "" {
			return fmt.Errorf("line %d: it names no warrant", n)
		}
		r.take(line)
	}
	return nil
}

func (r *Receipts) take(line fact.Receipt) {
	if _, ok := r.known[line.Warrant]; !ok {
		r.order = append(r.order, line.Warrant)
	}
	r.known[line.Warrant] = line
	for len(r.order) > KeepReceipts {
		delete(r.known, r.order[0])
		r.order = r.order[1:]
	}
}

func (r *Receipts) lines() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, w := range r.order {
		_ = enc.Encode(r.known[w]) // a receipt that was read can be written
	}
	return b.Bytes()
}

// Get returns what is known of a warrant. A receipt without a finish time was
// begun, and nothing more is known.
func (r *Receipts) Get(warrant string) (rec fact.Receipt, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec, ok = r.known[warrant]
	return rec, ok
}

// Begin makes durable that a warrant is being acted on.
func (r *Receipts) Begin(rec fact.Receipt) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.known[rec.Warrant]; ok {
		return fmt.Errorf("warrant %.12s was begun before", rec.Warrant)
	}
	return r.append(rec)
}

// Finish makes durable how it ended. If it cannot, this process knows it all
// the same.
func (r *Receipts) Finish(rec fact.Receipt) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.append(rec)
	r.take(rec)
	return err
}

func (r *Receipts) append(rec fact.Receipt) error {
	line, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if _, err := r.f.WriteAt(line, r.size); err != nil {
		// Half a line must not stand before the next one.
		return errors.Join(err, r.f.Truncate(r.size))
	}
	if err := r.f.Sync(); err != nil {
		return errors.Join(err, r.f.Truncate(r.size))
	}
	r.size += int64(len(line))
	r.take(rec)
	return nil
}

// Close closes the file.
func (r *Receipts) Close() error { return r.f.Close() }
