package hook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

const (
	alertFires = `{"version":"4","groupKey":"{}:{}","status":"firing","receiver":"steersman","externalURL":"http://am","alerts":[
 {"status":"firing","labels":{"alertname":"HighErrors","job":"shop/checkout","severity":"page"},"annotations":{"summary":"12 % fail","description":"x"},
  "startsAt":"2026-03-01T11:50:00.123456Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prom/graph?g0=1","fingerprint":"c0ffee"},
 {"status":"firing","labels":{"alertname":"Watchdog"},"annotations":{},"startsAt":"2026-03-01T11:00:00Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"javascript:x","fingerprint":"beef"}]}`
	ghRepo   = `"repository":{"name":"checkout","full_name":"acme/checkout","default_branch":"main"},"sender":{"login":"ann"}`
	ghDeploy = `"deployment":{"id":7,"ref":"v2.1.0","sha":"0123456789abcdef0123","environment":"prod","description":"tax rules","created_at":"2026-03-01T11:55:00Z","payload":{}}`
	glProj   = `"project":{"name":"Checkout","path_with_namespace":"acme/shop/checkout","web_url":"https://gitlab.example/acme/shop/checkout","default_branch":"main"},"user":{"username":"ann"}`
)

// give posts to a door of a source that has a token where it needs one.
func give(t *testing.T, d *signal.Doors, path, body string, header map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	d.Keys = new(signal.Keys)
	if err := d.Keys.Set([]signal.Named{{Name: "gh", Digest: signal.Digest("secret"), Secret: []byte("secret")}, {Name: "gl", Digest: signal.Digest("gl-token")}}); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for k, v := range header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	NewHandler(d, true).ServeHTTP(w, r)
	return w
}

func sign(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// noticesOf reads the notices that the sink has.
func noticesOf(t testing.TB, sink *signaltest.Sink) (out []fact.Notice) {
	t.Helper()
	for _, e := range sink.Events() {
		var n fact.Notice
		if err := json.Unmarshal([]byte(e.Body), &n); err != nil || e.Kind != fact.NoticeEvent || e.Ref != n.ID || n.ID == "" || !e.At.Equal(n.At) || len(e.Body) > 128<<10 {
			t.Fatalf("%+v: %v", e, err)
		}
		out = append(out, n)
	}
	return out
}

func TestAlertmanager(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{})
	if w := give(t, d, "/hooks/alertmanager", alertFires, nil); w.Code != 200 {
		t.Fatal(w.Code, w.Body)
	}
	resolved := strings.Replace(strings.Replace(alertFires, `"status":"firing","labels":{"alertname":"HighErrors"`, `"status":"resolved","labels":{"alertname":"HighErrors"`, 1), `"endsAt":"0001-01-01T00:00:00Z"`, `"endsAt":"2026-03-01T11:58:00Z"`, 1)
	if w := give(t, d, "/hooks/alertmanager", resolved, nil); w.Code != 200 {
		t.Fatal(w.Code, w.Body)
	}
	n := noticesOf(t, sink)
	if len(n) != 4 || n[0].ID != n[2].ID || n[1].ID == n[0].ID {
		t.Fatalf("%+v", n)
	}
	a, b := n[0], n[2]
	if a.Kind != fact.AlertNotice || a.State != "firing" || a.Title != "HighErrors" || a.Text != "12 % fail" || a.Entity.String() != "service:shop/checkout" ||
		a.Link != "http://prom/graph?g0=1" || a.Labels["severity"] != "page" || !a.Until.IsZero() || a.Source != "hooks/alertmanager" || !a.At.Equal(time.Date(2026, 3, 1, 11, 50, 0, 123e6, time.UTC)) {
		t.Errorf("%+v", a)
	}
	if b.State != "resolved" || !b.Until.Equal(time.Date(2026, 3, 1, 11, 58, 0, 0, time.UTC)) {
		t.Errorf("%+v", b)
	}
	if n[1].Link != "" || !n[1].Entity.IsZero() {
		t.Errorf("%+v", n[1])
	}
	if s := d.Sources.Sources(); s[0].Accepted != 4 {
		t.Errorf("%+v", s)
	}
	signaltest.Law(t, d, sink)
}

