package recordstest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/records"
)

func incidents(t *testing.T, s Store) {
	over := incident("inc-over", 1)
	over.State, over.Resolved = fact.Resolved, at(2)
	must(t, s.PutIncident(t.Context(), over))
	must(t, s.PutIncident(t.Context(), incident("inc-open", 3)))
	for _, tt := range []struct {
		name string
		q    records.IncidentQuery
		want []string
	}{
		{"open", records.IncidentQuery{State: fact.Open}, []string{"inc-open"}},
		{"resolved", records.IncidentQuery{State: fact.Resolved}, []string{"inc-over"}},
		{"before the second", records.IncidentQuery{Before: at(3)}, []string{"inc-over"}},
		{"resolved before the first", records.IncidentQuery{State: fact.Resolved, Before: at(1)}, []string{}},
	} {
		ids(t, tt.name, incidentID, tt.want...)(s.Incidents(t.Context(), tt.q))
	}
}

func findings(t *testing.T, s Store) {
	ended := finding("f-ended", "payment", 0)
	ended.Ended = at(10)
	edge := finding("f-edge", "payment", 1)
	edge.Signal.Client = service("checkout")
	must(t, s.PutFinding(t.Context(), ended))
	must(t, s.PutFinding(t.Context(), edge))
	must(t, s.PutFinding(t.Context(), finding("f-open", "catalog", 2)))
	for _, tt := range []struct {
		name string
		q    records.FindingQuery
		want []string
	}{
		{"open", records.FindingQuery{Open: true}, []string{"f-open", "f-edge"}},
		{"of an entity", records.FindingQuery{Entity: service("payment")}, []string{"f-edge", "f-ended"}},
		{"of a caller", records.FindingQuery{Entity: service("checkout")}, []string{"f-edge"}},
		{"that lasted at its very end", records.FindingQuery{Since: at(10)}, []string{"f-open", "f-edge", "f-ended"}},
		{"that lasted later", records.FindingQuery{Since: at(11)}, []string{"f-open", "f-edge"}},
		{"of an unknown entity", records.FindingQuery{Entity: service("nobody")}, []string{}},
	} {
		ids(t, tt.name, findingID, tt.want...)(s.Findings(t.Context(), tt.q))
	}
}

func decisions(t *testing.T, s Store) {
	for i, st := range []fact.State{fact.Waiting, fact.Kept, fact.Acting, fact.Unclear} {
		must(t, s.PutDecision(t.Context(), decision("p-"+string(st), fmt.Sprintf("inc-%d", i/2), i, st)))
	}
	for _, tt := range []struct {
		name string
		q    records.DecisionQuery
		want []string
	}{
		{"open", records.DecisionQuery{Open: true}, []string{"p-acting", "p-waiting"}},
		{"of an incident", records.DecisionQuery{Incident: "inc-0"}, []string{"p-kept", "p-waiting"}},
		{"changed since, and the open ones", records.DecisionQuery{Since: at(3)}, []string{"p-unclear", "p-acting", "p-waiting"}},
		{"changed later, and the open ones", records.DecisionQuery{Since: at(4)}, []string{"p-acting", "p-waiting"}},
		{"open of an incident", records.DecisionQuery{Incident: "inc-1", Open: true}, []string{"p-acting"}},
		{"of no incident", records.DecisionQuery{Incident: "inc-9"}, []string{}},
		{"open, the second page", records.DecisionQuery{Open: true, After: "p-acting"}, []string{"p-waiting"}},
	} {
		ids(t, tt.name, decisionID, tt.want...)(s.Decisions(t.Context(), tt.q))
	}
}

func changes(t *testing.T, s Store) {
	must(t, s.PutChange(t.Context(), change("c-1", "payment", 1)))
	must(t, s.PutChange(t.Context(), change("c-2", "catalog", 2)))
	must(t, s.PutChange(t.Context(), change("c-3", "payment", 3)))
	for _, tt := range []struct {
		name string
		q    records.ChangeQuery
		want []string
	}{
		{"of an entity", records.ChangeQuery{Entity: service("payment")}, []string{"c-3", "c-1"}},
		{"since, with the moment itself", records.ChangeQuery{Since: at(2)}, []string{"c-3", "c-2"}},
		{"until, without the moment itself", records.ChangeQuery{Until: at(3)}, []string{"c-2", "c-1"}},
		{"between", records.ChangeQuery{Since: at(2), Until: at(3)}, []string{"c-2"}},
	} {
		ids(t, tt.name, changeID, tt.want...)(s.Changes(t.Context(), tt.q))
	}
}

