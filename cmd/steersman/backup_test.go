package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/console/api"
)

// A backup is taken while samples come in, and restored. Everything that was
// acknowledged before it is in the restored folder, the papers are the same, and
// the audit trail goes on.
func TestBackupAndRestore(t *testing.T) {
	r := start(t, "")
	client := &http.Client{Timeout: 5 * time.Second}
	begin := time.Now().Add(-30 * time.Minute).Truncate(time.Second)
	at := func(n int) time.Time { return begin.Add(time.Duration(n) * 100 * time.Millisecond) }
	const before = 500
	write := func(n int) {
		if !writeSample(client, r.base, "kept", at(n), float64(n)) {
			t.Errorf("sample %d was not acknowledged", n)
		}
	}
	for n := range before {
		if n%10 != 5 {
			write(n)
		}
	}
	for n := 5; n < before; n += 10 { // late
		write(n)
	}
	for _, path := range []string{"/stop", "/resume"} {
		if code := r.ask("POST", "/steersman/v1"+path, strings.NewReader(`{"why": "a leaf"}`), nil); code != 200 {
			t.Fatalf("%s: %d", path, code)
		}
	}
	if code := r.ask("POST", "/hooks/change", strings.NewReader(`{"service": "shop/checkout", "version": "v2"}`), nil); code/100 != 2 {
		t.Fatalf("change: %d", code)
	}
	changes := func(r *running) string {
		var out struct {
			Changes []struct{ ID, Version string }
		}
		for range 50 {
			if code := r.ask("GET", "/steersman/v1/changes", nil, &out); code != 200 {
				t.Fatalf("changes: %d", code)
			}
			if len(out.Changes) > 0 {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		return fmt.Sprint(out.Changes)
	}
	pushed := fmt.Sprintf(`{"streams": [{"stream": {"job": "kept"}, "values": [["%d", "a line"], ["%d", "another"]]}]}`, time.Now().UnixNano(), time.Now().UnixNano())
	if code := r.ask("POST", "/loki/api/v1/push", strings.NewReader(pushed), nil); code != http.StatusNoContent {
		t.Fatalf("push log lines: %d", code)
	}
	span := fmt.Sprintf(`{"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "kept"}}]}, "scopeSpans": [{"spans": [`+
		`{"traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7", "kind": 2, "name": "kept", "startTimeUnixNano": "%d", "endTimeUnixNano": "%[1]d"}]}]}]}`, time.Now().UnixNano())
	if resp, err := http.Post("http://"+r.otlp+"/v1/traces", "application/json", strings.NewReader(span)); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("post a span: %v, %v", resp, err)
	}
	want := changes(r)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := before; ; n++ {
			select {
			case <-stop:
				return
			default:
				write(n)
			}
		}
	})
	file := filepath.Join(t.TempDir(), "backup.tar")
	code, said := steersman("backup", file, "--server", r.base, "--data-dir", r.dir)
	close(stop)
	wg.Wait()
	if code != 0 {
		t.Fatalf("backup ended with %d: %s", code, said)
	}
	if left, _ := filepath.Glob(filepath.Join(r.dir, "backup.tmp*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	dir := filepath.Join(t.TempDir(), "restored")
	if code, said := steersman("restore", file, "--data-dir", dir); code != 0 || !strings.Contains(said, "2 entries in the audit trail, every one as it was written") {
		t.Fatalf("restore ended with %d: %s", code, said)
	}
	if code, said := steersman("restore", file, "--data-dir", dir); code != 2 || !strings.Contains(said, "it is not empty") {
		t.Errorf("restore over it ended with %d: %s", code, said)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data[:len(data)-len(data)/3], 0o600); err != nil {
		t.Fatal(err)
	}
	if code, said := steersman("restore", file, "--data-dir", filepath.Join(t.TempDir(), "half")); code != 1 || !strings.Contains(said, "not a whole backup") {
		t.Errorf("restore of two thirds ended with %d: %s", code, said)
	}

	c := startIn(t, dir, "")
	have := c.samples("kept", begin, at(before))
	for n := range before {
		if got, ok := have[at(n).UnixMilli()]; !ok || got != fmt.Sprint(n) {
			t.Errorf("sample %d was acknowledged before the backup; restored is %q", n, got)
		}
	}
	eventually(t, "both log lines are in the restored folder, once", func() string {
		var out api.Lines
		if code := c.ask("GET", "/steersman/v1/lines?service=kept", nil, &out); code != http.StatusOK || len(out.Lines) != 2 {
			return fmt.Sprint(code, " ", len(out.Lines))
		}
		return ""
	})
	eventually(t, "the trace is in the restored folder, once", func() string {
		var out api.Trace
		if code := c.ask("GET", "/steersman/v1/traces/4bf92f3577b34da6a3ce929d0e0e4736", nil, &out); code != http.StatusOK || len(out.Spans) != 1 || out.Spans[0].Name != "kept" {
			return fmt.Sprint(code, " ", out)
		}
		return ""
	})
	if got := changes(c); got != want {
		t.Errorf("changes %s, want %s", got, want)
	}
	if code := c.ask("POST", "/steersman/v1/stop", strings.NewReader(`{}`), nil); code != 200 {
		t.Fatalf("stop: %d", code)
	}
	if code, said := steersman("audit", "verify", "--data-dir", dir); code != 0 || !strings.Contains(said, "3 entries") {
		t.Errorf("the restored audit trail, %d: %s", code, said)
	}
}

// steersman runs the program and returns its exit code and what it prints.
func steersman(args ...string) (code int, said string) {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	out, _ := cmd.CombinedOutput() // the exit code says it
	return cmd.ProcessState.ExitCode(), string(out)
}
