package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/steersman-ops/steersman/fact"
)

// DefaultLimit is how long a list is when the query does not say. NoLimit asks
// for everything; it is for the rooms behind, never for what a client asks.
const (
	DefaultLimit = 100
	NoLimit      = math.MaxInt32
)

// An IncidentQuery selects incidents, newest onset first.
type IncidentQuery struct {
	State  fact.IncidentState // empty: any
	Before time.Time          // onset before this; zero: any
	After  string             // id of the last one of the list that this continues
	Limit  int
}

// A FindingQuery selects findings, newest onset first.
type FindingQuery struct {
	Open   bool        // only those that last
	Entity fact.Entity // of this entity, as the one watched or as the caller; zero: any
	Since  time.Time   // those that lasted at this time or later; zero: any
	After  string      // id of the last one of the list that this continues
	Limit  int
}

// A DecisionQuery selects decisions, newest proposal first.
type DecisionQuery struct {
	Open     bool      // only those that have not reached an end state
	Since    time.Time // those that changed at this time or later, and all that have not reached an end state; zero: any
	Incident string    // of this incident; empty: any
	After    string    // id of the last one of the list that this continues
	Limit    int
}

// A ChangeQuery selects changes, newest first.
type ChangeQuery struct {
	Entity fact.Entity // zero: any
	Since  time.Time   // at this time or later; zero: any
	Until  time.Time   // before this time; zero: any
	After  string      // id of the last one of the list that this continues
	Limit  int
}

// A NoticeQuery selects notices, newest first.
type NoticeQuery struct {
	Kind   fact.NoticeKind // empty: any
	Entity fact.Entity     // zero: any
	Since  time.Time       // at this time or later; zero: any
	After  string          // id of the last one of the list that this continues
	Limit  int
}

// Incident returns one incident. The error wraps fact.ErrNotFound if there is
// none with this id.
func (s *Store) Incident(ctx context.Context, id string) (fact.Incident, error) {
	return get[fact.Incident](ctx, s, "incident", id)
}

// Finding returns one finding. The error wraps fact.ErrNotFound if there is
// none with this id.
func (s *Store) Finding(ctx context.Context, id string) (fact.Finding, error) {
	return get[fact.Finding](ctx, s, "finding", id)
}

// Decision returns the decision on the proposal with this id. The error wraps
// fact.ErrNotFound if there is none.
func (s *Store) Decision(ctx context.Context, id string) (fact.Decision, error) {
	return get[fact.Decision](ctx, s, "decision", id)
}

// Change returns one change. The error wraps fact.ErrNotFound if there is none
// with this id.
func (s *Store) Change(ctx context.Context, id string) (fact.Change, error) {
	return get[fact.Change](ctx, s, "change", id)
}

// Incidents lists the incidents that q selects.
func (s *Store) Incidents(ctx context.Context, q IncidentQuery) ([]fact.Incident, error) {
	w := newList("incident", "onset")
	w.when(q.State != "", "state = ?", string(q.State))
	w.when(!q.Before.IsZero(), "onset < ?", micros(q.Before))
	return list[fact.Incident](ctx, s, w, q.After, q.Limit)
}

// Findings lists the findings that q selects.
func (s *Store) Findings(ctx context.Context, q FindingQuery) ([]fact.Finding, error) {
	w := newList("finding", "onset")
	w.when(q.Open, "ended = 0")
	w.when(!q.Entity.IsZero(), "(entity = ? OR client = ?)", q.Entity.String(), q.Entity.String())
	w.when(!q.Since.IsZero(), "(ended = 0 OR ended >= ?)", micros(q.Since))
	return list[fact.Finding](ctx, s, w, q.After, q.Limit)
}

// Decisions lists the decisions that q selects.
func (s *Store) Decisions(ctx context.Context, q DecisionQuery) ([]fact.Decision, error) {
	w := newList("decision", "created")
	w.when(q.Open, "done = 0")
	w.when(!q.Since.IsZero(), "(done = 0 OR updated >= ?)", micros(q.Since))
	w.when(q.Incident != "", "incident = ?", q.Incident)
	return list[fact.Decision](ctx, s, w, q.After, q.Limit)
}

