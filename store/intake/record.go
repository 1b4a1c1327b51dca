package intake

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// The layout of a segment; docs/formats/intake.md draws it.
const (
	segmentMagic   = "SMINTAKE"
	segmentVersion = 1
	segmentHeader  = 32
	recordHeader   = 24
	recordMarker   = "\xf5rec"
)

// castagnoli returns the table of CRC-32C. The standard library makes it once.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// segment is one file of the log. Its name holds what reading it needs, so
// that no flipped bit in the file can make the rest of it unreadable.
type segment struct {
	number  uint64 // counts the files ever made in the directory
	base    uint64 // the first sequence number that may be in it
	salt    uint32 // mixed into the header checksums, so that no payload can hold a record
	created int64  // Received of the batch that opened it
	size    int64  // bytes that were acknowledged
}

func (s segment) name() string { return fmt.Sprintf("%012d-%020d-%08x.seg", s.number, s.base, s.salt) }

// parseName is the way back from name.
func parseName(name string) (segment, bool) {
	parts := strings.Split(strings.TrimSuffix(name, ".seg"), "-")
	if len(parts) != 3 {
		return segment{}, false
	}
	number, err1 := strconv.ParseUint(parts[0], 10, 64)
	base, err2 := strconv.ParseUint(parts[1], 10, 64)
	salt, err3 := strconv.ParseUint(parts[2], 16, 32)
	s := segment{number: number, base: base, salt: uint32(salt)}
	return s, err1 == nil && err2 == nil && err3 == nil && base > 0 && s.name() == name
}

// header returns the 32 bytes at the head of the file.
func (s segment) header() []byte {
	h := make([]byte, 0, segmentHeader)
	h = append(h, segmentMagic...)
	h = binary.LittleEndian.AppendUint32(h, segmentVersion)
	h = binary.LittleEndian.AppendUint64(h, s.base)
	h = binary.LittleEndian.AppendUint64(h, uint64(s.created))
	return binary.LittleEndian.AppendUint32(h, crc32.Checksum(h, castagnoli()))
}

// readHeader returns the version and the time in h, and whether h is whole.
func readHeader(h []byte) (version uint32, created int64, ok bool) {
	if len(h) < segmentHeader || string(h[:8]) != segmentMagic ||
		binary.LittleEndian.Uint32(h[28:]) != crc32.Checksum(h[:28], castagnoli()) {
		return 0, 0, false
	}
	return binary.LittleEndian.Uint32(h[8:]), int64(binary.LittleEndian.Uint64(h[20:])), true
}

// recordHead is the header of one record.
type recordHead struct {
	length uint32
	sum    uint32 // CRC-32C of the payload
	seq    uint64
}

// put writes the header over the first bytes of dst.
func (h recordHead) put(dst []byte, salt uint32) {
	copy(dst, recordMarker)
	binary.LittleEndian.PutUint32(dst[4:], h.length)
	binary.LittleEndian.PutUint64(dst[8:], h.seq)
	binary.LittleEndian.PutUint32(dst[16:], h.sum)
	binary.LittleEndian.PutUint32(dst[20:], crc32.Update(salt, castagnoli(), dst[:20]))
}

// parseHead reads a header and reports whether it is one.
func parseHead(b []byte, salt uint32) (recordHead, bool) {
	if len(b) < recordHeader || !bytes.HasPrefix(b, []byte(recordMarker)) ||
		binary.LittleEndian.Uint32(b[20:]) != crc32.Update(salt, castagnoli(), b[:20]) {
		return recordHead{}, false
	}
	return recordHead{
		length: binary.LittleEndian.Uint32(b[4:]),
		seq:    binary.LittleEndian.Uint64(b[8:]),
		sum:    binary.LittleEndian.Uint32(b[16:]),
	}, true
}
