package intake

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/disk"
)

// groupBytes is where a group is cut, so that the first of many waits no longer
// than one such write takes.
const groupBytes = 8 << 20

// write is the writer: it commits what waits, until the log is closed and
// nothing waits any more.
func (l *Log) write() {
	defer close(l.done)
	for {
		group, closed := l.take()
		if len(group) == 0 {
			if closed {
				return
			}
			<-l.work
			continue
		}
		l.commit(group)
		for _, p := range group {
			l.spare.put(p.rec)
			p.rec = nil
			close(p.done)
		}
	}
}

// take returns the batches to be written together.
func (l *Log) take() (group []*pending, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, size := 0, int64(0)
	for ; n < len(l.queue) && (n == 0 || size+int64(len(l.queue[n].rec)) <= groupBytes); n++ {
		size += int64(len(l.queue[n].rec))
	}
	group = slices.Clone(l.queue[:n])
	l.queue = slices.Delete(l.queue, 0, n)
	l.queueBytes -= size
	return group, l.closed
}

// commit makes the group durable, or leaves the log as it was. When the log is
// full, what is not telemetry goes first.
func (l *Log) commit(group []*pending) {
	for _, p := range group {
		l.now = max(l.now, p.batch.Received)
	}
	err := l.makeRoom(sizeOf(group), l.opt.MaxBytes, true)
	if errors.Is(err, fact.ErrBusy) {
		urgent, rest := split(group)
		l.refuse(rest, err)
		l.tell(err)
		if group = urgent; len(group) == 0 {
			return
		}
		err = l.makeRoom(sizeOf(group), l.opt.MaxBytes+l.opt.MaxBytes/reserved, false)
	}
	if err != nil {
		l.refuse(group, err)
		return
	}
	size := sizeOf(group)
	seg, next, err := l.open(size)
	if err == nil {
		err = l.put(seg, next, group)
	}
	if err != nil {
		l.met.failed.Add(float64(len(group)))
		answer(group, fmt.Errorf("append to the intake log: %w", err))
		return
	}
	l.met.records.Add(float64(len(group)))
	l.met.bytes.Add(float64(size))
	l.publish(group, size)
}

// tellEvery is the log time between two complaints that telemetry is refused, ms.
const tellEvery = 60_000

func (l *Log) tell(err error) {
	if l.told == 0 || l.now-l.told >= tellEvery {
		l.told = l.now
		l.logger.Error("intake: telemetry is refused", "err", err)
	}
}

// reserved is the part of MaxBytes that comes on top for what is not telemetry.
const reserved = 64

// urgent reports whether b goes before telemetry: the clock, by which readers
// save and say what they have done with, so that a full log does not stay full;
// changes and events, which are few and of which people and the gate tell.
func urgent(b *fact.Batch) bool {
	return len(b.Series) == 0 && len(b.Spans) == 0 && len(b.Lines) == 0 && !hasShapes(b) && len(b.Exemplars) == 0
}

func split(group []*pending) (first, rest []*pending) {
	for _, p := range group {
		if urgent(p.batch) {
			first = append(first, p)
		} else {
			rest = append(rest, p)
		}
	}
	return first, rest
}

func sizeOf(group []*pending) (size int64) {
	for _, p := range group {
		size += int64(len(p.rec))
	}
	return size
}

func (l *Log) refuse(group []*pending, err error) {
	l.met.busy.Add(float64(len(group)))
	answer(group, err)
}

func answer(group []*pending, err error) {
	for _, p := range group {
		p.err = err
	}
}

// open returns the segment to write to and the next number, after making a new
// segment if size no longer fits, the numbers jump, or there is none.
func (l *Log) open(size int64) (seg segment, next uint64, err error) {
	l.mu.Lock()
	next = max(l.head, l.floor) + 1
	var last segment
	if n := len(l.segments); n > 0 {
		last = l.segments[n-1]
	}
	jump := l.floor > l.head && last.base != next
	l.mu.Unlock()
	full := last.size > segmentHeader && last.size+size > l.opt.SegmentBytes
	old := l.opt.MaxAge > 0 && last.size > segmentHeader && l.now-last.created > l.opt.MaxAge.Milliseconds()/4
	if l.active != nil && !full && !old && !jump {
		return last, next, nil
	}
	// Once a new file may exist, nothing may follow in the old one: its numbers
	// end where those of the new one begin.
	l.closeActive(last)
	l.number++
	seg = segment{number: l.number, base: next, salt: newSalt(), created: l.now, size: segmentHeader}
	f, err := l.create(seg)
	if err != nil {
		return segment{}, 0, err
	}
	l.active = f
	l.mu.Lock()
	l.segments = append(slices.Clip(l.segments), seg)
	l.total += seg.size
	l.mu.Unlock()
	return seg, next, nil
}

func newSalt() uint32 {
	var b [4]byte
	rand.Read(b[:]) // never fails, as its documentation says
	return binary.LittleEndian.Uint32(b[:])
}

