// Package spanstest checks that a store of spans keeps the promises that the
// other rooms rely on, whatever database is below.
//
// It answers one question: can this store take the place of another? It does
// not measure speed, and does not know how a store keeps its spans.
package spanstest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/spans"
)

// A Store is what is checked.
type Store interface {
	Put(ctx context.Context, n uint64, b *fact.Batch) (spans.Result, error)
	Resume(after, last uint64)
	Last(ctx context.Context) (uint64, error)
	Sync(ctx context.Context) error
	Search(ctx context.Context, q spans.Query) (spans.Answer, error)
	Trace(ctx context.Context, trace [16]byte) (spans.Answer, error)
	Retain() (gone []string, err error)
	Close() error
}

// Now is the time at which the suite takes place.
func Now() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// Retention is what the stores must be opened with.
const Retention = 3 * 24 * time.Hour

// Check runs the suite. open opens the store in dir with the clock [Now] and
// [Retention].
func Check(t *testing.T, open func(t *testing.T, dir string) Store) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s *suite)
	}{
		{"AnEmptyStoreFindsNothing", empty},
		{"ASpanComesBackWhole", whole},
		{"WhateverAttributesAreCalled", names},
		{"BySelection", selection},
		{"ByTime", byTime},
		{"ATraceInOrder", trace},
		{"NewestFirstUpToTheLimit", limit},
		{"AReplayAddsWhatIsMissing", replay},
		{"EverySpanMeetsOneFate", fates},
		{"ASearchEndsWithItsContext", ends},
		{"ClosedIsClosed", closed},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &suite{T: t, dir: t.TempDir(), open: open}
			s.reopen()
			defer func() {
				if err := s.store.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}()
			c.run(t, s)
		})
	}
}

type suite struct {
	*testing.T
	dir   string
	open  func(*testing.T, string) Store
	store Store
}

func (s *suite) reopen() {
	s.Helper()
	if s.store != nil {
		if err := s.store.Close(); err != nil {
			s.Fatalf("Close: %v", err)
		}
	}
	s.store = s.open(s.T, s.dir)
}

func (s *suite) put(n uint64, list ...fact.Span) spans.Result {
	s.Helper()
	res, err := s.store.Put(s.Context(), n, &fact.Batch{Source: "test", Received: Now().UnixMilli(), Spans: list})
	if err != nil {
		s.Fatalf("Put batch %d: %v", n, err)
	}
	return res
}

func (s *suite) sync() {
	s.Helper()
	if err := s.store.Sync(s.Context()); err != nil {
		s.Fatalf("Sync: %v", err)
	}
}

func (s *suite) search(q spans.Query) spans.Answer {
	s.Helper()
	if q.Limit == 0 {
		q.Limit = 100
	}
	a, err := s.store.Search(s.Context(), q)
	if err != nil {
		s.Fatalf("Search %+v: %v", q, err)
	}
	return a
}

func (s *suite) trace(id byte) spans.Answer {
	s.Helper()
	a, err := s.store.Trace(s.Context(), [16]byte{id})
	if err != nil {
		s.Fatalf("Trace %d: %v", id, err)
	}
	return a
}

// operations returns the names of what was found, in its order.
func operations(a spans.Answer) []string {
	out := []string{}
	for _, f := range a.Spans {
		out = append(out, f.Name)
	}
	return out
}

// ago is a span of trace 1 that began some seconds ago and took 20 ms.
func ago(seconds int, name string, attrs ...string) fact.Span {
	start := Now().Add(-time.Duration(seconds) * time.Second).UnixNano()
	return fact.Span{
		TraceID: [16]byte{1}, ID: [8]byte{byte(seconds), byte(seconds >> 8), 1}, Entity: service("shop", "checkout"), Kind: fact.SpanServer,
		Name: name, Start: start, End: start + 20e6, Attrs: fact.LabelsOf(attrs...),
	}
}

func service(ns, name string) fact.Entity {
	return fact.Entity{Kind: fact.Service, Namespace: ns, Name: name}
}

func empty(t *testing.T, s *suite) {
	if a := s.search(spans.Query{}); len(a.Spans) > 0 || a.More || a.TimedOut {
		t.Errorf("found %+v", a)
	}
	if a := s.trace(1); len(a.Spans) > 0 || a.More || a.TimedOut {
		t.Errorf("found the trace %+v", a)
	}
	if last, err := s.store.Last(t.Context()); last != 0 || err != nil {
		t.Errorf("Last = %d, %v", last, err)
	}
	if gone, err := s.store.Retain(); len(gone) > 0 || err != nil {
		t.Errorf("Retain = %v, %v", gone, err)
	}
	s.sync()
}

