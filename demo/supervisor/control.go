package supervisor

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// Control returns the handler by which the supervisor is asked:
//
//	GET  /          {"processes":[…]}
//	POST /restart   {"instance":"payment-1","id":"…"} → the Process
//
// Requests that carry an Origin, which are those that a web page sends, are
// refused.
func (s *Supervisor) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string][]Process{"processes": s.Processes()})
	})
	mux.HandleFunc("POST /restart", s.serveRestart)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Origin") != "" {
			http.Error(w, "web pages may not restart processes", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, req)
	})
}

func (s *Supervisor) serveRestart(w http.ResponseWriter, req *http.Request) {
	var ask struct{ Instance, ID string }
	if err := json.NewDecoder(io.LimitReader(req.Body, 1<<16)).Decode(&ask); err != nil {
		http.Error(w, "body: "+err.Error(), http.StatusBadRequest)
		return
	}
	p, err := s.Restart(req.Context(), ask.Instance, ask.ID)
	switch {
	case errors.Is(err, ErrUnknown):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadGateway)
	default:
		answer(w, p)
	}
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the caller is gone if this fails
}
