package series_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/series"
	"github.com/steersman-ops/steersman/store/storetest/realprom"
)

// receiver takes remote write 1.0 and appends it, as far as this test needs it.
func receiver(t *testing.T, s *series.Store) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := receive(s, r); err != nil {
			t.Errorf("remote write: %v", err)
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func receive(s *series.Store, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if body, err = snappy.Decode(nil, body); err != nil {
		return err
	}
	var req prompb.WriteRequest
	if err := req.Unmarshal(body); err != nil {
		return err
	}
	var batch []fact.Series
	for _, ts := range req.Timeseries {
		var ls []fact.Label
		for _, l := range ts.Labels {
			ls = append(ls, fact.Label{Name: l.Name, Value: l.Value})
		}
		one := fact.Series{}
		if one.Labels, err = fact.NewLabels(ls); err != nil {
			return err
		}
		for _, p := range ts.Samples {
			one.Points = append(one.Points, fact.Point{T: p.Timestamp, V: p.Value})
		}
		batch = append(batch, one)
	}
	res, err := s.Append(r.Context(), batch)
	if err == nil && res.Quarantined() > 0 {
		err = fmt.Errorf("%+v", res)
	}
	return err
}

// answer is what Prometheus' API says to a query.
type answer struct {
	Status string
	Error  string
	Data   struct {
		ResultType string
		Result     []struct {
			Metric map[string]string
			Value  [2]any
			Values [][2]any
		}
	}
}

// query asks one of the two and returns for each series the values by time.
func query(t *testing.T, base, path string, form url.Values) map[string]map[string]string {
	t.Helper()
	res, err := http.Get(base + path + "?" + form.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var a answer
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
		t.Fatal(err)
	}
	if a.Status != "success" {
		t.Fatalf("%s %s: %s", base+path, form, a.Error)
	}
	out := make(map[string]map[string]string)
	for _, r := range a.Data.Result {
		key, err := json.Marshal(r.Metric) // members in order of name
		if err != nil {
			t.Fatal(err)
		}
		values := make(map[string]string)
		if r.Value[1] != nil {
			values["now"] = r.Value[1].(string)
		}
		for _, v := range r.Values {
			values[strconv.FormatFloat(v[0].(float64), 'f', 3, 64)] = v[1].(string)
		}
		out[string(key)] = values
	}
	return out
}

func seconds(ms int64) string { return strconv.FormatFloat(float64(ms)/1000, 'f', 3, 64) }

// A real Prometheus scrapes a node exporter and itself and sends on what it
// finds. Then it and this store are asked the same.
func TestBesideARealPrometheus(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED, NOT TESTED: a real Prometheus needs some 12 seconds; run without -short")
	}
	t.Parallel()
	s := open(t, t.TempDir(), series.Options{})
	rw := httptest.NewServer(receiver(t, s))
	defer rw.Close()
	ours := httptest.NewServer(s.Handler())
	defer ours.Close()
	theirs, stop := realprom.Start(t, realprom.Options{RemoteWrite: rw.URL})
	// Prometheus sends only what it scrapes after it has begun to send, so the
	// comparison begins a little later than both.
	from := firstSample(t, s).Add(time.Second)
	to := from.Add(6 * time.Second)
	time.Sleep(time.Until(to.Add(1500 * time.Millisecond))) // for what is still on its way
	compare(t, ours.URL, theirs, from, to)
	rw.CloseClientConnections()
	stop()
}

