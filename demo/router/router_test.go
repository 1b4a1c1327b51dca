package router_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/demo/router"
)

// clock is a time that the test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// weights is v1's and v2's.
func weights(v1, v2 int) map[string]int { return map[string]int{"v1": v1, "v2": v2} }

// newRouter routes to two backends that answer with their version and the
// trace they were called with.
func newRouter(t *testing.T) (*router.Router, *clock) {
	t.Helper()
	backends := make(map[string]string)
	for _, v := range []string{"v1", "v2"} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, v, " ", r.URL.Path, " ", r.Header.Get("traceparent"))
		}))
		t.Cleanup(srv.Close)
		backends[v] = srv.URL
	}
	c := &clock{at: time.Unix(1000, 0)}
	r, err := router.New(router.Config{Service: "checkout", Backends: backends, Default: weights(100, 0), Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return r, c
}

// serve sends n requests and counts who answered.
func serve(r http.Handler, n int) map[string]int {
	counts := make(map[string]int)
	for range n {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/orders", nil))
		counts[strings.Fields(w.Body.String())[0]]++
	}
	return counts
}

func want(t *testing.T, r *router.Router, w map[string]int, lease float64) {
	t.Helper()
	if s := r.State(); !maps.Equal(s.Weights, w) || s.LeaseSeconds != lease {
		t.Errorf("weights %v with %v s of lease left, want %v with %v", s.Weights, s.LeaseSeconds, w, lease)
	}
}

func TestRequestsAreSplitByWeight(t *testing.T) {
	for _, tt := range []struct{ v1, v2 int }{{100, 0}, {0, 100}, {50, 50}, {90, 10}, {99, 1}, {33, 67}} {
		t.Run(fmt.Sprint(tt.v1, " to ", tt.v2), func(t *testing.T) {
			r, _ := newRouter(t)
			if _, err := r.Set(weights(tt.v1, tt.v2), 0, ""); err != nil {
				t.Fatal(err)
			}
			if got := serve(r, 100); got["v1"] != tt.v1 || got["v2"] != tt.v2 {
				t.Errorf("of 100 requests %v, want %d and %d", got, tt.v1, tt.v2)
			}
		})
	}
}

func TestSmallWeightsAreSpreadOut(t *testing.T) {
	r, _ := newRouter(t)
	if _, err := r.Set(weights(50, 50), 0, ""); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if got := serve(r, 2); got["v1"] != 1 {
			t.Fatalf("two requests went to %v, want one to each", got)
		}
	}
}

func TestTheWayThroughChangesNothing(t *testing.T) {
	r, _ := newRouter(t)
	req := httptest.NewRequest(http.MethodPost, "/orders", nil)
	req.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	if got, want := w.Body.String(), "v1 /orders 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"; got != want {
		t.Errorf("backend saw %q, want %q", got, want)
	}
}

func TestBackendThatIsGone(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	r, err := router.New(router.Config{Service: "checkout", Backends: map[string]string{"v1": srv.URL}, Default: map[string]int{"v1": 100}})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusBadGateway {
		t.Errorf("status %d, want 502", w.Code)
	}
}

func TestLeaseRunsOut(t *testing.T) {
	r, c := newRouter(t)
	if _, err := r.Set(weights(50, 50), 30*time.Second, "a"); err != nil {
		t.Fatal(err)
	}
	want(t, r, weights(50, 50), 30)
	c.advance(29 * time.Second)
	want(t, r, weights(50, 50), 1)
	c.advance(time.Second)
	want(t, r, weights(100, 0), 0)
	if got := serve(r, 10); got["v1"] != 10 {
		t.Errorf("after the lease %v, want all at v1", got)
	}
	if _, err := r.Commit("a"); !errors.Is(err, router.ErrNoLease) {
		t.Errorf("commit after the lease ran out: %v, want ErrNoLease", err)
	}
	if _, err := r.Renew("a"); !errors.Is(err, router.ErrNoLease) {
		t.Errorf("renew after the lease ran out: %v, want ErrNoLease", err)
	}
}

