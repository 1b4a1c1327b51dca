// Package config reads the one YAML file that configures Steersman.
//
// It answers one question: what are the settings in force? It knows every
// setting with its default and its reason (the doc tags below are what
// `steersman config print` writes as comments), and it refuses what it does
// not know: an unknown key is named with its line and the nearest key that
// exists. It opens nothing but that file and the secret files that it names.
//
// # Limits
//
// The file is read once, at the start. What people change in the console is a
// record in the ledger and never written back here.
package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
)

// Config is every setting. [Default] has the defaults.
type Config struct {
	DataDir  string   `yaml:"data_dir" doc:"Where everything is kept. Made if it does not exist, readable by its owner only."`
	Listen   string   `yaml:"listen" doc:"Console, API, Prometheus' API and remote write."`
	Hosts    []string `yaml:"hosts" doc:"Names under which browsers may reach the console, besides localhost and the address above. Anything else is refused, so that a hostile page cannot rebind its name to us."`
	OTLPGRPC string   `yaml:"otlp_grpc" doc:"OpenTelemetry over gRPC. Empty: off. A busy default port is a warning, not a failure to start."`
	OTLPHTTP string   `yaml:"otlp_http" doc:"OpenTelemetry over HTTP. Empty: off."`
	Syslog   string   `yaml:"syslog" doc:"Syslog over TCP, as 127.0.0.1:6514. Empty: off. It knows no tokens: whoever reaches the address may send."`
	Memory   Bytes    `yaml:"memory" doc:"Ceiling on the worker's memory; the watchdog takes some 20 MiB more. 0: half of what the container or the machine has."`

	Anonymous string   `yaml:"anonymous" doc:"Who may send without a token: loopback (whoever reaches a port that listens on loopback), everywhere, or nowhere."`
	Sources   []Source `yaml:"sources" doc:"Senders with a name, a token and limits of their own. Others can be added with steersman source add."`

	Read          []Read  `yaml:"read" doc:"What people have already and Steersman reads, without writing to it: Prometheus, Mimir, Thanos, VictoriaMetrics."`
	Scrape        Scrape  `yaml:"scrape" doc:"What holds for scrape_configs, as Prometheus' global block."`
	ScrapeConfigs Pasted  `yaml:"scrape_configs" doc:"Targets to ask for metrics: the block of a Prometheus configuration, as it is. Discovery by static, file, dns, http and kubernetes."`
	Files         []Files `yaml:"files" doc:"Log files to follow, through rotation."`

	Log     Log     `yaml:"log" doc:"Steersman's own log, on standard error."`
	Intake  Intake  `yaml:"intake" doc:"The durable log at the door: what was acknowledged and how long it can be read again."`
	Metrics Metrics `yaml:"metrics" doc:"The time series store."`
	Lines   Lines   `yaml:"lines" doc:"The store of log lines."`
	Spans   Spans   `yaml:"spans" doc:"The store of spans. The map and the rates do not need it."`
	Records Records `yaml:"records" doc:"How long papers are kept. The ledger forgets nothing."`
	Limits  Limits  `yaml:"limits" doc:"What one request may carry. More is refused with the reason."`
	Watch   Watch   `yaml:"watch" doc:"Detection and incidents."`
	Policy  Policy  `yaml:"policy" doc:"What may be done, and how much of it. The default lets nothing happen without a person."`

	Actuators []Actuator `yaml:"actuators" doc:"What Steersman may act with. None: it only watches and explains."`
}

// Log configures Steersman's own log.
type Log struct {
	Level  string `yaml:"level" doc:"debug, info, warn or error."`
	Format string `yaml:"format" doc:"text or json."`
}

// Intake configures the intake log.
type Intake struct {
	MaxAge   Duration `yaml:"max_age" doc:"Older segments go, once everything has read them."`
	MaxBytes Bytes    `yaml:"max_bytes" doc:"Ceiling on disk. When unread records reach it, senders are told to wait."`
}

// Metrics configures the time series store.
type Metrics struct {
	Retention Duration `yaml:"retention" doc:"How long samples are kept."`
	MaxBytes  Bytes    `yaml:"max_bytes" doc:"Ceiling on disk, oldest blocks first. 0: none."`
}

// Lines configures the store of log lines.
type Lines struct {
	Retention Duration `yaml:"retention" doc:"How long lines are kept, by their own time, in whole days."`
	MaxBytes  Bytes    `yaml:"max_bytes" doc:"Ceiling on disk: the oldest days go first, the newest stays however large. 0: none."`
	Memory    Bytes    `yaml:"memory" doc:"What this store and that of spans may take for caches, and a fifth of it for one search."`
}

