package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/steersman-ops/steersman/cmd/steersman/cli"
	"github.com/steersman-ops/steersman/cmd/steersman/config"
	"github.com/steersman-ops/steersman/cmd/steersman/wire"
	"github.com/steersman-ops/steersman/govern/watchdog"
	"github.com/steersman-ops/steersman/signal/promql"
	"github.com/steersman-ops/steersman/store/disk"
)

// place is what flags may say instead of the configuration file.
type place struct{ file, dataDir, listen, otlpGRPC, otlpHTTP, memory, read string }

func (p *place) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&p.file, "config", "", "configuration file (see `steersman config print`)")
	f.StringVar(&p.dataDir, "data-dir", "", "data folder, instead of data_dir")
	f.StringVar(&p.listen, "listen", "", "address of console and API, instead of listen")
	f.StringVar(&p.otlpGRPC, "otlp-grpc", "", "address for OTLP over gRPC, instead of otlp_grpc")
	f.StringVar(&p.otlpHTTP, "otlp-http", "", "address for OTLP over HTTP, instead of otlp_http")
	f.StringVar(&p.read, "read", "", "address of a Prometheus, Mimir, Thanos or VictoriaMetrics to read, beside those under read")
	f.StringVar(&p.memory, "memory", "", "ceiling on memory, as 2GiB, instead of memory (default: half of what there is)")
}

// args repeats the flags for the worker.
func (p *place) args() []string {
	args := []string{"worker"}
	for flag, v := range map[string]string{"--config": p.file, "--data-dir": p.dataDir, "--listen": p.listen, "--otlp-grpc": p.otlpGRPC, "--otlp-http": p.otlpHTTP, "--memory": p.memory, "--read": p.read} {
		if v != "" {
			args = append(args, flag, v)
		}
	}
	return args
}

func (p *place) load() (config.Config, error) {
	c, err := config.Load(p.file)
	if err != nil {
		return c, err
	}
	for to, v := range map[*string]string{&c.DataDir: p.dataDir, &c.Listen: p.listen, &c.OTLPGRPC: p.otlpGRPC, &c.OTLPHTTP: p.otlpHTTP} {
		if v != "" {
			*to = v
		}
	}
	if p.memory != "" {
		if c.Memory, err = config.ParseBytes(p.memory); err != nil {
			return c, fmt.Errorf("--memory: %w", err)
		}
		if c.Memory < config.LeastMemory {
			return c, fmt.Errorf("--memory: %s is too little: at least %s", c.Memory, config.Bytes(config.LeastMemory))
		}
	}
	if p.read != "" {
		if err := config.CheckReadURL(p.read); err != nil {
			return c, fmt.Errorf("--read: %w", err)
		}
		if !slices.ContainsFunc(c.Read, func(r config.Read) bool { return promql.Source(r.URL) == promql.Source(p.read) }) {
			c.Read = append(c.Read, config.Read{URL: p.read})
		}
	}
	c.DataDir, err = filepath.Abs(c.DataDir)
	return c, err
}

func logger(cmd *cobra.Command, c config.Log) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // checked when it was read
	opt := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), opt))
	}
	return slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), opt))
}

func up() *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run Steersman",
		Long: `Run Steersman. It needs no configuration: the console opens with the link that
it prints, telemetry is taken on the usual ports, and nothing is ever done
without a person.

This process only watches over the worker, which does the work: when the worker
dies, it is started again and goes on where it was.`,
		Args: cobra.NoArgs,
	}
	p.flags(cmd)
	tied := cmd.Flags().Bool("tied", false, "stop when standard input ends")
	cobra.CheckErr(cmd.Flags().MarkHidden("tied"))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := p.load()
		if err != nil {
			return err
		}
		if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
			return fmt.Errorf("make the data folder: %w", err)
		}
		// One watchdog a folder: a second would start a worker that cannot, and
		// write over what the first says of its own.
		own, err := disk.Open(filepath.Join(c.DataDir, "watchdog"))
		if err != nil {
			return fmt.Errorf("data folder %s: %w (is another Steersman running there?)", c.DataDir, err)
		}
		defer own.Close() //nolint:errcheck // nothing is left to be written
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find this program, to start the worker: %w", err)
		}
		dog, err := watchdog.NewSupervisor(watchdog.SupervisorOptions{
			Path: self, Args: p.args(), Stdout: cmd.OutOrStdout(), Stderr: cmd.ErrOrStderr(), Grace: 15 * time.Second, Most: time.Second,
			StatusFile: filepath.Join(c.DataDir, "watchdog", "status.json"), Logger: logger(cmd, c.Log),
		})
		if err != nil {
			return err
		}
		ctx := cmd.Context()
		if *tied {
			var cancel context.CancelFunc
			ctx, cancel = context.WithCancel(ctx)
			defer cancel()
			go func() {
				_ = watchdog.Tie(ctx, os.Stdin)
				cancel()
			}()
		}
		code, err := dog.Run(ctx)
		switch {
		case err != nil || code == 0:
			return err
		case code == watchdog.ExitConfig:
			return cli.Exit(2)
		}
		return cli.Exit(code)
	}
	return cmd
}

func worker() *cobra.Command {
	var p place
	cmd := &cobra.Command{Use: "worker", Short: "Do the work, under the watch of up", Hidden: true, Args: cobra.NoArgs}
	p.flags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := p.load()
		if err != nil {
			return err
		}
		opt := wire.Options{Version: buildVersion(), Out: cmd.OutOrStdout(), Logger: logger(cmd, c.Log), Greet: true}
		if life, tied := watchdog.Parent(os.Getenv); tied {
			opt.Stdin, opt.Greet = os.Stdin, life.Restarts == 0
		}
		err = wire.Run(cmd.Context(), c, opt)
		if broke := (wire.Broke{}); errors.As(err, &broke) {
			opt.Logger.Error("the worker broke", "err", broke.Err)
			return cli.Exit(1)
		}
		if err != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "steersman: %v\n", err)
			if disk.Full(err) {
				return cli.Exit(1) // it is tried again: room comes back
			}
			return cli.Exit(watchdog.ExitConfig)
		}
		return nil
	}
	return cmd
}
