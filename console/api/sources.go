package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern/identity"
	"github.com/steersman-ops/steersman/signal"
)

// A Keyring gives sources names and tokens, takes them away, and says how to
// connect one.
type Keyring interface {
	AddSource(ctx context.Context, who identity.Person, in NewSource) (AddedSource, error)
	RemoveSource(ctx context.Context, who identity.Person, name string) error
	Connect(kind, source, host string) (Snippet, error)
}

// Source is one sender and the account kept of it: received = refused + accepted.
type Source struct {
	Name        string    `json:"name"`
	Kind        string    `json:"kind" doc:"The door: otlp, remote-write, hook; empty before the first request."`
	FirstSeen   time.Time `json:"firstSeen,omitzero" doc:"Absent: it has not sent yet."`
	LastSeen    time.Time `json:"lastSeen,omitzero"`
	Received    int64     `json:"received" doc:"Items: points, spans, lines and changes."`
	Refused     int64     `json:"refused"`
	Accepted    int64     `json:"accepted"`
	LastRefusal string    `json:"lastRefusal,omitempty"`

	PerSecond   float64         `json:"perSecond" doc:"Items received a second, over the last minute."`
	LagSeconds  float64         `json:"lagSeconds" doc:"How old the newest item of its last batch was when it came."`
	Series      int             `json:"series" doc:"Series that it sent in the last hours, as far as they had to be counted."`
	Refusals    []SourceRefusal `json:"refusals" doc:"What was refused, by reason, most first."`
	Stored      int64           `json:"stored" doc:"Samples that the store has, since the start."`
	Quarantined int64           `json:"quarantined" doc:"Samples that were accepted and then set aside, since the start."`
	SetAside    []SourceRefusal `json:"setAside" doc:"What was quarantined, by reason, most first."`

	Judged bool         `json:"judged" doc:"Its rows were looked at, so the score means something."`
	Score  float64      `json:"score" doc:"How far it is to be trusted, 0 to 1; below 0.8 nothing is done without a person on its word."`
	Why    string       `json:"why,omitempty" doc:"What took most of the score; absent: nothing did."`
	Silent bool         `json:"silent" doc:"It has sent nothing for much longer than usual."`
	Steps  []SourceStep `json:"steps" doc:"What each step of the quality made of its rows."`

	Named      bool                `json:"named" doc:"It has a token, and its name is its own."`
	Sender     string              `json:"sender,omitempty" doc:"What it is: otel, prometheus, github, …"`
	Added      time.Time           `json:"added,omitzero" doc:"When it got its token; absent for one of the configuration file."`
	Configured bool                `json:"configured" doc:"It is in the configuration file, and changed there."`
	Limits     signal.SourceLimits `json:"limits" doc:"Of its own; absent ones are none but its fair share."`

	Reading *Reading `json:"reading,omitempty" doc:"How reading it stands; absent if it sends."`
}

// Reading says of an API that is read what is read, what that costs it, and what
// is left out.
type Reading struct {
	URL     string `json:"url"`
	State   string `json:"state" doc:"starting, history (it reads, and of some series what was before, too), reading, or waiting."`
	Trouble string `json:"trouble,omitempty" doc:"What is wrong, and what to do."`

	Exist   int           `json:"exist" doc:"Series that are there."`
	Watched int           `json:"watched" doc:"Of them, that are read."`
	Metrics int           `json:"metrics" doc:"Of how many metrics."`
	Jobs    int           `json:"jobs" doc:"Of how many jobs."`
	Behind  int           `json:"behind" doc:"Watched series of which history is still to be read."`
	Left    []ReadingLeft `json:"left" doc:"What is not read, by reason, most series first."`
	Looked  time.Time     `json:"looked,omitzero" doc:"When it was last looked what is there."`
	UpTo    time.Time     `json:"upTo,omitzero" doc:"Of when the newest sample is."`

	Queries          int   `json:"queries" doc:"Asked in the last minute."`
	QueriesPerMinute int   `json:"queriesPerMinute" doc:"The budget."`
	Bytes            int64 `json:"bytes" doc:"Of the answers of the last minute."`
	BytesPerMinute   int64 `json:"bytesPerMinute" doc:"The budget."`
}

