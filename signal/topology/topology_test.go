package topology

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
)

const t0 = int64(1_700_000_000_000) // ms, a whole second

func svc(name string) fact.Entity { return fact.Entity{Kind: fact.Service, Name: name} }

// sp makes a span of trace 1 that lasts from and to milliseconds after t0.
func sp(id, parent uint64, kind fact.SpanKind, service string, from, to int64) fact.Span {
	s := fact.Span{Entity: svc(service), Kind: kind, Start: (t0 + from) * 1e6, End: (t0 + to) * 1e6}
	s.TraceID[0] = 1
	binary.BigEndian.PutUint64(s.ID[:], id)
	binary.BigEndian.PutUint64(s.Parent[:], parent)
	return s
}

func with(s fact.Span, change func(*fact.Span)) fact.Span {
	change(&s)
	return s
}

// run observes all spans at t0 and returns the steps with edges once they closed.
func run(t *testing.T, spans ...fact.Span) []Step {
	t.Helper()
	g := New(Config{})
	g.Advance(t0)
	for i := range spans {
		g.Observe(&spans[i])
	}
	return busy(g.Advance(t0 + 30_000))
}

func busy(steps []Step) []Step {
	var out []Step
	for _, st := range steps {
		if len(st.Edges) > 0 {
			out = append(out, st)
		}
	}
	return out
}

// brief is an EdgeStep in one line.
func brief(e EdgeStep) string {
	v := ""
	if e.Version != "" {
		v = "@" + e.Version
	}
	return fmt.Sprintf("%s>%s%s %s n=%d e=%d sum=%dms child=%dms", e.Client.Name, e.Server.Name, v, e.Side, e.Requests, e.Errors, e.SumNanos/1e6, e.ChildNanos/1e6)
}

