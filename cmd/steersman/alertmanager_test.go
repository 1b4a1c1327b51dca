package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/console/api"
	"github.com/steersman-ops/steersman/store/storetest/realprom"
)

// A real Alertmanager is connected by pasting what Steersman says, with the
// token of a source; an alert that fires and is resolved is one notice of it.
func TestRealAlertmanager(t *testing.T) {
	program, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		t.Skipf("SKIPPED, NOT TESTED: %v. Install Debian's package prometheus-alertmanager to run this test.", err)
	}
	r := start(t, "anonymous: nowhere\n")
	var added api.AddedSource
	if code := r.ask("POST", "/steersman/v1/sources", strings.NewReader(`{"name":"pager","sender":"alertmanager"}`), &added); code != 200 {
		t.Fatalf("add a source: %d", code)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "alertmanager.yml")
	text := strings.Replace(added.Connect.Text, "  receiver: steersman\n", "  receiver: steersman\n  group_wait: 100ms\n  group_interval: 1s\n", 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--config.file="+file, "--storage.path="+dir, "--web.listen-address="+address, "--cluster.listen-address=", "--log.level=warn")
	realprom.DieWithParent(cmd)
	var out lockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}()
	alert := func(ends time.Time) string {
		body, err := json.Marshal([]map[string]any{{
			"labels": map[string]string{"alertname": "HighErrors", "job": "checkout", "severity": "page"}, "annotations": map[string]string{"summary": "12 % fail"},
			"startsAt": time.Now().Add(-time.Minute), "endsAt": ends, "generatorURL": "http://prometheus.example/graph",
		}})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.Post("http://"+address+"/api/v2/alerts", "application/json", bytes.NewReader(body))
		if err != nil {
			return err.Error()
		}
		resp.Body.Close()
		if resp.StatusCode != 200 {
			return resp.Status
		}
		return ""
	}
	told := func(state string) func() string {
		return func() string {
			var got api.Notices
			r.ask("GET", "/steersman/v1/notices?kind=alert", nil, &got)
			if len(got.Notices) == 1 && got.Notices[0].State == state && got.Notices[0].Title == "HighErrors" && got.Notices[0].Text == "12 % fail" && got.Notices[0].Source == "pager" && got.Notices[0].Entity.Name == "checkout" {
				return ""
			}
			return fmt.Sprintf("%+v\n%s", got, out.String())
		}
	}
	eventually(t, "Alertmanager takes the alert", func() string { return alert(time.Now().Add(time.Hour)) })
	eventually(t, "it fires", told("firing"))
	eventually(t, "it is over", func() string { return alert(time.Now().Add(-time.Second)) })
	eventually(t, "it is resolved", told("resolved"))
	var src api.Source
	if r.ask("GET", "/steersman/v1/sources/pager", nil, &src); src.Accepted < 2 || src.Refused != 0 || !src.Named {
		t.Errorf("the account: %+v", src)
	}
}