func TestGitHub(t *testing.T) {
	status := func(state, rest string) string {
		return `{` + ghRepo + `,` + ghDeploy + `,"deployment_status":{"state":"` + state + `","log_url":"https://ci/1","created_at":"2026-03-01T11:57:00Z"}` + rest + `}`
	}
	for _, tt := range []struct {
		name, event, path, body string
		change, notice          string // how it is kept
		ignored                 string
	}{
		{"a push", "push", "", `{"ref":"refs/heads/main","after":"abc","compare":"https://gh/c","head_commit":{"message":"fix\ntax"},"commits":[{},{}],` + ghRepo + `}`, "", "push  service:checkout 2 commits pushed to main of acme/checkout|fix tax|https://gh/c", ""},
		{"a branch that was deleted", "push", "", `{"ref":"refs/heads/x","deleted":true,` + ghRepo + `}`, "", "", "a push  is not looked at"},
		{"a deployment", "deployment", "", `{"action":"created",` + ghRepo + `,` + ghDeploy + `}`, "", "pipeline created service:checkout Deployment of acme/checkout to prod: created|tax rules|", ""},
		{"a deployment that was done", "deployment_status", "", status("success", ""), "service:checkout deployed v2.1.0 ann in prod tax rules https://ci/1", "", ""},
		{"from a branch", "deployment_status", "", strings.Replace(status("success", ""), "v2.1.0", "main", 1), "service:checkout deployed 0123456789ab ann in prod tax rules https://ci/1", "", ""},
		{"with a version of its own", "deployment_status", "", strings.Replace(status("success", ""), `"payload":{}`, `"payload":{"version":"2026.3"}`, 1), "service:checkout deployed 2026.3 ann in prod tax rules https://ci/1", "", ""},
		{"of another name", "deployment_status", "?service=pay&namespace=shop", status("success", ""), "service:shop/pay deployed v2.1.0 ann in prod tax rules https://ci/1", "", ""},
		{"to what is watched", "deployment_status", "?environment=Prod", status("success", ""), "service:checkout deployed v2.1.0 ann in prod tax rules https://ci/1", "", ""},
		{"to another environment", "deployment_status", "?environment=staging", status("success", ""), "", "pipeline success service:checkout Deployment of acme/checkout to prod: success|tax rules|https://ci/1", ""},
		{"to a preview", "deployment_status", "", strings.Replace(status("success", ""), `"payload":{}`, `"payload":{},"transient_environment":true`, 1), "", "pipeline success service:checkout Deployment of acme/checkout to prod: success|tax rules|https://ci/1", ""},
		{"a deployment that failed", "deployment_status", "", status("failure", ""), "", "pipeline failure service:checkout Deployment of acme/checkout to prod: failure|tax rules|https://ci/1", ""},
		{"a workflow", "workflow_run", "", `{"action":"completed",` + ghRepo + `,"workflow_run":{"id":3,"name":"CI","conclusion":"failure","html_url":"https://gh/r","run_started_at":"2026-03-01T11:40:00Z","updated_at":"2026-03-01T11:45:00Z"}}`, "", "pipeline failure service:checkout Workflow CI of acme/checkout: failure||https://gh/r", ""},
		{"a workflow that begins", "workflow_run", "", `{"action":"requested",` + ghRepo + `,"workflow_run":{"id":3}}`, "", "", "a workflow_run requested is not looked at"},
		{"a ping", "ping", "", `{"zen":"x"}`, "", "", `GitHub's event "ping" is not looked at`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, sink := signaltest.Doors(signal.Limits{})
			w := give(t, d, "/hooks/github/gh"+tt.path, tt.body, map[string]string{"X-GitHub-Event": tt.event, "X-Hub-Signature-256": sign("secret", tt.body)})
			checkKept(t, d, sink, w, tt.change, tt.notice, tt.ignored)
			if s := d.Sources.Sources(); len(s) != 1 || s[0].Name != "gh" || tt.ignored != "" && s[0].Reasons["ignored"] != 1 {
				t.Errorf("accounts: %+v", s)
			}
		})
	}
}

