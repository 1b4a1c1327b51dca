package flow

import (
	"maps"
	"slices"

	"github.com/steersman-ops/steersman/fact"
)

// A Sum is a Count over a length of time, with the figures people ask for.
type Sum struct {
	Requests, Errors float64
	Total, Child     float64 // seconds of work, added up
	Seconds          float64 // length of the window
}

func (s Sum) plus(t Sum) Sum {
	return Sum{s.Requests + t.Requests, s.Errors + t.Errors, s.Total + t.Total, s.Child + t.Child, max(s.Seconds, t.Seconds)}
}

func ratio(a, b float64) float64 {
	if b <= 0 {
		return 0
	}
	return a / b
}

// ErrorRatio is the share of requests that failed; 0 without requests.
func (s Sum) ErrorRatio() float64 { return ratio(s.Errors, s.Requests) }

// Mean is the mean duration in seconds; 0 without requests.
func (s Sum) Mean() float64 { return ratio(s.Total, s.Requests) }

// Self is the mean time in seconds that the callee itself took: its duration
// without what its own calls covered.
func (s Sum) Self() float64 { return ratio(s.Total-s.Child, s.Requests) }

// Below is the mean time in seconds that the callee's own calls covered.
func (s Sum) Below() float64 { return ratio(s.Child, s.Requests) }

// Rate is the number of requests per second.
func (s Sum) Rate() float64 { return ratio(s.Requests, s.Seconds) }

// A Pair sets now against before.
type Pair struct{ Before, Now Sum }

// ExcessErrors is how many of the requests now failed beyond the ratio of
// before. Without a before, the normal ratio is taken to be zero.
func (p Pair) ExcessErrors() float64 {
	return max(0, p.Now.Errors-p.Before.ErrorRatio()*p.Now.Requests)
}

// An Edge is one service calling another, as both sides measured it.
type Edge struct {
	Client, Server fact.Entity
	Caller         Pair // as the caller measured
	Callee         Pair // as the callee measured
}

// A Service is all that was asked of one service, as it measured itself.
type Service struct {
	Entity    fact.Entity
	In        Pair
	Versions  []Part
	Instances []Part
}

// A Part is what one version or one process of a service served.
type Part struct {
	Name    string
	Version string // of the process
	Pair
}

// A Picture is every edge and service, now against before, in order of name.
type Picture struct {
	Edges    []Edge
	Services []Service
}

// Service returns the named service and whether there is one.
func (p *Picture) Service(e fact.Entity) (Service, bool) {
	i, ok := slices.BinarySearchFunc(p.Services, e, func(s Service, e fact.Entity) int { return CompareEntities(s.Entity, e) })
	if !ok {
		return Service{}, false
	}
	return p.Services[i], true
}

type edgeID struct{ client, server fact.Entity }

type builder struct {
	edges    map[edgeID]*Edge
	services map[fact.Entity]*Service
	versions map[Key]*Part
	procs    map[Key]*Part
}

// NewPicture sets two sums against each other. Streams of other things than
// services are left out.
func NewPicture(before, now *Sums) Picture {
	b := builder{make(map[edgeID]*Edge), make(map[fact.Entity]*Service), make(map[Key]*Part), make(map[Key]*Part)}
	for _, s := range before.Streams {
		b.take(s.Key, func(p *Pair) { p.Before = p.Before.plus(s.N.Over(0)) })
	}
	for _, s := range now.Streams {
		b.take(s.Key, func(p *Pair) { p.Now = p.Now.plus(s.N.Over(0)) })
	}
	return b.picture(before.Seconds(), now.Seconds())
}

func (b *builder) take(k Key, add func(*Pair)) {
	if k.Server.IsZero() {
		return
	}
	b.service(k.Server)
	if !k.Client.IsZero() {
		b.service(k.Client)
	}
	switch k.Side {
	case Client:
		add(&b.edge(k).Caller)
	case Server:
		add(&b.edge(k).Callee)
		add(&b.service(k.Server).In)
		add(&part(b.versions, Key{Server: k.Server, Version: k.Version}, k.Version).Pair)
	case Process:
		add(&part(b.procs, Key{Server: k.Server, Version: k.Version, Instance: k.Instance}, k.Instance).Pair)
	}
}

func (b *builder) edge(k Key) *Edge {
	id := edgeID{k.Client, k.Server}
	e, ok := b.edges[id]
	if !ok {
		e = &Edge{Client: k.Client, Server: k.Server}
		b.edges[id] = e
	}
	return e
}

func (b *builder) service(e fact.Entity) *Service {
	s, ok := b.services[e]
	if !ok {
		s = &Service{Entity: e}
		b.services[e] = s
	}
	return s
}

func part(m map[Key]*Part, k Key, name string) *Part {
	p, ok := m[k]
	if !ok {
		p = &Part{Name: name, Version: k.Version}
		m[k] = p
	}
	return p
}

func (b *builder) picture(before, now float64) Picture {
	set := func(p *Pair) { p.Before.Seconds, p.Now.Seconds = before, now }
	for _, k := range slices.SortedFunc(maps.Keys(b.versions), Compare) {
		p := b.versions[k]
		set(&p.Pair)
		b.services[k.Server].Versions = append(b.services[k.Server].Versions, *p)
	}
	for _, k := range slices.SortedFunc(maps.Keys(b.procs), Compare) {
		p := b.procs[k]
		set(&p.Pair)
		b.services[k.Server].Instances = append(b.services[k.Server].Instances, *p)
	}
	var out Picture
	for _, e := range b.edges {
		set(&e.Caller)
		set(&e.Callee)
		out.Edges = append(out.Edges, *e)
	}
	for _, s := range b.services {
		set(&s.In)
		out.Services = append(out.Services, *s)
	}
	slices.SortFunc(out.Edges, func(a, b Edge) int {
		return Compare(Key{Client: a.Client, Server: a.Server}, Key{Client: b.Client, Server: b.Server})
	})
	slices.SortFunc(out.Services, func(a, b Service) int { return CompareEntities(a.Entity, b.Entity) })
	return out
}
