// Package loki is the door for Loki's push protocol, which Promtail, Alloy,
// Fluent Bit, Vector and Docker's driver speak: POST /loki/api/v1/push, as JSON
// (plain or with gzip) and as protobuf with snappy.
//
// It answers one question: which lines are in this request?
//
// # Method
//
// A request is read entry by entry, so that what it costs is bounded by
// limits.lines before it is known how many there are. The labels of a stream
// tell who wrote it, as those of a series do (see signal/entity), with the
// labels that log collectors set (app, container, host, …) where those say
// nothing. Labels and structured metadata are the fields of its lines; level,
// severity and detected_level give the severity, trace_id and span_id the trace.
//
// What cannot be taken of a request is refused by line. Its sender is then
// answered with 400 and the reason, as Loki does it, so that it does not send
// the rest again; what was good of it is kept.
//
// # Limits
//
// Lines may come in any order. There are no tenants: X-Scope-OrgID is ignored.
// Loki's queries are not served; see docs/connect.md for how to search.
package loki
