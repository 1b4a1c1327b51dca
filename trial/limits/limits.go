package limits

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options say what is tried.
type Options struct {
	Binary string        // the steersman to be tried
	Dir    string        // where its data goes
	Memory string        // its ceiling, as --memory takes it
	Phase  time.Duration // how long each phase lasts; 0 means a minute
	Logs   io.Writer     // what it says; nil: nowhere
}

// A Phase is what happened to the steady sender, and to memory, in one phase.
type Phase struct {
	Name     string        `json:"name"`
	Sent     int           `json:"sent"`    // requests of the steady sender
	Refused  int           `json:"refused"` // of those
	Median   time.Duration `json:"median"`  // of the answers
	P99      time.Duration `json:"p99"`
	Resident int64         `json:"resident"` // the most that the worker had, bytes
	Bad      string        `json:"bad"`      // what the bad source did, and what became of it
}

// A Promise was kept or not.
type Promise struct {
	What string `json:"what"`
	Seen string `json:"seen"`
	Kept bool   `json:"kept"`
}

// A Report is what was seen.
type Report struct {
	Ceiling  int64     `json:"ceiling"` // bytes
	Phases   []Phase   `json:"phases"`
	Promises []Promise `json:"promises"`
}

// Kept reports whether every promise was.
func (r *Report) Kept() bool {
	return !slices.ContainsFunc(r.Promises, func(p Promise) bool { return !p.Kept })
}

// After the last phase but one there is time to recover.
const (
	after    = "after"
	recovery = 10 * time.Second
)

// Names and tokens of the two sources.
const (
	good, goodToken = "steady", "token-of-the-steady-sender"
	bad, badToken   = "flood", "token-of-the-bad-sender"
)

// A run is one Steersman and its senders.
type run struct {
	opt     Options
	ceiling int64
	base    string
	cmd     *exec.Cmd
	client  *http.Client
	steady  *steady
}

// Run goes through all phases, which takes six times [Options.Phase] and some
// seconds.
func Run(ctx context.Context, opt Options) (out Report, err error) {
	if opt.Phase == 0 {
		opt.Phase = time.Minute
	}
	if opt.Logs == nil {
		opt.Logs = io.Discard
	}
	r := &run{opt: opt, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 128}, Timeout: 30 * time.Second}}
	defer r.client.CloseIdleConnections()
	if err := r.start(ctx); err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, r.end()) }()
	r.steady = newSteady(r)
	ctx, stop := context.WithCancel(ctx)
	var sending sync.WaitGroup
	sending.Go(func() { r.steady.run(ctx) })
	defer sending.Wait()
	defer stop()
	for _, p := range []struct {
		name string
		bad  func(context.Context) string
	}{
		{"calm", r.calm},
		{"label sets", r.labelSets},
		{"bombs", r.bombs},
		{"slow", r.slow},
		{"spike", r.spike},
		{after, r.calm},
	} {
		if p.name == after {
			select { // the promise is about what is then
			case <-ctx.Done():
			case <-time.After(recovery):
			}
		}
		phase, err := r.phase(ctx, p.name, p.bad)
		if err != nil {
			return out, err
		}
		out.Phases = append(out.Phases, phase)
	}
	stop()
	sending.Wait()
	out.Ceiling, err = r.ceiling, r.judge(&out)
	return out, err
}

