package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern"
	"github.com/steersman-ops/steersman/govern/identity"
	"github.com/steersman-ops/steersman/govern/watchdog"
	"github.com/steersman-ops/steersman/signal/quality"
	"github.com/steersman-ops/steersman/store/ledger"
	"github.com/steersman-ops/steersman/store/records"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// papers is a small set of records in memory.
type papers struct {
	incidents []fact.Incident
	decisions []fact.Decision
	findings  []fact.Finding
	err       error
}

func (p *papers) Incident(_ context.Context, id string) (fact.Incident, error) {
	for _, i := range p.incidents {
		if i.ID == id {
			return i, nil
		}
	}
	return fact.Incident{}, fmt.Errorf("incident %s: %w", id, fact.ErrNotFound)
}

func (p *papers) Incidents(_ context.Context, q records.IncidentQuery) ([]fact.Incident, error) {
	var out []fact.Incident
	for _, i := range p.incidents {
		if q.State == "" || q.State == i.State {
			out = append(out, i)
		}
	}
	return out, p.err
}

func (p *papers) Findings(context.Context, records.FindingQuery) ([]fact.Finding, error) {
	return append([]fact.Finding(nil), p.findings...), p.err
}

func (p *papers) Decision(_ context.Context, id string) (fact.Decision, error) {
	for _, d := range p.decisions {
		if d.Proposal.ID == id {
			return d, nil
		}
	}
	return fact.Decision{}, fmt.Errorf("decision %s: %w", id, fact.ErrNotFound)
}

func (p *papers) Decisions(context.Context, records.DecisionQuery) ([]fact.Decision, error) {
	return p.decisions, p.err
}

func (p *papers) Changes(context.Context, records.ChangeQuery) ([]fact.Change, error) {
	return nil, p.err
}

func (p *papers) Notices(_ context.Context, q records.NoticeQuery) ([]fact.Notice, error) {
	return []fact.Notice{{ID: "n-1", Kind: q.Kind, At: noon}}, p.err
}

// clicks is a desk that remembers what it was told.
type clicks struct {
	got []string
	err error
}

func (c *clicks) say(verb string, who identity.Person, id, why string) (fact.Decision, error) {
	c.got = append(c.got, strings.TrimSpace(strings.Join([]string{verb, who.Name, id, why}, " ")))
	return fact.Decision{Proposal: fact.Proposal{ID: id}, State: fact.Approved}, c.err
}

func (c *clicks) Approve(_ context.Context, who identity.Person, id, why string) (fact.Decision, error) {
	return c.say("approve", who, id, why)
}
func (c *clicks) Refuse(_ context.Context, who identity.Person, id, why string) (fact.Decision, error) {
	return c.say("refuse", who, id, why)
}
func (c *clicks) Revert(_ context.Context, who identity.Person, id, why string) (fact.Decision, error) {
	return c.say("revert", who, id, why)
}
func (c *clicks) Stop(_ context.Context, who identity.Person, why string) (watchdog.State, error) {
	_, err := c.say("stop", who, "", why)
	return watchdog.State{Engaged: true, By: who.Name, Why: why, At: noon}, err
}
func (c *clicks) Resume(_ context.Context, who identity.Person, why string) (watchdog.State, error) {
	_, err := c.say("resume", who, "", why)
	return watchdog.State{At: noon}, err
}

func (c *clicks) Agree(_ context.Context, who identity.Person, k fact.Contract, why string) (fact.Contract, error) {
	_, err := c.say("agree", who, k.Source, why)
	k.By = who.Name
	return k, err
}

// judge knows one source.
type judge struct{}

func (judge) Contract(source string) (quality.Contracted, error) {
	if source != "otlp/payment" {
		return quality.Contracted{}, fmt.Errorf("source %s: %w", source, fact.ErrNotFound)
	}
	return quality.Contracted{Inferred: &fact.Contract{Source: source, SilentSeconds: 60}}, nil
}

type book struct{}

