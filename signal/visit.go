package signal

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// A Caller is who asks to come in, as far as a door can tell before it reads.
type Caller struct {
	Door  string // its kind: "otlp", "remote-write", "hook", …
	Token string // as sent; empty: none
	Peer  string // the address without its port
	Open  bool   // who has no token is let in, under the name that the door gives
	Proof *Named // who has proved to be this source in another way, as by a signature; its token is not asked for
}

// A visit is one request of a caller that was let in. It is in the request's
// context.
type visit struct {
	sender string // whose share it draws on
	key    *key   // nil: it has no name of its own
}

type visitKey struct{}

func visitOf(ctx context.Context) visit {
	v, _ := ctx.Value(visitKey{}).(visit)
	return v
}

// Enter lets a caller in, or refuses it and puts that into the account. The
// context that it returns goes to everything else that is done for this
// request; leave must be called when it is answered.
func (d *Doors) Enter(ctx context.Context, c Caller) (in context.Context, leave func(), ref *Refusal) {
	v := visit{sender: c.Door + "@" + c.Peer}
	if c.Proof != nil {
		v.key = d.Keys.named(c.Proof.Name)
	} else {
		v.key = d.Keys.find(c.Token)
	}
	switch {
	case v.key != nil:
		v.sender = v.key.Name
		ref = v.key.admit(d.Clock())
	case c.Token != "" && d.Owner != nil && d.Owner(c.Token):
	case c.Token != "":
		ref = Refuse(Denied, "token", "no source has it", "make one with `steersman source add NAME`, and send it as Authorization: Bearer …")
	case !c.Open:
		ref = Refuse(Denied, "token", "there is none, and this door wants one", "make one with `steersman source add NAME`, and send it as Authorization: Bearer …")
	}
	in = context.WithValue(ctx, visitKey{}, v)
	if ref != nil {
		d.Turn(in, c.Door, c.Door, ref)
		return in, func() {}, ref
	}
	if v.key == nil {
		return in, func() {}, nil
	}
	return in, v.key.bodies.leave, nil
}

// admit checks the limits that can be checked before a request is read.
func (k *key) admit(now time.Time) *Refusal {
	for _, r := range []struct {
		b     *bucket
		rate  int
		limit string
	}{{&k.bytes, k.Limits.BytesPerSecond, "bytes_per_second"}, {&k.items, k.Limits.ItemsPerSecond, "items_per_second"}} {
		if wait := r.b.wait(r.rate, now); wait > 0 {
			ref := Refuse(Rate, "source "+k.Name, fmt.Sprintf("it has sent more than %d %s, its limit", r.rate, words(r.limit)), "send more slowly, or raise "+r.limit+" of this source")
			ref.After = wait
			return ref
		}
	}
	if !k.bodies.enter(k.Limits.Bodies) {
		return Refuse(Rate, "source "+k.Name, fmt.Sprintf("%d of its requests are in flight, its limit", k.Limits.Bodies), "send the same again, or raise bodies of this source")
	}
	return nil
}

func words(limit string) string {
	if limit == "bytes_per_second" {
		return "bytes a second"
	}
	return "items a second"
}

// Turn accounts for a request that was refused unread: one item, of source, or
// of whoever the context names.
func (d *Doors) Turn(ctx context.Context, source, door string, ref *Refusal) {
	var t Tally
	t.Receive(1)
	t.Settle(ref)
	d.Record(ctx, source, door, d.Clock(), &t)
	d.Sources.Answered(door, ref.Reason.String(), 0)
}

// Account returns the name under which the items of a request are counted: that
// which its token binds, or else what the door calls it.
func (d *Doors) Account(ctx context.Context, name string) string {
	if v := visitOf(ctx); v.key != nil {
		return v.key.Name
	}
	return name
}

// Record adds the tally of one request to the account of the source that the
// context names, or else to that of name.
func (d *Doors) Record(ctx context.Context, name, door string, at time.Time, t *Tally) {
	if v := visitOf(ctx); v.key != nil {
		v.key.items.spend(t.Received, v.key.Limits.ItemsPerSecond, d.Clock())
	}
	d.Sources.Record(d.Account(ctx, name), door, at, t)
}

// Token returns the token that a request carries: a bearer's, the password of
// basic authentication, or what GitLab sends.
func Token(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); strings.EqualFold(scheme, "Bearer") && token != "" {
		return token
	}
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	return r.Header.Get("X-Gitlab-Token")
}

// Peer returns the address of who sent a request, without its port.
func Peer(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// Admit serves only who may come in; see [Doors.Enter].
func (d *Doors) Admit(door string, open bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, leave, ref := d.Enter(r.Context(), Caller{Door: door, Token: Token(r), Peer: Peer(r), Open: open})
		defer leave()
		if ref != nil {
			WriteRefusal(w, ref)
			return
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// Spend counts bytes that were read of a request against the limit of the source
// that the context names, for a door that does not read with [Doors.Read].
func (d *Doors) Spend(ctx context.Context, bytes int) {
	if v := visitOf(ctx); v.key != nil {
		v.key.bytes.spend(int64(bytes), v.key.Limits.BytesPerSecond, d.Clock())
	}
}

// Hold counts n bytes as in flight for a request, until free is called, for a
// door that does not read with [Doors.Read].
func (d *Doors) Hold(ctx context.Context, n int) (free func(), ref *Refusal) {
	who := visitOf(ctx).sender
	if ref := d.hold(who, n, d.Limits.WithDefaults().InFlightBytes); ref != nil {
		return nil, ref
	}
	return func() { d.bodies.give(who, int64(n)) }, nil
}

// Due returns how long the source that the context names has to wait, by its own
// limits, before more of a request that has no end is read.
func (d *Doors) Due(ctx context.Context) time.Duration {
	v := visitOf(ctx)
	if v.key == nil {
		return 0
	}
	now := d.Clock()
	return max(v.key.bytes.wait(v.key.Limits.BytesPerSecond, now), v.key.items.wait(v.key.Limits.ItemsPerSecond, now))
}
