package syslog

import (
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal/entity"
)

// line makes a line of a message. The fields are for [signal.FinishLine].
func line(text string, now time.Time) (fact.Line, []fact.Label) {
	m := parse(text, now)
	l := fact.Line{Severity: Severity(m.pri), Level: Level(m.pri), Text: m.text}
	if !m.at.IsZero() {
		l.At = nanos(m.at)
	}
	if e := entity.Named("", m.app); !e.IsZero() {
		l.Entity, l.Instance = e, m.host
	} else {
		l.Entity = entity.FromResource(func(key string) string {
			if key == "host.name" {
				return m.host
			}
			return ""
		}).Entity
	}
	fields := m.data
	for _, f := range []fact.Label{
		{Name: "host.name", Value: m.host}, {Name: "process.pid", Value: m.proc},
		{Name: "syslog.facility", Value: Facility(m.pri)}, {Name: "syslog.msgid", Value: m.msgID},
	} {
		if f.Value != "" {
			fields = append(fields, f)
		}
	}
	return l, fields
}

// nanos returns Unix nanoseconds, and -1 for a time that does not fit.
func nanos(t time.Time) int64 {
	if t.Year() < 1970 || t.Year() > 2200 {
		return -1
	}
	return t.UnixNano()
}
