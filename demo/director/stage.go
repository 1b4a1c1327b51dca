package director

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/steersman-ops/steersman/demo/load"
	"github.com/steersman-ops/steersman/demo/router"
	"github.com/steersman-ops/steersman/demo/shop"
	"github.com/steersman-ops/steersman/demo/supervisor"
)

// A stage is everything of the demo that runs: the shop's processes, the
// router in front of checkout, the addresses by which both are steered, and
// the users.
type stage struct {
	cfg       Config
	plan      *Plan
	steersman *client
	processes *supervisor.Supervisor
	router    *router.Router
	users     *load.Generator
	started   time.Time

	telling  bool      // a person watches
	proposed decision  // the way back from the bad release, once it waits
	calmed   time.Time // just before the bad release

	servers []*http.Server
	cancel  context.CancelFunc
	running sync.WaitGroup
	admin   *http.Client
}

// openStage starts everything and returns when the shop serves its users.
func openStage(ctx context.Context, cfg Config) (_ *stage, err error) {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &stage{
		cfg:       cfg,
		plan:      cfg.Plan,
		steersman: newClient(cfg.Plan.Base(), cfg.Token),
		cancel:    cancel,
		admin:     &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}},
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := s.openRouter(ctx); err != nil {
		return nil, err
	}
	if s.processes, err = supervisor.Start(ctx, s.specs(), supervisor.Options{Output: cfg.Output}); err != nil {
		return nil, fmt.Errorf("director: start the shop: %w", err)
	}
	if err := s.serve(ctx, s.plan.Control, s.control()); err != nil {
		return nil, err
	}
	s.users, err = load.New(load.Config{Target: s.plan.Frontend(), Rate: cfg.Rate, Seed: cfg.Seed})
	if err != nil {
		return nil, fmt.Errorf("director: %w", err)
	}
	s.started = time.Now()
	s.running.Go(func() { _ = s.users.Run(running) }) // ends with running, and only then
	return s, nil
}

func (s *stage) openRouter(ctx context.Context) error {
	backends := make(map[string]string)
	for _, i := range s.plan.instances("checkout") {
		backends[i.Version] = "http://" + i.Address
	}
	var err error
	s.router, err = router.New(router.Config{Service: "checkout", Backends: backends, Default: map[string]int{"v1": 100}})
	if err != nil {
		return fmt.Errorf("director: %w", err)
	}
	return s.serve(ctx, s.plan.Checkout, s.router)
}

// control is what Steersman acts on.
func (s *stage) control() http.Handler {
	mux := http.NewServeMux()
	for prefix, h := range map[string]http.Handler{
		"/routers/checkout": s.router.Control(),
		"/supervisor":       s.processes.Control(),
	} {
		mux.Handle(prefix, http.StripPrefix(prefix, rooted(h)))
		mux.Handle(prefix+"/", http.StripPrefix(prefix, rooted(h)))
	}
	return mux
}

// rooted turns the path that is left of /supervisor into the root.
func rooted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "" {
			r.URL.Path = "/"
		}
		h.ServeHTTP(w, r)
	})
}

func (s *stage) serve(ctx context.Context, address string, h http.Handler) error {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("director: %w", err)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	s.servers = append(s.servers, srv)
	s.running.Go(func() {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.cfg.Logger.Error("serve", "address", address, "err", err)
		}
	})
	return nil
}

// close ends everything and returns when it is gone.
func (s *stage) close() {
	s.cancel()
	if s.processes != nil {
		s.processes.Stop()
	}
	for _, srv := range s.servers {
		_ = srv.Close()
	}
	s.running.Wait()
	s.admin.CloseIdleConnections()
	s.steersman.close()
}

// specs says how each process of the shop is started.
func (s *stage) specs() []supervisor.Spec {
	var all []supervisor.Spec
	for n, i := range s.plan.Instances {
		all = append(all, supervisor.Spec{
			Service:  i.Service,
			Instance: i.Name,
			Path:     s.cfg.Binary,
			Args:     append(append([]string{}, s.cfg.Service...), s.arguments(n, i)...),
			Env: append([]string{
				shop.SecretVariable + "=" + s.plan.secret,
				// The processes are many and small: little room, one processor.
				"GOGC=50", "GOMEMLIMIT=24MiB", "GOMAXPROCS=1",
			}, s.cfg.Environment...),
			Health: "http://" + i.Address + "/healthz",
		})
	}
	return all
}

func (s *stage) arguments(n int, i Instance) []string {
	args := []string{
		"--name", i.Service, "--version", i.Version, "--instance", i.Name, "--listen", i.Address,
		"--seed", strconv.FormatUint(s.cfg.Seed, 10),
		"--remote-write", s.plan.Base() + "/api/v1/write",
	}
	if n%2 == 0 { // both doors are used
		args = append(args, "--otlp-grpc", s.plan.OTLPGRPC)
	} else {
		args = append(args, "--otlp-http", s.plan.OTLPHTTP)
	}
	spec, _ := shop.Find(i.Service)
	for _, up := range spec.Upstreams() {
		address := s.plan.instances(up)[0].Address
		if up == "checkout" {
			address = s.plan.Checkout
		}
		args = append(args, "--upstream", up+"=http://"+address)
	}
	return args
}

// inject begins a fault in the instances that it is meant for.
func (s *stage) inject(ctx context.Context, in Injection) error {
	ask := map[string]string{"fault": in.Fault.String()}
	if in.For > 0 {
		ask["for"] = in.For.String()
	}
	body, err := json.Marshal(ask)
	if err != nil {
		return fmt.Errorf("inject %s: %w", in, err)
	}
	for _, i := range s.plan.Instances {
		if i.Service != in.Target && i.Name != in.Target {
			continue
		}
		err := s.fault(ctx, http.MethodPost, i, bytes.NewReader(body))
		if err != nil && in.Fault.Kind != shop.FaultCrash { // the crash may cut off the answer
			return fmt.Errorf("inject %s: %w", in, err)
		}
	}
	return nil
}

// calm clears all faults everywhere.
func (s *stage) calm(ctx context.Context) error {
	var all []error
	for _, i := range s.plan.Instances {
		all = append(all, s.fault(ctx, http.MethodDelete, i, nil))
	}
	return errors.Join(all...)
}

func (s *stage) fault(ctx context.Context, method string, i Instance, body io.Reader) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+i.Address+"/admin/faults", body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.plan.secret)
	resp, err := s.admin.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<12))
		return fmt.Errorf("%s: status %d: %s", i.Name, resp.StatusCode, bytes.TrimSpace(text))
	}
	return nil
}
