package flow_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/watch/flow"
)

func svc(name string) fact.Entity { return fact.Entity{Kind: fact.Service, Name: name} }

func key(client, server string, side flow.Side) flow.Key {
	k := flow.Key{Server: svc(server), Side: side}
	if client != "" {
		k.Client = svc(client)
	}
	return k
}

// The sums must agree with a list of all that was added.
func TestSumsAgainstAList(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	ring := flow.New(flow.Config{Keep: 50})
	type added struct {
		at int64
		k  flow.Key
		n  flow.Count
	}
	var all []added
	keys := []flow.Key{key("", "a", flow.Server), key("a", "b", flow.Client), key("a", "b", flow.Server)}
	for now := int64(1000); now < 1200; now++ {
		for range r.IntN(4) {
			a := added{now - r.Int64N(3), keys[r.IntN(len(keys))], flow.Count{Requests: 1 + r.Uint64N(5), Errors: r.Uint64N(2), Nanos: 1e6, Child: 5e5}}
			ring.Add(a.at, a.k, a.n)
			all = append(all, a)
		}
		if now%7 == 0 {
			ring.Advance(now)
		}
	}
	for from := int64(1160); from < 1198; from += 5 {
		for _, to := range []int64{from, from + 1, from + 9, 1200} {
			want := make(map[flow.Key]flow.Count)
			for _, a := range all {
				if a.at >= from && a.at < to {
					want[a.k] = want[a.k].Plus(a.n)
				}
			}
			got := ring.Sums(from, to)
			if len(got.Streams) != len(want) || got.Seconds() != float64(to-from) {
				t.Fatalf("[%d, %d): %d streams over %v s, want %d", from, to, len(got.Streams), got.Seconds(), len(want))
			}
			for _, s := range got.Streams {
				if want[s.Key] != s.N {
					t.Errorf("[%d, %d) %v: %+v, want %+v", from, to, s.Key, s.N, want[s.Key])
				}
			}
		}
	}
}

func TestTheRingForgetsAndIsBounded(t *testing.T) {
	ring := flow.New(flow.Config{Keep: 10, MaxKeys: 2})
	one := flow.Count{Requests: 1}
	ring.Add(100, key("", "a", flow.Server), one)
	ring.Add(105, key("", "b", flow.Server), one)
	ring.Add(105, key("", "c", flow.Server), one)
	if ring.Len() != 2 || ring.Dropped() != 1 {
		t.Errorf("%d streams, %d dropped; want 2 and 1", ring.Len(), ring.Dropped())
	}
	ring.Advance(110)
	if ring.Len() != 1 || ring.Cells() != 1 {
		t.Errorf("after 10 s: %d streams, %d cells; want 1 and 1", ring.Len(), ring.Cells())
	}
	ring.Add(90, key("", "b", flow.Server), one)
	if ring.Cells() != 1 {
		t.Errorf("a cell older than the ring was taken")
	}
}

func TestHoles(t *testing.T) {
	ring := flow.New(flow.Config{})
	for at := int64(1000); at < 1020; at++ {
		n := flow.Count{Requests: 10}
		if at >= 1005 && at < 1010 {
			n.Errors = 10
		}
		ring.Add(at, key("", "a", flow.Server), n)
	}
	s := ring.Sums(1000, 1020, flow.Span{From: 1004, To: 1008}, flow.Span{From: 1006, To: 1010}, flow.Span{From: 1019, To: 2000})
	if got := s.Streams[0].N.Over(s.Seconds()); got.Requests != 130 || got.Errors != 0 || got.Rate() != 10 {
		t.Errorf("with holes: %+v over %v s, want 130 requests over 13", got, s.Seconds())
	}
}

// A ring that began a moment ago must not make a rate look small.
func TestAYoungRingKnowsItsAge(t *testing.T) {
	ring := flow.New(flow.Config{})
	for at := int64(1000); at < 1010; at++ {
		ring.Add(at, key("", "a", flow.Server), flow.Count{Requests: 20})
	}
	s := ring.Sums(700, 1010)
	if got := s.Streams[0].N.Over(s.Seconds()).Rate(); got != 20 {
		t.Errorf("rate %v, want 20", got)
	}
}

