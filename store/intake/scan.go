package intake

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io"
)

// scanChunk is how much is read at a time.
const scanChunk = 256 << 10

// scanner reads the records of one segment in order and steps over what is
// damaged.
type scanner struct {
	f    io.ReaderAt
	salt uint32
	base uint64
	off  int64  // the next byte to look at
	end  int64  // where what is to be read ends
	last uint64 // the newest sequence number seen; base - 1 at the start

	buf   []byte
	bufAt int64 // the offset of buf in the file
}

func newScanner(f io.ReaderAt, s segment) *scanner {
	return &scanner{f: f, salt: s.salt, base: s.base, off: segmentHeader, end: s.size, last: s.base - 1}
}

// found is a record, or a stretch that holds none.
type found struct {
	seq     uint64 // of the record; of a damaged one whose header is whole
	off     int64
	length  int64
	payload []byte // valid until the next call
	damaged bool
	lost    uint64 // how many records the damaged stretch held, as far as that can be told
}

// next returns what comes next, or io.EOF at the end. Another error is the
// disk's; damage is not an error.
func (s *scanner) next() (found, error) {
	if s.off >= s.end {
		return found{}, io.EOF
	}
	head, err := s.peek(s.off, recordHeader)
	if err != nil {
		return found{}, err
	}
	h, ok := parseHead(head, s.salt)
	whole := int64(recordHeader) + int64(h.length)
	if !ok || !s.plausible(h) || s.off+whole > s.end {
		return s.resync()
	}
	if h.seq > s.last+1 { // nothing is damaged, but some are not there
		out := found{off: s.off, damaged: true, lost: h.seq - s.last - 1}
		s.last = h.seq - 1
		return out, nil
	}
	b, err := s.peek(s.off, whole)
	if err != nil {
		return found{}, err
	}
	out := found{seq: h.seq, off: s.off, length: whole}
	if int64(len(b)) < whole || crc32.Checksum(b[recordHeader:], castagnoli()) != h.sum {
		out.damaged, out.lost = true, 1
	} else {
		out.payload = b[recordHeader:]
	}
	s.off += whole
	s.last = h.seq
	return out, nil
}

// plausible reports whether h can come next: its number is new, and not higher
// than it would be if the segment were full of empty records.
func (s *scanner) plausible(h recordHead) bool {
	return h.seq > s.last && h.seq <= s.base+uint64(s.end)/recordHeader
}

// resync looks for the next record header and returns the stretch before it as
// damaged.
func (s *scanner) resync() (found, error) {
	bad := found{off: s.off, damaged: true}
	for at := s.off + 1; ; {
		b, err := s.peek(at, scanChunk)
		if err != nil {
			return found{}, err
		}
		i := bytes.Index(b, []byte(recordMarker))
		if i < 0 {
			if at += int64(max(len(b)-len(recordMarker)+1, 1)); at >= s.end {
				bad.length = s.end - s.off
				s.off = s.end
				return bad, nil
			}
			continue
		}
		at += int64(i)
		head, err := s.peek(at, recordHeader)
		if err != nil {
			return found{}, err
		}
		if h, ok := parseHead(head, s.salt); ok && s.plausible(h) {
			bad.length, bad.lost = at-s.off, h.seq-s.last-1
			s.off, s.last = at, h.seq-1
			return bad, nil
		}
		at++
	}
}

// peek returns n bytes at off, fewer at the end.
func (s *scanner) peek(off, n int64) ([]byte, error) {
	n = min(n, s.end-off)
	if n <= 0 {
		return nil, nil
	}
	if i := off - s.bufAt; i >= 0 && i+n <= int64(len(s.buf)) {
		return s.buf[i : i+n], nil
	}
	want := min(max(n, scanChunk), s.end-off)
	if int64(cap(s.buf)) < want || cap(s.buf) > 16*scanChunk && want == scanChunk {
		s.buf = make([]byte, want)
	}
	got, err := s.f.ReadAt(s.buf[:want], off)
	if errors.Is(err, io.EOF) {
		s.end = off + int64(got) // the file is shorter than it was
		err = nil
	}
	s.buf, s.bufAt = s.buf[:got], off
	if err != nil {
		s.buf = s.buf[:0]
		return nil, err
	}
	return s.buf[:min(n, int64(got))], nil
}
