package loki

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
)

// readJSON reads {"streams": [{"stream": {…}, "values": [["ns", "line", {…}], …]}]}
// token by token: nothing is built before it was counted.
func (p *push) readJSON(body []byte) *signal.Refusal {
	r := p.jsonReader(body)
	var ref *signal.Refusal
	r.object(func(key string) {
		if key != "streams" {
			r.skip()
			return
		}
		r.array(func() {
			if got := p.jsonStream(r); got != nil && ref == nil {
				ref = got
				r.fail(errors.New("refused"))
			}
		})
	})
	if ref != nil {
		return ref
	}
	if _, err := r.dec.Token(); r.err == nil && !errors.Is(err, io.EOF) {
		r.fail(errors.New("there is more after its end"))
	}
	return malformed(r.err)
}

// jsonStream reads one stream. Lines that come before its labels are passed over
// and read when those are known.
func (p *push) jsonStream(r *jsonReader) (ref *signal.Refusal) {
	var s *stream
	var early [][]byte
	r.object(func(key string) {
		switch {
		case key == "stream":
			if labels := r.labels(p.lim.LineFields); r.err == nil {
				s = p.begin(labels)
			}
		case key == "values" && s != nil:
			ref = first(ref, p.jsonLines(r, s))
		case key == "values":
			early = append(early, r.raw())
		default:
			r.skip()
		}
	})
	if r.err == nil && s == nil {
		s = p.begin(nil)
	}
	for _, body := range early {
		if r.err == nil {
			again := p.jsonReader(body)
			ref = first(ref, p.jsonLines(again, s))
			r.fail(again.err)
		}
	}
	return ref
}

// jsonLines reads the lines of a stream.
func (p *push) jsonLines(r *jsonReader, s *stream) (ref *signal.Refusal) {
	r.array(func() {
		e := r.entry(p.lim.LineFields)
		if r.err != nil {
			return
		}
		if ref = p.add(s, e); ref != nil {
			r.fail(errors.New("refused"))
		}
	})
	return ref
}

// jsonReader reads JSON without recursion and without building what is not
// wanted. After the first error it reads nothing more.
type jsonReader struct {
	body  []byte
	dec   *json.Decoder
	depth int // how deep what is skipped may be nested
	err   error
}

func (p *push) jsonReader(body []byte) *jsonReader {
	r := &jsonReader{body: body, dec: json.NewDecoder(bytes.NewReader(body)), depth: p.lim.Depth}
	r.dec.UseNumber()
	return r
}

func (r *jsonReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *jsonReader) token() json.Token {
	if r.err != nil {
		return nil
	}
	t, err := r.dec.Token()
	if err != nil {
		r.fail(err)
	}
	return t
}

// open reads the beginning of an object or a list. A null is an empty one.
func (r *jsonReader) open(want json.Delim) bool {
	switch t := r.token(); {
	case r.err != nil || t == nil:
		return false
	case t != want:
		r.fail(fmt.Errorf("%v stands where %v is wanted", t, want))
		return false
	}
	return true
}

func (r *jsonReader) more() bool { return r.err == nil && r.dec.More() }

// object calls fn with each key; fn reads the value.
func (r *jsonReader) object(fn func(key string)) {
	if !r.open('{') {
		return
	}
	for r.more() {
		key, _ := r.token().(string)
		fn(key)
	}
	r.token()
}

// array calls fn for each element; fn reads it.
func (r *jsonReader) array(fn func()) {
	if !r.open('[') {
		return
	}
	for r.more() {
		fn()
	}
	r.token()
}

// raw passes over the value of a key and returns it as it is written.
func (r *jsonReader) raw() []byte {
	from := r.dec.InputOffset()
	r.skip()
	if r.err != nil {
		return nil
	}
	return bytes.TrimLeft(r.body[from:r.dec.InputOffset()], ": \t\r\n")
}

// skip passes over a value.
func (r *jsonReader) skip() {
	for depth := 0; r.err == nil; {
		switch t := r.token(); t {
		case json.Delim('{'), json.Delim('['):
			if depth++; depth > r.depth {
				r.fail(fmt.Errorf("values are nested more than %d deep", r.depth))
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth <= 0 {
			return
		}
	}
}

// text reads a string, or a number as it is written.
func (r *jsonReader) text() string {
	switch t := r.token().(type) {
	case string:
		return t
	case json.Number:
		return t.String()
	case bool:
		return strconv.FormatBool(t)
	default:
		if r.err == nil {
			r.fail(fmt.Errorf("%v stands where a text is wanted", t))
		}
		return ""
	}
}

// labels reads an object of texts. One more than most is enough to have their
// line refused.
func (r *jsonReader) labels(most int) (out []fact.Label) {
	r.object(func(key string) {
		if v := r.text(); len(out) <= most {
			out = append(out, fact.Label{Name: key, Value: v})
		}
	})
	return out
}

// entry reads ["nanoseconds", "line"] or ["nanoseconds", "line", {…}].
func (r *jsonReader) entry(most int) (e entry) {
	n := 0
	r.array(func() {
		switch n++; n {
		case 1:
			at, err := strconv.ParseInt(r.text(), 10, 64)
			if err != nil {
				at = -1 // refused by line
			}
			e.at = at
		case 2:
			e.text = r.text()
		case 3:
			e.meta = r.labels(most)
		default:
			r.skip()
		}
	})
	if r.err == nil && n < 2 {
		r.fail(errors.New("a line is not [\"nanoseconds\", \"text\"]"))
	}
	return e
}