func notices(t *testing.T, s Store) {
	id := func(n fact.Notice) string { return n.ID }
	alert := fact.Notice{ID: "n-1", At: at(1), Kind: fact.AlertNotice, State: "firing", Entity: service("payment"), Title: "HighErrors", Labels: map[string]string{"severity": "page"}, Source: "am"}
	must(t, s.PutNotice(t.Context(), alert))
	must(t, s.PutNotice(t.Context(), fact.Notice{ID: "n-2", At: at(2), Kind: fact.PushNotice, Title: "a push"}))
	must(t, s.PutNotice(t.Context(), fact.Notice{ID: "n-3", At: at(3), Kind: fact.AlertNotice, Title: "Other"}))
	alert.State, alert.Until = "resolved", at(4)
	must(t, s.PutNotice(t.Context(), alert))
	for _, tt := range []struct {
		name string
		q    records.NoticeQuery
		want []string
	}{
		{"all", records.NoticeQuery{}, []string{"n-3", "n-2", "n-1"}},
		{"of a kind", records.NoticeQuery{Kind: fact.AlertNotice}, []string{"n-3", "n-1"}},
		{"of an entity", records.NoticeQuery{Entity: service("payment")}, []string{"n-1"}},
		{"since, with the moment itself", records.NoticeQuery{Since: at(2)}, []string{"n-3", "n-2"}},
		{"the second page", records.NoticeQuery{After: "n-3", Limit: 1}, []string{"n-2"}},
	} {
		ids(t, tt.name, id, tt.want...)(s.Notices(t.Context(), tt.q))
	}
	got, err := s.Notices(t.Context(), records.NoticeQuery{Entity: service("payment")})
	must(t, err)
	same(t, "the alert, as it was told last", got, []fact.Notice{alert})
	_, err = s.Prune(t.Context(), records.Cutoff{Findings: at(3)})
	must(t, err)
	ids(t, "after the old ones were pruned", id, "n-3")(s.Notices(t.Context(), records.NoticeQuery{}))
}

func sources(t *testing.T, s Store) {
	b := records.Source{Name: "b", Kind: "otlp", FirstSeen: at(0), LastSeen: at(1), Received: 5, Refused: 1, Accepted: 4, LastRefusal: "too long", Refusals: []records.Refusal{{Reason: "labels", Count: 1, At: at(1), Text: "too long"}}}
	a := records.Source{Name: "a", Kind: "hook", FirstSeen: at(0), LastSeen: at(0), Received: 1, Accepted: 1}
	must(t, s.PutSources(t.Context(), b, a))
	b.Received, b.Accepted = 6, 5
	must(t, s.PutSources(t.Context(), a, b))
	got, err := s.Sources(t.Context())
	must(t, err)
	same(t, "sources", got, []records.Source{a, b})
	must(t, s.DropSource(t.Context(), "a"))
	must(t, s.DropSource(t.Context(), "a"))
	got, err = s.Sources(t.Context())
	must(t, err)
	same(t, "sources after one was dropped", got, []records.Source{b})
	c := records.Source{Name: "c'\"\x00\ufffd", Kind: "otlp", FirstSeen: at(0), LastSeen: at(2)}
	must(t, s.PutSources(t.Context(), c))
	got, err = s.Sources(t.Context())
	must(t, err)
	same(t, "sources, of which one is new and one is gone", got, []records.Source{c})
}

func contracts(t *testing.T, s Store) {
	b, a := fact.Contract{Source: "b", Agreed: at(1), By: "ada", Series: 7}, fact.Contract{Source: "a", Agreed: at(2), Metrics: []fact.MetricContract{{Name: "up", Type: "gauge"}}}
	must(t, s.PutContract(t.Context(), b))
	must(t, s.PutContract(t.Context(), a))
	b.Agreed, b.Series = at(3), 8
	must(t, s.PutContract(t.Context(), b))
	got, err := s.Contracts(t.Context())
	must(t, err)
	same(t, "contracts", got, []fact.Contract{a, b})
	_, err = s.Prune(t.Context(), records.Cutoff{Findings: at(999), Incidents: at(999)})
	must(t, err)
	got, err = s.Contracts(t.Context())
	must(t, err)
	same(t, "contracts after old papers were pruned", got, []fact.Contract{a, b})
}

