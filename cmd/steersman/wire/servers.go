package wire

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/oklog/run"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/steersman-ops/steersman/cmd/steersman/config"
	"github.com/steersman-ops/steersman/console"
	"github.com/steersman-ops/steersman/console/api"
	"github.com/steersman-ops/steersman/console/web"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/hook"
	journaldoor "github.com/steersman-ops/steersman/signal/journal"
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
	w.serve(g, ln, w.site(w.lets(ln)), "listen")

	if ln, err := w.door(&w.cfg.OTLPHTTP, config.DefaultOTLPHTTP, "OTLP over HTTP"); err != nil {
		return err
	} else if ln != nil {
		w.serve(g, ln, w.identity.Protect(w.doors.Admit("otlp", w.lets(ln), otlp.NewHandler(w.doors))), "otlp_http")
	}
	if err := w.syslog(g); err != nil {
		return err
	}
	ln, err = w.door(&w.cfg.OTLPGRPC, config.DefaultOTLPGRPC, "OTLP over gRPC")
	if err != nil || ln == nil {
		return err
	}
	w.serve(g, ln, otlp.NewGRPC(w.doors, w.lets(ln)), "otlp_grpc")
	return nil
}

// lets says whether a port lets senders in that have no token.
func (w *worker) lets(ln net.Listener) bool {
	switch w.cfg.Anonymous {
	case config.Everywhere:
		return true
	case config.Nowhere:
		return false
	}
	return loopback(ln)
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

// serve adds a server for the port of that name. Where there are event streams,
// which is on the main port, the server as a whole can have no deadline for
// answers.
func (w *worker) serve(g *run.Group, ln net.Listener, h http.Handler, port string) {
	streams := port == "listen"
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(w.log.Handler(), slog.LevelDebug)}
	if streams {
		srv.Handler = hurried(h)
	} else {
		srv.ReadTimeout, srv.WriteTimeout = patience, patience
	}
	if port == "otlp_grpc" {
		otlp.GRPCProtocols(srv)
		srv.IdleTimeout = 15 * time.Minute
	}
	srv.ConnState = w.crowd(port).State
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

// crowd bounds the connections of a port, and shows how many there are.
func (w *worker) crowd(port string) *signal.Crowd {
	labels := prometheus.Labels{"port": port}
	closed := prometheus.NewCounter(prometheus.CounterOpts{Name: "steersman_signal_connections_closed_total", Help: "Connections that were closed to let others in.", ConstLabels: labels})
	c := signal.NewCrowd(w.doors.Limits.WithDefaults().Connections, time.Now, closed)
	w.metrics.MustRegister(closed, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "steersman_signal_connections", Help: "Connections that are open.", ConstLabels: labels}, func() float64 { return float64(c.Size()) }))
	return c
}

// site is everything on the main port. open says whether the doors on it let
// senders in that have no token.
func (w *worker) site(open bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(api.Prefix+"/", api.New(w.apiRooms()))
	mux.Handle("GET "+api.Prefix+"/backup", w.owned(http.HandlerFunc(w.sendBackup)))
	mux.HandleFunc("GET /login", w.identity.Login)
	mux.HandleFunc("POST /logout", w.identity.Logout)
	mux.Handle("POST /api/v1/write", w.doors.Admit("remote-write", open, remotewrite.NewHandler(w.doors)))
	mux.Handle("POST "+loki.Path, w.doors.Admit("loki", open, loki.NewHandler(w.doors)))
	mux.Handle("POST "+journaldoor.Path, w.doors.Admit("journal", open, journaldoor.NewHandler(w.doors)))
	mux.Handle("/hooks/", hook.NewHandler(w.doors, open))
	data := http.NewServeMux()
	data.Handle("/api/v1/", w.series)
	data.Handle("GET /metrics", promhttp.HandlerFor(w.metrics, promhttp.HandlerOpts{}))
	reads := w.open(data)
	for _, p := range []string{"/api/v1/", "/metrics"} {
		mux.Handle(p, reads)
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

// ready says whether what comes in is also being worked on. With a full disk it
// is not, but people must get at the console all the more. While the series are
// being opened it is not either: what comes in is taken and waits.
func (w *worker) ready(rw http.ResponseWriter, _ *http.Request) {
	err := errors.Join(w.stalled(), w.liner.Stalled(), w.spanner.Stalled(), w.ledger.Err())
	switch {
	case err == nil:
		fmt.Fprintln(rw, "ready")
	case disk.Full(err):
		fmt.Fprintf(rw, "ready, but telemetry waits: %v\n", err)
	default:
		http.Error(rw, err.Error(), http.StatusServiceUnavailable)
	}
}
