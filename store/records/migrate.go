package records

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date. It refuses a file that a newer
// Steersman has written, because it cannot know what that means by it.
func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, s.write, files,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()), goose.WithTableName("schema"))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if have > want {
		return s.tooNew(ctx, have, want)
	}
	if have == want {
		return nil
	}
	done, err := p.Up(ctx)
	if err != nil {
		return fmt.Errorf("bring the schema from version %d to %d: %w", have, want, err)
	}
	if _, err := s.write.ExecContext(ctx, `INSERT INTO about (key, value) VALUES ('written_by', ?)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value`, s.opt.Version); err != nil {
		return fmt.Errorf("note who wrote the schema: %w", err)
	}
	s.opt.Logger.Info("the schema of the records is up to date", "file", s.path, "from", have, "to", want, "steps", len(done))
	return nil
}

// tooNew says which Steersman can read the file.
func (s *Store) tooNew(ctx context.Context, have, want int64) error {
	need := "the one that wrote it"
	var by string
	if err := s.write.QueryRowContext(ctx, `SELECT value FROM about WHERE key = 'written_by'`).Scan(&by); err == nil && by != "" {
		need = by
	}
	return fmt.Errorf("%s has schema %d, and this Steersman (%s) knows schemas up to %d: start Steersman %s or a newer one, or go back to a backup with `steersman restore FILE --data-dir DIR`",
		s.path, have, s.opt.Version, want, need)
}
