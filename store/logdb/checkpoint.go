package logdb

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// checkpointFile lies beside the database, because what it says holds for this
// one only.
const checkpointFile = "intake.checkpoint"

// A checkpoint says how far into the intake log the durable content of a
// database reaches.
type checkpoint struct {
	Format int    `json:"format"`
	Seq    uint64 `json:"seq"` // every batch up to this one is in it

	// Era counts the intake logs that this database has been filled from: the next
	// one begins with number 1 again.
	Era uint64 `json:"era"`
}

const checkpointFormat = 1

// eraBits is where the era stands in the number of a batch in the database.
const eraBits = 40

// number returns the number under which the database knows a batch.
func (c checkpoint) number(seq uint64) uint64 { return c.Era<<eraBits | seq }

// readCheckpoint returns an error that wraps fs.ErrNotExist if there is none.
func readCheckpoint(path string) (c checkpoint, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return c, fmt.Errorf("read checkpoint: %w", err)
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return checkpoint{}, fmt.Errorf("read checkpoint %s: %w", path, err)
	}
	if c.Format != checkpointFormat {
		return checkpoint{}, fmt.Errorf("read checkpoint %s: format %d is not known here", path, c.Format)
	}
	return c, nil
}

func writeCheckpoint(path string, c checkpoint) error {
	c.Format = checkpointFormat
	b, err := json.Marshal(c)
	if err == nil {
		err = replace(path, append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	return nil
}

// eraFile has the era once more. It is written when one begins, of which the
// rows in the database may not tell yet if the checkpoint is lost.
const eraFile = "intake.era"

// readEra returns 0, the first era, if nothing else is known.
func readEra(dir string) uint64 {
	b, err := os.ReadFile(filepath.Join(dir, eraFile))
	if err != nil {
		return 0
	}
	era, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64-eraBits)
	if err != nil {
		return 0
	}
	return era
}

func writeEra(dir string, era uint64) error {
	if err := replace(filepath.Join(dir, eraFile), fmt.Appendf(nil, "%d\n", era)); err != nil {
		return fmt.Errorf("write era: %w", err)
	}
	return nil
}

// replace writes a file so that a crash leaves the old or the new content.
func replace(path string, content []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// missing reports whether err says that there is no checkpoint yet.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