func TestOneRequestGivesBothSidesOfEveryEdge(t *testing.T) {
	const server, client, internal = fact.SpanServer, fact.SpanClient, fact.SpanInternal
	peer := func(name string) func(*fact.Span) { return func(s *fact.Span) { s.Peer = name } }
	for _, tt := range []struct {
		name  string
		spans []fact.Span
		want  []string
	}{
		{
			name:  "a request from outside",
			spans: []fact.Span{sp(1, 0, server, "front", 0, 100)},
			want:  []string{">front server n=1 e=0 sum=100ms child=0ms"},
		},
		{
			name: "a call is paired across services",
			spans: []fact.Span{
				sp(1, 0, server, "front", 0, 100),
				with(sp(2, 1, client, "front", 10, 90), peer("pay.internal:80")),
				with(sp(3, 2, server, "pay", 20, 80), func(s *fact.Span) { s.Version, s.Failed = "v2", true }),
			},
			want: []string{
				">front server n=1 e=0 sum=100ms child=80ms",
				"front>pay client n=1 e=0 sum=80ms child=0ms",
				"front>pay@v2 server n=1 e=1 sum=60ms child=0ms",
			},
		},
		{
			name: "parallel calls below an internal span cover their union, cut to the server span",
			spans: []fact.Span{
				sp(1, 0, server, "front", 100, 200),
				sp(2, 1, internal, "front", 100, 200),
				with(sp(3, 2, client, "front", 110, 150), peer("a")),
				with(sp(4, 2, client, "front", 130, 170), peer("b")),
				with(sp(5, 1, client, "front", 190, 260), peer("c")),
			},
			want: []string{
				">front server n=1 e=0 sum=100ms child=70ms",
				"front>a client n=1 e=0 sum=40ms child=0ms",
				"front>b client n=1 e=0 sum=40ms child=0ms",
				"front>c client n=1 e=0 sum=70ms child=0ms",
			},
		},
		{
			name:  "a database tells nothing and is known by its peer name",
			spans: []fact.Span{with(sp(2, 1, client, "pay", 0, 5), peer("postgresql"))},
			want:  []string{"pay>postgresql client n=1 e=0 sum=5ms child=0ms"},
		},
		{
			name: "a producer goes to its queue, its consumer names the producer",
			spans: []fact.Span{
				with(sp(2, 1, fact.SpanProducer, "shop", 0, 1), peer("kafka")),
				sp(3, 2, fact.SpanConsumer, "mail", 0, 50),
			},
			want: []string{
				"shop>kafka client n=1 e=0 sum=1ms child=0ms",
				"shop>mail server n=1 e=0 sum=50ms child=0ms",
			},
		},
		{
			name:  "a server span whose parent never came was called from outside",
			spans: []fact.Span{sp(3, 2, server, "pay", 0, 10)},
			want:  []string{">pay server n=1 e=0 sum=10ms child=0ms"},
		},
		{
			name: "one request that two libraries saw counts once",
			spans: []fact.Span{
				sp(1, 0, server, "front", 0, 100),
				sp(2, 1, server, "front", 1, 99),
				sp(3, 2, client, "front", 10, 90),
				sp(4, 3, client, "front", 11, 89),
				sp(5, 4, server, "pay", 20, 80),
			},
			want: []string{
				">front server n=1 e=0 sum=100ms child=80ms",
				"front>pay client n=1 e=0 sum=78ms child=0ms",
				"front>pay server n=1 e=0 sum=60ms child=0ms",
			},
		},
		{
			name:  "a span that comes twice counts once",
			spans: []fact.Span{sp(1, 0, server, "front", 0, 9), sp(1, 0, server, "front", 0, 9)},
			want:  []string{">front server n=1 e=0 sum=9ms child=0ms"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			steps := run(t, tt.spans...)
			if len(steps) != 1 || steps[0].At != t0 {
				t.Fatalf("steps %v, want one at %d", steps, t0)
			}
			var got []string
			for _, e := range steps[0].Edges {
				got = append(got, brief(e))
			}
			slices.Sort(got)
			slices.Sort(tt.want)
			if !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestABrokenCalleeKeepsItsName(t *testing.T) {
	g := New(Config{})
	g.Advance(t0)
	call := func(id uint64, answered bool, at int64) {
		c := sp(id, 0, fact.SpanClient, "front", at, at+10)
		c.Peer = "10.0.0.7:8080"
		g.Observe(&c)
		if answered {
			s := sp(id+1, id, fact.SpanServer, "pay", at, at+5)
			g.Observe(&s)
		}
	}
	call(10, true, 0)
	g.Advance(t0 + 5000)
	call(20, false, 5000)
	got := busy(g.Advance(t0 + 20_000))
	if len(got) != 1 || len(got[0].Edges) != 1 || got[0].Edges[0].Server != svc("pay") {
		t.Errorf("a call without an answer went to %v, want pay, as the same peer name did before", got)
	}
}

func TestWhatComesLateOrEarlyIsCounted(t *testing.T) {
	g := New(Config{})
	g.Advance(t0)
	g.Advance(t0 + 10_000)
	for i, s := range []fact.Span{
		sp(1, 0, fact.SpanServer, "a", 0, 1),              // late: 10 s old
		sp(2, 0, fact.SpanServer, "a", 9000, 9001),        // in time
		sp(3, 0, fact.SpanServer, "a", -100_000, -99_000), // too late
		sp(4, 0, fact.SpanServer, "a", 200_000, 200_001),  // ahead
		sp(5, 0, fact.SpanServer, "a", 2, 1),              // ends before it starts
		with(sp(6, 0, fact.SpanServer, "a", 0, 1), func(s *fact.Span) { s.Entity = fact.Entity{} }),
	} {
		_ = i
		g.Observe(&s)
	}
	var n uint32
	for _, st := range busy(g.Advance(t0 + 40_000)) {
		for _, e := range st.Edges {
			n += e.Requests
		}
	}
	want := Stats{Observed: 6, Counted: 2, Late: 1, TooLate: 1, Ahead: 1, Broken: 2, Offender: ": no ids, no service, or times that cannot be"}
	if got := g.Stats(); n != 2 || got != want {
		t.Errorf("%d requests counted, want 2; stats %+v, want %+v", n, got, want)
	}
}

func TestLatenessFollowsTheExporters(t *testing.T) {
	g := New(Config{})
	id := uint64(0)
	var last int64
	for sec := int64(0); sec < 60; sec += 5 { // a batch of 50 spans each 5 s, as the SDK's default
		g.Advance(t0 + sec*1000)
		for i := range int64(50) {
			id++
			s := sp(id, 0, fact.SpanServer, "a", sec*1000-i*100-1, sec*1000-i*100)
			g.Observe(&s)
		}
		last = g.Lateness()
	}
	if last < 4900 || last > 5600 {
		t.Errorf("lateness %d ms, want about 5,000", last)
	}
	if late := g.Stats().Late; late > 120 {
		t.Errorf("%d of %d spans were late, want only those of the first batches", late, id)
	}
}

func TestBoundsAreKeptAndNamed(t *testing.T) {
	g := New(Config{MaxServices: 3, MaxEdges: 2, MaxSpans: 10})
	g.Advance(t0)
	for i := range uint64(5) {
		s := sp(i+1, 0, fact.SpanServer, fmt.Sprintf("s%d", i), 0, 1)
		g.Observe(&s)
	}
	for i := range uint64(40) {
		s := sp(i+100, 0, fact.SpanServer, "s0", 0, 1)
		g.Observe(&s)
	}
	if n := g.spans.len(); n > 10 {
		t.Errorf("%d spans held, want at most 10", n)
	}
	g.Advance(t0 + 30_000)
	s := g.Stats()
	if s.OverServices != 2 || s.OverEdges != 1 || s.Early == 0 || s.Counted != 42 {
		t.Errorf("stats %+v: want 2 spans of services too many, 1 of an edge too many, some early, 42 counted", s)
	}
	if s.Offender == "" {
		t.Error("nobody is named")
	}
}

// Which names are remembered when there is room for some does not depend on
// the order of a map.
func TestTheSameNamesFindRoom(t *testing.T) {
	var first []byte
	for range 20 {
		g := New(Config{MaxEdges: 4})
		g.Advance(t0)
		for i := range uint64(6) {
			call := with(sp(2*i+1, 0, fact.SpanClient, "front", 0, 10), func(s *fact.Span) { s.Peer = fmt.Sprintf("name%d", i) })
			answer := sp(2*i+2, 2*i+1, fact.SpanServer, fmt.Sprintf("s%d", i), 1, 9)
			g.Observe(&call)
			g.Observe(&answer)
		}
		g.Advance(t0 + 5_000)
		if len(g.aliases) != 4 {
			t.Fatalf("%d names are remembered, want 4", len(g.aliases))
		}
		snapshot, err := g.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = snapshot
		}
		if !bytes.Equal(first, snapshot) {
			t.Fatal("two graphs that saw the same remember different names")
		}
	}
}

// traces makes random traces over a few seconds.
func traces(r *rand.Rand, n int) []fact.Span {
	names := []string{"front", "cart", "pay", "ship", "mail"}
	var out []fact.Span
	id := uint64(0)
	for tr := range n {
		var call func(parent uint64, depth int, from, to int64)
		span := func(parent uint64, kind fact.SpanKind, service string, from, to int64) uint64 {
			id++
			s := sp(id, parent, kind, service, from, to)
			binary.BigEndian.PutUint64(s.TraceID[8:], uint64(tr))
			s.Failed = r.IntN(10) == 0
			s.Version = []string{"v1", "v2"}[r.IntN(2)]
			if kind == fact.SpanClient {
				s.Peer = names[min(slices.Index(names, service)+1, len(names)-1)]
			}
			out = append(out, s)
			return id
		}
		call = func(parent uint64, depth int, from, to int64) {
			me := span(parent, fact.SpanServer, names[depth], from, to)
			if r.IntN(3) == 0 {
				me = span(me, fact.SpanInternal, names[depth], from, to)
			}
			for range r.IntN(3) {
				if depth == len(names)-1 || to-from < 10 {
					return
				}
				a, b := from+r.Int64N((to-from)/2), to-r.Int64N((to-from)/2)
				c := span(me, fact.SpanClient, names[depth], a, b)
				if r.IntN(10) > 0 {
					call(c, depth+1, a+1, b-1)
				}
			}
		}
		from := r.Int64N(3000)
		call(0, 0, from, from+50+r.Int64N(900))
	}
	return out
}

func TestOrderBatchesAndDoublesDoNotMatter(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		spans := traces(r, 40)
		want := run(t, spans...)
		shuffled := append(slices.Clone(spans), spans[:len(spans)/3]...)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		g := New(Config{})
		var got []Step
		now := t0
		for i := range shuffled {
			if r.IntN(50) == 0 { // another batch, within the lateness
				now = min(now+r.Int64N(300), t0+1900)
				got = append(got, g.Advance(now)...)
			}
			g.Observe(&shuffled[i])
		}
		got = busy(append(got, g.Advance(t0+30_000)...))
		if !reflect.DeepEqual(got, want) {
			for i := range min(len(got), len(want)) {
				for j := range min(len(got[i].Edges), len(want[i].Edges)) {
					if got[i].Edges[j] != want[i].Edges[j] {
						t.Logf("%s, want %s", brief(got[i].Edges[j]), brief(want[i].Edges[j]))
					}
				}
			}
			t.Fatalf("seed %d: the steps of shuffled and doubled spans differ", seed)
		}
	}
}

func TestSnapshotAnywhereChangesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	spans := traces(r, 60)
	for range 25 {
		cut := r.IntN(len(spans))
		a, b := New(Config{}), New(Config{})
		play := func(g *Graph, from, to int) (steps []Step, series []fact.Series) {
			for i := from; i < to; i++ {
				st := g.Advance(t0 + int64(i)*50)
				steps, series = append(steps, st...), append(series, g.Series(st)...)
				g.Observe(&spans[i])
			}
			return steps, series
		}
		play(a, 0, cut)
		data, err := a.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Restore(data); err != nil {
			t.Fatal(err)
		}
		again, err := b.Snapshot()
		if err != nil || !bytes.Equal(data, again) {
			t.Fatalf("the snapshot of what was restored differs (error %v)", err)
		}
		s1, d1 := play(a, cut, len(spans))
		s2, d2 := play(b, cut, len(spans))
		if !reflect.DeepEqual(s1, s2) || !reflect.DeepEqual(d1, d2) || !reflect.DeepEqual(a.Map(), b.Map()) || a.Stats() != b.Stats() {
			t.Fatalf("cut at %d: what followed the restored snapshot differs", cut)
		}
	}
}

func TestSeriesAreCountersThatRateCanRead(t *testing.T) {
	g := New(Config{})
	g.Advance(t0)
	for i := range uint64(3) {
		s := sp(i+1, 0, fact.SpanServer, "pay", int64(i)*2000, int64(i)*2000+10)
		s.Failed = i == 1
		g.Observe(&s)
	}
	got := map[string][]fact.Point{}
	for _, s := range g.Series(g.Advance(t0 + 22_000)) {
		got[s.Labels.String()] = s.Points
	}
	at := func(sec int64, v float64) fact.Point { return fact.Point{T: t0 + sec*1000, V: v} }
	// t0 is 1,700,000,000 s, which is 5 s after a multiple of 15.
	for name, want := range map[string][]fact.Point{
		`steersman_edge_requests_total{server="pay",side="server"}`:                     {at(0, 0), at(1, 1), at(3, 2), at(5, 3), at(10, 3)},
		`steersman_edge_errors_total{server="pay",side="server"}`:                       {at(0, 0), at(1, 0), at(3, 1), at(5, 1), at(10, 1)},
		`steersman_edge_duration_seconds_sum{server="pay",side="server"}`:               {at(0, 0), at(1, 0.01), at(3, 0.02), at(5, 0.03), at(10, 0.03)},
		`steersman_edge_duration_seconds_bucket{le="0.008",server="pay",side="server"}`: {at(0, 0), at(1, 0), at(3, 0), at(5, 0), at(10, 0)},
		`steersman_edge_duration_seconds_bucket{le="0.016",server="pay",side="server"}`: {at(0, 0), at(1, 1), at(3, 2), at(5, 3), at(10, 3)},
		`steersman_edge_duration_seconds_bucket{le="+Inf",server="pay",side="server"}`:  {at(0, 0), at(1, 1), at(3, 2), at(5, 3), at(10, 3)},
		`steersman_edge_child_seconds_sum{server="pay",side="server"}`:                  {at(0, 0), at(1, 0), at(3, 0), at(5, 0), at(10, 0)},
	} {
		if !slices.Equal(got[name], want) {
			t.Errorf("%s: %v, want %v", name, got[name], want)
		}
	}
	if len(got) != 5+NBuckets {
		t.Errorf("%d series, want %d", len(got), 5+NBuckets)
	}
}

func TestBuckets(t *testing.T) {
	for _, tt := range []struct {
		nanos uint64
		want  int
	}{{0, 0}, {250_000, 0}, {250_001, 1}, {500_000, 1}, {500_001, 2}, {32_768_000_000, 17}, {32_768_000_001, 18}, {math.MaxUint64, 18}} {
		if got := bucketOf(tt.nanos); got != tt.want {
			t.Errorf("bucket of %d ns is %d, want %d", tt.nanos, got, tt.want)
		}
	}
	for i := range NBuckets - 1 {
		if n := uint64(math.Round(Bound(i) * 1e9)); bucketOf(n) != i || bucketOf(n+1) != i+1 {
			t.Errorf("bound %d of %v s does not divide bucket %d from the next", i, Bound(i), i)
		}
	}
}

func TestMapShowsTheLastMinute(t *testing.T) {
	g := New(Config{})
	g.Advance(t0)
	for i := range uint64(120) {
		f := sp(10*i+1, 0, fact.SpanServer, "front", 0, 100)
		c := with(sp(10*i+2, 10*i+1, fact.SpanClient, "front", 0, 20), func(s *fact.Span) { s.Peer = "redis" })
		f.Version = "v1"
		f.Failed = i < 30
		g.Observe(&f)
		g.Observe(&c)
	}
	g.Advance(t0 + 10_000)
	m := g.Map()
	if len(m.Nodes) != 2 || len(m.Edges) != 2 {
		t.Fatalf("%d nodes and %d edges, want 2 and 2: %+v", len(m.Nodes), len(m.Edges), m)
	}
	front, redis := m.Nodes[0], m.Nodes[1]
	if front.Flow.Rate != 2 || front.Flow.ErrorRatio != 0.25 || front.Flow.P50 < 0.064 || front.Flow.P50 > 0.128 || len(front.Versions) != 1 {
		t.Errorf("front: %+v", front)
	}
	if redis.Entity != svc("redis") || redis.Flow.Rate != 2 || redis.Flow.P95 < 0.016 || redis.Flow.P95 > 0.032 {
		t.Errorf("redis: %+v", redis)
	}
	g.Advance(t0 + 90_000)
	if m := g.Map(); len(m.Edges) != 0 || len(m.Nodes) != 2 {
		t.Errorf("after a quiet minute: %d edges and %d nodes, want 0 and 2", len(m.Edges), len(m.Nodes))
	}
	g.Advance(t0 + 2*time.Hour.Milliseconds())
	if m := g.Map(); len(m.Nodes) != 0 || len(g.edgeByKey) != 0 {
		t.Errorf("after two hours: %d nodes, %d edges remembered, want none", len(m.Nodes), len(g.edgeByKey))
	}
}

func TestALongSilenceIsNotToldSecondBySecond(t *testing.T) {
	g := New(Config{})
	g.Advance(t0)
	s := sp(1, 0, fact.SpanServer, "a", 0, 1)
	g.Observe(&s)
	steps := g.Advance(t0 + 30*24*time.Hour.Milliseconds())
	if n := len(busy(steps)); n != 1 {
		t.Errorf("%d steps with requests, want 1", n)
	}
	if len(steps) > 301 {
		t.Errorf("%d steps for a silent month", len(steps))
	}
}

func FuzzRestore(f *testing.F) {
	g := New(Config{})
	r := rand.New(rand.NewPCG(1, 1))
	for i, s := range traces(r, 5) {
		g.Series(g.Advance(t0 + int64(i)*100))
		g.Observe(&s)
	}
	data, err := g.Snapshot()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add([]byte("no snapshot"))
	f.Fuzz(func(t *testing.T, data []byte) {
		g := New(Config{MaxSpans: 1000})
		err := g.Restore(data)
		if err != nil && (g.started || g.spans.len() != 0) {
			t.Error("a refused snapshot left something behind")
		}
		if err != nil {
			return
		}
		s := sp(1, 2, fact.SpanServer, "a", 0, 1)
		g.Observe(&s)
		g.Map()
		if _, err := g.Snapshot(); err != nil {
			t.Errorf("what was restored cannot be written: %v", err)
		}
	})
}

func BenchmarkObserve(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	spans := traces(r, 3000)
	g := New(Config{})
	b.ReportAllocs()
	n := 0
	now := t0
	for b.Loop() {
		s := spans[n%len(spans)]
		round := int64(n / len(spans))
		binary.BigEndian.PutUint64(s.TraceID[:8], uint64(round)+7)
		s.Start += round * 4e9
		s.End += round * 4e9
		if n%500 == 0 {
			now = max(now, s.End/1e6)
			g.Series(g.Advance(now))
		}
		g.Observe(&s)
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "spans/s")
}
