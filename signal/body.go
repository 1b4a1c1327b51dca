package signal

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/golang/snappy"
)

// snappyMost is more than snappy's block format can expand anything: its
// longest copy turns three bytes into 64. A header that promises more lies.
const snappyMost = 22

// pooledBytes is the largest buffer that is kept for the next request.
const pooledBytes = 2 << 20

// A Body says how a request's body is to be read.
type Body struct {
	Most      int      // bytes on the wire; 0 means Limits.BodyBytes
	Limit     string   // yaml name of that limit, for the refusal; "" means body_bytes
	Encodings []string // that are taken: "", "gzip", "zstd", "snappy" (the block format of remote write)
	Default   string   // the encoding if the header names none
}

// Read reads the body of r within the limits and undoes its compression. The
// bytes are counted as in flight, and are the caller's, until free is called.
func (d *Doors) Read(w http.ResponseWriter, r *http.Request, b Body) (body []byte, free func(), ref *Refusal) {
	enc := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	switch enc {
	case "":
		enc = b.Default
	case "identity":
		enc = ""
	}
	if !slices.Contains(b.Encodings, enc) {
		return nil, nil, Refuse(Unsupported, "header Content-Encoding", fmt.Sprintf("encoding %q is not taken here", enc), "send "+list(b.Encodings))
	}
	if b.Most == 0 {
		b.Most, b.Limit = d.Limits.WithDefaults().BodyBytes, "body_bytes"
	}
	return d.Unpack(r.Context(), http.MaxBytesReader(w, r.Body, int64(b.Most)), r.ContentLength, enc, b)
}

// Unpack is [Doors.Read] for doors that do not speak HTTP, or not as such: it
// reads raw, which will be size bytes long (-1: not known), up to b.Most bytes
// of it, and undoes enc.
func (d *Doors) Unpack(ctx context.Context, raw io.Reader, size int64, enc string, b Body) (body []byte, free func(), ref *Refusal) {
	lim := d.Limits.WithDefaults()
	v := visitOf(ctx)
	mem := &hold{doors: d, who: v.sender, most: lim.InFlightBytes}
	defer func() {
		if ref != nil {
			mem.free()
		}
	}()
	packed, ref := mem.readAll(raw, b.Most, size, "body", b.Limit)
	d.Spend(ctx, len(packed))
	if ref != nil {
		return nil, nil, ref
	}
	switch enc {
	case "gzip":
		body, ref = mem.gunzip(packed, lim.PlainBytes)
	case "zstd":
		body, ref = mem.unzstd(packed, lim.PlainBytes)
	case "snappy":
		body, ref = mem.unsnap(packed, lim.PlainBytes)
	default:
		body = packed
	}
	return body, mem.free, ref
}

func list(encodings []string) string {
	var out []string
	for _, e := range encodings {
		if e == "" {
			e = "none"
		}
		out = append(out, e)
	}
	return strings.Join(out, " or ")
}

// hold is the memory of one request's body: counted as in flight while it is
// used, and kept for the next request afterwards.
type hold struct {
	doors *Doors
	who   string
	most  int
	used  []held
}

type held struct {
	buf     []byte
	counted int
}

// get returns an empty buffer with room for n bytes.
func (h *hold) get(n int) ([]byte, *Refusal) {
	if ref := h.doors.hold(h.who, n, h.most); ref != nil {
		return nil, ref
	}
	h.used = append(h.used, held{h.doors.buffer(n), n})
	return h.used[len(h.used)-1].buf, nil
}

// grow replaces the buffer that was got last by one with room for n bytes.
func (h *hold) grow(buf []byte, n int) ([]byte, *Refusal) {
	bigger, ref := h.get(n)
	if ref != nil {
		return nil, ref
	}
	bigger = append(bigger, buf...)
	last := len(h.used) - 2
	h.release(h.used[last])
	h.used = slices.Delete(h.used, last, last+1)
	return bigger, nil
}

func (h *hold) release(b held) {
	h.doors.bodies.give(h.who, int64(b.counted))
	h.doors.keep(b.buf)
}

func (h *hold) free() {
	for _, b := range h.used {
		h.release(b)
	}
	h.used = nil
}

// hold counts n bytes of a sender's request as in flight, until they are given
// back. It refuses if there would be more than most in all, or if this sender
// would have more than its share.
func (d *Doors) hold(who string, n, most int) *Refusal {
	switch d.bodies.take(who, int64(n), int64(most)) {
	case full:
		return Refuse(Busy, "", "the requests in flight fill the memory that is set aside for them", "send the same again in "+RetryAfter.String()+", or raise limits.in_flight_bytes")
	case greedy:
		return Refuse(Share, "", "the requests in flight of this sender fill its share of the memory that is set aside for them", "send fewer at a time, or raise limits.in_flight_bytes")
	}
	return nil
}

