package syslog

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/steersman-ops/steersman/fact"
)

// A message is what one syslog message says.
type message struct {
	pri   int // facility*8 + severity, -1 if it has none
	at    time.Time
	host  string
	app   string
	proc  string
	msgID string
	data  []fact.Label // structured data
	text  string
}

// parse reads a message. Whatever it is, it is a message: what cannot be read
// is its text.
func parse(s string, now time.Time) message {
	m := message{pri: -1}
	rest, ok := m.priority(s)
	if !ok {
		m.text = s
		return m
	}
	if after, ok := strings.CutPrefix(rest, "1 "); ok && m.rfc5424(after) {
		return m
	}
	m = message{pri: m.pri}
	m.rfc3164(rest, now)
	return m
}

// priority takes <n> off s.
func (m *message) priority(s string) (rest string, ok bool) {
	end := strings.IndexByte(s, '>')
	if !strings.HasPrefix(s, "<") || end < 2 || end > 4 {
		return s, false
	}
	n, err := strconv.ParseUint(s[1:end], 10, 8)
	if err != nil || n > 191 {
		return s, false
	}
	m.pri = int(n)
	return s[end+1:], true
}

// rfc5424 reads TIMESTAMP HOSTNAME APP-NAME PROCID MSGID SD [MSG].
func (m *message) rfc5424(s string) bool {
	var head [5]string
	for i := range head {
		var ok bool
		if head[i], s, ok = strings.Cut(s, " "); !ok || head[i] == "" {
			return false
		}
		if head[i] == "-" {
			head[i] = ""
		}
	}
	if head[0] != "" {
		at, err := time.Parse(time.RFC3339Nano, head[0])
		if err != nil {
			return false
		}
		m.at = at
	}
	m.host, m.app, m.proc, m.msgID = head[1], head[2], head[3], head[4]
	rest, ok := m.structured(s)
	if !ok {
		return false
	}
	m.text = strings.TrimPrefix(strings.TrimPrefix(rest, " "), "\ufeff")
	return true
}

// structured reads - or [id name="value" …][…].
func (m *message) structured(s string) (rest string, ok bool) {
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		return rest, rest == "" || rest[0] == ' '
	}
	if !strings.HasPrefix(s, "[") {
		return s, false
	}
	for strings.HasPrefix(s, "[") {
		end := strings.IndexAny(s, " ]")
		if end < 2 {
			return s, false
		}
		id := s[1:end]
		s = s[end:]
		for strings.HasPrefix(s, " ") {
			name, after, ok := strings.Cut(s[1:], `="`)
			if !ok || name == "" || strings.ContainsAny(name, ` ]"`) {
				return s, false
			}
			value, after, ok := unescape(after)
			if !ok {
				return s, false
			}
			m.data, s = append(m.data, fact.Label{Name: id + "." + name, Value: value}), after
		}
		if s, ok = strings.CutPrefix(s, "]"); !ok {
			return s, false
		}
	}
	return s, s == "" || s[0] == ' '
}

// unescape reads a value up to its closing quote.
func unescape(s string) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s) && strings.IndexByte(`"\]`, s[i+1]) >= 0:
			i++
		}
		b.WriteByte(s[i])
	}
	return "", s, false
}

// rfc3164 reads [TIMESTAMP] [HOSTNAME] [TAG[pid]:] MSG, as far as it is that.
func (m *message) rfc3164(s string, now time.Time) {

	at, rest, ok := oldTime(s, now)
	if !ok {
		m.text = s
		return
	}
	m.at = at
	// Relays leave out their own name: then the tag stands here.
	if host, after, ok := strings.Cut(rest, " "); ok && !strings.HasSuffix(host, ":") && !strings.Contains(host, "[") {
		m.host, rest = host, after
	}
	m.app, m.proc, m.text = tag(rest)
}

// oldTime takes "Mar  1 12:00:00 ", or a time with its zone as rsyslog can be
// told to write it, off s.
func oldTime(s string, now time.Time) (at time.Time, rest string, ok bool) {
	const layout = "Jan _2 15:04:05"
	if len(s) > len(layout) && s[len(layout)] == ' ' {
		if at, err := time.Parse(layout, s[:len(layout)]); err == nil {
			return nearest(at, now), s[len(layout)+1:], true
		}
	}
	first, rest, ok := strings.Cut(s, " ")
	if !ok {
		return at, s, false
	}
	at, err := time.Parse(time.RFC3339Nano, first)
	return at, rest, err == nil
}

// nearest gives a time without a year the year in which it is nearest to now.
func nearest(at, now time.Time) time.Time {
	best := at
	for _, year := range []int{now.Year() - 1, now.Year(), now.Year() + 1} {
		t := time.Date(year, at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), 0, time.UTC)
		if t.Month() == at.Month() && t.Sub(now).Abs() < best.Sub(now).Abs() {
			best = t
		}
	}
	return best
}

// tag takes "app[pid]: " off s.
func tag(s string) (app, pid, text string) {
	end := strings.IndexFunc(s, func(r rune) bool {
		return r == ':' || r == '[' || r == ' ' || r == utf8.RuneError
	})
	if end <= 0 || end > 64 {
		return "", "", s
	}
	app, rest := s[:end], s[end:]
	if inner, ok := strings.CutPrefix(rest, "["); ok {
		if pid, rest, ok = strings.Cut(inner, "]"); !ok || len(pid) > 128 {
			return "", "", s
		}
	}
	if rest, ok := strings.CutPrefix(rest, ":"); ok {
		return app, pid, strings.TrimPrefix(rest, " ")
	}
	return "", "", s
}

// Severity is a priority (facility*8 + severity, below 0: none) as OpenTelemetry's
// appendix maps it.
func Severity(pri int) fact.Severity {
	if pri < 0 {
		return 0
	}
	return [...]fact.Severity{
		fact.SeverityFatal,     // emergency
		fact.SeverityError + 2, // alert
		fact.SeverityError + 1, // critical
		fact.SeverityError,
		fact.SeverityWarn,
		fact.SeverityInfo + 1, // notice
		fact.SeverityInfo,
		fact.SeverityDebug,
	}[pri%8]
}

// Level is the severity of a priority as syslog names it.
func Level(pri int) string {
	if pri < 0 {
		return ""
	}
	return [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}[pri%8]
}

// Facility names where a message is from.
func Facility(pri int) string {
	if pri < 0 {
		return ""
	}
	return [...]string{
		"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "audit", "console", "clock",
		"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
	}[pri/8]
}
