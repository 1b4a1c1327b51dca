package series

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/grafana/regexp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/route"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/features"
	"github.com/prometheus/prometheus/util/notifications"
	apiv1 "github.com/prometheus/prometheus/web/api/v1"
)

// apiPrefix is where Prometheus has its API.
const apiPrefix = "/api/v1"

// answered are the paths below apiPrefix that Prometheus' own handlers answer.
// Those that write, read in bulk or administrate are not among them: what comes
// in goes through the doors, and what must go goes by retention.
var answered = [...]string{
	"/query", "/query_range", "/query_exemplars", "/format_query", "/parse_query",
	"/labels", "/label/", "/series", "/metadata",
	"/scrape_pools", "/targets", "/targets/metadata", "/alertmanagers", "/rules", "/alerts",
	"/status/config", "/status/flags", "/status/runtimeinfo", "/status/buildinfo", "/status/tsdb", "/status/tsdb/blocks", "/status/walreplay",
	"/features", "/notifications", "/openapi.yaml",
}

func isAnswered(path string) bool {
	for _, p := range answered {
		if path == p || (strings.HasSuffix(p, "/") && strings.HasPrefix(path, p)) {
			return true
		}
	}
	return false
}

// newHandler answers with Prometheus' API over the store. That API composes its
// description of itself when it is made, which takes longer than opening a
// store; so it is made for the first request.
func newHandler(s *Store) http.Handler {
	started := time.Now()
	router := sync.OnceValue(func() http.Handler { return newRouter(s, started) })
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		path, ours := strings.CutPrefix(req.URL.Path, apiPrefix)
		if !ours || !isAnswered(path) {
			notAnswered(w, req)
			return
		}
		if path == "/metadata" {
			req = req.WithContext(context.WithValue(req.Context(), wantMetadata{}, true))
		}
		router().ServeHTTP(w, req)
	})
}

// newRouter makes Prometheus' API.
func newRouter(s *Store, started time.Time) http.Handler {
	none := nothing{}
	described := newDescribed(s.meta)
	api := apiv1.NewAPI(
		s.engine,
		s.db,
		nil,  // nothing is appended here
		s.db, // exemplars
		func(context.Context) apiv1.ScrapePoolsRetriever { return none },
		func(ctx context.Context) apiv1.TargetRetriever {
			if ctx.Value(wantMetadata{}) != nil {
				return described
			}
			return none
		},
		func(context.Context) apiv1.AlertmanagerRetriever { return none },
		func() config.Config { return config.DefaultConfig },
		map[string]string{},
		apiv1.GlobalURLOptions{ListenAddress: "localhost:8420", Host: "localhost:8420", Scheme: "http"},
		func(f http.HandlerFunc) http.HandlerFunc { return f }, // a store that is open is ready
		stats{s.db},
		s.dir,
		false, // admin
		false, // search
		0,
		s.opt.Logger,
		func(context.Context) apiv1.RulesRetriever { return none },
		0, 1, 1<<20, // remote read, which is not answered
		false,                      // agent
		regexp.MustCompile(`^\b$`), // no foreign page may read: matches nothing
		func() (apiv1.RuntimeInfo, error) { return runtimeInfo(s, started), nil },
		buildInfo(s.opt.Version),
		func() []notifications.Notification { return nil },
		func() (<-chan notifications.Notification, func(), bool) { return nil, func() {}, false },
		s.metrics,
		prometheus.NewRegistry(), // for metrics of remote read, which is not answered
		nil,                      // statistics as usual
		false,                    // remote write
		nil,
		false, false, false, // OTLP
		lookback,
		false, // type and unit labels
		false, // metadata
		nil,
		features.NewRegistry(),
		apiv1.OpenAPIOptions{Version: s.opt.Version, ExternalURL: "http://localhost:8420", IncludePaths: answered[:]},
		parser.NewParser(parser.Options{}),
		false, // query cost
		s.opt.QueryTimeout,
	)
	r := route.New().WithPrefix(apiPrefix)
	api.Register(r)
	return r
}

// notAnswered says so in the words of Prometheus' API.
func notAnswered(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNotFound)
	json.NewEncoder(w).Encode(map[string]string{
		"status":    "error",
		"errorType": "not_found",
		"error":     fmt.Sprintf("%s %s is not part of this API", req.Method, req.URL.Path),
	})
}

