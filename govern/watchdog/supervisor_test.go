package watchdog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/govern/watchdog"
)

// The test binary plays the worker, and the watchdog around it.
func TestMain(m *testing.M) {
	switch os.Getenv("PLAY") {
	case "worker":
		os.Exit(playWorker())
	case "watchdog":
		os.Exit(playWatchdog())
	}
	os.Exit(m.Run())
}

// playWorker writes its pid and does what it is told.
func playWorker() int {
	life, tied := watchdog.Parent(os.Getenv)
	if !tied {
		fmt.Fprintln(os.Stderr, "not tied")
		return 3
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM) // before anybody knows its pid
	defer stop()
	f, err := os.OpenFile(os.Getenv("PIDS"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 4
	}
	if _, err := fmt.Fprintf(f, "%d %d %s\n", os.Getpid(), life.Restarts, life.LastExit); err != nil || f.Close() != nil {
		return 4
	}
	switch os.Getenv("MOOD") {
	case "wrong configuration":
		return watchdog.ExitConfig
	case "dies at once":
		return 1
	case "panics":
		panic("as told")
	case "wrong later":
		if life.Restarts > 0 {
			return watchdog.ExitConfig
		}
		return 1
	case "deaf":
		signal.Ignore(syscall.SIGTERM)
		select {}
	}
	if err := watchdog.Tie(ctx, os.Stdin); errors.Is(err, watchdog.ErrParentGone) {
		return 5
	}
	return 0
}

func playWatchdog() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	s, err := watchdog.NewSupervisor(options(os.Getenv("DIR"), os.Getenv("MOOD")))
	if err != nil {
		return 6
	}
	code, err := s.Run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return code
}

func options(dir, mood string) watchdog.SupervisorOptions {
	return watchdog.SupervisorOptions{
		Path: os.Args[0], Env: append(os.Environ(), "PLAY=worker", "MOOD="+mood, "PIDS="+filepath.Join(dir, "pids"), "DIR="+dir),
		Stderr: os.Stderr, StatusFile: filepath.Join(dir, "watchdog.json"), Grace: 10 * time.Second, // a program under the race detector takes a second to end
	}
}

// lives returns a line for each worker that has started.
func lives(dir string) (out []string) {
	data, err := os.ReadFile(filepath.Join(dir, "pids"))
	if err != nil {
		return nil
	}
	whole := string(data[:bytes.LastIndexByte(data, '\n')+1]) // the last line may be half written
	return strings.Split(strings.TrimSpace(whole), "\n")
}

