package shop

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

const (
	poolSize    = 64                      // requests that are worked on at one time
	queueSize   = 256                     // requests that may wait for that
	callTimeout = 2500 * time.Millisecond // for one call to another service; a busy machine is no reason to give up
	answerLimit = int64(64 << 10)         // of another service's answer, that is read
)

// A service answers the requests of one instance.
type service struct {
	spec    Service
	cfg     Config
	faults  *faults
	clients map[string]*http.Client // by upstream
	pool    chan struct{}
	waiting atomic.Int64
	observe observer
	prom    *prom // nil for services whose metrics go out by OTLP

	mu  sync.Mutex
	rng *rand.Rand
}

// An observer wraps a route so that its requests are counted.
type observer func(route Route, next http.Handler) http.Handler

func newService(spec Service, cfg Config, tel *telemetry) (*service, error) {
	s := &service{
		spec:    spec,
		cfg:     cfg,
		faults:  newFaults(),
		clients: make(map[string]*http.Client),
		pool:    make(chan struct{}, poolSize),
		rng:     rand.New(rand.NewPCG(cfg.Seed, nameSeed(cfg.Instance))),
	}
	options := []otelhttp.Option{
		otelhttp.WithTracerProvider(tel.spans),
		otelhttp.WithMeterProvider(tel.metrics),
		otelhttp.WithPropagators(propagation.TraceContext{}),
	}
	for _, up := range spec.Upstreams() {
		named := append(options, otelhttp.WithSpanOptions(trace.WithAttributes(attribute.String("peer.service", up))))
		transport := &http.Transport{MaxIdleConnsPerHost: poolSize, IdleConnTimeout: time.Minute}
		s.clients[up] = &http.Client{Transport: otelhttp.NewTransport(transport, named...), Timeout: callTimeout}
	}
	s.observe = func(route Route, next http.Handler) http.Handler {
		h := otelhttp.NewHandler(next, route.Method+" "+route.Path, options...)
		if s.prom != nil {
			return s.prom.observe(route, h)
		}
		return h
	}
	if !spec.Prometheus {
		return s, s.observeProcess(tel.metrics)
	}
	s.prom = newProm(cfg, s)
	s.prom.start()
	return s, nil
}

// nameSeed makes the instances of one shop differ in their choices.
func nameSeed(name string) uint64 {
	sum := sha256.Sum256([]byte(name))
	seed := uint64(0)
	for _, b := range sum[:8] {
		seed = seed<<8 | uint64(b)
	}
	return seed
}

// close ends what runs in the background and lets hanging requests go.
func (s *service) close() {
	s.faults.close()
	if s.prom != nil {
		s.prom.close()
	}
	for _, c := range s.clients {
		c.CloseIdleConnections()
	}
}

// handler is everything that the instance listens to.
func (s *service) handler() *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range s.spec.Routes {
		mux.Handle(r.Method+" "+r.Path, s.dropping(s.observe(r, s.serving(r))))
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	if s.prom != nil {
		mux.Handle("GET /metrics", s.prom.handler())
	}
	mux.Handle("/admin/faults", s.faults.handler(s.cfg.Secret))
	return mux
}

// dropping closes the connection of the requests that a drop fault takes, as a
// broken network would: the service itself never hears of them.
func (s *service) dropping(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.chance(s.faults.value(FaultDrop)) {
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
}

// serving does a route's work.
func (s *service) serving(route Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.enter(r.Context()) {
			http.Error(w, s.spec.Name+" has too much to do", http.StatusServiceUnavailable)
			return
		}
		defer func() { <-s.pool }()
		if err := s.do(r.Context(), route); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{ // the caller is gone if this fails
			"service": s.spec.Name, "version": s.cfg.Version, "instance": s.cfg.Instance,
		})
	})
}

// enter waits for a place in the pool.
func (s *service) enter(ctx context.Context) bool {
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > queueSize {
		return false
	}
	select {
	case s.pool <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *service) do(ctx context.Context, route Route) error {
	s.faults.hang()
	wait := s.jitter(route.Wait) + time.Duration(s.faults.value(FaultLatency)*float64(time.Second))
	if err := sleep(ctx, wait); err != nil {
		return fmt.Errorf("%s: %w", s.spec.Name, err)
	}
	work(route.Rounds)
	if s.chance(route.Failing) || s.chance(s.faults.value(FaultErrors)) {
		return fmt.Errorf("%s could not do it", s.spec.Name)
	}
	for _, c := range route.Calls {
		if err := s.call(ctx, c); err != nil && !c.Optional {
			return fmt.Errorf("%s: %w", s.spec.Name, err)
		}
	}
	return nil
}

func (s *service) call(ctx context.Context, c Call) error {
	req, err := http.NewRequestWithContext(ctx, c.Method, strings.TrimSuffix(s.cfg.Upstreams[c.Service], "/")+c.Path, nil)
	if err != nil {
		return fmt.Errorf("call %s: %w", c.Service, err)
	}
	resp, err := s.clients[c.Service].Do(req)
	if err != nil {
		return fmt.Errorf("call %s: %w", c.Service, err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, answerLimit)); err != nil {
		return fmt.Errorf("call %s: %w", c.Service, err)
	}
	if resp.StatusCode >= http.StatusInternalServerError {
		return fmt.Errorf("call %s: status %d", c.Service, resp.StatusCode)
	}
	return nil
}

// jitter returns a duration around the median, log-normal as waiting times are.
func (s *service) jitter(median time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Duration(float64(median) * math.Exp(0.3*s.rng.NormFloat64()))
}

// chance is true for the given share of the calls.
func (s *service) chance(share float64) bool {
	if share <= 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.Float64() < share
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// work keeps a processor busy for a while.
func work(rounds int) {
	var block [4096]byte
	for range rounds {
		sum := sha256.Sum256(block[:])
		copy(block[:], sum[:])
	}
}
