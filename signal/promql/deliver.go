package promql

import (
	"context"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
)

// gather begins to gather what is read.
func (r *Reader) gather(now int64) *gathering {
	return &gathering{r: r, now: now, lim: r.doors.Limits.WithDefaults(), newcomers: r.doors.Newcomers(context.Background(), r.source)}
}

// deliver hands on what was gathered, in batches that are within the limits of a
// request. It does not give up while they may be taken later.
func (r *Reader) deliver(ctx context.Context, g *gathering) error {
	begun := r.doors.Clock()
	var last *signal.Refusal
	for _, b := range g.batches() {
		ref := r.hand(ctx, b)
		if ref != nil && ctx.Err() != nil {
			last = ref
			break
		}
		if ref != nil {
			last = ref
			g.tally.Refuse(ref, b.Points())
			continue
		}
		g.tally.Accepted += int64(b.Points())
	}
	outcome := "ok"
	if last != nil {
		outcome = last.Reason.String()
		g.tally.Settle(last)
	}
	if g.tally.Received > 0 {
		r.doors.Sources.Record(r.source, kind, begun, &g.tally)
		r.doors.Sources.Answered(kind, outcome, r.doors.Clock().Sub(begun))
	}
	if ctx.Err() != nil && last != nil {
		return ctx.Err()
	}
	g.had()
	return nil
}

// hand hands on one batch. It tries again while it may be taken later, until ctx
// ends.
func (r *Reader) hand(ctx context.Context, b *fact.Batch) *signal.Refusal {
	const first, longest = 100 * time.Millisecond, 5 * time.Second
	for wait := first; ; wait = min(2*wait, longest) {
		ref := r.doors.Deliver(ctx, b)
		if ref == nil || !ref.Reason.Retry() || ctx.Err() != nil {
			return ref
		}
		pause(ctx, wait)
	}
}
