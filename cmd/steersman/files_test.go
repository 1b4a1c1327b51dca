package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/console/api"
)

// A program writes numbered lines and rotates its file by renaming it, while the
// worker is killed again and again. Every line is there; what is there twice was
// on its way in one of the kills.
func TestFilesOverKills(t *testing.T) {
	dir := t.TempDir()
	r := start(t, fmt.Sprintf("files:\n- {name: app, paths: ['%s/*.log'], service: checkout}\n", dir))
	path := filepath.Join(dir, "app.log")
	n := 0
	write := func(f *os.File, k int) {
		for range k {
			if _, err := fmt.Fprintf(f, "line n%06d.\n", n); err != nil {
				t.Fatal(err)
			}
			n++
			time.Sleep(time.Millisecond)
		}
	}
	const kills = 4
	for range kills {
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		write(f, 300) // it is found before it is renamed
		pid := r.worker()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatalf("kill the worker %d: %v", pid, err)
		}
		if err := os.Rename(path, fmt.Sprintf("%s.%d", path, n)); err != nil {
			t.Fatal(err)
		}
		write(f, 50) // into the renamed file, while nobody looks
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the worker is back", func() string {
			if now := r.worker(); now == pid || now == 0 {
				return "not yet"
			}
			return ""
		})
		if err := waitReady(r.base, 20*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	var count map[string]int
	eventually(t, "every line is there", func() string {
		count = make(map[string]int)
		for hundred := 0; hundred < n; hundred += 100 {
			var out api.Lines
			ask := fmt.Sprintf("/steersman/v1/lines?query=*n%04d*&service=checkout&limit=1000", hundred/100)
			if code := r.ask(http.MethodGet, ask, nil, &out); code != http.StatusOK {
				return fmt.Sprint(ask, " ", code)
			}
			for _, l := range out.Lines {
				count[l.Text]++
			}
		}
		if len(count) != n {
			return fmt.Sprintf("%d of %d lines", len(count), n)
		}
		return ""
	})
	twice := 0
	for _, c := range count {
		twice += c - 1
	}
	t.Logf("%d lines, %d kills, %d lines twice", n, kills, twice)
	if twice > kills*300 {
		t.Errorf("%d lines are there twice", twice)
	}
}
