package lines

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"github.com/steersman-ops/steersman/fact"
)

func TestParseTerms(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []Term
		err  string
	}{
		{in: ""},
		{in: "  \t"},
		{in: "declined", want: []Term{{Value: "declined"}}},
		{in: "two words", want: []Term{{Value: "two"}, {Value: "words"}}},
		{in: `"a phrase" b`, want: []Term{{Value: "a phrase"}, {Value: "b"}}},
		{in: `"with \"quotes\" and \\"`, want: []Term{{Value: `with "quotes" and \`}}},
		{in: "*part*", want: []Term{{Value: "part", Part: true}}},
		{in: `*"a part"*`, want: []Term{{Value: "a part", Part: true}}},
		{in: "http.route=/pay", want: []Term{{Field: "http.route", Value: "/pay"}}},
		{in: `user="ann b" -level=debug`, want: []Term{{Field: "user", Value: "ann b"}, {Field: "level", Value: "debug", Not: true}}},
		{in: "url=*pay*", want: []Term{{Field: "url", Value: "pay", Part: true}}},
		{in: "-heartbeat", want: []Term{{Value: "heartbeat", Not: true}}},
		{in: `"a=b"`, want: []Term{{Value: "a=b"}}},
		{in: "https://x/?a=b", want: []Term{{Value: "https://x/?a=b"}}},
		{in: "a=b=c", want: []Term{{Field: "a", Value: "b=c"}}},
		{in: "=x", want: []Term{{Value: "=x"}}},
		{in: "x=", want: []Term{{Value: "x="}}},
		{in: `"open`, err: "a quote is not closed"},
		{in: "*half", err: "a star stands on one side only"},
		{in: `*"half"`, err: "a star stands on one side only"},
		{in: `"half"*`, err: "a star stands on one side only"},
		{in: "-", err: "a term says nothing"},
		{in: "**", err: "a term says nothing"},
		{in: `""`, err: "a term says nothing"},
		{in: "\xff", err: "it is not UTF-8"},
		{in: strings.Repeat("x ", 33), err: "it has 33 terms, the limit is 32"},
	} {
		got, err := ParseTerms(tt.in)
		if tt.err != "" {
			var wrong *fact.Problem
			if !errors.As(err, &wrong) || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%q: %v, want %s", tt.in, err, tt.err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q is %+v, %v, want %+v", tt.in, got, err, tt.want)
		}
	}
}

// Whatever people type, the database understands what is made of it, and nothing
// of it becomes more than a filter.
func FuzzParseTerms(f *testing.F) {
	for _, s := range []string{`a "b c" *d* e=f -g`, `"\"" | delete x`, "a=*b*", `x="`, "*|*", `_time="5m"`, `"` + "`" + `"`, "ǅ ß"} {
		f.Add(s, "shop/checkout")
	}
	f.Fuzz(func(t *testing.T, text, service string) {
		terms, err := ParseTerms(text)
		if err != nil {
			return
		}
		for _, term := range terms {
			if term.Value == "" {
				t.Errorf("%q has the empty term %+v", text, term)
			}
		}
		q := Query{Terms: terms, Service: service, Severity: 9, Trace: [16]byte{1}}
		if _, err := logstorage.ParseFilter(q.filter().String()); err != nil {
			t.Errorf("%q becomes %s: %v", text, q.filter().String(), err)
		}
	})
}

// What a line is written as is read back as it was, as far as its names are not
// cut and its first sight was not near.
func FuzzRow(f *testing.F) {
	f.Add("text", "name", "value", "@x", int64(5), int64(7e9), byte(9))
	f.Add("", "_msg", "a", "@.@", int64(1e18), int64(1), byte(255))
	f.Fuzz(func(t *testing.T, text, name, value, name2 string, at, observed int64, severity byte) {
		fields, err := fact.NewLabels([]fact.Label{{Name: name, Value: value}, {Name: name2, Value: value}})
		if err != nil || at < 0 || observed < at {
			return
		}
		l := fact.Line{At: at, Observed: observed, Text: text, Severity: fact.Severity(severity), Fields: fields, Instance: name, Version: value, Level: name2, TraceID: [16]byte{severity}}
		cols := row(nil, &l, "3")
		var names []string
		for i, c := range cols {
			if len(c.Name) > 128 {
				t.Errorf("field %q is in column %q", name, c.Name)
			}
			names = append(names, c.Name)
			for _, before := range names[:i] {
				if before == c.Name {
					t.Fatalf("two columns %q of %+v", c.Name, l)
				}
			}
		}
		got, err := found(at, names, func(i int) string { return cols[i].Value })
		if err != nil || got.Text != text || got.Instance != l.Instance || got.Level != l.Level || got.TraceID != l.TraceID || got.Batch != 3 {
			t.Fatalf("%+v came back as %+v, %v", l, got, err)
		}
		if len(name) < 100 && len(name2) < 100 && got.Fields != fields {
			t.Errorf("fields %s came back as %s", fields, got.Fields)
		}
		if d := got.Observed - observed; d > 1e9 || d < -1e9 {
			t.Errorf("observed %d came back as %d", observed, got.Observed)
		}
	})
}
