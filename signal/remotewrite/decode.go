package remotewrite

import (
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/wire"
)

// lastTime is the end of the year 9999: a sample beyond it, or before 1970, is
// not in milliseconds.
const lastTime = 253402300799999

// A decoder turns requests into series. It is safe for concurrent use.
type decoder struct {
	limits signal.Limits
	known  *known
}

func newDecoder(l signal.Limits) *decoder {
	l = l.WithDefaults()
	return &decoder{limits: l, known: newKnown(l.KnownSeries)}
}

// A result is what became of one request.
type result struct {
	series []fact.Series
	tally  signal.Tally
	first  *signal.Refusal // the first thing that was refused, exemplars aside
}

func (r *result) refuse(ref *signal.Refusal, n int) {
	if n == 0 {
		return
	}
	if r.first == nil {
		r.first = ref
	}
	r.tally.Refuse(ref, n)
}

// decode reads a request. If it returns a refusal, nothing of the request is
// taken; what is refused of single series and samples is in the result.
func (d *decoder) decode(body []byte) (res result, ref *signal.Refusal) {
	n, ref := d.count(body)
	res.tally.Receive(n.items())
	if ref != nil {
		return res, ref
	}
	res.series = make([]fact.Series, 0, n.series)
	points := make([]fact.Point, 0, n.samples)
	version := d.known.families.now()
	c := wire.Over(body)
	for i := 0; ; {
		field, typ, ok := c.Next()
		if !ok {
			return res, nil
		}
		if field != requestSeries {
			c.Skip(typ)
			continue
		}
		i++
		if points, ref = d.series(&res, i, c.Bytes(), points, version); ref != nil {
			return res, ref
		}
	}
}

// series reads one TimeSeries, the i-th of its request, and appends its points
// to points.
func (d *decoder) series(res *result, i int, buf []byte, points []fact.Point, version uint32) ([]fact.Point, *signal.Refusal) {
	raw, rest := labelRun(buf)
	start, c := len(points), wire.Over(rest)
	var n counts
	var late []byte // labels behind something else
	for {
		field, typ, ok := c.Next()
		if !ok {
			break
		}
		switch field {
		case seriesLabel:
			late = appendLabelField(late, c.Bytes())
		case seriesSample:
			n.samples++
			p, err := sample(c.Bytes())
			if err != nil {
				return points, malformed(i, err)
			}
			points = append(points, p)
		case seriesExemplar:
			n.exemplars++
			c.Bytes()
		case seriesHistogram:
			n.histograms++
			c.Bytes()
		default:
			c.Skip(typ)
		}
	}
	if late != nil {
		raw = append(append([]byte(nil), raw...), late...)
	}
	s, ref := d.resolve(i, raw, version)
	switch {
	case ref != nil && ref.Reason == signal.Malformed:
		return points, ref
	case ref != nil:
		res.refuse(ref, n.items())
		return points[:start], nil
	}
	points = res.sift(i, s.labels, points, start)
	res.refuseOthers(i, s.labels, n)
	if len(points) > start {
		res.series = append(res.series, s.with(points[start:len(points):len(points)]))
	}
	return points, nil
}

// with returns the series with points.
func (s *series) with(points []fact.Point) fact.Series {
	out := fact.Series{Labels: s.labels, Ref: s.ref, Points: points}
	if s.declared != nil {
		out.Type, out.Help, out.Unit = s.declared.typ, s.declared.help, s.declared.unit
	}
	return out
}

// sift takes the points out whose time cannot be one.
func (r *result) sift(i int, l fact.Labels, points []fact.Point, start int) []fact.Point {
	keep := start
	for _, p := range points[start:] {
		if p.T < 0 || p.T > lastTime {
			r.refuse(signal.Refuse(signal.BadTime, where(i, l), fmt.Sprintf("the time %d is no time in milliseconds since 1970", p.T), "send milliseconds"), 1)
			continue
		}
		points[keep] = p
		keep++
	}
	return points[:keep]
}

// refuseOthers refuses what is not a plain sample.
func (r *result) refuseOthers(i int, l fact.Labels, n counts) {
	if n.histograms > 0 {
		r.refuse(signal.Refuse(signal.Histogram, where(i, l), "native histograms are not taken", "set send_native_histograms: false, and scrape classic histograms too"), n.histograms)
	}
	if n.exemplars > 0 {
		r.tally.Refuse(signal.Refuse(signal.Exemplar, where(i, l), "exemplars are not taken", "set send_exemplars: false"), n.exemplars)
	}
}

func where(i int, l fact.Labels) string {
	return fmt.Sprintf("timeseries %d, %s", i, signal.Cut(l.String(), 200))
}

