package wire

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// walk reads all fields of a message and returns what it saw.
func walk(buf []byte) (fields []int32, err error) {
	c := Over(buf)
	for {
		field, typ, ok := c.Next()
		if !ok {
			return fields, c.Err()
		}
		fields = append(fields, field)
		c.Skip(typ)
	}
}

func TestWalk(t *testing.T) {
	for _, tt := range []struct {
		name string
		buf  []byte
		want []int32
		err  error
	}{
		{name: "nothing"},
		{name: "a number", buf: []byte{0x08, 0x96, 0x01}, want: []int32{1}},
		{name: "eight bytes", buf: []byte{0x11, 1, 2, 3, 4, 5, 6, 7, 8}, want: []int32{2}},
		{name: "four bytes", buf: []byte{0x1d, 1, 2, 3, 4}, want: []int32{3}},
		{name: "text", buf: []byte{0x22, 2, 'a', 'b', 0x08, 1}, want: []int32{4, 1}},
		{name: "a group in a group", buf: []byte{0x0b, 0x13, 0x08, 1, 0x14, 0x0c, 0x10, 1}, want: []int32{1, 2}},
		{name: "a tag without a value", buf: []byte{0x08}, want: []int32{1}, err: errShort},
		{name: "text cut off", buf: []byte{0x22, 3, 'a', 'b'}, want: []int32{4}, err: errShort},
		{name: "text of more than all memory", buf: []byte{0x22, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, want: []int32{4}, err: errShort},
		{name: "four bytes cut off", buf: []byte{0x1d, 1, 2, 3}, want: []int32{3}, err: errShort},
		{name: "a number without end", buf: bytes.Repeat([]byte{0xff}, 11), err: errVarint},
		{name: "field zero", buf: []byte{0x00, 0x00}, err: errField},
		{name: "a type that does not exist", buf: []byte{0x0e}, want: []int32{1}, err: errWireType},
		{name: "the end of no group", buf: []byte{0x0c}, want: []int32{1}, err: errWireType},
		{name: "a group without end", buf: []byte{0x0b, 0x08, 1}, want: []int32{1}, err: errShort},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := walk(tt.buf)
			if err != tt.err || len(got) != len(tt.want) {
				t.Fatalf("fields %v, %v, want %v, %v", got, err, tt.want, tt.err)
			}
			for i := range got {
				if got[i] != tt.want[i] {
					t.Errorf("fields %v, want %v", got, tt.want)
				}
			}
		})
	}
}

// What protobuf's own library can walk, we walk alike.
func FuzzWalk(f *testing.F) {
	f.Add([]byte{0x08, 0x96, 0x01, 0x22, 2, 'a', 'b'})
	f.Add([]byte{0x0b, 0x08, 1, 0x0c})
	f.Fuzz(func(t *testing.T, buf []byte) {
		got, err := walk(buf)
		var want []int32
		for rest := buf; len(rest) > 0; {
			num, _, n := protowire.ConsumeField(rest)
			if n < 0 {
				return // it may be stricter: group numbers must match there
			}
			want, rest = append(want, int32(num)), rest[n:]
		}
		if err != nil || len(got) != len(want) {
			t.Fatalf("%x: fields %v, %v, want %v", buf, got, err, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%x: fields %v, want %v", buf, got, want)
			}
		}
	})
}
