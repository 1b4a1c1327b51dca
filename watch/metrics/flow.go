package metrics

import (
	"math"
	"slices"
	"strings"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/learn/level"
	"github.com/steersman-ops/steersman/signal/topology"
)

// what is what a flow gathers.
type what uint8

const (
	service    what = iota // all requests to a service, as it measured
	version                // those that one version served
	edgeServer             // those of one caller, as the callee measured
	edgeClient             // those of one caller, as the caller measured
)

// The names of the signals of a flow.
const (
	errorRatio = "error ratio"
	duration   = "duration"
	selfTime   = "self time"
	requests   = "request rate"
)

// flowKey names a flow.
type flowKey struct {
	What           what
	Client, Server fact.Entity // a zero Client on an edge is the outside
	Version        string
}

// A count is what flowed in some time.
type count struct {
	N, Err     uint32
	Sum, Child uint64 // ns
}

func (c *count) add(d count) {
	c.N += d.N
	c.Err += d.Err
	c.Sum += d.Sum
	c.Child += d.Child
}

// history is the number of seconds that a flow remembers one by one.
const history = 64

// A flow is the requests that one key gathers, and what was learned of them.
type flow struct {
	key     flowKey
	born    int64          // the second of its first requests
	last    int64          // the latest second that had requests
	silence int64          // the seconds without any before it
	seen    [history]int64 // which second a place of counts holds
	counts  [history]count
	errors  errorSignal
	total   slowSignal
	self    slowSignal
	load    loadSignal
	entry   bool // outsiders call it
	rivals  int  // for a service: its versions with requests in the last minute; kept on the service's flow
}

// at returns what flowed in a second.
func (f *flow) at(sec int64) count {
	if i := sec & (history - 1); f.seen[i] == sec {
		return f.counts[i]
	}
	return count{}
}

func (f *flow) add(sec int64, c count) {
	i := sec & (history - 1)
	if f.seen[i] != sec {
		f.seen[i], f.counts[i] = sec, count{}
	}
	f.counts[i].add(c)
	if sec > f.last {
		f.silence, f.last = sec-f.last-1, sec
	}
}

// over sums the n seconds that end with sec.
func (f *flow) over(sec int64, n int) count {
	var c count
	for s := sec - int64(n) + 1; s <= sec; s++ {
		c.add(f.at(s))
	}
	return c
}

// abnormal reports whether any finding about the flow lasts: then nothing is
// learned from it.
func (f *flow) abnormal() bool {
	return f.errors.ep.lasts() || f.total.ep.lasts() || f.self.ep.lasts() || f.load.ep.lasts()
}

// flows are all that are watched, in order of appearance.
type flows struct {
	second  int64 // of the last step
	lastAny int64 // the latest second in which any service had requests
	// anySince is since when some have, without a gap: after one, services come
	// back one by one.
	anySince int64
	list     []*flow
	byKey    map[flowKey]*flow
	// busy is what all services have in common at the moment; see host.go.
	busy      common
	lastBusy  int64               // the latest second in which the machine was busy
	lastStall int64               // the latest in which everything stood still
	stalled   int                 // for how many seconds in a row it has
	slower    [slownesses]float64 // common.Slower of the last seconds, in a ring
}

func newFlows() flows { return flows{byKey: make(map[flowKey]*flow)} }

func (m *Metrics) step(t int64, edges []topology.EdgeStep) {
	m.flows.second = t
	for i := range edges {
		m.take(t, &edges[i])
	}
	m.countRivals(t)
	m.findEntries(t)
	m.flows.share(t)
	for _, f := range m.flows.list {
		m.judge(f, t)
	}
	for _, f := range m.flows.list {
		m.hush(f, t)
	}
}

// share notes what the services have in common in second t.
func (fs *flows) share(t int64) {
	fs.busy = fs.common(t)
	fs.slower[t%slownesses] = fs.busy.Slower
	if fs.busy.Busy {
		fs.lastBusy = t
	}
	fs.stalled = next(fs.stalled, fs.busy.Stalled)
	if fs.busy.Stalled {
		fs.lastStall = t
	}
}

func (m *Metrics) take(t int64, e *topology.EdgeStep) {
	c := count{e.Requests, e.Errors, e.SumNanos, min(e.ChildNanos, e.SumNanos)}
	if e.Side != topology.ServerSide {
		m.flow(flowKey{What: edgeClient, Client: e.Client, Server: e.Server}, t, c)
		return
	}
	if t-m.flows.lastAny > 2 {
		m.flows.anySince = t
	}
	m.flows.lastAny = t
	m.flow(flowKey{What: edgeServer, Client: e.Client, Server: e.Server}, t, c)
	m.flow(flowKey{What: service, Server: e.Server}, t, c)
	if e.Version != "" {
		m.flow(flowKey{What: version, Server: e.Server, Version: e.Version}, t, c)
	}
}

// flow adds a count to the flow of a key, making one if there is room.
func (m *Metrics) flow(k flowKey, t int64, c count) *flow {
	f := m.flows.byKey[k]
	if f == nil {
		if len(m.flows.list) >= m.cfg.MaxFlows {
			m.stats.OverFlows++
			return nil
		}
		f = newFlow(k, t)
		if k.What == version {
			f.inherit(m.flows.byKey[flowKey{What: service, Server: k.Server}])
		}
		m.flows.byKey[k] = f
		m.flows.list = append(m.flows.list, f)
	}
	f.add(t, c)
	return f
}

