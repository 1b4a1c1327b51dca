package journal

import (
	"slices"
	"strconv"
	"strings"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal/entity"
	"github.com/steersman-ops/steersman/signal/syslog"
)

// line makes a line of an entry's fields, and returns those that go with it, for
// [signal.FinishLine]. It reports false if the entry says nothing.
func line(fields []fact.Label) (l fact.Line, rest []fact.Label, ok bool) {
	get := func(name string) string {
		for _, f := range fields {
			if f.Name == name {
				return f.Value
			}
		}
		return ""
	}
	l = fact.Line{Text: get("MESSAGE"), At: micros(get("__REALTIME_TIMESTAMP")), Instance: get("_HOSTNAME")}
	if n, err := strconv.Atoi(get("PRIORITY")); err == nil && n >= 0 && n < 8 {
		l.Severity, l.Level = syslog.Severity(n), syslog.Level(n)
	}
	if l.Entity = entity.Named("", name(get)); l.Entity.IsZero() {
		l.Entity = entity.FromResource(func(key string) string {
			if key == "host.name" {
				return l.Instance
			}
			return ""
		}).Entity
	}
	rest = slices.DeleteFunc(fields, func(f fact.Label) bool {
		return f.Name == "MESSAGE" || f.Name == "PRIORITY" || strings.HasPrefix(f.Name, "__")
	})
	for i := range rest {
		rest[i].Name = rename(rest[i].Name)
	}
	return l, rest, l.Text != ""
}

// name says who wrote an entry.
func name(get func(string) string) string {
	unit := get("_SYSTEMD_UNIT")
	if own := get("_SYSTEMD_USER_UNIT"); own != "" {
		unit = own
	}
	service, is := strings.CutSuffix(unit, ".service")
	switch {
	case get("CONTAINER_NAME") != "":
		return get("CONTAINER_NAME")
	case is:
		return service
	case get("SYSLOG_IDENTIFIER") != "": // a session, or the kernel
		return get("SYSLOG_IDENTIFIER")
	}
	return get("_COMM")
}

// rename gives what other doors have, too, the name that it has there.
func rename(field string) string {
	switch field {
	case "_HOSTNAME":
		return "host.name"
	case "_PID":
		return "process.pid"
	}
	return field
}

// micros makes Unix nanoseconds of a number of microseconds; 0 if there is none,
// -1 if it is no time.
func micros(s string) int64 {
	if s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || n > 7_258_118_400_000_000 { // the year 2200
		return -1
	}
	return n * 1000
}