func prune(t *testing.T, s Store) {
	ended, stale, over, done := finding("f-ended", "payment", 0), finding("f-stale", "payment", 0), incident("inc-over", 0), decision("p-done", "inc-over", 0, fact.Kept)
	ended.Ended = at(10)
	over.State, over.Resolved = fact.Resolved, at(10)
	must(t, s.PutFinding(t.Context(), ended))
	must(t, s.PutFinding(t.Context(), stale))
	must(t, s.PutIncident(t.Context(), over))
	must(t, s.PutIncident(t.Context(), incident("inc-open", 0)))
	must(t, s.PutDecision(t.Context(), done))
	must(t, s.PutDecision(t.Context(), decision("p-open", "inc-open", 0, fact.Waiting)))
	must(t, s.PutChange(t.Context(), change("c-1", "payment", 0)))
	for _, tt := range []struct {
		name string
		c    records.Cutoff
		want int64
	}{
		{"nothing is old", records.Cutoff{}, 0},
		{"not yet old", records.Cutoff{Findings: at(0), Incidents: at(0)}, 0},
		{"the change", records.Cutoff{Findings: at(10)}, 1},
		{"the finding that ended", records.Cutoff{Findings: at(11)}, 1},
		{"the finding that never ended and the decision", records.Cutoff{Incidents: at(10)}, 2},
		{"the incident", records.Cutoff{Incidents: at(11)}, 1},
	} {
		n, err := s.Prune(t.Context(), tt.c)
		must(t, err)
		if n != tt.want {
			t.Errorf("%s: %d papers were deleted, want %d", tt.name, n, tt.want)
		}
	}
	ids(t, "incidents left", incidentID, "inc-open")(s.Incidents(t.Context(), records.IncidentQuery{}))
	ids(t, "decisions left", decisionID, "p-open")(s.Decisions(t.Context(), records.DecisionQuery{}))
}

func hostileText(t *testing.T, s Store) {
	for _, id := range []string{"'; DROP TABLE incidents; --", "a\x00b", "ä€𝄞", "%", `"`} {
		must(t, s.PutIncident(t.Context(), incident(id, 0)))
		got, err := s.Incident(t.Context(), id)
		must(t, err)
		same(t, "incident with a hostile id", got, incident(id, 0))
	}
	ids(t, "a hostile entity", changeID)(s.Changes(t.Context(), records.ChangeQuery{Entity: service("x' OR '1'='1")}))
}

// readersWhileWriting: whoever reads sees each paper as it once was, whole,
// and never older than what was put before.
func readersWhileWriting(t *testing.T, s Store) {
	const last = 40
	must(t, s.PutChange(t.Context(), change("c", "payment", 0)))
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for seen := 0; ; {
				select {
				case <-done:
					return
				default:
				}
				list, err := s.Changes(t.Context(), records.ChangeQuery{})
				if err != nil || len(list) != 1 {
					t.Errorf("read while writing: %v, %v; want one change", list, err)
					return
				}
				now := int(list[0].At.Sub(day).Minutes())
				if now < seen || list[0].Note != fmt.Sprint(now) && now != 0 {
					t.Errorf("read version %d (%q) after version %d", now, list[0].Note, seen)
					return
				}
				seen = now
			}
		})
	}
	for i := 1; i <= last; i++ {
		c := change("c", "payment", i)
		c.Note = fmt.Sprint(i)
		must(t, s.PutChange(t.Context(), c))
	}
	close(done)
	wg.Wait()
}

func writersTogether(t *testing.T, s Store) {
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 10 {
				if err := s.PutChange(t.Context(), change(fmt.Sprintf("c-%d-%d", w, i), "payment", i)); err != nil {
					t.Errorf("writer %d: %v", w, err)
				}
			}
		})
	}
	wg.Wait()
	list, err := s.Changes(t.Context(), records.ChangeQuery{})
	must(t, err)
	if len(list) != 40 {
		t.Errorf("4 writers put 10 changes each, %d are there", len(list))
	}
}

func cancelled(t *testing.T, s Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.PutChange(ctx, change("c", "payment", 0)); !errors.Is(err, context.Canceled) {
		t.Errorf("PutChange after cancel: %v, want an error that wraps context.Canceled", err)
	}
	ids(t, "changes", changeID)(s.Changes(t.Context(), records.ChangeQuery{}))
}

func reopened(t *testing.T, open func() Store) {
	s := open()
	must(t, s.PutIncident(t.Context(), incident("inc-1", 0)))
	must(t, s.PutFinding(t.Context(), finding("f-1", "payment", 0)))
	must(t, s.PutDecision(t.Context(), decision("p-1", "inc-1", 0, fact.Waiting)))
	must(t, s.PutChange(t.Context(), change("c-1", "payment", 0)))
	must(t, s.PutSources(t.Context(), records.Source{Name: "a"}))
	must(t, s.Close())
	s = open()
	t.Cleanup(func() { s.Close() })
	ids(t, "incidents", incidentID, "inc-1")(s.Incidents(t.Context(), records.IncidentQuery{}))
	ids(t, "findings", findingID, "f-1")(s.Findings(t.Context(), records.FindingQuery{}))
	ids(t, "decisions", decisionID, "p-1")(s.Decisions(t.Context(), records.DecisionQuery{}))
	ids(t, "changes", changeID, "c-1")(s.Changes(t.Context(), records.ChangeQuery{}))
	list, err := s.Sources(t.Context())
	must(t, err)
	if !slices.ContainsFunc(list, func(s records.Source) bool { return s.Name == "a" }) {
		t.Errorf("sources after reopening: %v", list)
	}
}
