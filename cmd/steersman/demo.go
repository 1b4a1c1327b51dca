package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/steersman-ops/steersman/cmd/steersman/cli"
	"github.com/steersman-ops/steersman/cmd/steersman/config"
	"github.com/steersman-ops/steersman/demo/director"
	"github.com/steersman-ops/steersman/demo/shop"
	"github.com/steersman-ops/steersman/govern/identity"
)

type demoFlags struct {
	check, noStory bool
	faults         []string
	dataDir        string
	rate, patience float64
	seed           uint64
	quiet          time.Duration
}

func demonstrate() *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "A small shop, its load, its faults, and Steersman beside them",
		Long: `Start some ten small services, users for them, and a fresh Steersman beside
them; then break things, one after another, and see what Steersman makes of it.
Everything is real, on this machine only, and gone when you stop it.`,
		Example: "  steersman demo\n  steersman demo --fault payment:errors=30%\n  steersman demo --check",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	fl := cmd.Flags()
	fl.BoolVar(&f.check, "check", false, "play the story without a screen, with a deadline for each beat; exit code 1 if one is missed")
	fl.BoolVar(&f.noStory, "no-story", false, "start the shop and break nothing")
	fl.StringArrayVar(&f.faults, "fault", nil, "instead of the story: service:fault=value[:for=duration], as payment:errors=30%:for=60s")
	fl.StringVar(&f.dataDir, "data-dir", "", "keep Steersman's data here (default: a temporary folder)")
	fl.Float64Var(&f.rate, "rate", 60, "requests per second")
	fl.Uint64Var(&f.seed, "seed", 1, "seed of the users' behaviour")
	fl.Float64Var(&f.patience, "patience", 1, "factor on the deadlines of --check, for a busy machine")
	fl.DurationVar(&f.quiet, "quiet", time.Minute, "how long nothing must happen in --check when nothing is broken")
	return cmd
}

func (f *demoFlags) run(cmd *cobra.Command) error {
	var faults []director.Injection
	for _, text := range f.faults {
		in, err := director.ParseInjection(text)
		if err != nil {
			return err
		}
		faults = append(faults, in)
	}
	plan, err := director.NewPlan(f.addresses())
	if err != nil {
		return err
	}
	dir, done, err := f.folder()
	if err != nil {
		return err
	}
	defer done()
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program, to start it again: %w", err)
	}
	ctx, cancel := context.WithCancelCause(cmd.Context())
	defer cancel(nil)
	steersman, err := startUp(cmd, self, dir, plan)
	if err != nil {
		return err
	}
	defer steersman.stop()
	go func() {
		<-steersman.ended
		cancel(fmt.Errorf("the demo's Steersman ended: %w", steersman.err))
	}()
	token, err := readyToken(ctx, plan.Base(), dir)
	if err != nil {
		return err
	}
	cfg := director.Config{
		Plan: plan, Token: token, DataDir: dir, Binary: self, Rate: f.rate, Seed: f.seed, Patience: f.patience, Quiet: f.quiet,
		Restart: true, Faults: faults, NoStory: f.noStory, Out: cmd.OutOrStdout(), Logger: logger(cmd, config.Log{Level: "warn"}),
	}
	if !f.check {
		return whyEnded(ctx, director.Run(ctx, cfg))
	}
	_, failed, err := director.Check(ctx, cfg)
	if err == nil && failed > 0 {
		err = cli.Found{Text: fmt.Sprintf("%d beats of the demo failed", failed)}
	}
	return whyEnded(ctx, err)
}

// whyEnded prefers the reason for which the demo was broken off.
func whyEnded(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// addresses prefers the usual ports, so that a person finds what the README
// says; a check takes any.
func (f *demoFlags) addresses() director.PlanOptions {
	d := config.Default()
	if f.check || !free(d.Listen) || !free(d.OTLPGRPC) || !free(d.OTLPHTTP) {
		return director.PlanOptions{}
	}
	return director.PlanOptions{Listen: d.Listen, OTLPGRPC: d.OTLPGRPC, OTLPHTTP: d.OTLPHTTP}
}

func free(address string) bool {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	return ln.Close() == nil
}

// folder is where the demo's Steersman keeps its data.
func (f *demoFlags) folder() (dir string, done func(), err error) {
	if f.dataDir != "" {
		dir, err = filepath.Abs(f.dataDir)
		return dir, func() {}, err
	}
	dir, err = os.MkdirTemp("", "steersman-demo-")
	return dir, func() { _ = os.RemoveAll(dir) }, err
}

// child is the `steersman up` of a demo.
type child struct {
	cmd   *exec.Cmd
	tie   io.Closer // its standard input: it ends when we do
	ended chan struct{}
	err   error // valid when ended is closed
}

func startUp(cmd *cobra.Command, self, dir string, plan *director.Plan) (*child, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	file := filepath.Join(dir, "demo.yaml")
	text := fmt.Sprintf("data_dir: %q\nlisten: %s\notlp_grpc: %s\notlp_http: %s\nlog: {level: warn}\n%s", dir, plan.Listen, plan.OTLPGRPC, plan.OTLPHTTP, plan.YAML())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write the demo's configuration: %w", err)
	}
	c := &child{cmd: exec.Command(self, "up", "--tied", "--config", file), ended: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
	var err error
	if c.tie, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start Steersman: %w", err)
	}
	go func() {
		defer close(c.ended)
		c.err = c.cmd.Wait()
	}()
	return c, nil
}

func (c *child) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.ended:
	case <-time.After(20 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.ended
	}
	_ = c.tie.Close()
}

// readyToken waits until Steersman answers and returns its owner's token.
func readyToken(ctx context.Context, base, dir string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		resp, err := http.Get(base + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("wait for Steersman to be ready: %w", context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
	token, err := os.ReadFile(filepath.Join(dir, identity.TokenFile))
	return strings.TrimSpace(string(token)), err
}

func demoService() *cobra.Command {
	return &cobra.Command{
		Use: "demo-service", Short: "One process of the demo's shop", Hidden: true, DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return shop.Main(cmd.Context(), args, os.Getenv, os.Stdin, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
}
