package supervisor

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// A child is one process after another of the same spec.
type child struct {
	spec Spec
	opt  Options

	mu     sync.Mutex
	cmd    *exec.Cmd      // nil while it is down
	tie    io.WriteCloser // kept, so that the pipe stays open as long as we live
	starts int
	since  time.Time
	asked  bool   // the end of the process that runs was asked for
	stop   func() // asks the process that runs to end, and kills it if it does not
	words  string
}

func newChild(spec Spec, opt Options) *child {
	return &child{spec: spec, opt: opt, words: "it was not started yet"}
}

func (c *child) process() Process {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := Process{Service: c.spec.Service, Instance: c.spec.Instance, Starts: c.starts, Since: c.since}
	if c.cmd != nil {
		p.PID = c.cmd.Process.Pid
	}
	return p
}

func (c *child) lastWords() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.words
}

// keep runs the child again and again until ctx ends.
func (c *child) keep(ctx context.Context) {
	for ctx.Err() == nil {
		c.once(ctx)
		if c.wasAsked() {
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(c.opt.Pause):
		}
	}
}

func (c *child) wasAsked() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked
}

// once runs one process from its start to its end.
func (c *child) once(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	cmd := exec.CommandContext(ctx, c.spec.Path, c.spec.Args...)
	cmd.Env = c.spec.Env
	cmd.Stdout, cmd.Stderr = c.opt.Output, c.opt.Output
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = c.opt.Grace
	if err := c.begin(cmd, stop); err != nil {
		return
	}
	err := cmd.Wait()
	c.end(err)
}

func (c *child) begin(cmd *exec.Cmd, stop func()) error {
	tie, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = false
	if err != nil {
		c.words = err.Error()
		return err
	}
	c.cmd, c.tie, c.stop = cmd, tie, stop
	c.starts++
	c.since = time.Now().UTC()
	c.words = "it runs"
	return nil
}

func (c *child) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.tie.Close() // Wait has closed it already
	c.cmd, c.tie, c.stop = nil, nil, nil
	c.words = fmt.Sprintf("it ended: %v", err)
}

// restart asks the process that runs, if any, to end, and returns how many
// starts there will be when the new one is there.
func (c *child) restart() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd != nil {
		c.asked = true
		c.stop()
	}
	return c.starts + 1
}