// labelRun returns the label fields that a TimeSeries begins with, and the
// rest. Every known sender writes all labels first.
func labelRun(buf []byte) (raw, rest []byte) {
	i := 0
	for i < len(buf) && buf[i] == 0x0a {
		n, at := lengthAt(buf, i+1)
		if n < 0 || n > len(buf)-at {
			break
		}
		i = at + n
	}
	return buf[:i], buf[i:]
}

func appendLabelField(buf, label []byte) []byte {
	buf = append(buf, 0x0a)
	for n := uint64(len(label)); ; n >>= 7 {
		if n < 0x80 {
			return append(append(buf, byte(n)), label...)
		}
		buf = append(buf, byte(n)|0x80)
	}
}

// sample reads one Sample.
func sample(buf []byte) (p fact.Point, err error) {
	c := wire.Over(buf)
	for {
		field, typ, ok := c.Next()
		if !ok {
			return p, c.Err()
		}
		switch field {
		case 1:
			if c.Want(typ, wire.Fixed64) {
				p.V = math.Float64frombits(c.Fixed64())
			}
		case 2:
			if c.Want(typ, wire.Varint) {
				p.T = int64(c.Varint())
			}
		default:
			c.Skip(typ)
		}
	}
}

// resolve returns the series that the label fields in raw name.
func (d *decoder) resolve(i int, raw []byte, version uint32) (series, *signal.Refusal) {
	hash := d.known.hash(raw)
	if s, ok := d.known.find(hash, raw, version); ok {
		return s, nil
	}
	l, ref := d.labels(i, raw)
	if ref != nil {
		return series{}, ref
	}
	return d.known.add(hash, l), nil
}

// labels reads label fields and checks them.
func (d *decoder) labels(i int, raw []byte) (_ fact.Labels, ref *signal.Refusal) {
	at := fmt.Sprintf("timeseries %d", i)
	text := string(raw) // the labels' strings are parts of this copy
	ls := make([]fact.Label, 0, 16)
	for c := wire.Over(raw); ; {
		if _, _, ok := c.Next(); !ok {
			break
		}
		body := c.Bytes()
		end := c.Pos()
		l, err := label(body, text[end-len(body):end])
		if err != nil {
			return fact.Labels{}, malformed(i, err)
		}
		if ref == nil {
			ref = d.checkLabel(at, l)
		}
		ls = append(ls, l)
	}
	if ref != nil {
		return fact.Labels{}, ref
	}
	if len(ls) > d.limits.Labels {
		return fact.Labels{}, signal.Refuse(signal.BadLabels, at, fmt.Sprintf("%d labels, the limit is %d", len(ls), d.limits.Labels), "drop labels with write_relabel_configs or raise limits.labels")
	}
	out, err := fact.NewLabels(ls)
	switch {
	case err != nil:
		return out, signal.Refuse(signal.BadLabels, at, err.Error(), "mend the labels at the sender")
	case out.Name() == "":
		return out, signal.Refuse(signal.BadLabels, at, signal.Cut(out.String(), 200)+" has no metric name", "send the label __name__")
	}
	return out, nil
}

// label reads one Label; text is the same bytes as a string.
func label(buf []byte, text string) (l fact.Label, err error) {
	c := wire.Over(buf)
	for {
		field, typ, ok := c.Next()
		if !ok {
			return l, c.Err()
		}
		if field != 1 && field != 2 {
			c.Skip(typ)
			continue
		}
		if !c.Want(typ, wire.Bytes) {
			continue
		}
		n := len(c.Bytes())
		end := c.Pos()
		if c.Err() != nil {
			continue
		}
		if field == 1 {
			l.Name = text[end-n : end]
		} else {
			l.Value = text[end-n : end]
		}
	}
}

func (d *decoder) checkLabel(at string, l fact.Label) *signal.Refusal {
	switch {
	case len(l.Name) > d.limits.LabelNameBytes:
		return signal.Refuse(signal.BadLabels, at, fmt.Sprintf("label name %q… is %d bytes long, the limit is %d", signal.Cut(l.Name, 40), len(l.Name), d.limits.LabelNameBytes), "rename it or raise limits.label_name_bytes")
	case len(l.Value) > d.limits.LabelValueBytes:
		return signal.Refuse(signal.BadLabels, fmt.Sprintf("%s, label %q", at, l.Name), fmt.Sprintf("its value is %d bytes long, the limit is %d", len(l.Value), d.limits.LabelValueBytes), "shorten it at the sender or raise limits.label_value_bytes")
	}
	return nil
}

func valid(list ...string) bool {
	for _, s := range list {
		if !utf8.ValidString(s) {
			return false
		}
	}
	return true
}