// buffer returns an empty buffer with room for n bytes, from the pool if it has
// one that is large enough.
func (d *Doors) buffer(n int) []byte {
	if p, ok := d.buffers.Get().(*[]byte); ok && cap(*p) >= n {
		return (*p)[:0]
	}
	return make([]byte, 0, n)
}

func (d *Doors) keep(buf []byte) {
	if cap(buf) <= pooledBytes {
		d.buffers.Put(&buf)
	}
}

// gunzipMost is what deflate can expand anything to at most, rounded up.
const gunzipMost = 1033

// gunzip undoes gzip. Its last four bytes tell the length of what is inside. If
// they tell of more than the limit, it is unpacked into nothing, to see whether
// that is true; so an honest bomb costs no memory, and one that lies no more
// than the limit.
func (h *hold) gunzip(raw []byte, most int) ([]byte, *Refusal) {
	const where = "body after gzip"
	zr, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, Refuse(Malformed, "body", "not gzip: "+err.Error(), "compress it with gzip, as the header says")
	}
	size := int64(binary.LittleEndian.Uint32(raw[len(raw)-4:])) // the header alone is 10 bytes
	if size <= int64(most) {
		return h.readAll(zr, most, min(size, int64(len(raw))*gunzipMost), where, "plain_bytes")
	}
	if n, err := io.CopyN(io.Discard, zr, int64(most)+1); err != nil {
		return nil, broken(where, int(n), err)
	}
	return nil, tooLarge(where, most, "plain_bytes")
}

func broken(where string, n int, err error) *Refusal {
	return Refuse(Malformed, where, fmt.Sprintf("broken after %d bytes: %v", n, err), "send it whole")
}

// believed is how many bytes are set aside on the word of a sender.
const believed = 256 << 10

// readAll reads up to most bytes and refuses at the first byte more. It grows
// its buffer by half, so that a bomb costs little more than the limit, and one
// that only announces its size costs nothing.
func (h *hold) readAll(r io.Reader, most int, size int64, where, limit string) ([]byte, *Refusal) {
	if size > int64(most) {
		return nil, tooLarge(where, most, limit)
	}
	start := 16 << 10
	if size >= 0 {
		start = max(min(int(size)+1, believed), 512) // one more, so that the end is seen without growing
	}
	buf, ref := h.get(start)
	if ref != nil {
		return nil, ref
	}
	for {
		if len(buf) == cap(buf) {
			more := min(cap(buf)+cap(buf)/2, most+1)
			if rest := int(size) + 1 - cap(buf); rest > 0 && rest <= 3*cap(buf) {
				more = int(size) + 1 // a quarter has come: the rest is believed
			}
			if buf, ref = h.grow(buf, more); ref != nil {
				return nil, ref
			}
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		var over *http.MaxBytesError
		switch {
		case len(buf) > most || errors.As(err, &over):
			return nil, tooLarge(where, most, limit)
		case err == io.EOF:
			return buf, nil
		case err != nil:
			return nil, broken(where, len(buf), err)
		}
	}
}

func tooLarge(where string, most int, limit string) *Refusal {
	return Refuse(TooLarge, where, fmt.Sprintf("more than %d bytes", most), "send smaller batches or raise limits."+limit)
}

// unsnap undoes snappy's block format. It believes the length in the header
// only as far as the body could possibly hold it.
func (h *hold) unsnap(raw []byte, most int) ([]byte, *Refusal) {
	n, err := snappy.DecodedLen(raw)
	switch {
	case err != nil:
		return nil, Refuse(Malformed, "body", "not snappy: "+err.Error(), "compress it with snappy's block format")
	case n > most:
		return nil, tooLarge("body after snappy", most, "plain_bytes")
	case n > snappyMost*len(raw):
		return nil, Refuse(Malformed, "body", fmt.Sprintf("its header promises %d bytes, which %d bytes of snappy cannot hold", n, len(raw)), "compress it with snappy's block format")
	}
	buf, ref := h.get(n)
	if ref != nil {
		return nil, ref
	}
	out, err := snappy.Decode(buf[:n], raw)
	if err != nil {
		return nil, Refuse(Malformed, "body", "not snappy: "+err.Error(), "compress it with snappy's block format")
	}
	return out, nil
}
