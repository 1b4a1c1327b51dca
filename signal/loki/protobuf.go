package loki

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/wire"
)

// readProtobuf reads a logproto.PushRequest:
//
//	PushRequest      { repeated Stream streams = 1 }
//	Stream           { string labels = 1; repeated Entry entries = 2 }
//	Entry            { Timestamp timestamp = 1; string line = 2; repeated LabelPair structuredMetadata = 3 }
//	Timestamp        { int64 seconds = 1; int32 nanos = 2 }
//	LabelPair        { string name = 1; string value = 2 }
func (p *push) readProtobuf(body []byte) (ref *signal.Refusal) {
	c := wire.Over(body)
	for {
		field, typ, ok := c.Next()
		switch {
		case !ok:
			return malformed(c.Err())
		case field != 1:
			c.Skip(typ)
		case c.Want(typ, wire.Bytes):
			if ref := p.stream(c.Bytes()); ref != nil {
				return ref
			}
		}
	}
}

func malformed(err error) *signal.Refusal {
	if err == nil {
		return nil
	}
	return signal.Refuse(signal.Malformed, "body", "not a Loki push request: "+signal.Cut(err.Error(), 300), "send Loki's JSON, or its protobuf with snappy, as the content type says")
}

// stream reads one stream, its labels first, wherever they are.
func (p *push) stream(msg []byte) *signal.Refusal {
	text := ""
	for c := wire.Over(msg); ; {
		field, typ, ok := c.Next()
		if !ok {
			if c.Err() != nil {
				return malformed(c.Err())
			}
			break
		}
		if field == 1 && c.Want(typ, wire.Bytes) {
			text = string(c.Bytes())
		} else if field != 1 {
			c.Skip(typ)
		}
	}
	labels, err := parseLabels(text, p.lim.LineFields)
	if err != nil {
		return malformed(err)
	}
	s := p.begin(labels)
	for c := wire.Over(msg); ; {
		field, typ, ok := c.Next()
		switch {
		case !ok:
			return malformed(c.Err())
		case field != 2:
			c.Skip(typ)
		case c.Want(typ, wire.Bytes):
			e, err := readEntry(c.Bytes(), p.lim.LineFields)
			if err != nil {
				return malformed(err)
			}
			if ref := p.add(s, e); ref != nil {
				return ref
			}
		}
	}
}

// readEntry reads one line. One more field than most is enough to have it
// refused.
func readEntry(msg []byte, most int) (e entry, err error) {
	for c := wire.Over(msg); ; {
		field, typ, ok := c.Next()
		switch {
		case !ok:
			return e, c.Err()
		case field < 1 || field > 3:
			c.Skip(typ)
		case !c.Want(typ, wire.Bytes):
		case field == 1:
			e.at, err = readTime(c.Bytes())
		case field == 2:
			e.text = string(c.Bytes())
		default:
			var l fact.Label
			if l, err = readPair(c.Bytes()); len(e.meta) <= most {
				e.meta = append(e.meta, l)
			}
		}
		if err != nil {
			return e, err
		}
	}
}

// readTime returns -1 for a time that does not fit.
func readTime(msg []byte) (int64, error) {
	var sec, nanos int64
	for c := wire.Over(msg); ; {
		field, typ, ok := c.Next()
		switch {
		case !ok:
			if sec < 0 || sec > math.MaxInt64/int64(time.Second)-1 || nanos < 0 || nanos >= int64(time.Second) {
				return -1, c.Err()
			}
			return sec*int64(time.Second) + nanos, c.Err()
		case field != 1 && field != 2:
			c.Skip(typ)
		case !c.Want(typ, wire.Varint):
		case field == 1:
			sec = int64(c.Varint())
		default:
			nanos = int64(c.Varint())
		}
	}
}

func readPair(msg []byte) (l fact.Label, err error) {
	for c := wire.Over(msg); ; {
		field, typ, ok := c.Next()
		switch {
		case !ok:
			return l, c.Err()
		case field != 1 && field != 2:
			c.Skip(typ)
		case !c.Want(typ, wire.Bytes):
		case field == 1:
			l.Name = string(c.Bytes())
		default:
			l.Value = string(c.Bytes())
		}
	}
}

// parseLabels reads {name="value", name="value"}, with Go's escapes, as Loki's
// clients write it. One more than most is enough to have their lines refused.
func parseLabels(s string, most int) ([]fact.Label, error) {
	inner, ok := strings.CutPrefix(strings.TrimSpace(s), "{")
	if inner, ok = cutSuffix(inner, "}", ok); !ok {
		return nil, fmt.Errorf("labels %q are not in braces", signal.Cut(s, 100))
	}
	var out []fact.Label
	for rest := strings.TrimSpace(inner); rest != ""; {
		name, value, ok := strings.Cut(rest, "=")
		if !ok {
			return nil, fmt.Errorf("labels %q: a label has no value", signal.Cut(s, 100))
		}
		text, after, err := quoted(strings.TrimSpace(value))
		if err != nil {
			return nil, fmt.Errorf("labels %q: %w", signal.Cut(s, 100), err)
		}
		if len(out) <= most {
			out = append(out, fact.Label{Name: strings.TrimSpace(name), Value: text})
		}
		rest = strings.TrimSpace(after)
		if rest != "" {
			if rest, ok = strings.CutPrefix(rest, ","); !ok {
				return nil, fmt.Errorf("labels %q: a comma is missing", signal.Cut(s, 100))
			}
			rest = strings.TrimSpace(rest)
		}
	}
	return out, nil
}

func cutSuffix(s, suffix string, ok bool) (string, bool) {
	s, found := strings.CutSuffix(s, suffix)
	return s, ok && found
}

// quoted takes a quoted text off s.
func quoted(s string) (text, rest string, err error) {
	prefix, err := strconv.QuotedPrefix(s)
	if err != nil {
		return "", "", errors.New("a value is not in quotes")
	}
	text, err = strconv.Unquote(prefix)
	return text, s[len(prefix):], err
}
