// Package recordstest checks that a store of records keeps the promises that
// the other rooms rely on, whatever database is below.
//
// It answers one question: can this store take the place of another? It does
// not measure speed, and does not know how a store keeps its papers.
package recordstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/records"
)

// A Store is what is checked.
type Store interface {
	PutIncident(context.Context, fact.Incident) error
	Incident(ctx context.Context, id string) (fact.Incident, error)
	Incidents(context.Context, records.IncidentQuery) ([]fact.Incident, error)
	PutFinding(context.Context, fact.Finding) error
	Finding(ctx context.Context, id string) (fact.Finding, error)
	Findings(context.Context, records.FindingQuery) ([]fact.Finding, error)
	PutDecision(context.Context, fact.Decision) error
	Decision(ctx context.Context, id string) (fact.Decision, error)
	Decisions(context.Context, records.DecisionQuery) ([]fact.Decision, error)
	PutChange(context.Context, fact.Change) error
	Change(ctx context.Context, id string) (fact.Change, error)
	Changes(context.Context, records.ChangeQuery) ([]fact.Change, error)
	PutNotice(context.Context, fact.Notice) error
	Notices(context.Context, records.NoticeQuery) ([]fact.Notice, error)
	PutSources(context.Context, ...records.Source) error
	Sources(context.Context) ([]records.Source, error)
	DropSource(context.Context, string) error
	PutContract(context.Context, fact.Contract) error
	Contracts(context.Context) ([]fact.Contract, error)
	Prune(context.Context, records.Cutoff) (int64, error)
	Close() error
}

// Check runs the suite. fresh makes an empty database and returns a function
// that opens it; opened again after it was closed, it must have the same
// content.
func Check(t *testing.T, fresh func(t *testing.T) (open func() Store)) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s Store)
	}{
		{"AnEmptyStoreListsNothing", emptyStore},
		{"WhatIsNotThereIsNotFound", notFound},
		{"APaperComesBackWhole", comesBackWhole},
		{"APaperWithoutIDIsRefused", withoutID},
		{"TheSameAgainChangesNothing", sameAgain},
		{"TheLastPutCounts", lastPutCounts},
		{"NewestFirst", newestFirst},
		{"AfterContinuesAList", continues},
		{"AListHasALimit", hasLimit},
		{"IncidentsBySelection", incidents},
		{"FindingsBySelection", findings},
		{"DecisionsBySelection", decisions},
		{"ChangesBySelection", changes},
		{"NoticesBySelection", notices},
		{"SourcesInOrderOfName", sources},
		{"ContractsInOrderOfSource", contracts},
		{"PruneTakesOnlyWhatIsOld", prune},
		{"TextIsTextNotSQL", hostileText},
		{"ReadersWhileWriting", readersWhileWriting},
		{"WritersTogether", writersTogether},
		{"ACancelledPutSaysSo", cancelled},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := fresh(t)()
			t.Cleanup(func() { s.Close() })
			c.run(t, s)
		})
	}
	t.Run("ReopenedWithTheSameContent", func(t *testing.T) { reopened(t, fresh(t)) })
}

// day is when the papers of these tests are from.
var day = time.Date(2026, 3, 1, 12, 0, 0, 123_456_789, time.UTC)

func at(minutes int) time.Time { return day.Add(time.Duration(minutes) * time.Minute) }

func service(name string) fact.Entity { return fact.Entity{Kind: fact.Service, Name: name} }

func incident(id string, onset int) fact.Incident {
	return fact.Incident{
		ID: id, State: fact.Open, Onset: at(onset), Opened: at(onset + 1), Updated: at(onset + 1),
		Title: "Payment fails 30 % of requests", Entities: []fact.Entity{service("payment")},
		Causes: []fact.Cause{{Entity: service("payment"), Kind: fact.CauseErrors, Probability: 0.8, For: []fact.Evidence{{Text: "it fails", Weight: 2.5}}}},
	}
}

func finding(id, entity string, onset int) fact.Finding {
	return fact.Finding{
		ID: id, Signal: fact.Signal{Kind: fact.Errors, Name: "error ratio", Entity: service(entity)},
		Direction: fact.Up, Onset: at(onset), Seen: at(onset), Score: 12.5, Detector: "ratio@1",
	}
}

