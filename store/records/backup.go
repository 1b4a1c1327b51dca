package records

import (
	"context"
	"errors"
	"fmt"
	"net/url"
)

// Backup writes a copy of everything that is committed by now to a new file at
// path, which [Open] opens. Writing goes on meanwhile.
func (s *Store) Backup(ctx context.Context, path string) error {
	// On a connection of its own: the readers may write nothing, and the writer
	// must not wait.
	db, err := connect(s.path, 1, url.Values{"_pragma": {"busy_timeout(5000)"}})
	if err == nil {
		_, err = db.ExecContext(ctx, `VACUUM INTO ?`, path)
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		return fmt.Errorf("back up the records: %w", s.named(err))
	}
	return nil
}
