package watchdog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
)

// ErrParentGone is the cause of a context that ended because the watchdog did.
var ErrParentGone = errors.New("the watchdog is gone")

// A Life is what a worker knows of the lives before its own.
type Life struct {
	Restarts int    `json:"restarts"`
	LastExit string `json:"lastExit,omitempty"` // how the worker before it ended
}

// Parent reports whether this process is the worker of a watchdog, from its
// environment as os.Getenv gives it.
func Parent(getenv func(string) string) (Life, bool) {
	if getenv(envTied) == "" {
		return Life{}, false
	}
	n, err := strconv.Atoi(getenv(envRestarts))
	if err != nil {
		n = 0
	}
	return Life{Restarts: n, LastExit: getenv(envLast)}, true
}

// Tie reads stdin, on which a watchdog never writes, and returns when it ends:
// with nil if ctx ended first, otherwise with [ErrParentGone]. It is one member of
// a worker's run group.
//
// A read of standard input cannot be broken off, so the goroutine that reads
// may outlive Tie until the process ends or stdin is closed.
func Tie(ctx context.Context, stdin io.Reader) error {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, stdin) // the end is what counts, however it comes
	}()
	select {
	case <-ctx.Done():
		return nil
	case <-gone:
		return ErrParentGone
	}
}

// ReadStatus reads a supervisor's status file.
func ReadStatus(path string) (Status, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Status{}, fmt.Errorf("watchdog's status: %w", err)
	}
	var st Status
	if err := json.Unmarshal(data, &st); err != nil {
		return Status{}, fmt.Errorf("watchdog's status in %s: %w", path, err)
	}
	return st, nil
}
