package watch_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/watch"
	"github.com/steersman-ops/steersman/watch/watchtest"
)

// eventful is a log in which much happens: two faults, a bad release, changes,
// series, and a person's answer.
func eventful() *memoryLog {
	shop := watchtest.NewShop(11, 12,
		watchtest.Fault{From: 100, To: 125, Service: "payment", Fails: 0.4},
		watchtest.Fault{From: 160, Service: "checkout", Weights: map[string]int{"v1": 50, "v2": 50}},
		watchtest.Fault{From: 165, To: 190, Service: "checkout", Version: "v2", Fails: 0.4},
		watchtest.Fault{From: 215, To: 240, Service: "inventory", Slower: 300 * time.Millisecond},
	)
	extra := map[int]*fact.Batch{160: deployed("checkout", "v2", 160), 210: deployed("cart", "v5", 210)}
	rnd := rand.New(rand.NewPCG(3, 3))
	for s := 0; s < 270; s += 5 {
		if extra[s] == nil {
			v := 0.4 + 0.1*rnd.Float64()
			if s >= 215 && s < 240 {
				v = 9
			}
			extra[s] = load("node-1", s, v)
		}
	}
	return record(shop, 270, extra)
}

func load(host string, second int, v float64) *fact.Batch {
	return &fact.Batch{Source: "remote-write", Series: []fact.Series{{
		Labels: fact.LabelsOf(fact.NameLabel, "node_load1", "instance", host+":9100", "job", "node"), Type: fact.Gauge,
		Points: []fact.Point{{T: seconds(float64(second)).UnixMilli(), V: v}},
	}}}
}

// The same log gives the same papers in the same order, byte for byte.
func TestSameLogSamePapers(t *testing.T) {
	log := eventful()
	a, _ := run(t, watch.Config{Actuators: actuators}, log)
	b, _ := run(t, watch.Config{Actuators: actuators}, log)
	if !slices.Equal(a.order, b.order) || !maps.Equal(a.byID, b.byID) {
		t.Error("two runs differ")
	}
	if len(a.all()) < 3 || len(a.proposals) < 2 {
		t.Errorf("the log says too little: %d proposals, %s", len(a.proposals), show(a.all()))
	}
}

// However often the watcher is killed, between records or in the middle of
// one, the papers are in the end the same, byte for byte.
func TestCrashesChangeNothing(t *testing.T) {
	log := eventful()
	want, _ := run(t, watch.Config{Actuators: actuators}, log)
	seeds := uint64(3)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		rnd := rand.New(rand.NewPCG(seed, 1))
		dir, out := t.TempDir(), newPapers()
		restarts := 0
		for done := false; !done; restarts++ {
			out.failAfter = 0
			log.stopAt = 0
			switch {
			case restarts == 12:
			case rnd.IntN(2) == 0:
				log.stopAt = log.kept + 1 + rnd.Uint64N(400) // killed between two records
			default:
				out.failAfter = out.calls + rnd.IntN(60) // killed in the middle of one
			}
			w := watch.New(watch.Config{Actuators: actuators, SnapshotEvery: 30 * time.Second}, log, out, out, watch.Options{Dir: dir, Logger: quiet()})
			err := w.Run(t.Context())
			if !errors.Is(err, errEnd) && !errors.Is(err, errBroken) {
				t.Fatalf("Run: %v", err)
			}
			done = errors.Is(err, errEnd) && log.stopAt == 0
		}
		if restarts < 3 {
			t.Errorf("seed %d: %d starts only", seed, restarts)
		}
		compare(t, want, out)
		log.kept = 0
	}
}

func compare(t *testing.T, want, got *papers) {
	t.Helper()
	for id, text := range want.byID {
		if got.byID[id] != text {
			t.Errorf("%s is\n%s\nwant\n%s", id, got.byID[id], text)
			return
		}
	}
	for id, text := range got.byID {
		if _, ok := want.byID[id]; !ok {
			t.Errorf("%s is new: %s", id, text)
			return
		}
	}
	if !maps.Equal(want.series, got.series) {
		t.Error("the derived series differ")
	}
}

// A snapshot that cannot be read is said aloud and ignored.
func TestDamagedSnapshot(t *testing.T) {
	log := eventful()
	want, _ := run(t, watch.Config{Actuators: actuators}, log)
	dir := t.TempDir()
	runIn := func(out *papers) string {
		var said bytes.Buffer
		w := watch.New(watch.Config{Actuators: actuators, SnapshotEvery: 2 * time.Minute}, log, out, out, watch.Options{Dir: dir, Logger: slog.New(slog.NewTextHandler(&said, nil))})
		if err := w.Run(t.Context()); !errors.Is(err, errEnd) {
			t.Fatalf("Run: %v", err)
		}
		return said.String()
	}
	runIn(newPapers())
	path := filepath.Join(dir, "watch.snapshot")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flip := func(at int) []byte {
		b := bytes.Clone(whole)
		b[at] ^= 0x10
		return b
	}
	for name, data := range map[string][]byte{
		"empty": {}, "cut": whole[:len(whole)/2], "no magic": flip(3), "one bit in the checksum": flip(len(whole) - 5), "one bit of a length": flip(30), "one bit in the middle": flip(len(whole) / 2),
		"older version": bytes.Replace(whole, []byte("snapshot 3"), []byte("snapshot 2"), 1),
	} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		out := newPapers()
		if said := runIn(out); !strings.Contains(said, "level=ERROR") || !strings.Contains(said, "is ignored") {
			t.Errorf("%s: said %q", name, said)
		}
		compare(t, want, out)
	}
}