// Spans configures the store of spans.
type Spans struct {
	Retention Duration `yaml:"retention" doc:"How long spans are kept, by their start, in whole days."`
	MaxBytes  Bytes    `yaml:"max_bytes" doc:"Ceiling on disk: the oldest days go first, the newest stays however large. 0: none."`
}

// Records configures how long papers are kept.
type Records struct {
	Findings  Duration `yaml:"findings" doc:"Findings that ended, and changes."`
	Incidents Duration `yaml:"incidents" doc:"Resolved incidents and finished decisions. Longer than findings."`
}

// Limits bounds what one request may carry; see [signal.Limits].
type Limits struct {
	BodyBytes       Bytes    `yaml:"body_bytes" doc:"Bytes of a request as sent."`
	PlainBytes      Bytes    `yaml:"plain_bytes" doc:"Bytes of a request after decompression: what a bomb may cost."`
	InFlightBytes   Bytes    `yaml:"in_flight_bytes" doc:"Bytes of all requests at one time; above it senders are told to try again."`
	Labels          int      `yaml:"labels" doc:"Labels of a series."`
	LabelNameBytes  Bytes    `yaml:"label_name_bytes" doc:"Length of a label name."`
	LabelValueBytes Bytes    `yaml:"label_value_bytes" doc:"Length of a label value."`
	Series          int      `yaml:"series" doc:"Series in a request."`
	Points          int      `yaml:"points" doc:"Samples in a request."`
	Spans           int      `yaml:"spans" doc:"Spans in a request."`
	SpanAttrs       int      `yaml:"span_attrs" doc:"Attributes of a span that are looked at."`
	SpanTextBytes   Bytes    `yaml:"span_text_bytes" doc:"Length to which a span's name and kept attributes are cut."`
	Lines           int      `yaml:"lines" doc:"Log lines in a request."`
	LineBytes       Bytes    `yaml:"line_bytes" doc:"Length to which the text of a log line is cut."`
	LineFields      int      `yaml:"line_fields" doc:"Fields of a log line."`
	LineFieldBytes  Bytes    `yaml:"line_field_bytes" doc:"Length to which the value of a field is cut."`
	Objects         int      `yaml:"objects" doc:"Messages nested in one OpenTelemetry request."`
	Depth           int      `yaml:"depth" doc:"How deep values may be nested in one OpenTelemetry request."`
	ChangeBytes     Bytes    `yaml:"change_bytes" doc:"Size of one change or event."`
	KnownSeries     int      `yaml:"known_series" doc:"Series whose labels remote write remembers, some 400 bytes each."`
	QueuedBytes     Bytes    `yaml:"queued_bytes" doc:"What waits to become durable. Whoever has most of it is refused first."`
	NewSeries       int      `yaml:"new_series" doc:"Series that may come new in a minute, of all sources together; one may have eight ninths of it."`
	ActiveSeries    int      `yaml:"active_series" doc:"Series of all sources together that are remembered, to tell a new one from one that was there, some 20 bytes each."`
	Connections     int      `yaml:"connections" doc:"Connections of each port. One more closes the one that has been idle longest."`
	Ahead           Duration `yaml:"ahead" doc:"How far ahead of our clock a span, a log line or a change may be."`
	SinkTimeout     Duration `yaml:"sink_timeout" doc:"How long a request waits to become durable before its sender is told to try again."`
}

func defaultLimits() Limits {
	l := signal.DefaultLimits()
	return Limits{
		BodyBytes: Bytes(l.BodyBytes), PlainBytes: Bytes(l.PlainBytes), InFlightBytes: Bytes(l.InFlightBytes),
		Labels: l.Labels, LabelNameBytes: Bytes(l.LabelNameBytes), LabelValueBytes: Bytes(l.LabelValueBytes),
		Series: l.Series, Points: l.Points, Spans: l.Spans, SpanAttrs: l.SpanAttrs, SpanTextBytes: Bytes(l.SpanTextBytes),
		Lines: l.Lines, LineBytes: Bytes(l.LineBytes), LineFields: l.LineFields, LineFieldBytes: Bytes(l.LineFieldBytes),
		Objects: l.Objects, Depth: l.Depth, ChangeBytes: Bytes(l.ChangeBytes), KnownSeries: l.KnownSeries,
		QueuedBytes: Bytes(l.QueuedBytes), NewSeries: l.NewSeries, ActiveSeries: l.ActiveSeries, Connections: l.Connections,
		Ahead: Duration(l.Ahead), SinkTimeout: Duration(l.SinkTimeout),
	}
}

