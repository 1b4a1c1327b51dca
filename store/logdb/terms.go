package logdb

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/steersman-ops/steersman/fact"
)

// A Term is one thing that a row must, or must not, say.
type Term struct {
	Field string // "": the text
	Value string // not empty
	Part  bool   // the value may stand anywhere; otherwise see below
	Not   bool
}

// How a term is met, if Part is false: a field's value must be exactly this; the
// text must have these words, whole and in this order, as they are written, in
// capitals, or with a capital at the start.

// ParseTerms reads what people type:
//
//	declined "card of" *4711* http.route=/pay -level=debug -heartbeat
//
// Words must all be there. Quotes hold a phrase together (\" is a quote in it),
// stars on both sides look for a part of a word, name=value looks into a field,
// and a minus turns a term around.
func ParseTerms(s string) ([]Term, error) {
	var out []Term
	for rest := strings.TrimSpace(s); rest != ""; rest = strings.TrimSpace(rest) {
		t, after, err := parseTerm(rest)
		if err != nil {
			return nil, &fact.Problem{Where: "query", What: fmt.Sprintf("%q: %v", s, err), Do: `write words, "a phrase", *part*, field=value, and - before what must not be there`}
		}
		out, rest = append(out, t), after
	}
	if len(out) > mostTerms {
		return nil, &fact.Problem{Where: "query", What: fmt.Sprintf("it has %d terms, the limit is %d", len(out), mostTerms), Do: "leave some out"}
	}
	return out, nil
}

// mostTerms bounds what one query costs.
const mostTerms = 32

// Filter returns what finds the term. The fields of the names in ours are looked
// for in columns of ours: @name.
func (t Term) Filter(ours ...string) Filter {
	var f Filter
	switch {
	case t.Part:
		f = contains(t.column(ours), t.Value)
	case t.Field != "":
		f = Is(t.column(ours), t.Value)
	default:
		f = anySpelling(t.Value)
	}
	if t.Not {
		return "!" + f
	}
	return f
}

func (t Term) column(ours []string) string {
	switch {
	case t.Field == "":
		return Text
	case slices.Contains(ours, t.Field):
		return "@" + t.Field
	}
	return ColumnName(t.Field)
}

func parseTerm(s string) (t Term, rest string, err error) {
	if !utf8.ValidString(s) {
		return t, "", fmt.Errorf("it is not UTF-8")
	}
	if strings.HasPrefix(s, "-") {
		t.Not, s = true, s[1:]
	}
	if name, after, ok := cutName(s); ok {
		t.Field, s = name, after
	}
	t.Part = strings.HasPrefix(s, "*")
	s = strings.TrimPrefix(s, "*")
	if strings.HasPrefix(s, `"`) {
		if t.Value, rest, err = cutQuoted(s); err != nil {
			return t, "", err
		}
		if closed, ok := strings.CutPrefix(rest, "*"); ok != t.Part {
			return t, "", fmt.Errorf("a star stands on one side only")
		} else if ok {
			rest = closed
		}
	} else {
		end := strings.IndexFunc(s, unicode.IsSpace)
		if end < 0 {
			end = len(s)
		}
		t.Value, rest = s[:end], s[end:]
		closed, ok := strings.CutSuffix(t.Value, "*")
		if t.Part && !ok {
			return t, "", fmt.Errorf("a star stands on one side only")
		}
		if t.Part {
			t.Value = closed
		}
	}
	if t.Value == "" {
		return t, "", fmt.Errorf("a term says nothing")
	}
	return t, rest, nil
}

// cutName takes "name=" off s.
func cutName(s string) (name, rest string, ok bool) {
	end := strings.IndexFunc(s, func(r rune) bool {
		return !(unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_.-/@", r))
	})
	if end <= 0 || s[end] != '=' || end+1 == len(s) {
		return "", "", false
	}
	return s[:end], s[end+1:], true
}

// cutQuoted takes a quoted text off s.
func cutQuoted(s string) (text, rest string, err error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], nil
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", fmt.Errorf("a quote is not closed")
}
