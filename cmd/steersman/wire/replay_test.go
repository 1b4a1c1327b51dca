package wire

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/steersman-ops/steersman/cmd/steersman/config"
	"github.com/steersman-ops/steersman/signal/recorded"
	"github.com/steersman-ops/steersman/store/lines"
	"github.com/steersman-ops/steersman/store/spans"
)

func replayed(t *testing.T, dir string, paths ...string) Replayed {
	t.Helper()
	cfg, err := config.Load("")
	if err != nil {
		t.Fatal(err)
	}
	cfg.DataDir = dir
	out, err := Replay(t.Context(), cfg, paths, recorded.Options{}, Options{Version: "test", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func papers(t *testing.T, r Replayed) []byte {
	t.Helper()
	b, err := json.MarshalIndent([]any{r.Findings, r.Incidents}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// record writes five years old tables: a front door that calls payment, which
// fails a third of its requests for a minute, its queue, and what it logs.
func record(t *testing.T, dir string) {
	t.Helper()
	const begin, length, from, to = 1_600_000_000, 300, 180, 240
	rnd := rand.New(rand.NewPCG(1, 2))
	var spans, queue [][]string
	spans = append(spans, []string{"trace_id", "span_id", "parent_id", "service", "operation", "start_us", "duration_us", "status"})
	queue = append(queue, []string{"time", "payment|queue_length", "note"})
	for s := range length {
		at, fault := begin+s, s >= from && s < to
		for n := range 15 {
			start := at*1_000_000 + n*60_000
			took, status := 3000+rnd.IntN(2000), ""
			if fault && rnd.IntN(3) == 0 {
				status = "ERROR"
			}
			trace := strconv.Itoa(s*100 + n)
			spans = append(spans,
				[]string{trace, "2", "1", "payment", "pay", strconv.Itoa(start + 500), strconv.Itoa(took), status},
				[]string{trace, "1", "", "shop", "buy", strconv.Itoa(start), strconv.Itoa(took + 1500), status})
		}
		queue = append(queue, []string{strconv.Itoa(at), strconv.Itoa(3 + rnd.IntN(3)), "x"})
	}
	write(t, filepath.Join(dir, "traces.csv"), spans)
	write(t, filepath.Join(dir, "queue.csv"), queue)
	text := "[2020-09-13 12:26:40,500] payment starts\n  with these settings\n[2020-09-13 12:27:00,500] payment is ready\n"
	if err := os.WriteFile(filepath.Join(dir, "payment.log"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path string, rows [][]string) {
	t.Helper()
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The promise: same recording, same findings, byte for byte, however old it is;
// and the intake log that a replay leaves is a recording, too.
func TestTwoReplaysFindTheSame(t *testing.T) {
	from := t.TempDir()
	record(t, from)
	first := t.TempDir()
	a := replayed(t, first, from)
	if len(a.Incidents) != 1 || len(a.Incidents[0].Causes) == 0 || a.Incidents[0].Causes[0].Entity.Name != "payment" {
		t.Fatalf("found %d incidents: %s", len(a.Incidents), papers(t, a))
	}
	for _, f := range a.Files {
		if f.Refused > 0 || f.Read == 0 {
			t.Errorf("%+v", f)
		}
	}
	if b := replayed(t, t.TempDir(), from); !bytes.Equal(papers(t, a), papers(t, b)) {
		t.Errorf("a second replay found something else:\n%s\n%s", papers(t, a), papers(t, b))
	}
	if c := replayed(t, t.TempDir(), first); !bytes.Equal(papers(t, a), papers(t, c)) {
		t.Errorf("the replay of the intake log found something else:\n%s\n%s", papers(t, a), papers(t, c))
	}
	kept(t, first)
}

// kept looks into the stores that a replay left.
func kept(t *testing.T, dir string) {
	t.Helper()
	cfg, err := config.Load("")
	if err != nil {
		t.Fatal(err)
	}
	cfg.DataDir, cfg.Metrics.Retention, cfg.Lines.Retention, cfg.Spans.Retention = dir, forever, forever, forever
	w := &worker{cfg: cfg, log: slog.New(slog.DiscardHandler), metrics: prometheus.NewRegistry()}
	defer w.close() //nolint:errcheck // the test has seen what it came for
	w.budget = newBudget(1 << 30)
	if err := w.openStores(); err != nil {
		t.Fatal(err)
	}
	store, err := w.series.wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := store.Instant(t.Context(), `count_over_time(queue_length{service_name="payment"}[10m])`, time.Unix(1_600_000_300, 0))
	if err != nil || len(got) != 1 || got[0].V != 300 {
		t.Errorf("of 300 samples there are %v, %v", got, err)
	}
	found, err := w.lines.Search(t.Context(), lines.Query{Service: "payment", Limit: 10})
	if err != nil || len(found.Lines) != 2 || found.Lines[1].Text != "payment starts\n  with these settings" {
		t.Errorf("kept the lines %+v, %v", found.Lines, err)
	}
	last, err := w.spans.Search(t.Context(), spans.Query{Service: "payment", Limit: 1})
	if err != nil || len(last.Spans) != 1 || last.Spans[0].Start != 1_600_000_299_840_500_000 {
		t.Fatalf("kept the spans %+v, %v", last.Spans, err)
	}
	trace, err := w.spans.Trace(t.Context(), last.Spans[0].TraceID)
	if err != nil || len(trace.Spans) != 2 || trace.Spans[0].Name != "buy" || trace.Spans[1].Parent != trace.Spans[0].ID {
		t.Errorf("kept the trace %+v, %v", trace.Spans, err)
	}
}