// Signal returns the limits as the doors take them.
func (l Limits) Signal() signal.Limits {
	return signal.Limits{
		BodyBytes: int(l.BodyBytes), PlainBytes: int(l.PlainBytes), InFlightBytes: int(l.InFlightBytes),
		Labels: l.Labels, LabelNameBytes: int(l.LabelNameBytes), LabelValueBytes: int(l.LabelValueBytes),
		Series: l.Series, Points: l.Points, Spans: l.Spans, SpanAttrs: l.SpanAttrs, SpanTextBytes: int(l.SpanTextBytes),
		Lines: l.Lines, LineBytes: int(l.LineBytes), LineFields: l.LineFields, LineFieldBytes: int(l.LineFieldBytes),
		Objects: l.Objects, Depth: l.Depth, ChangeBytes: int(l.ChangeBytes), KnownSeries: l.KnownSeries,
		QueuedBytes: int(l.QueuedBytes), NewSeries: l.NewSeries, ActiveSeries: l.ActiveSeries, Connections: l.Connections,
		Ahead: time.Duration(l.Ahead), SinkTimeout: time.Duration(l.SinkTimeout),
	}
}

// The values of Config.Anonymous.
const (
	Loopback   = "loopback"
	Everywhere = "everywhere"
	Nowhere    = "nowhere"
)

// Source is one sender with a name; see [signal.Named].
type Source struct {
	Name   string       `yaml:"name" doc:"How it is called everywhere."`
	Kind   string       `yaml:"kind" doc:"What it is, for the snippet that connects it: otel, prometheus, github, … May be empty."`
	Token  Secret       `yaml:"token" doc:"What it sends as Authorization: Bearer …, or signs with."`
	Limits SourceLimits `yaml:"limits" doc:"Of its own. 0: none but its fair share."`
}

// SourceLimits bounds what one source may send; see [signal.SourceLimits].
type SourceLimits struct {
	BytesPerSecond     Bytes `yaml:"bytes_per_second" doc:"Bytes of requests, as sent."`
	ItemsPerSecond     int   `yaml:"items_per_second" doc:"Samples, spans, lines and changes."`
	Series             int   `yaml:"series" doc:"Series at a time."`
	NewSeriesPerMinute int   `yaml:"new_series_per_minute" doc:"Series that were not there before."`
	Bodies             int   `yaml:"bodies" doc:"Requests at a time."`
}

// Signal returns the limits as the doors take them.
func (l SourceLimits) Signal() signal.SourceLimits {
	return signal.SourceLimits{
		BytesPerSecond: int(l.BytesPerSecond), ItemsPerSecond: l.ItemsPerSecond, Series: l.Series, NewSeriesPerMinute: l.NewSeriesPerMinute, Bodies: l.Bodies,
	}
}

// Watch configures detection and incidents.
type Watch struct {
	Lateness Duration `yaml:"lateness" doc:"How long a span may take to arrive. Larger: more complete, slower to alarm."`
	Snapshot Duration `yaml:"snapshot" doc:"How often the state of the detectors is saved. A restart replays what came since."`
}

// Policy configures what may be done.
type Policy struct {
	ActionsPerHour        int      `yaml:"actions_per_hour" doc:"Actions per service and hour."`
	ActionsPerHourOverall int      `yaml:"actions_per_hour_overall" doc:"Actions per hour in all."`
	ApprovalWithin        Duration `yaml:"approval_within" doc:"How long a proposal waits for a person."`
	ActionTimeout         Duration `yaml:"action_timeout" doc:"How long an actuator may take to answer."`
	BadOutcomes           int      `yaml:"bad_outcomes" doc:"After so many actions in a row that did not help, the same action on the same service is refused for an hour."`
}

// Actuator is one thing that Steersman may act with.
type Actuator struct {
	Name     string   `yaml:"name" doc:"How proposals and the ledger name it."`
	Kind     string   `yaml:"kind" doc:"router.weights or process.restart."`
	URL      string   `yaml:"url" doc:"Where it answers."`
	Services []string `yaml:"services" doc:"The services that it may be used for: name or namespace/name. None means none."`
	Stable   string   `yaml:"stable" doc:"router.weights: the version to go back to. Empty: what the router calls its default."`
	Token    Secret   `yaml:"token" doc:"Bearer token to send, if it wants one."`
}

