package recorded

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
)

// An item is what one row holds: one of them, or several samples.
type item struct {
	at     int64 // when it would have come in, Unix nanoseconds
	series []fact.Series
	span   *fact.Span
	line   *fact.Line
	change *fact.Change
}

func (i *item) move(by int64) {
	i.at += by
	for n := range i.series {
		i.series[n].Points[0].T += by / int64(time.Millisecond)
	}
	switch {
	case i.span != nil:
		i.span.Start, i.span.End = i.span.Start+by, i.span.End+by
	case i.line != nil:
		i.line.At, i.line.Observed = i.line.At+by, i.line.Observed+by
	case i.change != nil:
		i.change.At = i.change.At.Add(time.Duration(by))
	}
}

// origin is where rows come from: what they are named after.
type origin struct {
	folder, file string // base names, without endings
	path         string
	omit         []string
	callers      map[key]string // the service of each span, for spans that tell no kind
}

// key is a span in a table.
type key struct {
	trace [16]byte
	span  [8]byte
}

func keyOf(trace, span string) (k key) {
	digest(k.trace[:], trace)
	digest(k.span[:], span)
	return k
}

// A shape turns the rows of one kind of table into items.
type shape func(values []string) (item, error)

// errEmpty is the answer to a row without anything in it.
var errEmpty = errors.New("nothing in it")

// shapeOf tells what rows with these columns hold.
func shapeOf(columns []string, from origin) (shape, Kind, error) {
	t := table{columns: make([]string, len(columns)), from: from}
	for i, c := range columns {
		t.columns[i] = strings.TrimSpace(strings.TrimPrefix(c, "\ufeff"))
	}
	t.time = slices.IndexFunc(t.columns, isTime)
	if t.time < 0 {
		return nil, "", fmt.Errorf("no column tells the time: want time, timestamp or time_us, not %.100q", strings.Join(columns, ","))
	}
	t.unit = timeColumns[strings.ToLower(t.columns[t.time])]
	switch {
	case t.has("span_id") && t.any(durations) >= 0:
		return t.spans(), Spans, nil
	case t.any(messages) >= 0 && !t.has("sha"): // a commit is no log line
		return t.lines(), Lines, nil
	case t.has("flag") || t.has("version") && t.any(services) >= 0 && !t.has("value"):
		return t.changes(), Changes, nil
	case t.has("value") && t.any(metricNames) >= 0:
		return t.long(), Samples, nil
	}
	s, err := t.wide()
	return s, Samples, err
}

func isTime(c string) bool { _, ok := timeColumns[strings.ToLower(c)]; return ok }

var (
	durations   = []string{"duration_us", "duration_ms", "duration_ns", "duration_s"}
	messages    = []string{"message", "msg", "body", "content", "log"}
	services    = []string{"service", "service_name", "service.name", "app", "job"}
	metricNames = []string{"metric", "name", "__name__"}
	levels      = []string{"severity", "level", "severity_text"}
)

// table is what is known of the columns.
type table struct {
	columns []string
	time    int
	unit    float64
	from    origin
}

func (t *table) index(name string) int {
	return slices.IndexFunc(t.columns, func(c string) bool { return strings.EqualFold(c, name) })
}

func (t *table) has(name string) bool { return t.index(name) >= 0 }

// any returns the first column that has one of the names, -1 if none does.
func (t *table) any(names []string) int {
	for _, n := range names {
		if i := t.index(n); i >= 0 {
			return i
		}
	}
	return -1
}

func (t *table) omitted(i int) bool {
	return i == t.time || slices.ContainsFunc(t.from.omit, func(o string) bool { return strings.EqualFold(o, t.columns[i]) })
}

func at(values []string, i int) string {
	if i < 0 {
		return ""
	}
	return strings.TrimSpace(values[i])
}

