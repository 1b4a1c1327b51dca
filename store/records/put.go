package records

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/steersman-ops/steersman/fact"
)

// A Source is the account of one sender of telemetry:
// Received = Refused + Accepted.
type Source struct {
	Name        string    `json:"name"`
	Kind        string    `json:"kind"` // the door: "otlp", "remote-write", "hook", …
	FirstSeen   time.Time `json:"firstSeen"`
	LastSeen    time.Time `json:"lastSeen"`
	Received    int64     `json:"received"`
	Refused     int64     `json:"refused"`
	Accepted    int64     `json:"accepted"`
	LastRefusal string    `json:"lastRefusal,omitempty"`

	Refusals []Refusal `json:"refusals,omitempty"` // Refused, by reason; absent in what was written before there were any
}

// A Refusal is how much of a source was refused for one reason.
type Refusal struct {
	Reason string    `json:"reason"`
	Count  int64     `json:"count"`
	At     time.Time `json:"at"`   // when last
	Text   string    `json:"text"` // what the sender was told last
}

// errNoID is returned for a paper that nobody could find again.
var errNoID = errors.New("it has no id")

// PutIncident stores an incident, or replaces what is stored of it.
func (s *Store) PutIncident(ctx context.Context, in fact.Incident) error {
	return s.put(ctx, "incident", in.ID, in, `
		INSERT INTO incidents (id, body, state, onset, resolved) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET body = excluded.body, state = excluded.state, onset = excluded.onset, resolved = excluded.resolved
		WHERE body <> excluded.body`,
		string(in.State), micros(in.Onset), micros(in.Resolved))
}

// PutFinding stores a finding, or replaces what is stored of it.
func (s *Store) PutFinding(ctx context.Context, f fact.Finding) error {
	return s.put(ctx, "finding", f.ID, f, `
		INSERT INTO findings (id, body, entity, client, onset, ended) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET body = excluded.body, entity = excluded.entity, client = excluded.client, onset = excluded.onset, ended = excluded.ended
		WHERE body <> excluded.body`,
		f.Signal.Entity.String(), f.Signal.Client.String(), micros(f.Onset), micros(f.Ended))
}

// PutDecision stores a decision, or replaces what is stored of it. Its id is
// its proposal's.
func (s *Store) PutDecision(ctx context.Context, d fact.Decision) error {
	return s.put(ctx, "decision", d.Proposal.ID, d, `
		INSERT INTO decisions (id, body, incident, done, created, updated) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET body = excluded.body, incident = excluded.incident, done = excluded.done, created = excluded.created, updated = excluded.updated
		WHERE body <> excluded.body`,
		d.Proposal.Incident, d.State.Done(), micros(d.Proposal.Created), micros(d.Updated))
}

// PutChange stores a change, or replaces what is stored of it.
func (s *Store) PutChange(ctx context.Context, c fact.Change) error {
	return s.put(ctx, "change", c.ID, c, `
		INSERT INTO changes (id, body, entity, at) VALUES (?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET body = excluded.body, entity = excluded.entity, at = excluded.at
		WHERE body <> excluded.body`,
		c.Entity.String(), micros(c.At))
}

// PutNotice stores a notice, or replaces what is stored of it.
func (s *Store) PutNotice(ctx context.Context, n fact.Notice) error {
	return s.put(ctx, "notice", n.ID, n, `
		INSERT INTO notices (id, body, kind, entity, at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET body = excluded.body, kind = excluded.kind, entity = excluded.entity, at = excluded.at
		WHERE body <> excluded.body`,
		string(n.Kind), n.Entity.String(), micros(n.At))
}

// PutSources stores the accounts of all sources, all in one transaction. What
// is not among them is forgotten.
func (s *Store) PutSources(ctx context.Context, all ...Source) error {
	begun := time.Now()
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("put sources: %w", s.named(err))
	}
	defer tx.Rollback()
	names := make([]string, 0, len(all))
	for _, src := range all {
		if src.Name == "" {
			return fmt.Errorf("put source: %w", errNoID)
		}
		names = append(names, src.Name)
		body, err := json.Marshal(src)
		if err != nil {
			return fmt.Errorf("put source %s: %w", src.Name, err)
		}
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO sources (name, body) VALUES (?, ?)
			ON CONFLICT (name) DO UPDATE SET body = excluded.body WHERE body <> excluded.body`, src.Name, string(body)); err != nil {
			return fmt.Errorf("put source %s: %w", src.Name, s.named(err))
		}
	}
	list, err := json.Marshal(names)
	if err != nil {
		return fmt.Errorf("put sources: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM sources WHERE name NOT IN (SELECT value FROM json_each(?))`, string(list)); err != nil {
		return fmt.Errorf("forget sources: %w", s.named(err))
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("put sources: %w", s.named(err))
	}
	s.metrics.put("source", begun)
	return nil
}

// DropSource forgets the account of a source. It is no error if there is none.
func (s *Store) DropSource(ctx context.Context, name string) error {
	if _, err := s.write.ExecContext(ctx, `DELETE FROM sources WHERE name = ?`, name); err != nil {
		return fmt.Errorf("drop source %s: %w", name, s.named(err))
	}
	return nil
}

// PutContract stores the contract that a person has agreed to for a source, or
// replaces the one that is stored.
func (s *Store) PutContract(ctx context.Context, c fact.Contract) error {
	begun := time.Now()
	if c.Source == "" {
		return fmt.Errorf("put contract: %w", errNoID)
	}
	body, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("put contract of %s: %w", c.Source, err)
	}
	if _, err := s.write.ExecContext(ctx, `
		INSERT INTO contracts (source, body) VALUES (?, ?)
		ON CONFLICT (source) DO UPDATE SET body = excluded.body WHERE body <> excluded.body`, c.Source, string(body)); err != nil {
		return fmt.Errorf("put contract of %s: %w", c.Source, s.named(err))
	}
	s.metrics.put("contract", begun)
	return nil
}

// put runs an insert whose first two parameters are the paper's id and JSON.
func (s *Store) put(ctx context.Context, kind, id string, paper any, insert string, columns ...any) error {
	begun := time.Now()
	if id == "" {
		return fmt.Errorf("put %s: %w", kind, errNoID)
	}
	body, err := json.Marshal(paper)
	if err != nil {
		return fmt.Errorf("put %s %s: %w", kind, id, err)
	}
	if _, err := s.write.ExecContext(ctx, insert, append([]any{id, string(body)}, columns...)...); err != nil {
		return fmt.Errorf("put %s %s: %w", kind, id, s.named(err))
	}
	s.metrics.put(kind, begun)
	return nil
}

// micros is how a time is stored: 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}