func TestFigures(t *testing.T) {
	s := flow.Count{Requests: 200, Errors: 30, Nanos: 4e9, Child: 3e9}.Over(10)
	for _, tt := range []struct {
		name      string
		got, want float64
	}{
		{"error ratio", s.ErrorRatio(), 0.15},
		{"mean", s.Mean(), 0.02},
		{"self", s.Self(), 0.005},
		{"below", s.Below(), 0.015},
		{"rate", s.Rate(), 20},
		{"excess: 30 of 200 now, 10 of 1000 before", flow.Pair{Before: flow.Count{Requests: 1000, Errors: 10}.Over(50), Now: s}.ExcessErrors(), 28},
		{"nothing", flow.Sum{}.Mean() + flow.Sum{}.ErrorRatio() + flow.Sum{}.Rate(), 0},
	} {
		if math.Abs(tt.got-tt.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}

func TestPicture(t *testing.T) {
	ring := flow.New(flow.Config{})
	add := func(at int64, client, server, version string, n uint64) {
		k := key(client, server, flow.Server)
		k.Version = version
		ring.Add(at, k, flow.Count{Requests: n, Nanos: n * 1e6})
		if client != "" {
			ring.Add(at, key(client, server, flow.Client), flow.Count{Requests: n, Nanos: n * 2e6})
		}
	}
	add(100, "", "a", "v1", 10)
	add(100, "a", "b", "v1", 6)
	add(105, "a", "b", "v2", 4)
	add(105, "c", "b", "v1", 1)
	ring.Add(105, flow.Key{Server: svc("b"), Side: flow.Process, Instance: "b-1", Version: "v1"}, flow.Count{Requests: 5})
	before, now := ring.Sums(100, 105), ring.Sums(105, 106)
	p := flow.NewPicture(&before, &now)
	if len(p.Services) != 3 || len(p.Edges) != 3 {
		t.Fatalf("%d services, %d edges; want 3 and 3", len(p.Services), len(p.Edges))
	}
	b, ok := p.Service(svc("b"))
	if !ok || b.In.Before.Requests != 6 || b.In.Now.Requests != 5 || b.In.Before.Seconds != 5 || b.In.Now.Seconds != 1 {
		t.Errorf("b: %+v", b.In)
	}
	if len(b.Versions) != 2 || b.Versions[1].Name != "v2" || b.Versions[1].Now.Requests != 4 || b.Versions[1].Before.Requests != 0 {
		t.Errorf("versions of b: %+v", b.Versions)
	}
	if len(b.Instances) != 1 || b.Instances[0].Name != "b-1" || b.Instances[0].Version != "v1" {
		t.Errorf("instances of b: %+v", b.Instances)
	}
	if _, ok := p.Service(svc("nobody")); ok {
		t.Error("found a service that is not there")
	}
}

func TestSnapshotAndBack(t *testing.T) {
	ring := flow.New(flow.Config{})
	ring.Add(100, key("a", "b", flow.Client), flow.Count{Requests: 3, Errors: 1, Nanos: 5})
	ring.Add(102, key("", "a", flow.Server), flow.Count{Requests: 2})
	data, err := ring.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	other := flow.New(flow.Config{})
	if err := other.Restore(data); err != nil {
		t.Fatal(err)
	}
	if a, b := ring.Sums(0, 200), other.Sums(0, 200); !reflect.DeepEqual(a, b) {
		t.Errorf("%+v came back as %+v", a, b)
	}
	if err := other.Restore(data[:len(data)/2]); err == nil {
		t.Error("half a snapshot was taken")
	}
}

func TestGraph(t *testing.T) {
	ring := flow.New(flow.Config{})
	for _, e := range [][2]string{{"", "front"}, {"front", "a"}, {"front", "b"}, {"a", "c"}, {"c", "a"}, {"x", "y"}} {
		ring.Add(100, key(e[0], e[1], flow.Server), flow.Count{Requests: 1})
	}
	g := ring.Graph()
	for _, tt := range []struct {
		from, to string
		want     bool
	}{
		{"front", "c", true}, {"c", "front", false}, {"a", "a", true}, {"c", "c", true}, {"front", "y", false}, {"b", "c", false},
	} {
		if got := g.Reaches(svc(tt.from), svc(tt.to)); got != tt.want {
			t.Errorf("%s reaches %s: %v", tt.from, tt.to, got)
		}
	}
	if g.Reaches(fact.Entity{}, svc("front")) {
		t.Error("the outside reaches everything, which says nothing")
	}
	if !g.CommonCaller(svc("a"), svc("b")) || g.CommonCaller(svc("a"), svc("y")) {
		t.Error("common callers are wrong")
	}
}

func TestQueries(t *testing.T) {
	s := flow.Selector{Server: fact.Entity{Kind: fact.Service, Namespace: "shop", Name: "payment"}, Client: svc("checkout"), Side: flow.Client}
	for _, tt := range []struct{ got, want string }{
		{flow.ErrorRatioQuery(s, "10s"), `(sum(rate(steersman_edge_errors_total{server="payment",server_namespace="shop",client="checkout",side="client"}[10s])) or vector(0)) / (sum(rate(steersman_edge_requests_total{server="payment",server_namespace="shop",client="checkout",side="client"}[10s])) > 0)`},
		{flow.MeanQuery(flow.Selector{Server: svc("a"), Side: flow.Server, Version: "v2"}, "30s"), `sum(rate(steersman_edge_duration_seconds_sum{server="a",side="server",version="v2"}[30s])) / (sum(rate(steersman_edge_duration_seconds_count{server="a",side="server",version="v2"}[30s])) > 0)`},
	} {
		if tt.got != tt.want {
			t.Errorf("got  %s\nwant %s", tt.got, tt.want)
		}
	}
}
