package api

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern/identity"
	"github.com/steersman-ops/steersman/govern/watchdog"
	"github.com/steersman-ops/steersman/store/records"
)

// answer is the envelope that huma wants around a body.
type answer[T any] struct{ Body T }

type nothing struct{}

// ByID names a paper in the path. (huma looks only into exported structs.)
type ByID struct {
	ID string `path:"id" maxLength:"64" doc:"As the lists give it."`
}

// Limited bounds a list.
type Limited struct {
	Limit int `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"At most so many."`
}

type reason struct {
	Why string `json:"why,omitempty" maxLength:"2000" doc:"For the record. Never required."`
}

// get registers a read.
func get[I, O any](s *server, path, id, summary string, f func(context.Context, *I) (O, error)) {
	route(s, http.MethodGet, path, id, summary, f)
}

func route[I, O any](s *server, method, path, id, summary string, f func(context.Context, *I) (O, error)) {
	op := huma.Operation{Method: method, Path: Prefix + path, OperationID: id, Summary: summary}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*answer[O], error) {
		out, err := f(ctx, in)
		if err != nil {
			return nil, s.fail(ctx, err)
		}
		a := &answer[O]{out}
		whole(reflect.ValueOf(a))
		return a, nil
	})
}

func (s *server) routes() {
	get(s, "/me", "me", "Who is asking, and whom", s.me)
	get(s, "/now", "now", "What needs somebody", s.now)
	get(s, "/map", "map", "The services as their spans draw them", func(context.Context, *nothing) (fact.Map, error) { return s.Map(), nil })
	get(s, "/incidents", "listIncidents", "Incidents, latest first", s.incidents)
	get(s, "/incidents/{id}", "getIncident", "One incident", func(ctx context.Context, in *ByID) (fact.Incident, error) { return s.Papers.Incident(ctx, in.ID) })
	get(s, "/decisions", "listDecisions", "Decisions, latest first", s.decisions)
	get(s, "/decisions/{id}", "getDecision", "One decision, by its proposal's id", func(ctx context.Context, in *ByID) (fact.Decision, error) { return s.Papers.Decision(ctx, in.ID) })
	get(s, "/findings", "listFindings", "Findings, latest first", s.findings)
	get(s, "/changes", "listChanges", "Changes, latest first", s.changes)
	get(s, "/lines", "searchLines", "Log lines, latest first", s.lines)
	get(s, "/spans", "searchSpans", "Spans, latest first", s.spans)
	get(s, "/traces/{id}", "getTrace", "One trace, with its log lines", s.trace)
	get(s, "/notices", "listNotices", "What other programs told of, latest first: alerts, pushes, pipelines, CloudEvents", s.notices)
	s.sourceRoutes()
	s.qualityRoutes()
	get(s, "/stop", "getStop", "The kill switch", func(context.Context, *nothing) (watchdog.State, error) { return s.Stop(), nil })
	get(s, "/audit", "audit", "A page of the ledger", s.audit)
	s.click("approve", "Agree to a proposal", Desk.Approve)
	s.click("refuse", "Refuse a proposal", Desk.Refuse)
	s.click("revert", "Take back what was done", Desk.Revert)
	s.pull("/stop", "stop", "Engage the kill switch: nothing is done by anyone until it is released", Desk.Stop)
	s.pull("/resume", "resume", "Release the kill switch", Desk.Resume)
	route(s, http.MethodPost, "/login-links", "makeLoginLink", "A one-time link that signs a browser in", func(context.Context, *nothing) (Link, error) { return s.Link() })
	s.api.OpenAPI().AddOperation(&huma.Operation{
		Method: http.MethodGet, Path: Prefix + "/events", OperationID: "events", Summary: "Hints to fetch again, as server-sent events",
		Description: "Each event is named now, map, incident, decision, stop or change; its data is {\"id\": …}, empty when several changed.",
		Responses:   map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{"text/event-stream": {}}}},
	})
	s.api.OpenAPI().AddOperation(&huma.Operation{
		Method: http.MethodGet, Path: Prefix + "/backup", OperationID: "backup", Summary: "The whole data folder as one tar, taken while everything goes on",
		Description: "For the owner. `steersman backup` checks it as it comes; an answer that breaks off is not whole. It holds the audit trail's private key.",
		Responses: map[string]*huma.Response{
			"200": {Description: "OK", Content: map[string]*huma.MediaType{"application/x-tar": {}}},
			"409": {Description: "Another backup is being taken"},
			"507": {Description: "There is no room beside the data to prepare one"},
		},
	})
	route(s, http.MethodPost, "/audit/verify", "verifyAudit", "Recompute the whole ledger", func(ctx context.Context, _ *nothing) (Verification, error) { return s.Ledger.Verify(ctx) })
}

func person(ctx context.Context) identity.Person {
	p, _ := ctx.Value(personKey{}).(identity.Person)
	return p
}

func (s *server) me(ctx context.Context, _ *nothing) (Me, error) {
	p := person(ctx)
	return Me{Name: p.Name, Role: p.Role, Version: s.Version, Started: s.Started, Stop: s.Stop()}, nil
}

// The first screen's bounds.
const (
	recentFor     = 24 * time.Hour
	recentMost    = 10
	unusualMost   = 20
	incidentsMost = 100
)

