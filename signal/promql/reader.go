package promql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
)

const kind = "read"

// Options say what is read, and how much of it. The zero value of each field but
// URL means its default, or nothing where none is named.
type Options struct {
	// URL is the address of the API, without /api/v1. Required.
	URL string

	// Token, or User and Password, are sent with every question.
	Token, User, Password string

	// Tenant is sent as X-Scope-OrgID.
	Tenant string

	// Step is the time between two readings. Shorter: trouble is seen earlier, for
	// more queries. Default 15 seconds.
	Step time.Duration

	// Late is how much later than others a sample may appear on their side. As
	// much is read again each time. Default 30 seconds.
	Late time.Duration

	// History is how far back a series is read that is new to us. Default 1 hour:
	// a level is learned in ten minutes, and what has been silent for an hour is
	// forgotten by those who learn, so that of more the first pieces would be lost.
	// Negative means none.
	History time.Duration

	// CatchUp is how far back reading resumes after a stop. Default 6 hours.
	CatchUp time.Duration

	// Discover is the time between two looks at what is there. Default 10 minutes.
	Discover time.Duration

	// Timeout is how long one query may take. Default 30 seconds.
	Timeout time.Duration

	// Queries and Bytes are what a minute may cost their side: questions, and
	// bytes of answers after decompression. What is chosen takes half of each; the
	// rest is for history, for discovery and for what comes unforeseen. Default 60
	// and 32 MiB.
	Queries int
	Bytes   int64

	// AnswerBytes bounds one answer; a query that gives more is divided. Default
	// 8 MiB.
	AnswerBytes int64

	// Series bounds what is read, whatever the budget. Default 20,000.
	Series int

	Checkpoint Checkpoint // nil: a start reads history
	Meters     *Meters    // nil: not measured
}

// The defaults of how far back is read.
const (
	DefaultHistory = time.Hour
	DefaultCatchUp = 6 * time.Hour
)

// A Checkpoint keeps a few kilobytes across restarts. Load returns nil if there
// is nothing.
type Checkpoint interface {
	Load() ([]byte, error)
	Save([]byte) error
}

func orDefault[T int | int64 | time.Duration](v *T, def T) {
	if *v == 0 {
		*v = def
	}
}

func (o Options) withDefaults() Options {
	orDefault(&o.Step, 15*time.Second)
	orDefault(&o.Late, 30*time.Second)
	orDefault(&o.History, DefaultHistory)
	orDefault(&o.CatchUp, DefaultCatchUp)
	orDefault(&o.Discover, 10*time.Minute)
	orDefault(&o.Timeout, 30*time.Second)
	orDefault(&o.Queries, 60)
	orDefault(&o.Bytes, 32<<20)
	orDefault(&o.AnswerBytes, 8<<20)
	orDefault(&o.Series, 20_000)
	o.History = max(o.History, 0)
	o.AnswerBytes = min(o.AnswerBytes, o.Bytes)
	if o.Meters == nil {
		o.Meters = NewMeters(nil)
	}
	return o
}

// Source returns the name under which what is read from an address is counted.
func Source(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return kind
	}
	return kind + "/" + u.Host
}

// A Reader reads what one API has. Run is its only goroutine.
type Reader struct {
	doors  *signal.Doors
	opt    Options
	client *client
	budget budget
	rest   budget // of it, what history may take
	source string

	// What follows belongs to Run.
	of      map[string]described // by family
	jobsOf  map[string]int       // of how many jobs each metric is
	targets []*target            // in the order of choice
	byPair  map[pair]*target
	resumed map[pair]int64 // from the checkpoint: what had been read
	live    []query        // of the targets that are not behind
	repack  bool           // live is not of the present targets
	left    map[pair]string
	there   []found
	latest  map[fact.Labels]int64
	perRow  float64 // bytes of an answer for one series and one live reading, as measured
	failing map[string]int
	aside   map[pair]bool // what their side cannot answer for
	found   time.Time     // when it was last discovered
	typed   time.Time     // when the descriptions were last read
	saved   time.Time
	wait    time.Duration // before the next attempt, after trouble
	past    bool          // what is asked now is history

	mu     sync.Mutex
	status Status
}

// A target is a pair that is read.
type target struct {
	found
	upTo int64 // everything until then was had, Unix milliseconds
}

// New returns a reader that has not begun.
func New(d *signal.Doors, opt Options) (*Reader, error) {
	opt = opt.withDefaults()
	c, err := newClient(&opt)
	if err != nil {
		return nil, err
	}
	r := &Reader{
		doors: d, opt: opt, client: c, budget: budget{queries: opt.Queries, bytes: opt.Bytes}, rest: budget{queries: max(opt.Queries*inPast/10, 1), bytes: opt.Bytes * inPast / 10}, source: Source(opt.URL),
		byPair: make(map[pair]*target), latest: make(map[fact.Labels]int64), failing: make(map[string]int), aside: make(map[pair]bool),
		of: make(map[string]described), perRow: rowBytes,
	}
	r.status = Status{Source: r.source, URL: c.base.Redacted(), State: Starting}
	opt.Meters.budget(r)
	return r, nil
}

const (
	// longestWait is between two attempts while their side is in trouble.
	longestWait = time.Minute
	// saveEvery is the time between two checkpoints.
	saveEvery = 30 * time.Second
	// inPast is how many tenths of the budget history may take. Half is for what is
	// read live, whether it is read yet or not.
	inPast = 4
	// rowBytes is what one series costs in one reading until it is measured.
	rowBytes = 400
)