// checkKept compares what a request became.
func checkKept(t *testing.T, d *signal.Doors, sink *signaltest.Sink, w *httptest.ResponseRecorder, change, notice, ignored string) {
	t.Helper()
	if w.Code != 200 || !strings.Contains(w.Body.String(), strings.ReplaceAll(ignored, `"`, `\"`)) {
		t.Errorf("%d %s, want %s", w.Code, w.Body, ignored)
	}
	var changes, notices string
	for _, c := range sink.Changes() {
		changes += strings.Join([]string{c.Entity.String(), string(c.Kind), c.Version, c.By, c.Note, c.Link}, " ")
		wellFormed(t, c)
	}
	for _, n := range noticesOf(t, sink) {
		notices += string(n.Kind) + " " + n.State + " " + n.Entity.String() + " " + n.Title + "|" + n.Text + "|" + n.Link
	}
	if changes != change || notices != notice {
		t.Errorf("kept\n%s\n%s\nwant\n%s\n%s", changes, notices, change, notice)
	}
	signaltest.Law(t, d, sink)
}

func TestGitHubSignatures(t *testing.T) {
	const body = `{"zen":"x"}`
	for _, tt := range []struct {
		name, path, signature string
		status                int
	}{
		{"right", "/hooks/github/gh", sign("secret", body), 200},
		{"of another body", "/hooks/github/gh", sign("secret", body+" "), 401},
		{"with another secret", "/hooks/github/gh", sign("x", body), 401},
		{"none", "/hooks/github/gh", "", 401},
		{"not hex", "/hooks/github/gh", "sha256=zz", 401},
		{"SHA-1", "/hooks/github/gh", strings.Replace(sign("secret", body), "sha256", "sha1", 1), 401},
		{"a source that is not there", "/hooks/github/nobody", sign("", body), 401},
		{"a source that signs nothing", "/hooks/github/gl", sign("", body), 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, sink := signaltest.Doors(signal.Limits{})
			w := give(t, d, tt.path, body, map[string]string{"X-GitHub-Event": "ping", "X-Hub-Signature-256": tt.signature})
			if w.Code != tt.status {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if tt.status == 401 && d.Sources.Sources()[0].Reasons["denied"] != 1 {
				t.Errorf("accounts: %+v", d.Sources.Sources())
			}
			signaltest.Law(t, d, sink)
		})
	}
}

