package watchdog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// The environment of a worker; see [Parent].
const (
	envTied     = "STEERSMAN_WATCHDOG"
	envRestarts = "STEERSMAN_WATCHDOG_RESTARTS"
	envLast     = "STEERSMAN_WATCHDOG_LAST"
)

// ExitConfig is the exit code of a worker that could not start for reasons
// that trying again does not mend. It is EX_CONFIG of sysexits.h, not 2, with
// which Go ends a program that panics.
const ExitConfig = 78

// SupervisorOptions are the settings of a Supervisor. Path is required.
type SupervisorOptions struct {
	Path           string   // of the program
	Args           []string // without the program's name
	Env            []string // nil: as this process
	Stdout, Stderr io.Writer

	Grace    time.Duration // between SIGTERM and SIGKILL; 0: 10 s
	First    time.Duration // wait before the first restart; 0: 100 ms
	Most     time.Duration // longest wait; 0: 5 s
	LongLife time.Duration // a worker that lived this long is restarted as if for the first time; 0: 30 s

	StatusFile string       // where [Status] is written; empty: nowhere
	Logger     *slog.Logger // nil: silent
}

// Status is what the supervisor writes to its status file.
type Status struct {
	PID      int       `json:"pid"` // of the worker, 0 while there is none
	Started  time.Time `json:"started,omitzero"`
	Restarts int       `json:"restarts"`
	LastExit string    `json:"lastExit,omitempty"` // in words
	LastAt   time.Time `json:"lastAt,omitzero"`
}

// A Supervisor keeps one worker process running.
type Supervisor struct {
	opt    SupervisorOptions
	status Status
}

// NewSupervisor fills in the settings and returns a Supervisor.
func NewSupervisor(opt SupervisorOptions) (*Supervisor, error) {
	if opt.Path == "" {
		return nil, errors.New("watchdog: no program to supervise")
	}
	fill := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	fill(&opt.Grace, 10*time.Second)
	fill(&opt.First, 100*time.Millisecond)
	fill(&opt.Most, 5*time.Second)
	fill(&opt.LongLife, 30*time.Second)
	if opt.Env == nil {
		opt.Env = os.Environ()
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	return &Supervisor{opt: opt}, nil
}

// Run starts the worker and starts it again whenever it ends, until ctx ends;
// it then asks the worker to stop, kills it after Grace, and returns the code
// with which it ended.
//
// If the first worker ever started ends with [ExitConfig] before it lived
// long, or cannot be started at all, Run returns that code at once: what is
// wrong is for a person to mend.
func (s *Supervisor) Run(ctx context.Context) (code int, err error) {
	// The kernel's tie between parent and worker is to the thread that started
	// the worker: it must stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	wait := s.opt.First
	for {
		began := time.Now()
		code, err := s.once(ctx)
		lived := time.Since(began)
		switch {
		case ctx.Err() != nil:
			return code, nil
		case err != nil && s.status.Restarts == 0:
			return ExitConfig, err
		case code == ExitConfig && s.status.Restarts == 0 && lived < s.opt.LongLife:
			return code, nil
		}
		if lived >= s.opt.LongLife {
			wait = s.opt.First
		}
		s.opt.Logger.Error("the worker ended; it will be started again", "exit", s.status.LastExit, "lived", lived, "wait", wait, "restarts", s.status.Restarts, "err", err)
		if !pause(ctx, wait) {
			return code, nil
		}
		wait = min(2*wait, s.opt.Most)
		s.status.Restarts++
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// once runs one worker from its start to its end.
func (s *Supervisor) once(ctx context.Context) (code int, err error) {
	cmd, tie, err := s.start()
	if err != nil {
		s.ended(err.Error())
		return ExitConfig, fmt.Errorf("start %s: %w", s.opt.Path, err)
	}
	defer func() { _ = tie.Close() }() // nothing was written to it
	s.status.PID, s.status.Started = cmd.Process.Pid, time.Now().UTC()
	s.write()
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	stop, kill := ctx.Done(), (<-chan time.Time)(nil)
	for {
		select {
		case <-stop:
			stop = nil
			s.signal(cmd.Process, syscall.SIGTERM)
			t := time.NewTimer(s.opt.Grace)
			defer t.Stop()
			kill = t.C
		case <-kill:
			s.opt.Logger.Warn("the worker did not stop in time and is killed", "pid", cmd.Process.Pid, "grace", s.opt.Grace)
			killGroup(cmd.Process)
		case err := <-done:
			killGroup(cmd.Process) // what the worker may have left behind
			s.ended(exitText(cmd.ProcessState, err))
			return exitCode(cmd.ProcessState), nil
		}
	}
}

// start starts a worker. tie is the write end of its standard input, which
// nobody writes to: the worker reads its end.
func (s *Supervisor) start() (cmd *exec.Cmd, tie io.Closer, err error) {
	cmd = exec.Command(s.opt.Path, s.opt.Args...)
	cmd.Env = append(append([]string(nil), s.opt.Env...),
		envTied+"=1",
		envRestarts+"="+strconv.Itoa(s.status.Restarts),
		envLast+"="+s.status.LastExit)
	cmd.Stdout, cmd.Stderr = s.opt.Stdout, s.opt.Stderr
	cmd.SysProcAttr = workerAttr()
	// Copying what the worker's own children still hold open ends here.
	cmd.WaitDelay = time.Second
	if tie, err = cmd.StdinPipe(); err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, errors.Join(err, tie.Close())
	}
	return cmd, tie, nil
}

func (s *Supervisor) signal(p *os.Process, sig os.Signal) {
	if err := p.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.opt.Logger.Warn("the worker could not be signalled", "pid", p.Pid, "signal", sig, "err", err)
	}
}

func (s *Supervisor) ended(how string) {
	s.status.PID, s.status.LastExit, s.status.LastAt = 0, how, time.Now().UTC()
	s.write()
}

// write puts the status on file. The worker's life does not depend on it.
func (s *Supervisor) write() {
	if s.opt.StatusFile == "" {
		return
	}
	data, err := json.Marshal(s.status)
	if err == nil {
		err = WriteDurably(s.opt.StatusFile, append(data, '\n'), 0o600)
	}
	if err != nil {
		s.opt.Logger.Warn("the watchdog's status could not be written", "file", s.opt.StatusFile, "err", err)
	}
}

// exitCode is the worker's exit code, or 128 and the signal that ended it, as
// shells count.
func exitCode(st *os.ProcessState) int {
	if st == nil {
		return 1
	}
	if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return st.ExitCode()
}

func exitText(st *os.ProcessState, err error) string {
	if st == nil {
		return err.Error()
	}
	return st.String()
}
