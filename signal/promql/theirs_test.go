package promql

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

// theirs is an API that has some series, and can be in trouble. Selectors are
// read by Prometheus' own parser.
type theirs struct {
	t   *testing.T
	url string

	mu       sync.Mutex
	series   map[string]*theirSeries
	types    map[string]string
	fail     func(path, query string) (status int, text string) // 0: no trouble
	most     int                                                // samples of an answer, else 422; 0: no limit
	warnings []string
	asked    []string
	header   http.Header // of the last request
	slow     func()      // called with each question
}

type theirSeries struct {
	labels labels.Labels
	points []fact.Point
	hidden int // of the newest points, how many are not to be seen yet
}

func newTheirs(t *testing.T) *theirs {
	th := &theirs{t: t, series: make(map[string]*theirSeries), types: make(map[string]string)}
	srv := httptest.NewServer(th)
	t.Cleanup(srv.Close)
	th.url = srv.URL
	return th
}

// add gives a series samples from one time to another.
func (th *theirs) add(from, to time.Time, every time.Duration, pairs ...string) *theirSeries {
	th.mu.Lock()
	defer th.mu.Unlock()
	l := labels.FromStrings(pairs...)
	s := th.series[l.String()]
	if s == nil {
		s = &theirSeries{labels: l}
		th.series[l.String()] = s
	}
	for at := from; at.Before(to); at = at.Add(every) {
		s.points = append(s.points, fact.Point{T: at.UnixMilli(), V: float64(len(s.points)) + .5})
	}
	return s
}

func (th *theirs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	th.mu.Lock()
	defer th.mu.Unlock()
	q := r.URL.Query().Get("query")
	th.asked = append(th.asked, strings.TrimPrefix(r.URL.Path, "/api/v1/")+" "+q)
	th.header = r.Header
	if th.slow != nil {
		th.slow()
	}
	if r.Method != http.MethodGet {
		th.t.Errorf("%s %s: only GET is allowed", r.Method, r.URL.Path)
	}
	if th.fail != nil {
		if status, text := th.fail(r.URL.Path, q); status != 0 {
			if status == 429 {
				w.Header().Set("Retry-After", "7")
			}
			w.WriteHeader(status)
			fmt.Fprint(w, text)
			return
		}
	}
	var data any
	switch {
	case r.URL.Path == "/api/v1/metadata":
		all := make(map[string]any)
		for name, typ := range th.types {
			all[name] = []map[string]string{{"type": typ, "help": "Help of " + name + ".", "unit": ""}}
		}
		data = all
	case strings.HasPrefix(r.URL.Path, "/api/v1/label/"):
		label, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/api/v1/label/"), "/")
		seen := make(map[string]bool)
		for _, s := range th.series {
			if v := s.labels.Get(label); v != "" {
				seen[v] = true
			}
		}
		list := []string{}
		for v := range seen {
			list = append(list, v)
		}
		sort.Strings(list)
		data = list
	case strings.HasPrefix(q, "count by"):
		data = th.count(q)
	default:
		var ok bool
		if data, ok = th.matrix(q, r.URL.Query().Get("time")); !ok {
			w.WriteHeader(422)
			fmt.Fprint(w, `{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory"}`)
			return
		}
	}
	json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": data, "warnings": th.warnings}) //nolint:errcheck // the client sees it
}

func (th *theirs) parse(q string) parser.Expr {
	e, err := parser.NewParser(parser.Options{}).ParseExpr(q)
	if err != nil {
		th.t.Errorf("%s: %v", q, err)
		return &parser.MatrixSelector{VectorSelector: &parser.VectorSelector{}}
	}
	return e
}

func (th *theirs) count(q string) any {
	agg := th.parse(q).(*parser.AggregateExpr)
	sel := agg.Expr
	for {
		p, ok := sel.(*parser.ParenExpr)
		if !ok {
			break
		}
		sel = p.Expr
	}
	n := make(map[string]int)
	by := make(map[string]map[string]string)
	for _, s := range th.series {
		if !matches(sel.(*parser.VectorSelector).LabelMatchers, s.labels) {
			continue
		}
		metric := make(map[string]string)
		for _, l := range agg.Grouping {
			if v := s.labels.Get(l); v != "" {
				metric[l] = v
			}
		}
		key := fmt.Sprint(metric)
		n[key]++
		by[key] = metric
	}
	result := []any{}
	for key, metric := range by {
		result = append(result, map[string]any{"metric": metric, "value": []any{1, strconv.Itoa(n[key])}})
	}
	return map[string]any{"resultType": "vector", "result": result}
}

