package signal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/steersman-ops/steersman/fact"
)

// A Sink keeps batches. Append returns nil when the batch is durable, and an
// error that wraps [fact.ErrBusy] when it can take no more for the moment.
type Sink interface {
	Append(ctx context.Context, b *fact.Batch) (seq uint64, err error)
}

// RetryAfter is what a sender is told to wait when the sink is busy or failed.
const RetryAfter = 2 * time.Second

// Doors is what every door is given. All fields are required except Limits.
type Doors struct {
	Sink    Sink
	Limits  Limits // zero fields mean the defaults
	Sources *Sources
	Clock   func() time.Time
	Logger  *slog.Logger
	Short   func() bool // reports that memory is short, so that senders must wait; nil: never

	inFlight atomic.Int64 // bytes of bodies, see Limits.InFlightBytes
	buffers  sync.Pool    // of *[]byte, for bodies
}

// Deliver hands b to the sink and waits until it is durable. It does so even if
// the sender has gone away, because a batch that was begun would otherwise be
// kept and counted as refused.
func (d *Doors) Deliver(ctx context.Context, b *fact.Batch) *Refusal {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.Limits.WithDefaults().SinkTimeout)
	defer cancel()
	_, err := d.Sink.Append(ctx, b)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fact.ErrBusy):
		r := Refuse(Busy, "", "the intake is busy", "send the same again in "+RetryAfter.String())
		r.Err = err
		return r
	}
	d.Logger.Error("intake refused a batch", "source", b.Source, "points", b.Samples(), "spans", len(b.Spans), "lines", len(b.Lines), "changes", len(b.Changes), "err", err)
	r := Refuse(Failed, "", "the intake could not keep this: "+err.Error(), "send the same again in "+RetryAfter.String())
	r.Err = err
	return r
}

// Guard calls fn and turns a panic in it into a Refusal, so that no input can
// end the process. The stack goes to the log.
func (d *Doors) Guard(door string, fn func() *Refusal) (ref *Refusal) {
	defer func() {
		if p := recover(); p != nil {
			d.Logger.Error("panic in a door", "door", door, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			ref = Refuse(Malformed, "", "this request could not be read", "please report it, with the request")
		}
	}()
	if d.Short != nil && d.Short() {
		return Refuse(Busy, "", "memory is short", "send the same again in "+RetryAfter.String())
	}
	return fn()
}

// WriteRefusal answers an HTTP request with the status of ref and its problem
// as one line of text, which is what senders put into their logs.
func WriteRefusal(w http.ResponseWriter, ref *Refusal) {
	if ref.Reason.Retry() {
		w.Header().Set("Retry-After", strconv.Itoa(int(RetryAfter/time.Second)))
	}
	http.Error(w, ref.Error(), ref.Reason.Status())
}
