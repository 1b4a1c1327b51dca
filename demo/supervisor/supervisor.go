// Package supervisor starts child processes, keeps them running, and restarts
// one when asked.
//
// It answers one question: which processes run, and since when? A child that
// ends by itself is started again after a pause.
//
// # Method
//
// Each child is given one end of a pipe as its standard input; the other end
// stays open here and is never written to. When this process ends, in whatever
// way, the system closes the pipe and the child, which reads it, ends too. On
// the way out children are asked first (SIGTERM) and killed after a moment.
//
// # Limits
//
// Children must end when their standard input does, and must not hand it on.
// Ids of restarts are remembered for the last 1,024.
package supervisor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// ErrUnknown is wrapped when an instance is not one of the supervisor's.
var ErrUnknown = errors.New("no such instance")

// A Spec says how to start one child.
type Spec struct {
	Service, Instance string
	Path              string
	Args              []string
	Env               []string // all of it; nothing is inherited
	Health            string   // URL that answers 200 when the child is ready; may be empty
}

// A Process is a child as it is now.
type Process struct {
	Service  string    `json:"service"`
	Instance string    `json:"instance"`
	PID      int       `json:"pid"` // 0 while it is down
	Starts   int       `json:"starts"`
	Since    time.Time `json:"since"`
}

// Options are what a supervisor can do without.
type Options struct {
	Output io.Writer     // where the children's output goes; nil discards it
	Grace  time.Duration // between asking a child to end and killing it; 0 means 1 s
	Pause  time.Duration // before a child that ended by itself is started again; 0 means 1 s
	Ready  time.Duration // how long a child may take to be ready; 0 means 10 s
}

// A Supervisor is safe for concurrent use.
type Supervisor struct {
	children map[string]*child
	opt      Options
	cancel   context.CancelFunc
	running  sync.WaitGroup
	client   *http.Client

	mu   sync.Mutex
	done map[string]chan struct{} // by id of a restart: closed when it is over
	ids  []string                 // oldest first
}

const rememberedIDs = 1024

// Start starts all children and returns when every one of them is ready. Stop
// must be called in the end unless it returns an error.
func Start(ctx context.Context, specs []Spec, opt Options) (*Supervisor, error) {
	opt.Grace = cmp.Or(opt.Grace, time.Second)
	opt.Pause = cmp.Or(opt.Pause, time.Second)
	opt.Ready = cmp.Or(opt.Ready, 10*time.Second)
	if opt.Output == nil {
		opt.Output = io.Discard
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &Supervisor{
		children: make(map[string]*child),
		opt:      opt,
		cancel:   cancel,
		client:   &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second},
		done:     make(map[string]chan struct{}),
	}
	for _, spec := range specs {
		c := newChild(spec, opt)
		s.children[spec.Instance] = c
		s.running.Go(func() { c.keep(running) })
	}
	for _, spec := range specs {
		if err := s.ready(ctx, s.children[spec.Instance], 1); err != nil {
			s.Stop()
			return nil, err
		}
	}
	return s, nil
}

// Stop ends all children and returns when they are gone.
func (s *Supervisor) Stop() {
	s.cancel()
	s.running.Wait()
}

// Processes returns all children, by instance.
func (s *Supervisor) Processes() []Process {
	var all []Process
	for _, c := range s.children {
		all = append(all, c.process())
	}
	slices.SortFunc(all, func(a, b Process) int { return cmp.Compare(a.Instance, b.Instance) })
	return all
}

// Restart ends the instance's process, starts a new one, and returns when it
// is ready. An id that was seen before restarts nothing.
func (s *Supervisor) Restart(ctx context.Context, instance, id string) (Process, error) {
	c, ok := s.children[instance]
	if !ok {
		return Process{}, fmt.Errorf("restart %q: %w", instance, ErrUnknown)
	}
	over, first := s.claim(id)
	if !first {
		select {
		case <-over:
			return c.process(), nil
		case <-ctx.Done():
			return Process{}, fmt.Errorf("restart %s: %w", instance, ctx.Err())
		}
	}
	defer close(over)
	want := c.restart()
	if err := s.ready(ctx, c, want); err != nil {
		return Process{}, fmt.Errorf("restart: %w", err)
	}
	return c.process(), nil
}

// claim returns the channel that is closed when the restart with this id is
// over, and whether the caller is the one to do it.
func (s *Supervisor) claim(id string) (over chan struct{}, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if over, ok := s.done[id]; ok && id != "" {
		return over, false
	}
	over = make(chan struct{})
	if id == "" {
		return over, true
	}
	if len(s.ids) == rememberedIDs {
		delete(s.done, s.ids[0])
		s.ids = s.ids[1:]
	}
	s.done[id] = over
	s.ids = append(s.ids, id)
	return over, true
}

// ready waits until the child has been started starts times and answers.
func (s *Supervisor) ready(ctx context.Context, c *child, starts int) error {
	ctx, cancel := context.WithTimeout(ctx, s.opt.Ready)
	defer cancel()
	for {
		if p := c.process(); p.Starts >= starts && p.PID != 0 && s.healthy(ctx, c.spec.Health) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w (%s)", c.spec.Instance, ctx.Err(), c.lastWords())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Supervisor) healthy(ctx context.Context, url string) bool {
	if url == "" {
		return true
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
