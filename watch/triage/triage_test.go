package triage_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/watch/cause"
	"github.com/steersman-ops/steersman/watch/flow"
	"github.com/steersman-ops/steersman/watch/triage"
	"github.com/steersman-ops/steersman/watch/watchtest"
)

var start = watchtest.Start

func at(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }

// shopCalls is the shop's graph beside a pair of services that has nothing to
// do with it.
func shopCalls() *flow.Graph {
	ring := flow.New(flow.Config{})
	watchtest.NewShop(1, 40).Fill(ring, 3)
	ring.Add(start.Unix(), flow.Key{Client: watchtest.Service("billing"), Server: watchtest.Service("archive"), Side: flow.Client}, flow.Count{Requests: 1})
	return ring.Graph()
}

// finding reads "errors payment<checkout 12" as: errors on the edge from
// checkout to payment, onset in second 12.
func finding(t *testing.T, text string) fact.Finding {
	t.Helper()
	var kind, edge string
	var onset float64
	if _, err := fmt.Sscan(text, &kind, &edge, &onset); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	server, client, _ := strings.Cut(edge, "<")
	f := fact.Finding{
		ID: fact.ID("fnd", text), Onset: at(onset), Seen: at(onset + 3), Score: 8, Direction: fact.Up,
		Signal: fact.Signal{Kind: fact.SignalKind(kind), Entity: watchtest.Service(server)},
	}
	switch kind {
	case "fewer":
		f.Signal.Kind, f.Direction = fact.Traffic, fact.Down
	case "none":
		f.Signal.Kind, f.Direction = fact.Traffic, fact.Absent
	case "busy":
		f.Signal.Kind, f.Signal.Entity.Kind = fact.Saturation, fact.Host
	case "faster":
		f.Signal.Kind, f.Direction = fact.Latency, fact.Down
	}
	if client != "" {
		f.Signal.Client = watchtest.Service(client)
	}
	return f
}

func TestWhatBelongsTogether(t *testing.T) {
	for _, tt := range []struct {
		name   string
		blamed string // of the first incident, once it is open
		kind   fact.CauseKind
		in     []string // in order of being found; "|" is a tick between
		want   []int    // how many findings each incident has, in order of opening
	}{
		{name: "nothing"},
		{name: "one chain, one story", in: []string{"errors payment<checkout 10", "errors checkout<frontend 10", "errors frontend 11", "latency frontend 12"}, want: []int{4}},
		{name: "the same from above", in: []string{"errors frontend 9", "|", "errors payment<checkout 12"}, want: []int{2}},
		{name: "what explains does not open", in: []string{"other payment 10", "busy node-1 10", "traffic frontend 9"}},
		{name: "what explains joins", in: []string{"other payment 2", "busy node-1 9", "traffic payment<checkout 12", "|", "errors payment<checkout 10"}, want: []int{4}},
		{name: "what explains comes later and joins", in: []string{"errors payment<checkout 10", "|", "other payment 12", "|", "busy node-1 40"}, want: []int{3}},
		{name: "what explains another does not join", in: []string{"other archive 10", "errors payment<checkout 10"}, want: []int{1}},
		{name: "what explains long before does not join", in: []string{"other payment 10", "|", "errors payment<checkout 200"}, want: []int{1}},
		{name: "to be faster is no harm", in: []string{"faster payment 10"}},
		{name: "unconnected at the same time are two", in: []string{"errors payment<checkout 10", "errors archive<billing 10"}, want: []int{1, 1}},
		{name: "siblings at once are one", in: []string{"latency cart<frontend 10", "latency currency<checkout 20"}, want: []int{2}},
		{name: "siblings half a minute apart are two", in: []string{"latency cart<frontend 10", "|", "latency currency<checkout 40"}, want: []int{1, 1}},
		{name: "callers in time join", in: []string{"errors payment<checkout 10", "|", "errors frontend 65"}, want: []int{2}},
		{
			name: "a caller of the cause joins however late", blamed: "payment", kind: fact.CauseErrors,
			in: []string{"errors payment<checkout 10", "|", "latency frontend 400"}, want: []int{2},
		},
		{
			name: "another root later is another story", blamed: "payment", kind: fact.CauseErrors,
			in: []string{"errors payment<checkout 10", "errors frontend 10", "|", "errors catalog<frontend 200"}, want: []int{2, 1},
		},
		{
			name: "a busy host explains everything", blamed: "node-1", kind: fact.CauseHost,
			in: []string{"latency payment<checkout 10", "|", "latency archive<billing 200"}, want: []int{2},
		},
		{name: "the same service later joins while open", in: []string{"errors payment<checkout 10", "|", "latency payment 300"}, want: []int{2}},
		{name: "fewer requests do not open", in: []string{"fewer shipping<checkout 10"}},
		{name: "fewer requests wait for a reason", in: []string{"fewer shipping<checkout 10", "|", "errors checkout<frontend 11"}, want: []int{2}},
		{name: "fewer requests follow, however late", in: []string{"errors checkout<frontend 10", "|", "fewer email<checkout 300"}, want: []int{2}},
		{name: "no requests at all open", in: []string{"none frontend 10"}, want: []int{1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			calls, tr := shopCalls(), triage.New(triage.Config{})
			var batch []fact.Finding
			flush := func() {
				tr.Take(at(400), batch, calls)
				batch = nil
				if s := tr.Stories(); len(s) > 0 && tt.blamed != "" {
					e := watchtest.Service(tt.blamed)
					s[0].Ranking = cause.Result{Causes: []fact.Cause{{Entity: e, Kind: tt.kind, Probability: 0.9}}}
				}
			}
			for _, text := range tt.in {
				if text == "|" {
					flush()
					continue
				}
				batch = append(batch, finding(t, text))
			}
			flush()
			var got []int
			for _, s := range tr.Stories() {
				got = append(got, len(s.Members))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("incidents with %v findings, want %v", got, tt.want)
			}
		})
	}
}

