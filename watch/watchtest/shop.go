// Package watchtest is a small synthetic shop that breaks on request, for the
// tests of the watch.
//
// It answers one question: what would the telemetry look like if this were
// wrong? Ten services call each other second by second; a [Fault] changes what
// they do from one moment to another. The same seed gives the same requests.
//
// # Limits
//
// Nothing queues: a service is as slow as its fault says, whatever the load.
package watchtest

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/watch/flow"
)

// Start is the first second of every shop.
var Start = time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC)

// Service names a service of the shop.
func Service(name string) fact.Entity { return fact.Entity{Kind: fact.Service, Name: name} }

type call struct {
	to       string
	p        float64 // how often
	optional bool    // its failure is borne
}

type node struct {
	own   time.Duration // own work, on average
	calls []call
}

func shop() map[string]node {
	ms := func(n float64) time.Duration { return time.Duration(n * 1e6) }
	return map[string]node{
		"frontend":       {ms(5), []call{{"catalog", 1, false}, {"cart", 0.5, false}, {"recommendation", 0.5, true}, {"checkout", 0.5, false}}},
		"catalog":        {ms(8), []call{{"inventory", 0.3, false}}},
		"cart":           {ms(4), nil},
		"recommendation": {ms(10), []call{{"catalog", 1, false}}},
		"checkout":       {ms(10), []call{{"cart", 1, false}, {"payment", 1, false}, {"shipping", 1, false}, {"currency", 1, false}, {"email", 1, true}}},
		"payment":        {ms(20), []call{{"currency", 0.5, false}}},
		"shipping":       {ms(12), []call{{"inventory", 1, false}}},
		"inventory":      {ms(6), nil},
		"currency":       {ms(2), nil},
		"email":          {ms(9), nil},
	}
}

// A Fault is what goes wrong, from From to To seconds after the start. The zero
// To means for good.
type Fault struct {
	From, To int

	Service string  // which service; the fields below are about it
	Version string  // only this version of it; empty: all
	Fails   float64 // this share of its requests, by itself
	Slower  time.Duration
	Gone    bool           // it does not answer, and tells nothing
	Retries int            // it tries failed calls again, so many times
	Weights map[string]int // its versions' shares in percent

	Surge  float64 // the outside asks so many times as often
	Factor float64 // everything takes so many times as long
	Repeat int     // with Service and Callee: calls it so many more times
	Callee string
}

// A Shop runs.
type Shop struct {
	nodes   map[string]node
	faults  []Fault
	rnd     *rand.Rand
	perSec  float64
	timeout time.Duration
	second  int
	ids     uint64

	Spans []fact.Span // of the last second
	Calls []Call      // of the last second
}

// A Call is one edge crossed once, with both sides' figures.
type Call struct {
	Second           int64
	Client, Server   fact.Entity
	Version          string
	Instance         string
	ClientN, ServerN flow.Count // ServerN has no requests when the server told nothing
}

// NewShop returns a shop that gets perSec requests a second from outside.
func NewShop(seed uint64, perSec float64, faults ...Fault) *Shop {
	return &Shop{nodes: shop(), faults: faults, rnd: rand.New(rand.NewPCG(seed, 7)), perSec: perSec, timeout: time.Second}
}

// Second lets one second pass: its requests are in Spans and Calls.
func (s *Shop) Second() {
	s.Spans, s.Calls = nil, nil
	rate := s.perSec
	for f := range s.active("") {
		if f.Surge > 0 {
			rate *= f.Surge
		}
	}
	at := Start.Add(time.Duration(s.second) * time.Second).UnixNano()
	for n := s.poisson(rate); n > 0; n-- {
		var trace [16]byte
		s.next(trace[:8])
		s.serve(trace, [8]byte{}, "", "frontend", at+s.rnd.Int64N(700e6))
	}
	s.second++
}

// Now is the moment after the last second.
func (s *Shop) Now() time.Time { return Start.Add(time.Duration(s.second) * time.Second) }

func (s *Shop) poisson(mean float64) int {
	n := 0
	for left := mean; ; n++ {
		if left -= s.rnd.ExpFloat64(); left < 0 {
			return n
		}
	}
}

func (s *Shop) next(b []byte) {
	s.ids++
	binary.BigEndian.PutUint64(b, s.ids)
}

// active yields the faults of a service that hold now.
func (s *Shop) active(service string) func(func(*Fault) bool) {
	return func(yield func(*Fault) bool) {
		for i := range s.faults {
			f := &s.faults[i]
			if f.Service == service && s.second >= f.From && (f.To == 0 || s.second < f.To) && !yield(f) {
				return
			}
		}
	}
}

func (s *Shop) version(name string) string {
	weights := map[string]int{"v1": 100}
	for f := range s.active(name) {
		if f.Weights != nil {
			weights = f.Weights
		}
	}
	x := s.rnd.IntN(100)
	for _, v := range []string{"v1", "v2"} {
		if x -= weights[v]; x < 0 {
			return v
		}
	}
	return "v1"
}

