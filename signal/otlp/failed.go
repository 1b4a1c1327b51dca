package otlp

import (
	"strconv"

	"github.com/steersman-ops/steersman/fact"
)

// An outcome is what a span tells of how it ended.
type outcome struct {
	failed, ok bool // status Error, status Ok
	http       int  // status code, 0 if none
	grpc       string
}

// failed reports whether a span counts as a failure of the side that served it.
//
// OpenTelemetry marks a client span with any 4xx as an error, because the
// client did not get what it wanted. For the question of who is to blame that
// says nothing about the server: a burst of 404 is not an outage. So, in this
// order:
//
//   - Status Ok was set by a person who knew better than any code: not failed.
//   - An HTTP status of 500 and above: failed, on both sides, whatever the
//     span's status.
//   - An HTTP status of 400 to 499 on a client span: not failed, whatever the
//     span's status. On other spans the status decides: someone set it by hand,
//     as the conventions leave it unset there.
//   - A gRPC status that means the server failed (UNKNOWN, DEADLINE_EXCEEDED,
//     UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS, as the conventions list
//     them for servers): failed. Another one, OK apart, on a client span: not
//     failed.
//   - Otherwise the span's status: a timeout or a refused connection has no
//     code, and is an Error.
func failed(kind fact.SpanKind, o outcome) bool {
	client := kind == fact.SpanClient || kind == fact.SpanProducer
	switch {
	case o.ok:
		return false
	case o.http >= 500:
		return true
	case o.http >= 400 && client:
		return false
	case serverFault(o.grpc):
		return true
	case o.grpc != "" && o.grpc != "0" && o.grpc != "OK" && client:
		return false
	}
	return o.failed
}

// serverFault reports whether a gRPC status, by number or by name, means that
// the server failed.
func serverFault(code string) bool {
	switch code {
	case "2", "UNKNOWN", "4", "DEADLINE_EXCEEDED", "12", "UNIMPLEMENTED", "13", "INTERNAL", "14", "UNAVAILABLE", "15", "DATA_LOSS":
		return true
	}
	return false
}

func httpStatus(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
