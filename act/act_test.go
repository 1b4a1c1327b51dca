package act_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/steersman-ops/steersman/act"
	"github.com/steersman-ops/steersman/act/acttest"
	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern"
	"github.com/steersman-ops/steersman/govern/watchdog"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dial is an actuator that turns a dial to what "to" says.
type dial struct {
	at     string
	nature act.Nature
	did    int
	do     func(ctx context.Context) error // instead of turning, if not nil
	look   func() (act.Found, error)       // instead of looking, if not nil
}

func (d *dial) Kind() fact.ActionKind { return fact.SetWeights }
func (d *dial) Nature() act.Nature    { return d.nature }

func (d *dial) DryRun(_ context.Context, a fact.Action) (fact.Receipt, error) {
	return fact.Receipt{Action: a, DryRun: true, Before: map[string]string{"v1": d.at}, After: a.Params, Text: "would turn"}, nil
}

func (d *dial) Undo(_ context.Context, a fact.Action) (fact.Action, error) {
	a.Params = map[string]string{"v1": d.at}
	return a, nil
}

func (d *dial) Do(ctx context.Context, w govern.Warrant) (map[string]string, error) {
	if d.do != nil {
		if err := d.do(ctx); err != nil {
			return nil, err
		}
	}
	d.at = w.Action().Params["v1"]
	d.did++
	return map[string]string{"v1": d.at}, nil
}

func (d *dial) Look(_ context.Context, a fact.Action, _ map[string]string, _ string) (act.Found, map[string]string, error) {
	now := map[string]string{"v1": d.at}
	if d.look != nil {
		found, err := d.look()
		return found, now, err
	}
	if d.at == a.Params["v1"] {
		return act.Done, now, nil
	}
	return act.NotDone, now, nil
}

// room is an Act with one dial, and what it needs.
type room struct {
	t        *testing.T
	dir      string
	now      time.Time
	dial     *dial
	sw       *watchdog.Switch
	receipts *act.Receipts
	act      *act.Act
	reg      *prometheus.Registry
	point    func(string)
}

func newRoom(t *testing.T) *room {
	t.Helper()
	r := &room{t: t, dir: t.TempDir(), now: acttest.Start, dial: &dial{at: "0", nature: act.Probeable}}
	r.boot()
	return r
}