func (book) Page(from int64, limit int) (Audit, error) {
	return Audit{Size: 3, Checkpoint: "note", Leaves: []ledger.Leaf{{Index: from, Key: fmt.Sprint(limit), Body: json.RawMessage(`{}`)}}}, nil
}
func (book) Verify(context.Context) (Verification, error) {
	return Verification{OK: true, Size: 3}, nil
}

// ring is a keyring with one source in it.
type ring struct{ gone []string }

func (*ring) AddSource(_ context.Context, who identity.Person, in NewSource) (AddedSource, error) {
	if in.Name == "shop" {
		return AddedSource{}, &fact.Problem{What: "it is there already"}
	}
	return AddedSource{Name: in.Name, Token: "secret of " + who.Name}, nil
}

func (r *ring) RemoveSource(_ context.Context, _ identity.Person, name string) error {
	if name != "shop" {
		return fmt.Errorf("source %s: %w", name, fact.ErrNotFound)
	}
	r.gone = append(r.gone, name)
	return nil
}

func (*ring) Connect(kind, source, host string) (Snippet, error) {
	return Snippet{Kind: kind, Text: "http://" + host + " as " + source + " with TOKEN", Token: "TOKEN"}, nil
}

func rooms(p *papers, c *clicks) Rooms {
	return Rooms{
		Papers: p, Desk: c, Ledger: book{}, Hints: new(Hints), Log: slog.New(slog.DiscardHandler),
		Map:      func() fact.Map { return fact.Map{At: noon} },
		Learning: func() Learning { return Learning{Ready: 0.5} },
		Sources:  func() []Source { return []Source{{Name: "otlp/payment"}} },
		Keyring:  &ring{},
		Quality:  judge{},
		Warnings: func() []string { return nil },
		Stop:     func() watchdog.State { return watchdog.State{} },
		Link:     func() (Link, error) { return Link{URL: "http://x/login?token=t"}, nil },
		Now:      func() time.Time { return noon },
		Who: func(r *http.Request) (identity.Person, error) {
			if r.Header.Get("Authorization") != "Bearer good" {
				return identity.Person{}, identity.ErrNobody
			}
			return identity.Person{Name: "ann", Role: "owner"}, nil
		},
		Version: "test", Started: noon,
	}
}

func ask(t *testing.T, h http.Handler, method, path, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, Prefix+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer good")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// Every route in the document, and the document itself, is closed to strangers.
func TestNothingIsOpenToStrangers(t *testing.T) {
	h := New(rooms(&papers{}, &clicks{}))
	text, err := Document("test")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Paths map[string]map[string]any }
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	n := 0
	doc.Paths[Prefix+"/openapi.json"] = map[string]any{"get": nil}
	for path, methods := range doc.Paths {
		for method := range methods {
			n++
			r := httptest.NewRequest(strings.ToUpper(method), strings.ReplaceAll(path, "{id}", "x"), strings.NewReader("{}"))
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != http.StatusUnauthorized {
				t.Errorf("%s %s without a token answers %d", method, path, w.Code)
			}
		}
	}
	if n < 20 {
		t.Errorf("the document has only %d routes", n)
	}
}

