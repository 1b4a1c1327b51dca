package fact

import "time"

// SignalKind says what a signal tells about its entity.
type SignalKind string

// The kinds of signal. Errors, latency and traffic are what callers feel
// ("symptoms"); the others explain.
const (
	Errors     SignalKind = "errors"
	Latency    SignalKind = "latency"
	Traffic    SignalKind = "traffic"
	Saturation SignalKind = "saturation"
	Other      SignalKind = "other"
)

// A Signal is one thing that was watched.
type Signal struct {
	Kind   SignalKind `json:"kind"`
	Name   string     `json:"name"`            // short, for people: "error ratio", "process_resident_memory_bytes"
	Entity Entity     `json:"entity"`          // of which it tells
	Client Entity     `json:"client,omitzero"` // for a signal of an edge: the caller; Entity is the callee
	Side   string     `json:"side,omitempty"`  // for a signal of an edge: who measured, "client" or "server"
	Unit   string     `json:"unit,omitempty"`  // "ratio", "seconds", "requests per second", "bytes", …
	Query  string     `json:"query,omitempty"` // PromQL that draws it
	Labels Labels     `json:"labels,omitzero"` // for a single series
}

// Direction says which way a signal left its normal range.
type Direction string

// The directions.
const (
	Up     Direction = "up"
	Down   Direction = "down"
	Absent Direction = "absent"
)

// A Finding is a signal that left its normal range and stayed there long
// enough to be worth a line. Its ID does not change while it lasts.
type Finding struct {
	ID        string    `json:"id"`
	Signal    Signal    `json:"signal"`
	Direction Direction `json:"direction"`
	Onset     time.Time `json:"onset"`          // when it left its range
	Seen      time.Time `json:"seen"`           // when this was first known
	Ended     time.Time `json:"ended,omitzero"` // when it came back; zero while it lasts
	Score     float64   `json:"score"`          // peak surprise in robust standard deviations (or their equivalent for counts); no upper bound
	Before    float64   `json:"before"`         // the middle of the normal range
	Low       float64   `json:"low"`            // the normal range
	High      float64   `json:"high"`
	Now       float64   `json:"now"`      // the most extreme value seen so far
	Detector  string    `json:"detector"` // name and version: "level@1"
}

// Symptom reports whether callers feel what the finding is about.
func (f *Finding) Symptom() bool {
	switch f.Signal.Kind {
	case Errors, Latency:
		return f.Direction == Up
	case Traffic:
		return f.Direction != Up
	}
	return false
}

// IncidentState says where an incident stands.
type IncidentState string

// The states of an incident.
const (
	Open     IncidentState = "open"
	Resolved IncidentState = "resolved"
)

// An Incident is one story about what is wrong: the findings that belong
// together, the likely causes, and what was ruled out.
type Incident struct {
	ID        string        `json:"id"`
	State     IncidentState `json:"state"`
	Onset     time.Time     `json:"onset"`             // of its earliest symptom
	Opened    time.Time     `json:"opened"`            // when it was known
	Updated   time.Time     `json:"updated"`           // when it last changed
	Resolved  time.Time     `json:"resolved,omitzero"` // when all symptoms had ended
	Title     string        `json:"title"`             // "Payment fails 30 % of requests"
	Summary   string        `json:"summary"`           // since when, what, how bad, probable cause, confidence: one sentence
	Impact    Impact        `json:"impact"`
	Entities  []Entity      `json:"entities"` // affected, most affected first
	Findings  []Finding     `json:"findings"` // in order of onset
	Changes   []Change      `json:"changes"`  // on its entities shortly before the onset and since
	Causes    []Cause       `json:"causes"`   // most probable first; the probabilities and Unknown add up to 1
	Unknown   float64       `json:"unknown"`  // probability that it is none of these
	RuledOut  []Cause       `json:"ruledOut"` // what was looked at and dismissed, with the reason in Against
	Abstained bool          `json:"abstained"`
	Proposals []string      `json:"proposals"` // ids
}

