package spans

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"slices"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/logdb"
)

// A Query says which spans are wanted. The zero value of a field asks for
// nothing; the spans must meet all of the others.
type Query struct {
	Terms     []Term        // words of the operation's name; fields are attributes, or instance, version, kind, peer
	Service   string        // who did it: "name", "namespace/name", or an entity's text form
	Operation string        // the whole name
	Failed    bool          // only what failed
	AtLeast   time.Duration // only what took so long
	From, To  time.Time     // of the start, both included; zero: the oldest, the newest
	Limit     int           // at most so many, the newest; at least 1
}

// ParseTerms reads what people type: see [logdb.ParseTerms].
func ParseTerms(s string) ([]Term, error) { return logdb.ParseTerms(s) }

// filter returns what finds the spans.
func (q *Query) filter() logdb.Filter {
	var all []logdb.Filter
	if q.Failed {
		all = append(all, logdb.Is(colFailed, "1"))
	}
	if q.AtLeast > 0 {
		all = append(all, logdb.AtLeast(colDuration, int64(q.AtLeast)))
	}
	if q.Operation != "" {
		all = append(all, logdb.Is(logdb.Text, q.Operation))
	}
	for _, t := range q.Terms {
		all = append(all, t.Filter("instance", "version", "kind", "peer")) // ours, not an attribute of such a name
	}
	if q.Service != "" { // the last: it may take a pattern, which is tried on what the others have left
		all = append(all, logdb.Entity(colEntity, q.Service))
	}
	return logdb.All(all...)
}

// MostSpans is the largest limit of a search, and of how many spans of a trace
// [Store.Trace] tells.
const MostSpans = logdb.Most

// An Answer is what a search found.
type Answer struct {
	Spans []Found

	// More says that there may be others that fit: the limit was reached, or the
	// time was over.
	More bool

	// Since is how far back all of it was looked through. Older spans may be in
	// Spans, but not all that fit.
	Since time.Time

	// TimedOut says that the time was over before the start was reached.
	TimedOut bool
}

// Search returns the newest spans that fit q, the newest first: see
// [logdb.Newest].
func (s *Store) Search(ctx context.Context, q Query) (Answer, error) {
	p, err := logdb.Newest(ctx, s.DB, logdb.Search{Filter: q.filter(), From: q.From, To: q.To, Limit: q.Limit}, read)
	return answer(p), err
}

// Trace returns the spans of a trace in the order of their start, a longer one
// before what began with it: the first [MostSpans] if it has more. A trace that
// is not there has none. It costs a look at the Bloom filters of all that is
// kept: see BenchmarkTrace.
func (s *Store) Trace(ctx context.Context, trace [16]byte) (Answer, error) {
	p, err := logdb.Earliest(ctx, s.DB, logdb.Search{Filter: logdb.All(logdb.Stream(colShard, shard(trace)), logdb.Is(colTrace, hex.EncodeToString(trace[:]))), Limit: MostSpans}, read)
	slices.SortFunc(p.List, func(a, b Found) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End), bytes.Compare(a.ID[:], b.ID[:]))
	})
	return answer(p), err
}

func answer(p logdb.Page[Found]) Answer {
	return Answer{Spans: p.List, More: p.More, Since: p.Since, TimedOut: p.TimedOut}
}

func read(r logdb.Row) (Found, int, error) {
	f, err := found(r.At(), r.Names(), r.Value)
	return f, size(&f.Span), err
}

func size(s *fact.Span) int {
	return len(s.Name) + len(s.Peer) + len(s.Instance) + len(s.Version) + s.Attrs.Size() + 200
}
