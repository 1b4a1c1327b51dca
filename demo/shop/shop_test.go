package shop_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"

	"github.com/steersman-ops/steersman/demo/shop"
)

// receiver takes what services tell, over both doors and both protocols.
type receiver struct {
	ptraceotlp.UnimplementedGRPCServer
	grpc, http string // addresses

	mu      sync.Mutex
	spans   map[string]ptrace.Span // by span id
	owner   map[string]string      // service by span id
	metrics map[string]bool        // "service metric"
	written []prompb.TimeSeries
}

func (r *receiver) Export(_ context.Context, req ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	r.take(req)
	return ptraceotlp.NewExportResponse(), nil
}

func (r *receiver) take(req ptraceotlp.ExportRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rs := range req.Traces().ResourceSpans().All() {
		name, _ := rs.Resource().Attributes().Get("service.name")
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				id := s.SpanID().String()
				r.spans[id] = s
				r.owner[id] = name.Str()
			}
		}
	}
}

type metricsServer struct {
	pmetricotlp.UnimplementedGRPCServer
	r *receiver
}

func (m *metricsServer) Export(_ context.Context, req pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	m.r.takeMetrics(req)
	return pmetricotlp.NewExportResponse(), nil
}

func (r *receiver) takeMetrics(req pmetricotlp.ExportRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rm := range req.Metrics().ResourceMetrics().All() {
		name, _ := rm.Resource().Attributes().Get("service.name")
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				r.metrics[name.Str()+" "+m.Name()] = true
			}
		}
	}
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err == nil && req.Header.Get("Content-Encoding") == "gzip" {
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(body)); err == nil {
			body, err = io.ReadAll(z)
		}
	}
	switch req.URL.Path {
	case "/v1/traces":
		export := ptraceotlp.NewExportRequest()
		if err == nil {
			err = export.UnmarshalProto(body)
		}
		if err == nil {
			r.take(export)
		}
	case "/v1/metrics":
		export := pmetricotlp.NewExportRequest()
		if err == nil {
			err = export.UnmarshalProto(body)
		}
		if err == nil {
			r.takeMetrics(export)
		}
	case "/api/v1/write":
		var write prompb.WriteRequest
		if body, err = snappy.Decode(nil, body); err == nil {
			err = write.Unmarshal(body)
		}
		r.mu.Lock()
		r.written = append(r.written, write.Timeseries...)
		r.mu.Unlock()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{spans: make(map[string]ptrace.Span), owner: make(map[string]string), metrics: make(map[string]bool)}
	web := httptest.NewServer(r)
	t.Cleanup(web.Close)
	r.http = web.Listener.Addr().String()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.grpc = ln.Addr().String()
	srv := grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(srv, r)
	pmetricotlp.RegisterGRPCServer(srv, &metricsServer{r: r})
	var serving sync.WaitGroup
	serving.Go(func() { _ = srv.Serve(ln) })
	t.Cleanup(func() {
		srv.Stop()
		serving.Wait()
	})
	return r
}

// serve starts one service in this process and returns its base URL.
func serve(t *testing.T, cfg shop.Config) string {
	t.Helper()
	out, in := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		err := shop.Serve(ctx, cfg, in)
		in.CloseWithError(fmt.Errorf("Serve: %w", err))
		ended <- err
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return strings.TrimSpace(strings.TrimPrefix(line, "ready "))
}

// open starts the whole shop, those first who are called, and returns the
// frontend's base URL.
func open(t *testing.T, r *receiver) string {
	t.Helper()
	urls := make(map[string]string)
	// Services stand before those they call, but catalog and inventory are
	// called by several; going backwards everybody is there before its callers.
	all := shop.Services()
	for n, s := range slices.Backward(all) {
		cfg := shop.Config{
			Service: s.Name, Version: "v1", Instance: s.Name + "-1", Listen: "127.0.0.1:0",
			Upstreams: urls, RemoteWrite: "http://" + r.http + "/api/v1/write", Seed: 1,
		}
		if n%2 == 0 {
			cfg.OTLPGRPC = r.grpc
		} else {
			cfg.OTLPHTTP = r.http
		}
		cfg.Upstreams = maps.Clone(urls)
		urls[s.Name] = serve(t, cfg)
	}
	return urls["frontend"]
}

// edges returns which service called which, as spans of both sides say that
// belong together.
func (r *receiver) edges() map[shop.Edge]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := make(map[shop.Edge]bool)
	for id, s := range r.spans {
		if s.Kind() != ptrace.SpanKindServer {
			continue
		}
		parent, ok := r.spans[s.ParentSpanID().String()]
		switch {
		case s.ParentSpanID().IsEmpty():
			found[shop.Edge{Server: r.owner[id]}] = true
		case ok && parent.Kind() == ptrace.SpanKindClient:
			peer, _ := parent.Attributes().Get("peer.service")
			if peer.Str() == r.owner[id] {
				found[shop.Edge{Client: r.owner[s.ParentSpanID().String()], Server: r.owner[id]}] = true
			}
		}
	}
	return found
}