func (s *server) now(ctx context.Context, _ *nothing) (Now, error) {
	at := s.Now()
	out := Now{At: at, Waiting: []fact.Decision{}, Running: []fact.Decision{}, Recent: []fact.Incident{}, Unusual: []fact.Finding{}, Sources: s.Sources(), Warnings: s.Warnings(), Stop: s.Stop(), Learning: s.Learning()}
	undecided, err := s.Papers.Decisions(ctx, records.DecisionQuery{Open: true, Limit: incidentsMost})
	if err != nil {
		return Now{}, err
	}
	for _, d := range undecided {
		if d.State == fact.Waiting {
			out.Waiting = append(out.Waiting, d)
		} else {
			out.Running = append(out.Running, d)
		}
	}
	if out.Open, err = s.Papers.Incidents(ctx, records.IncidentQuery{State: fact.Open, Limit: incidentsMost}); err != nil {
		return Now{}, err
	}
	resolved, err := s.Papers.Incidents(ctx, records.IncidentQuery{State: fact.Resolved, Limit: recentMost})
	if err != nil {
		return Now{}, err
	}
	for _, i := range resolved {
		if at.Sub(i.Resolved) < recentFor {
			out.Recent = append(out.Recent, i)
		}
	}
	found, err := s.Papers.Findings(ctx, records.FindingQuery{Open: true, Limit: 500})
	if err != nil {
		return Now{}, err
	}
	out.Unusual = append(out.Unusual, unusual(found, out.Open)...)
	return out, nil
}

// unusual returns the findings that no incident tells of, strongest first.
func unusual(found []fact.Finding, open []fact.Incident) []fact.Finding {
	told := make(map[string]bool)
	for _, i := range open {
		for _, f := range i.Findings {
			told[f.ID] = true
		}
	}
	left := slices.DeleteFunc(found, func(f fact.Finding) bool { return told[f.ID] })
	slices.SortStableFunc(left, func(a, b fact.Finding) int {
		switch {
		case a.Score > b.Score:
			return -1
		case a.Score < b.Score:
			return 1
		}
		return 0
	})
	return left[:min(len(left), unusualMost)]
}

func (s *server) incidents(ctx context.Context, in *struct {
	Limited
	State string `query:"state" enum:"open,resolved" doc:"Only these."`
}) (Incidents, error) {
	list, err := s.Papers.Incidents(ctx, records.IncidentQuery{State: fact.IncidentState(in.State), Limit: in.Limit})
	return Incidents{list}, err
}

func (s *server) decisions(ctx context.Context, in *struct {
	Limited
	Open     bool   `query:"open" doc:"Only those that are not at their end."`
	Incident string `query:"incident" maxLength:"64" doc:"Only those about this incident."`
}) (Decisions, error) {
	list, err := s.Papers.Decisions(ctx, records.DecisionQuery{Open: in.Open, Incident: in.Incident, Limit: in.Limit})
	return Decisions{list}, err
}

func (s *server) findings(ctx context.Context, in *struct {
	Limited
	Open bool `query:"open" doc:"Only those that last."`
}) (Findings, error) {
	list, err := s.Papers.Findings(ctx, records.FindingQuery{Open: in.Open, Limit: in.Limit})
	return Findings{list}, err
}

func (s *server) changes(ctx context.Context, in *struct {
	Limited
	Since time.Time `query:"since" doc:"Only later ones."`
}) (Changes, error) {
	list, err := s.Papers.Changes(ctx, records.ChangeQuery{Since: in.Since, Limit: in.Limit})
	return Changes{list}, err
}

func (s *server) notices(ctx context.Context, in *struct {
	Limited
	Kind  string    `query:"kind" enum:"alert,push,pipeline,event" doc:"Only these."`
	Since time.Time `query:"since" doc:"Only later ones."`
}) (Notices, error) {
	list, err := s.Papers.Notices(ctx, records.NoticeQuery{Kind: fact.NoticeKind(in.Kind), Since: in.Since, Limit: in.Limit})
	return Notices{list}, err
}

func (s *server) audit(_ context.Context, in *struct {
	Limited
	From int64 `query:"from" minimum:"0" doc:"Index of the first leaf."`
}) (Audit, error) {
	return s.Ledger.Page(in.From, in.Limit)
}

// click registers a person's answer to one proposal. It returns the decision
// as it stands afterwards.
func (s *server) click(verb, summary string, do func(d Desk, ctx context.Context, who identity.Person, id, why string) (fact.Decision, error)) {
	route(s, http.MethodPost, "/decisions/{id}/"+verb, verb+"Decision", summary, func(ctx context.Context, in *struct {
		ByID
		Body reason
	}) (fact.Decision, error) {
		return do(s.Desk, ctx, person(ctx), in.ID, in.Body.Why)
	})
}

// pull registers a pull of the kill switch. What goes wrong with the switch is
// told as it is: whether a stop outlives a restart is the owner's to know.
func (s *server) pull(path, id, summary string, do func(d Desk, ctx context.Context, who identity.Person, why string) (watchdog.State, error)) {
	route(s, http.MethodPost, path, id, summary, func(ctx context.Context, in *struct{ Body reason }) (watchdog.State, error) {
		st, err := do(s.Desk, ctx, person(ctx), in.Body.Why)
		if wrong := (*fact.Problem)(nil); err != nil && !errors.As(err, &wrong) {
			s.Log.Error("pull the kill switch", "engaged", st.Engaged, "err", err)
			err = huma.Error500InternalServerError(err.Error())
		}
		return st, err
	})
}
