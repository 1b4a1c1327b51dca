package series_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/series"
)

// server answers over a store with some series.
func server(t *testing.T) string {
	t.Helper()
	s := open(t, t.TempDir(), series.Options{Version: "0.1.0"})
	up := one("up", 0, 10, 20)
	up.Type, up.Help = fact.Gauge, "Whether it runs."
	requests := one("requests_total", 0, 10, 20)
	requests.Type, requests.Help, requests.Unit = fact.Counter, "Requests.", "1"
	batch := []fact.Series{up, requests, one("untold", 0)}
	for _, le := range []string{"0.1", "+Inf"} {
		b := one("duration_seconds_bucket", 0)
		b.Labels, b.Type, b.Help = b.Labels.With("le", le), fact.Counter, "Durations."
		batch = append(batch, b)
	}
	for _, name := range []string{"duration_seconds_sum", "duration_seconds_count"} {
		c := one(name, 0)
		c.Type, c.Help = fact.Counter, "Durations."
		batch = append(batch, c)
	}
	if _, err := s.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(srv.Close)
	return srv.URL
}

// ask returns the status and the body of an answer.
func ask(t *testing.T, method, target string, form url.Values) (int, string) {
	t.Helper()
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader(form.Encode())
	} else if form != nil {
		target += "?" + form.Encode()
	}
	req, err := http.NewRequestWithContext(t.Context(), method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("Origin", "http://evil.example")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err) // a handler that panics closes the connection
	}
	defer res.Body.Close()
	if got := res.Header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("%s %s may be read by the page of %q", method, target, got)
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// Every route of Prometheus' API is answered: with what there is, with an
// empty list, or with the news that it is not part of this API.
func TestEveryRoute(t *testing.T) {
	base := server(t)
	form := func(pairs ...string) url.Values {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Add(pairs[i], pairs[i+1])
		}
		return v
	}
	now := "1800000020"
	window := []string{"start", "1800000000", "end", now}
	for _, tt := range []struct {
		method, path string
		form         url.Values
		status       int
		want         string // part of the body
	}{
		{"GET", "/query", form("query", "sum(up)", "time", now), 200, `"result":[{"metric":{},"value":[1800000020,"20"]}]`},
		{"POST", "/query", form("query", "sum(up)", "time", now), 200, `"20"`},
		{"GET", "/query", form("query", "sum(", "time", now), 400, `parse error`},
		{"GET", "/query", nil, 400, `"errorType":"bad_data"`},
		{"GET", "/query_range", form(append(window, "query", "up", "step", "10")...), 200, `"values":[[1800000000,"0"],[1800000010,"10"],[1800000020,"20"]]`},
		{"POST", "/query_range", form(append(window, "query", "up", "step", "10")...), 200, `"20"`},
		{"GET", "/query_range", form("query", "up"), 400, `bad_data`},
		{"GET", "/query_exemplars", form(append(window, "query", "up")...), 200, `"data":[]`},
		{"GET", "/format_query", form("query", "sum( up )"), 200, `"data":"sum(up)"`},
		{"GET", "/parse_query", form("query", "sum(up)"), 200, `"type":"aggregation"`},
		{"GET", "/labels", form(window...), 200, `"data":["__name__","job","le"]`},
		{"POST", "/labels", form(window...), 200, `"job"`},
		{"GET", "/label/job/values", form(window...), 200, `"data":["test"]`},
		{"GET", "/label/__name__/values", nil, 200, `"untold"`},
		{"GET", "/series", form(append(window, "match[]", "up")...), 200, `"data":[{"__name__":"up","job":"test"}]`},
		{"POST", "/series", form(append(window, "match[]", "up")...), 200, `"up"`},
		{"GET", "/series", nil, 400, `no match[] parameter provided`},
		{"GET", "/metadata", nil, 200, `"up":[{"type":"gauge","unit":"","help":"Whether it runs."}]`},
		{"GET", "/metadata", form("metric", "duration_seconds"), 200, `"data":{"duration_seconds":[{"type":"histogram","unit":"","help":"Durations."}]}`},
		{"GET", "/metadata", form("metric", "requests_total"), 200, `"type":"counter","unit":"1"`},
		{"GET", "/metadata", form("metric", "duration_seconds_sum"), 200, `"data":{}`},
		{"GET", "/metadata", form("metric", "nothing"), 200, `"data":{}`},
		{"GET", "/scrape_pools", nil, 200, `"scrapePools":[]`},
		{"GET", "/targets", nil, 200, `"activeTargets":[]`},
		{"GET", "/targets", form("state", "dropped"), 200, `"droppedTargets":[]`},
		{"GET", "/targets/metadata", nil, 200, `"data":[]`},
		{"GET", "/alertmanagers", nil, 200, `"activeAlertmanagers":[]`},
		{"GET", "/rules", nil, 200, `"groups":[]`},
		{"GET", "/alerts", nil, 200, `"alerts":[]`},
		{"GET", "/status/config", nil, 200, `"yaml"`},
		{"GET", "/status/flags", nil, 200, `"data":{}`},
		{"GET", "/status/runtimeinfo", nil, 200, `"storageRetention":"15d"`},
		{"GET", "/status/buildinfo", nil, 200, `"branch":"steersman 0.1.0"`},
		{"GET", "/status/buildinfo", nil, 200, `"version":"3.16.0"`},
		{"GET", "/status/tsdb", nil, 200, `"numSeries":7`},
		{"GET", "/status/tsdb", nil, 200, `"chunkCount":7`},
		{"GET", "/status/tsdb/blocks", nil, 200, `"success"`},
		{"GET", "/status/walreplay", nil, 200, `"success"`},
		{"GET", "/features", nil, 200, `"success"`},
		{"GET", "/notifications", nil, 200, `"success"`},
		{"GET", "/openapi.yaml", nil, 200, `openapi:`},
		{"OPTIONS", "/query", nil, 204, ``},
		{"GET", "/notifications/live", nil, 404, `is not part of this API`},
		{"GET", "/status/self_metrics", nil, 404, `is not part of this API`},
		{"GET", "/scrape_pools/config", nil, 404, `is not part of this API`},
		{"GET", "/search/metric_names", nil, 404, `is not part of this API`},
		{"GET", "/query_cost", form("query", "up"), 404, `is not part of this API`},
		{"POST", "/read", nil, 404, `is not part of this API`},
		{"POST", "/write", nil, 404, `POST /api/v1/write is not part of this API`},
		{"POST", "/otlp/v1/metrics", nil, 404, `is not part of this API`},
		{"POST", "/admin/tsdb/delete_series", form("match[]", "up"), 404, `is not part of this API`},
		{"PUT", "/admin/tsdb/snapshot", nil, 404, `is not part of this API`},
		{"POST", "/admin/tsdb/clean_tombstones", nil, 404, `is not part of this API`},
		{"GET", "/", nil, 404, `is not part of this API`},
		{"GET", "/../query", nil, 404, ``},
	} {
		name := tt.method + " " + tt.path
		status, body := ask(t, tt.method, base+"/api/v1"+tt.path, tt.form)
		if status != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s: %d %s\nwant %d …%s…", name, status, body[:min(len(body), 500)], tt.status, tt.want)
		}
		if tt.path != "/openapi.yaml" && status != 204 && !json.Valid([]byte(body)) {
			t.Errorf("%s: the answer is not JSON: %.200s", name, body)
		}
	}
	for _, path := range []string{"/", "/api", "/api/v1", "/query", "/api/v2/query"} {
		if status, _ := ask(t, "GET", base+path, nil); status != 404 {
			t.Errorf("GET %s: %d, want 404", path, status)
		}
	}
}

