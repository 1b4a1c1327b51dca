package api

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/lines"
	"github.com/steersman-ops/steersman/store/spans"
)

// A SpanStore finds spans.
type SpanStore interface {
	Search(ctx context.Context, q spans.Query) (spans.Answer, error)
	Trace(ctx context.Context, trace [16]byte) (spans.Answer, error)
}

// Span is one operation in a trace.
type Span struct {
	Trace    string      `json:"trace"`
	Span     string      `json:"span"`
	Parent   string      `json:"parent,omitempty" doc:"The span that caused it; a root has none."`
	Entity   fact.Entity `json:"entity" doc:"Who did it."`
	Instance string      `json:"instance,omitempty"`
	Version  string      `json:"version,omitempty"`
	Kind     string      `json:"kind,omitempty" doc:"internal, server, client, producer or consumer."`
	Name     string      `json:"name" doc:"Of the operation."`
	Peer     string      `json:"peer,omitempty" doc:"Whom it called, as it names it."`
	Start    time.Time   `json:"start"`
	End      time.Time   `json:"end"`
	Seconds  float64     `json:"seconds" doc:"How long it took."`
	Failed   bool        `json:"failed"`
	Attrs    fact.Labels `json:"attrs" doc:"The attributes."`
}

// Spans is what a search for spans found.
type Spans struct {
	Spans    []Span    `json:"spans" doc:"The newest first."`
	More     bool      `json:"more" doc:"There may be older ones that fit: the limit was reached, or the time was over."`
	Since    time.Time `json:"since" doc:"How far back everything was looked through."`
	TimedOut bool      `json:"timedOut" doc:"The time was over before the start was reached."`
}

// Trace is all that is kept of one trace.
type Trace struct {
	Trace     string `json:"trace"`
	Spans     []Span `json:"spans" doc:"In the order of their start, a longer one before what began with it."`
	More      bool   `json:"more" doc:"It has more spans than these, which are the first."`
	Lines     []Line `json:"lines" doc:"Log lines of the trace, from a minute before it to a minute after it, in the order of time."`
	MoreLines bool   `json:"moreLines" doc:"There are earlier ones."`
}

// SpanSearch says which spans are wanted.
type SpanSearch struct {
	Query     string    `query:"query" maxLength:"2000" doc:"Words of the operation's name that must all be there, \"a phrase\", *part*; attribute=value, and kind, peer, instance and version in the same way; a minus before what must not be there."`
	Service   string    `query:"service" maxLength:"512" doc:"Only of this service: name, namespace/name, or as an entity is written."`
	Operation string    `query:"operation" maxLength:"4096" doc:"Only of this name, whole."`
	Failed    bool      `query:"failed" doc:"Only those that failed."`
	Min       string    `query:"min" maxLength:"32" doc:"Only those that took so long or longer, as 250ms or 1.5s."`
	From      time.Time `query:"from" doc:"Not begun before this. Default: the oldest."`
	To        time.Time `query:"to" doc:"Not begun after this. Default: the newest."`
	Limit     int       `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"At most so many, the newest."`
}

func (s *server) spans(ctx context.Context, in *SpanSearch) (Spans, error) {
	terms, err := spans.ParseTerms(in.Query)
	if err != nil {
		return Spans{}, err
	}
	q := spans.Query{Terms: terms, Service: strings.TrimSpace(in.Service), Operation: in.Operation, Failed: in.Failed, From: in.From, To: in.To, Limit: in.Limit}
	if in.Min != "" {
		if q.AtLeast, err = time.ParseDuration(in.Min); err != nil || q.AtLeast < 0 {
			return Spans{}, &fact.Problem{Where: "min", What: fmt.Sprintf("%q is no duration", in.Min), Do: "write it as 250ms or 1.5s"}
		}
	}
	a, err := s.Spans.Search(ctx, q)
	if err != nil {
		return Spans{}, err
	}
	return Spans{Spans: shownSpans(a.Spans), More: a.More, Since: a.Since, TimedOut: a.TimedOut}, nil
}

// Of the log lines of a trace: how far from its spans, and how many.
const (
	linesAround  = time.Minute
	linesOfTrace = 500
)

func (s *server) trace(ctx context.Context, in *struct {
	ID string `path:"id" pattern:"^[0-9a-fA-F]{32}$" doc:"32 hexadecimal digits."`
}) (Trace, error) {
	var id [16]byte
	if _, err := hex.Decode(id[:], []byte(in.ID)); err != nil {
		return Trace{}, &fact.Problem{Where: "id", What: "it is no trace id", Do: "give 32 hexadecimal digits"}
	}
	a, err := s.Spans.Trace(ctx, id)
	switch {
	case err != nil:
		return Trace{}, err
	case len(a.Spans) == 0 && a.TimedOut:
		return Trace{}, fmt.Errorf("look for trace %x: the time was over: %w", id, fact.ErrBusy)
	case len(a.Spans) == 0:
		return Trace{}, fmt.Errorf("trace %x: no spans of it are kept: %w", id, fact.ErrNotFound)
	}
	out := Trace{Trace: hex.EncodeToString(id[:]), Spans: shownSpans(a.Spans), More: a.More, Lines: []Line{}}
	end := out.Spans[0].End
	for _, sp := range out.Spans {
		if sp.End.After(end) {
			end = sp.End
		}
	}
	l, err := s.Lines.Search(ctx, lines.Query{Trace: id, From: out.Spans[0].Start.Add(-linesAround), To: end.Add(linesAround), Limit: linesOfTrace})
	if err != nil {
		return Trace{}, err
	}
	for i := len(l.Lines) - 1; i >= 0; i-- {
		out.Lines = append(out.Lines, shownLine(&l.Lines[i].Line))
	}
	out.MoreLines = l.More
	return out, nil
}

func shownSpans(list []spans.Found) []Span {
	out := make([]Span, len(list))
	for i := range list {
		sp := &list[i].Span
		out[i] = Span{
			Trace: hex.EncodeToString(sp.TraceID[:]), Span: hex.EncodeToString(sp.ID[:]), Entity: sp.Entity, Instance: sp.Instance, Version: sp.Version,
			Kind: spans.KindName(sp.Kind), Name: sp.Name, Peer: sp.Peer, Start: time.Unix(0, sp.Start).UTC(), End: time.Unix(0, sp.End).UTC(),
			Seconds: time.Duration(sp.End - sp.Start).Seconds(), Failed: sp.Failed, Attrs: sp.Attrs,
		}
		if sp.Parent != [8]byte{} {
			out[i].Parent = hex.EncodeToString(sp.Parent[:])
		}
	}
	return out
}
