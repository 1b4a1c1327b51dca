package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/disk"
)

// Follow calls fn with every record after the given number, in order, and waits
// for more until ctx ends, fn returns an error, or the log is closed. It returns
// what ended it. fn must not change the batch.
//
// If after lies beyond the head, the log has lost records that this reader has
// seen; their numbers will not be given out again.
func (l *Log) Follow(ctx context.Context, after uint64, fn func(seq uint64, b *fact.Batch) error) (err error) {
	t := &tail{log: l, next: after + 1, fn: fn}
	defer func() { err = errors.Join(err, t.close()) }()
	l.mu.Lock()
	l.seen(after)
	l.mu.Unlock()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		more, err := t.fromWindow(ctx)
		if err != nil {
			return err
		}
		if more {
			continue
		}
		l.mu.Lock()
		closed, changed, behind := l.closed, l.changed, t.next <= l.head
		l.mu.Unlock()
		switch {
		case closed:
			return ErrClosed
		case behind:
			if err := t.fromFile(ctx); err != nil {
				return err
			}
		default:
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-changed:
			}
		}
	}
}

// tail is one reader's place in the log.
type tail struct {
	log  *Log
	next uint64
	fn   func(uint64, *fact.Batch) error

	entries []entry // scratch

	// While it reads from the disk:
	dec  *Decoder
	file disk.File
	seg  segment
	scan *scanner
}

// fromWindow hands over what memory holds.
func (t *tail) fromWindow(ctx context.Context) (more bool, err error) {
	t.log.mu.Lock()
	t.entries = t.log.win.from(t.entries[:0], t.next, 256)
	t.log.mu.Unlock()
	defer clear(t.entries)
	for _, e := range t.entries {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if err := t.fn(e.seq, e.batch); err != nil {
			return false, err
		}
		t.log.met.windowReads.Inc()
		t.next = e.seq + 1
	}
	return len(t.entries) > 0, nil
}

// fromFile hands over records from one segment, until memory holds the next one
// or the segment is at its end.
func (t *tail) fromFile(ctx context.Context) error {
	upper, ok, err := t.position()
	if err != nil || !ok {
		return err
	}
	for t.next <= upper {
		if err := ctx.Err(); err != nil {
			return err
		}
		rec, err := t.scan.next()
		switch {
		case errors.Is(err, io.EOF):
			t.gap(upper + 1)
			return nil
		case err != nil:
			return fmt.Errorf("read segment %s of the intake log: %w", t.seg.name(), err)
		case rec.damaged:
			t.log.damaged(t.file, t.seg, rec, "checksum")
			continue
		}
		if rec.seq < t.next {
			continue
		}
		t.gap(min(rec.seq, upper+1))
		if rec.seq > upper {
			return nil
		}
		if err := t.deliver(rec); err != nil {
			return err
		}
		if t.inWindow() {
			return t.close()
		}
	}
	return nil
}

// deliver decodes one record and hands it over.
func (t *tail) deliver(rec found) error {
	t.next = rec.seq + 1
	b, err := t.dec.Decode(rec.payload)
	if err != nil {
		rec.lost = 1
		t.log.damaged(t.file, t.seg, rec, err.Error())
		return nil
	}
	t.log.met.fileReads.Inc()
	return t.fn(rec.seq, b)
}

// gap moves on to seq, and says so when records were to be there.
func (t *tail) gap(seq uint64) {
	if seq <= t.next {
		return
	}
	t.log.met.missing.Add(float64(seq - t.next))
	t.log.logger.Error("intake: records that a reader asked for are not in the log", "from", t.next, "to", seq-1)
	t.next = seq
}

func (t *tail) inWindow() bool {
	t.log.mu.Lock()
	defer t.log.mu.Unlock()
	w := &t.log.win
	return w.gone < len(w.entries) && w.entries[w.gone].seq <= t.next
}

// position sees to it that the segment with the next record is open, and returns
// the highest number that counts in it. It is false when the log has changed in
// between and must be looked at again.
func (t *tail) position() (upper uint64, ok bool, err error) {
	seg, upper, first := t.find()
	t.gap(first)
	if t.next > upper {
		return 0, false, nil
	}
	if t.file != nil && t.seg.number == seg.number {
		t.scan.end = max(t.scan.end, seg.size)
		return upper, true, nil
	}
	if err := t.close(); err != nil {
		return 0, false, err
	}
	f, err := t.log.fs.OpenFile(seg.name(), os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		t.gap(upper + 1) // deleted this moment, or by somebody else
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("open segment %s of the intake log: %w", seg.name(), err)
	}
	t.file, t.seg, t.scan = f, seg, newScanner(f, seg)
	if t.dec == nil {
		t.dec = NewDecoder(0)
	}
	return upper, true, nil
}

// find returns the segment in which the next record is, the highest number that
// counts in that segment, and the least number from t.next on that the log can
// still have. The log has at least one segment, for its head is not behind.
func (t *tail) find() (seg segment, upper, first uint64) {
	l := t.log
	l.mu.Lock()
	defer l.mu.Unlock()
	i := len(l.segments) - 1
	for i > 0 && l.segments[i].base > t.next {
		i--
	}
	upper = l.head
	if i+1 < len(l.segments) {
		upper = l.segments[i+1].base - 1
	}
	return l.segments[i], min(upper, l.head), max(t.next, l.segments[i].base)
}

// close lets the file go.
func (t *tail) close() error {
	if t.file == nil {
		return nil
	}
	err := t.file.Close()
	t.file, t.scan, t.dec = nil, nil, nil
	return err
}