// start runs the program and waits until it is ready.
func (r *run) start(ctx context.Context) error {
	var at [3]string
	for i := range at {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("find a free port: %w", err)
		}
		at[i] = ln.Addr().String()
		if err := ln.Close(); err != nil {
			return err
		}
	}
	r.base = "http://" + at[0]
	file := filepath.Join(r.opt.Dir, "steersman.yaml")
	data := filepath.Join(r.opt.Dir, "data")
	text := fmt.Sprintf("data_dir: %q\nlisten: %s\notlp_grpc: %s\notlp_http: %s\nmemory: %s\nsources:\n", data, at[0], at[1], at[2], r.opt.Memory)
	for name, token := range map[string]string{good: goodToken, bad: badToken} {
		secret := filepath.Join(r.opt.Dir, name+".token")
		if err := os.WriteFile(secret, []byte(token), 0o600); err != nil {
			return err
		}
		text += fmt.Sprintf("- {name: %s, kind: prometheus, token: {file: %q}}\n", name, secret)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	r.cmd = exec.Command(r.opt.Binary, "up", "--config", file)
	r.cmd.Stdout, r.cmd.Stderr = r.opt.Logs, r.opt.Logs
	if err := r.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", r.opt.Binary, err)
	}
	for end := time.Now().Add(30 * time.Second); ; {
		resp, err := r.client.Get(r.base + "/readyz")
		if err == nil {
			_ = resp.Body.Close() // nothing in it
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Now().After(end) || ctx.Err() != nil {
			return errors.Join(fmt.Errorf("%s is not ready after 30 s", r.opt.Binary), ctx.Err(), r.end())
		}
		time.Sleep(50 * time.Millisecond)
	}
	ceiling, err := r.metric(ctx, "steersman_memory_ceiling_bytes")
	r.ceiling = int64(ceiling)
	return err
}

func (r *run) end() error {
	if err := r.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	if err := r.cmd.Wait(); err != nil {
		return fmt.Errorf("steersman ended badly: %w", err)
	}
	return nil
}

// phase lets the bad source do what it does, for as long as a phase lasts.
func (r *run) phase(ctx context.Context, name string, do func(context.Context) string) (Phase, error) {
	if err := ctx.Err(); err != nil {
		return Phase{}, err
	}
	r.steady.take() // what came before is of another phase
	ctx, cancel := context.WithTimeout(ctx, r.opt.Phase)
	defer cancel()
	out := Phase{Name: name}
	var doing sync.WaitGroup
	if do != nil {
		doing.Go(func() { out.Bad = do(ctx) })
	}
	var err error
	for ctx.Err() == nil && err == nil {
		var now int64
		now, err = r.resident()
		out.Resident = max(out.Resident, now)
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
	cancel()
	doing.Wait()
	answers, refused := r.steady.take()
	out.Sent, out.Refused = len(answers)+refused, refused
	slices.Sort(answers)
	out.Median, out.P99 = at(answers, 0.5), at(answers, 0.99)
	return out, err
}

// at is a quantile of what is sorted.
func at(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// resident is how much memory the worker has, in bytes.
func (r *run) resident() (int64, error) {
	var st struct {
		PID int `json:"pid"`
	}
	b, err := os.ReadFile(filepath.Join(r.opt.Dir, "data", "watchdog", "status.json"))
	if err == nil {
		err = json.Unmarshal(b, &st)
	}
	if err != nil {
		return 0, fmt.Errorf("find the worker: %w", err)
	}
	b, err = os.ReadFile(fmt.Sprintf("/proc/%d/status", st.PID))
	if err != nil {
		return 0, fmt.Errorf("read how much memory the worker has (it may have died): %w", err)
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, errors.New("the system does not tell how much memory the worker has")
	}
	kb, err := strconv.ParseInt(fields[0], 10, 64)
	return kb << 10, err
}

// metric reads one of Steersman's own.
func (r *run) metric(ctx context.Context, name string) (float64, error) {
	b, err := r.get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte(name+" ")); ok {
			return strconv.ParseFloat(string(bytes.TrimSpace(rest)), 64)
		}
	}
	return 0, fmt.Errorf("there is no metric %s", name)
}

// get asks as the owner.
func (r *run) get(ctx context.Context, path string) ([]byte, error) {
	token, err := os.ReadFile(filepath.Join(r.opt.Dir, "data", "owner.token"))
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %.300s", path, resp.Status, b)
	}
	return b, err
}
