package series

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/prometheus/prometheus/tsdb"
)

// checkpointFile lies in the store's own directory, because what it says holds
// for this store only.
const checkpointFile = "intake.checkpoint"

// A checkpoint says how far into the intake log the durable content of a store
// reaches.
type checkpoint struct {
	Format int    `json:"format"`
	Seq    uint64 `json:"seq"` // every batch up to this one is in the store

	// Mending is not 0 while the store fetches again what it has lost: that is in
	// batches up to this one, and not in those received before MendFrom (in Unix
	// milliseconds).
	Mending  uint64 `json:"mending,omitempty"`
	MendFrom int64  `json:"mendFrom,omitempty"`

	// Repaired is true from the moment at which a damaged store was opened until
	// a keeper has begun to mend it.
	Repaired bool `json:"repaired,omitempty"`
}

const checkpointFormat = 1

// readCheckpoint returns the zero checkpoint, the start of the log, if there is
// none that can be read.
func readCheckpoint(path string) (checkpoint, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return checkpoint{}, nil
	}
	if err != nil {
		return checkpoint{}, fmt.Errorf("read checkpoint: %w", err)
	}
	var c checkpoint
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
		err = writeFile(path, append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	return nil
}

// readBlockMeta reads what a block says of itself.
func readBlockMeta(dir string) (meta tsdb.BlockMeta, err error) {
	b, err := os.ReadFile(filepath.Join(dir, "meta.json"))
	if err == nil {
		err = json.Unmarshal(b, &meta)
	}
	return meta, err
}
