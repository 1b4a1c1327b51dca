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

// Doors is what every door is given. Limits, Keys, Owner and Known may be left
// out, the other fields are required.
type Doors struct {
	Sink    Sink
	Limits  Limits // zero fields mean the defaults
	Sources *Sources
	Clock   func() time.Time
	Logger  *slog.Logger
	Short   func() bool // reports that memory is short, so that senders must wait; nil: never

	Keys  *Keys                         // the sources that have a name; nil: none
	Owner func(token string) bool       // whether this is the owner's token, who may send under any door's name
	Known func(series fact.Labels) bool // whether the store has this series already

	bodies  share     // bytes of bodies, see Limits.InFlightBytes
	queued  share     // bytes of batches that wait for the sink, see Limits.QueuedBytes
	buffers sync.Pool // of *[]byte, for bodies
	fresh   fresh
}

// Deliver hands b to the sink and waits until it is durable. It does so even if
// the sender has gone away, because a batch that was begun would otherwise be
// kept and counted as refused.
func (d *Doors) Deliver(ctx context.Context, b *fact.Batch) *Refusal {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.Limits.WithDefaults().SinkTimeout)
	defer cancel()
	if v := visitOf(ctx); v.key != nil {
		b.Source = v.key.Name
	}
	done, ref := d.queue(ctx, b)
	if ref != nil {
		return ref
	}
	defer done()
	_, err := d.Sink.Append(ctx, b)
	switch {
	case err == nil:
		d.Sources.Lag(b)
		return nil
	case errors.Is(err, fact.ErrBusy):
		r := Refuse(Busy, "", "the intake is busy", "send the same again in "+RetryAfter.String())
		r.Err = err
		return r
	}
	if p := (*fact.Problem)(nil); errors.As(err, &p) { // the batch itself: the same again would be refused again
		return &Refusal{Reason: TooLarge, Problem: *p, Err: err}
	}
	d.Logger.Error("intake refused a batch", "source", b.Source, "points", b.Samples(), "spans", len(b.Spans), "lines", len(b.Lines), "changes", len(b.Changes), "err", err)
	r := Refuse(Failed, "", "the intake could not keep this: "+err.Error(), "send the same again in "+RetryAfter.String())
	r.Err = err
	return r
}

// queue counts b as waiting for the sink until done is called. The sender that
// has most of what waits is refused first.
func (d *Doors) queue(ctx context.Context, b *fact.Batch) (done func(), ref *Refusal) {
	who, n := visitOf(ctx).sender, weight(b)
	switch d.queued.take(who, n, int64(d.Limits.WithDefaults().QueuedBytes)) {
	case full:
		return nil, Refuse(Busy, "", "too much waits to become durable", "send the same again in "+RetryAfter.String())
	case greedy:
		return nil, Refuse(Share, "", "more of what waits to become durable is of this sender than its share", "send more slowly, or raise limits.queued_bytes")
	}
	return func() { d.queued.give(who, n) }, nil
}

// weight estimates what a batch takes in memory while it waits.
func weight(b *fact.Batch) int64 {
	fields := 0
	for i := range b.Lines {
		fields += b.Lines[i].Fields.Size()
	}
	return int64(fields + 64*(len(b.Series)+len(b.Deltas)) + 16*b.Samples() + 256*(len(b.Histograms)+len(b.Exemplars)+len(b.Spans)+len(b.Lines)+len(b.Changes)+len(b.Events)) + 64)
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
	if wait := ref.Wait(); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)))
	}
	if ref.Reason == Denied {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	http.Error(w, ref.Error(), ref.Reason.Status())
}
