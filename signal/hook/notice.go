package hook

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/entity"
)

// The bounds of one notice. What is longer is cut: it is other people's text,
// and the link leads to the rest.
const (
	noticesMost = 5000 // in one request
	labelsMost  = 64
	labelBytes  = 1024
)

// named returns the service that the address names: ?service=checkout, with
// &namespace=shop. A repository is not always called as the service that it
// holds.
func named(r *http.Request) fact.Entity {
	q := r.URL.Query()
	if q.Get("service") == "" {
		return fact.Entity{}
	}
	return entity.Named(oneLine(q.Get("namespace"), 128), oneLine(q.Get("service"), 128))
}

// oneLine is other people's text as one line of at most n bytes.
func oneLine(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if disguises(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return signal.Cut(strings.TrimSpace(s), n)
}

// finishNotices brings notices into their bounds and names them. One that is no
// good is left out, and not held against the others.
func (p *papers) finishNotices(g *given) {
	whole := p.notices[:0]
	for i := range p.notices {
		if ref := finishNotice(&p.notices[i], g); ref != nil {
			ref.Problem.Where = fmt.Sprintf("notice %d", i+1)
			p.refused = append(p.refused, ref)
			continue
		}
		whole = append(whole, p.notices[i])
	}
	p.notices = whole
}

func finishNotice(n *fact.Notice, g *given) *signal.Refusal {
	n.At, n.Until = n.At.UTC().Truncate(time.Millisecond), n.Until.UTC().Truncate(time.Millisecond)
	switch {
	case n.At.Year() < 2000 || n.At.Year() > 9999:
		return signal.Refuse(signal.BadTime, "", fmt.Sprintf("%s is no time at which something can have happened", n.At.Format(time.RFC3339)), "send the time as RFC 3339")
	case n.At.After(g.now.Add(g.ahead)):
		return signal.Refuse(signal.BadTime, "", fmt.Sprintf("%s is more than %s ahead of our clock, which says %s", n.At.Format(time.RFC3339), g.ahead, g.now.UTC().Format(time.RFC3339)), "check the clocks")
	case n.Until.Year() > 9999:
		n.Until = time.Time{}
	}
	n.Title, n.Text, n.By, n.State = oneLine(n.Title, textBytes), oneLine(n.Text, textBytes), oneLine(n.By, 256), oneLine(n.State, 64)
	if n.Link = oneLine(n.Link, textBytes); checkLink(n.Link) != nil {
		n.Link = ""
	}
	n.Labels, n.Source = bounded(n.Labels), g.source
	if !g.as.IsZero() {
		n.Entity = g.as
	}
	n.ID = fact.ID("ntc", n.ID, string(n.Kind), g.source)
	return nil
}

// bounded cuts labels. Which of too many are kept does not depend on the order
// of a map.
func bounded(in map[string]string) map[string]string {
	if len(in) == 0 {
		return nil
	}
	out := make(map[string]string, min(len(in), labelsMost))
	for _, name := range sortedKeys(in) {
		if len(out) == labelsMost {
			break
		}
		if key := oneLine(name, 128); key != "" {
			out[key] = oneLine(in[name], labelBytes)
		}
	}
	return out
}

func ignored(what string) *signal.Refusal {
	return signal.Refuse(signal.Ignored, "", what, "")
}

// or is the time of something that tells none: when it came.
func or(t, now time.Time) time.Time {
	if t.IsZero() {
		return now
	}
	return t
}
