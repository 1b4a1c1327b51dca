package series

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Backup writes what is in the store by now into the folder dir, which [Open]
// then opens: finished blocks, linked where the file system can, and one with
// what was not in blocks yet. Appending waits meanwhile.
//
// The database leaves late samples out that are not in blocks yet. So the copy
// is told to be mended: a keeper of it fetches them from the copy of the intake
// log, which must be made after this.
func (s *Store) Backup(ctx context.Context, dir string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := errors.Join(ctx.Err(), s.meta.save()); err != nil {
		return fmt.Errorf("back up the series: %w", err)
	}
	data, err := os.ReadFile(filepath.Join(s.dir, metadataFile))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, metadataFile), data, 0o640)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("back up the series: %w", err)
	}
	c, err := readCheckpoint(filepath.Join(s.dir, checkpointFile))
	if err != nil {
		c = checkpoint{} // its log is then read from the start, as that of this store would be
	}
	if c.Seq > 0 || c.Mending > 0 {
		from := s.inBlocks()
		if c.Repaired || c.Mending > 0 {
			from = min(from, c.MendFrom)
		}
		c.Repaired, c.MendFrom = true, from
		if err := writeCheckpoint(filepath.Join(dir, checkpointFile), c); err != nil {
			return fmt.Errorf("back up the series: %w", err)
		}
	}
	if err := s.db.Snapshot(dir, s.db.Head().NumSeries() > 0); err != nil {
		return fmt.Errorf("back up the series: %w", err)
	}
	return nil
}
