// Package linestest checks that a store of log lines keeps the promises that
// the other rooms rely on, whatever database is below.
//
// It answers one question: can this store take the place of another? It does
// not measure speed, and does not know how a store keeps its lines.
package linestest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/lines"
)

// A Store is what is checked.
type Store interface {
	Put(ctx context.Context, n uint64, b *fact.Batch) (lines.Result, error)
	Resume(after, last uint64)
	Last(ctx context.Context) (uint64, error)
	Sync(ctx context.Context) error
	Search(ctx context.Context, q lines.Query) (lines.Answer, error)
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
		{"ALineComesBackWhole", whole},
		{"ByTextFieldTraceAndService", selection},
		{"WhateverFieldsAreCalled", names},
		{"ByTime", byTime},
		{"NewestFirstUpToTheLimit", limit},
		{"AReplayAddsWhatIsMissing", replay},
		{"EveryLineMeetsOneFate", fates},
		{"OldDaysGo", retention},
		{"ManySearchesBesideOneKeeper", beside},
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

func (s *suite) put(n uint64, list ...fact.Line) lines.Result {
	s.Helper()
	res, err := s.store.Put(s.Context(), n, &fact.Batch{Source: "test", Received: Now().UnixMilli(), Lines: list})
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

func (s *suite) search(q lines.Query) lines.Answer {
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

// texts returns the texts of what q finds, the newest first.
func (s *suite) texts(q lines.Query) []string {
	s.Helper()
	out := []string{}
	for _, l := range s.search(q).Lines {
		out = append(out, l.Text)
	}
	return out
}

// ago is a line of some seconds ago.
func ago(seconds int, text string, fields ...string) fact.Line {
	at := Now().Add(-time.Duration(seconds) * time.Second).UnixNano()
	return fact.Line{At: at, Observed: at, Entity: service("shop", "checkout"), Text: text, Fields: fact.LabelsOf(fields...)}
}

func service(ns, name string) fact.Entity {
	return fact.Entity{Kind: fact.Service, Namespace: ns, Name: name}
}

func empty(t *testing.T, s *suite) {
	if a := s.search(lines.Query{}); len(a.Lines) > 0 || a.More || a.TimedOut {
		t.Errorf("found %+v", a)
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
	full := fact.Line{
		At: Now().UnixNano() - 123456789, Observed: Now().UnixNano() + 5e9, Entity: service("shop", "checkout"), Instance: "checkout-1", Version: "v2",
		Severity: fact.SeverityWarn + 1, Level: "WARNING", Text: "card \"declined\"\n\tat pay.go:7 ü \\ \x00", TraceID: [16]byte{1, 0xff}, SpanID: [8]byte{2, 0xab},
		Fields: fact.LabelsOf("http.route", "/pay", "amount", "12.50", "note", "a \"b\"\n"), Truncated: true,
	}
	bare := fact.Line{At: Now().UnixNano() - 2e9, Observed: Now().UnixNano() - 2e9}
	host := fact.Line{At: Now().UnixNano() - 3e9, Observed: Now().UnixNano() - 3e9, Entity: fact.Entity{Kind: fact.Host, Name: "node-1"}, Text: strings.Repeat("long ", 10_000)}
	want := []fact.Line{full, bare, host}
	if res := s.put(7, want...); res.Stored != 3 || res.Duplicate+res.Expired+len(res.Quarantined) > 0 {
		t.Errorf("Put = %+v", res)
	}
	check := func(when string) {
		got := s.search(lines.Query{}).Lines
		if len(got) != len(want) {
			t.Fatalf("%s: %d lines, want %d", when, len(got), len(want))
		}
		for i, l := range got {
			if l.Line != want[i] || l.Batch != 7 {
				t.Errorf("%s, line %d of batch %d is\n%+v, want\n%+v", when, i, l.Batch, l.Line, want[i])
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

func selection(t *testing.T, s *suite) {
	failed := ago(1, "Payment FAILED: card declined for order 4711-a", "http.route", "/pay", "code", "402")
	failed.TraceID, failed.Severity = [16]byte{9}, fact.SeverityError
	other := ago(2, "payment done for order 4712", "http.route", "/pay", "code", "200")
	other.Entity, other.Severity, other.Instance = service("", "payment"), fact.SeverityInfo, "pod-7"
	host := ago(3, "Out of memory: killed process 4711", "code", "137")
	host.Entity = fact.Entity{Kind: fact.Host, Name: "payment"}
	s.put(1, failed, other, host)
	s.sync()
	all := []string{failed.Text, other.Text, host.Text}
	for _, tt := range []struct {
		query string
		q     lines.Query
		want  []string
	}{
		{"", lines.Query{}, all},
		{"payment", lines.Query{}, all[:2]},
		{"PAYMENT", lines.Query{}, nil},
		{"failed", lines.Query{}, all[:1]},
		{"pay", lines.Query{}, nil},
		{"*pay*", lines.Query{}, all[1:2]},
		{"*4711*", lines.Query{}, []string{all[0], all[2]}},
		{`order 4711`, lines.Query{}, all[:1]},
		{`"order 4712"`, lines.Query{}, all[1:2]},
		{`"order for"`, lines.Query{}, nil},
		{`*"order 47"*`, lines.Query{}, all[:2]},
		{`order -declined`, lines.Query{}, all[1:2]},
		{`-order`, lines.Query{}, all[2:]},
		{`code=402`, lines.Query{}, all[:1]},
		{`code=40`, lines.Query{}, nil},
		{`code=*0*`, lines.Query{}, all[:2]},
		{`-code=402 http.route=/pay`, lines.Query{}, all[1:2]},
		{`http.route="/pay" declined`, lines.Query{}, all[:1]},
		{`no.such=field`, lines.Query{}, nil},
		{`instance=pod-7`, lines.Query{}, all[1:2]},
		{`absent`, lines.Query{}, nil},
		{"", lines.Query{Trace: [16]byte{9}}, all[:1]},
		{"", lines.Query{Trace: [16]byte{8}}, nil},
		{"", lines.Query{Service: "checkout"}, all[:1]},
		{"", lines.Query{Service: "shop/checkout"}, all[:1]},
		{"", lines.Query{Service: "bank/checkout"}, nil},
		{"", lines.Query{Service: "payment"}, all[1:]},
		{"", lines.Query{Service: "service:payment"}, all[1:2]},
		{"", lines.Query{Service: "host:payment"}, all[2:]},
		{"", lines.Query{Service: "pay.*"}, nil},
		{"", lines.Query{Severity: fact.SeverityInfo}, all[:2]},
		{"", lines.Query{Severity: fact.SeverityWarn}, all[:1]},
		{"order", lines.Query{Severity: fact.SeverityInfo, Service: "payment"}, all[1:2]},
	} {
		var err error
		if tt.q.Terms, err = lines.ParseTerms(tt.query); err != nil {
			t.Fatal(err)
		}
		if got := s.texts(tt.q); !slices.Equal(got, tt.want) {
			t.Errorf("%s %+v finds %q, want %q", tt.query, tt.q, got, tt.want)
		}
	}
}

// names are fields that a database may want for itself.
func names(t *testing.T, s *suite) {
	var pairs []string
	for i, name := range []string{"_msg", "_time", "_stream", "_stream_id", "@batch", "@entity", "@.x", "a b", "a\"b", "ü", "*", "or", "|", strings.Repeat("n", 200), strings.Repeat("n", 201)} {
		pairs = append(pairs, name, fmt.Sprint("value", i))
	}
	l := ago(1, "x", pairs...)
	s.put(1, l)
	s.sync()
	got := s.search(lines.Query{}).Lines
	if len(got) != 1 {
		t.Fatalf("%d lines", len(got))
	}
	for name, value := range l.Fields.All() {
		if a := s.search(lines.Query{Terms: []lines.Term{{Field: name, Value: value}}}); len(a.Lines) != 1 {
			t.Errorf("not found by %q", name)
		}
		if len(name) <= 100 && got[0].Fields.Get(name) != value {
			t.Errorf("field %q came back as %q, want %q", name, got[0].Fields.Get(name), value)
		}
	}
	if got[0].Fields.Len() != l.Fields.Len() {
		t.Errorf("%d fields came back, want %d", got[0].Fields.Len(), l.Fields.Len())
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
		{"between", hours(11), hours(7), []string{}},
		{"the wrong way round", hours(6), hours(18), []string{}},
	} {
		if got := s.texts(lines.Query{From: tt.from, To: tt.to}); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func limit(t *testing.T, s *suite) {
	var list []fact.Line
	for i := range 500 {
		list = append(list, ago((i*37)%500, fmt.Sprint((i*37)%500), "even", fmt.Sprint(i%2 == 0)))
	}
	for i := range 10 {
		s.put(uint64(i+1), list[i*50:(i+1)*50]...)
	}
	s.sync()
	a := s.search(lines.Query{Limit: 20})
	if len(a.Lines) != 20 || !a.More || a.TimedOut {
		t.Fatalf("%d lines, more %v, timed out %v", len(a.Lines), a.More, a.TimedOut)
	}
	for i, l := range a.Lines {
		if l.Text != fmt.Sprint(i) {
			t.Errorf("line %d is that of %s seconds ago", i, l.Text)
		}
	}
	if a := s.search(lines.Query{Limit: 500, Terms: []lines.Term{{Field: "even", Value: "true"}}}); len(a.Lines) != 250 || a.More {
		t.Errorf("%d lines, more %v, want 250 and no more", len(a.Lines), a.More)
	}
	for _, n := range []int{0, -1, lines.MostLines + 1} {
		var wrong *fact.Problem
		if _, err := s.store.Search(t.Context(), lines.Query{Limit: n}); !errors.As(err, &wrong) {
			t.Errorf("limit %d: %v, want a problem", n, err)
		}
	}
}

// replay puts some batches, closes the store as a process that ends does, and
// puts the later ones again.
func replay(t *testing.T, s *suite) {
	batch := func(n int) []fact.Line { // of two days, with equal lines in it
		return []fact.Line{ago(n, "same"), ago(n, "same"), ago(n+86400, fmt.Sprint("yesterday ", n))}
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
	for _, l := range s.search(lines.Query{}).Lines {
		perBatch[l.Batch]++
	}
	for n := uint64(1); n <= 12; n++ {
		if perBatch[n] != 3 {
			t.Errorf("batch %d has %d lines, want 3", n, perBatch[n])
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
	if got := s.texts(lines.Query{}); !slices.Equal(got, []string{"fine"}) {
		t.Errorf("found %q", got)
	}
}

func retention(t *testing.T, s *suite) {
	for i := range 4 {
		s.put(uint64(i+1), ago(i*86400, fmt.Sprint(i)))
	}
	s.sync()
	if gone, err := s.store.Retain(); len(gone) > 0 || err != nil {
		t.Errorf("Retain drops %v, %v: nothing is too old", gone, err)
	}
	if got := s.texts(lines.Query{}); !slices.Equal(got, []string{"0", "1", "2", "3"}) {
		t.Errorf("found %q", got)
	}
}

func beside(t *testing.T, s *suite) {
	stop := make(chan struct{})
	done := make(chan error, 4)
	for range 4 {
		go func() {
			for {
				select {
				case <-stop:
					done <- nil
					return
				default:
				}
				if _, err := s.store.Search(context.WithoutCancel(t.Context()), lines.Query{Limit: 50, Terms: []lines.Term{{Value: "order"}}}); err != nil {
					done <- err
					return
				}
			}
		}()
	}
	for n := range 40 {
		s.put(uint64(n+1), ago(n, fmt.Sprint("order ", n)), ago(n, "other"))
		if n%10 == 9 {
			s.sync()
		}
	}
	close(stop)
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got := s.texts(lines.Query{Terms: []lines.Term{{Value: "order"}}}); len(got) != 40 {
		t.Errorf("%d lines, want 40", len(got))
	}
}

func ends(t *testing.T, s *suite) {
	s.put(1, ago(1, "x"))
	s.sync()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a, err := s.store.Search(ctx, lines.Query{Limit: 10})
	if err == nil && !a.TimedOut {
		t.Errorf("a search whose caller has gone ends with %+v", a)
	}
}

func closed(t *testing.T, s *suite) {
	s.put(1, ago(1, "x"))
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.Put(t.Context(), 2, &fact.Batch{Received: Now().UnixMilli(), Lines: []fact.Line{ago(1, "y")}}); err == nil {
		t.Error("a closed store takes lines")
	}
	if _, err := s.store.Search(t.Context(), lines.Query{Limit: 1}); err == nil {
		t.Error("a closed store is searched")
	}
	if err := s.store.Sync(t.Context()); err == nil {
		t.Error("a closed store is synced")
	}
}