func TestResolveAndReopen(t *testing.T) {
	calls, tr := shopCalls(), triage.New(triage.Config{})
	f := finding(t, "errors payment<checkout 10")
	opened := tr.Take(at(14), []fact.Finding{f}, calls)
	if len(opened) != 1 || opened[0].Paper.Onset != at(10) || opened[0].Paper.Opened != at(14) {
		t.Fatalf("opened %+v", opened)
	}
	s, id := opened[0], opened[0].Paper.ID
	s.Ranking = cause.Result{Causes: []fact.Cause{{Entity: watchtest.Service("payment"), Kind: fact.CauseErrors, Probability: 0.9}}}
	f.Ended = at(60)
	tr.Take(at(61), []fact.Finding{f}, calls)
	tr.Take(at(71), nil, calls)
	if s.Paper.State != fact.Open {
		t.Fatal("resolved before it was quiet for 12 s")
	}
	tr.Take(at(72), nil, calls)
	if s.Paper.State != fact.Resolved || s.Paper.Resolved != at(60) {
		t.Fatalf("after 12 s of quiet: %s, resolved %v", s.Paper.State, s.Paper.Resolved)
	}
	s.Changed = false

	tr.Take(at(88), []fact.Finding{finding(t, "errors payment<checkout 85")}, calls)
	if s.Paper.State != fact.Open || !s.Paper.Resolved.IsZero() || len(tr.Stories()) != 1 {
		t.Fatalf("a symptom 25 s after the end: %s, %d stories; want the same one open", s.Paper.State, len(tr.Stories()))
	}
	if got := tr.Take(at(91), []fact.Finding{finding(t, "errors archive<billing 88")}, calls); len(got) != 1 {
		t.Errorf("another trouble meanwhile opened %d", len(got))
	}
	again := finding(t, "errors payment<checkout 85")
	again.Ended = at(100)
	other := finding(t, "errors archive<billing 88")
	other.Ended = at(100)
	tr.Take(at(112), []fact.Finding{again, other}, calls)
	s.Changed, tr.Stories()[1].Changed = false, false
	if got := tr.Take(at(120), []fact.Finding{finding(t, "latency payment<checkout 118")}, calls); len(got) != 1 {
		t.Errorf("another harm just after opened %d incidents, want its own", len(got))
	}
	slow := finding(t, "latency payment<checkout 118")
	slow.Ended = at(120)
	tr.Take(at(132), []fact.Finding{slow}, calls)
	for _, s := range tr.Stories() {
		s.Changed = false
	}
	tr.Take(at(175), nil, calls)
	if len(tr.Stories()) != 0 {
		t.Fatalf("still remembered: %+v", s.Paper)
	}
	opened = tr.Take(at(180), []fact.Finding{finding(t, "errors payment<checkout 177")}, calls)
	if len(opened) != 1 || opened[0].Paper.ID == id {
		t.Errorf("a symptom a minute after: %d opened", len(opened))
	}
}