// nothing stands in for the parts of a Prometheus that the store does not
// have: it scrapes nothing, evaluates no rules, and notifies nobody.
type nothing struct{}

func (nothing) ScrapePools() []string                       { return []string{} }
func (nothing) TargetsActive() map[string][]*scrape.Target  { return nil }
func (nothing) TargetsDropped() map[string][]*scrape.Target { return nil }
func (nothing) TargetsDroppedCounts() map[string]int        { return nil }
func (nothing) Alertmanagers() []*url.URL                   { return nil }
func (nothing) DroppedAlertmanagers() []*url.URL            { return nil }
func (nothing) RuleGroups() []*rules.Group                  { return nil }
func (nothing) AlertingRules() []*rules.AlertingRule        { return nil }

func (nothing) ScrapePoolConfig(name string) (*config.ScrapeConfig, error) {
	return nil, fmt.Errorf("there is no scrape pool %q: nothing is scraped here", name)
}

// wantMetadata marks the context of a request for /metadata, for which alone
// Prometheus' API asks the targets what their metrics mean.
type wantMetadata struct{}

// described is a target retriever whose only target has the metadata of the
// whole store and nothing else.
type described struct {
	nothing
	targets map[string][]*scrape.Target
}

func newDescribed(m *metadata) described {
	t := scrape.NewTarget(labels.EmptyLabels(), &config.ScrapeConfig{}, nil, nil)
	t.SetMetadataStore(m)
	return described{targets: map[string][]*scrape.Target{"store": {t}}}
}

func (d described) TargetsActive() map[string][]*scrape.Target { return d.targets }

// stats tells about the database and lets nobody change it.
type stats struct{ db *tsdb.DB }

var errReadOnly = errors.New("the series cannot be changed through this API")

func (stats) CleanTombstones() error { return errReadOnly }

func (stats) Delete(context.Context, int64, int64, ...*labels.Matcher) error { return errReadOnly }

func (stats) Snapshot(string, bool) error { return errReadOnly }

func (s stats) Stats(label string, limit int) (*tsdb.Stats, error) {
	return s.db.Head().Stats(label, limit), nil
}

// WALReplayStatus says that the log has been replayed, as it always has when a
// store is open.
func (stats) WALReplayStatus() (tsdb.WALReplayStatus, error) { return tsdb.WALReplayStatus{}, nil }

func (s stats) BlockMetas() ([]tsdb.BlockMeta, error) { return s.db.BlockMetas(), nil }

func runtimeInfo(s *Store, started time.Time) apiv1.RuntimeInfo {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return apiv1.RuntimeInfo{
		StartTime:           started.UTC(),
		Hostname:            host,
		ServerTime:          time.Now().UTC(),
		ReloadConfigSuccess: true,
		LastConfigTime:      started.UTC(),
		CorruptionCount:     int64(s.counter("prometheus_tsdb_wal_corruptions_total")),
		GoroutineCount:      runtime.NumGoroutine(),
		GOMAXPROCS:          runtime.GOMAXPROCS(0),
		GOMEMLIMIT:          debug.SetMemoryLimit(-1),
		GOGC:                os.Getenv("GOGC"),
		GODEBUG:             os.Getenv("GODEBUG"),
		StorageRetention:    model.Duration(s.opt.Retention).String(),
	}
}

// buildInfo names Prometheus' version where clients look for it to learn what
// the API can do, and ours beside it.
func buildInfo(version string) *apiv1.PrometheusVersion {
	out := &apiv1.PrometheusVersion{Version: releaseOf(""), Branch: "steersman " + version, GoVersion: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return out
	}
	for _, dep := range info.Deps {
		if dep.Path == "github.com/prometheus/prometheus" {
			out.Version = releaseOf(dep.Version)
		}
	}
	return out
}

// releaseOf translates the version of Prometheus as a library, v0.316.0, into
// that of the release it belongs to, 3.16.0. In a test binary the version is
// not known; it is then the one that this file was written for.
func releaseOf(library string) string {
	var major, minor, patch int
	if n, err := fmt.Sscanf(library, "v0.%1d%2d.%d", &major, &minor, &patch); n != 3 || err != nil {
		return "3.16.0"
	}
	return fmt.Sprintf("%d.%d.%d", major, minor, patch)
}
