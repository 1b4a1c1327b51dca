package remotewrite

import (
	"math"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/wire"
)

// exemplar reads one Exemplar. Without labels, or if they cannot be some, its
// Attrs are the zero value. Its error is of the encoding.
func exemplar(buf []byte) (x fact.Exemplar, err error) {
	var ls []fact.Label
	c := wire.Over(buf)
	for {
		field, typ, ok := c.Next()
		if !ok {
			break
		}
		if field != 1 {
			exemplarValue(&c, field, typ, &x)
			continue
		}
		if !c.Want(typ, wire.Bytes) {
			continue
		}
		body := c.Bytes()
		l, err := label(body, string(body))
		c.Fail(err)
		if len(ls) <= fact.MaxExemplarAttrs { // one more is too many
			ls = append(ls, l)
		}
	}
	x.Attrs = signal.ExemplarAttrs(ls)
	return x, c.Err()
}

// exemplarValue reads a field that is the same in both versions.
func exemplarValue(c *wire.Cursor, field int32, typ int, x *fact.Exemplar) {
	switch field {
	case 2:
		if c.Want(typ, wire.Fixed64) {
			x.V = math.Float64frombits(c.Fixed64())
		}
	case 3:
		if c.Want(typ, wire.Varint) {
			x.T = int64(c.Varint())
		}
	default:
		c.Skip(typ)
	}
}

// exemplar reads one Exemplar of version 2, whose labels are symbols. References
// to what is not there leave it without.
func (q *reading) exemplar(buf []byte) (x fact.Exemplar, err error) {
	q.attrs = q.attrs[:0]
	c := wire.Over(buf)
	for {
		field, typ, ok := c.Next()
		if !ok {
			break
		}
		if field == v2Refs {
			q.attrs = q.readRefs(&c, typ, q.attrs)
			continue
		}
		exemplarValue(&c, field, typ, &x)
	}
	if c.Err() != nil || len(q.attrs)%2 != 0 {
		return x, c.Err()
	}
	var ls []fact.Label
	for j := 0; j < len(q.attrs); j += 2 {
		name, value := q.attrs[j], q.attrs[j+1]
		if int(name) >= len(q.symbols) || int(value) >= len(q.symbols) {
			return x, nil
		}
		if size := len(q.symbols[name].text) + len(q.symbols[value].text); size > 4*fact.MaxExemplarAttrs {
			return x, nil // not worth writing out
		}
		ls = append(ls, fact.Label{Name: string(q.symbols[name].text), Value: string(q.symbols[value].text)})
	}
	x.Attrs = signal.ExemplarAttrs(ls)
	return x, nil
}
