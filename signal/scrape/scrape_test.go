package scrape

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/value"
	"go.uber.org/goleak"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// fast are jobs that scrape often.
const fast = "scrape_configs:\n- job_name: shop\n  scrape_interval: 100ms\n  scrape_timeout: 100ms\n"

// run scrapes with the jobs in text until the test ends, or stop is called.
func run(t *testing.T, d *signal.Doors, text string, opt Options) (s *Scraper, stop func()) {
	t.Helper()
	jobs, err := parse(t, text)
	if err != nil {
		t.Fatal(err)
	}
	d.Clock = time.Now
	opt.Settle = 50 * time.Millisecond
	if s, err = New(d, jobs, opt); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return s, stop
}

// target serves a text as its metrics, and counts how often it was asked.
type target struct {
	*httptest.Server
	mu   sync.Mutex
	text string
}

func newTarget(t *testing.T, text string) *target {
	tg := &target{text: text}
	tg.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		tg.mu.Lock()
		defer tg.mu.Unlock()
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		fmt.Fprint(w, tg.text)
	}))
	t.Cleanup(tg.Close)
	return tg
}

func (tg *target) say(text string) {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	tg.text = text
}

func (tg *target) address() string { return strings.TrimPrefix(tg.URL, "http://") }

func (tg *target) static() string {
	return fmt.Sprintf("  static_configs: [{targets: ['%s'], labels: {tier: web}}]\n", tg.address())
}

// await waits until what is asked is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for begun := time.Now(); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > 10*time.Second {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// values returns what the sink has of a series, by its text with the address of
// the target left out.
func values(sink *signaltest.Sink, series string) (out []float64) {
	for _, s := range sink.Series() {
		if s.Labels.With("instance", "").String() == series {
			for _, p := range s.Points {
				out = append(out, p.V)
			}
		}
	}
	return out
}

func TestScrape(t *testing.T) {
	tg := newTarget(t, "# HELP requests_total Requests.\n# TYPE requests_total counter\nrequests_total{code=\"200\",job=\"own\"} 7\n# TYPE took histogram\ntook_bucket{le=\"+Inf\"} 3\ntook_sum 1.5\ntook_count 3\nbare 1\n")
	d, sink := signaltest.Doors(signal.Limits{})
	reg := prometheus.NewRegistry()
	s, stop := run(t, d, fast+tg.static(), Options{Registerer: reg})
	up := `up{job="shop",tier="web"}`
	await(t, "two scrapes", func() bool { return len(values(sink, up)) >= 2 })
	if n := len(s.managers[0].TargetsActive()["shop"]); n != 1 {
		t.Errorf("%d targets", n)
	}
	if err := testutil.GatherAndCompare(reg, strings.NewReader("# HELP steersman_scrape_targets Targets, by job and state: active, or dropped by relabel_configs.\n# TYPE steersman_scrape_targets gauge\nsteersman_scrape_targets{job=\"shop\",state=\"active\"} 1\nsteersman_scrape_targets{job=\"shop\",state=\"dropped\"} 0\n"), "steersman_scrape_targets"); err != nil {
		t.Error(err)
	}

	// A series that the target does not tell any more ends.
	tg.say("requests_total{code=\"200\",job=\"own\"} 8\n")
	bare := `bare{job="shop",tier="web"}`
	await(t, "a stale marker", func() bool {
		v := values(sink, bare)
		return len(v) > 1 && value.IsStaleNaN(v[len(v)-1])
	})
	stop()

	types := make(map[string]fact.SeriesType)
	for _, b := range sink.Batches() {
		if b.Source != "scrape:shop" {
			t.Errorf("a batch of %q", b.Source)
		}
		for _, s := range b.Series {
			if s.Type != fact.Untyped {
				types[s.Labels.Name()] = s.Type
			}
			if s.Labels.Name() == "requests_total" && s.Type != fact.Untyped && s.Help != "Requests." {
				t.Errorf("%s is %q", s.Labels, s.Help)
			}
		}
	}
	want := map[string]fact.SeriesType{"requests_total": fact.Counter, "took_bucket": fact.Counter, "took_sum": fact.Counter, "took_count": fact.Counter, "up": fact.Gauge, "scrape_duration_seconds": fact.Gauge, "scrape_samples_scraped": fact.Gauge}
	for name, typ := range want {
		if types[name] != typ {
			t.Errorf("%s is of the type %v, want %v", name, types[name], typ)
		}
	}
	if v := values(sink, `requests_total{code="200",exported_job="own",job="shop",tier="web"}`); len(v) < 2 || v[0] != 7 || v[len(v)-1] != 8 {
		t.Errorf("requests_total is %v", v)
	}
	if v := values(sink, `scrape_samples_scraped{job="shop",tier="web"}`); v[0] != 5 {
		t.Errorf("scrape_samples_scraped is %v", v)
	}
	signaltest.Law(t, d, sink)
	signaltest.WellFormed(t, sink)
}

