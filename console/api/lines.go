package api

import (
	"context"
	"encoding/hex"
	"strings"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/lines"
)

// A LineStore finds log lines.
type LineStore interface {
	Search(ctx context.Context, q lines.Query) (lines.Answer, error)
}

// Line is one log line.
type Line struct {
	At        time.Time   `json:"at"`
	Observed  time.Time   `json:"observed,omitzero" doc:"When it was first seen, if that is a second or more from its time."`
	Entity    fact.Entity `json:"entity" doc:"Who wrote it; empty if it did not tell."`
	Instance  string      `json:"instance,omitempty"`
	Version   string      `json:"version,omitempty"`
	Severity  string      `json:"severity,omitempty" doc:"trace, debug, info, warn, error or fatal."`
	Level     string      `json:"level,omitempty" doc:"The severity as the sender spells it."`
	Text      string      `json:"text"`
	Trace     string      `json:"trace,omitempty"`
	Span      string      `json:"span,omitempty"`
	Fields    fact.Labels `json:"fields"`
	Truncated bool        `json:"truncated,omitempty" doc:"The text or a field was longer than the limit and was cut."`
}

// Lines is what a search for log lines found.
type Lines struct {
	Lines    []Line    `json:"lines" doc:"The newest first."`
	More     bool      `json:"more" doc:"There may be older ones that fit: the limit was reached, or the time was over."`
	Since    time.Time `json:"since" doc:"How far back everything was looked through."`
	TimedOut bool      `json:"timedOut" doc:"The time was over before the start was reached."`
}

// LineSearch says which lines are wanted.
type LineSearch struct {
	Query    string    `query:"query" maxLength:"2000" doc:"Words that must all be there, \"a phrase\", *part*, field=value; a minus before what must not be there."`
	Service  string    `query:"service" maxLength:"512" doc:"Only of this service or host: name, namespace/name, or as an entity is written."`
	Trace    string    `query:"trace" pattern:"^([0-9a-fA-F]{32})?$" doc:"Only of this trace."`
	Severity string    `query:"severity" enum:"trace,debug,info,warn,error,fatal" doc:"Only at least as serious as this."`
	From     time.Time `query:"from" doc:"Not before this. Default: the oldest."`
	To       time.Time `query:"to" doc:"Not after this. Default: the newest."`
	Limit    int       `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"At most so many, the newest."`
}

func (s *server) lines(ctx context.Context, in *LineSearch) (Lines, error) {
	terms, err := lines.ParseTerms(in.Query)
	if err != nil {
		return Lines{}, err
	}
	q := lines.Query{Terms: terms, Service: strings.TrimSpace(in.Service), Severity: fact.ParseSeverity(in.Severity), From: in.From, To: in.To, Limit: in.Limit}
	if _, err := hex.Decode(q.Trace[:], []byte(in.Trace)); err != nil {
		return Lines{}, &fact.Problem{Where: "trace", What: "it is no trace id", Do: "give 32 hexadecimal digits"}
	}
	a, err := s.Lines.Search(ctx, q)
	if err != nil {
		return Lines{}, err
	}
	out := Lines{Lines: make([]Line, len(a.Lines)), More: a.More, Since: a.Since, TimedOut: a.TimedOut}
	for i := range a.Lines {
		out.Lines[i] = shownLine(&a.Lines[i].Line)
	}
	return out, nil
}

func shownLine(l *fact.Line) Line {
	out := Line{
		At: time.Unix(0, l.At).UTC(), Entity: l.Entity, Instance: l.Instance, Version: l.Version,
		Severity: l.Severity.String(), Level: l.Level, Text: l.Text, Fields: l.Fields, Truncated: l.Truncated,
	}
	if l.Observed != l.At {
		out.Observed = time.Unix(0, l.Observed).UTC()
	}
	if l.TraceID != [16]byte{} {
		out.Trace = hex.EncodeToString(l.TraceID[:])
	}
	if l.SpanID != [8]byte{} {
		out.Span = hex.EncodeToString(l.SpanID[:])
	}
	return out
}
