package api

import (
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern/watchdog"
	"github.com/steersman-ops/steersman/store/ledger"
)

// Me is who is asking, and what they are talking to.
type Me struct {
	Name    string         `json:"name"`
	Role    string         `json:"role" doc:"What this person may do: owner."`
	Version string         `json:"version" doc:"Of Steersman."`
	Started time.Time      `json:"started" doc:"When the worker began."`
	Stop    watchdog.State `json:"stop"`
}

// Now is what the first screen shows: what needs somebody.
type Now struct {
	At       time.Time       `json:"at"`
	Waiting  []fact.Decision `json:"waiting" doc:"Proposals that wait for a person."`
	Running  []fact.Decision `json:"running" doc:"Proposals that are being carried out or verified."`
	Open     []fact.Incident `json:"open"`
	Recent   []fact.Incident `json:"recent" doc:"Resolved in the last 24 hours, at most ten."`
	Unusual  []fact.Finding  `json:"unusual" doc:"Open findings that belong to no incident, strongest first, at most twenty."`
	Sources  []Source        `json:"sources"`
	Warnings []string        `json:"warnings" doc:"What is off, and why."`
	Stop     watchdog.State  `json:"stop"`
	Learning Learning        `json:"learning"`
}

// Learning says how far the detectors know what is normal.
type Learning struct {
	Since time.Time `json:"since,omitzero" doc:"When the first data came; absent before."`
	Ready float64   `json:"ready" doc:"Share of the watched signals whose normal range is known, 0 to 1."`
}

// Audit is a page of the ledger.
type Audit struct {
	Size       int64         `json:"size"`
	Checkpoint string        `json:"checkpoint" doc:"Signed note over size and root hash."`
	Leaves     []ledger.Leaf `json:"leaves"`
}

// Verification is the result of recomputing the whole ledger.
type Verification struct {
	OK         bool     `json:"ok"`
	Size       int64    `json:"size"`
	Problems   []string `json:"problems" doc:"What does not add up, and where."`
	Checkpoint string   `json:"checkpoint"`
}

// Link is a one-time link that signs a browser in.
type Link struct {
	URL     string    `json:"url"`
	Expires time.Time `json:"expires"`
}

// The lists come in objects, so that a cursor can be added beside them.
type (
	// Incidents is a list of incidents, latest first.
	Incidents struct {
		Incidents []fact.Incident `json:"incidents"`
	}
	// Decisions is a list of decisions, latest first.
	Decisions struct {
		Decisions []fact.Decision `json:"decisions"`
	}
	// Findings is a list of findings, latest first.
	Findings struct {
		Findings []fact.Finding `json:"findings"`
	}
	// Changes is a list of changes, latest first.
	Changes struct {
		Changes []fact.Change `json:"changes"`
	}
	// Notices is a list of notices, latest first.
	Notices struct {
		Notices []fact.Notice `json:"notices"`
	}
	// Sources is a list of sources by name.
	Sources struct {
		Sources  []Source `json:"sources"`
		Warnings []string `json:"warnings" doc:"What is off, and why."`
	}
)