func newFlow(k flowKey, t int64) *flow {
	f := &flow{key: k, born: t, last: t, entry: (k.What == edgeServer || k.What == edgeClient) && k.Client.IsZero()}
	f.errors.from = t
	f.total, f.self, f.load = newSlowSignal(t, false), newSlowSignal(t, true), newLoadSignal(t)
	return f
}

// inherit lets a version begin with what is normal for its service, so that a
// bad release is seen in its first seconds.
func (f *flow) inherit(s *flow) {
	if s == nil {
		return
	}
	f.errors.Bad, f.errors.Good = s.errors.Bad, s.errors.Good
	f.total.level, f.self.level = cloneLevel(s.total.level), cloneLevel(s.self.level)
	if s.total.level.Ready() {
		f.born = min(f.born, s.born)
	}
}

func cloneLevel(d *level.Detector) *level.Detector {
	out := newLevel(slowLevel())
	for _, v := range d.Values(nil) {
		_ = out.Learn(float64(v)) // finite: the other window holds it
	}
	return out
}

// judge looks at one flow at the end of a second.
func (m *Metrics) judge(f *flow, t int64) {
	if f.key.What == version {
		// A service's only version tells nothing that the service does not.
		s := m.flows.byKey[flowKey{What: service, Server: f.key.Server}]
		if s != nil && s.rivals < 2 && !f.abnormal() {
			f.learn(t)
			return
		}
	}
	m.judgeErrors(f, t)
	m.judgeSlow(f, &f.total, t)
	if f.key.What == service || f.key.What == version {
		m.judgeSlow(f, &f.self, t)
	}
	if f.key.What == service {
		m.judgeLoad(f, t)
	}
	f.learn(t)
}

func (f *flow) learn(t int64) {
	frozen := f.abnormal()
	f.errors.learn(f, t, frozen)
	f.total.learn(t, f.at(t), frozen)
	f.self.learn(t, f.at(t), frozen)
	f.load.learn(t, f.at(t).N, f.silence, frozen)
}

// countRivals notes for each service how many of its versions have requests.
func (m *Metrics) countRivals(t int64) {
	for _, f := range m.flows.list {
		f.rivals = 0
	}
	for _, f := range m.flows.list {
		if f.key.What == version && t-f.last < 60 {
			if s := m.flows.byKey[flowKey{What: service, Server: f.key.Server}]; s != nil {
				s.rivals++
			}
		}
	}
}

// entryPart is the part of a service's requests that must come from outside for
// it to be an entry. A few always seem to, because the caller's span was lost.
const entryPart = 0.05

// findEntries notes which services outsiders call, by the last minute; who was
// not called at all in it stays what it was.
func (m *Metrics) findEntries(t int64) {
	for _, f := range m.flows.list {
		if f.key.What != service {
			continue
		}
		if all := f.over(t, 60).N; all > 0 {
			out := m.flows.byKey[flowKey{What: edgeServer, Server: f.key.Server}]
			f.entry = out != nil && float64(out.over(t, 60).N) >= entryPart*float64(all)
		}
	}
}

func (f *flow) signal(name string) fact.Signal {
	s := fact.Signal{Name: name, Entity: f.key.Server, Query: f.key.query(name)}
	switch name {
	case errorRatio:
		s.Kind, s.Unit = fact.Errors, "ratio"
	case duration, selfTime:
		s.Kind, s.Unit = fact.Latency, "seconds"
	default:
		s.Kind, s.Unit = fact.Traffic, "requests per second"
	}
	switch f.key.What {
	case edgeClient:
		s.Client, s.Side = f.key.Client, topology.ClientSide
	case edgeServer:
		s.Client, s.Side = f.key.Client, topology.ServerSide
	case version:
		// One label with a valid value: there is nothing to refuse.
		s.Labels, _ = fact.NewLabels([]fact.Label{{Name: "version", Value: strings.ToValidUTF8(f.key.Version, "\uFFFD")}})
	}
	return s
}

// readiness returns how ready the services are (or one of them), and false
// when there is none.
func (fs *flows) readiness(e fact.Entity) (float64, bool) {
	sum, n := 0.0, 0
	for _, f := range fs.list {
		if f.key.What == service && (e.IsZero() || f.key.Server == e) {
			sum += math.Min(float64(f.total.level.Learned())/float64(slowLevel().Ready), 1)
			n++
		}
	}
	if n == 0 {
		return 0, false
	}
	return sum / float64(n), true
}

func (m *Metrics) forgetFlows(before int64) {
	m.flows.list = slices.DeleteFunc(m.flows.list, func(f *flow) bool {
		if f.last >= before {
			return false
		}
		for _, e := range []*episode{f.errors.ep, f.total.ep, f.self.ep, f.load.ep} {
			if e.lasts() {
				e.end(m.now)
			}
		}
		delete(m.flows.byKey, f.key)
		return true
	})
}