// create makes the file of seg durable, with its header and its name.
func (l *Log) create(seg segment) (disk.File, error) {
	f, err := l.fs.OpenFile(seg.name(), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o640)
	if err != nil {
		return nil, fmt.Errorf("make a segment: %w", err)
	}
	_, err = f.WriteAt(seg.header(), 0)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = l.fs.SyncDir()
	}
	if err != nil {
		// If the name stays it does no harm: the file holds no record.
		return nil, errors.Join(fmt.Errorf("make segment %s: %w", seg.name(), err), f.Close(), l.fs.Remove(seg.name()))
	}
	return f, nil
}

// put writes the group, numbered from next, at the end of seg and flushes it.
func (l *Log) put(seg segment, next uint64, group []*pending) error {
	l.buf = l.buf[:0]
	for i, p := range group {
		p.seq = next + uint64(i)
		recordHead{length: uint32(len(p.rec) - recordHeader), sum: p.sum, seq: p.seq}.put(p.rec, seg.salt)
		if len(group) > 1 {
			l.buf = append(l.buf, p.rec...)
		}
	}
	data := l.buf
	if len(group) == 1 {
		data = group[0].rec
	}
	if _, err := l.active.WriteAt(data, seg.size); err != nil {
		l.cut(seg, false)
		return fmt.Errorf("write to segment %s: %w", seg.name(), err)
	}
	begin := time.Now()
	err := l.active.Sync()
	l.met.synced(time.Since(begin))
	if err != nil {
		l.cut(seg, true)
		return fmt.Errorf("flush segment %s: %w", seg.name(), err)
	}
	return nil
}

// cut takes off what was not acknowledged. If that is not possible, or the end
// of the file cannot be trusted, the segment is closed.
func (l *Log) cut(seg segment, distrust bool) {
	err := l.active.Truncate(seg.size)
	if err == nil && !distrust {
		return
	}
	l.logger.Warn("intake: segment closed after a failed write", "segment", seg.name(), "bytes", seg.size, "err", err)
	l.closeActive(seg)
}

func (l *Log) closeActive(seg segment) {
	if l.active == nil {
		return
	}
	if err := l.active.Close(); err != nil {
		l.logger.Warn("intake: close a segment", "segment", seg.name(), "err", err)
	}
	l.active = nil
}

// publish moves the head over the group and wakes the followers.
func (l *Log) publish(group []*pending, size int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := &l.segments[len(l.segments)-1]
	last.size += size
	l.total += size
	for _, p := range group {
		l.win.add(entry{seq: p.seq, batch: p.batch, bytes: memory(p.batch)})
	}
	l.head = group[len(group)-1].seq
	close(l.changed)
	l.changed = make(chan struct{})
}

// makeRoom deletes what is too old, and what must go so that size bytes fit
// into most, and with telemetry so that they leave the reserve free. The newest
// segment stays, whatever is in it.
func (l *Log) makeRoom(size, most int64, telemetry bool) error {
	for {
		short := int64(0)
		if telemetry {
			short = l.short(size)
		}
		l.mu.Lock()
		full := l.total+size+segmentHeader > most
		several := len(l.segments) > 1
		aged := several && l.opt.MaxAge > 0 && l.now-l.segments[1].created > l.opt.MaxAge.Milliseconds()
		who, kept := l.slowest()
		free := several && kept+1 >= l.segments[1].base
		head, total := l.head, l.total
		l.mu.Unlock()
		if free && (full || aged || short > 0) {
			err := l.drop()
			if err == nil {
				continue
			}
			if full {
				return err
			}
			l.logger.Warn("intake: delete an old segment", "err", err)
		}
		if short > 0 {
			return fmt.Errorf("append to the intake log: the disk is full: %d bytes are missing to the reserve that is kept for decisions and the audit trail; make room, or lower the retention: %w",
				short, fact.ErrBusy)
		}
		if full && several {
			return fmt.Errorf("append to the intake log: it holds %d bytes, its limit is %d, and %q has done with %d of %d records only: %w",
				total, most, who, kept, head, fact.ErrBusy)
		}
		return nil
	}
}

// short returns by how much the reserve would be touched by size bytes. A disk
// that does not say what it has is tried.
func (l *Log) short(size int64) int64 {
	if l.opt.Reserve < 0 {
		return 0
	}
	free, total, err := l.fs.Space()
	if err != nil {
		return 0
	}
	reserve := l.opt.Reserve
	if reserve == 0 {
		reserve = disk.Reserve(total)
	}
	return max(0, reserve-(free-size))
}

// slowest returns the consumer that is farthest behind; without any, everything
// counts as done with.
func (l *Log) slowest() (who string, seq uint64) {
	seq = l.head
	for c, s := range l.keep {
		if s < seq || who == "" {
			who, seq = c, min(s, seq)
		}
	}
	return who, seq
}

// drop deletes the oldest segment.
func (l *Log) drop() error {
	l.mu.Lock()
	seg := l.segments[0]
	l.mu.Unlock()
	if err := l.fs.Remove(seg.name()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("delete segment %s to make room: %w", seg.name(), err)
	}
	l.met.deleted.Inc()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.segments = slices.Clone(l.segments[1:])
	l.total -= seg.size
	return nil
}
