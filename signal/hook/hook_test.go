package hook

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

const ahead = 10 * time.Minute

func checkout(ns string) fact.Entity {
	return fact.Entity{Kind: fact.Service, Namespace: ns, Name: "checkout"}
}

func TestParse(t *testing.T) {
	now := signaltest.Now()
	for _, tt := range []struct {
		name, body string
		want       fact.Change
	}{
		{"the least", `{"service":"checkout"}`, fact.Change{At: now, Kind: fact.Deployed, Entity: checkout("")}},
		{"a namespace in the name", `{"service":"shop/checkout","version":"v2"}`, fact.Change{At: now, Kind: fact.Deployed, Entity: checkout("shop"), Version: "v2"}},
		{"everything", `{"service":"checkout","namespace":"shop","version":"v2","before":"v1","kind":"rolledback","by":"anna","note":"too slow","link":"https://ci.example.com/1","at":"2026-03-01T12:59:59.123456+01:00"}`,
			fact.Change{At: now.Add(-877 * time.Millisecond), Kind: fact.RolledBack, Entity: checkout("shop"), Version: "v2", Before: "v1", By: "anna", Note: "too slow", Link: "https://ci.example.com/1"}},
		{"nine minutes ahead", `{"service":"checkout","at":"2026-03-01T12:09:00Z"}`, fact.Change{At: now.Add(9 * time.Minute), Kind: fact.Deployed, Entity: checkout("")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ref := Parse([]byte(tt.body), now, ahead)
			if ref != nil {
				t.Fatal(ref)
			}
			tt.want.Source = "hooks/change"
			tt.want.ID = fact.ID("chg", tt.want.Entity.String(), string(tt.want.Kind), tt.want.Version, tt.want.At.Format(time.RFC3339Nano))
			if got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestParseRefusals(t *testing.T) {
	for _, tt := range []struct{ name, body, text string }{
		{"empty", ``, `byte 0: the JSON ends too early; send one object`},
		{"half", `{"service":`, `byte 11: the JSON ends too early; send one object`},
		{"a misspelt field", `{"service":"checkout","verison":"v2"}`, `field "verison" is not known; the fields are service, namespace, version, before, kind, by, note, link, at`},
		{"a number for a text", `{"service":"checkout","version":2}`, `field version: a number stands where a string is wanted; send text`},
		{"no service", `{"version":"v2"}`, `field service: no service is named; name the service as its telemetry does`},
		{"two objects", `{"service":"a"}{"service":"b"}`, `there is more after the object; send one change per request`},
		{"a kind that is none", `{"service":"a","kind":"exploded"}`, `field kind: kind "exploded" is not known; use deployed, rolledback, configured, scaled or restarted`},
		{"eleven minutes ahead", `{"service":"a","at":"2026-03-01T12:11:00Z"}`, `field at: 2026-03-01T12:11:00Z is more than 10m0s ahead of our clock, which says 2026-03-01T12:00:00Z`},
		{"a time that is none", `{"service":"a","at":"yesterday"}`, `not the JSON of a change`},
		{"seconds", `{"service":"a","at":"1970-01-01T00:00:01Z"}`, `is before the year 2000`},
		{"a script", `{"service":"a","link":"javascript:alert(1)"}`, `field link: "javascript:alert(1)" is not a web address; send https://…, or leave it out`},
		{"two lines", `{"service":"a","note":"x\ny"}`, `field note: holds a line break or another control character; send one line`},
		{"two lines in disguise", `{"service":"a","note":"x\u2028y"}`, `field note: holds a line break or another control character; send one line`},
		{"backwards", `{"service":"a","by":"\u202ebob"}`, `field by: holds a line break or another control character; send one line`},
		{"another's name", `{"service":"check\u200bout"}`, `field service: holds a character that nobody can see; write the name as its telemetry does`},
		{"another's version", `{"service":"a","version":"v2\ufeff"}`, `field version: holds a character that nobody can see`},
		{"a novel", `{"service":"a","note":"` + strings.Repeat("x", 1025) + `"}`, `field note: 1025 bytes long, the limit is 1024; put the rest behind the link`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, ref := Parse([]byte(tt.body), signaltest.Now(), ahead); ref == nil || !strings.Contains(ref.Error(), tt.text) {
				t.Errorf("said %v, want %s", ref, tt.text)
			}
		})
	}
}

const deployed = `{"context":{"version":"0.4.1","id":"271069a8","source":"https://ci.example.com/run/7","type":"dev.cdevents.service.deployed.0.2.0","timestamp":"2026-03-01T11:58:00Z"},
 "subject":{"id":"service/checkout","source":"/cluster/1","type":"service","content":{"environment":{"id":"prod"},"artifactId":"pkg:oci/checkout@sha256%3Aabc?repository_url=reg.example.com&tag=v2"}},"customData":{"x":1}}`

func TestCDEvents(t *testing.T) {
	at := signaltest.Now().Add(-2 * time.Minute)
	structured := func(data string) string {
		return `{"specversion":"1.0","id":"1","source":"x","type":"dev.cdevents.service.deployed.0.2.0","datacontenttype":"application/json","data":` + data + `}`
	}
	binary := http.Header{"Ce-Specversion": {"1.0"}, "Ce-Type": {"dev.cdevents.service.deployed.0.2.0"}, "Ce-Source": {"x"}, "Ce-Id": {"1"}}
	full := fact.Change{At: at, Kind: fact.Deployed, Entity: checkout(""), Version: "v2", By: "https://ci.example.com/run/7", Link: "https://ci.example.com/run/7", Note: "in prod"}
	back := full
	back.Kind = fact.RolledBack
	for _, tt := range []struct {
		name, body string
		header     http.Header
		want       fact.Change
	}{
		{"structured", structured(deployed), nil, full},
		{"binary", deployed, binary, full},
		{"upgraded", structured(strings.Replace(deployed, "service.deployed", "service.upgraded", 1)), nil, full},
		{"rolled back", structured(strings.Replace(deployed, "service.deployed", "service.rolledback", 1)), nil, back},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ref := ParseCDEvent(tt.header, []byte(tt.body), signaltest.Now(), ahead)
			if ref != nil {
				t.Fatal(ref)
			}
			tt.want.Source, tt.want.ID = "hooks/cdevents", got.ID
			if got != tt.want || got.ID == "" {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
	for _, tt := range []struct{ name, body, text string }{
		{"another event", structured(strings.Replace(deployed, "service.deployed", "service.removed", 1)), `event type "dev.cdevents.service.removed.0.2.0" is not taken`},
		{"no version of the type", structured(strings.Replace(deployed, "service.deployed.0.2.0", "service.deployed", 1)), `is not taken`},
		{"no CloudEvent", deployed, `not a CloudEvent`},
		{"not JSON", `hello`, `not the JSON of a CloudEvent`},
		{"no time", structured(strings.Replace(deployed, "2026-03-01T11:58:00Z", "now", 1)), `context.timestamp: not a time`},
		{"no subject", structured(strings.Replace(deployed, "service/checkout", "", 1)), `no service is named`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, ref := ParseCDEvent(nil, []byte(tt.body), signaltest.Now(), ahead); ref == nil || !strings.Contains(ref.Error(), tt.text) {
				t.Errorf("said %v, want %s", ref, tt.text)
			}
		})
	}
}

func TestArtifactVersion(t *testing.T) {
	for _, tt := range []struct{ id, want string }{
		{"pkg:docker/shop/checkout@v2", "v2"},
		{"pkg:oci/checkout@sha256%3Aabc", "sha256:abc"},
		{"pkg:oci/checkout@sha256%3Aabc?tag=v2", "v2"},
		{"pkg:golang/example.com/x@1.2.3#cmd/x", "1.2.3"},
		{"pkg:oci/checkout", ""},
		{"v2", "v2"},
		{"", ""},
	} {
		if got := artifactVersion(tt.id); got != tt.want {
			t.Errorf("artifactVersion(%q) = %q, want %q", tt.id, got, tt.want)
		}
	}
}

func post(d *signal.Doors, path, typ, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", typ)
	w := httptest.NewRecorder()
	NewHandler(d, true).ServeHTTP(w, r)
	return w
}

func TestDoor(t *testing.T) {
	const good = `{"service":"checkout","version":"v2"}`
	for _, tt := range []struct {
		name, path, typ, body string
		sink                  error
		status                int
		text                  string
	}{
		{"a change", "/hooks/change", "application/json", good, nil, 200, `"kind":"deployed"`},
		{"an event", "/hooks/cdevents", "application/cloudevents+json", `{"specversion":"1.0","data":` + deployed + `}`, nil, 200, `"version":"v2"`},
		{"a form, as any web page could send", "/hooks/change", "application/x-www-form-urlencoded", good, nil, 415, "send Content-Type: application/json"},
		{"nonsense", "/hooks/change", "application/json", `[]`, nil, 400, "not the JSON of a change"},
		{"too large", "/hooks/change", "application/json", `{"note":"` + strings.Repeat("x", 65<<10) + `"}`, nil, 413, "body: more than 65536 bytes; send smaller batches or raise limits.change_bytes"},
		{"busy", "/hooks/change", "application/json", good, fact.ErrBusy, 429, "send the same again in 2s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, sink := signaltest.Doors(signal.Limits{})
			sink.Fail(tt.sink)
			w := post(d, tt.path, tt.typ, tt.body)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.text) {
				t.Errorf("%d %s, want %d %s", w.Code, w.Body, tt.status, tt.text)
			}
			if n := len(sink.Changes()); (n == 1) != (tt.status == 200) {
				t.Errorf("kept %d", n)
			}
			signaltest.Law(t, d, sink)
		})
	}
}

// What the guide tells people to send is taken.
func TestGuide(t *testing.T) {
	guide, err := os.ReadFile("../../docs/connect.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(guide), `'"$(date -u +%FT%TZ)"'`, "2026-03-01T12:00:00Z")
	examples := regexp.MustCompile(`(?s)8420(/hooks/\w+).*?Content-Type: ([^']+)'.*?-d '(.*?)'\n`).FindAllStringSubmatch(text, -1)
	if len(examples) != 2 {
		t.Fatalf("%d examples in the guide, want 2", len(examples))
	}
	d, sink := signaltest.Doors(signal.Limits{})
	for _, e := range examples {
		if w := post(d, e[1], e[2], e[3]); w.Code != 200 {
			t.Errorf("%s: %d %s", e[1], w.Code, w.Body)
		}
	}
	if c := sink.Changes(); len(c) != 2 || c[0].Version != "v2" || c[1].Version != "v2" || c[0].Entity != checkout("shop") || c[1].Entity != checkout("") {
		t.Errorf("%+v", c)
	}
}

// The same change sent twice has one ID; another version has another.
func TestIDs(t *testing.T) {
	id := func(body string) string {
		c, ref := Parse([]byte(body), signaltest.Now(), ahead)
		if ref != nil {
			t.Fatal(ref)
		}
		return c.ID
	}
	a := id(`{"service":"shop/checkout","version":"v2","at":"2026-03-01T12:00:00Z"}`)
	if b := id(`{"service":"checkout","namespace":"shop","version":"v2","at":"2026-03-01T13:00:00+01:00","by":"someone else"}`); a != b {
		t.Errorf("the same change is %s and %s", a, b)
	}
	if b := id(`{"service":"shop/checkout","version":"v3","at":"2026-03-01T12:00:00Z"}`); a == b {
		t.Errorf("two changes are %s", a)
	}
}

func FuzzChange(f *testing.F) {
	f.Add([]byte(`{"service":"shop/checkout","version":"v2","before":"v1","kind":"deployed","by":"a","note":"n","link":"https://x/","at":"2026-03-01T12:00:00Z"}`))
	f.Add([]byte(`{"service":"/","at":"0000-01-01T00:00:00Z"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		c, ref := Parse(body, signaltest.Now(), ahead)
		if ref == nil {
			wellFormed(t, c)
		}
	})
}

func FuzzCDEvent(f *testing.F) {
	f.Add("", []byte(`{"specversion":"1.0","data":`+deployed+`}`))
	f.Add("dev.cdevents.service.deployed.0.2.0", []byte(deployed))
	f.Fuzz(func(t *testing.T, typ string, body []byte) {
		h := http.Header{}
		if typ != "" {
			h.Set("ce-type", typ)
			h.Set("ce-specversion", "1.0")
		}
		c, ref := ParseCDEvent(h, body, signaltest.Now(), ahead)
		if ref == nil {
			wellFormed(t, c)
		}
	})
}

// wellFormed checks that a change survives being written and read.
func wellFormed(t *testing.T, c fact.Change) {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
	var back fact.Change
	if err := json.Unmarshal(b, &back); err != nil || !back.At.Equal(c.At) || back.Entity != c.Entity || back.Note != c.Note {
		t.Errorf("%+v came back as %+v (%v)", c, back, err)
	}
}
