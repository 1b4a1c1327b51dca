package wire

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/oklog/run"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	"github.com/steersman-ops/steersman/cmd/steersman/config"
	"github.com/steersman-ops/steersman/console"
	"github.com/steersman-ops/steersman/console/api"
	"github.com/steersman-ops/steersman/console/web"
	"github.com/steersman-ops/steersman/signal/hook"
	"github.com/steersman-ops/steersman/signal/loki"
	"github.com/steersman-ops/steersman/signal/otlp"
	"github.com/steersman-ops/steersman/signal/remotewrite"
	"github.com/steersman-ops/steersman/signal/syslog"
	"github.com/steersman-ops/steersman/store/disk"
)

// servers opens the ports and adds a server for each.
func (w *worker) servers(g *run.Group) error {
	ln, err := net.Listen("tcp", w.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen for the console: %w (is another Steersman running? set listen to another address)", err)
	}
	w.cfg.Listen = ln.Addr().String()
	w.serve(g, ln, w.site(), true)

	if ln, err := w.door(&w.cfg.OTLPHTTP, config.DefaultOTLPHTTP, "OTLP over HTTP"); err != nil {
		return err
	} else if ln != nil {
		w.serve(g, ln, w.guarded(ln, otlp.NewHandler(w.doors)), false)
	}
	if err := w.syslog(g); err != nil {
		return err
	}
	ln, err = w.door(&w.cfg.OTLPGRPC, config.DefaultOTLPGRPC, "OTLP over gRPC")
	if err != nil || ln == nil {
		return err
	}
	var opts []grpc.ServerOption
	if !loopback(ln) {
		token, err := os.ReadFile(w.identity.TokenPath())
		if err != nil {
			return fmt.Errorf("read the token that OTLP senders must have: %w", err)
		}
		opts = append(opts, grpc.InTapHandle(bearer(strings.TrimSpace(string(token)))))
	}
	srv := otlp.NewServer(w.doors, opts...)
	g.Add(func() error { return srv.Serve(ln) }, func(error) { stopGRPC(srv) })
	return nil
}

// door opens a port for telemetry. Only a taken port that nobody asked for is
// a warning.
func (w *worker) door(address *string, usual, what string) (net.Listener, error) {
	if *address == "" {
		return nil, nil
	}
	ln, err := net.Listen("tcp", *address)
	if err == nil {
		*address = ln.Addr().String()
		return ln, nil
	}
	if *address != usual {
		return nil, fmt.Errorf("listen for %s: %w", what, err)
	}
	warning := fmt.Sprintf("%s is off, because %s is taken: stop what uses it (a Collector?) or give another address", what, usual)
	w.log.Warn(warning, "err", err)
	w.warnings = append(w.warnings, warning)
	*address = ""
	return nil, nil
}

// syslog adds the door for syslog, if it is wanted.
func (w *worker) syslog(g *run.Group) error {
	ln, err := w.door(&w.cfg.Syslog, "", "syslog")
	if err != nil || ln == nil {
		return err
	}
	if !loopback(ln) {
		w.warnings = append(w.warnings, "syslog takes lines from whoever reaches "+w.cfg.Syslog+": it knows no tokens")
	}
	srv := syslog.NewServer(w.doors, syslog.Options{})
	add(g, func(ctx context.Context) error { return srv.Serve(ctx, ln) })
	return nil
}

func loopback(ln net.Listener) bool {
	a, ok := ln.Addr().(*net.TCPAddr)
	return ok && a.IP.IsLoopback()
}

// patience is how long a request may take to come in, and its answer to go out.
var patience = time.Minute

// hurried gives every request a deadline, so that nobody can hold memory or a
// connection by sending or reading slowly. Event streams, which last as long as
// somebody looks, set deadlines of their own.
func hurried(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		_ = c.SetWriteDeadline(time.Now().Add(2 * patience)) // a query may work for a while; not all connections have deadlines
		if r.ContentLength != 0 {
			_ = c.SetReadDeadline(time.Now().Add(patience)) // without a body, it would end the request's context
		}
		next.ServeHTTP(w, r)
	})
}