func decision(id, incident string, created int, state fact.State) fact.Decision {
	return fact.Decision{
		Proposal: fact.Proposal{ID: id, Incident: incident, Created: at(created), Expires: at(created + 60),
			Action: fact.Action{Kind: fact.SetWeights, Target: "router", Params: map[string]string{"v1": "100", "v2": "0"}}},
		State: state, Updated: at(created),
		Steps: []fact.Step{{State: fact.Proposed, At: at(created), By: "gate", Leaf: 3, Hash: "abc"}},
	}
}

func change(id, entity string, minute int) fact.Change {
	return fact.Change{ID: id, At: at(minute), Kind: fact.Deployed, Entity: service(entity), Version: "v2", Source: "hook"}
}

// must stops the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// same compares papers by their JSON, which is what they are.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	g, err := json.Marshal(got)
	must(t, err)
	w, err := json.Marshal(want)
	must(t, err)
	if string(g) != string(w) {
		t.Errorf("%s\n got %s\nwant %s", what, g, w)
	}
}

// ids checks which papers a list has, and their order.
func ids[T any](t *testing.T, what string, id func(T) string, want ...string) func([]T, error) {
	return func(list []T, err error) {
		t.Helper()
		must(t, err)
		got := make([]string, 0, len(list))
		for _, p := range list {
			got = append(got, id(p))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
}

func incidentID(p fact.Incident) string { return p.ID }
func findingID(p fact.Finding) string   { return p.ID }
func decisionID(p fact.Decision) string { return p.Proposal.ID }
func changeID(p fact.Change) string     { return p.ID }

func emptyStore(t *testing.T, s Store) {
	ids(t, "incidents", incidentID)(s.Incidents(t.Context(), records.IncidentQuery{}))
	ids(t, "findings", findingID)(s.Findings(t.Context(), records.FindingQuery{}))
	ids(t, "decisions", decisionID)(s.Decisions(t.Context(), records.DecisionQuery{}))
	ids(t, "changes", changeID)(s.Changes(t.Context(), records.ChangeQuery{}))
	list, err := s.Incidents(t.Context(), records.IncidentQuery{})
	must(t, err)
	if list == nil {
		t.Error("an empty list is nil, and its JSON null; want []")
	}
}

func notFound(t *testing.T, s Store) {
	for what, get := range map[string]func() error{
		"Incident": func() error { _, err := s.Incident(t.Context(), "no"); return err },
		"Finding":  func() error { _, err := s.Finding(t.Context(), "no"); return err },
		"Decision": func() error { _, err := s.Decision(t.Context(), "no"); return err },
		"Change":   func() error { _, err := s.Change(t.Context(), "no"); return err },
		"After":    func() error { _, err := s.Incidents(t.Context(), records.IncidentQuery{After: "no"}); return err },
	} {
		if err := get(); !errors.Is(err, fact.ErrNotFound) {
			t.Errorf("%s: %v, want an error that wraps fact.ErrNotFound", what, err)
		}
	}
}

func comesBackWhole(t *testing.T, s Store) {
	in, f, d, c := incident("inc-1", 0), finding("f-1", "payment", 0), decision("p-1", "inc-1", 0, fact.Waiting), change("c-1", "payment", 0)
	in.Findings, in.Changes = []fact.Finding{f}, []fact.Change{c}
	f.Signal.Labels = fact.LabelsOf(fact.NameLabel, "up", "job", "ä \" \\ '")
	d.Verdict = &fact.Verdict{Proposal: "p-1", At: at(1), Rules: []fact.Rule{{Name: "one", Pass: true}}}
	must(t, s.PutIncident(t.Context(), in))
	must(t, s.PutFinding(t.Context(), f))
	must(t, s.PutDecision(t.Context(), d))
	must(t, s.PutChange(t.Context(), c))
	gotIn, err := s.Incident(t.Context(), "inc-1")
	must(t, err)
	same(t, "incident", gotIn, in)
	gotF, err := s.Finding(t.Context(), "f-1")
	must(t, err)
	same(t, "finding", gotF, f)
	gotD, err := s.Decision(t.Context(), "p-1")
	must(t, err)
	same(t, "decision", gotD, d)
	gotC, err := s.Change(t.Context(), "c-1")
	must(t, err)
	same(t, "change", gotC, c)
	if !gotC.At.Equal(c.At) {
		t.Errorf("time %v came back as %v", c.At, gotC.At)
	}
}

func withoutID(t *testing.T, s Store) {
	for what, err := range map[string]error{
		"incident": s.PutIncident(t.Context(), fact.Incident{}),
		"finding":  s.PutFinding(t.Context(), fact.Finding{}),
		"decision": s.PutDecision(t.Context(), fact.Decision{}),
		"change":   s.PutChange(t.Context(), fact.Change{}),
		"notice":   s.PutNotice(t.Context(), fact.Notice{}),
		"source":   s.PutSources(t.Context(), records.Source{}),
		"contract": s.PutContract(t.Context(), fact.Contract{}),
	} {
		if err == nil {
			t.Errorf("%s without id was stored", what)
		}
	}
}

func sameAgain(t *testing.T, s Store) {
	for range 3 {
		must(t, s.PutIncident(t.Context(), incident("inc-1", 0)))
		must(t, s.PutFinding(t.Context(), finding("f-1", "payment", 0)))
		must(t, s.PutDecision(t.Context(), decision("p-1", "inc-1", 0, fact.Waiting)))
		must(t, s.PutChange(t.Context(), change("c-1", "payment", 0)))
	}
	ids(t, "incidents", incidentID, "inc-1")(s.Incidents(t.Context(), records.IncidentQuery{}))
	ids(t, "findings", findingID, "f-1")(s.Findings(t.Context(), records.FindingQuery{}))
	ids(t, "decisions", decisionID, "p-1")(s.Decisions(t.Context(), records.DecisionQuery{}))
	ids(t, "changes", changeID, "c-1")(s.Changes(t.Context(), records.ChangeQuery{}))
}

func lastPutCounts(t *testing.T, s Store) {
	d := decision("p-1", "inc-1", 0, fact.Waiting)
	must(t, s.PutDecision(t.Context(), d))
	d.State, d.Updated = fact.Kept, at(5)
	must(t, s.PutDecision(t.Context(), d))
	got, err := s.Decision(t.Context(), "p-1")
	must(t, err)
	same(t, "decision", got, d)
	ids(t, "open decisions", decisionID)(s.Decisions(t.Context(), records.DecisionQuery{Open: true}))
}

func newestFirst(t *testing.T, s Store) {
	for _, i := range []int{3, 1, 2} {
		must(t, s.PutIncident(t.Context(), incident(fmt.Sprintf("inc-%d", i), i)))
		must(t, s.PutFinding(t.Context(), finding(fmt.Sprintf("f-%d", i), "payment", i)))
		must(t, s.PutDecision(t.Context(), decision(fmt.Sprintf("p-%d", i), "inc-1", i, fact.Waiting)))
		must(t, s.PutChange(t.Context(), change(fmt.Sprintf("c-%d", i), "payment", i)))
	}
	ids(t, "incidents", incidentID, "inc-3", "inc-2", "inc-1")(s.Incidents(t.Context(), records.IncidentQuery{}))
	ids(t, "findings", findingID, "f-3", "f-2", "f-1")(s.Findings(t.Context(), records.FindingQuery{}))
	ids(t, "decisions", decisionID, "p-3", "p-2", "p-1")(s.Decisions(t.Context(), records.DecisionQuery{}))
	ids(t, "changes", changeID, "c-3", "c-2", "c-1")(s.Changes(t.Context(), records.ChangeQuery{}))
}

func continues(t *testing.T, s Store) {
	var want []string
	for i := range 7 {
		id := fmt.Sprintf("inc-%d", i)
		must(t, s.PutIncident(t.Context(), incident(id, i/3))) // several at the same time
		want = append([]string{id}, want...)
	}
	var got []string
	for after := ""; ; {
		page, err := s.Incidents(t.Context(), records.IncidentQuery{After: after, Limit: 2})
		must(t, err)
		if len(page) == 0 {
			break
		}
		for _, in := range page {
			got = append(got, in.ID)
		}
		after = got[len(got)-1]
	}
	if !slices.Equal(got, want) {
		t.Errorf("pages of two: got %v, want %v", got, want)
	}
}

func hasLimit(t *testing.T, s Store) {
	const n = records.DefaultLimit + 10
	for i := range n {
		must(t, s.PutChange(t.Context(), change(fmt.Sprintf("c-%d", i), "payment", i)))
	}
	for limit, want := range map[int]int{2: 2, 0: records.DefaultLimit, -1: records.DefaultLimit, records.NoLimit: n} {
		list, err := s.Changes(t.Context(), records.ChangeQuery{Limit: limit})
		must(t, err)
		if len(list) != want {
			t.Errorf("limit %d gives %d of %d changes, want %d", limit, len(list), n, want)
		}
	}
}