func whole(t *testing.T, s *suite) {
	full := fact.Span{
		TraceID: [16]byte{1, 0xff}, ID: [8]byte{2, 0xab}, Parent: [8]byte{3, 0xcd}, Entity: service("shop", "checkout"), Instance: "checkout-1", Version: "v2",
		Kind: fact.SpanClient, Name: "POST /pay \"ü\" \\\n\x00", Peer: "payment:8080", Start: Now().UnixNano() - 123456789, End: Now().UnixNano() - 1, Failed: true,
		Attrs: fact.LabelsOf("http.route", "/pay", "note", "a \"b\"\n", "amount", "12.50"),
	}
	bare := fact.Span{TraceID: [16]byte{15: 1}, ID: [8]byte{7: 1}, Entity: service("", "a"), Start: Now().UnixNano() - 2e9, End: Now().UnixNano() - 2e9}
	long := fact.Span{TraceID: [16]byte{2}, ID: [8]byte{2}, Entity: service("", "b"), Kind: fact.SpanConsumer, Name: strings.Repeat("long ", 10_000), Start: Now().UnixNano() - 86400e9, End: Now().UnixNano()}
	want := []fact.Span{full, bare, long}
	if res := s.put(7, want...); res.Stored != 3 || res.Duplicate+res.Expired+len(res.Quarantined) > 0 {
		t.Errorf("Put = %+v", res)
	}
	check := func(when string) {
		got := s.search(spans.Query{}).Spans
		if len(got) != len(want) {
			t.Fatalf("%s: %d spans, want %d", when, len(got), len(want))
		}
		for i, f := range got {
			if f.Span != want[i] || f.Batch != 7 {
				t.Errorf("%s, span %d of batch %d is\n%+v, want\n%+v", when, i, f.Batch, f.Span, want[i])
			}
		}
	}
	s.sync()
	check("at once")
	s.reopen()
	check("opened again")
	if last, err := s.store.Last(t.Context()); last != 7 || err != nil {
		t.Errorf("Last = %d, %v, want 7", last, err)
	}
}

// names are attributes that a database may want for itself.
func names(t *testing.T, s *suite) {
	var pairs []string
	for i, name := range []string{"_msg", "_time", "_stream", "_stream_id", "@batch", "@trace", "@.x", "@~1", "a b", "a\"b", "ü", "*", "or", "|", "duration", "trace",
		strings.Repeat("n", 120), strings.Repeat("n", 121), strings.Repeat("n", 500), strings.Repeat("ü", 100), "@" + strings.Repeat("n", 200)} {
		pairs = append(pairs, name, fmt.Sprint("value", i))
	}
	sp := ago(1, "x", pairs...)
	s.put(1, sp)
	s.sync()
	got := s.search(spans.Query{}).Spans
	if len(got) != 1 || got[0].Span != sp {
		t.Fatalf("got\n%+v, want\n%+v", got, sp)
	}
	for name, value := range sp.Attrs.All() {
		if a := s.search(spans.Query{Terms: []spans.Term{{Field: name, Value: value}}}); len(a.Spans) != 1 {
			t.Errorf("not found by %q", name)
		}
	}
}

