package remotewrite

import (
	"fmt"
	"hash/maphash"
	"unicode/utf8"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/family"
	"github.com/steersman-ops/steersman/signal/wire"
)

// Fields of version 2's Request and TimeSeries.
const (
	v2Symbols = 4
	v2Series  = 5

	v2Refs      = 1
	v2Sample    = 2
	v2Histogram = 3
	v2Exemplar  = 4
	v2Metadata  = 5
)

// A symbol is one text of a request of version 2.
type symbol struct {
	text []byte
	hash uint64
	str  string // text, once a new series needs it
}

// A reading is one request of version 2 on its way in. The next request uses its
// memory again.
type reading struct {
	d       *decoder
	symbols []symbol
	refs    []uint32 // the label references of the series being read
	attrs   []uint32 // and of its exemplar
	size    int      // of the labels of all series, written out
	version uint32   // of the families
}

func (s *symbol) string() string {
	if s.str == "" {
		s.str = string(s.text)
	}
	return s.str
}

// pooledSymbols is the largest table that is kept for the next request.
const pooledSymbols = 1 << 16

// decode2 reads a request of version 2, as decode does one of version 1.
func (d *decoder) decode2(body []byte, newcomers *signal.Newcomers) (res result, ref *signal.Refusal) {
	res.newcomers = newcomers
	q, ok := d.readings.Get().(*reading)
	if !ok {
		q = &reading{d: d}
	}
	defer q.done()
	n, ref := q.count(body)
	res.tally.Receive(n.items())
	if ref != nil {
		return res, ref
	}
	res.series = make([]fact.Series, 0, n.series)
	points := make([]fact.Point, 0, n.samples)
	res.arena = newArena(n.histograms)
	q.version = d.known.families.now()
	c := wire.Over(body)
	for i := 0; ; {
		field, typ, ok := c.Next()
		if !ok {
			return res, nil
		}
		if field != v2Series {
			c.Skip(typ)
			continue
		}
		i++
		if points, ref = q.series(&res, i, c.Bytes(), points); ref != nil {
			return res, ref
		}
	}
}

// done forgets the request, whose bytes are others' from now on.
func (q *reading) done() {
	clear(q.symbols)
	if cap(q.symbols) <= pooledSymbols {
		q.symbols, q.refs, q.size = q.symbols[:0], q.refs[:0], 0
		q.d.readings.Put(q)
	}
}

// count reads the outer two levels of a request and takes up its symbols.
func (q *reading) count(body []byte) (n counts, ref *signal.Refusal) {
	lim := &q.d.limits
	c := wire.Over(body)
	for {
		field, typ, ok := c.Next()
		if !ok {
			break
		}
		switch field {
		case v2Symbols:
			if c.Want(typ, wire.Bytes) {
				if len(q.symbols) >= lim.Objects {
					return n, signal.Refuse(signal.TooMany, "request", fmt.Sprintf("more than %d symbols", lim.Objects), "lower max_samples_per_send or raise limits.objects")
				}
				text := c.Bytes()
				q.symbols = append(q.symbols, symbol{text: text, hash: maphash.Bytes(q.d.known.seed, text)})
			}
		case v2Series:
			if c.Want(typ, wire.Bytes) {
				n.series++
				c.Fail(n.countSeries2(c.Bytes()))
			}
		default:
			c.Skip(typ)
		}
	}
	if c.Err() != nil {
		return n, malformed2(n.series, c.Err().Error())
	}
	return n, n.check(lim)
}

func (n *counts) countSeries2(buf []byte) error {
	c := wire.Over(buf)
	for {
		field, typ, ok := c.Next()
		if !ok {
			return c.Err()
		}
		switch field {
		case v2Sample, v2Histogram, v2Exemplar:
			if !c.Want(typ, wire.Bytes) {
				continue
			}
			c.Bytes()
		default:
			c.Skip(typ)
		}
		switch field {
		case v2Sample:
			n.samples++
		case v2Histogram:
			n.histograms++
		case v2Exemplar:
			n.exemplars++
		}
	}
}

func malformed2(series int, what string) *signal.Refusal {
	return signal.Refuse(signal.Malformed, fmt.Sprintf("timeseries %d", series), "not the protobuf of io.prometheus.write.v2.Request: "+what, "send remote write 2.0, compressed with snappy's block format, and say so in Content-Type")
}

// series reads one TimeSeries, the i-th of its request, and appends its points
// to points.
func (q *reading) series(res *result, i int, buf []byte, points []fact.Point) ([]fact.Point, *signal.Refusal) {
	mark := res.mark(points)
	q.refs = q.refs[:0]
	var n counts
	var told metadata
	c := wire.Over(buf)
	for {
		field, typ, ok := c.Next()
		if !ok {
			break
		}
		switch field {
		case v2Refs:
			q.refs = q.readRefs(&c, typ, q.refs)
		case v2Sample:
			n.samples++
			p, err := sample(c.Bytes())
			c.Fail(err)
			points = append(points, p)
		case v2Histogram:
			n.histograms++
			c.Fail(res.arena.histogram(c.Bytes()))
		case v2Exemplar:
			n.exemplars++
			x, err := q.exemplar(c.Bytes())
			c.Fail(err)
			res.exemplars = append(res.exemplars, x)
		case v2Metadata:
			if c.Want(typ, wire.Bytes) {
				c.Fail(told.read(c.Bytes()))
			}
		default:
			c.Skip(typ)
		}
	}
	if c.Err() != nil {
		return points, malformed2(i, c.Err().Error())
	}
	s, ref := q.resolve(res, i, &told)
	return res.settle(i, s, ref, n, points, mark)
}