func TestAnswers(t *testing.T) {
	p := &papers{
		incidents: []fact.Incident{{ID: "inc-1", State: fact.Open, Findings: []fact.Finding{{ID: "told"}}}, {ID: "inc-0", State: fact.Resolved, Resolved: noon.Add(-23 * time.Hour)}, {ID: "inc-old", State: fact.Resolved, Resolved: noon.Add(-25 * time.Hour)}},
		decisions: []fact.Decision{{Proposal: fact.Proposal{ID: "p1"}, State: fact.Waiting}, {Proposal: fact.Proposal{ID: "p2"}, State: fact.Verifying}},
		findings:  []fact.Finding{{ID: "weak", Score: 8}, {ID: "told", Score: 99}, {ID: "strong", Score: 20}},
	}
	h := New(rooms(p, &clicks{}))
	for _, tt := range []struct {
		name, path string
		status     int
		want, not  string
	}{
		{name: "me", path: "/me", status: 200, want: `"name":"ann","role":"owner","version":"test"`},
		{name: "now splits what waits from what runs", path: "/now", status: 200, want: `"waiting":[{"proposal":{"id":"p1"`},
		{name: "now tells what runs", path: "/now", status: 200, want: `"running":[{"proposal":{"id":"p2"`},
		{name: "unusual is what no incident tells, strongest first", path: "/now", status: 200, want: `"unusual":[{"id":"strong"`, not: `"unusual":[{"id":"told"`},
		{name: "recent ends after a day", path: "/now", status: 200, want: "inc-0", not: "inc-old"},
		{name: "a list is never null", path: "/incidents/inc-1", status: 200, want: `"causes":[]`, not: "null"},
		{name: "by state", path: "/incidents?state=resolved", status: 200, want: "inc-0", not: "inc-1"},
		{name: "a state that is none", path: "/incidents?state=bad", status: 422, want: "open, resolved"},
		{name: "no such incident", path: "/incidents/none", status: 404, want: "incident none: not found"},
		{name: "limit", path: "/decisions?limit=0", status: 422, want: "query.limit"},
		{name: "ledger page", path: "/audit?from=2&limit=7", status: 200, want: `"leaves":[{"index":2,"key":"7"`},
		{name: "sources", path: "/sources", status: 200, want: `"warnings":[]`},
		{name: "the document", path: "/openapi.json", status: 200, want: `"openapi":"3.1.0"`},
		{name: "no such route", path: "/nothing", status: 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, body := ask(t, h, "GET", tt.path, "")
			if status != tt.status || !strings.Contains(body, tt.want) || tt.not != "" && strings.Contains(body, tt.not) {
				t.Errorf("GET %s = %d %s\nwant %d with %s, without %q", tt.path, status, body, tt.status, tt.want, tt.not)
			}
		})
	}
}

