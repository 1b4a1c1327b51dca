package signal

import (
	"context"
	"fmt"
)

// writingStep is in what parts what is written out is counted.
const writingStep = 1 << 20

// A Writing counts the labels and fields of a request as they are written out,
// for each series or line: a few bytes can stand before thousands of them. What
// goes beyond the first MiB is in flight, like the body, until it is freed. It is
// not safe for concurrent use.
type Writing struct {
	doors            *Doors
	who              string
	most, inFlight   int
	written, counted int
	refused          *Refusal
}

// Writing begins the count of a request. Free must be called when it is
// answered.
func (d *Doors) Writing(ctx context.Context) *Writing {
	lim := d.Limits.WithDefaults()
	return &Writing{doors: d, who: visitOf(ctx).sender, most: lim.written(), inFlight: lim.InFlightBytes}
}

// Add counts n bytes more. Once it has refused, it always does.
func (w *Writing) Add(n int) *Refusal {
	if w.refused != nil {
		return w.refused
	}
	if w.written += n; w.written > w.most {
		w.refused = Refuse(TooLarge, "request", fmt.Sprintf("its labels or fields are more than %d bytes when they are written out", w.most), "send smaller batches or raise limits.plain_bytes and limits.in_flight_bytes")
	}
	for w.refused == nil && w.written > w.counted+writingStep {
		if w.refused = w.doors.hold(w.who, writingStep, w.inFlight); w.refused == nil {
			w.counted += writingStep
		}
	}
	return w.refused
}

// Refused returns what the request was refused with, nil if it was not.
func (w *Writing) Refused() *Refusal { return w.refused }

// Free gives back what was in flight.
func (w *Writing) Free() {
	if w.counted == 0 {
		return
	}
	w.doors.bodies.give(w.who, int64(w.counted))
	w.counted = 0
}

// written is how many bytes the labels and fields of one request may be: what
// could never be in flight is not to be sent again.
func (l *Limits) written() int { return min(4*l.PlainBytes, l.InFlightBytes/4*3) }