// A target that is down, or says what cannot be read, is up=0 and what it said
// before ends.
func TestDown(t *testing.T) {
	tg := newTarget(t, "a 1\n")
	d, sink := signaltest.Doors(signal.Limits{})
	_, stop := run(t, d, fast+tg.static(), Options{})
	up := `up{job="shop",tier="web"}`
	last := func(series string) float64 {
		v := values(sink, series)
		return v[len(v)-1]
	}
	await(t, "up", func() bool { return len(values(sink, up)) > 0 && last(up) == 1 })
	tg.say("b 2\nnot { a metric\n")
	await(t, "down", func() bool { return last(up) == 0 })
	if !value.IsStaleNaN(last(`a{job="shop",tier="web"}`)) || values(sink, `b{job="shop",tier="web"}`) != nil {
		t.Errorf("a is %v, b is %v", last(`a{job="shop",tier="web"}`), values(sink, `b{job="shop",tier="web"}`))
	}
	tg.say("a 3\n")
	await(t, "up again", func() bool { return last(up) == 1 && last(`a{job="shop",tier="web"}`) == 3 })
	tg.Close()
	await(t, "down again", func() bool { return last(up) == 0 })
	stop()
	signaltest.Law(t, d, sink)
	if s := d.Sources.Sources()[0]; s.Name != "scrape:shop" || s.Kind != Door || s.Reasons["malformed"] < 1 || s.Reasons["malformed"] != s.Refused {
		t.Errorf("%+v", s)
	}
}

// A sink that takes nothing is asked again until the next scrape is due; what it
// did not take is a gap that is counted and logged.
func TestGap(t *testing.T) {
	tg := newTarget(t, "a 1\n")
	d, sink := signaltest.Doors(signal.Limits{})
	var mu sync.Mutex
	var said []string
	d.Logger = signaltest.OnError(func(msg string) { mu.Lock(); said = append(said, msg); mu.Unlock() })
	_, stop := run(t, d, fast+tg.static(), Options{})
	up := `up{job="shop",tier="web"}`
	await(t, "up", func() bool { return len(values(sink, up)) > 0 })
	sink.Fail(fact.ErrBusy)
	await(t, "a refusal", func() bool { return d.Sources.Sources()[0].Reasons["busy"] > 0 })
	sink.Fail(errors.New("the disk is gone"))
	await(t, "a failure", func() bool { return d.Sources.Sources()[0].Reasons["failed"] > 0 })
	before := len(values(sink, up))
	sink.Fail(nil)
	await(t, "up again", func() bool { return len(values(sink, up)) > before })
	stop()
	signaltest.Law(t, d, sink)
	mu.Lock()
	defer mu.Unlock()
	if !strings.Contains(strings.Join(said, "\n"), "Scrape commit failed") {
		t.Errorf("the log has %q", said)
	}
}

// A busy moment costs nothing.
func TestBusyMoment(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{})
	d.Clock = time.Now
	to := &appendable{doors: d, puller: d.Puller("scrape:x", signal.SourceLimits{}), limits: d.Limits.WithDefaults(), known: newKnown(10), patience: 5 * time.Second, stopping: t.Context()}
	a := to.AppenderV2(t.Context())
	if _, err := a.Append(0, labelsOf("a"), 0, 1000, 1, nil, nil, options()); err != nil {
		t.Fatal(err)
	}
	sink.Fail(fact.ErrBusy)
	time.AfterFunc(120*time.Millisecond, func() { sink.Fail(nil) })
	if err := a.Commit(); err != nil || len(sink.Series()) != 1 {
		t.Errorf("%v, %d series", err, len(sink.Series()))
	}
	signaltest.Law(t, d, sink)
}

