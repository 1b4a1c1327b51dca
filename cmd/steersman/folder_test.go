package main

import (
	"compress/gzip"
	"encoding/binary"
	"hash/crc32"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/console/api"
)

// older restores the data folder of an older Steersman. testdata/folders holds
// one backup, packed, for each time that a format changed since; they are never
// made anew.
func older(t *testing.T, name string) (dir string) {
	t.Helper()
	packed, err := os.Open(filepath.Join("testdata", "folders", name+".tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	z, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	tar, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "backup.tar")
	if err := os.WriteFile(file, tar, 0o600); err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "data")
	if code, said := steersman("restore", file, "--data-dir", dir); code != 0 {
		t.Fatalf("restore ended with %d: %s", code, said)
	}
	return dir
}

// What an older version has left opens, and everything in it can be read.
func TestOlderFoldersOpen(t *testing.T) {
	r := startIn(t, older(t, "2026-11"), "metrics: {retention: 36500d}\nlines: {retention: 36500d}\nintake: {max_age: 36500d}")
	if got := r.query(`sum_over_time(queue{service_name="cart"}[1m])`, time.Unix(1795524300, 0)); len(got) != 1 || !strings.Contains(join(got), "45") {
		t.Errorf("of the samples 0 to 9, which add up to 45, there is %v", got)
	}
	var found api.Lines
	if code := r.ask("GET", "/steersman/v1/lines?q=full", nil, &found); code != http.StatusOK || len(found.Lines) != 1 || found.Lines[0].Text != "the queue is full" {
		t.Errorf("found the lines %+v, %d", found, code)
	}
	var audit api.Verification
	if code := r.ask("POST", "/steersman/v1/audit/verify", nil, &audit); code != http.StatusOK || !audit.OK || audit.Size != 2 {
		t.Errorf("the audit trail: %+v, %d", audit, code)
	}
}

func join(m map[string]string) (out string) {
	for _, v := range m {
		out += v + " "
	}
	return out
}

// What a newer version has left is refused, before anything in it is touched,
// and it is said what to do.
func TestNewerFoldersAreRefused(t *testing.T) {
	dir := older(t, "2026-11")
	segments, err := filepath.Glob(filepath.Join(dir, "intake", "*.seg"))
	if err != nil || len(segments) != 1 {
		t.Fatalf("%v, %v", segments, err)
	}
	b, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint32(b[8:], 2) // as docs/formats/intake.md draws it
	binary.LittleEndian.PutUint32(b[28:], crc32.Checksum(b[:28], crc32.MakeTable(crc32.Castagnoli)))
	if err := os.WriteFile(segments[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "up", "--data-dir", dir, "--listen", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), asProgram+"=1")
	said, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(said), "is of format 2, this program knows 1") || !strings.Contains(string(said), "start the version that wrote it") {
		t.Errorf("%v: %s", err, said)
	}
	if after, err := os.ReadFile(segments[0]); err != nil || string(after) != string(b) {
		t.Errorf("it was changed: %v", err)
	}
}