func TestBusyIsTriedAgainAndBrokenIsNot(t *testing.T) {
	log := eventful()
	log.batches = log.batches[:120*3]
	want, _ := run(t, watch.Config{}, log)
	busy := newPapers()
	busy.busyEvery = 7
	w := watch.New(watch.Config{}, log, busy, busy, watch.Options{Logger: quiet()})
	if err := w.Run(t.Context()); !errors.Is(err, errEnd) {
		t.Fatalf("Run: %v", err)
	}
	compare(t, want, busy)
	broken := newPapers()
	broken.failAfter = 1
	w = watch.New(watch.Config{}, log, broken, broken, watch.Options{Logger: quiet()})
	if err := w.Run(t.Context()); !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "put ") {
		t.Errorf("Run: %v, want the store's error and what was attempted", err)
	}
}

// waitingLog waits for more at its end, as the real one does.
type waitingLog struct{ *memoryLog }

func (l waitingLog) Follow(ctx context.Context, after uint64, fn func(uint64, *fact.Batch) error) error {
	if err := l.memoryLog.Follow(ctx, after, fn); !errors.Is(err, errEnd) {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func TestRunEndsWithItsContextAndMapIsSafe(t *testing.T) {
	log := eventful()
	log.batches = log.batches[:130*3]
	out := newPapers()
	var hints sync.Map
	var w *watch.Watcher
	ctx, cancel := context.WithCancel(t.Context())
	w = watch.New(watch.Config{}, waitingLog{log}, out, out, watch.Options{Dir: t.TempDir(), Logger: quiet(), OnChange: func(kind, _ string) { hints.Store(kind, true) }})
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	last := log.batches[len(log.batches)-1].Received
	for w.Map().At.UnixMilli() < last-3_000 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	if head := uint64(len(log.batches)); log.kept+120 < head || log.kept > head {
		t.Errorf("stopped in order, but the log may only forget up to %d of %d", log.kept, head)
	}
	for _, kind := range []string{"map", "finding", "incident"} {
		if _, ok := hints.Load(kind); !ok {
			t.Errorf("no hint %q", kind)
		}
	}
}

func TestMapShowsHealth(t *testing.T) {
	log := eventful()
	log.batches = log.batches[:115*3]
	_, w := run(t, watch.Config{}, log)
	want := map[string]fact.Health{"payment": fact.Blamed, "checkout": fact.Suffer, "frontend": fact.Suffer, "cart": fact.Healthy}
	for _, n := range w.Map().Nodes {
		if h, ok := want[n.Entity.Name]; ok && n.Health != h {
			t.Errorf("%s is %s, want %s", n.Entity.Name, n.Health, h)
		}
		if (n.Incident != "") != (n.Health == fact.Blamed || n.Health == fact.Suffer) {
			t.Errorf("%s is %s in incident %q", n.Entity.Name, n.Health, n.Incident)
		}
	}
	if len(w.Map().Nodes) != 10 {
		t.Errorf("%d services on the map", len(w.Map().Nodes))
	}
}

// A person's answer and the outcome enrich the incident, and an action that
// was answered is not proposed again.
func TestEventsEnrich(t *testing.T) {
	shop := watchtest.NewShop(1, 30, watchtest.Fault{From: 100, To: 160, Service: "payment", Fails: 0.4})
	first, _ := run(t, watch.Config{Actuators: actuators}, record(watchtest.NewShop(1, 30, watchtest.Fault{From: 100, To: 160, Service: "payment", Fails: 0.4}), 115, nil))
	if len(first.proposals) != 1 {
		t.Fatalf("%d proposals", len(first.proposals))
	}
	id := first.proposals[0].ID
	event := func(kind, body string, second float64) *fact.Batch {
		return &fact.Batch{Source: "desk", Events: []fact.Event{{At: seconds(second), Kind: kind, Ref: id, Body: body}, {Kind: "stop"}, {Kind: "outcome", Ref: "nobody", Body: "no JSON"}}}
	}
	out, _ := run(t, watch.Config{Actuators: actuators}, record(shop, 200, map[int]*fact.Batch{
		120: event("approval", `{"by":"ada","answer":"approve"}`, 120),
		150: event("outcome", `{"state":"reverted","outcome":{"helped":false}}`, 150),
	}))
	all := out.all()
	if len(all) != 1 || len(out.proposals) != 1 {
		t.Fatalf("%d proposals, %s", len(out.proposals), show(all))
	}
	for _, want := range []string{"Restart payment-v1 of payment: approved by ada at 14:02:00.", "it did not help (14:02:30)."} {
		if !strings.Contains(all[0].Summary, want) {
			t.Errorf("summary %q lacks %q", all[0].Summary, want)
		}
	}
}