// What our limits refuse is refused alone.
func TestLimits(t *testing.T) {
	var b strings.Builder
	for i := range 30 {
		fmt.Fprintf(&b, "a{i=\"%d\"} 1\n", i)
	}
	fmt.Fprintf(&b, "long{x=%q} 1\n", strings.Repeat("x", 101))
	tg := newTarget(t, b.String())
	d, sink := signaltest.Doors(signal.Limits{LabelValueBytes: 100})
	_, stop := run(t, d, fast+tg.static(), Options{Limits: signal.SourceLimits{Series: 20}})
	await(t, "three scrapes", func() bool { return len(sink.Batches()) >= 3 })
	stop()
	signaltest.Law(t, d, sink)
	if n := d.SeriesOf("scrape:shop"); n != 20 {
		t.Errorf("%d series, want 20", n)
	}
	s := d.Sources.Sources()[0]
	if s.Reasons["new_series"] == 0 || s.Reasons["labels"] == 0 || len(s.Reasons) != 2 {
		t.Errorf("refused %v", s.Reasons)
	}
	if v := values(sink, `a{i="0",job="shop",tier="web"}`); len(v) < 3 {
		t.Errorf("a series that was let in has %d samples", len(v))
	}
}

// The rate of a source bounds its scrapes.
func TestRate(t *testing.T) {
	tg := newTarget(t, strings.Repeat("# nothing\n", 3)+"a 1\n")
	d, sink := signaltest.Doors(signal.Limits{})
	_, stop := run(t, d, fast+tg.static(), Options{Limits: signal.SourceLimits{ItemsPerSecond: 1}})
	await(t, "a refusal", func() bool {
		list := d.Sources.Sources()
		return len(list) > 0 && list[0].Reasons["rate"] > 0
	})
	stop()
	signaltest.Law(t, d, sink)
}

func TestNativeHistograms(t *testing.T) {
	reg := prometheus.NewRegistry()
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "took_seconds", Help: "Time.", NativeHistogramBucketFactor: 1.1})
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: "asked_total", Help: "Asked."})
	reg.MustRegister(h, c)
	for i := range 100 {
		h.Observe(float64(i) - 10)
	}
	c.(prometheus.ExemplarAdder).AddWithExemplar(3, prometheus.Labels{"trace_id": "x"})
	var mu sync.Mutex
	handler := promhttp.HandlerFor(reg, promhttp.HandlerOpts{EnableOpenMetrics: true})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		handler.ServeHTTP(w, r)
	}))
	defer srv.Close()
	d, sink := signaltest.Doors(signal.Limits{})
	_, stop := run(t, d, fast+"  scrape_native_histograms: true\n"+fmt.Sprintf("  static_configs: [{targets: ['%s']}]\n", srv.Listener.Addr()), Options{})
	native := func() (out []fact.HistogramSeries) {
		for _, b := range sink.Batches() {
			out = append(out, b.Histograms...)
		}
		return out
	}
	await(t, "a histogram", func() bool { return len(native()) > 1 })
	mu.Lock()
	handler = promhttp.HandlerFor(prometheus.NewRegistry(), promhttp.HandlerOpts{})
	mu.Unlock()
	await(t, "its end", func() bool {
		all := native()
		return value.IsStaleNaN(all[len(all)-1].Points[0].H.Sum)
	})
	stop()
	first := native()[0]
	if p := first.Points[0].H; first.Labels.Name() != "took_seconds" || first.Type != fact.Counter || first.Help != "Time." || p.Count != 100 || p.Sum != 3950 || p.Negative.Len() == 0 || p.ZeroCount != 1 {
		t.Errorf("%s, %v, %q: %+v", first.Labels, first.Type, first.Help, p)
	}
	signaltest.Law(t, d, sink)
	signaltest.WellFormed(t, sink)
	var told []fact.Exemplar
	for _, b := range sink.Batches() {
		told = append(told, b.Exemplars...)
	}
	if len(told) != 1 || told[0].Series.Name() != "asked_total" || told[0].Attrs.Get("trace_id") != "x" || told[0].V != 3 || told[0].T == 0 {
		t.Errorf("exemplars %+v, want the one, once", told)
	}
	if s := d.Sources.Sources()[0]; s.Refused != 0 {
		t.Errorf("refused %v", s.Reasons)
	}
}