func firstSample(t *testing.T, s *series.Store) time.Time {
	t.Helper()
	for begun := time.Now(); time.Since(begun) < 20*time.Second; time.Sleep(20 * time.Millisecond) {
		got, err := s.Instant(t.Context(), `count(up == 1)`, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 1 && got[0].V == 2 {
			return time.Now()
		}
	}
	t.Fatal("nothing came from Prometheus in 20 s")
	return time.Time{}
}

// compare asks both the same questions about the time between from and to.
func compare(t *testing.T, ours, theirs string, from, to time.Time) {
	shift := offBoundaries(t, theirs, from, to)
	from, to = from.Add(-shift), to.Add(-shift)
	window := fmt.Sprintf("[%dms]", to.Sub(from).Milliseconds())
	raw := url.Values{"query": {`{__name__=~"node_.*|prometheus_tsdb.*|up|scrape_.*"}` + window}, "time": {seconds(to.UnixMilli())}}
	got, want := query(t, ours, "/api/v1/query", raw), query(t, theirs, "/api/v1/query", raw)
	samples := same(t, "raw samples", got, want, exactly)
	t.Logf("%d series, %d samples", len(want), samples)
	if len(want) < 300 || samples < 20*len(want) {
		t.Errorf("only %d series with %d samples were compared", len(want), samples)
	}
	for _, q := range []string{
		`up`, `node_load1`, `node_cpu_seconds_total`, `prometheus_tsdb_head_series`,
		`rate(node_cpu_seconds_total[4s])`,
		`sum by (mode) (rate(node_cpu_seconds_total[4s]))`,
		`sum(rate(node_cpu_seconds_total{mode!="idle"}[4s])) / sum(rate(node_cpu_seconds_total[4s]))`,
		`histogram_quantile(0.9, sum by (le, handler) (rate(prometheus_http_request_duration_seconds_bucket[4s])))`,
		`histogram_quantile(0.5, prometheus_http_response_size_bytes_bucket)`,
		`increase(prometheus_tsdb_head_samples_appended_total[4s])`,
		`max_over_time(go_goroutines[4s]) - min_over_time(go_goroutines[4s])`,
		`quantile_over_time(0.5, scrape_duration_seconds[4s])`,
		`count by (__name__) ({job="node"})`,
		`topk(3, node_filesystem_size_bytes)`,
		`label_replace(up, "host", "$1", "instance", "(.*):.*")`,
		`up * on (job) group_left count by (job) ({__name__=~".+"})`,
		`changes(node_time_seconds[4s])`, `resets(node_time_seconds[4s])`,
		`predict_linear(node_memory_MemFree_bytes[4s], 60)`,
		`node_time_seconds offset 2s`, `absent(nothing)`, `vector(1) + 2`,
	} {
		form := url.Values{"query": {q}, "time": {seconds(to.UnixMilli())}}
		got, want := query(t, ours, "/api/v1/query", form), query(t, theirs, "/api/v1/query", form)
		if same(t, q, got, want, closely) == 0 {
			t.Errorf("%s: Prometheus' answer is empty, nothing was compared", q)
		}
		form = url.Values{"query": {q}, "start": {seconds(from.Add(5 * time.Second).UnixMilli())}, "end": {seconds(to.UnixMilli())}, "step": {"0.1"}}
		got, want = query(t, ours, "/api/v1/query_range", form), query(t, theirs, "/api/v1/query_range", form)
		same(t, q+" over time", got, want, closely)
	}
}

// offBoundaries returns by how much to ask earlier, so that no range that is
// asked begins at the very millisecond of a sample. There the two differ by
// design: a range of Prometheus 2, which Debian has, holds the sample at its
// left end, and one of Prometheus 3, which this store is built on, doesn't.
func offBoundaries(t *testing.T, theirs string, from, to time.Time) time.Duration {
	t.Helper()
	span := to.Sub(from) + time.Second
	form := url.Values{"query": {fmt.Sprintf("up[%dms]", span.Milliseconds())}, "time": {seconds(to.UnixMilli())}}
	taken := make(map[string]bool)
	for _, values := range query(t, theirs, "/api/v1/query", form) {
		for at := range values {
			taken[at] = true
		}
	}
	for shift := time.Duration(0); shift < 250*time.Millisecond; shift += time.Millisecond {
		free := !taken[seconds(from.Add(-shift).UnixMilli())]
		for at := from.Add(5 * time.Second); !at.After(to); at = at.Add(100 * time.Millisecond) {
			free = free && !taken[seconds(at.Add(-4*time.Second-shift).UnixMilli())]
		}
		if free {
			return shift
		}
	}
	t.Fatal("every millisecond has a sample")
	return 0
}

func exactly(a, b string) bool { return a == b }

// closely allows for the sums that a newer Prometheus adds in another order.
func closely(a, b string) bool {
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	if err1 != nil || err2 != nil {
		return false
	}
	return a == b || math.Abs(x-y) <= 1e-9*math.Max(math.Abs(x), math.Abs(y))
}

// same compares two answers and returns how many values that were.
func same(t *testing.T, what string, got, want map[string]map[string]string, equal func(a, b string) bool) int {
	t.Helper()
	n, wrong := 0, []string{}
	for key := range got {
		if _, ok := want[key]; !ok {
			wrong = append(wrong, "only here: "+key)
		}
	}
	for key, values := range want {
		for at, v := range values {
			n++
			if g, ok := got[key][at]; !ok || !equal(g, v) {
				wrong = append(wrong, fmt.Sprintf("%s at %s: got %q, want %q", key, at, g, v))
			}
		}
		if len(got[key]) > len(values) {
			wrong = append(wrong, fmt.Sprintf("%s: %d values, want %d", key, len(got[key]), len(values)))
		}
	}
	if len(wrong) > 0 {
		t.Errorf("%s: %d differences in %d values:\n%s", what, len(wrong), n, strings.Join(wrong[:min(10, len(wrong))], "\n"))
	}
	return n
}
