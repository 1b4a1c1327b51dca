package records

import (
	"context"
	"fmt"
	"time"
)

// A Cutoff says what is old. A zero time means that nothing is.
type Cutoff struct {
	// Findings that ended, and changes and notices that happened, before this are deleted.
	Findings time.Time

	// Incidents that were resolved, and decisions that came to their end, before
	// this are deleted, and findings that have not ended but began before it:
	// whoever would end them is gone. It should be long before Findings.
	Incidents time.Time
}

// Prune deletes what is old and returns how many papers that were.
func (s *Store) Prune(ctx context.Context, c Cutoff) (int64, error) {
	var total int64
	for _, d := range []struct {
		sql    string
		before time.Time
	}{
		{`DELETE FROM findings WHERE ended > 0 AND ended < ?`, c.Findings},
		{`DELETE FROM changes WHERE at < ?`, c.Findings},
		{`DELETE FROM notices WHERE at < ?`, c.Findings},
		{`DELETE FROM findings WHERE ended = 0 AND onset < ?`, c.Incidents},
		{`DELETE FROM incidents WHERE resolved > 0 AND resolved < ?`, c.Incidents},
		{`DELETE FROM decisions WHERE done = 1 AND updated < ?`, c.Incidents},
	} {
		if d.before.IsZero() {
			continue
		}
		res, err := s.write.ExecContext(ctx, d.sql, micros(d.before))
		if err != nil {
			return total, fmt.Errorf("prune records: %w", s.named(err))
		}
		n, err := res.RowsAffected()
		if err != nil {
			return total, fmt.Errorf("prune records: %w", s.named(err))
		}
		total += n
	}
	if _, err := s.write.ExecContext(ctx, `PRAGMA incremental_vacuum`); err != nil {
		return total, fmt.Errorf("prune records: give back space: %w", s.named(err))
	}
	return total, nil
}
