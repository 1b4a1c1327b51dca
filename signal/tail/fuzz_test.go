package tail

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Read in pieces, with any size of buffer, a file has the lines that it has.
func FuzzLines(f *testing.F) {
	f.Add([]byte("one\ntwo\r\n\nlast"), uint8(3), uint8(5))
	f.Add([]byte("a line that is much too long for this\nnext\n"), uint8(4), uint8(1))
	f.Add(bytes.Repeat([]byte("x"), 100), uint8(8), uint8(0))
	f.Add([]byte("\n\r\n\r\r\n"), uint8(1), uint8(0))
	f.Fuzz(func(t *testing.T, text []byte, most, more uint8) {
		path := filepath.Join(t.TempDir(), "a.log")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		is, err := open(path)
		if err != nil || is == nil {
			t.Fatal(is, err)
		}
		defer is.f.Close()
		limit := int(most) + 1
		buf := make([]byte, limit+2+int(more))
		var got []string
		for before := int64(-1); is.read.offset != before; {
			before = is.read.offset
			if err := is.lines(buf, limit, true, func(line []byte) bool {
				got = append(got, cut(line, limit))
				return true
			}); err != nil {
				t.Fatal(err)
			}
		}
		want := oracle(text, limit)
		if !slices.Equal(got, want) || is.read.offset != int64(len(text)) {
			t.Errorf("%q in pieces of %d with lines of %d: read %q up to %d, want %q", text, len(buf), limit, got, is.read.offset, want)
		}
	})
}

// cut is what is compared of a line: of one that is too long the beginning.
func cut(line []byte, limit int) string {
	if len(line) > limit {
		return string(line[:limit]) + "…"
	}
	return string(line)
}

// oracle splits a text at its newlines.
func oracle(text []byte, limit int) (out []string) {
	parts := bytes.Split(text, []byte("\n"))
	if last := parts[len(parts)-1]; len(last) == 0 {
		parts = parts[:len(parts)-1]
	}
	for _, p := range parts {
		out = append(out, cut(bytes.TrimSuffix(p, []byte("\r")), limit))
	}
	return out
}