func TestLeaseRunsOutBeforeTheNextRequest(t *testing.T) {
	r, c := newRouter(t)
	if _, err := r.Set(weights(0, 100), 30*time.Second, "a"); err != nil {
		t.Fatal(err)
	}
	c.advance(time.Minute)
	if got := serve(r, 10); got["v1"] != 10 { // nobody asked for the state in between
		t.Errorf("after the lease %v, want all at v1", got)
	}
}

func TestRenewedAndCommitted(t *testing.T) {
	r, c := newRouter(t)
	if _, err := r.Set(weights(50, 50), 30*time.Second, "a"); err != nil {
		t.Fatal(err)
	}
	c.advance(20 * time.Second)
	if s, err := r.Renew("a"); err != nil || s.LeaseSeconds != 30 {
		t.Errorf("renew: %v, %v", s, err)
	}
	if _, err := r.Commit("b"); !errors.Is(err, router.ErrNoLease) {
		t.Errorf("commit by another: %v, want ErrNoLease", err)
	}
	for range 2 {
		if _, err := r.Commit("a"); err != nil {
			t.Errorf("commit: %v", err)
		}
	}
	c.advance(time.Hour)
	want(t, r, weights(50, 50), 0)
}

func TestSameIDIsNotDoneAgain(t *testing.T) {
	r, c := newRouter(t)
	if _, err := r.Set(weights(50, 50), 30*time.Second, "a"); err != nil {
		t.Fatal(err)
	}
	c.advance(time.Minute)
	if _, err := r.Set(weights(50, 50), 30*time.Second, "a"); err != nil {
		t.Fatal(err)
	}
	want(t, r, weights(100, 0), 0)
}

func TestLeaseOverLeaseGoesBackToWhatStayed(t *testing.T) {
	r, c := newRouter(t)
	for i, w := range []int{90, 50} {
		if _, err := r.Set(weights(w, 100-w), 30*time.Second, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	c.advance(time.Minute)
	want(t, r, weights(100, 0), 0)
}

func TestChangeWithoutLeaseStays(t *testing.T) {
	r, c := newRouter(t)
	if _, err := r.Set(weights(90, 10), 30*time.Second, "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Set(weights(50, 50), 0, ""); err != nil {
		t.Fatal(err)
	}
	c.advance(time.Hour)
	want(t, r, weights(50, 50), 0)
	if d := r.State().Default; !maps.Equal(d, weights(100, 0)) {
		t.Errorf("default became %v", d)
	}
}

// ask speaks to the control handler as an actuator does.
func ask(h http.Handler, method, path, body string) (int, router.State, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	var s router.State
	text := w.Body.String()
	if w.Code == http.StatusOK {
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			text = err.Error()
		}
	}
	return w.Code, s, text
}

func TestControl(t *testing.T) {
	r, c := newRouter(t)
	h := r.Control()
	if _, _, text := ask(h, "GET", "/", ""); strings.TrimSpace(text) != `{"service":"checkout","weights":{"v1":100,"v2":0},"default":{"v1":100,"v2":0},"leaseSeconds":0}` {
		t.Errorf("GET: %s", text)
	}
	code, s, text := ask(h, "PUT", "/", `{"weights":{"v1":50,"v2":50},"lease":"30s","id":"a"}`)
	if code != 200 || s.LeaseSeconds != 30 || s.Weights["v2"] != 50 {
		t.Errorf("PUT: %d %s", code, text)
	}
	c.advance(10 * time.Second)
	if code, s, text := ask(h, "POST", "/renew", `{"id":"a"}`); code != 200 || s.LeaseSeconds != 30 {
		t.Errorf("renew: %d %s", code, text)
	}
	if code, s, text := ask(h, "POST", "/commit", `{"id":"a"}`); code != 200 || s.LeaseSeconds != 0 || s.Weights["v2"] != 50 {
		t.Errorf("commit: %d %s", code, text)
	}
}

func TestControlRefuses(t *testing.T) {
	r, _ := newRouter(t)
	h := r.Control()
	for _, tt := range []struct {
		name, method, path, body string
		code                     int
		text                     string
	}{
		{"weights that do not add up", "PUT", "/", `{"weights":{"v1":50}}`, 400, "add up to 50"},
		{"a version that is not there", "PUT", "/", `{"weights":{"v3":100}}`, 400, `"v3" is not one of [v1 v2]`},
		{"a negative weight", "PUT", "/", `{"weights":{"v1":110,"v2":-10}}`, 400, "want 0 to 100"},
		{"a lease that is none", "PUT", "/", `{"weights":{"v1":100},"lease":"soon","id":"a"}`, 400, `"soon" is not a duration`},
		{"a lease below zero", "PUT", "/", `{"weights":{"v1":100},"lease":"-1s","id":"a"}`, 400, "a lease of -1s"},
		{"a lease without an id", "PUT", "/", `{"weights":{"v1":100},"lease":"1s"}`, 400, "needs an id"},
		{"no weights", "PUT", "/", `{}`, 400, "add up to 0"},
		{"no JSON", "PUT", "/", `{`, 400, "body"},
		{"a lease that nobody has", "POST", "/renew", `{"id":"x"}`, 409, "no such lease"},
		{"another method", "DELETE", "/", ``, 405, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if code, _, text := ask(h, tt.method, tt.path, tt.body); code != tt.code || !strings.Contains(text, tt.text) {
				t.Errorf("status %d %q, want %d with %q", code, text, tt.code, tt.text)
			}
		})
	}
	want(t, r, weights(100, 0), 0)
}

