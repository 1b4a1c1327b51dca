package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/lines"
	"github.com/steersman-ops/steersman/store/spans"
)

// loft is a store of spans that remembers what it was asked.
type loft struct {
	asked  spans.Query
	trace  [16]byte
	answer *spans.Answer // nil: two spans
	err    error
}

func (l *loft) two() spans.Answer {
	pay := fact.Entity{Kind: fact.Service, Namespace: "shop", Name: "pay"}
	full := fact.Span{
		TraceID: [16]byte{0xab}, ID: [8]byte{2}, Parent: [8]byte{1}, Entity: pay, Instance: "pay-1", Version: "v2", Kind: fact.SpanClient, Name: "POST /pay", Peer: "bank",
		Start: noon.UnixNano() + 1, End: noon.Add(1500*time.Millisecond).UnixNano() + 1, Failed: true, Attrs: fact.LabelsOf("code", "402"),
	}
	root := fact.Span{TraceID: [16]byte{0xab}, ID: [8]byte{1}, Entity: pay, Name: "root", Start: noon.UnixNano(), End: noon.UnixNano()}
	return spans.Answer{Spans: []spans.Found{{Span: root}, {Span: full}}, More: true, Since: noon}
}

func (l *loft) Search(_ context.Context, q spans.Query) (spans.Answer, error) {
	l.asked = q
	return l.two(), l.err
}

func (l *loft) Trace(_ context.Context, id [16]byte) (spans.Answer, error) {
	l.trace = id
	if l.answer != nil {
		return *l.answer, l.err
	}
	return l.two(), l.err
}

const (
	shownRoot = `{"trace":"ab000000000000000000000000000000","span":"0100000000000000","entity":"service:shop/pay","name":"root","start":"2026-03-01T12:00:00Z","end":"2026-03-01T12:00:00Z","seconds":0,"failed":false,"attrs":{}}`
	shownFull = `{"trace":"ab000000000000000000000000000000","span":"0200000000000000","parent":"0100000000000000","entity":"service:shop/pay","instance":"pay-1","version":"v2","kind":"client","name":"POST /pay","peer":"bank",` +
		`"start":"2026-03-01T12:00:00.000000001Z","end":"2026-03-01T12:00:01.500000001Z","seconds":1.5,"failed":true,"attrs":{"code":"402"}}`
)

func TestSpans(t *testing.T) {
	for _, tt := range []struct {
		name, query string
		err         error
		status      int
		want        string // in the answer
		asked       func(q spans.Query) bool
	}{
		{"everything", "", nil, 200, `{"spans":[` + shownRoot + `,` + shownFull + `],"more":true,"since":"2026-03-01T12:00:00Z","timedOut":false}`,
			func(q spans.Query) bool { return fmt.Sprint(q) == fmt.Sprint(spans.Query{Limit: 100}) }},
		{"all filters", "?query=a+code%3D402&service=shop/pay&operation=POST+/pay&failed=true&min=250ms&from=2026-03-01T11:00:00Z&to=2026-03-01T12:00:00.5%2B01:00&limit=7", nil, 200, `"more":true`,
			func(q spans.Query) bool {
				return q.Limit == 7 && len(q.Terms) == 2 && q.Terms[1] == spans.Term{Field: "code", Value: "402"} && q.Service == "shop/pay" && q.Operation == "POST /pay" && q.Failed &&
					q.AtLeast == 250*time.Millisecond && q.From.Equal(noon.Add(-time.Hour)) && q.To.Equal(noon.Add(-time.Hour+time.Second/2))
			}},
		{"a query that is none", "?query=%22open", nil, 422, "a quote is not closed", nil},
		{"a duration that is none", "?min=long", nil, 422, `\"long\" is no duration`, nil},
		{"a negative duration", "?min=-1s", nil, 422, "is no duration", nil},
		{"too many", "?limit=1001", nil, 422, "limit", nil},
		{"busy", "", fact.ErrBusy, 503, "busy", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &loft{err: tt.err}
			r := rooms(&papers{}, &clicks{})
			r.Spans = s
			code, body := ask(t, New(r), http.MethodGet, "/spans"+tt.query, "")
			if code != tt.status || !strings.Contains(body, tt.want) {
				t.Errorf("%d %s, want %d %s", code, body, tt.status, tt.want)
			}
			if tt.asked != nil && !tt.asked(s.asked) {
				t.Errorf("asked the store for %+v", s.asked)
			}
		})
	}
}

func TestTrace(t *testing.T) {
	for _, tt := range []struct {
		name   string
		id     string
		answer *spans.Answer
		err    error
		status int
		want   string
	}{
		{"with its lines", "AB000000000000000000000000000000", nil, nil, 200, `{"trace":"ab000000000000000000000000000000","spans":[` + shownRoot + `,` + shownFull + `],"more":true,"lines":[{"at":"2026-03-01T12:00:00Z"`},
		{"none", "ab000000000000000000000000000000", &spans.Answer{}, nil, 404, "no spans of it are kept"},
		{"no time to look", "ab000000000000000000000000000000", &spans.Answer{TimedOut: true}, nil, 503, "the time was over"},
		{"busy", "ab000000000000000000000000000000", nil, fact.ErrBusy, 503, "busy"},
		{"no id", "xyz", nil, nil, 422, "id"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, l := &loft{answer: tt.answer, err: tt.err}, &shelf{}
			r := rooms(&papers{}, &clicks{})
			r.Spans, r.Lines = s, l
			code, body := ask(t, New(r), http.MethodGet, "/traces/"+tt.id, "")
			if code != tt.status || !strings.Contains(body, tt.want) {
				t.Errorf("%d %s, want %d %s", code, body, tt.status, tt.want)
			}
			if tt.status != 200 {
				return
			}
			want := lines.Query{Trace: [16]byte{0xab}, From: noon.Add(-time.Minute), To: noon.Add(61500*time.Millisecond + 1), Limit: 500}
			if s.trace != want.Trace || fmt.Sprint(l.asked) != fmt.Sprint(want) {
				t.Errorf("asked the stores for trace %x and %+v, want %+v", s.trace, l.asked, want)
			}
		})
	}
}