// What begins in the same services after a trouble was over, and hurts in
// another way, is another story. It joined the first, which was not known to be
// over, and leaves it as soon as that is known.
func TestAnotherTroubleParts(t *testing.T) {
	for _, tt := range []struct {
		name, later string
		onset       float64
		ended       float64 // of the first trouble; 0: it lasts
		turned      float64 // when the answer changed
		want        []int
		blamed      string // in the first story
	}{
		{name: "slow after failing", later: "latency", onset: 64, ended: 60, want: []int{2, 2}, blamed: "payment"},
		{name: "and the answer had changed by then", later: "latency", onset: 64, ended: 60, turned: 66, want: []int{2, 2}, blamed: "payment"},
		{name: "the answer had changed before", later: "latency", onset: 64, ended: 60, turned: 50, want: []int{2, 2}, blamed: "catalog"},
		{name: "failing again", later: "errors", onset: 64, ended: 60, want: []int{4}, blamed: "payment"},
		{name: "too close to tell apart", later: "latency", onset: 62, ended: 60, want: []int{4}, blamed: "payment"},
		{name: "while the first lasts", later: "latency", onset: 64, want: []int{4}, blamed: "payment"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			calls, tr := shopCalls(), triage.New(triage.Config{})
			blame := func(service string) cause.Result {
				return cause.Result{Causes: []fact.Cause{{Entity: watchtest.Service(service), Kind: fact.CauseErrors, Probability: 0.9}}}
			}
			first := []fact.Finding{finding(t, "errors payment<checkout 10"), finding(t, "errors checkout 11")}
			tr.Take(at(14), first, calls)
			s := tr.Stories()[0]
			s.Ranking = blame("payment")
			tr.Take(at(70), []fact.Finding{finding(t, fmt.Sprintf("%s checkout %g", tt.later, tt.onset)), finding(t, fmt.Sprintf("other payment %g", tt.onset+1))}, calls)
			if len(tr.Stories()) != 1 {
				t.Fatal("nobody knows yet that the first is over")
			}
			if tt.turned > 0 {
				s.Former = triage.Former{Ranking: s.Ranking, Until: at(tt.turned)}
				s.Ranking = blame("catalog")
			}
			if tt.ended > 0 {
				first[0].Ended, first[1].Ended = at(tt.ended-1), at(tt.ended)
			}
			tr.Take(at(71), first, calls)
			var got []int
			for _, s := range tr.Stories() {
				got = append(got, len(s.Members))
			}
			if !slices.Equal(got, tt.want) {
				t.Fatalf("incidents with %v findings, want %v", got, tt.want)
			}
			if s.Blamed() != watchtest.Service(tt.blamed) {
				t.Errorf("the first blames %s, want %s", s.Blamed(), tt.blamed)
			}
			if len(got) < 2 {
				return
			}
			if o := tr.Stories()[1]; o.Paper.Onset != at(tt.onset) || o.Paper.ID == s.Paper.ID || o.Suffering(watchtest.Service("payment")) {
				t.Errorf("the second: %+v", o.Paper)
			}
			tr.Take(at(73), nil, calls)
			if s.Paper.State != fact.Resolved || s.Paper.Resolved != at(tt.ended) {
				t.Errorf("the first is %s, resolved %v", s.Paper.State, s.Paper.Resolved)
			}
		})
	}
}

// A bad version that gets no more requests cannot show that it is well again.
func TestAVersionAloneDoesNotHoldAnIncidentOpen(t *testing.T) {
	calls, tr := shopCalls(), triage.New(triage.Config{})
	version := finding(t, "errors checkout 11")
	version.Signal.Labels = fact.LabelsOf("version", "v2")
	service := finding(t, "errors checkout 10")
	tr.Take(at(14), []fact.Finding{version}, calls)
	if s := tr.Stories(); len(s) != 1 || !s[0].Suffers() {
		t.Fatal("a failing version by itself is an incident, too")
	}
	service.Ended = at(30)
	tr.Take(at(31), []fact.Finding{service}, calls)
	tr.Take(at(42), nil, calls)
	if s := tr.Stories()[0]; s.Paper.State != fact.Resolved || s.Paper.Resolved != at(30) {
		t.Errorf("%s, resolved %v; want second 30", s.Paper.State, s.Paper.Resolved)
	}
}

func TestOnsetIsThatOfTheEarliestSymptom(t *testing.T) {
	calls, tr := shopCalls(), triage.New(triage.Config{})
	tr.Take(at(20), []fact.Finding{finding(t, "errors frontend 14")}, calls)
	tr.Take(at(21), []fact.Finding{finding(t, "errors payment<checkout 11"), finding(t, "other payment 2")}, calls)
	s := tr.Stories()[0]
	if s.Paper.Onset != at(11) {
		t.Errorf("onset %v, want second 11", s.Paper.Onset)
	}
	if got := s.Members[0].Signal.Kind; got != fact.Other || !slices.IsSortedFunc(s.Members, func(a, b fact.Finding) int { return a.Onset.Compare(b.Onset) }) {
		t.Errorf("members are not in order of onset: first is %s", got)
	}
}

