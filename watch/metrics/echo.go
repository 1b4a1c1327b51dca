package metrics

import (
	"math"
	"strings"

	"github.com/steersman-ops/steersman/fact"
)

const (
	// echoPart is the part of an edge's rise that its callee must show too for
	// the edge to tell nothing new.
	echoPart = 0.7
	// echoWait is how many seconds an edge waits for its callee to be judged.
	echoWait = 2
)

// hush keeps the findings of an edge back while they are echoes. Numbers that
// everybody sees are one story: it is told of the service; of the callee's side
// of an edge only when one caller fares worse than the others; of the caller's
// side only when the callee's does not show it, because the network or silence
// lies between. What was told once is told to its end.
func (m *Metrics) hush(f *flow, t int64) {
	var louder *flow
	switch f.key.What {
	case edgeServer:
		louder = m.flows.byKey[flowKey{What: service, Server: f.key.Server}]
	case edgeClient:
		louder = m.flows.byKey[flowKey{What: edgeServer, Client: f.key.Client, Server: f.key.Server}]
	}
	if louder == nil {
		return
	}
	if e := f.errors.ep; e.untold() {
		c, d := f.since(e, t), louder.since(e, t)
		same := d.shows(c, ratio(d)-louder.errors.base(), ratio(c)-f.errors.base())
		e.hush(same, louder.errors.ep, t)
	}
	if e := f.total.ep; e.untold() {
		c, d := f.since(e, t), louder.since(e, t)
		same := d.shows(c, louder.total.mean(d)-louder.total.base(), f.total.mean(c)-f.total.base())
		e.hush(same, louder.total.ep, t)
	}
}

// since sums the seconds of an episode, a minute of them at most.
func (f *flow) since(e *episode, t int64) count {
	return f.over(t, int(min(t-e.Finding.Onset.Unix()+1, history)))
}

// shows reports whether d, which rose by the given amount, has most of the
// requests and of the rise of c.
func (d count) shows(c count, rise, ofRise float64) bool {
	return 2*d.N >= c.N && rise >= echoPart*ofRise
}

func (s *slowSignal) base() float64 {
	middle, _ := s.level.Level()
	return math.Exp(middle)
}

func (e *episode) untold() bool { return e.lasts() && e.Told == 0 }

// hush notes whether e is an echo: the louder flow shows the same, and there is
// a finding about it or may be one in a moment.
func (e *episode) hush(same bool, louder *episode, t int64) {
	if e.Judged == 0 {
		e.Judged = t
	}
	e.Echo = same && (louder.lasts() || e.Echo && e.Heard || t-e.Judged < echoWait)
	e.Heard = e.Echo && (e.Heard || louder.lasts())
}

// retells reports whether a series counts the requests of a service or adds up
// their durations, while there is a finding from the spans of these requests:
// then it says the same once more.
func (m *Metrics) retells(name string, e fact.Entity) bool {
	if !countsRequests(name) {
		return false
	}
	f := m.flows.byKey[flowKey{What: service, Server: e}]
	return f != nil && f.abnormal()
}

// countsRequests tells from its name whether a series is a part of what is
// measured of each request, as http_server_request_duration_seconds_sum.
func countsRequests(name string) bool {
	base := name
	for _, end := range []string{"_sum", "_count", "_total"} {
		base = strings.TrimSuffix(base, end)
	}
	if base == name {
		return false
	}
	for _, part := range []string{"request", "response", "rpc_", "latency"} {
		if strings.Contains(base, part) {
			return true
		}
	}
	return false
}
