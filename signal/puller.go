package signal

import (
	"context"

	"github.com/steersman-ops/steersman/fact"
)

// A Puller is a source that does not come by itself: we go and read it. So it
// has a name and limits, and no token. It is safe for concurrent use.
type Puller struct {
	doors *Doors
	key   *key
}

// Puller returns the source of that name. A name with a colon cannot be that of
// a sender.
func (d *Doors) Puller(name string, limits SourceLimits) *Puller {
	return &Puller{doors: d, key: &key{Named: Named{Name: name, Limits: limits}}}
}

// Name returns the name under which it is counted.
func (p *Puller) Name() string { return p.key.Name }

// In returns ctx as that of something that was read from this source; see
// [Doors.Enter].
func (p *Puller) In(ctx context.Context) context.Context {
	return context.WithValue(ctx, visitKey{}, visit{sender: p.key.Name, key: p.key})
}

// Spend counts bytes that were read against the limit of this source.
func (p *Puller) Spend(bytes int) {
	p.key.bytes.spend(int64(bytes), p.key.Limits.BytesPerSecond, p.doors.Clock())
}

// Offer hands b to the sink, as far as the limits of this source let it, and
// waits until it is durable. Of a refusal that says so the same may be offered
// again.
func (p *Puller) Offer(ctx context.Context, door string, b *fact.Batch) *Refusal {
	return p.doors.Guard(door, func() *Refusal {
		if ref := p.key.admit(p.doors.Clock()); ref != nil {
			return ref
		}
		defer p.key.bodies.leave()
		return p.doors.Deliver(p.In(ctx), b)
	})
}
