package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/steersman-ops/steersman/govern/watchdog"
)

// asProgram makes the test binary be the program, so that the tests run the
// real thing, watchdog and worker, without a build of their own.
const asProgram = "STEERSMAN_TEST_AS_PROGRAM"

func program() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		program()
	}
	testscript.Main(m, map[string]func(){"steersman": program})
}

// The stories in testdata/script are read as documentation, too.
func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			for _, name := range []string{"PORT", "GRPC", "HTTP"} {
				a, err := freeAddress()
				if err != nil {
					return err
				}
				env.Setenv(name, a)
			}
			env.Setenv("STEERSMAN_SERVER", "http://"+env.Getenv("PORT"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"wait-ready": func(ts *testscript.TestScript, _ bool, _ []string) {
				ts.Check(waitReady("http://"+ts.Getenv("PORT"), 20*time.Second))
			},
			"post-log":   func(ts *testscript.TestScript, _ bool, args []string) { post(ts, args[0]+"/v1/logs", args[1]) },
			"post-trace": func(ts *testscript.TestScript, _ bool, args []string) { post(ts, args[0]+"/v1/traces", args[1]) },
			"push-loki": func(ts *testscript.TestScript, _ bool, args []string) {
				body := fmt.Sprintf(`{"streams": [{"stream": {"job": "batch"}, "values": [["%d", %q]]}]}`, time.Now().UnixNano(), args[0])
				resp, err := http.Post("http://"+ts.Getenv("PORT")+"/loki/api/v1/push", "application/json", strings.NewReader(body))
				ts.Check(err)
				defer resp.Body.Close()
				if resp.StatusCode != http.StatusNoContent {
					ts.Fatalf("%s", resp.Status)
				}
			},
			"wait-line": func(ts *testscript.TestScript, _ bool, args []string) {
				for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
					ts.Check(ts.Exec("steersman", append([]string{"lines", "--json"}, args...)...))
					if strings.Contains(ts.ReadFile("stdout"), args[0]) {
						return
					}
				}
				ts.Fatalf("no line says %s", args[0])
			},
			// wait-source waits until what is shown of a source matches.
			"wait-source": func(ts *testscript.TestScript, _ bool, args []string) {
				want := regexp.MustCompile("(?m)" + args[1])
				for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
					if ts.Exec("steersman", "source", "show", args[0], "--data-dir", "data") == nil && want.MatchString(ts.ReadFile("stdout")) {
						return
					}
				}
				ts.Fatalf("source %s: nothing matches %s in\n%s", args[0], args[1], ts.ReadFile("stdout"))
			},
			"wait-trace": func(ts *testscript.TestScript, _ bool, args []string) {
				for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
					if ts.Exec("steersman", append([]string{"trace"}, args...)...) == nil {
						return
					}
				}
				ts.Fatalf("there is no trace %s", args[0])
			},
			// paste runs what stands in a file from the line with curl on, as a
			// person would.
			"paste": func(ts *testscript.TestScript, neg bool, args []string) {
				b, err := os.ReadFile(ts.MkAbs(args[0]))
				ts.Check(err)
				_, text, _ := strings.Cut(string(b), "\ncurl ")
				err = ts.Exec("sh", "-c", "curl "+text)
				if (err != nil) != neg {
					ts.Fatalf("pasted: %v", err)
				}
			},
			"flip": func(ts *testscript.TestScript, _ bool, args []string) {
				path := ts.MkAbs(args[0])
				b, err := os.ReadFile(path)
				ts.Check(err)
				b[len(b)/2] ^= 1
				ts.Check(os.WriteFile(path, b, 0o600))
			},
		},
	})
}

// post sends a file to a door of OTLP, where +10ms in it stands for the time ten
// milliseconds after one second ago, in nanoseconds.
func post(ts *testscript.TestScript, url, file string) {
	b, err := os.ReadFile(ts.MkAbs(file))
	ts.Check(err)
	begin := time.Now().Add(-time.Second)
	b = regexp.MustCompile(`\+[0-9.]+ms`).ReplaceAllFunc(b, func(text []byte) []byte {
		d, err := time.ParseDuration(string(text))
		ts.Check(err)
		return strconv.AppendInt(nil, begin.Add(d).UnixNano(), 10)
	})
	resp, err := http.Post("http://"+url, "application/json", bytes.NewReader(b))
	ts.Check(err)
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK || strings.Contains(string(body), "refused") {
		ts.Fatalf("%s: %s", resp.Status, body)
	}
}

