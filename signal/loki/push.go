package loki

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/entity"
)

// A push is one request on its way in.
type push struct {
	lim      *signal.Limits
	now      time.Time
	batch    fact.Batch
	received int
	written  *signal.Writing // fields
	sources  map[string]*signal.Tally
	first    *signal.Refusal // the first line that was refused
	fields   []fact.Label    // scratch
}

// A stream is what the labels of some lines say.
type stream struct {
	labels []fact.Label
	id     entity.Identity
	name   string // of its account
}

// An entry is one line as it is written.
type entry struct {
	at   int64 // Unix nanoseconds, below 0 if it is none
	text string
	meta []fact.Label
}

func (p *push) source(name string) *signal.Tally {
	t := p.sources[name]
	if t == nil {
		t = &signal.Tally{}
		p.sources[name] = t
		p.batch.Source = name
		if len(p.sources) > 1 {
			p.batch.Source = kind // a collector sends for many
		}
	}
	return t
}

// begin looks at the labels of a stream.
func (p *push) begin(labels []fact.Label) *stream {
	s := &stream{labels: labels, id: identify(labels)}
	name := s.id.Entity.Name
	switch {
	case s.id.Entity.Namespace != "":
		name = s.id.Entity.Namespace + "/" + name
	case name == "":
		name = "(unnamed)"
	}
	s.name = kind + "/" + name
	return s
}

// full refuses a request of too many lines.
func (p *push) full() *signal.Refusal {
	if p.received <= p.lim.Lines {
		return nil
	}
	return signal.Refuse(signal.TooMany, "request", fmt.Sprintf("more than %d lines", p.lim.Lines), "send smaller batches or raise limits.lines")
}

// add takes one line of a stream, or refuses it.
func (p *push) add(s *stream, e entry) *signal.Refusal {
	p.received++
	source := p.source(s.name)
	source.Receive(1)
	if ref := p.full(); ref != nil {
		return ref
	}
	l := fact.Line{At: e.at, Entity: s.id.Entity, Instance: s.id.Instance, Version: s.id.Version, Text: e.text}
	fields := append(append(p.fields[:0], s.labels...), e.meta...)
	p.fields = fields
	for _, f := range fields {
		told(&l, f)
	}
	if ref := signal.FinishLine(&l, fields, p.lim, p.now); ref != nil {
		if p.first == nil {
			p.first = ref
		}
		source.Refuse(ref, 1)
		return nil
	}
	if ref := p.written.Add(l.Fields.Size()); ref != nil {
		return ref
	}
	p.batch.Lines = append(p.batch.Lines, l)
	return nil
}

// told takes what a label says of the line beside being a field.
func told(l *fact.Line, f fact.Label) {
	switch f.Name {
	case "level", "severity", "lvl", "detected_level":
		if s := fact.ParseSeverity(f.Value); s > 0 {
			l.Severity, l.Level = s, f.Value
		}
	case "trace_id", "traceID", "traceid":
		id(l.TraceID[:], f.Value)
	case "span_id", "spanID", "spanid":
		id(l.SpanID[:], f.Value)
	}
}

// id reads a hexadecimal id into dst, if it is one of that length.
func id(dst []byte, text string) {
	if len(text) != 2*len(dst) {
		return
	}
	if b, err := hex.DecodeString(text); err == nil {
		copy(dst, b)
	}
}

// identify says who wrote a stream.
func identify(labels []fact.Label) entity.Identity {
	set, err := fact.NewLabels(append([]fact.Label(nil), labels...))
	if err != nil {
		return entity.Identity{} // its lines are refused, with the reason
	}
	got := entity.FromLabels(set)
	if !got.Entity.IsZero() {
		return got
	}
	namespace := first(set.Get("namespace"), set.Get("k8s_namespace_name"))
	host := first(set.Get("host"), set.Get("hostname"), set.Get("node_name"), set.Get("nodename"))
	name := first(set.Get("app"), set.Get("service"), set.Get("app_kubernetes_io_name"), entity.Workload(set.Get("pod")),
		set.Get("container"), set.Get("container_name"), set.Get("unit"), set.Get("syslog_identifier"))
	if e := entity.Named(namespace, name); !e.IsZero() {
		return entity.Identity{Entity: e, Instance: first(set.Get("pod"), set.Get("instance"), host), Version: set.Get("version")}
	}
	return entity.FromResource(func(key string) string { // a host, or nobody
		if key == "host.name" {
			return host
		}
		return ""
	})
}

func first[T comparable](list ...T) (none T) {
	for _, s := range list {
		if s != none {
			return s
		}
	}
	return none
}
