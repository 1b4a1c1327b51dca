//go:build unix

package recorded_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal/recorded"
)

// What is no file is not waited for.
func TestPipes(t *testing.T) {
	pipe := func(dir, name string) {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Skipf("SKIPPED, NOT TESTED: this file system has no named pipes: %v", err)
		}
	}
	read := func(path string) error {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		done := make(chan error, 1)
		go func() {
			_, err := recorded.Read(ctx, []string{path}, recorded.Options{}, func(*fact.Batch) error { return nil })
			done <- err
		}()
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			t.Error("waits for a pipe")
			return nil
		}
	}
	dir := put(t, map[string]string{"a.csv": "time,up\n1,1\n"})
	pipe(dir, "b.csv")
	if err := read(dir); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "case.json"), []byte(`{"baseline":"b.csv"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := read(dir); err == nil || !strings.Contains(err.Error(), "b.csv is no file") {
		t.Error(err)
	}
	other := put(t, map[string]string{"a.csv": "time,up\n1,1\n"})
	pipe(other, "case.json")
	if err := read(other); err == nil || !strings.Contains(err.Error(), "case.json is no file") {
		t.Error(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(put(t, map[string]string{"a.csv": "time,up\n1,1\n"}), link); err != nil {
		t.Fatal(err)
	}
	if err := read(link); err != nil {
		t.Error(err)
	}
}
