package director

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/demo/shop"
)

// A seer stands in for Steersman. It knows the faults because it asks the
// services themselves, so it can be as good, or as bad, as a test wants.
type seer struct {
	plan *Plan

	blind     bool // sees no fault
	twice     bool // opens two incidents for one fault
	wrong     bool // blames the frontend for everything
	reckless  bool // acts although the kill switch is engaged
	hesitant  bool // proposes nothing
	forgetful bool // does not do what was approved

	mu        sync.Mutex
	incidents []*incident
	decisions []*decision
	change    *change
	engaged   bool
}

// newSeer listens where the plan wants Steersman to listen.
func newSeer(t *testing.T, plan *Plan) *seer {
	t.Helper()
	s := &seer{plan: plan}
	for _, address := range []string{plan.Listen, plan.OTLPHTTP} {
		ln, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		srv := httptest.NewUnstartedServer(s.handler())
		srv.Listener.Close()
		srv.Listener = ln
		srv.Start()
		t.Cleanup(srv.Close)
	}
	return s
}

func (s *seer) handler() http.Handler {
	mux := http.NewServeMux()
	json := func(pattern string, f func(r *http.Request) any) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer owner" {
				http.Error(w, `{"title":"who are you?"}`, http.StatusUnauthorized)
				return
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.look(r)
			reply(w, f(r))
		})
	}
	json("GET /steersman/v1/now", func(*http.Request) any {
		return map[string]any{"learning": map[string]any{"ready": 1}}
	})
	json("GET /steersman/v1/map", func(*http.Request) any { return drawn() })
	json("GET /steersman/v1/incidents", func(*http.Request) any { return map[string]any{"incidents": s.incidents} })
	json("GET /steersman/v1/decisions", func(r *http.Request) any {
		all := []*decision{}
		for _, d := range s.decisions {
			if d.Proposal.Incident == r.FormValue("incident") {
				all = append(all, d)
			}
		}
		return map[string]any{"decisions": all}
	})
	json("GET /steersman/v1/decisions/{id}", func(r *http.Request) any { return s.decision(r.PathValue("id")) })
	json("POST /steersman/v1/decisions/{id}/approve", func(r *http.Request) any { return s.approve(r) })
	json("POST /steersman/v1/stop", func(*http.Request) any { return s.stop(true) })
	json("POST /steersman/v1/resume", func(*http.Request) any { return s.stop(false) })
	json("POST /hooks/change", func(r *http.Request) any {
		s.change = &change{}
		return decode(r.Body, s.change)
	})
	mux.HandleFunc("/v1/", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/api/v1/write", func(http.ResponseWriter, *http.Request) {})
	return mux
}

func reply(w http.ResponseWriter, v any) {
	if p, ok := v.(*problem); ok {
		w.WriteHeader(p.Status)
	}
	_ = json.NewEncoder(w).Encode(v)
}

func decode(r io.Reader, v any) any {
	if err := json.NewDecoder(r).Decode(v); err != nil {
		return &problem{Status: 400, Title: err.Error()}
	}
	return map[string]string{}
}

// drawn is the map of the whole shop.
func drawn() any {
	var nodes, edges []map[string]string
	for _, s := range shop.Services() {
		nodes = append(nodes, map[string]string{"entity": entity(s.Name)})
	}
	for _, e := range shop.Edges() {
		edge := map[string]string{"client": "", "server": entity(e.Server)}
		if e.Client != "" {
			edge["client"] = entity(e.Client)
		}
		edges = append(edges, edge)
	}
	return map[string]any{"nodes": nodes, "edges": edges}
}

// look opens and resolves incidents as the faults come and go.
func (s *seer) look(r *http.Request) {
	faulty := make(map[string]bool)
	for _, i := range s.plan.Instances {
		req, err := http.NewRequestWithContext(r.Context(), "GET", "http://"+i.Address+"/admin/faults", nil)
		if err != nil {
			continue
		}
		req.Header.Set("Authorization", "Bearer "+s.plan.secret)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			continue
		}
		var faults []string
		_ = json.NewDecoder(resp.Body).Decode(&faults)
		resp.Body.Close()
		if len(faults) > 0 && (i.Name != "checkout-2" || s.v2()) {
			faulty[i.Name] = true
		}
	}
	for _, i := range s.incidents {
		if i.State == "open" && !faulty[i.Summary] {
			i.State, i.Summary, i.Resolved = "resolved", "", time.Now() // a fault that comes back is a new incident
		}
		delete(faulty, i.Summary)
	}
	for name := range faulty {
		if s.blind {
			continue
		}
		s.open(name)
		if s.twice {
			s.open(name)
		}
	}
}

// v2 reports whether the router sends anybody to v2.
func (s *seer) v2() bool {
	resp, err := http.Get(s.plan.RouterURL())
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var st struct{ Weights map[string]int }
	_ = json.NewDecoder(resp.Body).Decode(&st)
	return st.Weights["v2"] > 0
}

func (s *seer) open(instance string) {
	service := strings.TrimRight(instance, "-12")
	c := cause{Entity: entity(service), Kind: "errors", Text: service + " itself fails", Probability: 0.9}
	if s.wrong {
		c.Entity = entity("frontend")
	}
	i := &incident{ID: fmt.Sprintf("inc-%d", len(s.incidents)), State: "open", Title: service + " fails", Summary: instance}
	d := &decision{State: "waiting"}
	d.Proposal.ID, d.Proposal.Incident, d.Proposal.Title = fmt.Sprintf("pro-%d", len(s.decisions)), i.ID, "Restart "+instance
	d.Proposal.Action.Kind, d.Proposal.Action.Params = "process.restart", map[string]string{"instance": instance}
	if instance == "checkout-2" {
		c.Version, c.Change = "v2", s.change
		d.Proposal.Title = "Send everybody to v1"
		d.Proposal.Action.Kind, d.Proposal.Action.Params = "router.weights", map[string]string{"v1": "100", "v2": "0"}
	}
	i.Causes = []cause{c}
	s.incidents = append(s.incidents, i)
	if !s.hesitant {
		s.decisions = append(s.decisions, d)
	}
}

func (s *seer) stop(engaged bool) any {
	s.engaged = engaged
	return stopState{Engaged: engaged}
}

func (s *seer) decision(id string) any {
	for _, d := range s.decisions {
		if d.Proposal.ID == id {
			return d
		}
	}
	return &problem{Status: 404, Title: "no such decision"}
}

func (s *seer) approve(r *http.Request) any {
	if s.engaged && !s.reckless {
		return &problem{Status: 423, Title: "the kill switch is engaged"}
	}
	d, ok := s.decision(r.PathValue("id")).(*decision)
	if !ok {
		return &problem{Status: 404, Title: "no such decision"}
	}
	d.State = "kept"
	if s.forgetful {
		return d
	}
	method, url, body := "POST", s.plan.SupervisorURL()+"/restart", `{"instance":"`+d.Proposal.Action.Params["instance"]+`","id":"`+d.Proposal.ID+`"}`
	if d.Proposal.Action.Kind == "router.weights" {
		method, url, body = "PUT", s.plan.RouterURL(), `{"weights":{"v1":100,"v2":0},"id":"`+d.Proposal.ID+`"}`
	}
	req, err := http.NewRequestWithContext(r.Context(), method, url, bytes.NewReader([]byte(body)))
	if err == nil {
		var resp *http.Response
		if resp, err = http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
		}
	}
	if err != nil {
		return &problem{Status: 500, Title: err.Error()}
	}
	return d
}
