package shop

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// SecretVariable is the environment variable that holds the secret of
// /admin/faults. It is not a flag because flags are seen by every user of a
// machine.
const SecretVariable = "STEERSMAN_DEMO_SECRET"

// A Config says which process of the shop to be.
type Config struct {
	Service  string // one of [Services]
	Version  string
	Instance string
	Listen   string // loopback address

	// Upstreams are the base URLs of the services that this one calls, by
	// name. All that its table names must be here.
	Upstreams map[string]string

	OTLPGRPC    string // host:port; telemetry goes here, or …
	OTLPHTTP    string // … when OTLPGRPC is empty, to this host:port
	RemoteWrite string // URL; only services with Prometheus metrics use it

	Secret string // of /admin/faults; empty means that nobody may set faults
	Seed   uint64
}

// Main is one process of the shop: it serves until ctx ends or stdin does.
// Args are flags as `-h` lists them; the secret comes from [SecretVariable],
// looked up with env.
func Main(ctx context.Context, args []string, env func(string) string, stdin io.Reader, stdout, stderr io.Writer) error {
	cfg, err := parseArgs(args, stderr)
	if err != nil {
		return err
	}
	cfg.Secret = env(SecretVariable)
	signal.Ignore(os.Interrupt) // from a terminal it reaches the parent too, which ends us in its turn
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go tie(stdin, cancel) // ends with the process: a read of stdin cannot be interrupted
	err = Serve(ctx, cfg, stdout)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// tie ends everything when stdin ends, which it does when the parent closed
// its end of the pipe or died, however it died.
func tie(stdin io.Reader, end context.CancelCauseFunc) {
	_, _ = io.Copy(io.Discard, stdin)
	end(errors.New("the parent is gone"))
}

func parseArgs(args []string, stderr io.Writer) (Config, error) {
	cfg := Config{Upstreams: make(map[string]string)}
	fs := flag.NewFlagSet("demo-service", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&cfg.Service, "name", "", "which service of the shop to be")
	fs.StringVar(&cfg.Version, "version", "v1", "its version")
	fs.StringVar(&cfg.Instance, "instance", "", "its instance; default NAME-1")
	fs.StringVar(&cfg.Listen, "listen", "127.0.0.1:0", "loopback `address` to serve on")
	fs.StringVar(&cfg.OTLPGRPC, "otlp-grpc", "", "`address` that takes OTLP over gRPC")
	fs.StringVar(&cfg.OTLPHTTP, "otlp-http", "", "`address` that takes OTLP over HTTP")
	fs.StringVar(&cfg.RemoteWrite, "remote-write", "", "`URL` that takes Prometheus remote write 1.0")
	fs.Uint64Var(&cfg.Seed, "seed", 1, "of its random choices")
	fs.Func("upstream", "`name=URL` of a service that this one calls; repeat it", func(s string) error {
		name, base, ok := strings.Cut(s, "=")
		if !ok {
			return fmt.Errorf("%q: want name=URL", s)
		}
		cfg.Upstreams[name] = base
		return nil
	})
	if err := fs.Parse(args); err != nil {
		return Config{}, err
	}
	if fs.NArg() > 0 {
		return Config{}, fmt.Errorf("demo-service: unexpected argument %q", fs.Arg(0))
	}
	if cfg.Instance == "" {
		cfg.Instance = cfg.Service + "-1"
	}
	return cfg, nil
}

// check refuses a configuration that could not work.
func (c *Config) check() (Service, error) {
	s, ok := Find(c.Service)
	if !ok {
		return Service{}, fmt.Errorf("shop: there is no service %q", c.Service)
	}
	for _, up := range s.Upstreams() {
		u, err := url.Parse(c.Upstreams[up])
		if err != nil || u.Scheme != "http" || u.Host == "" {
			return Service{}, fmt.Errorf("shop: %s calls %s, whose URL is %q: want http://host:port", s.Name, up, c.Upstreams[up])
		}
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return Service{}, fmt.Errorf("shop: listen address %q is not an address on loopback", c.Listen)
	}
	return s, nil
}

// Serve runs one service until ctx ends. It writes one line to stdout when it
// is ready: "ready http://…".
func Serve(ctx context.Context, cfg Config, stdout io.Writer) error {
	spec, err := cfg.check()
	if err != nil {
		return err
	}
	tel, err := newTelemetry(ctx, cfg, spec)
	if err != nil {
		return err
	}
	svc, err := newService(spec, cfg, tel)
	if err != nil {
		return err
	}
	defer svc.close()
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("shop: %s: %w", cfg.Instance, err)
	}
	srv := &http.Server{Handler: svc.handler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	fmt.Fprintf(stdout, "ready http://%s\n", ln.Addr())
	select {
	case err = <-failed:
		return fmt.Errorf("shop: %s: %w", cfg.Instance, err)
	case <-svc.faults.crashed:
		return fmt.Errorf("shop: %s: crashed, as asked", cfg.Instance)
	case <-ctx.Done():
		_ = srv.Close() // at once: a hang fault must not keep the process
		<-failed
		tel.stop()
		return ctx.Err()
	}
}