// serve runs one request and everything below it. It returns how long the
// caller waited and whether it failed.
func (s *Shop) serve(trace [16]byte, parent [8]byte, client, name string, start int64) (time.Duration, bool) {
	n, v := s.nodes[name], s.version(name)
	var id [8]byte
	s.next(id[:])
	own := time.Duration(float64(n.own) * (0.7 + 0.6*s.rnd.Float64()))
	failed, gone, retries := false, false, 0
	for f := range s.active("") {
		if f.Factor > 0 {
			own = time.Duration(float64(own) * f.Factor)
		}
	}
	again := make(map[string]int)
	for f := range s.active(name) {
		if f.Version != "" && f.Version != v {
			continue
		}
		failed = failed || s.rnd.Float64() < f.Fails
		own += f.Slower
		gone = gone || f.Gone
		retries = max(retries, f.Retries)
		again[f.Callee] += f.Repeat
	}
	if gone {
		s.record(client, name, v, flow.Count{Requests: 1, Errors: 1, Nanos: 2e6}, flow.Count{})
		s.span(trace, id, parent, client, name, v, start, start, 2*time.Millisecond, true, true)
		return 2 * time.Millisecond, true
	}
	var child time.Duration
	for _, c := range n.calls {
		if failed || s.rnd.Float64() >= c.p {
			continue
		}
		for try := 0; try <= retries+again[c.to]; try++ {
			d, bad := s.serve(trace, id, name, c.to, start+int64(own/2+child))
			child += d
			failed = failed || bad && !c.optional && try >= retries
			if !bad && try >= again[c.to] {
				break
			}
		}
	}
	total := own + child
	waited, timedOut := total+300*time.Microsecond, false
	if client != "" && waited > s.timeout {
		waited, timedOut = s.timeout, true
	}
	s.record(client, name, v,
		flow.Count{Requests: 1, Errors: bit(failed || timedOut), Nanos: uint64(waited)},
		flow.Count{Requests: 1, Errors: bit(failed), Nanos: uint64(total), Child: uint64(child)})
	s.span(trace, id, parent, client, name, v, start, start+int64(waited-min(waited, total))/2, total, failed, false)
	if client != "" {
		s.clientSpan(trace, id, parent, client, name, start, waited, failed || timedOut)
	}
	return waited, failed || timedOut
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func (s *Shop) record(client, name, v string, c, sv flow.Count) {
	call := Call{Second: Start.Unix() + int64(s.second), Server: Service(name), Version: v, Instance: name + "-" + v, ServerN: sv}
	if client != "" {
		call.Client, call.ClientN = Service(client), c
	}
	s.Calls = append(s.Calls, call)
}

// span writes the server's span (its parent is the client's, whose id is the
// server's with the first bit set), or, when the server is gone, only the
// client's.
func (s *Shop) span(trace [16]byte, id, parent [8]byte, client, name, v string, clientStart, start int64, d time.Duration, failed, gone bool) {
	if gone {
		if client != "" {
			s.clientSpan(trace, id, parent, client, name, clientStart, d, true)
		}
		return
	}
	sp := fact.Span{TraceID: trace, ID: id, Entity: Service(name), Instance: name + "-" + v, Version: v, Kind: fact.SpanServer, Name: "GET /" + name, Start: start, End: start + int64(d), Failed: failed}
	if client != "" {
		sp.Parent = clientID(id)
	}
	s.Spans = append(s.Spans, sp)
}

func clientID(id [8]byte) [8]byte {
	id[0] |= 0x80
	return id
}

func (s *Shop) clientSpan(trace [16]byte, id, parent [8]byte, client, name string, start int64, d time.Duration, failed bool) {
	s.Spans = append(s.Spans, fact.Span{TraceID: trace, ID: clientID(id), Parent: parent, Entity: Service(client), Version: "v1", Kind: fact.SpanClient, Name: "GET /" + name, Peer: name, Start: start, End: start + int64(d), Failed: failed})
}

// Fill lets the shop run for some seconds into a ring.
func (s *Shop) Fill(r *flow.Ring, seconds int) {
	for range seconds {
		s.Second()
		for _, c := range s.Calls {
			r.Add(c.Second, flow.Key{Client: c.Client, Server: c.Server, Side: flow.Server, Version: c.Version}, c.ServerN)
			r.Add(c.Second, flow.Key{Client: c.Client, Server: c.Server, Side: flow.Client}, c.ClientN)
			n := c.ServerN
			n.Child = 0
			r.Add(c.Second, flow.Key{Server: c.Server, Side: flow.Process, Version: c.Version, Instance: c.Instance}, n)
		}
	}
}

// Symptoms compares the seconds after the onset with those before, as a simple
// detector would, and returns the findings: failures of at least three requests
// and one in a hundred more, durations half as long again, requests half as
// many again or half as many.
func Symptoms(p *flow.Picture, onset time.Time) []fact.Finding {
	var out []fact.Finding
	found := func(kind fact.SignalKind, dir fact.Direction, client, server fact.Entity, side string, before, now float64) {
		f := fact.Finding{Signal: fact.Signal{Kind: kind, Entity: server, Client: client, Side: side}, Direction: dir, Onset: onset, Seen: onset.Add(4 * time.Second), Before: before, Now: now, Score: 10}
		f.ID = fact.ID("fnd", string(kind), server.String(), client.String(), side)
		out = append(out, f)
	}
	look := func(q flow.Pair, client, server fact.Entity, side string) {
		if q.ExcessErrors() >= 3 && q.Now.ErrorRatio() > q.Before.ErrorRatio()+0.01 {
			found(fact.Errors, fact.Up, client, server, side, q.Before.ErrorRatio(), q.Now.ErrorRatio())
		}
		if q.Now.Requests >= 5 && q.Now.Mean() > 1.5*q.Before.Mean() && q.Before.Requests > 0 {
			found(fact.Latency, fact.Up, client, server, side, q.Before.Mean(), q.Now.Mean())
		}
		if times := q.Now.Rate() / math.Max(q.Before.Rate(), 1e-9); q.Before.Requests >= 20 && times > 1.5 {
			found(fact.Traffic, fact.Up, client, server, side, q.Before.Rate(), q.Now.Rate())
		}
	}
	for _, e := range p.Edges {
		look(e.Caller, e.Client, e.Server, string(flow.Client))
		look(e.Callee, e.Client, e.Server, string(flow.Server))
	}
	return out
}
