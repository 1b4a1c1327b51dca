package metrics

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal/topology"
)

const epoch = int64(1_700_000_000) // s

func svc(name string) fact.Entity { return fact.Entity{Kind: fact.Service, Name: name} }

// A world is a shop of ten services in which every request is simulated: who
// calls whom, how long each takes by itself, what fails.
type world struct {
	r     *rand.Rand
	rate  func(t int64) float64                          // requests from outside per second
	host  func(t int64) float64                          // by how much everything is slower
	fails func(service, version string, t int64) float64 // probability
	slow  func(service, version string, t int64) float64 // seconds more
	down  func(service string, t int64) bool             // answers nothing; its callers fail
	v2    func(t int64) float64                          // share of checkout's requests that v2 serves

	wire    func(client, server string, t int64) float64 // seconds more between the two
	refuses func(client, server string, t int64) bool    // the server fails this request of the client

	edges map[string]*topology.EdgeStep
}

var (
	shop = map[string][]string{
		"front": {"catalog", "cart", "checkout"}, "catalog": {"stock"}, "cart": {"redis"},
		"checkout": {"payment", "shipping", "mail"}, "payment": {"bank"}, "shipping": {"stock"},
	}
	own = map[string]float64{ // seconds
		"front": 0.004, "catalog": 0.003, "cart": 0.002, "checkout": 0.006, "payment": 0.008, "shipping": 0.003,
		"mail": 0.010, "stock": 0.002, "bank": 0.020, "redis": 0.0005,
	}
	odds = map[string]float64{"checkout": 0.3, "cart": 0.6}
)

func newWorld(seed uint64) *world {
	return &world{
		r:     rand.New(rand.NewPCG(seed, 1)),
		rate:  func(int64) float64 { return 60 },
		host:  func(int64) float64 { return 1 },
		fails: func(string, string, int64) float64 { return 0 },
		slow:  func(string, string, int64) float64 { return 0 },
		down:  func(string, int64) bool { return false },
		v2:    func(int64) float64 { return 0 },

		wire:    func(string, string, int64) float64 { return 0 },
		refuses: func(string, string, int64) bool { return false },
	}
}

func poisson(r *rand.Rand, mean float64) int {
	if mean > 30 {
		return max(int(math.Round(mean+math.Sqrt(mean)*r.NormFloat64())), 0)
	}
	n, p, l := 0, 1.0, math.Exp(-mean)
	for {
		if p *= r.Float64(); p < l {
			return n
		}
		n++
	}
}

// second simulates one second.
func (w *world) second(t int64) topology.Step {
	w.edges = make(map[string]*topology.EdgeStep)
	for range poisson(w.r, w.rate(t)) {
		w.call("", "front", t)
	}
	st := topology.Step{At: (epoch + t) * 1000}
	for _, e := range w.edges {
		st.Edges = append(st.Edges, *e)
	}
	slices.SortFunc(st.Edges, func(a, b topology.EdgeStep) int {
		return strings.Compare(fmt.Sprint(a.Server, a.Client, a.Side, a.Version), fmt.Sprint(b.Server, b.Client, b.Side, b.Version))
	})
	return st
}

// call returns how long it took and whether it failed, as the caller sees it.
func (w *world) call(client, server string, t int64) (took float64, failed bool) {
	if w.down(server, t) {
		took, failed = 0.001, true
		w.note(client, server, "client", "", took, 0, failed)
		return took, failed
	}
	version := "v1"
	if server == "checkout" && w.r.Float64() < w.v2(t) {
		version = "v2"
	}
	took = own[server]*math.Exp(0.4*w.r.NormFloat64())*w.host(t) + w.slow(server, version, t)
	if w.r.Float64() < 0.002 {
		took += 0.2 * w.r.Float64() // a collection of garbage, a retransmission
	}
	child := 0.0
	for _, callee := range shop[server] {
		if p, ok := odds[callee]; ok && w.r.Float64() > p {
			continue
		}
		d, f := w.call(server, callee, t)
		child += d
		failed = failed || f
	}
	took += child
	failed = failed || w.r.Float64() < w.fails(server, version, t) || w.refuses(client, server, t)
	if server != "redis" { // tells nothing itself
		w.note(client, server, "server", version, took, child, failed)
	}
	wire := 0.0003*w.host(t)*math.Exp(0.3*w.r.NormFloat64()) + w.wire(client, server, t)
	if client != "" {
		w.note(client, server, "client", "", took+wire, 0, failed)
	}
	return took + wire, failed
}

func (w *world) note(client, server, side, version string, took, child float64, failed bool) {
	key := client + ">" + server + " " + side + version
	e := w.edges[key]
	if e == nil {
		e = &topology.EdgeStep{Server: svc(server), Side: side, Version: version}
		if client != "" {
			e.Client = svc(client)
		}
		w.edges[key] = e
	}
	e.Requests++
	if failed {
		e.Errors++
	}
	e.SumNanos += uint64(took * 1e9)
	e.ChildNanos += uint64(child * 1e9)
}

// watch plays seconds from..to and returns the findings as last told, and all
// tellings in order. Steps come two seconds late, as they do.
func (w *world) watch(m *Metrics, from, to int64) (last map[string]fact.Finding, told []fact.Finding) {
	last = make(map[string]fact.Finding)
	for t := from; t < to; t++ {
		m.Step(w.second(t))
		for _, f := range m.Tick((epoch + t + 3) * 1000) {
			last[f.ID] = f
			told = append(told, f)
		}
	}
	return last, told
}

func about(f fact.Finding) string {
	s := f.Signal.Name + " of "
	if f.Signal.Side != "" {
		s += f.Signal.Client.Name + ">"
	}
	s += f.Signal.Entity.Name
	if v := f.Signal.Labels.Get("version"); v != "" {
		s += "@" + v
	}
	if f.Signal.Side != "" {
		s += " " + f.Signal.Side
	}
	return s
}

func describe(f fact.Finding) string {
	over := "lasts"
	if !f.Ended.IsZero() {
		over = fmt.Sprintf("ended %+d s", f.Ended.Unix()-epoch)
	}
	return fmt.Sprintf("%s %s: onset %+d s, seen %+d s, %s, score %.1f, %.4g → %.4g", about(f), f.Direction,
		f.Onset.Unix()-epoch, f.Seen.Unix()-epoch, over, f.Score, f.Before, f.Now)
}

func find(fs map[string]fact.Finding, what string) *fact.Finding {
	for _, f := range fs {
		if about(f) == what {
			return &f
		}
	}
	return nil
}

func list(t *testing.T, fs map[string]fact.Finding) {
	t.Helper()
	var out []string
	for _, f := range fs {
		out = append(out, describe(f))
	}
	slices.Sort(out)
	t.Log("\n" + strings.Join(out, "\n"))
}

func within(at time.Time, from, to int64) bool {
	s := at.Unix() - epoch
	return s >= from && s <= to
}

// tells says of every series that it tells of the same.
func tells(e fact.Entity, instance string) func(fact.Labels) (fact.Entity, string) {
	return func(fact.Labels) (fact.Entity, string) { return e, instance }
}

// snapshot is what is saved of m.
func snapshot(m *Metrics) ([]byte, error) {
	var b bytes.Buffer
	err := m.Save(&b)
	return b.Bytes(), err
}