func (r *room) boot() {
	r.t.Helper()
	var err error
	if r.sw, err = watchdog.OpenSwitch(r.dir, watchdog.SwitchOptions{}); err != nil {
		r.t.Fatal(err)
	}
	if r.receipts != nil {
		if err := r.receipts.Close(); err != nil {
			r.t.Fatal(err)
		}
	}
	if r.receipts, err = act.OpenReceipts(filepath.Join(r.dir, "receipts.jsonl")); err != nil {
		r.t.Fatal(err)
	}
	r.reg = prometheus.NewRegistry()
	r.act, err = act.New(act.Options{
		Actuators: map[string]act.Actuator{"dial": r.dial}, Switch: r.sw, Receipts: r.receipts, Registerer: r.reg,
		Now: func() time.Time { return r.now }, Timeout: time.Second,
		Failpoint: func(p string) {
			if r.point != nil {
				r.point(p)
			}
		},
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// warrant is a permission to turn the dial to 100.
func (r *room) warrant() govern.Warrant {
	r.t.Helper()
	return acttest.Warrant(r.t, fact.SetWeights, "dial", "checkout", map[string]string{"v1": "100"}, map[string]string{"v1": "0"}, r.now)
}

func TestDoOnce(t *testing.T) {
	r := newRoom(t)
	w := r.warrant()
	first, err := r.act.Do(t.Context(), w)
	if err != nil || first.Err != "" || first.After["v1"] != "100" || first.Before["v1"] != "0" || first.Warrant != w.Hash() {
		t.Fatalf("%+v %v", first, err)
	}
	r.dial.at = "0" // somebody turned it back; the warrant is used up all the same
	for range 3 {
		again, err := r.act.Do(t.Context(), w)
		if err != nil || !again.Finished.Equal(first.Finished) || again.After["v1"] != "100" {
			t.Fatalf("the second time: %+v %v", again, err)
		}
		r.boot()
	}
	if r.dial.did != 1 {
		t.Errorf("done %d times", r.dial.did)
	}
}

func TestDoCounts(t *testing.T) {
	r := newRoom(t)
	if _, err := r.act.Do(t.Context(), r.warrant()); err != nil {
		t.Fatal(err)
	}
	want := `
# HELP steersman_act_actions_total Warrants acted on, by kind of action and how it ended.
# TYPE steersman_act_actions_total counter
steersman_act_actions_total{kind="router.weights",result="done"} 1
`
	if err := testutil.GatherAndCompare(r.reg, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

func TestDoRefuses(t *testing.T) {
	for _, tt := range []struct {
		name    string
		warrant func(*room) govern.Warrant
		prepare func(*room)
		want    error
	}{
		{"the zero warrant", func(*room) govern.Warrant { return govern.Warrant{} }, nil, govern.ErrNoWarrant},
		{"one that has run out", (*room).warrant, func(r *room) { r.now = r.now.Add(govern.WarrantFor) }, govern.ErrRunOut},
		{"while stopped", (*room).warrant, func(r *room) { mustEngage(r) }, govern.ErrStopped},
		{"on another state", (*room).warrant, func(r *room) { r.dial.at = "50" }, act.ErrPrecondition},
		{"an unknown target", func(r *room) govern.Warrant {
			return acttest.Warrant(r.t, fact.SetWeights, "nothing", "checkout", map[string]string{"v1": "100"}, map[string]string{"v1": "0"}, r.now)
		}, nil, fact.ErrNotFound},
		{"another kind", func(r *room) govern.Warrant {
			return acttest.Warrant(r.t, fact.Restart, "dial", "checkout", map[string]string{"instance": "c-1"}, map[string]string{"pid": "1"}, r.now)
		}, nil, fact.ErrNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRoom(t)
			w := tt.warrant(r)
			if tt.prepare != nil {
				tt.prepare(r)
			}
			if rec, err := r.act.Do(t.Context(), w); !errors.Is(err, tt.want) {
				t.Errorf("%+v %v, want %v", rec, err, tt.want)
			}
			if r.dial.did != 0 {
				t.Error("it was done")
			}
			if _, begun := r.receipts.Get(w.Hash()); begun {
				t.Error("it was begun")
			}
		})
	}
}

func mustEngage(r *room) {
	if _, err := r.sw.Engage("ada", "test"); err != nil {
		r.t.Fatal(err)
	}
}

func TestPreconditionNamesBothStates(t *testing.T) {
	r := newRoom(t)
	w := r.warrant()
	r.dial.at = "50"
	_, err := r.act.Do(t.Context(), w)
	if err == nil || !strings.Contains(err.Error(), "seen when it was agreed: v1=0; found now: v1=50") {
		t.Errorf("%v", err)
	}
}

func TestFailureIsInTheReceipt(t *testing.T) {
	r := newRoom(t)
	r.dial.do = func(context.Context) error { return errors.New("jammed") }
	rec, err := r.act.Do(t.Context(), r.warrant())
	if err != nil || rec.Err != "jammed" || rec.Unclear || rec.Finished.IsZero() {
		t.Errorf("%+v %v", rec, err)
	}
}

// When the answer is lost, the world is looked at.
func TestUnclear(t *testing.T) {
	lost := fmt.Errorf("connection reset: %w", act.ErrUnclear)
	for _, tt := range []struct {
		name    string
		done    bool
		unclear bool
		text    string
	}{
		{"it was done", true, false, "the answer was lost; looked and found done"},
		{"it was not", false, true, "it is not known whether it was done: connection reset: it is not known whether it happened"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRoom(t)
				r.dial.do = func(context.Context) error {
					if tt.done {
						r.dial.at = "100"
					}
					return lost
				}
				rec, err := r.act.Do(t.Context(), r.warrant())
				if err != nil || rec.Unclear != tt.unclear || rec.Text != tt.text {
					t.Errorf("%+v %v", rec, err)
				}
			})
		})
	}
}

// The kill switch breaks off an action in flight, and what came of it is
// looked for.
func TestStopInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t)
		r.dial.do = func(ctx context.Context) error {
			mustEngage(r)
			select {
			case <-ctx.Done():
				return fmt.Errorf("%w: %w", act.ErrUnclear, context.Cause(ctx))
			case <-time.After(10 * time.Second):
				return nil
			}
		}
		began := time.Now()
		rec, err := r.act.Do(t.Context(), r.warrant())
		if err != nil || !rec.Unclear || !strings.Contains(rec.Err, "kill switch") {
			t.Errorf("%+v %v", rec, err)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// dies calls Do with a program that ends at a point, and starts it anew.
func (r *room) dies(w govern.Warrant, at string) {
	r.t.Helper()
	r.point = func(p string) {
		if p == at {
			panic(at)
		}
	}
	func() {
		defer func() {
			if recover() == nil {
				r.t.Fatalf("it did not die at %s", at)
			}
		}()
		_, _ = r.act.Do(context.Background(), w)
	}()
	r.point = nil
	r.boot()
}

// A warrant that was begun and has no receipt is settled by nature.
func TestSettle(t *testing.T) {
	for _, tt := range []struct {
		nature  act.Nature
		at      string
		did     int
		unclear bool
	}{
		{act.Idempotent, "act.begun", 1, false},
		{act.Idempotent, "act.acted", 1, false},
		{act.Idempotent, "act.finished", 1, false},
		{act.Probeable, "act.begun", 1, false},
		{act.Probeable, "act.acted", 1, false},
		{act.AtMostOnce, "act.begun", 0, true},
		{act.AtMostOnce, "act.acted", 1, true},
		{act.AtMostOnce, "act.finished", 1, false},
	} {
		t.Run(string(tt.nature)+" "+tt.at, func(t *testing.T) {
			r := newRoom(t)
			r.dial.nature = tt.nature
			w := r.warrant()
			r.dies(w, tt.at)
			rec, err := r.act.Do(t.Context(), w)
			if err != nil || rec.Unclear != tt.unclear || r.dial.did != tt.did {
				t.Errorf("%+v %v, done %d times; want unclear %v, %d times", rec, err, r.dial.did, tt.unclear, tt.did)
			}
		})
	}
}

// Nothing is done again on a state that is neither before nor after.
func TestSettleInDoubt(t *testing.T) {
	r := newRoom(t)
	w := r.warrant()
	r.dies(w, "act.begun")
	r.dial.look = func() (act.Found, error) { return act.Unknown, errors.New("it is 50") }
	if rec, err := r.act.Do(t.Context(), w); err == nil || r.dial.did != 0 {
		t.Errorf("%+v %v", rec, err)
	}
	if found, _, err := r.act.Look(t.Context(), w.Action(), w.Before(), w.Hash()); found != act.Unknown || err == nil {
		t.Errorf("look: %v %v", found, err)
	}
}

func TestSettleIsNotForTheStopped(t *testing.T) {
	r := newRoom(t)
	w := r.warrant()
	r.dies(w, "act.begun")
	mustEngage(r)
	if _, err := r.act.Do(t.Context(), w); !errors.Is(err, govern.ErrStopped) || r.dial.did != 0 {
		t.Errorf("%v, done %d times", err, r.dial.did)
	}
}

func TestLook(t *testing.T) {
	r := newRoom(t)
	w := r.warrant()
	if found, _, err := r.act.Look(t.Context(), w.Action(), w.Before(), w.Hash()); found != act.NotDone || err != nil {
		t.Errorf("never begun: %v %v", found, err)
	}
	r.dies(w, "act.acted")
	found, rec, err := r.act.Look(t.Context(), w.Action(), w.Before(), w.Hash())
	if found != act.Done || err != nil || rec.After["v1"] != "100" {
		t.Errorf("done without receipt: %v %+v %v", found, rec, err)
	}
	if again, ok := r.receipts.Get(w.Hash()); !ok || again.Finished.IsZero() {
		t.Error("what was found was not kept")
	}
}

func TestDryRun(t *testing.T) {
	r := newRoom(t)
	a := r.warrant().Action()
	dry, undo, err := r.act.DryRun(t.Context(), a)
	if err != nil || dry.Before["v1"] != "0" || undo.Params["v1"] != "0" || r.dial.did != 0 {
		t.Errorf("%+v %+v %v", dry, undo, err)
	}
	a.Target = "nothing"
	if _, _, err := r.act.DryRun(t.Context(), a); !errors.Is(err, fact.ErrNotFound) {
		t.Errorf("unknown target: %v", err)
	}
}

// Without a lease there is nothing to renew, and that is well.
func TestNoLease(t *testing.T) {
	r := newRoom(t)
	w := r.warrant()
	if err := errors.Join(r.act.Renew(t.Context(), w), r.act.Commit(t.Context(), w)); err != nil || r.act.Lease(w.Action()) != 0 {
		t.Error(err)
	}
	if err := r.act.Renew(t.Context(), govern.Warrant{}); !errors.Is(err, govern.ErrNoWarrant) {
		t.Errorf("without warrant: %v", err)
	}
	mustEngage(r)
	if err := r.act.Commit(t.Context(), w); !errors.Is(err, govern.ErrStopped) {
		t.Errorf("while stopped: %v", err)
	}
}

func TestReceiptsOutlastATornLine(t *testing.T) {
	r := newRoom(t)
	w := r.warrant()
	if _, err := r.act.Do(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(r.dir, "receipts.jsonl")
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"warrant":"abc","act`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	r.boot()
	if _, ok := r.receipts.Get(w.Hash()); !ok {
		t.Error("the whole line is gone")
	}
	if _, ok := r.receipts.Get("abc"); ok {
		t.Error("the torn line is there")
	}
}

// What could be written can be read, however much an actuator said.
func TestReceiptsReadLongLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "receipts.jsonl")
	r, err := act.OpenReceipts(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Begin(fact.Receipt{Warrant: "a", Before: map[string]string{"v": strings.Repeat("x", 2<<20)}}); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r, err = act.OpenReceipts(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Get("a"); !ok {
		t.Error("it is gone")
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// A line in the middle that cannot be read may hide that something was done.
func TestReceiptsRefuseDamage(t *testing.T) {
	for _, text := range []string{"{}\n", "x\n", "{\"warrant\":\"a\"}\n\x00\x00\n"} {
		path := filepath.Join(t.TempDir(), "receipts.jsonl")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := act.OpenReceipts(path); err == nil || !strings.Contains(err.Error(), "line ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzReceipts(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte("{\"warrant\":\"a\"}\n{\"warrant\":\"a\",\"text\":\"done\"}\n{\"war"))
	f.Add([]byte("{\"warrant\":\"\"}\n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(dir, "receipts.jsonl")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := act.OpenReceipts(path)
		if err != nil {
			return
		}
		once, err := os.ReadFile(path)
		if err := errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		if r, err = act.OpenReceipts(path); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		twice, err := os.ReadFile(path)
		if err := errors.Join(err, r.Close()); err != nil || string(once) != string(twice) {
			t.Fatalf("%q became %q: %v", once, twice, err)
		}
	})
}
