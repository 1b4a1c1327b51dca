package shop

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/prompb"
)

// prom keeps an instance's metrics as Prometheus does, and pushes them.
type prom struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	labels   []prompb.Label // that a scraping Prometheus would add
	url      string
	client   *http.Client
	cancel   context.CancelFunc
	pushing  sync.WaitGroup
}

func newProm(cfg Config, s *service) *prom {
	p := &prom{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total", Help: "Requests answered.",
		}, []string{"route", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "Time until the answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1},
		}, []string{"route"}),
		labels: []prompb.Label{
			{Name: "instance", Value: cfg.Instance},
			{Name: "job", Value: Namespace + "/" + cfg.Service},
			{Name: "version", Value: cfg.Version},
		},
		url:    cfg.RemoteWrite,
		client: &http.Client{Timeout: exportTimeout},
		cancel: func() {},
	}
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
	}
	p.registry.MustRegister(p.requests, p.duration,
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		gauge("go_goroutines", "Goroutines.", func() float64 { return float64(runtime.NumGoroutine()) }),
		gauge("shop_pool_busy", "Requests that are worked on.", func() float64 { return float64(len(s.pool)) }),
		gauge("shop_pool_waiting", "Requests that wait for a place in the pool.", func() float64 { return float64(s.waiting.Load()) }),
		gauge("shop_pool_limit", "Places in the pool.", func() float64 { return poolSize }),
	)
	return p
}

// start pushes until close, if there is somewhere to push to.
func (p *prom) start() {
	if p.url == "" {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.pushing.Go(func() {
		tick := time.NewTicker(pushInterval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-tick.C:
				_ = p.push(ctx, now) // what could not be sent is lost; the next push has the new state
			}
		}
	})
}

func (p *prom) close() {
	p.cancel()
	p.pushing.Wait()
	p.client.CloseIdleConnections()
}

func (p *prom) handler() http.Handler {
	return promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{})
}

// observe counts a route's requests.
func (p *prom) observe(route Route, next http.Handler) http.Handler {
	name := route.Method + " " + route.Path
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := &recorder{ResponseWriter: w, code: http.StatusOK}
		next.ServeHTTP(rec, r)
		p.duration.WithLabelValues(name).Observe(time.Since(start).Seconds())
		p.requests.WithLabelValues(name, strconv.Itoa(rec.code)).Inc()
	})
}

type recorder struct {
	http.ResponseWriter
	code int
}

func (r *recorder) WriteHeader(code int) {
	r.code = code
	r.ResponseWriter.WriteHeader(code)
}

// push sends the present state by remote write 1.0.
func (p *prom) push(ctx context.Context, now time.Time) error {
	families, err := p.registry.Gather()
	if err != nil {
		return fmt.Errorf("push metrics: %w", err)
	}
	req := prompb.WriteRequest{Timeseries: timeseries(families, p.labels, now.UnixMilli())}
	raw, err := req.Marshal()
	if err != nil {
		return fmt.Errorf("push metrics: %w", err)
	}
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(snappy.Encode(nil, raw)))
	if err != nil {
		return fmt.Errorf("push metrics: %w", err)
	}
	post.Header.Set("Content-Type", "application/x-protobuf")
	post.Header.Set("Content-Encoding", "snappy")
	post.Header.Set("X-Prometheus-Remote-Write-Version", "0.1.0")
	post.Header.Set("User-Agent", "steersman-demo-shop")
	resp, err := p.client.Do(post)
	if err != nil {
		return fmt.Errorf("push metrics: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<12))
		return fmt.Errorf("push metrics: status %d: %s", resp.StatusCode, text)
	}
	return nil
}

// timeseries writes families as a scrape at time t would be sent: classic
// histograms, labels sorted by name.
func timeseries(families []*dto.MetricFamily, extra []prompb.Label, t int64) []prompb.TimeSeries {
	var all []prompb.TimeSeries
	for _, f := range families {
		name := f.GetName()
		for _, m := range f.Metric {
			add := func(name string, v float64, more ...prompb.Label) {
				all = append(all, oneSeries(name, m, extra, more, v, t))
			}
			switch {
			case m.Counter != nil:
				add(name, m.Counter.GetValue())
			case m.Gauge != nil:
				add(name, m.Gauge.GetValue())
			case m.Histogram != nil:
				h := m.Histogram
				for _, b := range h.Bucket {
					add(name+"_bucket", float64(b.GetCumulativeCount()), le(b.GetUpperBound()))
				}
				add(name+"_bucket", float64(h.GetSampleCount()), le(math.Inf(1)))
				add(name+"_sum", h.GetSampleSum())
				add(name+"_count", float64(h.GetSampleCount()))
			}
		}
	}
	return all
}

func le(bound float64) prompb.Label {
	text := strconv.FormatFloat(bound, 'g', -1, 64)
	return prompb.Label{Name: "le", Value: text}
}

func oneSeries(name string, m *dto.Metric, extra, more []prompb.Label, v float64, t int64) prompb.TimeSeries {
	labels := append([]prompb.Label{{Name: "__name__", Value: name}}, extra...)
	labels = append(labels, more...)
	for _, l := range m.Label {
		labels = append(labels, prompb.Label{Name: l.GetName(), Value: l.GetValue()})
	}
	slices.SortFunc(labels, func(a, b prompb.Label) int { return strings.Compare(a.Name, b.Name) })
	return prompb.TimeSeries{Labels: labels, Samples: []prompb.Sample{{Value: v, Timestamp: t}}}
}
