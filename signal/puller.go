package signal

import "context"

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

// Enter checks the limits of this source before something that was read is
// handed on. leave must be called when that is done.
func (p *Puller) Enter() (leave func(), ref *Refusal) {
	if ref := p.key.admit(p.doors.Clock()); ref != nil {
		return func() {}, ref
	}
	return p.key.bodies.leave, nil
}