// LeastMemory is a ceiling with which everything still works, for little.
const LeastMemory = 128 << 20

// Default returns the settings of a Steersman that was given no file.
func Default() Config {
	return Config{
		DataDir:   dataDir(),
		Listen:    "127.0.0.1:8420",
		OTLPGRPC:  DefaultOTLPGRPC,
		OTLPHTTP:  DefaultOTLPHTTP,
		Anonymous: Loopback,
		Scrape:    Scrape{Interval: Duration(15 * time.Second), Timeout: Duration(10 * time.Second)},
		Log:       Log{Level: "info", Format: "text"},
		Intake:    Intake{MaxAge: Duration(24 * time.Hour), MaxBytes: 2 << 30},
		Metrics:   Metrics{Retention: Duration(15 * 24 * time.Hour)},
		Lines:     Lines{Retention: Duration(7 * 24 * time.Hour), MaxBytes: 10 << 30, Memory: 64 << 20},
		Spans:     Spans{Retention: Duration(7 * 24 * time.Hour), MaxBytes: 10 << 30},
		Records:   Records{Findings: Duration(30 * 24 * time.Hour), Incidents: Duration(400 * 24 * time.Hour)},
		Limits:    defaultLimits(),
		Watch:     Watch{Lateness: Duration(2 * time.Second), Snapshot: Duration(15 * time.Second)},
		Policy: Policy{
			ActionsPerHour: 6, ActionsPerHourOverall: 30, ApprovalWithin: Duration(15 * time.Minute),
			ActionTimeout: Duration(10 * time.Second), BadOutcomes: 2,
		},
	}
}

// dataDir is where a program keeps its state by the XDG base directory
// specification, so that the command line finds a server's token from any
// folder. Without a home it is ./data.
func dataDir() string {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "steersman")
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "state", "steersman")
	}
	return "data"
}

// The OTLP ports that OpenTelemetry registers. On these, and only on these, a
// port that is taken is a warning: the user did not ask for it.
const (
	DefaultOTLPGRPC = "127.0.0.1:4317"
	DefaultOTLPHTTP = "127.0.0.1:4318"
)

// Load reads the file over the defaults and checks the result. An empty path
// gives the defaults.
func Load(path string) (Config, error) {
	if path == "" {
		return Default(), nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	c, err := Parse(data)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	c.at(path)
	return c, nil
}

// Parse reads YAML over the defaults and checks the result. All problems that
// it finds come joined in one error, each with its line.
func Parse(data []byte) (Config, error) {
	c := Default()
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return Config{}, err
	}
	if len(doc.Content) == 0 {
		return c, nil
	}
	root := doc.Content[0]
	if err := errors.Join(unknownKeys(root, c)...); err != nil {
		return Config{}, err
	}
	if err := root.Decode(&c); err != nil {
		return Config{}, err
	}
	return c, c.check(root)
}