// readRefs appends label references to refs, packed or not, as many as a series
// may have and a few more, which are enough to refuse it.
func (q *reading) readRefs(c *wire.Cursor, typ int, refs []uint32) []uint32 {
	most := 2 * (q.d.limits.Labels + 1)
	take := func(v uint64) {
		if len(refs) < most {
			refs = append(refs, uint32(v))
		}
	}
	if typ == wire.Varint {
		take(c.Varint())
		return refs
	}
	if !c.Want(typ, wire.Bytes) {
		return refs
	}
	in := wire.Over(c.Bytes())
	for in.More() {
		take(in.Varint())
	}
	c.Fail(in.Err())
	return refs
}

// metadata is what version 2 tells with each series.
type metadata struct {
	typ        family.Type
	help, unit uint32
}

func (m *metadata) read(buf []byte) error {
	c := wire.Over(buf)
	for {
		field, typ, ok := c.Next()
		if !ok {
			return c.Err()
		}
		switch field {
		case 1, 3, 4:
			if !c.Want(typ, wire.Varint) {
				continue
			}
			switch v := c.Varint(); field {
			case 1:
				m.typ = family.Type(int32(v))
			case 3:
				m.help = uint32(v)
			case 4:
				m.unit = uint32(v)
			}
		default:
			c.Skip(typ)
		}
	}
}

// resolve returns the series that the label references name.
func (q *reading) resolve(res *result, i int, told *metadata) (series, *signal.Refusal) {
	if len(q.refs)%2 != 0 {
		return series{}, malformed2(i, "a label has no value")
	}
	hash := uint64(len(q.refs))
	for _, r := range q.refs {
		if int(r) >= len(q.symbols) {
			return series{}, q.dangling(i, r)
		}
		hash = (hash ^ q.symbols[r].hash) * 0x9e3779b97f4a7c15
		hash ^= hash >> 32
	}
	for _, r := range [...]uint32{told.help, told.unit} {
		if int(r) >= len(q.symbols) && r != 0 {
			return series{}, q.dangling(i, r)
		}
	}
	tells := told.typ != family.Unknown || told.help != 0 || told.unit != 0
	s, ok := q.d.known.find2(hash, q, tells)
	if !ok {
		l, ref := q.labels(i)
		if ref == nil {
			ref = res.newcomers.Take(l)
		}
		if ref != nil {
			return series{}, ref
		}
		s = q.d.known.add(hash, l)
	}
	if tells {
		q.declare(&s, told)
	}
	// A few bytes can refer to long texts again and again.
	if q.size += s.labels.Size(); q.size > q.d.limits.PlainBytes {
		ref := signal.Refuse(signal.TooLarge, "request", fmt.Sprintf("its labels are more than %d bytes when they are written out", q.d.limits.PlainBytes), "lower max_samples_per_send or raise limits.plain_bytes")
		return series{}, ref
	}
	return s, nil
}

func (q *reading) dangling(i int, symbol uint32) *signal.Refusal {
	return malformed2(i, fmt.Sprintf("it refers to symbol %d, and there are %d", symbol, len(q.symbols)))
}

// declare puts on s what its sender says of it. The same again costs nothing.
func (q *reading) declare(s *series, told *metadata) {
	most := q.d.limits.LabelValueBytes
	help, unit := cut(q.text(told.help), most), cut(q.text(told.unit), most)
	if is := s.declared; is != nil && is.told == told.typ && string(help) == is.help && string(unit) == is.unit {
		return
	}
	s.declared = q.d.known.families.tell(s.labels.Name(), told.typ, help, unit)
	q.d.known.redeclare(s)
}

// cut is [signal.Cut], and nothing for what is not UTF-8.
func cut(text []byte, most int) []byte {
	switch {
	case !utf8.Valid(text):
		return nil
	case len(text) > most:
		return []byte(signal.Cut(string(text), most))
	}
	return text
}

// text returns the symbol's text; of a request without symbols, 0 is nothing.
func (q *reading) text(ref uint32) []byte {
	if int(ref) >= len(q.symbols) {
		return nil
	}
	return q.symbols[ref].text
}

// labels makes and checks the labels of a series that is not known.
func (q *reading) labels(i int) (_ fact.Labels, ref *signal.Refusal) {
	at := fmt.Sprintf("timeseries %d", i)
	ls := make([]fact.Label, 0, len(q.refs)/2)
	for j := 0; j < len(q.refs); j += 2 {
		name, value := &q.symbols[q.refs[j]], &q.symbols[q.refs[j+1]]
		if len(name.text) > q.d.limits.LabelNameBytes || len(value.text) > q.d.limits.LabelValueBytes {
			return fact.Labels{}, q.d.checkSizes(at, string(name.text[:min(len(name.text), 60)]), len(name.text), len(value.text))
		}
		ls = append(ls, fact.Label{Name: name.string(), Value: value.string()})
	}
	return q.d.newLabels(at, ls)
}

// sameSymbols reports whether enc are the labels that the references name, in
// the same order.
func (q *reading) sameSymbols(enc string) bool {
	for _, r := range q.refs {
		text := q.symbols[r].text
		n, at := lengthOf(enc)
		if n != len(text) || n > len(enc)-at || enc[at:at+n] != string(text) {
			return false
		}
		enc = enc[at+n:]
	}
	return enc == ""
}

// lengthOf reads the length before a text in encoded labels, and returns where
// the text begins.
func lengthOf(enc string) (n, at int) {
	for i := 0; i < len(enc) && i < 4; i++ {
		n |= int(enc[i]&0x7f) << (7 * i)
		if enc[i] < 0x80 {
			return n, i + 1
		}
	}
	return -1, 0
}
