package topology

import (
	"math"
	"math/bits"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/steersman-ops/steersman/fact"
)

// Config says how long to wait and how much to hold. The zero value is ready.
type Config struct {
	// Lateness is how long after its end a span is waited for, at least.
	// Zero means 2 s.
	Lateness time.Duration
	// MaxLateness is how far the lateness may grow when spans come late.
	// Zero means 10 s. More waits for slow exporters and finds later.
	MaxLateness time.Duration
	// MaxLate is the age at which a late span is no longer counted. Zero means 1 min.
	MaxLate time.Duration
	// MaxAhead is how far in the future a span may end. Zero means 1 min.
	MaxAhead time.Duration
	// MaxSpans bounds the spans that are held for pairing, some 150 bytes each.
	// Zero means 500,000. Beyond, the oldest are counted with what is known.
	MaxSpans int
	// MaxEdges bounds the edges (client, server, side, version). Zero means 20,000.
	MaxEdges int
	// MaxServices bounds the services. Zero means 5,000.
	MaxServices int
	// Forget is how long an edge without requests is remembered. Zero means 1 h.
	Forget time.Duration
	// Registerer takes the package's own metrics; nil means none.
	Registerer prometheus.Registerer
}

// The sides of an edge.
const (
	ClientSide = "client" // as the caller measured
	ServerSide = "server" // as the callee measured
)

// NBuckets is the number of duration buckets of an [EdgeStep].
const NBuckets = 19

// A Step is what flowed in one second. Steps come in order of time.
type Step struct {
	At    int64 // Unix milliseconds, the start of the second
	Edges []EdgeStep
}

// An EdgeStep is what flowed over one side of one edge in one second.
type EdgeStep struct {
	Client, Server fact.Entity // a zero Client is the outside
	Side           string      // ClientSide or ServerSide
	Version        string      // the server's, on the server side
	Requests       uint32
	Errors         uint32
	SumNanos       uint64           // of the durations
	ChildNanos     uint64           // server side: the part of SumNanos that was spent in calls to others
	Buckets        [NBuckets]uint32 // durations ≤ Bound(i), not cumulative; the last is without bound
}

// Bound returns the upper bound of bucket i in seconds: 0.25 ms, 0.5 ms, …,
// 32.768 s, and infinity for the last.
func Bound(i int) float64 {
	if i >= NBuckets-1 {
		return math.Inf(1)
	}
	return float64(uint64(firstBoundNanos)<<i) / 1e9
}

const firstBoundNanos = 250_000

// bucketOf returns the bucket of a duration.
func bucketOf(nanos uint64) int {
	if nanos <= firstBoundNanos {
		return 0
	}
	return min(bits.Len64((nanos-1)/firstBoundNanos), NBuckets-1)
}

func (e *EdgeStep) add(nanos, child uint64, failed bool) {
	e.Requests++
	if failed {
		e.Errors++
	}
	e.SumNanos += nanos
	e.ChildNanos += child
	e.Buckets[bucketOf(nanos)]++
}

func orDefault[T int | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

func (c Config) withDefaults() Config {
	c.Lateness = orDefault(c.Lateness, 2*time.Second)
	c.MaxLateness = max(orDefault(c.MaxLateness, 10*time.Second), c.Lateness)
	c.MaxLate = orDefault(c.MaxLate, time.Minute)
	c.MaxAhead = orDefault(c.MaxAhead, time.Minute)
	c.MaxSpans = orDefault(c.MaxSpans, 500_000)
	c.MaxEdges = orDefault(c.MaxEdges, 20_000)
	c.MaxServices = orDefault(c.MaxServices, 5_000)
	c.Forget = max(orDefault(c.Forget, time.Hour), 5*time.Minute)
	return c
}