func TestBounds(t *testing.T) {
	calls := shopCalls()
	tr := triage.New(triage.Config{MaxOpen: 1, MaxMembers: 3, MaxShown: 2, MaxLoose: 2})
	var fs []fact.Finding
	for i := range 6 {
		f := finding(t, fmt.Sprintf("errors payment<checkout %d", 10+i))
		f.Score = float64(i)
		fs = append(fs, f)
	}
	tr.Take(at(20), append(fs, finding(t, "errors archive<billing 200")), calls)
	if len(tr.Stories()) != 1 || tr.Refused() != 1 {
		t.Errorf("%d stories, %d refused; want 1 and 1", len(tr.Stories()), tr.Refused())
	}
	s := tr.Stories()[0]
	tr.Tell(s, at(20))
	if len(s.Members) != 3 || len(s.Paper.Findings) != 2 || s.Paper.Findings[1].Score != 2 {
		t.Errorf("%d members, %d shown: %+v", len(s.Members), len(s.Paper.Findings), s.Paper.Findings)
	}
	for i := range 5 {
		tr.Take(at(21), []fact.Finding{finding(t, fmt.Sprintf("other nobody %d", i))}, calls)
	}
}

func TestSnapshotAndBack(t *testing.T) {
	calls, tr := shopCalls(), triage.New(triage.Config{})
	fs := []fact.Finding{finding(t, "errors payment<checkout 10"), finding(t, "latency frontend 12"), finding(t, "other currency 9")}
	tr.Take(at(14), fs, calls)
	data, err := tr.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	other := triage.New(triage.Config{})
	if err := other.Restore(data); err != nil {
		t.Fatal(err)
	}
	for i := range fs {
		fs[i].Ended = at(30)
	}
	for _, now := range []float64{31, 50, 100} {
		tr.Take(at(now), fs, calls)
		other.Take(at(now), fs, calls)
		if !reflect.DeepEqual(tr.Stories(), other.Stories()) {
			t.Fatalf("second %v: %+v\nrestored: %+v", now, tr.Stories()[0].Paper, other.Stories()[0].Paper)
		}
	}
	if err := other.Restore([]byte("{")); err == nil {
		t.Error("half a snapshot was taken")
	}
}

func TestImpactAndWords(t *testing.T) {
	ring := flow.New(flow.Config{})
	shop := watchtest.NewShop(5, 40, watchtest.Fault{From: 60, Service: "payment", Fails: 0.3})
	shop.Fill(ring, 90)
	calls, tr := ring.Graph(), triage.New(triage.Config{})
	f := finding(t, "errors payment<checkout 60")
	f.Now = 0.3
	tr.Take(at(64), []fact.Finding{f, finding(t, "errors frontend 60"), finding(t, "errors checkout<frontend 60")}, calls)
	s := tr.Stories()[0]
	s.Before = ring.Sums(start.Unix(), start.Unix()+55)
	for second := int64(64); second <= 90; second++ {
		s.Weigh(ring, calls, start.Unix()+second)
	}
	tr.Tell(s, at(90))
	im := s.Paper.Impact
	if im.Entity.Name != "frontend" {
		t.Errorf("felt at %v, want frontend", im.Entity)
	}
	// 30 s at 40 a second, half of them check out, 30 % of those fail.
	if im.Requests < 1000 || im.Requests > 1400 || im.Failed < 120 || im.Failed > 240 || im.ErrorRatio < 0.08 || im.ErrorRatio > 0.25 {
		t.Errorf("impact %+v", im)
	}
	if im.Slowdown < 0.5 || im.Slowdown > 1.2 {
		t.Errorf("slowdown %v, nothing is slow", im.Slowdown)
	}
	if !strings.HasPrefix(s.Paper.Title, "frontend fails ") || !strings.HasPrefix(s.Paper.Summary, "Since 14:01:00 frontend fails ") {
		t.Errorf("title %q, summary %q", s.Paper.Title, s.Paper.Summary)
	}
	s.Ranking = cause.Result{Causes: []fact.Cause{{Entity: watchtest.Service("payment")}}, Headline: "payment fails 30 % of requests", Text: "payment is the likely cause (86 %): it fails by itself and nothing it calls does"}
	tr.Tell(s, at(91))
	if s.Paper.Title != "payment fails 30 % of requests" || !strings.HasSuffix(s.Paper.Summary, "; payment is the likely cause (86 %): it fails by itself and nothing it calls does.") {
		t.Errorf("title %q, summary %q", s.Paper.Title, s.Paper.Summary)
	}
	if s.Paper.Entities[0].Name != "payment" || len(s.Paper.Entities) != 3 {
		t.Errorf("entities %v", s.Paper.Entities)
	}
	s.Paper.State, s.Paper.Resolved = fact.Resolved, at(100)
	s.Notes = []string{"Restart payment-1 of payment: it helped (14:01:38)."}
	tr.Tell(s, at(112))
	if got := s.Paper.Summary; !strings.HasPrefix(got, "From 14:01:00 to 14:01:40 frontend failed up to ") || !strings.Contains(got, "payment was the likely cause") || !strings.HasSuffix(got, "it helped (14:01:38).") {
		t.Errorf("summary %q", got)
	}
}
