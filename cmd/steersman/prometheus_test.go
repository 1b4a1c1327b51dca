package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/steersman-ops/steersman/store/storetest/realprom"
)

// promQuery asks a Prometheus API and returns the answer's result, with series
// in a fixed order.
func promQuery(t *testing.T, base, path string) []string {
	t.Helper()
	resp, err := http.Get(base + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("GET %s%s: %d %s %v", base, path, resp.StatusCode, body, err)
	}
	var out struct {
		Data struct{ Result []json.RawMessage }
	}
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatal(err)
	}
	list := make([]string, 0, len(out.Data.Result))
	for _, r := range out.Data.Result {
		list = append(list, string(r))
	}
	sort.Strings(list)
	return list
}

// nativeTarget serves a native histogram that grows with each scrape, and
// returns its host and port.
func nativeTarget(t *testing.T) string {
	t.Helper()
	reg := prometheus.NewRegistry()
	work := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "work_seconds", Help: "Work.", NativeHistogramBucketFactor: 1.1})
	reg.MustRegister(work)
	h := promhttp.HandlerFor(reg, promhttp.HandlerOpts{})
	n := 0.0
	var mu sync.Mutex
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		for range 20 {
			n++
			work.Observe(n / 64)
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://")
}

// A real Prometheus scrapes itself and a node exporter and writes to the real
// program through its front door. Asked the same afterwards, both answer the
// same.
func TestSameAnswersAsPrometheus(t *testing.T) {
	r := start(t, "")
	prom, stop := realprom.Start(t, realprom.Options{RemoteWrite: r.base + "/api/v1/write", Targets: []string{nativeTarget(t)}, Native: true})
	defer stop()

	// Let it scrape until there is something to compare, then compare as of a
	// moment before which everything has arrived.
	begin := time.Now()
	enough := "/api/v1/query?query=" + urlEscape(`count_over_time(node_load1[1m]) >= 8`)
	for i := 0; len(promQuery(t, prom, enough)) == 0; i++ {
		if i == 600 {
			t.Fatal("Prometheus did not scrape the node exporter eight times in a minute")
		}
		time.Sleep(100 * time.Millisecond)
	}
	at := time.Now().Truncate(time.Second)
	settled := fmt.Sprintf("/api/v1/query?query=%s&time=%d", urlEscape(`{job=~"node|prometheus"}[1m]`), at.Unix())
	for i := 0; ; i++ {
		a, b := promQuery(t, prom, settled), promQuery(t, r.base, settled)
		if strings.Join(a, "\n") == strings.Join(b, "\n") {
			break
		}
		if i == 100 {
			t.Fatalf("the samples before %v never were the same: %s", at, firstDifference(a, b))
		}
		time.Sleep(200 * time.Millisecond)
	}
	for _, q := range []string{
		`{job="node"}[1m]`,
		`{__name__=~"prometheus_tsdb_.*|go_.*"}[1m]`,
		`up`,
		`sum by (mode) (rate(node_cpu_seconds_total[1m]))`,
		// Not rate of a counter near zero: Prometheus 3 extrapolates it otherwise
		// than the Prometheus 2 that Debian has.
		`irate(prometheus_http_requests_total[1m])`,
		`histogram_quantile(0.9, sum by (le) (prometheus_http_request_duration_seconds_bucket))`,
		`topk(5, node_filesystem_avail_bytes)`,
		`work_seconds`, // a native histogram
		`histogram_count(work_seconds)`,
		`histogram_sum(increase(work_seconds[1m])) > 0`,
		`absent(nothing_like_this)`,
	} {
		path := fmt.Sprintf("/api/v1/query?query=%s&time=%d", urlEscape(q), at.Unix())
		want, got := promQuery(t, prom, path), promQuery(t, r.base, path)
		if len(want) == 0 {
			t.Errorf("%s: Prometheus gives nothing, so nothing is compared", q)
		}
		if strings.Join(want, "\n") != strings.Join(got, "\n") {
			t.Errorf("%s at %v:\nPrometheus %d results, Steersman %d; first difference:\n%s", q, at, len(want), len(got), firstDifference(want, got))
		}
	}
	path := fmt.Sprintf("/api/v1/query_range?query=%s&start=%d&end=%d&step=1", urlEscape(`node_load1`), begin.Unix()+1, at.Unix())
	if want, got := promQuery(t, prom, path), promQuery(t, r.base, path); strings.Join(want, "\n") != strings.Join(got, "\n") {
		t.Errorf("query_range: %s", firstDifference(want, got))
	}

	stop() // so that nothing comes in between the three figures
	received, refused, accepted := r.metric("steersman_signal_received_items_total"), r.metric("steersman_signal_refused_items_total"), r.metric("steersman_signal_accepted_items_total")
	if received == 0 || received != refused+accepted {
		t.Errorf("the account does not add up: received %v, refused %v, accepted %v", received, refused, accepted)
	}
}

func firstDifference(want, got []string) string {
	for i := range max(len(want), len(got)) {
		var a, b string
		if i < len(want) {
			a = want[i]
		}
		if i < len(got) {
			b = got[i]
		}
		if a != b {
			return fmt.Sprintf("  Prometheus %s\n  Steersman  %s", a, b)
		}
	}
	return "none"
}