// Impact says how bad an incident is for callers at the outermost affected
// service.
type Impact struct {
	Entity     Entity  `json:"entity"`     // where it is felt
	ErrorRatio float64 `json:"errorRatio"` // of its requests, now (0 to 1)
	Failed     float64 `json:"failed"`     // requests failed since the onset, beyond the normal rate
	Requests   float64 `json:"requests"`   // requests since the onset
	Slowdown   float64 `json:"slowdown"`   // duration now over normal; 1 is as always, 0 is not known
}

// A Cause is one hypothesis of why an incident happened.
type Cause struct {
	Entity      Entity     `json:"entity"`
	Kind        CauseKind  `json:"kind"`
	Text        string     `json:"text"` // one sentence: "payment itself fails; nothing that it calls does"
	Probability float64    `json:"probability"`
	Version     string     `json:"version,omitempty"` // the version that is to blame, if one is
	Change      *Change    `json:"change,omitempty"`  // the change that is to blame, if one is
	For         []Evidence `json:"for"`
	Against     []Evidence `json:"against"`
}

// CauseKind says what sort of fault a cause is.
type CauseKind string

// The kinds of cause.
const (
	CauseErrors  CauseKind = "errors"  // the entity itself fails
	CauseSlow    CauseKind = "slow"    // the entity itself is slow
	CauseChange  CauseKind = "change"  // a change to the entity
	CauseAbsent  CauseKind = "absent"  // the entity is gone
	CauseHost    CauseKind = "host"    // a busy machine below
	CauseTraffic CauseKind = "traffic" // more requests than it can serve
)

// Evidence is one thing that speaks for or against a cause.
type Evidence struct {
	Text    string  `json:"text"`
	Finding string  `json:"finding,omitempty"` // id
	Query   string  `json:"query,omitempty"`   // PromQL to look for oneself
	Before  float64 `json:"before"`
	Now     float64 `json:"now"`
	Unit    string  `json:"unit,omitempty"`
	Weight  float64 `json:"weight"` // in nats of log odds; positive speaks for
}

// A Map is the services as their spans draw them, at one moment.
type Map struct {
	At    time.Time `json:"at"`
	Over  float64   `json:"over"` // seconds that the figures cover
	Nodes []Node    `json:"nodes"`
	Edges []Edge    `json:"edges"`
}

// Flow is the rate, errors and duration of some requests.
type Flow struct {
	Rate       float64 `json:"rate"`       // requests per second
	ErrorRatio float64 `json:"errorRatio"` // 0 to 1
	P50        float64 `json:"p50"`        // seconds; 0 when there were no requests
	P95        float64 `json:"p95"`        // seconds
}

// A Node is one service on the map.
type Node struct {
	Entity     Entity    `json:"entity"`
	Flow       Flow      `json:"flow"` // as the service itself measured, over all callers
	Versions   []Version `json:"versions"`
	Health     Health    `json:"health"`
	Incident   string    `json:"incident,omitempty"` // id of the open incident it is part of
	LastSeen   time.Time `json:"lastSeen"`
	LastChange *Change   `json:"lastChange,omitempty"`
}

// A Version is the share of a service's requests that one version served.
type Version struct {
	Version string `json:"version"`
	Flow    Flow   `json:"flow"`
}

// Health is what the map says about a node with its one colour.
type Health string

// The states of health.
const (
	Healthy  Health = "healthy"
	Suffer   Health = "suffers" // part of an open incident
	Blamed   Health = "cause"   // the likely cause of an open incident
	Learning Health = "learning"
	Silent   Health = "silent" // no spans for a while
)

// An Edge is one service calling another. A zero Client is the outside world.
type Edge struct {
	Client     Entity `json:"client"`
	Server     Entity `json:"server"`
	ClientSide Flow   `json:"clientSide"` // as the caller measured
	ServerSide Flow   `json:"serverSide"` // as the callee measured
}
