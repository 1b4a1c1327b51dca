package hook

import (
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
)

const kind = "hook"

// NewHandler serves POST below /hooks/: change, cdevents, cloudevents,
// alertmanager, gitlab, and github/NAME for the named source of that name. open
// says whether senders without a token are let in. The answer tells what was
// kept, or why nothing was.
func NewHandler(d *signal.Doors, open bool) http.Handler {
	mux := http.NewServeMux()
	for path, parse := range map[string]parser{
		"hooks/change": func(_ http.Header, body []byte, g given) (papers, *signal.Refusal) {
			return one(Parse(body, g.now, g.ahead))
		},
		"hooks/cdevents": func(h http.Header, body []byte, g given) (papers, *signal.Refusal) {
			return one(ParseCDEvent(h, body, g.now, g.ahead))
		},
		"hooks/cloudevents":  parseCloudEvent,
		"hooks/alertmanager": parseAlertmanager,
		"hooks/gitlab":       parseGitLab,
	} {
		mux.Handle("POST /"+path, d.Admit(kind, open, door(d, path, parse)))
	}
	mux.Handle("POST /hooks/github/{source}", signed(d, door(d, "hooks/github", parseGitHub)))
	return mux
}

// given is what a parser knows beside the request.
type given struct {
	now    time.Time
	ahead  time.Duration
	source string      // for the papers
	as     fact.Entity // the service that the address names, if it does
	env    string      // the environment that the address names, if it does
}

// watches reports whether what is deployed to an environment is what is watched.
func (g *given) watches(environment string) bool {
	return g.env == "" || strings.EqualFold(g.env, environment)
}

// papers are what a request was read as.
type papers struct {
	changes []fact.Change
	notices []fact.Notice
	refused []*signal.Refusal // of notices that are not among them
}

func (p *papers) len() int { return len(p.changes) + len(p.notices) + len(p.refused) }

// one makes papers of a change.
func one(c fact.Change, ref *signal.Refusal) (papers, *signal.Refusal) {
	if ref != nil {
		return papers{}, ref
	}
	return papers{changes: []fact.Change{c}}, nil
}

// A parser reads the body of a request. It refuses as signal.Ignored what is
// sound and nothing that is kept.
type parser func(header http.Header, body []byte, g given) (papers, *signal.Refusal)

// kept is the answer to what was taken.
type kept struct {
	Changes []fact.Change `json:"changes,omitempty"`
	Notices []fact.Notice `json:"notices,omitempty"`
	Ignored string        `json:"ignored,omitempty"`
	Refused []string      `json:"refused,omitempty"`
}

func door(d *signal.Doors, name string, parse parser) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := d.Clock()
		var p papers
		var t signal.Tally
		ref := d.Guard(name, func() (ref *signal.Refusal) {
			p, ref = take(d, w, r, name, parse, now)
			return ref
		})
		t.Receive(max(p.len(), 1))
		for _, one := range p.refused {
			t.Refuse(one, 1)
		}
		t.Settle(ref)
		d.Record(r.Context(), name, kind, now, &t)
		outcome := "ok"
		switch {
		case ref != nil:
			outcome = ref.Reason.String()
		case len(p.refused) > 0:
			outcome = "partly"
		}
		d.Sources.Answered(kind, outcome, d.Clock().Sub(now))
		answer(d, w, name, p, ref)
	})
}

// answer writes what was kept. The answer to a change of ours is the change
// alone.
func answer(d *signal.Doors, w http.ResponseWriter, name string, p papers, ref *signal.Refusal) {
	all := kept{Changes: p.changes, Notices: p.notices}
	for _, one := range p.refused {
		all.Refused = append(all.Refused, one.Error())
	}
	var out any = all
	switch {
	case ref != nil && ref.Reason == signal.Ignored:
		out = kept{Ignored: ref.Error()}
	case ref != nil:
		signal.WriteRefusal(w, ref)
		return
	case name == "hooks/change", name == "hooks/cdevents":
		out = p.changes[0]
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(out); err != nil {
		d.Logger.Debug("answer to a hook", "err", err)
	}
}

func take(d *signal.Doors, w http.ResponseWriter, r *http.Request, name string, parse parser, now time.Time) (papers, *signal.Refusal) {
	if typ, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || typ != "application/json" && !strings.HasSuffix(typ, "+json") {
		return papers{}, signal.Refuse(signal.Unsupported, "header Content-Type", "the body is not declared to be JSON", "send Content-Type: application/json")
	}
	lim := d.Limits.WithDefaults()
	most := signal.Body{Encodings: []string{""}}
	if name == "hooks/change" || name == "hooks/cdevents" {
		most.Most, most.Limit = lim.ChangeBytes, "change_bytes"
	}
	body, ok := bodyOf(r.Context())
	if !ok {
		var free func()
		var ref *signal.Refusal
		if body, free, ref = d.Read(w, r, most); ref != nil {
			return papers{}, ref
		}
		defer free()
	}
	g := given{now: now, ahead: lim.Ahead, source: d.Account(r.Context(), name), as: named(r), env: r.URL.Query().Get("environment")}
	p, ref := parse(r.Header, body, g)
	if ref != nil {
		return papers{}, ref
	}
	if p.finishNotices(&g); len(p.refused) > 0 && p.len() == len(p.refused) {
		return p, p.refused[0]
	}
	b := &fact.Batch{Source: name, Received: now.UnixMilli(), Changes: p.changes}
	for i := range p.notices {
		text, err := json.Marshal(p.notices[i])
		if err != nil {
			return papers{}, signal.Refuse(signal.Malformed, "body", "cannot be kept: "+err.Error(), "please report it")
		}
		b.Events = append(b.Events, fact.Event{At: p.notices[i].At, Kind: fact.NoticeEvent, Ref: p.notices[i].ID, Body: string(text)})
	}
	return p, d.Deliver(r.Context(), b)
}

type bodyKey struct{}

// bodyOf returns a body that was read already, to check its signature.
func bodyOf(ctx context.Context) ([]byte, bool) {
	b, ok := ctx.Value(bodyKey{}).([]byte)
	return b, ok
}