// wide has one series in each column.
func (t *table) wide() (shape, error) {
	labels := make([]fact.Labels, len(t.columns))
	for i, c := range t.columns {
		if t.omitted(i) {
			continue
		}
		service, metric, ok := strings.Cut(c, "|")
		switch {
		case ok:
		case strings.EqualFold(c, "value"):
			service, metric = t.from.folder, t.from.file
		default:
			service, metric = t.from.file, c
		}
		var err error
		if labels[i], err = fact.NewLabels(named(metric, service)); err != nil {
			return nil, fmt.Errorf("column %.60q: %w", c, err)
		}
	}
	return func(values []string) (item, error) {
		ns, err := instant(values[t.time], t.unit)
		if err != nil {
			return item{}, err
		}
		it := item{at: ns}
		for i, v := range values {
			if labels[i] == (fact.Labels{}) {
				continue
			}
			if f, err := strconv.ParseFloat(strings.TrimSpace(v), 64); err == nil && !math.IsNaN(f) {
				it.series = append(it.series, sample(labels[i], ns, f))
			}
		}
		if len(it.series) == 0 {
			return it, errEmpty
		}
		return it, nil
	}, nil
}

func named(metric, service string) []fact.Label {
	ls := []fact.Label{{Name: fact.NameLabel, Value: metric}}
	if service != "" {
		ls = append(ls, fact.Label{Name: "service_name", Value: service})
	}
	return ls
}

func sample(l fact.Labels, ns int64, v float64) fact.Series {
	return fact.Series{Labels: l, Points: []fact.Point{{T: ns / int64(time.Millisecond), V: v}}}
}

// long has one sample in each row.
func (t *table) long() shape {
	name, value, service := t.any(metricNames), t.index("value"), t.any(services)
	return func(values []string) (item, error) {
		ns, err := instant(values[t.time], t.unit)
		if err != nil {
			return item{}, err
		}
		if at(values, value) == "" {
			return item{}, errEmpty
		}
		f, err := strconv.ParseFloat(at(values, value), 64)
		if err != nil {
			return item{}, fmt.Errorf("value %.40q is no number", values[value])
		}
		if math.IsNaN(f) {
			return item{}, errEmpty
		}
		ls := named(at(values, name), at(values, service))
		for i, v := range values {
			if i != name && i != value && i != service && !t.omitted(i) && v != "" {
				ls = append(ls, fact.Label{Name: t.columns[i], Value: v})
			}
		}
		slices.SortFunc(ls, func(a, b fact.Label) int { return strings.Compare(a.Name, b.Name) })
		labels, err := fact.NewLabels(ls)
		if err != nil {
			return item{}, err
		}
		return item{at: ns, series: []fact.Series{sample(labels, ns, f)}}, nil
	}
}

// spans come in when they have ended.
func (t *table) spans() shape {
	trace, id, parent, took := t.index("trace_id"), t.index("span_id"), t.index("parent_id"), t.any(durations)
	service, name, status, kind := t.any(services), t.any([]string{"operation", "name"}), t.index("status"), t.index("kind")
	_, unit, _ := strings.Cut(strings.ToLower(t.columns[took]), "_")
	scale := timeColumns["time_"+unit]
	return func(values []string) (item, error) {
		start, err := instant(values[t.time], t.unit)
		if err != nil {
			return item{}, err
		}
		d, err := strconv.ParseFloat(at(values, took), 64)
		if err != nil || !(d >= 0 && d*scale < 1e16) {
			return item{}, fmt.Errorf("%s %.40q is no duration", t.columns[took], values[took])
		}
		if at(values, id) == "" || at(values, service) == "" {
			return item{}, errors.New("a span needs span_id and service")
		}
		s := fact.Span{
			Entity: fact.Entity{Kind: fact.Service, Name: at(values, service)}, Name: at(values, name), Kind: kindOf(at(values, kind)),
			Start: start, End: start + int64(d*scale), Failed: strings.Contains(strings.ToLower(at(values, status)), "error"),
		}
		if kind < 0 && t.from.callers != nil && t.from.callers[keyOf(at(values, trace), at(values, parent))] != s.Entity.Name {
			s.Kind = fact.SpanServer
		}
		digest(s.TraceID[:], at(values, trace))
		digest(s.ID[:], at(values, id))
		digest(s.Parent[:], at(values, parent))
		return item{at: s.End, span: &s}, nil
	}
}

