package config

import (
	"fmt"
	"net/url"
	"time"

	"github.com/steersman-ops/steersman/signal/promql"
)

// Read is one API that is read; see [promql.Options]. A zero setting means its
// default.
type Read struct {
	URL      string `yaml:"url" doc:"Address of the API, without /api/v1. Mimir's ends in /prometheus, that of a VictoriaMetrics cluster in /select/0/prometheus."`
	Token    Secret `yaml:"token" doc:"Sent as Authorization: Bearer …, if it wants one."`
	User     string `yaml:"user" doc:"For basic authentication, instead of a token."`
	Password Secret `yaml:"password" doc:"Of that user."`
	Tenant   string `yaml:"tenant" doc:"Sent as X-Scope-OrgID."`

	Queries     int   `yaml:"queries" doc:"Questions a minute, at most. What is watched takes half. 0: 60."`
	Bytes       Bytes `yaml:"bytes" doc:"Bytes of answers a minute, after decompression. What is watched takes half. 0: 32MiB."`
	AnswerBytes Bytes `yaml:"answer_bytes" doc:"Bytes of one answer; a query that gives more is divided. 0: 8MiB."`
	Series      int   `yaml:"series" doc:"Series that are read, at most. 0: 20000."`

	Step     Duration `yaml:"step" doc:"Time between two readings. 0: 15s."`
	Late     Duration `yaml:"late" doc:"How much later than others a sample may appear on their side. 0: 30s."`
	History  Duration `yaml:"history" doc:"How far back a series is read that is new to us. 0: 1h."`
	CatchUp  Duration `yaml:"catch_up" doc:"How far back reading resumes after a stop. 0: 6h."`
	Discover Duration `yaml:"discover" doc:"Time between two looks at what is there. 0: 10m."`
	Timeout  Duration `yaml:"timeout" doc:"How long one query may take. 0: 30s."`
}

// Options returns the settings as the door takes them, with the secrets read.
func (r *Read) Options() (promql.Options, error) {
	token, err := r.Token.Read()
	if err != nil {
		return promql.Options{}, fmt.Errorf("read %s: %w", r.URL, err)
	}
	password, err := r.Password.Read()
	if err != nil {
		return promql.Options{}, fmt.Errorf("read %s: %w", r.URL, err)
	}
	return promql.Options{
		URL: r.URL, Token: token, User: r.User, Password: password, Tenant: r.Tenant,
		Queries: r.Queries, Bytes: int64(r.Bytes), AnswerBytes: int64(r.AnswerBytes), Series: r.Series,
		Step: time.Duration(r.Step), Late: time.Duration(r.Late), History: time.Duration(r.History), CatchUp: time.Duration(r.CatchUp),
		Discover: time.Duration(r.Discover), Timeout: time.Duration(r.Timeout),
	}, nil
}

// CheckReadURL refuses what cannot be the address of an API.
func CheckReadURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || !oneOf(u.Scheme, "http", "https"):
		return fmt.Errorf("%q is not an http or https address, as in http://127.0.0.1:9090", address)
	case u.User != nil:
		return fmt.Errorf("%q holds a user: give it as user and password", u.Redacted())
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%q has more than an address and a path", address)
	}
	return nil
}

func (c *Config) checkReads(bad func(path, format string, args ...any)) {
	seen := make(map[string]bool)
	for i, r := range c.Read {
		at := fmt.Sprintf("read.%d", i)
		if err := CheckReadURL(r.URL); err != nil {
			bad(at+".url", "%v", err)
		} else if source := promql.Source(r.URL); seen[source] {
			bad(at+".url", "%s is read twice: one source a host", source)
		} else {
			seen[source] = true
		}
		if r.User != "" && r.Token != (Secret{}) {
			bad(at, "has a user and a token: keep one")
		}
		for _, f := range []field{
			{"queries", int64(r.Queries)}, {"series", int64(r.Series)}, {"step", int64(r.Step)}, {"late", int64(r.Late)},
			{"history", int64(r.History)}, {"catch_up", int64(r.CatchUp)}, {"discover", int64(r.Discover)}, {"timeout", int64(r.Timeout)},
		} {
			if f.value < 0 {
				bad(at+"."+f.name, "must not be negative")
			}
		}
		if r.Step != 0 && (time.Duration(r.Step) < time.Second || time.Duration(r.Step) > 5*time.Minute) {
			bad(at+".step", "%v is not between 1s and 5m", r.Step)
		}
		if r.AnswerBytes != 0 && r.AnswerBytes < 64<<10 {
			bad(at+".answer_bytes", "%s is too little: at least 64KiB", r.AnswerBytes)
		}
		if r.Bytes != 0 && r.Bytes < 1<<20 {
			bad(at+".bytes", "%s is too little: at least 1MiB", r.Bytes)
		}
	}
}
