package recorded

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// timeColumns are the names under which files tell the time, with the unit of
// their numbers in nanoseconds, 0 if the size of the number tells it.
var timeColumns = map[string]float64{
	"time": 0, "timestamp": 0, "ts": 0, "datetime": 0, "date": 0, "@timestamp": 0, "start": 0,
	"time_s": 1e9, "time_ms": 1e6, "time_us": 1e3, "time_ns": 1,
	"start_s": 1e9, "start_ms": 1e6, "start_us": 1e3, "start_ns": 1,
}

// instant reads a time as Unix nanoseconds.
func instant(s string, unit float64) (int64, error) {
	s = strings.TrimSpace(s)
	if v, err := strconv.ParseInt(s, 10, 64); err == nil {
		if unit == 0 {
			unit = float64(magnitude(float64(v)))
		}
		if math.Abs(float64(v)) > math.MaxInt64/unit {
			return 0, fmt.Errorf("time %s is out of range", s)
		}
		return v * int64(unit), nil
	}
	if v, err := strconv.ParseFloat(s, 64); err == nil && !math.IsNaN(v) {
		if unit == 0 {
			unit = float64(magnitude(v))
		}
		if ns := v * unit; math.Abs(ns) < math.MaxInt64 {
			return int64(math.Round(ns)), nil
		}
		return 0, fmt.Errorf("time %s is out of range", s)
	}
	if t, rest, ok := leadingTime(s); ok && strings.TrimSpace(rest) == "" {
		return t, nil
	}
	return 0, fmt.Errorf("%.40q is no time: want a Unix time, RFC 3339, or 2006-01-02 15:04:05", s)
}

func magnitude(v float64) int64 {
	switch v = math.Abs(v); {
	case v >= 1e17:
		return 1
	case v >= 1e14:
		return 1e3
	case v >= 1e11:
		return 1e6
	}
	return 1e9
}

// layouts are the shapes in which log lines begin. A fraction after a point or a
// comma is read wherever seconds are.
var layouts = []string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05-0700", "2006-01-02T15:04:05",
	"2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05",
	"2006/01/02 15:04:05", "02/Jan/2006:15:04:05 -0700", "2006-01-02 15:04", "2006-01-02",
}

// leadingTime reads the time at the start of a log line, if there is one, also in
// brackets, and returns what follows it. One that nanoseconds since 1970 cannot
// tell is none.
func leadingTime(s string) (at int64, rest string, ok bool) {
	closing := ""
	switch {
	case strings.HasPrefix(s, "["):
		s, closing = s[1:], "]"
	case strings.HasPrefix(s, "("):
		s, closing = s[1:], ")"
	}
	if len(s) < len("2006-01-02") || s[0] < '0' || s[0] > '9' {
		return 0, "", false
	}
	for _, layout := range layouts {
		if t, rest, ok := prefixTime(s, layout); ok && strings.HasPrefix(rest, closing) && t.Year() > 1678 && t.Year() < 2262 {
			return t.UnixNano(), strings.TrimLeft(rest[len(closing):], " \t"), true
		}
	}
	return 0, "", false
}

// prefixTime reads a time of the given layout at the start of s. What is variable
// in length is its fraction and its zone.
func prefixTime(s, layout string) (t time.Time, rest string, ok bool) {
	body, zone := layout, ""
	if i := strings.LastIndex(layout, ":05"); i >= 0 {
		body, zone = layout[:i+3], layout[i+3:]
	}
	if len(s) < len(body) {
		return t, "", false
	}
	n := len(body)
	if zone != "" || strings.HasSuffix(body, ":05") {
		n += fraction(s[n:])
	}
	text := strings.Replace(s[:n], ",", ".", 1)
	if zone == "" {
		t, err := time.ParseInLocation(body, text, time.UTC)
		return t, s[n:], err == nil && ends(s[n:])
	}
	for _, length := range []int{len(" -07:00"), len("-07:00"), len("-0700"), len("Z")} {
		if len(s) < n+length {
			continue
		}
		if t, err := time.Parse(layout, text+s[n:n+length]); err == nil && ends(s[n+length:]) {
			return t.UTC(), s[n+length:], true
		}
	}
	return t, "", false
}

// fraction is the length of .123 or ,123 at the start of s.
func fraction(s string) int {
	if len(s) < 2 || s[0] != '.' && s[0] != ',' {
		return 0
	}
	n := 1
	for n < len(s) && n <= 9 && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	if n == 1 {
		return 0
	}
	return n
}

// ends reports whether nothing that could belong to a time follows.
func ends(s string) bool { return s == "" || strings.ContainsRune(" \t])|,;", rune(s[0])) }