func kindOf(s string) fact.SpanKind {
	switch strings.TrimPrefix(strings.ToUpper(s), "SPAN_KIND_") {
	case "SERVER":
		return fact.SpanServer
	case "CLIENT":
		return fact.SpanClient
	case "PRODUCER":
		return fact.SpanProducer
	case "CONSUMER":
		return fact.SpanConsumer
	}
	return fact.SpanInternal
}

// digest makes an id of the given width: the id itself where it is hexadecimal
// of that width, otherwise a hash. An empty one stays zero.
func digest(to []byte, id string) {
	if id == "" {
		return
	}
	if b, err := hex.DecodeString(id); err == nil && len(b) == len(to) {
		copy(to, b)
		return
	}
	h := fnv.New128a()
	h.Write([]byte(id))
	copy(to, h.Sum(nil))
}

func (t *table) lines() shape {
	message, service, level := t.any(messages), t.any(services), t.any(levels)
	trace, span := t.index("trace_id"), t.index("span_id")
	limits := signal.DefaultLimits()
	return func(values []string) (item, error) {
		ns, err := instant(values[t.time], t.unit)
		if err != nil {
			return item{}, err
		}
		l := fact.Line{At: ns, Observed: ns, Text: values[message], Level: at(values, level), Severity: fact.ParseSeverity(at(values, level))}
		l.Entity = t.entity(at(values, service))
		digest(l.TraceID[:], at(values, trace))
		digest(l.SpanID[:], at(values, span))
		var fields []fact.Label
		for i, v := range values {
			if i != message && i != service && i != level && i != trace && i != span && !t.omitted(i) && v != "" {
				fields = append(fields, fact.Label{Name: t.columns[i], Value: v})
			}
		}
		return finish(&l, fields, &limits)
	}
}

// finish does with a line what every door does.
func finish(l *fact.Line, fields []fact.Label, limits *signal.Limits) (item, error) {
	if ref := signal.FinishLine(l, fields, limits, time.Unix(0, l.At)); ref != nil {
		return item{}, ref
	}
	return item{at: l.At, line: l}, nil
}

// entity is the service of that name, or the one that the file is named after.
func (t *table) entity(service string) fact.Entity {
	if service == "" {
		service = t.from.file
	}
	return fact.Entity{Kind: fact.Service, Name: service}
}

func (t *table) changes() shape {
	service, version, by := t.any(services), t.index("version"), t.any([]string{"by", "actor", "author"})
	flag, what, commit := t.index("flag"), t.index("change"), t.any([]string{"commit", "commit_sha", "sha"})
	return func(values []string) (item, error) {
		ns, err := instant(values[t.time], t.unit)
		if err != nil {
			return item{}, err
		}
		if at(values, service) == "" {
			return item{}, errors.New("a change needs a service")
		}
		c := fact.Change{
			At: time.Unix(0, ns).UTC(), Kind: fact.Deployed, Entity: t.entity(at(values, service)),
			Version: at(values, version), By: at(values, by), Source: sourceOf(t.from.path),
		}
		switch {
		case flag >= 0:
			c.Kind, c.Note = fact.Configured, strings.TrimSpace(at(values, flag)+" "+at(values, what))
		case commit >= 0:
			c.Note = "commit " + at(values, commit)
		}
		c.ID = fact.ID("chg", c.Entity.String(), string(c.Kind), c.Version, c.At.Format(time.RFC3339Nano), c.Note)
		return item{at: ns, change: &c}, nil
	}
}
