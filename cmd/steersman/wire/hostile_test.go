package wire

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/cmd/steersman/config"
)

// What the configuration says reaches the watcher.
func TestSettingsAreHeeded(t *testing.T) {
	c := settings(t)
	c.Watch.Lateness, c.Watch.Snapshot, c.Policy.ApprovalWithin = config.Duration(7*time.Second), config.Duration(time.Minute), config.Duration(3*time.Hour)
	got := (&worker{cfg: c}).watching()
	if got.Topology.Lateness != 7*time.Second || got.SnapshotEvery != time.Minute || got.ProposalsLast != 3*time.Hour {
		t.Errorf("lateness %v, snapshot %v, proposals last %v", got.Topology.Lateness, got.SnapshotEvery, got.ProposalsLast)
	}
}

// send asks as a browser or a program does.
func send(t *testing.T, method, url, body string, header map[string]string) (*http.Response, map[string]any) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for k, v := range header {
		req.Header.Set(k, v)
	}
	if h := header["Host"]; h != "" {
		req.Host = h
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out map[string]any
	_ = json.NewDecoder(resp.Body).Decode(&out) // not everything answers JSON
	return resp, out
}

// A page that a stranger serves reaches no door, neither under a name that it
// pointed at us nor from another origin.
func TestStrangersPagesReachNoDoor(t *testing.T) {
	greeting, end := launch(t, settings(t))
	defer end() //nolint:errcheck // what it answers is tested
	base := regexp.MustCompile(`http://[^/\s]+`).FindString(greeting)
	otlp := "http://" + regexp.MustCompile(`(\S+) \(HTTP\)`).FindStringSubmatch(greeting)[1]
	for _, url := range []string{otlp + "/v1/traces", otlp + "/v1/metrics", base + "/hooks/change", base + "/api/v1/write", base + "/api/v1/query?query=1", base + "/steersman/v1/stop", base + "/logout"} {
		if resp, _ := send(t, "POST", url, "{}", map[string]string{"Host": "evil.example"}); resp.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("POST %s under a strange name answers %d", url, resp.StatusCode)
		}
		if resp, _ := send(t, "POST", url, "{}", map[string]string{"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}); resp.StatusCode != http.StatusForbidden {
			t.Errorf("POST %s from another origin answers %d", url, resp.StatusCode)
		}
	}
	if resp, _ := send(t, "POST", otlp+"/v1/traces", `{"resourceSpans":[]}`, nil); resp.StatusCode != http.StatusOK {
		t.Errorf("a program's spans: %d", resp.StatusCode)
	}
}

// Away from loopback every door asks for the owner's token.
func TestDoorsAwayFromLoopback(t *testing.T) {
	c := settings(t)
	c.Listen, c.OTLPHTTP = ":0", ":0"
	greeting, end := launch(t, c)
	defer end() //nolint:errcheck // what it answers is tested
	base := regexp.MustCompile(`http://[^/\s]+`).FindString(greeting)
	otlp := "http://localhost" + regexp.MustCompile(`(:\d+) \(HTTP\)`).FindString(greeting)
	otlp = strings.TrimSuffix(otlp, " (HTTP)")
	token, err := os.ReadFile(filepath.Join(c.DataDir, "owner.token"))
	if err != nil {
		t.Fatal(err)
	}
	owner := map[string]string{"Authorization": "Bearer " + strings.TrimSpace(string(token))}
	for _, door := range []string{
		"POST " + otlp + "/v1/traces", "POST " + otlp + "/v1/metrics", "POST " + base + "/api/v1/write", "POST " + base + "/hooks/change", "POST " + base + "/hooks/cdevents",
		"GET " + base + "/api/v1/query?query=1", "POST " + base + "/api/v1/query?query=1", "GET " + base + "/metrics", "GET " + base + "/steersman/v1/me", "GET " + base + "/steersman/v1/openapi.json",
	} {
		method, url, _ := strings.Cut(door, " ")
		if resp, _ := send(t, method, url, "{}", nil); resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s without a token answers %d", door, resp.StatusCode)
		}
		if resp, _ := send(t, method, url, "{}", owner); resp.StatusCode == http.StatusUnauthorized {
			t.Errorf("%s with the owner's token answers %d", door, resp.StatusCode)
		}
	}
}

// A link that is printed opens, wherever the server listens, and says how long
// it is good.
func TestLinksOpen(t *testing.T) {
	c := settings(t)
	c.Listen = ":0"
	greeting, end := launch(t, c)
	defer end() //nolint:errcheck // what it answers is tested
	link := regexp.MustCompile(`http://\S+`).FindString(greeting)
	if resp, _ := send(t, "GET", link, "", nil); resp.StatusCode == http.StatusMisdirectedRequest {
		t.Errorf("GET %s answers %d", link, resp.StatusCode)
	}
	token, err := os.ReadFile(filepath.Join(c.DataDir, "owner.token"))
	if err != nil {
		t.Fatal(err)
	}
	base := link[:strings.Index(link, "/login")]
	resp, out := send(t, "POST", base+"/steersman/v1/login-links", "", map[string]string{"Authorization": "Bearer " + strings.TrimSpace(string(token))})
	until, err := time.Parse(time.RFC3339, out["expires"].(string))
	if resp.StatusCode != http.StatusOK || err != nil || time.Until(until) < time.Minute {
		t.Errorf("%d %v, good until %v", resp.StatusCode, out, until)
	}
}
