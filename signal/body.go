package signal

import (
	"bytes"
	"compress/gzip"
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

// Body reads a request's body within the limits and undoes its compression:
// "snappy" is the block format of remote write, "gzip" and none are taken by
// the others. The bytes stay counted as in flight until free is called.
func (d *Doors) Body(w http.ResponseWriter, r *http.Request, encodings ...string) (body []byte, free func(), ref *Refusal) {
	enc := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	if enc == "identity" {
		enc = ""
	}
	if !slices.Contains(encodings, enc) {
		return nil, nil, Refuse(Unsupported, "header Content-Encoding", fmt.Sprintf("encoding %q is not taken here", enc), "send "+list(encodings))
	}
	lim := d.Limits.WithDefaults()
	held := &hold{doors: d, most: int64(lim.InFlightBytes)}
	defer func() {
		if ref != nil {
			held.free()
		}
	}()
	raw, ref := readAll(http.MaxBytesReader(w, r.Body, int64(lim.BodyBytes)), lim.BodyBytes, r.ContentLength, held, "body", "body_bytes")
	if ref != nil {
		return nil, nil, ref
	}
	switch enc {
	case "gzip":
		zr, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			return nil, nil, Refuse(Malformed, "body", "not gzip: "+err.Error(), "compress it with gzip, as the header says")
		}
		body, ref = readAll(zr, lim.PlainBytes, -1, held, "body after gzip", "plain_bytes")
	case "snappy":
		body, ref = unsnap(raw, lim.PlainBytes, held)
	default:
		body = raw
	}
	return body, held.free, ref
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

// hold counts bytes as in flight.
type hold struct {
	doors *Doors
	most  int64
	bytes int64
}

func (h *hold) take(n int) *Refusal {
	if h.doors.inFlight.Add(int64(n)) > h.most {
		h.doors.inFlight.Add(-int64(n))
		return Refuse(Busy, "", "the requests in flight fill the memory that is set aside for them", "send the same again in "+RetryAfter.String()+", or raise doors.limits.in_flight_bytes")
	}
	h.bytes += int64(n)
	return nil
}

func (h *hold) free() {
	h.doors.inFlight.Add(-h.bytes)
	h.bytes = 0
}

// readAll reads up to most bytes and refuses at the first byte more. It grows
// its buffer by half, so that a bomb costs little more than the limit.
func readAll(r io.Reader, most int, size int64, held *hold, where, limit string) ([]byte, *Refusal) {
	if size > int64(most) {
		return nil, tooLarge(where, most, limit)
	}
	start := 16 << 10
	if size >= 0 {
		start = max(int(size)+1, 512) // one more, so that the end is seen without growing
	}
	if ref := held.take(start); ref != nil {
		return nil, ref
	}
	buf := make([]byte, 0, start)
	for {
		if len(buf) == cap(buf) {
			next := min(cap(buf)+cap(buf)/2, most+1)
			if ref := held.take(next - cap(buf)); ref != nil {
				return nil, ref
			}
			buf = append(make([]byte, 0, next), buf...)
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
			return nil, Refuse(Malformed, where, "broken after "+fmt.Sprint(len(buf))+" bytes: "+err.Error(), "send it whole")
		}
	}
}

func tooLarge(where string, most int, limit string) *Refusal {
	return Refuse(TooLarge, where, fmt.Sprintf("more than %d bytes", most), "send smaller batches or raise doors.limits."+limit)
}

// unsnap undoes snappy's block format. It believes the length in the header
// only as far as the body could possibly hold it.
func unsnap(raw []byte, most int, held *hold) ([]byte, *Refusal) {
	n, err := snappy.DecodedLen(raw)
	switch {
	case err != nil:
		return nil, Refuse(Malformed, "body", "not snappy: "+err.Error(), "compress it with snappy's block format")
	case n > most:
		return nil, tooLarge("body after snappy", most, "plain_bytes")
	case n > snappyMost*len(raw):
		return nil, Refuse(Malformed, "body", fmt.Sprintf("its header promises %d bytes, which %d bytes of snappy cannot hold", n, len(raw)), "compress it with snappy's block format")
	}
	if ref := held.take(n); ref != nil {
		return nil, ref
	}
	out, err := snappy.Decode(make([]byte, n), raw)
	if err != nil {
		return nil, Refuse(Malformed, "body", "not snappy: "+err.Error(), "compress it with snappy's block format")
	}
	return out, nil
}