// ReadingLeft is what is not read for one reason.
type ReadingLeft struct {
	Reason   string   `json:"reason" doc:"buckets, constant, native, own, too_large, budget, failing or too_many."`
	Series   int      `json:"series"`
	Metrics  int      `json:"metrics"`
	Examples []string `json:"examples" doc:"Some of the metrics, of the largest first."`
}

// SourceRefusal is how much was refused for one reason.
type SourceRefusal struct {
	Reason string    `json:"reason"`
	Count  int64     `json:"count"`
	At     time.Time `json:"at,omitzero" doc:"When last."`
	Text   string    `json:"text,omitempty" doc:"What the sender was told last."`
}

// NewSource asks for a name and a token.
type NewSource struct {
	Name   string              `json:"name" minLength:"1" maxLength:"64" doc:"Letters, digits, '.', '_' and '-'."`
	Sender string              `json:"sender,omitempty" maxLength:"40" doc:"What it is: otel, collector, prometheus, alertmanager, github, gitlab, cloudevents, change."`
	Limits signal.SourceLimits `json:"limits,omitzero" doc:"Of its own. Absent: its fair share."`
}

// AddedSource is a source with its token, which is not shown again.
type AddedSource struct {
	Name    string  `json:"name"`
	Token   string  `json:"token" doc:"Not to be had again."`
	Connect Snippet `json:"connect" doc:"How to connect it, with the token."`
}

// Snippet connects a sender when it is pasted.
type Snippet struct {
	Kind   string   `json:"kind"`
	Kinds  []string `json:"kinds" doc:"All kinds that there are."`
	Where  string   `json:"where" doc:"What to do with it."`
	Syntax string   `json:"syntax" doc:"sh, yaml or text."`
	Text   string   `json:"text"`
	Token  string   `json:"token,omitempty" doc:"What stands in the text for the token; absent if it needs none, or has it."`
}

// BySource names a source in the path.
type BySource struct {
	Name string `path:"name" maxLength:"256" doc:"As the list gives it, with its slashes escaped."`
}

// AtHost knows under which name the caller reached us.
type AtHost struct{ host string }

// Resolve takes the name from the request.
func (a *AtHost) Resolve(ctx huma.Context) []error {
	a.host = ctx.Host()
	return nil
}

func (s *server) sourceRoutes() {
	get(s, "/sources", "listSources", "Who sends, and the account kept of it", func(context.Context, *nothing) (Sources, error) {
		return Sources{s.Sources(), s.Warnings()}, nil
	})
	get(s, "/sources/{name}", "getSource", "One source", func(_ context.Context, in *BySource) (Source, error) {
		for _, src := range s.Sources() {
			if src.Name == in.Name {
				return src, nil
			}
		}
		return Source{}, fmt.Errorf("source %q: %w", in.Name, fact.ErrNotFound)
	})
	route(s, http.MethodPost, "/sources", "addSource", "Give a source a name and a token", func(ctx context.Context, in *struct {
		AtHost
		Body NewSource
	}) (AddedSource, error) {
		out, err := s.Keyring.AddSource(ctx, person(ctx), in.Body)
		if err != nil {
			return out, err
		}
		out.Connect, err = s.Keyring.Connect(in.Body.Sender, out.Name, in.host)
		out.Connect = out.Connect.with(out.Token)
		return out, err
	})
	route(s, http.MethodDelete, "/sources/{name}", "removeSource", "Take a source's token away: what it sends is refused", func(ctx context.Context, in *BySource) (Source, error) {
		return Source{Name: in.Name}, s.Keyring.RemoveSource(ctx, person(ctx), in.Name)
	})
	get(s, "/connect", "connect", "How to connect a sender", func(_ context.Context, in *struct {
		AtHost
		Kind   string `query:"kind" maxLength:"40" doc:"Of sender. Empty: that of the source, or the most usual one."`
		Source string `query:"source" maxLength:"256" doc:"As which source. Empty: as none, which needs no token where that is allowed."`
	}) (Snippet, error) {
		return s.Keyring.Connect(in.Kind, in.Source, in.host)
	})
}

// with puts the token into the text.
func (s Snippet) with(token string) Snippet {
	if s.Token != "" {
		s.Text = strings.ReplaceAll(s.Text, s.Token, token)
		s.Token = ""
	}
	return s
}
