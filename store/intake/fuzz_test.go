package intake

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"testing"

	"github.com/steersman-ops/steersman/fact"
)

// FuzzScan reads arbitrary bytes as a segment: it must end, its stretches must
// follow one another without overlap, and what it calls whole must be whole.
func FuzzScan(f *testing.F) {
	seg := segment{number: 1, base: 5, salt: 0xabad1dea}
	good := seg.header()
	for seq := seg.base; seq < 9; seq++ {
		good = append(good, record(seq, seg.salt, AppendBatch(nil, &fact.Batch{Source: "s", Received: int64(seq)}))...)
	}
	f.Add(good)
	f.Add(append(bytes.Clone(good[:60]), good[61:]...))
	f.Add(append(bytes.Clone(good), make([]byte, 100)...))
	f.Add([]byte(recordMarker + recordMarker))
	f.Fuzz(func(t *testing.T, data []byte) {
		seg.size = int64(len(data))
		s := newScanner(bytes.NewReader(data), seg)
		at, last := int64(segmentHeader), seg.base-1
		for {
			rec, err := s.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if rec.off != at || rec.length < 0 || rec.length == 0 && !rec.damaged {
				t.Fatalf("stretch at %d of %d bytes, the one before ended at %d", rec.off, rec.length, at)
			}
			at += rec.length
			if rec.damaged {
				continue
			}
			if rec.seq <= last {
				t.Fatalf("record %d after %d", rec.seq, last)
			}
			last = rec.seq
			if !bytes.Equal(record(rec.seq, seg.salt, rec.payload), data[rec.off:rec.off+rec.length]) {
				t.Fatalf("record %d is not what is in the file", rec.seq)
			}
		}
		if at != max(seg.size, segmentHeader) {
			t.Fatalf("it ended at %d of %d", at, seg.size)
		}
	})
}

func record(seq uint64, salt uint32, payload []byte) []byte {
	out := append(make([]byte, recordHeader), payload...)
	recordHead{length: uint32(len(payload)), sum: crc32.Checksum(payload, castagnoli()), seq: seq}.put(out, salt)
	return out
}

// A payload that holds a whole record must not be taken for one, even when the
// header before it is damaged: it cannot know the salt.
func TestPayloadCannotHoldARecord(t *testing.T) {
	seg := segment{number: 1, base: 1, salt: 12345}
	inner := record(2, 54321, []byte("forged"))
	data := append(seg.header(), record(1, seg.salt, append(inner, make([]byte, 100)...))...)
	data = append(data, record(2, seg.salt, []byte("true"))...)
	data[segmentHeader+5] ^= 1
	seg.size = int64(len(data))
	s := newScanner(bytes.NewReader(data), seg)
	if bad, err := s.next(); err != nil || !bad.damaged || bad.lost != 1 {
		t.Errorf("the damaged record: %+v, %v", bad, err)
	}
	if rec, err := s.next(); err != nil || rec.seq != 2 || string(rec.payload) != "true" {
		t.Errorf("the record after it: %+v, %v", rec, err)
	}
}

func TestNames(t *testing.T) {
	seg := segment{number: 7, base: 4211, salt: 0x9c0ffee1}
	if got, ok := parseName(seg.name()); !ok || got != seg {
		t.Errorf("%s came back as %+v, %v", seg.name(), got, ok)
	}
	for _, name := range []string{
		"", "lock", "000000000007-00000000000000004211-9c0ffee1.seg.new", "7-4211-9c0ffee1.seg", "000000000007-00000000000000000000-9c0ffee1.seg",
		"000000000007-00000000000000004211-9C0FFEE1.seg", "000000000007-00000000000000004211.seg", "000000000007-00000000000000004211-at-3.damaged",
	} {
		if seg, ok := parseName(name); ok {
			t.Errorf("%q is taken for segment %+v", name, seg)
		}
	}
}
