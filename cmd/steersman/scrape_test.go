package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/store/storetest/realprom"
)

// A series as Prometheus' API tells it.
type promSeries struct {
	Metric map[string]string
	Value  [2]any
	Values [][2]any
}

// name is the labels as one text, in order. Prometheus 3, whose code scrapes here,
// writes the quantile 1 as 1.0; Prometheus 2, which Debian has, as it is told.
func (s promSeries) name() string {
	if q := s.Metric["quantile"]; q == "0" || q == "1" {
		s.Metric["quantile"] = q + ".0"
	}
	b, _ := json.Marshal(s.Metric)
	return string(b)
}

func promSeriesOf(t *testing.T, base, query string) map[string]promSeries {
	t.Helper()
	out := make(map[string]promSeries)
	for _, raw := range promQuery(t, base, "/api/v1/query?query="+urlEscape(query)) {
		var s promSeries
		if err := json.Unmarshal([]byte(raw), &s); err != nil {
			t.Fatal(err)
		}
		out[s.name()] = s
	}
	return out
}

// promMetadata returns type and help of metrics whose name begins with prefix.
func promMetadata(t *testing.T, base, prefix string) map[string]string {
	t.Helper()
	resp, err := http.Get(base + "/api/v1/metadata")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var in struct {
		Data map[string][]struct{ Type, Help string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&in); err != nil {
		t.Fatal(err)
	}
	out := make(map[string]string)
	for name, list := range in.Data {
		if strings.HasPrefix(name, prefix) {
			out[name] = list[0].Type + " " + list[0].Help
		}
	}
	return out
}

// A real Prometheus and the real program scrape the same node exporter, with the
// same block of configuration.
func TestScrapesAsPrometheus(t *testing.T) {
	prom, _ := realprom.Start(t, realprom.Options{})
	var node string
	for i := 0; node == ""; i++ {
		if i == 200 {
			t.Fatal("Prometheus does not scrape the node exporter")
		}
		time.Sleep(50 * time.Millisecond)
		for _, s := range promSeriesOf(t, prom, `up{job="node"} == 1`) {
			node = s.Metric["instance"]
		}
	}
	if _, _, err := net.SplitHostPort(node); err != nil {
		t.Fatal(err)
	}
	r := start(t, fmt.Sprintf("scrape: {interval: 250ms}\nscrape_configs:\n- {job_name: node, static_configs: [{targets: ['%s']}]}\n", node))
	for i := 0; len(promQuery(t, r.base, "/api/v1/query?query="+urlEscape(`count_over_time(node_load1[1m]) >= 12`))) == 0; i++ {
		if i == 300 {
			t.Fatalf("no twelve scrapes in half a minute\n%s", r.out.String())
		}
		time.Sleep(100 * time.Millisecond)
	}
	want, got := promSeriesOf(t, prom, `{job="node"}`), promSeriesOf(t, r.base, `{job="node"}`)
	for name := range want {
		if _, ok := got[name]; !ok {
			t.Errorf("Prometheus has %s", name)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("Steersman alone has %s", name)
		}
	}
	if len(want) < 300 {
		t.Errorf("%d series are not what a node exporter tells", len(want))
	}
	compareSteady(t, promSeriesOf(t, prom, `{job="node"}[5s]`), promSeriesOf(t, r.base, `{job="node"}[5s]`))

	told, is := promMetadata(t, prom, "node_"), promMetadata(t, r.base, "node_")
	for name, text := range told {
		if is[name] != text && !strings.HasPrefix(text, "unknown") {
			t.Errorf("%s is %q, Prometheus says %q", name, is[name], text)
		}
	}
	if len(told) < 50 {
		t.Errorf("Prometheus tells of %d metrics", len(told))
	}
	if n := r.metric("steersman_signal_refused_items_total"); n != 0 {
		t.Errorf("%v samples were refused", n)
	}
}

// compareSteady compares the values that did not change for a while, as Prometheus
// saw them.
func compareSteady(t *testing.T, want, got map[string]promSeries) {
	t.Helper()
	steady := 0
	for name, w := range want {
		value := w.Values[0][1]
		if slices.ContainsFunc(w.Values, func(p [2]any) bool { return p[1] != value }) {
			continue
		}
		g, ok := got[name]
		if !ok || len(w.Values) < 8 || strings.HasPrefix(w.Metric["__name__"], "scrape_") {
			continue
		}
		steady++
		// A gauge may move between two scrapes; it is not elsewhere all the time.
		begin, end := w.Values[0][0].(float64), w.Values[len(w.Values)-1][0].(float64)
		same, other := 0, any(nil)
		for _, p := range g.Values {
			if at := p[0].(float64); at >= begin && at <= end && p[1] == value {
				same++
			} else if at >= begin && at <= end {
				other = p[1]
			}
		}
		if same == 0 {
			t.Errorf("%s is %v, Prometheus says %v", name, other, value)
		}
	}
	if steady < 200 {
		t.Errorf("only %d values could be compared", steady)
	}
}