func selection(t *testing.T, s *suite) {
	failed := ago(1, "POST /pay", "http.route", "/pay", "code", "402")
	failed.Failed, failed.End = true, failed.Start+3e9
	other := ago(2, "POST /orders/{id}", "code", "200")
	other.Entity, other.Instance, other.Kind, other.Peer = service("", "payment"), "pod-7", fact.SpanClient, "bank"
	host := ago(3, "poll", "code", "204")
	host.Entity, host.Version, host.End = service("bank", "payment"), "v9", host.Start+100e6
	s.put(1, failed, other, host)
	s.sync()
	all := []string{failed.Name, other.Name, host.Name}
	for _, tt := range []struct {
		query string
		q     spans.Query
		want  []string
	}{
		{"", spans.Query{}, all},
		{"post", spans.Query{}, all[:2]},
		{"POST -orders", spans.Query{}, all[:1]},
		{"*ord*", spans.Query{}, all[1:2]},
		{"code=402", spans.Query{}, all[:1]},
		{"code=*20*", spans.Query{}, all[1:]},
		{"-code=402", spans.Query{}, all[1:]},
		{"kind=client", spans.Query{}, all[1:2]},
		{"peer=bank", spans.Query{}, all[1:2]},
		{"instance=pod-7", spans.Query{}, all[1:2]},
		{"version=v9", spans.Query{}, all[2:]},
		{"absent", spans.Query{}, nil},
		{"", spans.Query{Operation: "POST /orders/{id}"}, all[1:2]},
		{"", spans.Query{Operation: "POST"}, nil},
		{"", spans.Query{Service: "checkout"}, all[:1]},
		{"", spans.Query{Service: "payment"}, all[1:]},
		{"", spans.Query{Service: "bank/payment"}, all[2:]},
		{"", spans.Query{Service: "service:payment"}, all[1:2]},
		{"", spans.Query{Failed: true}, all[:1]},
		{"", spans.Query{AtLeast: 20 * time.Millisecond}, all},
		{"", spans.Query{AtLeast: 20*time.Millisecond + 1}, []string{all[0], all[2]}},
		{"", spans.Query{AtLeast: time.Second}, all[:1]},
		{"", spans.Query{AtLeast: time.Hour}, nil},
		{"code=204", spans.Query{AtLeast: 50 * time.Millisecond, Service: "payment"}, all[2:]},
	} {
		var err error
		if tt.q.Terms, err = spans.ParseTerms(tt.query); err != nil {
			t.Fatal(err)
		}
		if got := operations(s.search(tt.q)); !slices.Equal(got, tt.want) {
			t.Errorf("%s %+v finds %q, want %q", tt.query, tt.q, got, tt.want)
		}
	}
}

