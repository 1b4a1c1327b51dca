// Package api is Steersman's HTTP API: the console, the command line and other
// programs read the rooms' papers through it, and people answer proposals.
//
// It answers one question: what may this person see or say, and in which
// shape? It decides nothing about operations: an approval goes to the desk,
// which checks and records it; the papers come from their stores as they are.
//
// The OpenAPI 3.1 document is made from this code and kept beside it as
// openapi.json; a test fails when the two differ.
//
// # Limits
//
// Lists are cut at their limit, latest first. The event stream carries hints
// only, and a listener that falls behind gets one hint per kind, not each.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern"
	"github.com/steersman-ops/steersman/govern/identity"
	"github.com/steersman-ops/steersman/govern/watchdog"
	"github.com/steersman-ops/steersman/store/records"
)

// Prefix is where the API is mounted.
const Prefix = "/steersman/v1"

// Papers are the records that the API shows.
type Papers interface {
	Incident(ctx context.Context, id string) (fact.Incident, error)
	Incidents(ctx context.Context, q records.IncidentQuery) ([]fact.Incident, error)
	Findings(ctx context.Context, q records.FindingQuery) ([]fact.Finding, error)
	Decision(ctx context.Context, id string) (fact.Decision, error)
	Decisions(ctx context.Context, q records.DecisionQuery) ([]fact.Decision, error)
	Changes(ctx context.Context, q records.ChangeQuery) ([]fact.Change, error)
	Notices(ctx context.Context, q records.NoticeQuery) ([]fact.Notice, error)
}

// A Desk takes a person's click, checks it, records it, and answers.
type Desk interface {
	Approve(ctx context.Context, who identity.Person, proposal, why string) (fact.Decision, error)
	Refuse(ctx context.Context, who identity.Person, proposal, why string) (fact.Decision, error)
	Revert(ctx context.Context, who identity.Person, proposal, why string) (fact.Decision, error)
	Stop(ctx context.Context, who identity.Person, why string) (watchdog.State, error)
	Resume(ctx context.Context, who identity.Person, why string) (watchdog.State, error)
	Agree(ctx context.Context, who identity.Person, c fact.Contract, why string) (fact.Contract, error)
}

// A Ledger shows and proves what was recorded.
type Ledger interface {
	Page(from int64, limit int) (Audit, error)
	Verify(ctx context.Context) (Verification, error)
}

// Rooms is everything that the API looks into. All fields are needed.
type Rooms struct {
	Papers   Papers
	Lines    LineStore
	Spans    SpanStore
	Map      func() fact.Map
	Learning func() Learning
	Sources  func() []Source
	Keyring  Keyring
	Quality  Quality
	Warnings func() []string // what is off, and why
	Stop     func() watchdog.State
	Desk     Desk
	Ledger   Ledger
	Who      func(*http.Request) (identity.Person, error) // refuses who is not signed in
	Link     func() (Link, error)
	Now      func() time.Time
	Hints    *Hints
	Log      *slog.Logger

	Version string
	Started time.Time
}

type server struct {
	Rooms
	api huma.API
}

// New returns the API's handler, to be mounted at [Prefix].
func New(rooms Rooms) http.Handler {
	mux := http.NewServeMux()
	s := &server{Rooms: rooms, api: humago.New(mux, document(rooms.Version))}
	s.routes()
	mux.HandleFunc("GET "+Prefix+"/events", s.events)
	return s.signedIn(mux)
}

// Document returns the OpenAPI document as indented JSON.
func Document(version string) ([]byte, error) {
	s := &server{api: humago.New(http.NewServeMux(), document(version))}
	s.routes()
	return json.MarshalIndent(s.api.OpenAPI(), "", "  ")
}

func document(version string) huma.Config {
	huma.DefaultArrayNullable = false // see whole
	c := huma.DefaultConfig("Steersman", version)
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = Prefix+"/openapi", "", ""
	c.CreateHooks = nil // no $schema member in answers: they are papers, byte for byte
	c.Components.Schemas.RegisterTypeAlias(reflect.TypeFor[fact.Labels](), reflect.TypeFor[map[string]string]())
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":   {Type: "http", Scheme: "bearer", Description: "The owner's token, from owner.token in the data folder."},
		"session": {Type: "apiKey", In: "cookie", Name: identity.Cookie, Description: "Set by the one-time link that the start prints."},
	}
	c.Security = []map[string][]string{{"token": {}}, {"session": {}}}
	return c
}

type personKey struct{}

// signedIn lets only recognised people through.
func (s *server) signedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := s.Who(r)
		if err != nil {
			problem(w, http.StatusUnauthorized, err.Error())
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), personKey{}, p)))
	})
}

// problem writes an RFC 9457 problem, as huma does for the other answers.
func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail})
}

// fail turns a room's error into an answer. What the caller cannot mend is
// logged whole and answered in general words.
func (s *server) fail(ctx context.Context, err error) error {
	var wrong *fact.Problem
	var ready huma.StatusError
	switch {
	case errors.As(err, &ready):
		return ready
	case errors.As(err, &wrong):
		return huma.Error422UnprocessableEntity(err.Error())
	case errors.Is(err, fact.ErrNotFound):
		return huma.Error404NotFound(err.Error())
	case errors.Is(err, govern.ErrStopped):
		return huma.NewError(http.StatusLocked, err.Error())
	case errors.Is(err, govern.ErrConflict):
		return huma.Error409Conflict(err.Error())
	case errors.Is(err, fact.ErrBusy):
		return huma.Error503ServiceUnavailable(err.Error())
	case ctx.Err() != nil:
		return huma.NewError(499, "the caller went away")
	}
	s.Log.Error("answer a request", "err", err)
	return huma.Error500InternalServerError("this could not be answered; Steersman's log says why")
}

// events streams hints until the caller leaves.
func (s *server) events(w http.ResponseWriter, r *http.Request) {
	rc := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	l := s.Hints.listen()
	defer s.Hints.leave(l)
	alive := time.NewTicker(15 * time.Second)
	defer alive.Stop()
	text := ": connected\n\n"
	for {
		_ = rc.SetWriteDeadline(time.Now().Add(time.Minute)) // for one that looks no more and does not say so
		if _, err := fmt.Fprint(w, text); err != nil || rc.Flush() != nil {
			return
		}
		text = ""
		select {
		case <-r.Context().Done():
			return
		case <-alive.C:
			text = ": alive\n\n"
		case <-l.wake:
			for _, h := range s.Hints.take(l) {
				text += fmt.Sprintf("event: %s\ndata: {\"id\":%q}\n\n", h.Kind, h.ID)
			}
		}
	}
}