// Changes lists the changes that q selects.
func (s *Store) Changes(ctx context.Context, q ChangeQuery) ([]fact.Change, error) {
	w := newList("change", "at")
	w.when(!q.Entity.IsZero(), "entity = ?", q.Entity.String())
	w.when(!q.Since.IsZero(), "at >= ?", micros(q.Since))
	w.when(!q.Until.IsZero(), "at < ?", micros(q.Until))
	return list[fact.Change](ctx, s, w, q.After, q.Limit)
}

// Notices lists the notices that q selects.
func (s *Store) Notices(ctx context.Context, q NoticeQuery) ([]fact.Notice, error) {
	w := newList("notice", "at")
	w.when(q.Kind != "", "kind = ?", string(q.Kind))
	w.when(!q.Entity.IsZero(), "entity = ?", q.Entity.String())
	w.when(!q.Since.IsZero(), "at >= ?", micros(q.Since))
	return list[fact.Notice](ctx, s, w, q.After, q.Limit)
}

// Sources returns the accounts of all sources in order of name.
func (s *Store) Sources(ctx context.Context) ([]Source, error) {
	return scan[Source](ctx, s, "source", `SELECT body FROM sources ORDER BY name`)
}

// Contracts returns the contracts that people have agreed to, in order of source.
func (s *Store) Contracts(ctx context.Context) ([]fact.Contract, error) {
	return scan[fact.Contract](ctx, s, "contract", `SELECT body FROM contracts ORDER BY source`)
}

// A listing is a list under construction.
type listing struct {
	kind  string // of paper; its table has the same name with an s
	by    string // the column that orders it
	where []string
	args  []any
}

func newList(kind, by string) *listing { return &listing{kind: kind, by: by} }

// when adds a condition if ok.
func (l *listing) when(ok bool, condition string, args ...any) {
	if ok {
		l.where = append(l.where, condition)
		l.args = append(l.args, args...)
	}
}

// sql writes the query. All its words are this package's own; what comes from
// outside is in the arguments.
func (l *listing) sql() string {
	q := "SELECT body FROM " + l.kind + "s"
	if len(l.where) > 0 {
		q += " WHERE " + strings.Join(l.where, " AND ")
	}
	return q + " ORDER BY " + l.by + " DESC, id DESC LIMIT ?"
}

func list[T any](ctx context.Context, s *Store, l *listing, after string, limit int) ([]T, error) {
	if after != "" {
		at, err := s.place(ctx, l, after)
		if err != nil {
			return nil, err
		}
		l.when(true, "("+l.by+", id) < (?, ?)", at, after)
	}
	if limit <= 0 {
		limit = DefaultLimit
	}
	return scan[T](ctx, s, l.kind, l.sql(), append(l.args, limit)...)
}

// place returns where in the order a paper stands.
func (s *Store) place(ctx context.Context, l *listing, id string) (int64, error) {
	at := int64(math.MinInt64)
	err := s.read.QueryRowContext(ctx, "SELECT "+l.by+" FROM "+l.kind+"s WHERE id = ?", id).Scan(&at)
	if err != nil {
		return 0, s.readError("continue the list after "+l.kind+" "+id, err)
	}
	return at, nil
}

// get returns the paper of that kind and id.
func get[T any](ctx context.Context, s *Store, kind, id string) (T, error) {
	var paper T
	var body string
	err := s.read.QueryRowContext(ctx, "SELECT body FROM "+kind+"s WHERE id = ?", id).Scan(&body)
	if err == nil {
		err = json.Unmarshal([]byte(body), &paper)
	}
	if err != nil {
		return paper, s.readError("get "+kind+" "+id, err)
	}
	return paper, nil
}

// scan returns the papers whose bodies the query gives.
func scan[T any](ctx context.Context, s *Store, kind, query string, args ...any) ([]T, error) {
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, s.readError("list "+kind+"s", err)
	}
	defer rows.Close()
	out := []T{}
	for rows.Next() {
		var body sql.RawBytes
		var paper T
		if err := rows.Scan(&body); err != nil {
			return nil, s.readError("list "+kind+"s", err)
		}
		if err := json.Unmarshal(body, &paper); err != nil {
			return nil, s.readError("list "+kind+"s", err)
		}
		out = append(out, paper)
	}
	if err := rows.Err(); err != nil {
		return nil, s.readError("list "+kind+"s", err)
	}
	return out, nil
}

// readError says what was attempted, and makes "no rows" fact.ErrNotFound.
func (s *Store) readError(what string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%s: %w", what, fact.ErrNotFound)
	}
	return fmt.Errorf("%s: %w", what, s.named(err))
}
