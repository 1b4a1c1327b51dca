package scrape

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/util/logging"

	"github.com/steersman-ops/steersman/signal"
)

// Door is the name of this door in the accounts; a job's source is called
// scrape:JOB.
const Door = "scrape"

// Options are the options of [New].
type Options struct {
	// Limits of each job.
	Limits signal.SourceLimits

	// Settle is how long changes of the targets are gathered before they are
	// acted upon, at most. Shorter costs more work where targets come and go all
	// the time. Default 2 seconds.
	Settle time.Duration

	// Registerer takes the metrics. Nil means none are exported.
	Registerer prometheus.Registerer
}

// A Scraper asks the targets of its jobs. Run it once.
type Scraper struct {
	doors    *signal.Doors
	settle   time.Duration
	jobs     []Job
	inner    *prometheus.Registry // Prometheus' own metrics; few are passed on
	sd       *discovery.SDMetrics
	managers []*scrape.Manager
	logger   *slog.Logger

	stopping context.Context // ends when no appender may wait any more
	stop     context.CancelFunc
}

// New returns a scraper of these jobs. It asks nobody before Run.
func New(d *signal.Doors, jobs []Job, opt Options) (*Scraper, error) {
	if opt.Settle <= 0 {
		opt.Settle = 2 * time.Second
	}
	s := &Scraper{doors: d, settle: opt.Settle, jobs: jobs, inner: prometheus.NewRegistry(), logger: d.Logger.With("door", Door)}
	var err error
	if s.sd, err = discovery.CreateAndRegisterSDMetrics(s.inner); err != nil {
		return nil, fmt.Errorf("prepare discovery: %w", err)
	}
	s.stopping, s.stop = context.WithCancel(context.Background())
	limits := d.Limits.WithDefaults()
	series := newKnown(limits.KnownSeries)
	for _, j := range jobs {
		if err := j.Check(); err != nil {
			return nil, err
		}
		to := &appendable{
			doors: d, puller: d.Puller(Door+":"+j.Name, opt.Limits), limits: limits, known: series,
			patience: time.Duration(j.conf.ScrapeConfigs[0].ScrapeInterval), stopping: s.stopping,
		}
		m, err := scrape.NewManager(&scrape.Options{
			AppendMetadata: true, DiscoveryReloadInterval: model.Duration(opt.Settle), DiscoveryReloadOnStartup: true,
		}, s.logger, logging.NewJSONFileLogger, nil, to, prometheus.WrapRegistererWith(prometheus.Labels{"pool": j.Name}, s.inner))
		if err != nil {
			return nil, fmt.Errorf("prepare scrape job %s: %w", j.Name, err)
		}
		if err := m.ApplyConfig(j.conf); err != nil {
			return nil, fmt.Errorf("prepare scrape job %s: %w", j.Name, err)
		}
		s.managers = append(s.managers, m)
	}
	if opt.Registerer != nil {
		opt.Registerer.MustRegister(shown{s})
	}
	return s, nil
}

// Run scrapes until ctx ends, and returns when nothing runs any more. A scrape
// that is under way is waited for, for as long as its timeout.
func (s *Scraper) Run(ctx context.Context) error {
	find, cancel := context.WithCancel(ctx)
	defer cancel()
	d := discovery.NewManager(find, s.logger, s.inner, s.sd, discovery.Updatert(s.settle))
	if d == nil {
		return errors.New("discovery could not be prepared")
	}
	configs := make(map[string]discovery.Configs, len(s.jobs))
	feeds := make(map[string]chan map[string][]*targetgroup.Group, len(s.jobs))
	var running sync.WaitGroup
	for i, j := range s.jobs {
		configs[j.Name] = j.conf.ScrapeConfigs[0].ServiceDiscoveryConfigs
		feed := make(chan map[string][]*targetgroup.Group)
		feeds[j.Name] = feed
		running.Go(func() { _ = s.managers[i].Run(feed) }) // it has no error to return
	}
	running.Go(func() { _ = d.Run() }) // its error is that find has ended
	if err := d.ApplyConfig(configs); err != nil {
		s.logger.Error("some targets cannot be found", "err", err)
	}
	s.distribute(d.SyncCh(), feeds)
	s.stop()
	for _, m := range s.managers {
		running.Go(m.Stop)
	}
	running.Wait()
	return nil
}

// distribute gives every job its targets, until discovery ends.
func (s *Scraper) distribute(found <-chan map[string][]*targetgroup.Group, feeds map[string]chan map[string][]*targetgroup.Group) {
	for sets := range found {
		for name, groups := range sets {
			feeds[name] <- map[string][]*targetgroup.Group{name: groups}
		}
	}
}
