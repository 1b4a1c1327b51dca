package signal

import (
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
)

// A Source is the account of one sender, in items.
type Source struct {
	Name        string           `json:"name"` // "otlp/payment", "remote-write", "hooks/change"
	Kind        string           `json:"kind"` // the door: "otlp", "remote-write", "hook"
	FirstSeen   time.Time        `json:"firstSeen"`
	LastSeen    time.Time        `json:"lastSeen"`
	Received    int64            `json:"received"`
	Accepted    int64            `json:"accepted"`
	Refused     int64            `json:"refused"`
	Reasons     map[string]int64 `json:"reasons,omitempty"`     // Refused, by reason
	LastRefusal string           `json:"lastRefusal,omitempty"` // what the sender was told last
	Told        map[string]Told  `json:"told,omitempty"`        // what it was told last, by reason
	Lag         float64          `json:"lag,omitempty"`         // seconds between the newest item of its last batch and its arrival
	PerSecond   float64          `json:"perSecond,omitempty"`   // items received, over the last minute
}

// SourcesOptions are the options of [NewSources].
type SourcesOptions struct {
	// Max is the number of sources without a token that are kept apart; those
	// beyond it share one account per door. One costs some 500 bytes. Default
	// 1000. Named sources always have their own; they are at most [MaxNamed].
	Max int

	// Idle is how long a source without a token is remembered after it was heard
	// of last. Default 30 days. When there are Max of them, an hour is enough.
	// What it had sent is then counted with that of the others at its door.
	Idle time.Duration

	// Registerer takes the metrics. Nil means none are exported.
	Registerer prometheus.Registerer

	// Clock is asked when rates are read. Default time.Now.
	Clock func() time.Time
}

// Sources keeps the account of every source. It is safe for concurrent use.
type Sources struct {
	max   int
	idle  time.Duration
	clock func() time.Time

	mu    sync.Mutex
	all   map[string]*account
	loose int       // of them, those whose name senders choose
	swept time.Time // when the idle ones were looked for last

	received, accepted, refused *prometheus.CounterVec
	answers                     *prometheus.HistogramVec
}

// NewSources returns an empty account.
func NewSources(opt SourcesOptions) *Sources {
	if opt.Max <= 0 {
		opt.Max = 1000
	}
	if opt.Idle <= 0 {
		opt.Idle = 30 * 24 * time.Hour
	}
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	s := &Sources{
		max:   opt.Max,
		idle:  opt.Idle,
		clock: opt.Clock,
		all:   make(map[string]*account),
		received: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "steersman_signal_received_items_total",
			Help: "Samples, spans, lines and changes that came in. Always the sum of accepted and refused.",
		}, []string{"door"}),
		accepted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "steersman_signal_accepted_items_total",
			Help: "Samples, spans, lines and changes that were kept before the sender got its answer.",
		}, []string{"door"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "steersman_signal_refused_items_total",
			Help: "Samples, spans, lines and changes that were refused in the answer, by reason.",
		}, []string{"door", "reason"}),
		answers: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "steersman_signal_answer_seconds",
			Help:    "Time from the request to its answer, which includes the time until it was durable.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"door", "outcome"}),
	}
	if opt.Registerer != nil {
		opt.Registerer.MustRegister(s.received, s.accepted, s.refused, s.answers,
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "steersman_signal_sources",
				Help: "Sources that have an account.",
			}, func() float64 { return float64(s.count()) }))
	}
	return s
}

// Record adds the tally of one request to the account of the named source.
func (s *Sources) Record(name, kind string, at time.Time, t *Tally) {
	s.mu.Lock()
	src := s.get(name, kind, at)
	src.LastSeen = at
	src.Received += t.Received
	src.Accepted += t.Accepted
	src.ring.add(at, t.Received)
	for r, n := range t.Refused {
		if n > 0 {
			src.Refused += n
			if src.Reasons == nil {
				src.Reasons = make(map[string]int64)
			}
			src.Reasons[Reason(r).String()] += n
		}
	}
	if t.Last != "" {
		src.LastRefusal = Cut(t.Last, 512)
		if src.Told == nil {
			src.Told = make(map[string]Told)
		}
		for r, text := range t.Texts {
			if text != "" {
				src.Told[Reason(r).String()] = Told{at, Cut(text, 512)}
			}
		}
	}
	s.mu.Unlock()
	s.received.WithLabelValues(kind).Add(float64(t.Received))
	s.accepted.WithLabelValues(kind).Add(float64(t.Accepted))
	for r, n := range t.Refused {
		if n > 0 {
			s.refused.WithLabelValues(kind, Reason(r).String()).Add(float64(n))
		}
	}
}

// Answered records how long one request took. The outcome is "ok", "partly" or
// the reason for which all of it was refused.
func (s *Sources) Answered(kind, outcome string, took time.Duration) {
	s.answers.WithLabelValues(kind, outcome).Observe(took.Seconds())
}

func (s *Sources) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}

// Sources returns the accounts in order of name.
func (s *Sources) Sources() []Source {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	s.sweep(now)
	out := make([]Source, 0, len(s.all))
	for _, src := range s.all {
		out = append(out, src.copy(now))
	}
	slices.SortFunc(out, func(a, b Source) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Restore takes up accounts that an earlier process kept, and adds what has
// been counted since. Call it once, at the start.
func (s *Sources) Restore(known []Source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range known {
		s.get(known[i].Name, known[i].Kind, known[i].FirstSeen).add(&known[i])
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Cut returns the longest prefix of s that is at most n bytes long and does not
// end within a rune.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