func pid(t *testing.T, life string) int {
	t.Helper()
	first, _, _ := strings.Cut(life, " ")
	n, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// sees waits for n workers to have started, and returns the last one's pid.
func sees(t *testing.T, dir string, n int) int {
	t.Helper()
	for range 1000 {
		if l := lives(dir); len(l) >= n && l[n-1] != "" {
			return pid(t, l[n-1])
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%d workers have started, want %d", len(lives(dir)), n)
	return 0
}

func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	// A dead process that nobody has waited for yet is dead.
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

func gone(t *testing.T, pid int, within time.Duration) {
	t.Helper()
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if !alive(pid) {
			return
		}
	}
	t.Errorf("process %d still runs after %v", pid, within)
}

// supervise runs a supervisor until the test ends or stop is called.
func supervise(t *testing.T, opt watchdog.SupervisorOptions) (stop func() (code int, err error)) {
	t.Helper()
	s, err := watchdog.NewSupervisor(opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	type result struct {
		code int
		err  error
	}
	done := make(chan result, 1)
	go func() {
		code, err := s.Run(ctx)
		done <- result{code, err}
	}()
	return func() (int, error) {
		cancel()
		r := <-done
		return r.code, r.err
	}
}

func TestKilledWorkerIsBack(t *testing.T) {
	dir := t.TempDir()
	stop := supervise(t, options(dir, ""))
	for n := 1; n <= 3; n++ {
		p := sees(t, dir, n)
		began := time.Now()
		if err := syscall.Kill(p, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		sees(t, dir, n+1)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("the worker was back after %v", took)
		}
	}
	last := sees(t, dir, 4)
	if code, err := stop(); code != 0 || err != nil {
		t.Errorf("code %d, %v", code, err)
	}
	gone(t, last, time.Second)
	if got := lives(dir)[3]; !strings.HasSuffix(got, " 3 signal: killed") {
		t.Errorf("the fourth worker knows %q of the lives before", got)
	}
	st, err := watchdog.ReadStatus(filepath.Join(dir, "watchdog.json"))
	if err != nil || st.Restarts != 3 || st.PID != 0 || st.LastExit != "exit status 0" {
		t.Errorf("%+v %v", st, err)
	}
}

func TestWaitGrows(t *testing.T) {
	dir := t.TempDir()
	began := time.Now()
	stop := supervise(t, options(dir, "dies at once"))
	sees(t, dir, 4) // after 100, 200 and 400 ms
	if took := time.Since(began); took < 700*time.Millisecond {
		t.Errorf("four lives within %v", took)
	}
	if _, err := stop(); err != nil {
		t.Error(err)
	}
}

func TestLongLifeStartsAfresh(t *testing.T) {
	dir := t.TempDir()
	opt := options(dir, "dies at once")
	opt.First, opt.LongLife, opt.Most = 10*time.Millisecond, time.Nanosecond, time.Hour
	stop := supervise(t, opt)
	sees(t, dir, 8) // would take 10+20+…+640 ms with waits that grow
	if _, err := stop(); err != nil {
		t.Error(err)
	}
}

func TestWrongConfigurationIsNotTriedAgain(t *testing.T) {
	dir := t.TempDir()
	s, err := watchdog.NewSupervisor(options(dir, "wrong configuration"))
	if err != nil {
		t.Fatal(err)
	}
	if code, err := s.Run(t.Context()); code != watchdog.ExitConfig || err != nil || len(lives(dir)) != 1 {
		t.Errorf("code %d, %v, %d lives", code, err, len(lives(dir)))
	}
}

// What started once will start again: after a restart, code 2 is a death like
// others.
func TestWrongLaterIsTriedAgain(t *testing.T) {
	dir := t.TempDir()
	stop := supervise(t, options(dir, "wrong later"))
	sees(t, dir, 3)
	if _, err := stop(); err != nil {
		t.Error(err)
	}
}

// A program that panics ends with code 2, which must not look like one that a
// person has to mend.
func TestPanicIsTriedAgain(t *testing.T) {
	dir := t.TempDir()
	opt := options(dir, "panics")
	opt.Stderr = io.Discard
	stop := supervise(t, opt)
	sees(t, dir, 3)
	if _, err := stop(); err != nil {
		t.Error(err)
	}
}

func TestNoSuchProgram(t *testing.T) {
	s, err := watchdog.NewSupervisor(watchdog.SupervisorOptions{Path: filepath.Join(t.TempDir(), "none")})
	if err != nil {
		t.Fatal(err)
	}
	if code, err := s.Run(t.Context()); code != watchdog.ExitConfig || err == nil {
		t.Errorf("code %d, %v", code, err)
	}
	if _, err := watchdog.NewSupervisor(watchdog.SupervisorOptions{}); err == nil {
		t.Error("no program was taken")
	}
}

func TestDeafWorkerIsKilled(t *testing.T) {
	dir := t.TempDir()
	opt := options(dir, "deaf")
	opt.Grace = 200 * time.Millisecond
	stop := supervise(t, opt)
	p := sees(t, dir, 1)
	time.Sleep(100 * time.Millisecond) // until it has closed its ears
	if code, err := stop(); code != 128+int(syscall.SIGKILL) || err != nil {
		t.Errorf("code %d, %v", code, err)
	}
	gone(t, p, time.Second)
}

// watchdogProcess starts a watchdog as a process of its own.
func watchdogProcess(t *testing.T, dir, mood string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PLAY=watchdog", "DIR="+dir, "MOOD="+mood)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd
}

func TestStoppedWatchdogStopsItsWorker(t *testing.T) {
	dir := t.TempDir()
	cmd := watchdogProcess(t, dir, "")
	p := sees(t, dir, 1)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the watchdog ended with %v", err)
	}
	gone(t, p, time.Second)
}

// Not even a worker that hears nothing outlives a watchdog that was killed.
func TestKilledWatchdogLeavesNoOrphan(t *testing.T) {
	for _, mood := range []string{"", "deaf"} {
		t.Run("mood "+mood, func(t *testing.T) {
			dir := t.TempDir()
			cmd := watchdogProcess(t, dir, mood)
			p := sees(t, dir, 1)
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // it was killed
			gone(t, p, 2*time.Second)
		})
	}
}

func TestTie(t *testing.T) {
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := watchdog.Tie(ctx, r); err != nil {
		t.Errorf("ctx ended: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := watchdog.Tie(t.Context(), r); !errors.Is(err, watchdog.ErrParentGone) {
		t.Errorf("stdin ended: %v", err)
	}
	if _, tied := watchdog.Parent(func(string) string { return "" }); tied {
		t.Error("tied to nobody")
	}
}

// The switch is engaged while the worker dies and comes back.
func TestSwitchSurvivesTheWorker(t *testing.T) {
	dir := t.TempDir()
	stop := supervise(t, options(dir, ""))
	sw, err := watchdog.OpenSwitch(dir, watchdog.SwitchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p := sees(t, dir, 1)
	if _, err := sw.Engage("ada", "test"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(p, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	sees(t, dir, 2)
	again, err := watchdog.OpenSwitch(dir, watchdog.SwitchOptions{})
	if err != nil || !again.State().Engaged {
		t.Errorf("%+v %v", again.State(), err)
	}
	if _, err := stop(); err != nil {
		t.Error(err)
	}
}