// The shop is what its table says, seen from outside by its telemetry alone.
func TestTheShopTellsAboutItself(t *testing.T) {
	r := newReceiver(t)
	base := open(t, r)
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	for _, route := range []struct{ method, path string }{
		{"GET", "/"}, {"GET", "/product/3"}, {"GET", "/cart"}, {"POST", "/cart"}, {"POST", "/checkout"},
	} {
		req, err := http.NewRequest(route.method, base+route.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("%s %s: status %d", route.method, route.path, resp.StatusCode)
		}
	}
	want := make(map[shop.Edge]bool)
	for _, e := range shop.Edges() {
		want[e] = true
	}
	within(t, 5*time.Second, func() string {
		if got := r.edges(); !maps.Equal(got, want) {
			return fmt.Sprintf("the spans show the calls %v, want %v", got, want)
		}
		return ""
	})
	within(t, 10*time.Second, func() string { return r.missing() })
}

// missing says which metrics have not come yet.
func (r *receiver) missing() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	written := make(map[string]bool)
	for _, ts := range r.written {
		var name, job string
		for _, l := range ts.Labels {
			switch l.Name {
			case "__name__":
				name = l.Value
			case "job":
				job = l.Value
			}
		}
		if !slices.IsSortedFunc(ts.Labels, func(a, b prompb.Label) int { return strings.Compare(a.Name, b.Name) }) {
			return fmt.Sprintf("labels out of order: %v", ts.Labels)
		}
		written[job+" "+name] = true
	}
	for _, s := range shop.Services() {
		names, got := []string{"process.cpu.time", "process.memory.usage", "shop.pool.busy", "http.server.request.duration"}, r.metrics
		prefix := s.Name + " "
		if s.Prometheus {
			names, got = []string{"process_cpu_seconds_total", "process_resident_memory_bytes", "shop_pool_busy", "http_requests_total", "http_request_duration_seconds_bucket"}, written
			prefix = "shop/" + s.Name + " "
		}
		for _, n := range names {
			if !got[prefix+n] {
				return prefix + n + " has not come"
			}
		}
	}
	return ""
}

// within fails the test if f still complains after d.
func within(t *testing.T, d time.Duration, f func() string) {
	t.Helper()
	complaint := ""
	for start := time.Now(); time.Since(start) < d; time.Sleep(50 * time.Millisecond) {
		if complaint = f(); complaint == "" {
			return
		}
	}
	t.Errorf("after %v: %s", d, complaint)
}

func TestMetricsPage(t *testing.T) {
	base := serve(t, shop.Config{Service: "currency", Version: "v1", Instance: "currency-1", Listen: "127.0.0.1:0"})
	for _, path := range []string{"/convert", "/metrics"} {
		resp, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if path == "/metrics" && !strings.Contains(string(text), `http_requests_total{code="200",route="GET /convert"} 1`) {
			t.Errorf("%s", text)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestServeRefuses(t *testing.T) {
	for name, cfg := range map[string]shop.Config{
		"there is no service":         {Service: "bank", Listen: "127.0.0.1:0"},
		"whose URL is":                {Service: "catalog", Listen: "127.0.0.1:0"},
		"not an address on loopback":  {Service: "email", Listen: "0.0.0.0:0"},
		"\"\" is not an address on l": {Service: "email"},
	} {
		if err := shop.Serve(t.Context(), cfg, io.Discard); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want an error with %q", err, name)
		}
	}
}

func TestMainRefuses(t *testing.T) {
	for _, args := range [][]string{{"-nonsense"}, {"-name", "email", "more"}, {"-name", "catalog", "-upstream", "inventory"}} {
		err := shop.Main(t.Context(), args, func(string) string { return "" }, strings.NewReader(""), io.Discard, io.Discard)
		if err == nil {
			t.Errorf("Main(%q) took it", args)
		}
	}
}

// Every call in the table is to a route that is in the table.
func TestTableIsWhole(t *testing.T) {
	for _, s := range shop.Services() {
		for _, r := range s.Routes {
			for _, c := range r.Calls {
				callee, ok := shop.Find(c.Service)
				mux := http.NewServeMux()
				for _, cr := range callee.Routes {
					mux.Handle(cr.Method+" "+cr.Path, http.NotFoundHandler())
				}
				if _, pattern := mux.Handler(httptest.NewRequest(c.Method, c.Path, nil)); !ok || pattern == "" {
					t.Errorf("%s calls %s %s of %s, which has no such route", s.Name, c.Method, c.Path, c.Service)
				}
			}
		}
	}
}
