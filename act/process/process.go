// Package process restarts one process through a supervisor's HTTP endpoint.
//
// It answers one question: is this instance a new process, as asked?
//
// # Method
//
//	GET  {url}          → {"processes":[{"service":"payment","instance":"payment-1","pid":123,"starts":1,"since":"…"}]}
//	POST {url}/restart  ← {"instance":"payment-1","id":"<hash>"} → the process' new state
//
// The supervisor takes an id once. A restart is done when the process has
// another pid or more starts than the one that was seen before.
//
// # Limits
//
// There is no way back from a restart. A process that its supervisor restarted
// by itself in the same moment cannot be told from one that was restarted on
// request; either way the process that was seen is gone.
package process

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/steersman-ops/steersman/act"
	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern"
	"github.com/steersman-ops/steersman/govern/policy"
)

// Config says where the supervisor is.
type Config struct {
	Name  string // what an action's Target says
	URL   string // of the supervisor, such as http://127.0.0.1:9801
	Token string // sent as Authorization: Bearer; empty: none
}

// A Supervisor is the actuator for the processes of one supervisor.
type Supervisor struct {
	cfg    Config
	client *act.Client
}

// New checks the settings and returns a Supervisor. It does not speak to it
// yet.
func New(cfg Config) (*Supervisor, error) {
	c, err := act.NewClient(cfg.URL, cfg.Token)
	if err != nil {
		return nil, fmt.Errorf("supervisor %s: %w", cfg.Name, err)
	}
	return &Supervisor{cfg, c}, nil
}

// Close closes connections that wait for reuse.
func (s *Supervisor) Close() { s.client.Close() }

// Kind returns fact.Restart.
func (s *Supervisor) Kind() fact.ActionKind { return fact.Restart }

// Nature returns act.Probeable: a new process can be told from the old.
func (s *Supervisor) Nature() act.Nature { return act.Probeable }

// A Process is what a supervisor says of one process.
type Process struct {
	Service  string    `json:"service"`
	Instance string    `json:"instance"`
	PID      int       `json:"pid"`
	Starts   int       `json:"starts"`
	Since    time.Time `json:"since"`
}

type order struct {
	Instance string `json:"instance"`
	ID       string `json:"id"`
}

// Processes reads what runs.
func (s *Supervisor) Processes(ctx context.Context) ([]Process, error) {
	var out struct {
		Processes []Process `json:"processes"`
	}
	if err := s.client.Get(ctx, "", &out); err != nil {
		return nil, fmt.Errorf("supervisor %s: %w", s.cfg.Name, err)
	}
	return out.Processes, nil
}

// find returns the process that an action means, and how many instances its
// service has.
func (s *Supervisor) find(ctx context.Context, a fact.Action) (p Process, instances int, err error) {
	name := a.Params["instance"]
	if name == "" {
		return p, 0, fmt.Errorf("supervisor %s: no instance is named, so nothing is to be done", s.cfg.Name)
	}
	all, err := s.Processes(ctx)
	if err != nil {
		return p, 0, err
	}
	found := false
	for _, q := range all {
		if q.Service != a.Entity.Name {
			continue
		}
		instances++
		if q.Instance == name {
			p, found = q, true
		}
	}
	if !found {
		return p, 0, fmt.Errorf("supervisor %s: %s has no instance %s: %w", s.cfg.Name, a.Entity.Name, name, fact.ErrNotFound)
	}
	return p, instances, nil
}

func format(p Process, instances int) map[string]string {
	return map[string]string{
		"instance": p.Instance, "pid": strconv.Itoa(p.PID), "starts": strconv.Itoa(p.Starts),
		policy.InstancesKey: strconv.Itoa(instances),
	}
}

// DryRun reads which process would be restarted.
func (s *Supervisor) DryRun(ctx context.Context, a fact.Action) (fact.Receipt, error) {
	started := time.Now().UTC()
	p, n, err := s.find(ctx, a)
	if err != nil {
		return fact.Receipt{}, err
	}
	before, after := format(p, n), format(p, n)
	after["pid"], after["starts"] = "another", strconv.Itoa(p.Starts+1)
	return fact.Receipt{
		Action: a, DryRun: true, Started: started, Finished: time.Now().UTC(), Before: before, After: after,
		Text: fmt.Sprintf("%s, process %d, one of %d of %s, would be restarted", p.Instance, p.PID, n, p.Service),
	}, nil
}

// Undo returns act.ErrNoWayBack.
func (s *Supervisor) Undo(context.Context, fact.Action) (fact.Action, error) {
	return fact.Action{}, fmt.Errorf("a restart: %w", act.ErrNoWayBack)
}

// Do restarts the process.
func (s *Supervisor) Do(ctx context.Context, w govern.Warrant) (map[string]string, error) {
	a := w.Action()
	switch {
	case w.Hash() == "":
		return nil, govern.ErrNoWarrant
	case a.Params["instance"] == "":
		return nil, fmt.Errorf("supervisor %s: no instance is named, so nothing is to be done", s.cfg.Name)
	}
	var p Process
	if err := s.client.Change(ctx, http.MethodPost, "/restart", order{a.Params["instance"], w.Hash()}, &p); err != nil {
		return nil, fmt.Errorf("supervisor %s: restart %s: %w", s.cfg.Name, a.Params["instance"], err)
	}
	if p.Instance != a.Params["instance"] {
		return nil, fmt.Errorf("supervisor %s: %w: asked to restart %s, it answers about %.50q", s.cfg.Name, act.ErrUnclear, a.Params["instance"], p.Instance)
	}
	after := w.Before()
	after["pid"], after["starts"] = strconv.Itoa(p.PID), strconv.Itoa(p.Starts)
	if !another(after, w.Before()) {
		return nil, fmt.Errorf("supervisor %s: %w: it answers that %s is process %d with %d starts, as before",
			s.cfg.Name, act.ErrUnclear, a.Params["instance"], p.PID, p.Starts)
	}
	return after, nil
}

// Look reads whether another process runs than the one before.
func (s *Supervisor) Look(ctx context.Context, a fact.Action, before map[string]string, _ string) (act.Found, map[string]string, error) {
	p, n, err := s.find(ctx, a)
	if err != nil {
		return act.Unknown, nil, err
	}
	now := format(p, n)
	if another(now, before) {
		return act.Done, now, nil
	}
	return act.NotDone, now, nil
}

// another reports whether the two states are of two processes. One without a
// process, while a supervisor is about to start it again, is of none.
func another(now, before map[string]string) bool {
	return now["starts"] != before["starts"] || now["pid"] != before["pid"] && now["pid"] != "0"
}
