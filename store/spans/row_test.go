package spans

import (
	"testing"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"github.com/steersman-ops/steersman/fact"
)

// What a span is written as is read back as it was.
func FuzzRow(f *testing.F) {
	f.Add("name", "peer", "attr", "value", "@x", int64(5), int64(7e9), byte(3), true)
	f.Add("", "", "_msg", "a", "@.@", int64(1e18), int64(0), byte(255), false)
	f.Add("x", "y", "@trace", "a", "@~deadbeef", int64(0), int64(-1), byte(0), false)
	f.Add("x", "y", "a123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789", "a", "b", int64(0), int64(1), byte(0), false)
	f.Fuzz(func(t *testing.T, name, peer, attr, value, attr2 string, start, duration int64, kind byte, failed bool) {
		attrs, err := fact.NewLabels([]fact.Label{{Name: attr, Value: value}, {Name: attr2, Value: value}})
		if err != nil {
			return
		}
		s := fact.Span{
			TraceID: [16]byte{kind, 7}, ID: [8]byte{kind}, Parent: [8]byte{7: kind}, Entity: fact.Entity{Kind: fact.Service, Name: "a"}, Instance: value, Version: peer,
			Kind: fact.SpanKind(kind), Name: name, Peer: peer, Start: start, End: start + duration, Failed: failed, Attrs: attrs,
		}
		cols := row(nil, &s, "3")
		var names []string
		for i, c := range cols {
			if len(c.Name) > 128 || c.Value == "" {
				t.Errorf("column %q is %q", c.Name, c.Value)
			}
			names = append(names, c.Name)
			for _, before := range names[:i] {
				if before == c.Name {
					t.Fatalf("two columns %q of %+v", c.Name, s)
				}
			}
		}
		got, err := found(start, names, func(i int) string { return cols[i].Value })
		if err != nil || got.Span != s || got.Batch != 3 {
			t.Fatalf("%+v came back as %+v, %v", s, got, err)
		}
	})
}

// Whatever is asked for, the engine understands what is made of it.
func FuzzFilter(f *testing.F) {
	f.Add(`a "b c" *d* e=f -g kind=server`, "shop/checkout", "POST /pay")
	f.Add("*|*", "` | delete x", "\"\\")
	f.Fuzz(func(t *testing.T, text, service, operation string) {
		terms, err := ParseTerms(text)
		if err != nil {
			return
		}
		q := Query{Terms: terms, Service: service, Operation: operation, Failed: true, AtLeast: 1}
		if _, err := logstorage.ParseFilter(q.filter().String()); err != nil {
			t.Errorf("%+v becomes %s: %v", q, q.filter(), err)
		}
	})
}

// What is in the store but was not written by this version is an error, not a
// panic, and no more than that.
func FuzzFound(f *testing.F) {
	f.Add("@trace", "ff", "@kind", "x")
	f.Add("@~12345678", "x", "@duration", "-9223372036854775808")
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		values := []string{value1, value2}
		_, _ = found(0, []string{name1, name2}, func(i int) string { return values[i] })
	})
}
