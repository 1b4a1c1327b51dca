package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/console/api"
	"github.com/steersman-ops/steersman/fact"
)

// Every span is printed once, below its parent if that is there.
func TestTree(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   string // span<parent, in the order of their start
		want string // span@depth, ! for a caller that is not here
	}{
		{"nothing", "", ""},
		{"a chain", "a< b<a c<b", "a@0 b@1 c@2"},
		{"two children, the first with its own before the second", "a< b<a c<b d<a", "a@0 b@1 c@2 d@1"},
		{"the caller comes later", "b<a a<", "a@0 b@1"},
		{"the caller is not here", "a< b<x c<b", "a@0 b@0! c@1"},
		{"two roots", "a< b<", "a@0 b@0"},
		{"it is its own parent", "a<a b<a", "a@0 b@1"},
		{"a ring", "r< a<b b<a c<b", "r@0 a@0 b@1 c@2"},
		{"both sides of a call under one id", "a< b<a b<a c<b", "a@0 b@1 c@2 b@1"},
	} {
		var list []api.Span
		for s := range strings.FieldsSeq(tt.in) {
			id, parent, _ := strings.Cut(s, "<")
			list = append(list, api.Span{Span: id, Parent: parent})
		}
		var got []string
		for _, b := range tree(list) {
			s := fmt.Sprintf("%s@%d", b.span.Span, b.depth)
			if b.lost {
				s += "!"
			}
			got = append(got, s)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %s is %v, want %s", tt.name, tt.in, got, tt.want)
		}
	}
}

func TestTook(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0s", 999: "999ns", 1234: "1.23µs", 21_345_678: "21.3ms", 1_500_000_000: "1.5s", 123_456_789_012: "2m3s", 1 << 62: "1281023h53m38s"} {
		if got := took(d); got != want {
			t.Errorf("%d is %s, want %s", d, got, want)
		}
	}
}

func TestPrintTrace(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	span := func(id, parent, service, name string, offset, took time.Duration) api.Span {
		return api.Span{Span: id, Parent: parent, Entity: fact.Entity{Kind: fact.Service, Namespace: "shop", Name: service}, Name: name, Start: at.Add(offset), End: at.Add(offset + took)}
	}
	tr := api.Trace{Trace: "4bf9", Spans: []api.Span{
		span("1", "", "front", "GET /", 0, 30*time.Millisecond),
		span("2", "1", "front", "POST", time.Millisecond, 28*time.Millisecond),
		span("3", "2", "pay", "POST /pay\x1b[2J\n+1ms", 1500*time.Microsecond, 27*time.Millisecond),
		span("4", "9", "audit", "log", 40*time.Millisecond, time.Millisecond),
	}, Lines: []api.Line{{At: at, Severity: "error", Entity: fact.Entity{Kind: fact.Service, Name: "pay"}, Text: "declined", Trace: "4bf9"}}}
	tr.Spans[1].Peer, tr.Spans[2].Failed = "pay", true
	var out bytes.Buffer
	if err := (printer{w: &out}).object(tr, func(w io.Writer) { printTrace(w, &tr) }); err != nil {
		t.Fatal(err)
	}
	want := `Trace 4bf9: 4 spans of 3 services, 41ms from 2026-03-01 12:00:00.000Z, 1 failed
+0s     30ms  shop/front: GET /
+1ms    28ms    shop/front: POST → pay
+1.5ms  27ms      shop/pay: POST /pay?[2J?+1ms  FAILED
+40ms   1ms   shop/audit: log  (its caller is not here)

Log lines:
2026-03-01 12:00:00.000Z error pay: declined
`
	if out.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", out.String(), want)
	}
}
