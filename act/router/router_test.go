package router_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/act"
	"github.com/steersman-ops/steersman/act/acttest"
	"github.com/steersman-ops/steersman/act/router"
	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern"
	"github.com/steersman-ops/steersman/govern/watchdog"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a router that speaks the protocol.
type server struct {
	mu      sync.Mutex
	weights map[string]int
	before  map[string]int
	holder  string
	lease   string
	left    float64 // seconds of the lease
	ids     map[string]int
	changed int
	// before a PUT is done, and after it was done and before it is answered
	early, late func(w http.ResponseWriter) (handled bool)
}

func newServer() *server {
	return &server{weights: map[string]int{"v1": 0, "v2": 100}, ids: make(map[string]int)}
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var in struct {
		Weights map[string]int
		Lease   string
		ID      string
	}
	_ = json.Unmarshal(body, &in)
	switch r.Method + " " + r.URL.Path {
	case "GET /routers/checkout":
	case "PUT /routers/checkout":
		if s.early != nil && s.early(w) {
			return
		}
		s.set(in.ID, in.Lease, in.Weights)
		if s.late != nil && s.late(w) {
			return
		}
	case "POST /routers/checkout/renew", "POST /routers/checkout/commit":
		s.mu.Lock()
		lost := s.holder != in.ID
		s.mu.Unlock()
		if lost {
			http.Error(w, "no such lease", http.StatusConflict)
			return
		}
	default:
		http.NotFound(w, r)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = json.NewEncoder(w).Encode(router.State{Service: "checkout", Weights: s.weights, Default: map[string]int{"v1": 100}, LeaseSeconds: s.left})
}

func (s *server) set(id, lease string, weights map[string]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids[id]++; s.ids[id] > 1 {
		return
	}
	s.before, s.weights, s.holder, s.lease = s.weights, weights, id, lease
	s.changed++
}

func (s *server) done() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// open starts the server and returns a router that speaks to it.
func (s *server) open(t *testing.T) *router.Router {
	t.Helper()
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return at(t, srv.URL+"/routers/checkout")
}

func at(t *testing.T, url string) *router.Router {
	t.Helper()
	r, err := router.New(router.Config{Name: "shop-router", URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

var back = fact.Action{
	Kind: fact.SetWeights, Target: "shop-router", Entity: fact.Entity{Kind: fact.Service, Name: "checkout"},
	Params: map[string]string{"v1": "100", "v2": "0"},
}

func TestPromises(t *testing.T) {
	acttest.Check(t, back, func(t *testing.T) (act.Actuator, func() int) {
		s := newServer()
		return s.open(t), s.done
	})
}

func warrant(t *testing.T, params, before map[string]string) govern.Warrant {
	return acttest.Warrant(t, fact.SetWeights, "shop-router", "checkout", params, before, time.Now())
}

var before = map[string]string{"v1": "0", "v2": "100"}

func TestThereAndBack(t *testing.T) {
	s := newServer()
	r := s.open(t)
	dry, err := r.DryRun(t.Context(), back)
	if err != nil || !maps.Equal(dry.Before, before) || !maps.Equal(dry.After, back.Params) {
		t.Fatalf("%+v %v", dry, err)
	}
	if want := "checkout goes from v1 0 %, v2 100 % to v1 100 %, v2 0 %"; dry.Text != want {
		t.Errorf("%q, want %q", dry.Text, want)
	}
	undo, err := r.Undo(t.Context(), back)
	if err != nil || !maps.Equal(undo.Params, before) || undo.Target != "shop-router" {
		t.Fatalf("%+v %v", undo, err)
	}
	w := warrant(t, back.Params, before)
	after, err := r.Do(t.Context(), w)
	if err != nil || !maps.Equal(after, back.Params) || s.lease != "30s" || s.holder != w.Hash() {
		t.Fatalf("%v %v, lease %q of %q", after, err, s.lease, s.holder)
	}
	if err := errors.Join(r.Renew(t.Context(), w), r.Commit(t.Context(), w)); err != nil {
		t.Error(err)
	}
	if _, err := r.Do(t.Context(), warrant(t, undo.Params, after)); err != nil || s.weights["v2"] != 100 {
		t.Errorf("back: %v %v", s.weights, err)
	}
	if err := r.Renew(t.Context(), w); !errors.Is(err, act.ErrLeaseLost) {
		t.Errorf("renewing what another holds: %v", err)
	}
	if err := r.Commit(t.Context(), w); !errors.Is(err, act.ErrLeaseLost) {
		t.Errorf("committing what another has changed: %v", err)
	}
}

// Committing again, after a crash, is no loss, also for a router that answers
// that there is no such lease; unless the weights are others or leased.
func TestCommitAgain(t *testing.T) {
	s := newServer()
	r := s.open(t)
	w := warrant(t, back.Params, before)
	if _, err := r.Do(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	s.holder = ""
	if err := r.Commit(t.Context(), w); err != nil {
		t.Errorf("committed before: %v", err)
	}
	s.left = 12
	if err := r.Commit(t.Context(), w); !errors.Is(err, act.ErrLeaseLost) {
		t.Errorf("the same weights, leased by another: %v", err)
	}
	s.left, s.weights = 0, s.before
	if err := r.Commit(t.Context(), w); !errors.Is(err, act.ErrLeaseLost) {
		t.Errorf("returned: %v", err)
	}
}

// A warrant that was used and whose lease has run out does nothing again, and
// says so.
func TestUsedAndReturned(t *testing.T) {
	s := newServer()
	r := s.open(t)
	w := warrant(t, back.Params, before)
	if _, err := r.Do(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	s.weights = s.before
	if _, err := r.Do(t.Context(), w); err == nil || errors.Is(err, act.ErrUnclear) {
		t.Errorf("%v, want a plain error", err)
	}
	if found, _, err := r.Look(t.Context(), back, before, w.Hash()); found != act.NotDone || err != nil {
		t.Errorf("%v %v", found, err)
	}
	s.weights = map[string]int{"v1": 50, "v2": 50}
	if found, _, err := r.Look(t.Context(), back, before, w.Hash()); found != act.Unknown || err == nil {
		t.Errorf("neither before nor after: %v %v", found, err)
	}
}

// What may be known about an act from how it fails.
func TestWhatIsUnclear(t *testing.T) {
	answer := func(code int) func(http.ResponseWriter) bool {
		return func(w http.ResponseWriter) bool {
			http.Error(w, "no\x1b[31m", code)
			return true
		}
	}
	cut := func(w http.ResponseWriter) bool {
		c, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = c.Close()
		}
		return true
	}
	for _, tt := range []struct {
		name        string
		early, late func(http.ResponseWriter) bool
		unclear     bool
		done        int
	}{
		{"refused", answer(400), nil, false, 0},
		{"it broke before", answer(500), nil, true, 0},
		{"it broke after", nil, answer(502), true, 1},
		{"redirected elsewhere", answer(302), nil, true, 0},
		{"cut off before", cut, nil, true, 0},
		{"cut off after", nil, cut, true, 1},
		{"an answer that is no JSON", nil, func(w http.ResponseWriter) bool { _, _ = io.WriteString(w, "<html>"); return true }, true, 1},
		{"it did something else", nil, func(w http.ResponseWriter) bool {
			_, _ = io.WriteString(w, `{"weights":{"v1":60,"v2":40}}`)
			return true
		}, true, 1},
		{"it did who knows what", nil, func(w http.ResponseWriter) bool {
			_, _ = io.WriteString(w, `{"weights":{"v1":100,"v2":-4}}`)
			return true
		}, true, 1},
		{"an endless answer", nil, func(w http.ResponseWriter) bool {
			for range 64 {
				_, _ = io.WriteString(w, strings.Repeat("x", 64<<10))
			}
			return true
		}, true, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer()
			s.early, s.late = tt.early, tt.late
			r := s.open(t)
			_, err := r.Do(t.Context(), warrant(t, back.Params, before))
			if err == nil || errors.Is(err, act.ErrUnclear) != tt.unclear || s.done() != tt.done {
				t.Errorf("%v, done %d times; want unclear %v, %d times", err, s.done(), tt.unclear, tt.done)
			}
			if err != nil && strings.ContainsRune(err.Error(), 0x1b) {
				t.Errorf("an escape of the other side is in %q", err)
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r := at(t, url)
	if _, err := r.Do(t.Context(), warrant(t, back.Params, before)); err == nil || errors.Is(err, act.ErrUnclear) {
		t.Errorf("%v: a refused connection is clear", err)
	}
}

// The whole way with act in the middle: the answer comes too late, a look
// finds it done, and the receipt says so.
func TestTimeoutInTheMiddle(t *testing.T) {
	s := newServer()
	release := make(chan struct{})
	s.late = func(http.ResponseWriter) bool { <-release; return true }
	r := s.open(t)
	t.Cleanup(func() { close(release) }) // before the server closes
	dir := t.TempDir()
	sw, err := watchdog.OpenSwitch(dir, watchdog.SwitchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	receipts, err := act.OpenReceipts(filepath.Join(dir, "receipts.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = receipts.Close() })
	a, err := act.New(act.Options{Actuators: map[string]act.Actuator{"shop-router": r}, Switch: sw, Receipts: receipts, Timeout: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	rec, err := a.Do(t.Context(), warrant(t, back.Params, before))
	if err != nil || rec.Err != "" || rec.Unclear || rec.After["v1"] != "100" || s.done() != 1 {
		t.Errorf("%+v %v, done %d times", rec, err, s.done())
	}
	if a.Lease(back) != router.DefaultLease {
		t.Errorf("lease %v", a.Lease(back))
	}
}

// A redirect is not followed, whatever it says.
func TestNoRedirect(t *testing.T) {
	called := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer other.Close()
	srv := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer srv.Close()
	if _, err := at(t, srv.URL).State(t.Context()); err == nil || called {
		t.Errorf("%v, called %v", err, called)
	}
}

// The token goes with every request, and with none if none is configured.
func TestToken(t *testing.T) {
	var got []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
		newServer().ServeHTTP(w, r)
	}))
	defer srv.Close()
	for _, token := range []string{"s3cret", ""} {
		r, err := router.New(router.Config{Name: "r", URL: srv.URL + "/routers/checkout", Token: token})
		if err != nil {
			t.Fatal(err)
		}
		action := fact.Action{Kind: fact.SetWeights, Target: "r", Entity: fact.Entity{Kind: fact.Service, Name: "checkout"}, Params: map[string]string{"v1": "100", "v2": "0"}}
		if _, err := r.DryRun(t.Context(), action); err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
	if len(got) != 2 || got[0] != "Bearer s3cret" || got[1] != "" {
		t.Errorf("the router was sent %q", got)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, url := range []string{"", "checkout", "ftp://host/x", "http://", "http://user:pw@host/", "http://host/?q=1", "http://host/#f", "http://host:port/"} {
		if _, err := router.New(router.Config{Name: "r", URL: url}); err == nil || strings.Contains(err.Error(), ":pw@") {
			t.Errorf("%q: %v", url, err)
		}
	}
	if _, err := router.New(router.Config{URL: "http://host/", Lease: 1500 * time.Millisecond}); err == nil {
		t.Error("a lease of one and a half seconds was taken")
	}
}

func TestBadWeightsAreRefusedBeforeTheRouterHears(t *testing.T) {
	s := newServer()
	r := s.open(t)
	for _, params := range []map[string]string{nil, {"v1": "101"}, {"v1": "-1", "v2": "101"}, {"v1": "x"}, {"v1": "50"}, {"": "100"}} {
		a := back
		a.Params = params
		if rec, err := r.DryRun(t.Context(), a); err == nil {
			t.Errorf("%v: %+v", params, rec)
		}
	}
}

func TestStateThatIsNone(t *testing.T) {
	many := `{"weights":{"v":100`
	for i := range 101 {
		many += fmt.Sprintf(`,"v%d":0`, i)
	}
	many += "}}"
	for _, text := range []string{`{}`, `{"weights":{}}`, `{"weights":{"":100}}`, `{"weights":{"v1":400}}`, `{"weights":{"v1\n":100}}`, `{"weights":{"` + strings.Repeat("v", 201) + `":100}}`, many, `[]`, ``} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }))
		if st, err := at(t, srv.URL).State(t.Context()); err == nil {
			t.Errorf("%s: %+v", text, st)
		}
		srv.Close()
	}
}