func TestGitLab(t *testing.T) {
	deploy := func(status string) string {
		return `{"object_kind":"deployment","status":"` + status + `","status_changed_at":"2026-03-01 12:57:00 +0100","deployment_id":5,"deployable_url":"https://gl/j/1","environment":"prod","ref":"v2","short_sha":"abc123","commit_title":"tax",` + glProj + `}`
	}
	for _, tt := range []struct {
		name, body              string
		change, notice, ignored string
	}{
		{"a push", `{"object_kind":"push","ref":"refs/heads/main","after":"abc","user_username":"bob","total_commits_count":1,"commits":[{"message":"fix","url":"https://gl/c"}],"project":{"path_with_namespace":"acme/shop/checkout"}}`, "", "push  service:checkout 1 commit pushed to main of acme/shop/checkout|fix|https://gl/c", ""},
		{"a deployment", deploy("success"), "service:checkout deployed v2 ann in prod tax https://gl/j/1", "", ""},
		{"from a branch", strings.Replace(deploy("success"), `"v2"`, `"main"`, 1), "service:checkout deployed abc123 ann in prod tax https://gl/j/1", "", ""},
		{"a deployment that failed", deploy("failed"), "", "pipeline failed service:checkout Deployment of acme/shop/checkout to prod: failed|tax|https://gl/j/1", ""},
		{"a pipeline", `{"object_kind":"pipeline","object_attributes":{"id":9,"ref":"main","status":"success","created_at":"2026-03-01 11:40:00 UTC","finished_at":"2026-03-01 11:45:00 UTC"},` + glProj + `}`, "", "pipeline success service:checkout Pipeline of acme/shop/checkout on main: success||https://gitlab.example/acme/shop/checkout/-/pipelines/9", ""},
		{"an issue", `{"object_kind":"issue","object_attributes":{"id":"a text"}}`, "", "", `GitLab's event "issue" is not looked at`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, sink := signaltest.Doors(signal.Limits{})
			w := give(t, d, "/hooks/gitlab", tt.body, map[string]string{"X-Gitlab-Token": "gl-token"})
			checkKept(t, d, sink, w, tt.change, tt.notice, tt.ignored)
			if s := d.Sources.Sources(); len(s) != 1 || s[0].Name != "gl" {
				t.Errorf("accounts: %+v", s)
			}
		})
	}
	d, _ := signaltest.Doors(signal.Limits{})
	if w := give(t, d, "/hooks/gitlab", deploy("success"), map[string]string{"X-Gitlab-Token": "x"}); w.Code != 401 {
		t.Errorf("a wrong token: %d", w.Code)
	}
}

func TestCloudEvents(t *testing.T) {
	for _, tt := range []struct {
		name, body     string
		header         map[string]string
		change, notice string
	}{
		{"structured", `{"specversion":"1.0","id":"1","source":"https://ci/x","type":"com.example.released","subject":"checkout","time":"2026-03-01T11:00:00Z","data":{"a":1}}`, nil, "", "event   com.example.released|checkout|https://ci/x"},
		{"binary", `{"a":1}`, map[string]string{"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/ci", "ce-type": "com.example.released"}, "", "event   com.example.released||"},
		{"a CDEvent", `{"specversion":"1.0","id":"1","source":"x","type":"dev.cdevents.service.deployed.0.2.0","data":` + deployed + `}`, nil, "service:checkout deployed v2 https://ci.example.com/run/7 in prod https://ci.example.com/run/7", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, sink := signaltest.Doors(signal.Limits{})
			checkKept(t, d, sink, give(t, d, "/hooks/cloudevents", tt.body, tt.header), tt.change, tt.notice, "")
		})
	}
}

func TestWebhookRefusals(t *testing.T) {
	for _, tt := range []struct {
		name, path, body string
		status           int
		text             string
	}{
		{"not JSON", "/hooks/alertmanager", `{`, 400, "not the JSON of an Alertmanager notification"},
		{"an old version", "/hooks/alertmanager", `{"version":"3"}`, 415, "only version 4"},
		{"no alerts", "/hooks/alertmanager", `{"version":"4","alerts":[]}`, 200, "there is no alert in it"},
		{"too many", "/hooks/alertmanager", `{"version":"4","alerts":[` + strings.TrimSuffix(strings.Repeat(`{"startsAt":"2026-03-01T11:00:00Z"},`, 5001), ",") + `]}`, 413, "a list in it has more than 5000 elements"},
		{"tomorrow", "/hooks/alertmanager", `{"version":"4","alerts":[{"startsAt":"2026-03-02T11:00:00Z"}]}`, 400, "ahead of our clock"},
		{"no type", "/hooks/cloudevents", `{"specversion":"1.0","id":"1","source":"x"}`, 400, "attribute type: is missing"},
		{"no time", "/hooks/cloudevents", `{"specversion":"1.0","id":"1","source":"x","type":"y","time":"noon"}`, 400, "not a time"},
		{"not GitLab's", "/hooks/gitlab", `[]`, 400, "not the JSON of a GitLab event"},
		{"no door", "/hooks/pigeon", `{}`, 404, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, sink := signaltest.Doors(signal.Limits{})
			if w := give(t, d, tt.path, tt.body, nil); w.Code != tt.status || !strings.Contains(w.Body.String(), tt.text) {
				t.Errorf("%d %s, want %d %s", w.Code, w.Body, tt.status, tt.text)
			}
			signaltest.Law(t, d, sink)
		})
	}
}