func TestWebPagesMayNotSteer(t *testing.T) {
	r, _ := newRouter(t)
	req := httptest.NewRequest("PUT", "/", strings.NewReader(`{"weights":{"v2":100}}`))
	req.Header.Set("Origin", "https://example.com")
	w := httptest.NewRecorder()
	r.Control().ServeHTTP(w, req)
	if w.Code != http.StatusForbidden {
		t.Errorf("status %d, want 403", w.Code)
	}
	want(t, r, weights(100, 0), 0)
}

func TestNewRefuses(t *testing.T) {
	for _, cfg := range []router.Config{
		{Service: "a", Backends: map[string]string{"v1": "http://h"}, Default: map[string]int{"v1": 99}},
		{Service: "a", Backends: map[string]string{"v1": "nonsense"}, Default: map[string]int{"v1": 100}},
		{Service: "a"},
	} {
		if _, err := router.New(cfg); err == nil {
			t.Errorf("New(%+v) took it", cfg)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	r, c := newRouter(t)
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := range 20 {
				serve(r, 1)
				_, _ = r.Set(weights(i, 100-i), time.Second, fmt.Sprint(n, "-", i))
				c.advance(100 * time.Millisecond)
				r.State()
			}
		})
	}
	all.Wait()
	c.advance(time.Minute)
	want(t, r, weights(100, 0), 0)
}

func FuzzControl(f *testing.F) {
	for _, s := range []string{`{}`, `{"weights":{"v1":100},"lease":"30s","id":"a"}`, `{"weights":{"v1":-1,"v2":101}}`, `[`, `{"lease":"9999h"}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r, err := router.New(router.Config{Service: "s", Backends: map[string]string{"v1": "http://h", "v2": "http://h"}, Default: weights(100, 0)})
		if err != nil {
			t.Fatal(err)
		}
		code, s, text := ask(r.Control(), "PUT", "/", body)
		if code != 200 && code != 400 {
			t.Errorf("status %d %s", code, text)
		}
		if code == 200 && s.Weights["v1"]+s.Weights["v2"] != 100 {
			t.Errorf("%q left weights %v", body, s.Weights)
		}
	})
}
