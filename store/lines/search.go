package lines

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/logdb"
)

// A Query says which lines are wanted. The zero value of a field asks for
// nothing; the lines must meet all of the others.
type Query struct {
	Terms    []Term
	Service  string        // a service or host: "name", "namespace/name", or an entity's text form
	Trace    [16]byte      // of this trace
	Severity fact.Severity // at least this
	From, To time.Time     // from and up to, both included; zero: the oldest, the newest
	Limit    int           // at most so many, the newest; at least 1
}

// ParseTerms reads what people type: see [logdb.ParseTerms].
func ParseTerms(s string) ([]Term, error) { return logdb.ParseTerms(s) }

// filter returns what finds the lines.
func (q *Query) filter() logdb.Filter {
	var all []logdb.Filter
	if q.Service != "" {
		all = append(all, logdb.Entity(colEntity, q.Service))
	}
	if q.Trace != [16]byte{} {
		all = append(all, logdb.Is(colTrace, hex.EncodeToString(q.Trace[:])))
	}
	if q.Severity > 0 {
		all = append(all, logdb.AtLeast(colSeverity, int64(q.Severity)))
	}
	for _, t := range q.Terms {
		all = append(all, t.Filter("instance", "version", "level")) // ours, not a line's field of such a name
	}
	return logdb.All(all...)
}

// MostLines is the largest limit of a search.
const MostLines = logdb.Most

// An Answer is what a search found.
type Answer struct {
	Lines []Found // the newest first

	// More says that there may be older lines that fit: the limit was reached, or
	// the time was over.
	More bool

	// Since is how far back all of it was looked through. Older lines may be in
	// Lines, but not all that fit.
	Since time.Time

	// TimedOut says that the time was over before the start was reached.
	TimedOut bool
}

// Search returns the newest lines that fit q: see [logdb.Newest].
func (s *Store) Search(ctx context.Context, q Query) (Answer, error) {
	p, err := logdb.Newest(ctx, s.DB, logdb.Search{Filter: q.filter(), From: q.From, To: q.To, Limit: q.Limit}, func(r logdb.Row) (Found, int, error) {
		f, err := found(r.At(), r.Names(), r.Value)
		return f, len(f.Text) + f.Fields.Size() + 200, err
	})
	return Answer{Lines: p.List, More: p.More, Since: p.Since, TimedOut: p.TimedOut}, err
}
