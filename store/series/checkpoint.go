package series

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// checkpointFile lies in the store's own directory, because what it says holds
// for this store only.
const checkpointFile = "intake.checkpoint"

// A checkpoint says how far into the intake log the durable content of a store
// reaches.
type checkpoint struct {
	Format int    `json:"format"`
	Seq    uint64 `json:"seq"` // every batch up to this one is in the store
}

const checkpointFormat = 1

// readCheckpoint returns 0, the start of the log, if there is no checkpoint.
func readCheckpoint(path string) (uint64, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read checkpoint: %w", err)
	}
	var c checkpoint
	if err := json.Unmarshal(b, &c); err != nil {
		return 0, fmt.Errorf("read checkpoint %s: %w", path, err)
	}
	if c.Format != checkpointFormat {
		return 0, fmt.Errorf("read checkpoint %s: format %d is not known here", path, c.Format)
	}
	return c.Seq, nil
}

func writeCheckpoint(path string, seq uint64) error {
	b, err := json.Marshal(checkpoint{checkpointFormat, seq})
	if err == nil {
		err = writeFile(path, append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	return nil
}