// Relabelling as in Prometheus' documentation: the address of the scrape, and the
// name of the target, come from labels.
func TestRelabel(t *testing.T) {
	tg := newTarget(t, "go_gc 1\nkept 2\n")
	d, sink := signaltest.Doors(signal.Limits{})
	_, stop := run(t, d, fast+fmt.Sprintf(`  static_configs: [{targets: ['https://example.com', 'gone']}]
  relabel_configs:
    - source_labels: [__address__]
      regex: gone
      action: drop
    - source_labels: [__address__]
      target_label: __param_target
    - source_labels: [__param_target]
      target_label: instance
    - target_label: __address__
      replacement: %s
  metric_relabel_configs:
    - source_labels: [__name__]
      regex: 'go_.*'
      action: drop
`, tg.address()), Options{})
	await(t, "a scrape", func() bool { return len(sink.Batches()) > 0 })
	stop()
	names := make(map[string]bool)
	for _, s := range sink.Series() {
		names[s.Labels.String()] = true
	}
	if !names[`kept{instance="https://example.com",job="shop"}`] || names[`go_gc{instance="https://example.com",job="shop"}`] {
		t.Errorf("%v", names)
	}
}

func TestFileDiscovery(t *testing.T) {
	a, b := newTarget(t, "which 1\n"), newTarget(t, "which 2\n")
	dir := t.TempDir()
	file := filepath.Join(dir, "targets.json")
	write := func(address string) {
		if err := os.WriteFile(file, fmt.Appendf(nil, `[{"targets": [%q]}]`, address), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(a.address())
	d, sink := signaltest.Doors(signal.Limits{})
	_, stop := run(t, d, fast+"  file_sd_configs: [{files: ['"+dir+"/*.json']}]\n", Options{})
	which := `which{job="shop"}`
	await(t, "the first", func() bool { return len(values(sink, which)) > 0 })
	write(b.address())
	await(t, "the second", func() bool { v := values(sink, which); return v[len(v)-1] == 2 })
	stop()
	signaltest.Law(t, d, sink)
}

func TestHTTPDiscoveryAndPasswords(t *testing.T) {
	tg := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "ann" || password != "pw" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintln(w, "a 1")
	}))
	defer tg.Close()
	sd := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `[{"targets": [%q], "labels": {"zone": "z"}}]`, tg.Listener.Addr())
	}))
	defer sd.Close()
	d, sink := signaltest.Doors(signal.Limits{})
	_, stop := run(t, d, fast+"  basic_auth: {username: ann, password: pw}\n  http_sd_configs: [{url: '"+sd.URL+"'}]\n", Options{})
	await(t, "a scrape", func() bool { return len(values(sink, `a{job="shop",zone="z"}`)) > 0 })
	stop()
}

// A control plane that cannot be reached holds up nothing. When the scraper has
// stopped client-go may still sleep for a second or some before it sees that, and
// then ends, too.
func TestKubernetesIsNotThere(t *testing.T) {
	before := goleak.IgnoreCurrent()
	tg := newTarget(t, "a 1\n")
	d, sink := signaltest.Doors(signal.Limits{})
	_, stop := run(t, d, fast+"  kubernetes_sd_configs: [{role: pod, api_server: 'http://127.0.0.1:1'}]\n"+tg.static(), Options{})
	await(t, "a scrape of the others", func() bool { return len(sink.Batches()) > 0 })
	stop()
	tg.Close()
	await(t, "the end of client-go", func() bool { return goleak.Find(before) == nil })
	signaltest.Law(t, d, sink)
}

func TestStopWithASinkThatIsStuck(t *testing.T) {
	tg := newTarget(t, "a 1\n")
	d, sink := signaltest.Doors(signal.Limits{})
	d.Logger = slog.New(slog.DiscardHandler)
	sink.Fail(fact.ErrBusy)
	_, stop := run(t, d, strings.ReplaceAll(fast, "100ms", "1s")+tg.static(), Options{})
	await(t, "a scrape", func() bool { return len(d.Sources.Sources()) > 0 })
	begun := time.Now()
	stop()
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("stopping took %v", took)
	}
}