func TestReleaseOf(t *testing.T) {
	for library, want := range map[string]string{"v0.316.0": "3.16.0", "v0.401.2": "4.1.2", "": "3.16.0", "(devel)": "3.16.0", "v1.2.3": "3.16.0"} {
		if got := series.ReleaseOf(library); got != want {
			t.Errorf("ReleaseOf(%q) = %q, want %q", library, got, want)
		}
	}
}

// What metrics mean is known after a restart, before anyone says it again.
func TestDescriptionsAreKept(t *testing.T) {
	dir := t.TempDir()
	up := one("up", 0)
	up.Type, up.Help = fact.Gauge, strings.Repeat("long ", 1000)
	for range 2 {
		s := open(t, dir, series.Options{})
		if _, err := s.Append(t.Context(), []fact.Series{up}); err != nil {
			t.Fatal(err)
		}
		up.Type, up.Help = fact.Untyped, "" // a sender that says nothing does not unsay it
		srv := httptest.NewServer(s.Handler())
		_, body := ask(t, "GET", srv.URL+"/api/v1/metadata", nil)
		if !strings.Contains(body, `"type":"gauge"`) || !strings.Contains(body, "long long") || len(body) > 1500 {
			t.Errorf("metadata: %.2000s", body)
		}
		srv.Close()
		s.Close()
	}
}
