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
	r := &jsonReader{dec: json.NewDecoder(bytes.NewReader(body))}
	r.dec.UseNumber()
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

// jsonStream reads one stream. Its labels may come after its lines, which are
// then held until they come.
func (p *push) jsonStream(r *jsonReader) (ref *signal.Refusal) {
	var s *stream
	var held []entry
	refuse := func(got *signal.Refusal) {
		if got != nil && ref == nil {
			ref = got
			r.fail(errors.New("refused"))
		}
	}
	r.object(func(key string) {
		switch key {
		case "stream":
			if labels := r.labels(p.lim.LineFields); r.err == nil {
				s = p.begin(labels)
			}
		case "values":
			r.array(func() {
				e := r.entry(p.lim.LineFields)
				switch {
				case r.err != nil:
				case s != nil:
					refuse(p.add(s, e))
				case len(held) >= p.lim.Lines-p.received:
					p.received += len(held) + 1
					p.source(kind).Receive(len(held) + 1)
					refuse(p.full())
				default:
					held = append(held, e)
				}
			})
		default:
			r.skip()
		}
	})
	if r.err == nil && s == nil {
		s = p.begin(nil)
	}
	for _, e := range held {
		if s != nil && ref == nil {
			refuse(p.add(s, e))
		}
	}
	return ref
}

// jsonReader reads JSON without recursion and without building what is not
// wanted. After the first error it reads nothing more.
type jsonReader struct {
	dec *json.Decoder
	err error
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

// skip passes over a value, however deep.
func (r *jsonReader) skip() {
	for depth := 0; r.err == nil; {
		switch t := r.token(); t {
		case json.Delim('{'), json.Delim('['):
			depth++
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
