package supervisor_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/steersman-ops/steersman/demo/supervisor"
)

// role is the variable that makes the test program one of the processes that
// the tests need.
const role = "SUPERVISOR_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "child":
		child()
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		child()
	case "failing":
		os.Exit(3)
	case "parent":
		parent()
	default:
		goleak.VerifyTestMain(m)
	}
}

// child answers /healthz at os.Args[1] until its standard input ends.
func child() {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/die", func(http.ResponseWriter, *http.Request) { os.Exit(1) })
	go func() {
		if err := http.ListenAndServe(os.Args[1], mux); err != nil {
			os.Exit(4)
		}
	}()
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// parent supervises two children, says so, and waits to be killed.
func parent() {
	_, err := supervisor.Start(context.Background(), []supervisor.Spec{
		spec("child", "a-1", os.Args[1]), spec("child", "b-1", os.Args[2]),
	}, supervisor.Options{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("started")
	select {}
}

func spec(as, instance, address string) supervisor.Spec {
	return supervisor.Spec{
		Service:  strings.TrimRight(instance, "-1"),
		Instance: instance,
		Path:     os.Args[0],
		Args:     []string{address},
		Env:      []string{role + "=" + as},
		Health:   "http://" + address + "/healthz",
	}
}

func address(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func answers(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// eventually fails the test if f is not true soon.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for start := time.Now(); time.Since(start) < 10*time.Second; time.Sleep(20 * time.Millisecond) {
		if f() {
			return
		}
	}
	t.Fatalf("after 10s still not: %s", what)
}

func start(t *testing.T, opt supervisor.Options, specs ...supervisor.Spec) *supervisor.Supervisor {
	t.Helper()
	s, err := supervisor.Start(t.Context(), specs, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func TestRestartChangesTheProcess(t *testing.T) {
	a := address(t)
	s := start(t, supervisor.Options{}, spec("child", "a-1", a))
	before := s.Processes()[0]
	if before.Starts != 1 || before.PID == 0 || before.Service != "a" {
		t.Fatalf("at first: %+v", before)
	}
	after, err := s.Restart(t.Context(), "a-1", "x")
	if err != nil {
		t.Fatal(err)
	}
	if after.PID == before.PID || after.PID == 0 || after.Starts != 2 || !after.Since.After(before.Since) {
		t.Errorf("restart left %+v of %+v", after, before)
	}
	if !answers(a) {
		t.Error("the new process does not answer")
	}
	if again, err := s.Restart(t.Context(), "a-1", "x"); err != nil || again != after {
		t.Errorf("the same id again: %+v, %v; want %+v", again, err, after)
	}
	if other, err := s.Restart(t.Context(), "a-1", "y"); err != nil || other.Starts != 3 {
		t.Errorf("another id: %+v, %v; want a third start", other, err)
	}
}

func TestSameIDAtTheSameTimeRestartsOnce(t *testing.T) {
	s := start(t, supervisor.Options{}, spec("child", "a-1", address(t)))
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			if p, err := s.Restart(t.Context(), "a-1", "x"); err != nil || p.Starts != 2 {
				t.Errorf("%+v, %v; want the second start", p, err)
			}
		})
	}
	all.Wait()
}

func TestStubbornChildIsKilled(t *testing.T) {
	s := start(t, supervisor.Options{Grace: 50 * time.Millisecond}, spec("stubborn", "a-1", address(t)))
	if p, err := s.Restart(t.Context(), "a-1", "x"); err != nil || p.Starts != 2 {
		t.Errorf("%+v, %v; want the second start", p, err)
	}
}

func TestChildThatEndsIsStartedAgain(t *testing.T) {
	a := address(t)
	s := start(t, supervisor.Options{Pause: 50 * time.Millisecond}, spec("child", "a-1", a))
	if resp, err := http.Get("http://" + a + "/die"); err == nil {
		resp.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	eventually(t, "started a second time", func() bool { return s.Processes()[0].Starts == 2 && answers(a) })
}

func TestStopEndsTheChildren(t *testing.T) {
	a := address(t)
	s := start(t, supervisor.Options{}, spec("child", "a-1", a))
	s.Stop()
	if answers(a) {
		t.Error("the child still answers after Stop")
	}
	if p := s.Processes()[0]; p.PID != 0 {
		t.Errorf("after Stop: %+v", p)
	}
}

func TestChildThatCannotStart(t *testing.T) {
	for _, tt := range []struct {
		name string
		spec supervisor.Spec
		want string
	}{
		{"no such program", supervisor.Spec{Instance: "a-1", Path: "/no/such/program"}, "no such file"},
		{"exits at once", spec("failing", "a-1", address(t)), "exit status 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := supervisor.Start(t.Context(), []supervisor.Spec{tt.spec}, supervisor.Options{Ready: 300 * time.Millisecond})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "a-1") {
				t.Errorf("%v, want one about a-1 with %q", err, tt.want)
			}
		})
	}
}

func TestControl(t *testing.T) {
	s := start(t, supervisor.Options{}, spec("child", "a-1", address(t)), spec("child", "b-1", address(t)))
	h := s.Control()
	ask := func(method, path, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w
	}
	var list struct{ Processes []supervisor.Process }
	if err := json.Unmarshal(ask("GET", "/", "").Body.Bytes(), &list); err != nil || len(list.Processes) != 2 {
		t.Fatalf("%+v, %v; want two processes", list, err)
	}
	var p supervisor.Process
	if err := json.Unmarshal(ask("POST", "/restart", `{"instance":"b-1","id":"x"}`).Body.Bytes(), &p); err != nil || p.Instance != "b-1" || p.Starts != 2 {
		t.Errorf("restart: %+v, %v", p, err)
	}
	for _, tt := range []struct {
		body string
		code int
	}{{`{"instance":"c-1","id":"y"}`, 404}, {`{`, 400}} {
		if w := ask("POST", "/restart", tt.body); w.Code != tt.code {
			t.Errorf("restart %s: status %d, want %d", tt.body, w.Code, tt.code)
		}
	}
	req := httptest.NewRequest("POST", "/restart", strings.NewReader(`{"instance":"a-1"}`))
	req.Header.Set("Origin", "https://example.com")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	if w.Code != http.StatusForbidden {
		t.Errorf("a web page: status %d, want 403", w.Code)
	}
}

func TestRestartOfAnUnknownInstance(t *testing.T) {
	s := start(t, supervisor.Options{})
	if _, err := s.Restart(t.Context(), "x-1", ""); !errors.Is(err, supervisor.ErrUnknown) {
		t.Errorf("%v, want ErrUnknown", err)
	}
}

// A parent that is killed cannot do anything any more; its children end all
// the same.
func TestChildrenDieWithAKilledParent(t *testing.T) {
	a, b := address(t), address(t)
	cmd := exec.Command(os.Args[0], a, b)
	cmd.Env = []string{role + "=parent"}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if strings.TrimSpace(line) != "started" || !answers(a) || !answers(b) {
		_ = cmd.Process.Kill()
		t.Fatalf("the parent said %q %s", line, stderr.String())
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	eventually(t, "both children are gone", func() bool { return !answers(a) && !answers(b) })
}
