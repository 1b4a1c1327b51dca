package logdb

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/steersman-ops/steersman/fact"
)

// A Filter says which rows are wanted, in the engine's language. Only the
// functions of this package make one; the zero Filter wants all.
type Filter string

// String returns the filter as the engine reads it.
func (f Filter) String() string {
	if f == "" {
		return "*"
	}
	return string(f)
}

// All wants what all of the filters want.
func All(filters ...Filter) Filter {
	parts := make([]string, 0, len(filters))
	for _, f := range filters {
		if f != "" {
			parts = append(parts, string(f))
		}
	}
	return Filter(strings.Join(parts, " "))
}

// Is wants rows that have exactly this in a column.
func Is(column, value string) Filter {
	return Filter(fmt.Sprintf("%q:=%s", column, strconv.Quote(value)))
}

// Stream wants rows of one stream: the others are not looked at.
func Stream(column, value string) Filter {
	return Filter(fmt.Sprintf("{%q=%s}", column, strconv.Quote(value)))
}

// AtLeast wants rows that have this number or more in a column.
func AtLeast(column string, n int64) Filter { return Filter(fmt.Sprintf("%q:>=%d", column, n)) }

// contains wants rows that have this somewhere in a column.
func contains(column, value string) Filter {
	return Filter(fmt.Sprintf("%q:*%s*", column, strconv.Quote(value)))
}

// anySpelling looks for a phrase in the spellings that logs have, each of which
// the Bloom filters know.
func anySpelling(s string) Filter {
	first, size := utf8.DecodeRuneInString(s)
	spellings := []string{s}
	for _, other := range []string{strings.ToUpper(s), string(unicode.ToUpper(first)) + s[size:]} {
		if other != s && other != spellings[len(spellings)-1] {
			spellings = append(spellings, other)
		}
	}
	for i, v := range spellings {
		spellings[i] = fmt.Sprintf("%q:%s", Text, strconv.Quote(v))
	}
	if len(spellings) == 1 {
		return Filter(spellings[0])
	}
	return Filter("(" + strings.Join(spellings, " or ") + ")")
}

// Entity looks for one entity by its text form, or for the services and hosts of
// a name, in any namespace if it has none. There the pattern is of the end only:
// one for the whole takes the engine ten milliseconds to read.
func Entity(column, name string) Filter {
	name = strings.ToValidUTF8(name, "\uFFFD") // as the doors write names
	if e, err := fact.ParseEntity(name); err == nil && !e.IsZero() {
		return Is(column, e.String())
	}
	any := []string{strconv.Quote("service:" + name), strconv.Quote("host:" + name), strconv.Quote("instance:" + name)}
	filter := fmt.Sprintf("%q:in(%s)", column, strings.Join(any, ","))
	if strings.Contains(name, "/") {
		return Filter(filter)
	}
	return Filter(fmt.Sprintf("(%s or %q:~%s)", filter, column, strconv.Quote("/"+regexp.QuoteMeta(name)+"$")))
}