// One alert that is no good is not held against the others of its group.
func TestOneBadAlertOfMany(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{})
	body := strings.Replace(alertFires, `"alerts":[`, `"alerts":[{"startsAt":"2026-03-02T11:00:00Z"},{"startsAt":"1999-03-02T11:00:00Z"},`, 1)
	w := give(t, d, "/hooks/alertmanager", body, nil)
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"refused":["notice 1: 2026-03-02T11:00:00Z is more than 10m0s ahead of our clock`) || !strings.Contains(w.Body.String(), `"notice 2: `) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if n := noticesOf(t, sink); len(n) != 2 || n[0].Title != "HighErrors" || n[1].Title != "Watchdog" {
		t.Errorf("kept %+v", n)
	}
	if s := d.Sources.Sources()[0]; s.Received != 4 || s.Accepted != 2 || s.Reasons["time"] != 2 {
		t.Errorf("account %+v", s)
	}
	signaltest.Law(t, d, sink)
}

// FuzzWebhooks sends anything to every door: it is answered, and what is kept is
// well formed and small.
func FuzzWebhooks(f *testing.F) {
	f.Add("alertmanager", "", []byte(alertFires))
	for event, body := range map[string]string{
		"push": `{"ref":"refs/heads/main","commits":[{}],` + ghRepo + `}`, "deployment": `{` + ghRepo + `,` + ghDeploy + `}`,
		"deployment_status": `{` + ghRepo + `,` + ghDeploy + `,"deployment_status":{"state":"success"}}`, "workflow_run": `{"action":"completed",` + ghRepo + `,"workflow_run":{"id":3}}`,
	} {
		f.Add("github", event, []byte(body))
	}
	for _, kind := range []string{"push", "deployment", "pipeline"} {
		f.Add("gitlab", "", []byte(`{"object_kind":"`+kind+`","status":"success","object_attributes":{"id":1,"created_at":"2026-03-01 11:40:00 UTC"},`+glProj+`}`))
	}
	f.Add("cloudevents", "", []byte(`{"specversion":"1.0","id":"1","source":"x","type":"y","time":"2026-03-01T11:00:00Z"}`))
	f.Add("cloudevents", "dev.x", []byte(`{}`))
	f.Fuzz(func(t *testing.T, door, event string, body []byte) {
		h := http.Header{"X-Github-Event": {event}}
		if event != "" && door == "cloudevents" {
			h = http.Header{"Ce-Type": {event}, "Ce-Id": {"1"}, "Ce-Source": {"x"}, "Ce-Specversion": {"1.0"}}
		}
		g := given{now: signaltest.Now(), ahead: ahead, source: "x"}
		parse := map[string]parser{"alertmanager": parseAlertmanager, "github": parseGitHub, "gitlab": parseGitLab, "cloudevents": parseCloudEvent}[door]
		if parse == nil {
			return
		}
		p, ref := parse(h, body, g)
		if ref != nil {
			if p.len() > 0 {
				t.Errorf("refused, and %d papers", p.len())
			}
			return
		}
		if p.len() == 0 {
			t.Error("neither refused nor anything kept")
		}
		for _, c := range p.changes {
			wellFormed(t, c)
		}
		all := p.len()
		if p.finishNotices(&g); p.len() != all {
			t.Errorf("%d papers became %d", all, p.len())
		}
		for _, n := range p.notices {
			text, err := json.Marshal(n)
			var back fact.Notice
			if err != nil || json.Unmarshal(text, &back) != nil || back.ID != n.ID || back.Title != n.Title || !back.At.Equal(n.At) || len(n.Labels) > labelsMost || len(n.Title) > textBytes {
				t.Errorf("%+v came back as %+v (%v)", n, back, err)
			}
		}
	})
}
