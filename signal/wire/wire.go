// Package wire reads protobuf messages field by field, without a schema and
// without trust.
//
// It answers one question: which field comes next, and where does it end? It
// neither allocates nor copies, checks every length against what is there, and
// never recurses, so that no input can make it use more than its own bytes.
//
// # Limits
//
// It follows generated Go decoders in what they forgive: numbers of up to ten
// bytes whose bits above 64 go lost, and groups in unknown fields.
package wire

import (
	"encoding/binary"
	"errors"
)

// Protobuf wire types.
const (
	Varint     = 0
	Fixed64    = 1
	Bytes      = 2
	groupStart = 3
	groupEnd   = 4
	Fixed32    = 5
)

// What can be wrong with a message.
var (
	errShort    = errors.New("it ends within a field")
	errVarint   = errors.New("a number is longer than 64 bits")
	errField    = errors.New("a field has no number")
	errWireType = errors.New("a field has a wire type that does not exist, or not its own")
)

// A Cursor reads the fields of one protobuf message. After an error nothing
// more is read.
type Cursor struct {
	buf []byte
	pos int // it moves, and not buf, because pointers are dear to move
	err error
}

// Over returns a cursor over the fields of buf.
func Over(buf []byte) Cursor { return Cursor{buf: buf} }

// Pos returns how many bytes were read.
func (c *Cursor) Pos() int { return c.pos }

// Seek goes to byte i, or to the end.
func (c *Cursor) Seek(i int) { c.pos = min(max(i, 0), len(c.buf)) }

// Err returns what was wrong, if something was.
func (c *Cursor) Err() error { return c.err }

// Fail stops the reading with an error, unless there was one before. It does
// nothing if err is nil.
func (c *Cursor) Fail(err error) {
	if err == nil {
		return
	}
	if c.err == nil {
		c.err = err
	}
	c.pos = len(c.buf)
}

// Next reads a tag. It returns false at the end of the message or an error.
func (c *Cursor) Next() (field int32, wire int, ok bool) {
	if c.pos >= len(c.buf) {
		return 0, 0, false
	}
	tag := c.Varint()
	field, wire = int32(tag>>3), int(tag&7)
	if c.err == nil && field <= 0 {
		c.Fail(errField)
	}
	return field, wire, c.err == nil
}

// Varint reads a number.
func (c *Cursor) Varint() uint64 {
	if c.pos < len(c.buf) && c.buf[c.pos] < 0x80 {
		c.pos++
		return uint64(c.buf[c.pos-1])
	}
	return c.longVarint()
}

// longVarint reads a number of several bytes. As generated decoders do, it takes
// ten and lets the bits above 64 go.
func (c *Cursor) longVarint() uint64 {
	var v uint64
	for i, b := range c.buf[c.pos:] {
		if i == binary.MaxVarintLen64 {
			c.Fail(errVarint)
			return 0
		}
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			c.pos += i + 1
			return v
		}
	}
	if len(c.buf)-c.pos >= binary.MaxVarintLen64 {
		c.Fail(errVarint)
		return 0
	}
	c.Fail(errShort)
	return 0
}

// Bytes reads the content of a length-delimited field. The result is part of
// the buffer.
func (c *Cursor) Bytes() []byte {
	n := c.Varint()
	if n > uint64(len(c.buf)-c.pos) {
		c.Fail(errShort)
		return nil
	}
	c.pos += int(n)
	return c.buf[c.pos-int(n) : c.pos : c.pos]
}

// Fixed64 reads eight bytes.
func (c *Cursor) Fixed64() uint64 {
	if len(c.buf)-c.pos < 8 {
		c.Fail(errShort)
		return 0
	}
	c.pos += 8
	return binary.LittleEndian.Uint64(c.buf[c.pos-8:])
}

// Skip passes over the value of a field that is not known.
func (c *Cursor) Skip(wire int) {
	for depth := 0; ; {
		switch wire {
		case Varint:
			c.Varint()
		case Fixed64:
			c.Fixed64()
		case Bytes:
			c.Bytes()
		case groupStart:
			depth++
		case groupEnd:
			depth--
		case Fixed32:
			if c.pos += 4; c.pos > len(c.buf) {
				c.Fail(errShort)
			}
		default:
			c.Fail(errWireType)
		}
		switch {
		case depth < 0:
			c.Fail(errWireType)
			return
		case depth == 0 || c.err != nil:
			return
		case c.pos >= len(c.buf):
			c.Fail(errShort)
			return
		}
		wire = int(c.Varint() & 7)
	}
}

// Want fails unless a known field has its own wire type.
func (c *Cursor) Want(wire, own int) bool {
	if wire != own {
		c.Fail(errWireType)
	}
	return wire == own
}

// More reports whether there is something left to read: what is in a packed
// field has no tags.
func (c *Cursor) More() bool { return c.err == nil && c.pos < len(c.buf) }
