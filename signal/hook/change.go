package hook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/entity"
)

// textBytes is how long one text of a change may be: it is a line in a list.
const textBytes = 1024

// request is the body of POST /hooks/change.
type request struct {
	Service   string          `json:"service"`
	Namespace string          `json:"namespace"`
	Version   string          `json:"version"`
	Before    string          `json:"before"`
	Kind      fact.ChangeKind `json:"kind"`
	By        string          `json:"by"`
	Note      string          `json:"note"`
	Link      string          `json:"link"`
	At        time.Time       `json:"at"`
}

const fields = "service, namespace, version, before, kind, by, note, link, at"

// Parse reads the body of POST /hooks/change. now stands in for a time that is
// not given, and bounds one that is.
func Parse(body []byte, now time.Time, ahead time.Duration) (fact.Change, *signal.Refusal) {
	var r request
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return fact.Change{}, badJSON(err, dec.InputOffset(), len(body))
	}
	if _, err := dec.Token(); err != io.EOF {
		return fact.Change{}, signal.Refuse(signal.Malformed, fmt.Sprintf("byte %d", dec.InputOffset()), "there is more after the object", "send one change per request")
	}
	if r.Kind == "" {
		r.Kind = fact.Deployed
	}
	if r.At.IsZero() {
		r.At = now
	}
	c := fact.Change{
		At: r.At, Kind: r.Kind, Entity: entity.Named(r.Namespace, r.Service), Version: r.Version, Before: r.Before,
		By: r.By, Note: r.Note, Link: r.Link, Source: "hooks/change",
	}
	return finish(c, now, ahead)
}

func badJSON(err error, offset int64, size int) *signal.Refusal {
	where := fmt.Sprintf("byte %d", offset)
	var typ *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return signal.Refuse(signal.Malformed, fmt.Sprintf("byte %d", size), "the JSON ends too early", "send one object")
	case errors.As(err, &typ) && typ.Field != "":
		return signal.Refuse(signal.Malformed, "field "+typ.Field, "a "+typ.Value+" stands where a "+typ.Type.String()+" is wanted", "send text")
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		name := strings.TrimPrefix(err.Error(), "json: unknown field ")
		return signal.Refuse(signal.Malformed, where, "field "+signal.Cut(name, 100)+" is not known", "the fields are "+fields)
	}
	return signal.Refuse(signal.Malformed, where, "not the JSON of a change: "+signal.Cut(err.Error(), 200), `send {"service": "checkout", "version": "v2"}`)
}

// finish checks a change, brings its time to whole milliseconds in UTC and
// names it.
func finish(c fact.Change, now time.Time, ahead time.Duration) (fact.Change, *signal.Refusal) {
	if c.Entity.IsZero() {
		return c, signal.Refuse(signal.BadValue, "field service", "no service is named", "name the service as its telemetry does")
	}
	switch c.Kind {
	case fact.Deployed, fact.RolledBack, fact.Configured, fact.Scaled, fact.Restarted:
	default:
		return c, signal.Refuse(signal.BadValue, "field kind", fmt.Sprintf("kind %q is not known", signal.Cut(string(c.Kind), 100)), "use deployed, rolledback, configured, scaled or restarted")
	}
	for _, f := range []struct{ name, text string }{
		{"service", c.Entity.Name}, {"namespace", c.Entity.Namespace}, {"version", c.Version}, {"before", c.Before}, {"by", c.By}, {"note", c.Note}, {"link", c.Link},
	} {
		if ref := checkText(f.name, f.text); ref != nil {
			return c, ref
		}
	}
	if ref := checkLink(c.Link); ref != nil {
		return c, ref
	}
	c.At = c.At.UTC().Truncate(time.Millisecond)
	switch {
	case c.At.After(now.Add(ahead)):
		return c, signal.Refuse(signal.BadTime, "field at", fmt.Sprintf("%s is more than %s ahead of our clock, which says %s", c.At.Format(time.RFC3339), ahead, now.UTC().Format(time.RFC3339)), "tell a change when it is done, and check the clocks")
	case c.At.Year() < 2000:
		return c, signal.Refuse(signal.BadTime, "field at", fmt.Sprintf("%s is before the year 2000", c.At.Format(time.RFC3339)), "send the time as RFC 3339")
	}
	c.ID = fact.ID("chg", c.Entity.String(), string(c.Kind), c.Version, c.At.Format(time.RFC3339Nano))
	return c, nil
}

func checkText(field, s string) *signal.Refusal {
	switch {
	case len(s) > textBytes:
		return signal.Refuse(signal.TooLarge, "field "+field, fmt.Sprintf("%d bytes long, the limit is %d", len(s), textBytes), "put the rest behind the link")
	case !utf8.ValidString(s):
		return signal.Refuse(signal.Malformed, "field "+field, "not UTF-8", "send UTF-8")
	case strings.ContainsFunc(s, disguises):
		return signal.Refuse(signal.BadValue, "field "+field, "holds a line break or another control character", "send one line")
	case slices.Contains([]string{"service", "namespace", "version", "before"}, field) && strings.ContainsFunc(s, invisible):
		return signal.Refuse(signal.BadValue, "field "+field, "holds a character that nobody can see", "write the name as its telemetry does")
	}
	return nil
}

// disguises reports whether a character can make a text look like another, or
// like several: it breaks the line, steers a terminal, or turns the direction
// of what follows.
func disguises(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp) || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// invisible reports whether a character has no place in a name, because the name
// with it and the one without look the same.
func invisible(r rune) bool { return unicode.Is(unicode.Cf, r) }

// checkLink lets only web addresses through: the console makes links of them.
func checkLink(s string) *signal.Refusal {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return signal.Refuse(signal.BadValue, "field link", fmt.Sprintf("%q is not a web address", signal.Cut(s, 100)), "send https://…, or leave it out")
	}
	return nil
}
