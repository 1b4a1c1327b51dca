package remotewrite

import (
	"encoding/binary"
	"errors"
)

// Protobuf wire types.
const (
	wireVarint     = 0
	wireFixed64    = 1
	wireBytes      = 2
	wireGroupStart = 3
	wireGroupEnd   = 4
	wireFixed32    = 5
)

var (
	errShort    = errors.New("it ends within a field")
	errVarint   = errors.New("a number is longer than 64 bits")
	errField    = errors.New("a field has no number")
	errWireType = errors.New("a field has a wire type that does not exist, or not its own")
)

// A cursor reads the fields of one protobuf message. After an error nothing
// more is read.
type cursor struct {
	buf []byte
	err error
}

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.buf = nil
}

// next reads a tag. It returns false at the end of the message or an error.
func (c *cursor) next() (field int32, wire int, ok bool) {
	if len(c.buf) == 0 {
		return 0, 0, false
	}
	tag := c.varint()
	field, wire = int32(tag>>3), int(tag&7)
	if c.err == nil && field <= 0 {
		c.fail(errField)
	}
	return field, wire, c.err == nil
}

func (c *cursor) varint() uint64 {
	if len(c.buf) > 0 && c.buf[0] < 0x80 {
		v := c.buf[0]
		c.buf = c.buf[1:]
		return uint64(v)
	}
	// As generated decoders do, take ten bytes and let the bits above 64 go.
	var v uint64
	for i := range c.buf {
		if i == binary.MaxVarintLen64 {
			c.fail(errVarint)
			return 0
		}
		v |= uint64(c.buf[i]&0x7f) << (7 * i)
		if c.buf[i] < 0x80 {
			c.buf = c.buf[i+1:]
			return v
		}
	}
	if len(c.buf) >= binary.MaxVarintLen64 {
		c.fail(errVarint)
		return 0
	}
	c.fail(errShort)
	return 0
}

// bytes reads a length-delimited field. The result is part of the buffer.
func (c *cursor) bytes() []byte {
	n := c.varint()
	if n > uint64(len(c.buf)) {
		c.fail(errShort)
		return nil
	}
	out := c.buf[:n]
	c.buf = c.buf[n:]
	return out
}

func (c *cursor) fixed64() uint64 {
	if len(c.buf) < 8 {
		c.fail(errShort)
		return 0
	}
	v := binary.LittleEndian.Uint64(c.buf)
	c.buf = c.buf[8:]
	return v
}

// skip passes over the value of a field that is not known.
func (c *cursor) skip(wire int) {
	for depth := 0; ; {
		switch wire {
		case wireVarint:
			c.varint()
		case wireFixed64:
			c.fixed64()
		case wireBytes:
			c.bytes()
		case wireGroupStart:
			depth++
		case wireGroupEnd:
			depth--
		case wireFixed32:
			if len(c.buf) < 4 {
				c.fail(errShort)
				return
			}
			c.buf = c.buf[4:]
		default:
			c.fail(errWireType)
		}
		switch {
		case depth < 0:
			c.fail(errWireType)
			return
		case depth == 0 || c.err != nil:
			return
		case len(c.buf) == 0:
			c.fail(errShort)
			return
		}
		wire = int(c.varint() & 7)
	}
}

// want fails unless a known field has its own wire type.
func (c *cursor) want(wire, own int) bool {
	if wire != own {
		c.fail(errWireType)
	}
	return wire == own
}
