package cli

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
)

// Names come from outside: they neither steer the terminal nor pass for lines
// that we wrote.
func TestNamesStayNames(t *testing.T) {
	evil := "pay\x1b[2J\u202e\n  passed\tkill switch\tnot engaged"
	d := &fact.Decision{
		Proposal: fact.Proposal{Title: evil, Why: evil, Expected: evil, Action: fact.Action{Target: evil, Params: map[string]string{evil: evil}}, Alternatives: []fact.Alternative{{Title: evil, Why: evil}}, Check: fact.Check{Query: evil}},
		State:    fact.State(evil), Verdict: &fact.Verdict{Rules: []fact.Rule{{Name: evil, Text: evil}}}, Outcome: &fact.Outcome{Text: evil},
		Steps: []fact.Step{{State: fact.Waiting, At: time.Unix(0, 0), By: evil, Why: evil}},
	}
	var out bytes.Buffer
	if err := printDecision(printer{w: &out}, d); err != nil {
		t.Fatal(err)
	}
	if s := out.String(); strings.ContainsAny(s, "\x1b\u202e") || strings.Contains(s, "\n  passed") || !strings.Contains(s, "pay?[2J") {
		t.Errorf("printed as\n%s", s)
	}
	out.Reset()
	i := fact.Incident{Title: evil, Summary: evil, Impact: fact.Impact{Entity: fact.Entity{Name: evil}},
		Causes:   []fact.Cause{{Text: evil, For: []fact.Evidence{{Text: evil}}}},
		RuledOut: []fact.Cause{{Entity: fact.Entity{Name: evil}, Text: evil}}, Findings: []fact.Finding{{Signal: fact.Signal{Name: evil, Unit: evil}}}}
	if err := (printer{w: &out}).object(i, func(w io.Writer) { printIncident(w, &i) }); err != nil {
		t.Fatal(err)
	}
	if s := out.String(); strings.ContainsAny(s, "\x1b\u202e") || strings.Contains(s, "\n  passed") {
		t.Errorf("printed as\n%s", s)
	}
}

// What need not be signed on loopback must be elsewhere.
func TestChangeSendsTheToken(t *testing.T) {
	var got string
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Authorization") }))
	defer srv.Close()
	c := client{server: srv.URL, dataDir: t.TempDir()}
	if err := c.call(t.Context(), "POST", "/hooks/change", told{}, nil, false); err != nil || got != "" {
		t.Errorf("without a token: %q %v", got, err)
	}
	t.Setenv("STEERSMAN_TOKEN", "secret")
	if err := c.call(t.Context(), "POST", "/hooks/change", told{}, nil, false); err != nil || got != "Bearer secret" {
		t.Errorf("with a token: %q %v", got, err)
	}
}
