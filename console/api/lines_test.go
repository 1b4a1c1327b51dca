package api

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/lines"
)

// shelf is a store of lines that remembers what it was asked.
type shelf struct {
	asked lines.Query
	err   error
}

func (s *shelf) Search(_ context.Context, q lines.Query) (lines.Answer, error) {
	s.asked = q
	full := fact.Line{
		At: noon.UnixNano() + 1, Observed: noon.Add(time.Minute).UnixNano(), Entity: fact.Entity{Kind: fact.Service, Namespace: "shop", Name: "pay"}, Instance: "pay-1", Version: "v2",
		Severity: fact.SeverityError, Level: "ERR", Text: "card\ndeclined", TraceID: [16]byte{0xab}, SpanID: [8]byte{0xcd}, Fields: fact.LabelsOf("code", "402"), Truncated: true,
	}
	return lines.Answer{Lines: []lines.Found{{Line: full}, {Line: fact.Line{At: noon.UnixNano(), Observed: noon.UnixNano()}}}, More: true, Since: noon}, s.err
}

func TestLines(t *testing.T) {
	for _, tt := range []struct {
		name, query string
		err         error
		status      int
		want        string // in the answer
		asked       func(q lines.Query) bool
	}{
		{"everything", "", nil, 200, `{"lines":[{"at":"2026-03-01T12:00:00.000000001Z","observed":"2026-03-01T12:01:00Z","entity":"service:shop/pay","instance":"pay-1","version":"v2",` +
			`"severity":"error","level":"ERR","text":"card\ndeclined","trace":"ab000000000000000000000000000000","span":"cd00000000000000","fields":{"code":"402"},"truncated":true},` +
			`{"at":"2026-03-01T12:00:00Z","entity":"","text":"","fields":{}}],"more":true,"since":"2026-03-01T12:00:00Z","timedOut":false}`,
			func(q lines.Query) bool { return q.Limit == 100 && q.Terms == nil && q.From.IsZero() && q.To.IsZero() }},
		{"all filters", "?query=a+code%3D402&service=shop/pay&trace=AB000000000000000000000000000000&severity=warn&from=2026-03-01T11:00:00Z&to=2026-03-01T12:00:00.5%2B01:00&limit=7", nil, 200, `"more":true`,
			func(q lines.Query) bool {
				return q.Limit == 7 && len(q.Terms) == 2 && q.Terms[1] == lines.Term{Field: "code", Value: "402"} && q.Service == "shop/pay" && q.Trace == [16]byte{0xab} &&
					q.Severity == fact.SeverityWarn && q.From.Equal(noon.Add(-time.Hour)) && q.To.Equal(noon.Add(-time.Hour+time.Second/2))
			}},
		{"a query that is none", "?query=%22open", nil, 422, "a quote is not closed", nil},
		{"a trace that is none", "?trace=xyz", nil, 422, "trace", nil},
		{"a severity that is none", "?severity=loud", nil, 422, "severity", nil},
		{"too many", "?limit=1001", nil, 422, "limit", nil},
		{"busy", "", fact.ErrBusy, 503, "busy", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &shelf{err: tt.err}
			r := rooms(&papers{}, &clicks{})
			r.Lines = s
			code, body := ask(t, New(r), http.MethodGet, "/lines"+tt.query, "")
			if code != tt.status || !strings.Contains(body, tt.want) {
				t.Errorf("%d %s, want %d %s", code, body, tt.status, tt.want)
			}
			if tt.asked != nil && !tt.asked(s.asked) {
				t.Errorf("asked the store for %+v", s.asked)
			}
		})
	}
}