func byTime(t *testing.T, s *suite) {
	for i := range 5 { // over two days
		s.put(uint64(i+1), ago(i*6*3600, fmt.Sprint(i)))
	}
	s.sync()
	hours := func(h int) time.Time { return Now().Add(-time.Duration(h) * time.Hour) }
	for _, tt := range []struct {
		name     string
		from, to time.Time
		want     []string
	}{
		{"all", time.Time{}, time.Time{}, []string{"0", "1", "2", "3", "4"}},
		{"both ends are included", hours(18), hours(6), []string{"1", "2", "3"}},
		{"from", hours(7), time.Time{}, []string{"0", "1"}},
		{"up to", time.Time{}, hours(17), []string{"3", "4"}},
		{"the wrong way round", hours(6), hours(18), []string{}},
	} {
		if got := operations(s.search(spans.Query{From: tt.from, To: tt.to})); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// trace has spans of two services, two days and two batches, one of them of
// another trace.
func trace(t *testing.T, s *suite) {
	root, child, same := ago(86400, "root"), ago(86399, "child"), ago(86400, "same start, ends sooner")
	same.End -= 5
	late := ago(3, "late")
	child.Entity, child.Parent = service("", "payment"), root.ID
	other := ago(86399, "of another trace")
	other.TraceID = [16]byte{2}
	s.put(1, late, same, other)
	s.put(2, child, root)
	s.sync()
	want := []string{"root", "same start, ends sooner", "child", "late"}
	if a := s.trace(1); !slices.Equal(operations(a), want) || a.More || a.TimedOut {
		t.Errorf("trace 1 is %q, more %v, want %q", operations(a), a.More, want)
	}
	if a := s.trace(2); !slices.Equal(operations(a), []string{"of another trace"}) {
		t.Errorf("trace 2 is %q", operations(a))
	}
	if a := s.trace(3); len(a.Spans) > 0 {
		t.Errorf("trace 3 is %q", operations(a))
	}
	var many []fact.Span
	for i := range spans.MostSpans + 10 {
		sp := ago(3600, fmt.Sprint(i))
		sp.TraceID, sp.Start, sp.End = [16]byte{4}, sp.Start+int64(i), sp.End+int64(i)
		many = append(many, sp)
	}
	s.put(3, many...)
	s.sync()
	a := s.trace(4)
	if !a.More || len(a.Spans) < 100 {
		t.Errorf("of a trace of %d spans are told %d, more %v", len(many), len(a.Spans), a.More)
	}
	for i, f := range a.Spans {
		if f.Name != fmt.Sprint(i) {
			t.Fatalf("span %d of a large trace is %s", i, f.Name)
		}
	}
}

func limit(t *testing.T, s *suite) {
	var list []fact.Span
	for i := range 500 {
		list = append(list, ago((i*37)%500, fmt.Sprint((i*37)%500), "even", fmt.Sprint(i%2 == 0)))
	}
	for i := range 10 {
		s.put(uint64(i+1), list[i*50:(i+1)*50]...)
	}
	s.sync()
	a := s.search(spans.Query{Limit: 20})
	if len(a.Spans) != 20 || !a.More || a.TimedOut {
		t.Fatalf("%d spans, more %v, timed out %v", len(a.Spans), a.More, a.TimedOut)
	}
	for i, f := range a.Spans {
		if f.Name != fmt.Sprint(i) {
			t.Errorf("span %d is that of %s seconds ago", i, f.Name)
		}
	}
	if a := s.search(spans.Query{Limit: 500, Terms: []spans.Term{{Field: "even", Value: "true"}}}); len(a.Spans) != 250 || a.More {
		t.Errorf("%d spans, more %v, want 250 and no more", len(a.Spans), a.More)
	}
	for _, n := range []int{0, -1, spans.MostSpans + 1} {
		var wrong *fact.Problem
		if _, err := s.store.Search(t.Context(), spans.Query{Limit: n}); !errors.As(err, &wrong) {
			t.Errorf("limit %d: %v, want a problem", n, err)
		}
	}
}

// replay puts some batches, closes the store as a process that ends does, and
// puts the later ones again.
func replay(t *testing.T, s *suite) {
	batch := func(n int) []fact.Span { // of two days, with equal spans in it
		return []fact.Span{ago(n, "same"), ago(n, "same"), ago(n+86400, fmt.Sprint("yesterday ", n))}
	}
	for n := 1; n <= 6; n++ {
		s.put(uint64(n), batch(n)...)
	}
	s.reopen()
	s.store.Resume(2, 9)
	for n := 3; n <= 12; n++ {
		res := s.put(uint64(n), batch(n)...)
		if want := map[bool]int{true: 3}[n <= 6]; res.Duplicate != want || res.Stored != 3-want {
			t.Errorf("batch %d: %+v, want %d duplicates", n, res, want)
		}
	}
	s.sync()
	perBatch := make(map[uint64]int)
	for _, f := range s.search(spans.Query{}).Spans {
		perBatch[f.Batch]++
	}
	for n := uint64(1); n <= 12; n++ {
		if perBatch[n] != 3 {
			t.Errorf("batch %d has %d spans, want 3", n, perBatch[n])
		}
	}
}

func fates(t *testing.T, s *suite) {
	old, ahead, fine := ago(5*86400, "old"), ago(-3600, "ahead"), ago(1, "fine")
	large := ago(2, strings.Repeat("x", 3<<20))
	res := s.put(1, old, ahead, fine, large)
	if res.Stored != 1 || res.Expired != 1 || res.Quarantined["ahead"] != 1 || res.Quarantined["too large"] != 1 || res.Duplicate != 0 {
		t.Errorf("%+v", res)
	}
	s.sync()
	if got := operations(s.search(spans.Query{})); !slices.Equal(got, []string{"fine"}) {
		t.Errorf("found %q", got)
	}
}

func ends(t *testing.T, s *suite) {
	s.put(1, ago(1, "x"))
	s.sync()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if a, err := s.store.Search(ctx, spans.Query{Limit: 10}); err == nil && !a.TimedOut {
		t.Errorf("a search whose caller has gone ends with %+v", a)
	}
	if a, err := s.store.Trace(ctx, [16]byte{1}); err == nil && !a.TimedOut {
		t.Errorf("a look at a trace whose caller has gone ends with %+v", a)
	}
}

func closed(t *testing.T, s *suite) {
	s.put(1, ago(1, "x"))
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.Put(t.Context(), 2, &fact.Batch{Received: Now().UnixMilli(), Spans: []fact.Span{ago(1, "y")}}); err == nil {
		t.Error("a closed store takes spans")
	}
	if _, err := s.store.Search(t.Context(), spans.Query{Limit: 1}); err == nil {
		t.Error("a closed store is searched")
	}
	if _, err := s.store.Trace(t.Context(), [16]byte{1}); err == nil {
		t.Error("a closed store tells of a trace")
	}
	if err := s.store.Sync(t.Context()); err == nil {
		t.Error("a closed store is synced")
	}
}
