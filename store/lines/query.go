package lines

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/steersman-ops/steersman/fact"
)

// A Query says which lines are wanted. The zero value of a field asks for
// nothing; the lines must meet all of the others.
type Query struct {
	Terms    []Term
	Service  string        // a service or host: "name", "namespace/name", or an entity's text form
	Trace    [16]byte      // of this trace
	Severity fact.Severity // at least this
	From, To time.Time     // from and up to, both included; zero: the oldest, the newest
	Limit    int           // at most so many, the newest; at least 1
}

// A Term is one thing that a line must, or must not, say.
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

// logsql returns the filter as the database's language has it.
func (q *Query) logsql() string {
	var parts []string
	if q.Service != "" {
		parts = append(parts, entityFilter(q.Service))
	}
	if q.Trace != [16]byte{} {
		parts = append(parts, fmt.Sprintf("%q:=%q", colTrace, hex.EncodeToString(q.Trace[:])))
	}
	if q.Severity > 0 {
		parts = append(parts, fmt.Sprintf("%q:>=%d", colSeverity, q.Severity))
	}
	for _, t := range q.Terms {
		parts = append(parts, t.logsql())
	}
	if len(parts) == 0 {
		return "*"
	}
	return strings.Join(parts, " ")
}

func (t Term) logsql() string {
	var s string
	switch {
	case t.Part:
		s = fmt.Sprintf("%q:*%s*", t.column(), strconv.Quote(t.Value))
	case t.Field != "":
		s = fmt.Sprintf("%q:=%s", t.column(), strconv.Quote(t.Value))
	default:
		s = anySpelling(t.Value)
	}
	if t.Not {
		return "!" + s
	}
	return s
}

func (t Term) column() string {
	switch t.Field {
	case "":
		return colText
	case "instance", "version", "level": // ours, unless the line has such a field: then both are looked at
		return "@" + t.Field
	}
	return columnName(t.Field)
}

// anySpelling looks for a phrase in the spellings that logs have, each of which
// the Bloom filters know.
func anySpelling(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	spellings := []string{s}
	for _, other := range []string{strings.ToUpper(s), string(unicode.ToUpper(first)) + s[size:]} {
		if other != s && other != spellings[len(spellings)-1] {
			spellings = append(spellings, other)
		}
	}
	for i, v := range spellings {
		spellings[i] = fmt.Sprintf("%q:%s", colText, strconv.Quote(v))
	}
	if len(spellings) == 1 {
		return spellings[0]
	}
	return "(" + strings.Join(spellings, " or ") + ")"
}

// entityFilter looks for one entity by its text form, or for the services and
// hosts of a name, in any namespace if it has none. There the pattern is of the
// end only: one for the whole takes the database ten milliseconds to read.
func entityFilter(name string) string {
	name = strings.ToValidUTF8(name, "\uFFFD") // as the doors write names
	if e, err := fact.ParseEntity(name); err == nil && !e.IsZero() {
		return fmt.Sprintf("%q:=%s", colEntity, strconv.Quote(e.String()))
	}
	any := []string{strconv.Quote("service:" + name), strconv.Quote("host:" + name), strconv.Quote("instance:" + name)}
	filter := fmt.Sprintf("%q:in(%s)", colEntity, strings.Join(any, ","))
	if strings.Contains(name, "/") {
		return filter
	}
	return fmt.Sprintf("(%s or %q:~%s)", filter, colEntity, strconv.Quote("/"+regexp.QuoteMeta(name)+"$"))
}