func TestClicksReachTheDesk(t *testing.T) {
	c := &clicks{}
	h := New(rooms(&papers{}, c))
	for _, tt := range []struct{ path, body, want string }{
		{"/decisions/p1/approve", `{"why":"looks right"}`, "approve ann p1 looks right"},
		{"/decisions/p1/refuse", `{}`, "refuse ann p1"},
		{"/decisions/p1/revert", `{}`, "revert ann p1"},
		{"/stop", `{"why":"runaway"}`, "stop ann  runaway"},
		{"/resume", `{}`, "resume ann"},
	} {
		status, body := ask(t, h, "POST", tt.path, tt.body)
		if status != 200 || c.got[len(c.got)-1] != tt.want {
			t.Errorf("POST %s = %d %s, the desk heard %q; want %q", tt.path, status, body, c.got, tt.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
		want   string
	}{
		{fmt.Errorf("approve p: %w", govern.ErrConflict), 409, "not possible in this state"},
		{fmt.Errorf("approve p: %w", govern.ErrStopped), 423, "kill switch"},
		{fmt.Errorf("p: %w", fact.ErrNotFound), 404, "not found"},
		{&fact.Problem{What: "the reason is a book", Where: "why"}, 422, "a book"},
		{fmt.Errorf("ledger: %w", fact.ErrBusy), 503, "busy"},
		{errors.New("secret path /x"), 500, "log says why"},
	} {
		status, body := ask(t, New(rooms(&papers{}, &clicks{err: tt.err})), "POST", "/decisions/p/approve", "{}")
		if status != tt.status || !strings.Contains(body, tt.want) || strings.Contains(body, "secret") {
			t.Errorf("%v answers %d %s, want %d with %q", tt.err, status, body, tt.status, tt.want)
		}
	}
}

// Whoever pulls the switch is told what became of it: half a stop is not
// "something went wrong".
func TestHalfAStopIsTold(t *testing.T) {
	c := &clicks{err: errors.New("kill switch: engaged in this process only, a restart will forget it")}
	status, body := ask(t, New(rooms(&papers{}, c)), "POST", "/stop", "{}")
	if status != 500 || !strings.Contains(body, "engaged in this process only") {
		t.Errorf("POST /stop = %d %s", status, body)
	}
	c.err = &fact.Problem{What: "the reason is a book", Where: "why"}
	if status, body := ask(t, New(rooms(&papers{}, c)), "POST", "/resume", "{}"); status != 422 {
		t.Errorf("POST /resume = %d %s", status, body)
	}
}

func TestEvents(t *testing.T) {
	r := rooms(&papers{}, &clicks{})
	srv := httptest.NewServer(New(r))
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", srv.URL+Prefix+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer good")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	next := func() string {
		for lines.Scan() {
			if lines.Text() != "" {
				return lines.Text()
			}
		}
		return fmt.Sprint("end: ", lines.Err())
	}
	if got := next(); got != ": connected" {
		t.Fatalf("stream begins with %q", got)
	}
	r.Hints.Tell(HintIncident, "inc-1")
	if a, b := next(), next(); a != "event: incident" || b != `data: {"id":"inc-1"}` {
		t.Errorf("got %q, %q", a, b)
	}
}

func TestSourceRoutes(t *testing.T) {
	h := New(rooms(&papers{}, &clicks{}))
	for _, tt := range []struct {
		method, path, body string
		status             int
		text               string
	}{
		{"GET", "/sources", "", 200, `"name":"otlp/payment"`},
		{"GET", "/sources/otlp%2Fpayment", "", 200, `"refusals":[]`},
		{"GET", "/sources/nobody", "", 404, "not found"},
		{"POST", "/sources", `{"name":"pay","sender":"otel"}`, 200, `"token":"secret of ann"`},
		{"POST", "/sources", `{"name":"pay","sender":"otel"}`, 200, `http://example.com as pay with secret of ann`},
		{"POST", "/sources", `{"name":"shop"}`, 422, "it is there already"},
		{"POST", "/sources", `{"name":""}`, 422, "name"},
		{"POST", "/sources", `{"name":"x","limits":{"series":5,"newSeriesPerMinute":1}}`, 200, `"name":"x"`},
		{"DELETE", "/sources/shop", "", 200, `"name":"shop"`},
		{"DELETE", "/sources/nobody", "", 404, "not found"},
		{"GET", "/sources/otlp%2Fpayment/contract", "", 200, `"inferred":{"source":"otlp/payment"`},
		{"GET", "/sources/otlp%2Fpayment/contract", "", 200, `"breaches":[]`},
		{"GET", "/sources/nobody/contract", "", 404, "not found"},
		{"PUT", "/sources/otlp%2Fpayment/contract", `{"why":"so be it","contract":{"source":"otlp/payment","inferred":"2026-03-01T12:00:00Z","everySeconds":1,"silentSeconds":60,"series":5,"metrics":[{"name":"up","type":"gauge","stepSeconds":1,"series":1,"nulls":0}]}}`, 200, `"by":"ann"`},
		{"PUT", "/sources/otlp%2Fpayment/contract", `{"contract":{"source":"other","inferred":"2026-03-01T12:00:00Z","everySeconds":1,"silentSeconds":60,"series":5,"metrics":[]}}`, 422, "not of"},
		{"PUT", "/sources/otlp%2Fpayment/contract", `{}`, 422, "contract"},
		{"GET", "/notices?kind=alert", "", 200, `"kind":"alert"`},
		{"GET", "/notices?kind=rumour", "", 422, "kind"},
		{"GET", "/connect?kind=otel&source=shop", "", 200, `"text":"http://example.com as shop with TOKEN"`},
	} {
		if status, text := ask(t, h, tt.method, tt.path, tt.body); status != tt.status || !strings.Contains(text, tt.text) {
			t.Errorf("%s %s: %d %s, want %d %s", tt.method, tt.path, status, text, tt.status, tt.text)
		}
	}
}