// serve adds an HTTP server. Where there are event streams, the server as a
// whole can have no deadline for answers.
func (w *worker) serve(g *run.Group, ln net.Listener, h http.Handler, streams bool) {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(w.log.Handler(), slog.LevelDebug)}
	if streams {
		srv.Handler = hurried(h)
	} else {
		srv.ReadTimeout, srv.WriteTimeout = patience, patience
	}
	ctx, cancel := context.WithCancel(context.Background())
	srv.BaseContext = func(net.Listener) context.Context { return ctx }
	g.Add(func() error {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}, func(error) {
		// Event streams end with their context; requests get a moment.
		if streams {
			cancel()
		}
		defer cancel()
		ctx, stop := context.WithTimeout(context.Background(), 3*time.Second)
		defer stop()
		if srv.Shutdown(ctx) != nil {
			_ = srv.Close()
		}
	})
}

// stopGRPC lets calls end, for a moment.
func stopGRPC(srv *grpc.Server) {
	t := time.AfterFunc(3*time.Second, srv.Stop)
	srv.GracefulStop()
	t.Stop()
}

// site is everything on the main port.
func (w *worker) site() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(api.Prefix+"/", api.New(w.apiRooms()))
	mux.Handle("GET "+api.Prefix+"/backup", w.owned(http.HandlerFunc(w.sendBackup)))
	mux.HandleFunc("GET /login", w.identity.Login)
	mux.HandleFunc("POST /logout", w.identity.Logout)
	data := http.NewServeMux()
	data.Handle("POST /api/v1/write", remotewrite.NewHandler(w.doors))
	data.Handle("POST "+loki.Path, loki.NewHandler(w.doors))
	data.Handle("/api/v1/", w.series.Handler())
	data.Handle("/hooks/", hook.NewHandler(w.doors))
	data.Handle("GET /metrics", promhttp.HandlerFor(w.metrics, promhttp.HandlerOpts{}))
	open := w.open(data)
	for _, p := range []string{"/api/v1/", "/loki/", "/hooks/", "/metrics"} {
		mux.Handle(p, open)
	}
	mux.HandleFunc("GET /healthz", func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprintln(rw, "ok") })
	mux.HandleFunc("GET /readyz", w.ready)
	mux.Handle("/", console.Site(web.Files()))
	return w.identity.Protect(mux)
}

// open leaves what Prometheus and Grafana use open on loopback, and asks for
// the owner's token elsewhere.
func (w *worker) open(next http.Handler) http.Handler {
	if host, _, err := net.SplitHostPort(w.cfg.Listen); err == nil {
		if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
			return next
		}
	}
	return w.owned(next)
}

// guarded does for a port of its own what site and open do for the main one.
func (w *worker) guarded(ln net.Listener, next http.Handler) http.Handler {
	if !loopback(ln) {
		next = w.owned(next)
	}
	return w.identity.Protect(next)
}

// base is the address of the console for people and browsers. A server that
// listens on every address is at localhost.
func (w *worker) base() string {
	host, port, err := net.SplitHostPort(w.cfg.Listen)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return "http://" + net.JoinHostPort("localhost", port)
	}
	return "http://" + w.cfg.Listen
}

func (w *worker) owned(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if _, err := w.identity.Authenticate(r); err != nil {
			rw.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(rw, err.Error()+": away from loopback, send the owner's token as Authorization: Bearer …", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(rw, r)
	})
}

// bearer lets only calls with the token through, before their messages are read.
func bearer(token string) tap.ServerInHandle {
	return func(ctx context.Context, info *tap.Info) (context.Context, error) {
		for _, v := range info.Header.Get("authorization") {
			if subtle.ConstantTimeCompare([]byte(v), []byte("Bearer "+token)) == 1 {
				return ctx, nil
			}
		}
		return ctx, status.Error(codes.Unauthenticated, "away from loopback, send the owner's token as authorization: Bearer …")
	}
}

// ready says whether what comes in is also being worked on. With a full disk it
// is not, but people must get at the console all the more.
func (w *worker) ready(rw http.ResponseWriter, _ *http.Request) {
	err := errors.Join(w.keeper.Stalled(), w.liner.Stalled(), w.ledger.Err())
	switch {
	case err == nil:
		fmt.Fprintln(rw, "ready")
	case disk.Full(err):
		fmt.Fprintf(rw, "ready, but telemetry waits: %v\n", err)
	default:
		http.Error(rw, err.Error(), http.StatusServiceUnavailable)
	}
}
