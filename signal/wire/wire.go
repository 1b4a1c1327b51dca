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
	Buf []byte // what is left
	Err error
}

// Fail stops the reading with an error, unless there was one before.
func (c *Cursor) Fail(err error) {
	if c.Err == nil {
		c.Err = err
	}
	c.Buf = nil
}

// Next reads a tag. It returns false at the end of the message or an error.
func (c *Cursor) Next() (field int32, wire int, ok bool) {
	if len(c.Buf) == 0 {
		return 0, 0, false
	}
	tag := c.Varint()
	field, wire = int32(tag>>3), int(tag&7)
	if c.Err == nil && field <= 0 {
		c.Fail(errField)
	}
	return field, wire, c.Err == nil
}

// Varint reads a number.
func (c *Cursor) Varint() uint64 {
	if len(c.Buf) > 0 && c.Buf[0] < 0x80 {
		v := c.Buf[0]
		c.Buf = c.Buf[1:]
		return uint64(v)
	}
	// As generated decoders do, take ten bytes and let the bits above 64 go.
	var v uint64
	for i := range c.Buf {
		if i == binary.MaxVarintLen64 {
			c.Fail(errVarint)
			return 0
		}
		v |= uint64(c.Buf[i]&0x7f) << (7 * i)
		if c.Buf[i] < 0x80 {
			c.Buf = c.Buf[i+1:]
			return v
		}
	}
	if len(c.Buf) >= binary.MaxVarintLen64 {
		c.Fail(errVarint)
		return 0
	}
	c.Fail(errShort)
	return 0
}

// Bytes reads the content of a length-delimited field. The result is part of the buffer.
func (c *Cursor) Bytes() []byte {
	n := c.Varint()
	if n > uint64(len(c.Buf)) {
		c.Fail(errShort)
		return nil
	}
	out := c.Buf[:n]
	c.Buf = c.Buf[n:]
	return out
}

// Fixed64 reads eight bytes.
func (c *Cursor) Fixed64() uint64 {
	if len(c.Buf) < 8 {
		c.Fail(errShort)
		return 0
	}
	v := binary.LittleEndian.Uint64(c.Buf)
	c.Buf = c.Buf[8:]
	return v
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
			if len(c.Buf) < 4 {
				c.Fail(errShort)
				return
			}
			c.Buf = c.Buf[4:]
		default:
			c.Fail(errWireType)
		}
		switch {
		case depth < 0:
			c.Fail(errWireType)
			return
		case depth == 0 || c.Err != nil:
			return
		case len(c.Buf) == 0:
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
