package router

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

type change struct {
	Weights map[string]int `json:"weights"`
	Lease   string         `json:"lease"` // a duration as Go writes it; empty means no lease
	ID      string         `json:"id"`
}

// Control returns the handler by which the router is asked and changed:
//
//	GET  /         its State
//	PUT  /         {"weights":{"v1":90,"v2":10},"lease":"30s","id":"…"}
//	POST /renew    {"id":"…"}
//	POST /commit   {"id":"…"}
//
// Each answers with the State after it. Requests that carry an Origin, which
// are those that a web page sends, are refused.
func (r *Router) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { answer(w, r.State(), nil) })
	mux.HandleFunc("PUT /{$}", func(w http.ResponseWriter, req *http.Request) {
		s, err := r.put(req.Body)
		answer(w, s, err)
	})
	mux.HandleFunc("POST /renew", byID(r.Renew))
	mux.HandleFunc("POST /commit", byID(r.Commit))
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Origin") != "" {
			http.Error(w, "web pages may not steer the router", http.StatusForbidden)
			return
		}
		if req.URL.Path == "" {
			req.URL.Path = "/"
		}
		mux.ServeHTTP(w, req)
	})
}

func (r *Router) put(body io.Reader) (State, error) {
	c, err := decode(body)
	if err != nil {
		return State{}, err
	}
	var length time.Duration
	if c.Lease != "" {
		if length, err = time.ParseDuration(c.Lease); err != nil {
			return State{}, fmt.Errorf("%w: lease %q is not a duration", ErrInvalid, c.Lease)
		}
	}
	return r.Set(c.Weights, length, c.ID)
}

func byID(do func(id string) (State, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		c, err := decode(req.Body)
		if err != nil {
			answer(w, State{}, err)
			return
		}
		s, err := do(c.ID)
		answer(w, s, err)
	}
}

func decode(body io.Reader) (change, error) {
	var c change
	if err := json.NewDecoder(io.LimitReader(body, 1<<16)).Decode(&c); err != nil {
		return change{}, fmt.Errorf("%w: body: %w", ErrInvalid, err)
	}
	return c, nil
}

func answer(w http.ResponseWriter, s State, err error) {
	switch {
	case errors.Is(err, ErrNoLease):
		http.Error(w, err.Error(), http.StatusConflict)
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s) // the caller is gone if this fails
	}
}
