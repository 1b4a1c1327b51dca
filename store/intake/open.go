package intake

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/steersman-ops/steersman/store/disk"
)

// Open opens the log in dir, or begins one. It reads the newest segment through,
// cuts a torn tail off, and says so. Damaged content is never a reason to fail;
// a disk that does not answer is, and so is a log of a newer version.
func Open(dir string, opt Options) (*Log, error) {
	opt.fill()
	l := &Log{
		opt:     opt,
		fs:      opt.FS,
		ownFS:   opt.FS == nil,
		logger:  opt.Logger,
		work:    make(chan struct{}, 1),
		done:    make(chan struct{}),
		win:     window{limit: opt.WindowBytes},
		changed: make(chan struct{}),
		keep:    make(map[string]uint64),
		hurt:    quarantine{known: make(map[string]bool)},
	}
	l.met = newMetrics(l)
	for _, c := range opt.Consumers {
		l.keep[c] = 0
	}
	if err := l.start(dir); err != nil {
		if l.active != nil {
			err = errors.Join(err, l.active.Close())
		}
		if l.ownFS && l.fs != nil {
			err = errors.Join(err, l.fs.Close())
		}
		return nil, fmt.Errorf("open the intake log in %s: %w", dir, err)
	}
	go l.write()
	return l, nil
}

// start finds out where the log stands.
func (l *Log) start(dir string) (err error) {
	if l.fs == nil {
		if l.fs, err = disk.Open(dir); err != nil {
			return err
		}
	}
	if err := l.list(); err != nil {
		return err
	}
	if len(l.segments) > 0 {
		if err := l.recover(); err != nil {
			return err
		}
	}
	if l.opt.Registerer != nil {
		return l.opt.Registerer.Register(l.met)
	}
	return nil
}

// list reads the names and the headers of the segments.
func (l *Log) list() error {
	infos, err := l.fs.List()
	if err != nil {
		return err
	}
	for _, info := range infos {
		if isDamageName(info.Name) {
			l.hurt.known[info.Name] = true
			l.hurt.files++
		}
		seg, ok := parseName(info.Name)
		if !ok {
			continue
		}
		seg.size = info.Size
		if err := l.readSegmentHeader(&seg); err != nil {
			return err
		}
		l.segments = append(l.segments, seg)
	}
	slices.SortFunc(l.segments, func(a, b segment) int {
		if a.number < b.number {
			return -1
		}
		return 1
	})
	for _, seg := range l.segments {
		l.total += seg.size
		l.number = seg.number
		l.now = max(l.now, seg.created)
	}
	return nil
}

// readSegmentHeader learns when seg was begun. The rest of what the header says
// is in the name too.
func (l *Log) readSegmentHeader(seg *segment) (err error) {
	f, err := l.fs.OpenFile(seg.name(), os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := make([]byte, segmentHeader)
	n, err := f.ReadAt(h, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	version, created, ok := readHeader(h[:n])
	switch {
	case !ok && seg.size > segmentHeader:
		l.logger.Warn("intake: the header of a segment is damaged; its records are read all the same", "segment", seg.name())
	case ok && version != segmentVersion:
		return fmt.Errorf("segment %s is of format %d, this program knows %d: start the version that wrote it, or go back to a backup with `steersman restore FILE --data-dir DIR`", seg.name(), version, segmentVersion)
	}
	seg.created = created
	return nil
}

// recover reads the newest segment through, cuts a torn tail off, and makes sure
// that what it found is on the disk before anybody is told of it.
func (l *Log) recover() error {
	seg := &l.segments[len(l.segments)-1]
	f, err := l.fs.OpenFile(seg.name(), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	l.active = f
	end, final, err := l.scan(f, *seg)
	if err != nil {
		return fmt.Errorf("read segment %s: %w", seg.name(), err)
	}
	l.head = final.seq
	if err := l.trim(f, seg, end); err != nil {
		return fmt.Errorf("cut the torn tail off segment %s: %w", seg.name(), err)
	}
	l.renew(f, *seg, final)
	if err := f.Sync(); err != nil {
		return fmt.Errorf("flush segment %s: %w", seg.name(), err)
	}
	return l.fs.SyncDir()
}

// scan returns where the last whole record of the newest segment ends, and that
// record. Damage before that is counted; what comes after is the torn tail.
func (l *Log) scan(f disk.File, seg segment) (end int64, final found, err error) {
	s := newScanner(f, seg)
	end, final = segmentHeader, found{seq: s.last, off: segmentHeader}
	var doubtful []found // damaged, and no whole record after it yet
	for {
		rec, err := s.next()
		if errors.Is(err, io.EOF) {
			return end, final, nil
		}
		if err != nil {
			return 0, found{}, err
		}
		if rec.damaged {
			doubtful = append(doubtful, rec)
			continue
		}
		for _, bad := range doubtful {
			l.damaged(f, seg, bad, "checksum")
		}
		doubtful = doubtful[:0]
		end, final = rec.off+rec.length, rec
		final.payload = nil // it is the scanner's
	}
}

// renew writes the last group once more. If its flush failed and the process
// ended, the kernel may still show it and take it for clean, though it never
// reached the disk; the flush that follows would then do nothing.
func (l *Log) renew(f disk.File, seg segment, final found) {
	from := max(segmentHeader, min(final.off, seg.size-groupBytes))
	data := make([]byte, seg.size-from)
	_, err := f.ReadAt(data, from)
	if err == nil || errors.Is(err, io.EOF) {
		_, err = f.WriteAt(data, from)
	}
	if err != nil {
		l.logger.Warn("intake: write the newest records once more", "segment", seg.name(), "err", err)
	}
}

// trim cuts the newest segment at end. One that holds no record gets its header
// again, which may not have been written whole.
func (l *Log) trim(f disk.File, seg *segment, end int64) error {
	if torn := seg.size - end; torn > 0 {
		l.met.tornBytes.Add(float64(torn))
		l.logger.Warn("intake: cut off a torn tail: bytes after the last whole record, from a group that was being written",
			"segment", seg.name(), "bytes", torn, "last", l.head)
		l.saveTorn(f, *seg, found{off: end, length: torn})
		if err := f.Truncate(end); err != nil {
			return err
		}
	}
	if end == segmentHeader {
		if _, err := f.WriteAt(seg.header(), 0); err != nil {
			return err
		}
	}
	l.total += end - seg.size
	seg.size = end
	return nil
}

// saveTorn copies the torn tail unless it is nothing but zeros: its last record
// may have been damaged after it was acknowledged.
func (l *Log) saveTorn(f disk.File, seg segment, bad found) {
	head := make([]byte, min(bad.length, scanChunk))
	n, err := f.ReadAt(head, bad.off)
	if err != nil && !errors.Is(err, io.EOF) || len(bytes.Trim(head[:n], "\x00")) == 0 {
		return
	}
	l.hurt.mu.Lock()
	defer l.hurt.mu.Unlock()
	l.saveDamaged(f, damageName(seg, bad.off), bad)
}