// Run reads until ctx ends. Whatever their side does, it goes on.
func (r *Reader) Run(ctx context.Context) error {
	ctx, leave, _ := r.doors.Enter(ctx, signal.Caller{Door: kind, Peer: r.source, Open: true}) // never refused: it has no token
	defer leave()
	r.load()
	defer r.save(true)
	for ctx.Err() == nil {
		begun := r.doors.Clock()
		err := r.turn(ctx)
		r.after(ctx, err)
		r.save(false)
		if err == nil {
			r.catchUp(ctx, begun.Add(r.opt.Step))
		}
		pause(ctx, max(begun.Add(r.opt.Step).Sub(r.doors.Clock()), r.wait))
	}
	return nil
}

// turn looks at what is there, if it is time for that, and reads once.
func (r *Reader) turn(ctx context.Context) error {
	now := r.doors.Clock()
	if r.found.IsZero() || now.Sub(r.found) >= r.opt.Discover {
		if err := r.discover(ctx); err != nil {
			if r.found.IsZero() {
				return err
			}
			r.trouble(err) // what was known goes on
			r.found = now
			r.soon()
		}
	}
	return r.round(ctx)
}

// after takes note of how a turn ended.
func (r *Reader) after(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		r.wait = 0
		r.well()
		return
	}
	r.wait = min(max(2*r.wait, time.Second), longestWait)
	var theirs *refused
	if errors.As(err, &theirs) && theirs.after > r.wait {
		r.wait = theirs.after
	}
	r.trouble(err)
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// ask waits for room in the budget and asks.
func (r *Reader) ask(ctx context.Context, path string, q url.Values, most, expected int64, data func(*json.Decoder) error) (a answer, n int64, err error) {
	for !r.budget.room(r.doors.Clock(), 1, expected) {
		r.opt.Meters.waits.WithLabelValues(r.source).Inc()
		if pause(ctx, 250*time.Millisecond); ctx.Err() != nil {
			return a, 0, ctx.Err()
		}
	}
	begun := r.doors.Clock()
	if ref := r.doors.Guard(kind, func() *signal.Refusal {
		a, n, err = r.client.get(ctx, path, q, most, data)
		return nil
	}); ref != nil {
		return a, n, ref
	}
	now := r.doors.Clock()
	r.budget.spend(now, n)
	if r.past {
		r.rest.spend(now, n)
	}
	r.opt.Meters.asked(r.source, n, now.Sub(begun), a, err)
	return a, n, err
}

// trouble puts what went wrong into the account, and says it to people.
func (r *Reader) trouble(err error) {
	ref := r.refusal(err)
	var t signal.Tally
	t.Receive(1)
	t.Settle(ref)
	r.doors.Sources.Record(r.source, kind, r.doors.Clock(), &t)
	r.doors.Sources.Answered(kind, ref.Reason.String(), 0)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.status.Trouble != ref.Error() {
		r.doors.Logger.Warn("reading is in trouble", "source", r.source, "err", ref.Error())
	}
	r.status.Trouble, r.status.State = ref.Error(), Waiting
}

func (r *Reader) well() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.status.Trouble != "" {
		r.doors.Logger.Info("reading goes on", "source", r.source)
	}
	if r.status.Trouble, r.status.State = "", Reading; r.status.Behind > 0 {
		r.status.State = Catching
	}
}

// refusal says what went wrong, and what to do about it.
func (r *Reader) refusal(err error) *signal.Refusal {
	var ref *signal.Refusal
	var theirs *refused
	where := "read " + r.client.base.Redacted()
	switch {
	case errors.As(err, &ref):
		return ref
	case errors.Is(err, errTooLarge):
		return signal.Refuse(signal.TooLarge, where, err.Error(), "raise answer_bytes, or the limits of their side")
	case errors.Is(err, errNotAnswer):
		return signal.Refuse(signal.Malformed, where, err.Error(), "give the address of a Prometheus API, without /api/v1: for Mimir it ends in /prometheus")
	case !errors.As(err, &theirs):
		return signal.Refuse(signal.Unreachable, where, err.Error(), "check the address, and whether it can be reached from here; it is tried again")
	}
	switch theirs.status {
	case 401, 403:
		return signal.Refuse(signal.Denied, where, theirs.Error(), "give a token, a user or a tenant that may read")
	case 404, 405:
		return signal.Refuse(signal.Malformed, where, theirs.Error(), "give the address of a Prometheus API, without /api/v1: for Mimir it ends in /prometheus")
	case 429:
		return signal.Refuse(signal.Rate, where, theirs.Error(), "lower queries and bytes of this source, or raise its limits on their side")
	}
	return signal.Refuse(signal.Unreachable, where, theirs.Error(), "it is tried again; see to their side if it lasts")
}

// question is a query at a moment. Their side need not work on it for longer than
// it is waited for.
func (r *Reader) question(q string, at int64) url.Values {
	return url.Values{"query": {q}, "time": {moment(at)}, "timeout": {strconv.FormatFloat(r.opt.Timeout.Seconds(), 'f', -1, 64) + "s"}}
}

// moment writes a time as the API takes it.
func moment(ms int64) string {
	return strconv.FormatInt(ms/1000, 10) + fmt.Sprintf(".%03d", ms%1000)
}