func (th *theirs) matrix(q, at string) (any, bool) {
	m := th.parse(q).(*parser.MatrixSelector)
	sec, err := strconv.ParseFloat(at, 64)
	if err != nil {
		th.t.Errorf("time %q: %v", at, err)
	}
	to := int64(sec*1000 + .5)
	from := to - m.Range.Milliseconds()
	total, result := 0, []any{}
	for _, s := range th.series {
		if !matches(m.VectorSelector.(*parser.VectorSelector).LabelMatchers, s.labels) {
			continue
		}
		var values []any
		for _, p := range s.points[:len(s.points)-s.hidden] {
			if p.T > from && p.T <= to {
				values = append(values, []any{json.Number(fmt.Sprintf("%d.%03d", p.T/1000, p.T%1000)), strconv.FormatFloat(p.V, 'f', -1, 64)})
			}
		}
		if total += len(values); values != nil {
			result = append(result, map[string]any{"metric": s.labels.Map(), "values": values})
		}
	}
	return map[string]any{"resultType": "matrix", "result": result}, th.most == 0 || total <= th.most
}

func matches(ms []*labels.Matcher, l labels.Labels) bool {
	for _, m := range ms {
		if !m.Matches(l.Get(m.Name)) {
			return false
		}
	}
	return true
}

// questions returns what was asked since the last call.
func (th *theirs) questions() []string {
	th.mu.Lock()
	defer th.mu.Unlock()
	out := th.asked
	th.asked = nil
	return out
}

func (th *theirs) set(f func()) {
	th.mu.Lock()
	defer th.mu.Unlock()
	f()
}

// A clock is set by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// memory is a checkpoint.
type memory struct{ data []byte }

func (m *memory) Load() ([]byte, error) { return m.data, nil }
func (m *memory) Save(b []byte) error   { m.data = bytes.Clone(b); return nil }

// A bench is a reader of theirs, with a clock that is set by hand.
type bench struct {
	*Reader
	t     *testing.T
	their *theirs
	clock *clock
	sink  *signaltest.Sink
}

func newBench(t *testing.T, th *theirs, c *clock, opt Options) *bench {
	t.Helper()
	d, sink := signaltest.Doors(signal.Limits{})
	d.Clock, d.Logger = c.Now, slog.New(slog.DiscardHandler)
	opt.URL = th.url
	orDefault(&opt.Queries, 1000) // the clock stands still while it reads
	r, err := New(d, opt)
	if err != nil {
		t.Fatal(err)
	}
	r.load()
	t.Cleanup(func() { signaltest.Law(t, d, sink); signaltest.WellFormed(t, sink) })
	return &bench{r, t, th, c, sink}
}

// step is what Run does in one step, without waiting.
func (b *bench) step() error {
	ctx := context.Background()
	err := b.turn(ctx)
	b.after(ctx, err)
	if err == nil {
		b.catchUp(ctx, b.clock.Now().Add(time.Second))
	}
	return err
}

// must steps and wants it to succeed.
func (b *bench) must() {
	b.t.Helper()
	if err := b.step(); err != nil {
		b.t.Fatal(err)
	}
}

// had returns what was handed on, by series.
func (b *bench) had() map[string][]fact.Point {
	out := make(map[string][]fact.Point)
	for _, s := range b.sink.Series() {
		out[s.Labels.String()] = append(out[s.Labels.String()], s.Points...)
	}
	return out
}

// whole checks that every sample of theirs after a time was had once, in order.
func (b *bench) whole(from time.Time) {
	b.t.Helper()
	had := b.had()
	b.their.mu.Lock()
	defer b.their.mu.Unlock()
	for _, s := range b.their.series {
		ls := []fact.Label{}
		s.labels.Range(func(l labels.Label) { ls = append(ls, fact.Label{Name: l.Name, Value: l.Value}) })
		l, _ := fact.NewLabels(ls)
		var want []fact.Point
		for _, p := range s.points[:len(s.points)-s.hidden] {
			if p.T > from.UnixMilli() && p.T <= b.clock.Now().UnixMilli() {
				want = append(want, p)
			}
		}
		if got := had[l.String()]; !slices.Equal(got, want) {
			b.t.Errorf("%s: %d samples were had, there are %d: %s", l, len(got), len(want), difference(got, want))
		}
	}
}

func difference(got, want []fact.Point) string {
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			return fmt.Sprintf("the first difference is at %d", i)
		}
	}
	return "none"
}
