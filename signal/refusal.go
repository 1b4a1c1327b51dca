package signal

import (
	"net/http"
	"time"

	"github.com/steersman-ops/steersman/fact"
)

// Reason says why an item was refused. Its text is the label value of the
// refusal counter.
type Reason uint8

// The reasons.
const (
	Malformed    Reason = iota // bytes that are not what the door speaks
	TooLarge                   // more bytes than the limit
	TooMany                    // more series, points, spans, lines or objects than the limit
	Unsupported                // a media type, encoding or event that the door does not take
	BadLabels                  // labels that name no series: no name, given twice, not UTF-8, over the limits
	BadValue                   // a point that contradicts itself
	BadTime                    // no time, an impossible one, or one far ahead
	BadID                      // a span without a trace or an id
	Temporality                // a delta of what goes up and down, or no temporality at all
	Histogram                  // an exponential histogram coarser than any native one
	Exemplar                   // an exemplar that tells no trace, or too much
	Ignored                    // understood, and nothing that is kept: no error
	Denied                     // no token where one is wanted, or one that nobody has
	NewSeries                  // a series that was not there before, and too many of those
	Rate                       // more than the limits of this source: try again
	Share                      // more than this sender's fair share while others send: try again
	Busy                       // the sink could take no more: try again
	Failed                     // the sink failed: try again
	Unreachable                // whom we read does not answer, or not with what was asked
	reasonsCount               // how many there are
)

func (r Reason) String() string {
	switch r {
	case Malformed:
		return "malformed"
	case TooLarge:
		return "too_large"
	case TooMany:
		return "too_many"
	case Unsupported:
		return "unsupported"
	case BadLabels:
		return "labels"
	case BadValue:
		return "value"
	case BadTime:
		return "time"
	case BadID:
		return "id"
	case Temporality:
		return "temporality"
	case Histogram:
		return "native_histogram"
	case Exemplar:
		return "exemplar"
	case Ignored:
		return "ignored"
	case Denied:
		return "denied"
	case NewSeries:
		return "new_series"
	case Rate:
		return "rate"
	case Share:
		return "share"
	case Busy:
		return "busy"
	case Failed:
		return "failed"
	case Unreachable:
		return "unreachable"
	}
	return "unknown"
}

// Status returns the HTTP status that tells a sender of r.
func (r Reason) Status() int {
	switch r {
	case TooLarge, TooMany:
		return http.StatusRequestEntityTooLarge
	case Unsupported:
		return http.StatusUnsupportedMediaType
	case Ignored:
		return http.StatusOK
	case Denied:
		return http.StatusUnauthorized
	case Busy, Rate, Share:
		return http.StatusTooManyRequests
	case Failed:
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

// Retry reports whether the same request may be taken later.
func (r Reason) Retry() bool { return r == Busy || r == Rate || r == Share || r == Failed }

// A Refusal is an error that says why a request or an item was not taken.
type Refusal struct {
	Reason  Reason
	Problem fact.Problem
	Err     error         // what the sink said, if it was the sink
	After   time.Duration // when to try again; 0 means RetryAfter
}

// Wait returns when the same may be sent again, in whole seconds and at least
// one; 0 if never.
func (r *Refusal) Wait() time.Duration {
	switch {
	case !r.Reason.Retry():
		return 0
	case r.After <= 0:
		return RetryAfter
	}
	return max(r.After.Truncate(time.Second)+time.Second, time.Second)
}

// Refuse returns a Refusal with a problem: where, what, and what to do.
func Refuse(r Reason, where, what, do string) *Refusal {
	return &Refusal{Reason: r, Problem: fact.Problem{Where: where, What: what, Do: do}}
}

func (r *Refusal) Error() string { return r.Problem.Error() }

// Unwrap returns the problem and what the sink said.
func (r *Refusal) Unwrap() []error {
	if r.Err == nil {
		return []error{&r.Problem}
	}
	return []error{&r.Problem, r.Err}
}
