package process_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/act"
	"github.com/steersman-ops/steersman/act/acttest"
	"github.com/steersman-ops/steersman/act/process"
	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a supervisor that speaks the protocol.
type server struct {
	mu       sync.Mutex
	all      []process.Process
	ids      map[string]int
	restarts int
	lazy     bool // says that it did, and did not
}

func newServer() *server {
	return &server{ids: make(map[string]int), all: []process.Process{
		{Service: "catalog", Instance: "catalog-1", PID: 90, Starts: 1},
		{Service: "payment", Instance: "payment-1", PID: 100, Starts: 1},
		{Service: "payment", Instance: "payment-2", PID: 101, Starts: 3},
	}}
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.Method + " " + r.URL.Path {
	case "GET /":
		_ = json.NewEncoder(w).Encode(map[string]any{"processes": s.all})
	case "POST /restart":
		var in struct{ Instance, ID string }
		_ = json.NewDecoder(r.Body).Decode(&in)
		for i := range s.all {
			p := &s.all[i]
			if p.Instance != in.Instance {
				continue
			}
			if s.ids[in.ID]++; s.ids[in.ID] == 1 && !s.lazy {
				p.PID, p.Starts = p.PID+1000, p.Starts+1
				s.restarts++
			}
			_ = json.NewEncoder(w).Encode(p)
			return
		}
		http.NotFound(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (s *server) done() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.restarts
}

func (s *server) open(t *testing.T) *process.Supervisor {
	t.Helper()
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	x, err := process.New(process.Config{Name: "shop-supervisor", URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.Close)
	return x
}

func restart(instance string) fact.Action {
	return fact.Action{
		Kind: fact.Restart, Target: "shop-supervisor", Entity: fact.Entity{Kind: fact.Service, Name: "payment"},
		Params: map[string]string{"instance": instance},
	}
}

func TestPromises(t *testing.T) {
	acttest.Check(t, restart("payment-1"), func(t *testing.T) (act.Actuator, func() int) {
		s := newServer()
		return s.open(t), s.done
	})
}

func TestDryRunTellsTheBlast(t *testing.T) {
	dry, err := newServer().open(t).DryRun(t.Context(), restart("payment-2"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "payment-2, process 101, one of 2 of payment, would be restarted"; dry.Text != want || dry.Before["instances"] != "2" || dry.Before["pid"] != "101" {
		t.Errorf("%+v", dry)
	}
}

func TestUnknownInstance(t *testing.T) {
	x := newServer().open(t)
	for _, name := range []string{"payment-9", "catalog-1"} {
		if r, err := x.DryRun(t.Context(), restart(name)); !errors.Is(err, fact.ErrNotFound) {
			t.Errorf("%s: %+v %v", name, r, err)
		}
	}
}

func TestNoWayBack(t *testing.T) {
	if a, err := newServer().open(t).Undo(t.Context(), restart("payment-1")); !errors.Is(err, act.ErrNoWayBack) {
		t.Errorf("%+v %v", a, err)
	}
}

// An answer that does not name the process says nothing about it.
func TestAnswerAboutNothing(t *testing.T) {
	for _, text := range []string{`{}`, `{"ok":true}`, `{"instance":"payment-2","pid":7,"starts":9}`, `{"instance":"payment-1","pid":0,"starts":1}`} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }))
		x, err := process.New(process.Config{Name: "shop-supervisor", URL: srv.URL})
		if err != nil {
			t.Fatal(err)
		}
		if after, err := x.Do(t.Context(), permitted(t)); !errors.Is(err, act.ErrUnclear) {
			t.Errorf("%s: %v %v", text, after, err)
		}
		x.Close()
		srv.Close()
	}
}

// A process that has ended and is not started yet was not restarted.
func TestLookBetweenTwoLives(t *testing.T) {
	s := newServer()
	w := permitted(t)
	s.all[1].PID = 0
	if found, now, err := s.open(t).Look(t.Context(), w.Action(), w.Before(), w.Hash()); found == act.Done {
		t.Errorf("%v %v %v", found, now, err)
	}
}

func permitted(t *testing.T) govern.Warrant {
	return acttest.Warrant(t, fact.Restart, "shop-supervisor", "payment", restart("payment-1").Params,
		map[string]string{"instance": "payment-1", "pid": "100", "starts": "1", "instances": "2"}, time.Now())
}

// An answer that names the old process is no success.
func TestAnswerOfTheOldProcess(t *testing.T) {
	s := newServer()
	s.lazy = true
	if after, err := s.open(t).Do(t.Context(), permitted(t)); !errors.Is(err, act.ErrUnclear) {
		t.Errorf("%v %v", after, err)
	}
}