// check looks for values that parse but make no sense.
func (c *Config) check(root *yaml.Node) error {
	var errs []error
	bad := func(path string, format string, args ...any) {
		errs = append(errs, fmt.Errorf("line %d: %s: %s", lineOf(root, path), path, fmt.Sprintf(format, args...)))
	}
	address := func(path, v string, mayBeEmpty bool) {
		if v == "" && mayBeEmpty {
			return
		}
		if _, _, err := net.SplitHostPort(v); err != nil {
			bad(path, "%q is not host:port, as in 127.0.0.1:8420", v)
		}
	}
	positive := func(path string, v int64) {
		if v <= 0 {
			bad(path, "%d must be more than 0", v)
		}
	}
	if c.DataDir == "" {
		bad("data_dir", "must not be empty")
	}
	address("listen", c.Listen, false)
	address("otlp_grpc", c.OTLPGRPC, true)
	address("otlp_http", c.OTLPHTTP, true)
	address("syslog", c.Syslog, true)
	if c.Memory != 0 && c.Memory < LeastMemory {
		bad("memory", "%s is too little: at least %s, or 0", c.Memory, Bytes(LeastMemory))
	}
	if !oneOf(c.Log.Level, "debug", "info", "warn", "error") {
		bad("log.level", "%q is none of debug, info, warn, error", c.Log.Level)
	}
	if !oneOf(c.Log.Format, "text", "json") {
		bad("log.format", "%q is none of text, json", c.Log.Format)
	}
	positive("intake.max_age", int64(c.Intake.MaxAge))
	if c.Intake.MaxBytes < 64<<20 {
		bad("intake.max_bytes", "%s is too little: at least 64MiB", c.Intake.MaxBytes)
	}
	positive("metrics.retention", int64(c.Metrics.Retention))
	if c.Lines.Retention < Duration(24*time.Hour) {
		bad("lines.retention", "%v is too little: lines go by whole days, so at least 1d", c.Lines.Retention)
	}
	if c.Lines.Memory < 16<<20 {
		bad("lines.memory", "%s is too little: at least 16MiB", c.Lines.Memory)
	}
	if c.Spans.Retention < Duration(24*time.Hour) {
		bad("spans.retention", "%v is too little: spans go by whole days, so at least 1d", c.Spans.Retention)
	}
	positive("records.findings", int64(c.Records.Findings))
	if c.Records.Incidents < c.Records.Findings {
		bad("records.incidents", "%v is less than findings are kept, %v", c.Records.Incidents, c.Records.Findings)
	}
	for _, f := range fields(c.Limits) {
		positive("limits."+f.name, f.value)
	}
	positive("watch.lateness", int64(c.Watch.Lateness))
	positive("watch.snapshot", int64(c.Watch.Snapshot))
	positive("policy.actions_per_hour", int64(c.Policy.ActionsPerHour))
	positive("policy.actions_per_hour_overall", int64(c.Policy.ActionsPerHourOverall))
	positive("policy.approval_within", int64(c.Policy.ApprovalWithin))
	positive("policy.action_timeout", int64(c.Policy.ActionTimeout))
	positive("policy.bad_outcomes", int64(c.Policy.BadOutcomes))
	c.checkActuators(bad)
	if !oneOf(c.Anonymous, Loopback, Everywhere, Nowhere) {
		bad("anonymous", "%q is none of %s, %s, %s", c.Anonymous, Loopback, Everywhere, Nowhere)
	}
	c.checkSources(bad)
	c.checkReads(bad)
	c.checkFiles(bad)
	positive("scrape.interval", int64(c.Scrape.Interval))
	positive("scrape.timeout", int64(c.Scrape.Timeout))
	if err := c.Scrape.Limits.Signal().Check(); err != nil {
		bad("scrape.limits", "%v", err)
	}
	if len(errs) == 0 { // what a job says depends on the settings above
		errs = append(errs, c.parseScrapes())
	}
	return errors.Join(errs...)
}

func (c *Config) checkActuators(bad func(path, format string, args ...any)) {
	seen := make(map[string]bool)
	for i, a := range c.Actuators {
		at := fmt.Sprintf("actuators.%d", i)
		switch {
		case a.Name == "":
			bad(at, "has no name")
		case seen[a.Name]:
			bad(at+".name", "%q is used twice", a.Name)
		}
		seen[a.Name] = true
		if !oneOf(a.Kind, string(fact.SetWeights), string(fact.Restart)) {
			bad(at+".kind", "%q is none of %s, %s", a.Kind, fact.SetWeights, fact.Restart)
		}
		if u, err := url.Parse(a.URL); err == nil && u.User != nil {
			bad(at+".url", "%q holds a user: give its secret under token", u.Redacted())
		} else if err != nil || u.Host == "" || !oneOf(u.Scheme, "http", "https") {
			bad(at+".url", "%q is not an http or https address", a.URL)
		}
		if len(a.Services) == 0 {
			bad(at, "names no services, so it could never be used: list them under services")
		}
	}
}

func (c *Config) checkSources(bad func(path, format string, args ...any)) {
	seen := make(map[string]bool)
	for i, s := range c.Sources {
		at := fmt.Sprintf("sources.%d", i)
		if err := signal.CheckName(s.Name); err != nil {
			bad(at+".name", "%v", err)
		} else if seen[s.Name] {
			bad(at+".name", "%q is used twice", s.Name)
		}
		seen[s.Name] = true
		if s.Token == (Secret{}) {
			bad(at, "has no token: say where it is found, under token.env or token.file")
		}
		if err := s.Limits.Signal().Check(); err != nil {
			bad(at+".limits", "%v", err)
		}
	}
}

type field struct {
	name  string
	value int64
}

// fields lists the settings of a block whose values are all whole numbers.
func fields(block any) []field {
	v := reflect.ValueOf(block)
	out := make([]field, 0, v.NumField())
	for i := range v.NumField() {
		out = append(out, field{v.Type().Field(i).Tag.Get("yaml"), v.Field(i).Int()})
	}
	return out
}

func oneOf(v string, allowed ...string) bool {
	for _, a := range allowed {
		if v == a {
			return true
		}
	}
	return false
}
