package remotewrite

import (
	"fmt"
	"math"
	"sync"
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
	limits   signal.Limits
	known    *known
	readings sync.Pool // of *reading
}

func newDecoder(l signal.Limits) *decoder {
	l = l.WithDefaults()
	return &decoder{limits: l, known: newKnown(l.KnownSeries)}
}

// A result is what became of one request.
type result struct {
	series     []fact.Series
	histograms []fact.HistogramSeries
	exemplars  []fact.Exemplar
	arena      arena
	tally      signal.Tally
	first      *signal.Refusal // the first thing that was refused, exemplars aside

	newcomers *signal.Newcomers // judges the series that were not known; nil: takes all
}

// native counts the native histograms among what is taken.
func (r *result) native() (n int64) {
	for i := range r.histograms {
		n += int64(len(r.histograms[i].Points))
	}
	return n
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

// decode reads a request. Series that are not remembered are judged by
// newcomers. If it returns a refusal, nothing of the request is
// taken; what is refused of single series and samples is in the result.
func (d *decoder) decode(body []byte, newcomers *signal.Newcomers) (res result, ref *signal.Refusal) {
	res.newcomers = newcomers
	n, ref := d.count(body)
	res.tally.Receive(n.items())
	if ref != nil {
		return res, ref
	}
	res.series = make([]fact.Series, 0, n.series)
	points := make([]fact.Point, 0, n.samples)
	res.arena = newArena(n.histograms)
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
	mark, c := res.mark(points), wire.Over(rest)
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
			x, err := exemplar(c.Bytes())
			if err != nil {
				return points, malformed(i, err)
			}
			res.exemplars = append(res.exemplars, x)
		case seriesHistogram:
			n.histograms++
			if err := res.arena.histogram(c.Bytes()); err != nil {
				return points, malformed(i, err)
			}
		default:
			c.Skip(typ)
		}
	}
	if late != nil {
		raw = append(append([]byte(nil), raw...), late...)
	}
	s, ref := d.resolve(res, i, raw, version)
	return res.settle(i, s, ref, n, points, mark)
}

// mark is where what one series holds begins.
type mark struct{ points, native, exemplars int }

func (r *result) mark(points []fact.Point) mark {
	return mark{len(points), len(r.arena.points), len(r.exemplars)}
}

// settle takes up the i-th series, unless ref refuses it, with what came since
// the mark. The refusal it returns is of the whole request.
func (r *result) settle(i int, s series, ref *signal.Refusal, n counts, points []fact.Point, from mark) ([]fact.Point, *signal.Refusal) {
	switch {
	case ref != nil && (ref.Reason == signal.Malformed || ref.Reason == signal.TooLarge):
		return points, ref
	case ref != nil:
		r.refuse(ref, n.items())
		r.arena.points = r.arena.points[:from.native]
		r.exemplars = r.exemplars[:from.exemplars]
		return points[:from.points], nil
	}
	points = r.sift(i, s.labels, points, from.points)
	if len(points) > from.points {
		r.series = append(r.series, s.with(points[from.points:len(points):len(points)]))
	}
	if n.histograms > 0 {
		r.siftHistograms(i, &s, from.native)
	}
	if n.exemplars > 0 {
		r.siftExemplars(i, s.labels, from.exemplars)
	}
	return points, nil
}

// siftExemplars takes up the exemplars from first on that can be ones. What is
// refused of them is counted and does not turn the answer into an error: they
// are worth less than a sender's trouble.
func (r *result) siftExemplars(i int, l fact.Labels, first int) {
	keep := first
	for _, x := range r.exemplars[first:] {
		ref := badTime(i, l, x.T)
		if ref == nil && x.Attrs == (fact.Labels{}) {
			ref = signal.Refuse(signal.Exemplar, where(i, l), fmt.Sprintf("an exemplar whose labels are not UTF-8, or more than %d characters", fact.MaxExemplarAttrs), "tell the trace id and little else")
		}
		if ref != nil {
			r.tally.Refuse(ref, 1)
			continue
		}
		x.Series = l
		r.exemplars[keep] = x
		keep++
	}
	r.exemplars = r.exemplars[:keep]
}

// siftHistograms takes up the histograms from native on that can be ones.
func (r *result) siftHistograms(i int, s *series, native int) {
	all := r.arena.points
	keep := native
	for _, p := range all[native:] {
		ref := badTime(i, s.labels, p.T)
		if err := p.H.Check(); ref == nil && err != nil {
			ref = signal.Refuse(signal.BadValue, where(i, s.labels), "a native histogram contradicts itself: "+err.Error(), "check the sender")
		}
		if ref != nil {
			r.refuse(ref, 1)
			continue
		}
		p.Start = 0 // it is of no use to a series that is not of deltas
		all[keep] = p
		keep++
	}
	if r.arena.points = all[:keep]; keep == native {
		return
	}
	out := fact.HistogramSeries{Labels: s.labels, Type: fact.Counter, Points: all[native:keep:keep]}
	if out.Points[0].H.Reset == fact.ResetGauge {
		out.Type = fact.Gauge
	}
	if s.declared != nil {
		out.Help, out.Unit = s.declared.help, s.declared.unit
	}
	r.histograms = append(r.histograms, out)
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
		if ref := badTime(i, l, p.T); ref != nil {
			r.refuse(ref, 1)
			continue
		}
		points[keep] = p
		keep++
	}
	return points[:keep]
}

func badTime(i int, l fact.Labels, t int64) *signal.Refusal {
	if t >= 0 && t <= lastTime {
		return nil
	}
	return signal.Refuse(signal.BadTime, where(i, l), fmt.Sprintf("the time %d is no time in milliseconds since 1970", t), "send milliseconds")
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
func (d *decoder) resolve(res *result, i int, raw []byte, version uint32) (series, *signal.Refusal) {
	hash := d.known.hash(raw)
	if s, ok := d.known.find(hash, raw, version); ok {
		return s, nil
	}
	l, ref := d.labels(i, raw)
	if ref == nil {
		ref = res.newcomers.Take(l)
	}
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
	return d.newLabels(at, ls)
}

func (d *decoder) newLabels(at string, ls []fact.Label) (fact.Labels, *signal.Refusal) {
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
	return d.checkSizes(at, l.Name, len(l.Name), len(l.Value))
}

// checkSizes refuses a label that is too long; of a long name the beginning will
// do.
func (d *decoder) checkSizes(at, name string, nameBytes, valueBytes int) *signal.Refusal {
	switch {
	case nameBytes > d.limits.LabelNameBytes:
		return signal.Refuse(signal.BadLabels, at, fmt.Sprintf("label name %q… is %d bytes long, the limit is %d", signal.Cut(name, 40), nameBytes, d.limits.LabelNameBytes), "rename it or raise limits.label_name_bytes")
	case valueBytes > d.limits.LabelValueBytes:
		return signal.Refuse(signal.BadLabels, fmt.Sprintf("%s, label %q", at, name), fmt.Sprintf("its value is %d bytes long, the limit is %d", valueBytes, d.limits.LabelValueBytes), "shorten it at the sender or raise limits.label_value_bytes")
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
