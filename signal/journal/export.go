package journal

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
)

const (
	bufferBytes  = 32 << 10
	longestName  = 512     // bytes of a field's name; journald takes 64
	longestField = 1 << 31 // bytes that a field in binary can claim; journald takes 768 MiB
)

// errFormat is wrapped when it is not known where the next field begins.
var errFormat = errors.New("not the journal export format")

// A decoder reads entries.
type decoder struct {
	r       *bufio.Reader
	fields  int // of an entry, that are kept
	message int // bytes of MESSAGE that are kept, and one more of one that is longer
	value   int // the same of others
}

func newDecoder(r io.Reader, lim *signal.Limits) *decoder {
	return &decoder{r: bufio.NewReaderSize(r, bufferBytes), fields: lim.LineFields + reserved, message: lim.LineBytes + 1, value: lim.LineFieldBytes + 1}
}

// reserved is how many fields an entry may have that do not become some of the
// line.
const reserved = 16

// more reports whether something is there that need not be waited for.
func (d *decoder) more() bool { return d.r.Buffered() > 0 }

// entry reads one entry into fields. It returns io.EOF when there is none any more.
// Dropped is how many fields it had beyond those that are kept.
func (d *decoder) entry(fields []fact.Label) (_ []fact.Label, dropped int, err error) {
	fields = fields[:0]
	for {
		f, err := d.field()
		switch {
		case errors.Is(err, io.EOF) && len(fields) > 0: // the last needs no empty line
			return fields, dropped, nil
		case err != nil:
			return nil, 0, err
		case f.Name == "" && len(fields) > 0:
			return fields, dropped, nil
		case f.Name == "": // one empty line more
		case len(fields) >= d.fields:
			dropped++
		default:
			fields = append(fields, f)
		}
	}
}

// field reads one field. Its name is empty at the end of an entry.
func (d *decoder) field() (f fact.Label, err error) {
	piece, err := d.r.ReadSlice('\n')
	switch {
	case errors.Is(err, io.EOF) && len(piece) == 0:
		return f, io.EOF
	case errors.Is(err, io.EOF):
		return f, fmt.Errorf("%w: the stream ends within a field", errFormat)
	case err != nil && !errors.Is(err, bufio.ErrBufferFull):
		return f, err
	case len(piece) == 1:
		return f, nil
	}
	whole := err == nil
	i := bytes.IndexByte(piece, '=')
	name := piece[:max(i, 0)]
	if i < 0 {
		name = bytes.TrimSuffix(piece, []byte("\n"))
	}
	if len(name) == 0 || len(name) > longestName || i < 0 && !whole {
		return f, fmt.Errorf("%w: a field's name is %d bytes long", errFormat, len(name))
	}
	f.Name = string(name)
	most := d.value
	if f.Name == "MESSAGE" {
		most = d.message
	}
	if i < 0 {
		f.Value, err = d.binary(f.Name, most)
	} else {
		f.Value, err = d.text(piece[i+1:], whole, most)
	}
	return f, err
}

// text reads the rest of a value that piece begins.
func (d *decoder) text(piece []byte, whole bool, most int) (string, error) {
	var kept []byte
	for {
		if whole {
			piece = piece[:len(piece)-1]
		}
		kept = append(kept, piece[:min(len(piece), most-len(kept))]...)
		if whole {
			return string(kept), nil
		}
		var err error
		piece, err = d.r.ReadSlice('\n')
		switch whole = err == nil; {
		case errors.Is(err, io.EOF):
			return "", fmt.Errorf("%w: the stream ends within a field", errFormat)
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return "", err
		}
	}
}

// binary reads a length, and a value of that many bytes.
func (d *decoder) binary(name string, most int) (string, error) {
	var head [8]byte
	if _, err := io.ReadFull(d.r, head[:]); err != nil {
		return "", within(name, err)
	}
	size := binary.LittleEndian.Uint64(head[:])
	if size > longestField {
		return "", fmt.Errorf("%w: field %q claims %d bytes", errFormat, name, size)
	}
	// What is kept grows with what comes, not with what is claimed.
	var kept bytes.Buffer
	if _, err := io.CopyN(&kept, d.r, int64(min(size, uint64(most)))); err != nil {
		return "", within(name, err)
	}
	if _, err := io.CopyN(io.Discard, d.r, int64(size)-int64(kept.Len())); err != nil {
		return "", within(name, err)
	}
	end, err := d.r.ReadByte()
	switch {
	case err != nil:
		return "", within(name, err)
	case end != '\n':
		return "", fmt.Errorf("%w: behind the %d bytes of field %q is no newline", errFormat, size, name)
	}
	return kept.String(), nil
}

// within says that a stream ended too early, if that is what it did.
func within(name string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: the stream ends within field %q", errFormat, name)
	}
	return err
}