func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

func waitReady(base string, within time.Duration) error {
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		resp, err := http.Get(base + "/readyz")
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
	return fmt.Errorf("%s is not ready after %v", base, within)
}

// A running is a real `steersman up` with its own data folder.
type running struct {
	t    *testing.T
	dir  string
	base string
	otlp string // OTLP over HTTP
	grpc string // OTLP over gRPC
	cmd  *exec.Cmd
	out  lockedBuffer
}

// lockedBuffer keeps what a process prints.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// start runs `steersman up` on free ports until the test ends.
func start(t *testing.T, config string) *running {
	t.Helper()
	return startIn(t, t.TempDir(), config)
}

// startIn starts it on a data folder.
func startIn(t *testing.T, dir, config string) *running {
	t.Helper()
	r := &running{t: t, dir: dir}
	var addresses [3]string
	for i := range addresses {
		a, err := freeAddress()
		if err != nil {
			t.Fatal(err)
		}
		addresses[i] = a
	}
	r.base, r.grpc, r.otlp = "http://"+addresses[0], addresses[1], addresses[2]
	file := filepath.Join(t.TempDir(), "steersman.yaml")
	text := fmt.Sprintf("data_dir: %q\nlisten: %s\notlp_grpc: %s\notlp_http: %s\nlog: {level: warn}\n%s", r.dir, addresses[0], addresses[1], addresses[2], config)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r.cmd = exec.Command(os.Args[0], "up", "--config", file)
	r.cmd.Env = append(os.Environ(), asProgram+"=1")
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.out
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.stop)
	if err := waitReady(r.base, 20*time.Second); err != nil {
		t.Fatalf("%v\n%s", err, r.out.String())
	}
	return r
}

// stop asks it to stop and checks that it does so well.
func (r *running) stop() {
	if r.cmd.ProcessState != nil {
		return
	}
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		r.t.Errorf("ask Steersman to stop: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- r.cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			r.t.Errorf("Steersman ended with %v\n%s", err, r.out.String())
		}
	case <-time.After(30 * time.Second):
		r.t.Errorf("Steersman did not stop\n%s", r.out.String())
		_ = r.cmd.Process.Kill()
		<-done
	}
}

// worker returns the process id of the worker, 0 while there is none.
func (r *running) worker() int {
	var st watchdog.Status
	b, err := os.ReadFile(filepath.Join(r.dir, "watchdog", "status.json"))
	if err != nil || json.Unmarshal(b, &st) != nil {
		return 0
	}
	return st.PID
}

func (r *running) token() string {
	b, err := os.ReadFile(filepath.Join(r.dir, "owner.token"))
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// ask sends a request with the owner's token and decodes the answer.
func (r *running) ask(method, path string, body io.Reader, out any) int {
	r.t.Helper()
	req, err := http.NewRequest(method, r.base+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.token())
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	if out != nil {
		if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
			r.t.Fatalf("%s %s: %d, %v", method, path, resp.StatusCode, err)
		}
	}
	return resp.StatusCode
}

// query asks the Prometheus API for an instant vector: value by label set.
func (r *running) query(text string, at time.Time) map[string]string {
	r.t.Helper()
	var out struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	v := fmt.Sprintf("/api/v1/query?query=%s&time=%d.%03d", urlEscape(text), at.Unix(), at.Nanosecond()/1e6)
	if code := r.ask("GET", v, nil, &out); code != 200 {
		r.t.Fatalf("query %s: %d", text, code)
	}
	m := make(map[string]string)
	for _, s := range out.Data.Result {
		key, _ := json.Marshal(s.Metric)
		m[string(key)] = fmt.Sprint(s.Value[1])
	}
	return m
}

// metric reads one number from /metrics.
func (r *running) metric(name string) float64 {
	r.t.Helper()
	resp, err := http.Get(r.base + "/metrics")
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	sum := 0.0
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		text := lines.Text()
		if rest, ok := strings.CutPrefix(text, name); ok && (rest[0] == ' ' || rest[0] == '{') {
			var v float64
			if _, err := fmt.Sscan(text[strings.LastIndexByte(text, ' ')+1:], &v); err == nil {
				sum += v
			}
		}
	}
	return sum
}
