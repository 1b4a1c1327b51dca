package promql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

// shop gives theirs some series over the last two hours, every ten seconds.
func shop(th *theirs, c *clock) {
	for _, job := range []string{"checkout", "payment"} {
		for n := range 3 {
			instance := fmt.Sprintf("%s-%d", job, n)
			for _, name := range []string{"up", "http_requests_total", "queue_depth"} {
				th.add(c.Now().Add(-2*time.Hour), c.Now(), 10*time.Second, "__name__", name, "job", job, "instance", instance)
			}
		}
	}
}

// goOn lets time pass on their side, too.
func goOn(th *theirs, c *clock, d time.Duration) {
	th.set(func() {
		for _, s := range th.series {
			last := s.points[len(s.points)-1]
			for at := last.T + 10_000; at < c.Now().Add(d).UnixMilli(); at += 10_000 {
				s.points = append(s.points, fact.Point{T: at, V: float64(at)})
			}
		}
	})
	c.add(d)
}

func TestHistoryThenLive(t *testing.T) {
	th, c := newTheirs(t), &clock{now: signaltest.Now()}
	shop(th, c)
	b := newBench(t, th, c, Options{History: time.Hour, Token: "s3cret", Tenant: "shop"})
	b.must()
	if s := b.Status(); s.State != Reading || s.Watched != 18 || s.Exist != 18 || s.Behind != 0 || s.Jobs != 2 || s.Metrics != 3 {
		t.Errorf("after the first step it stands so: %+v", s)
	}
	if th.header.Get("Authorization") != "Bearer s3cret" || th.header.Get("X-Scope-OrgID") != "shop" {
		t.Errorf("it sends %v", th.header)
	}
	th.questions()
	for range 8 {
		goOn(th, c, 15*time.Second)
		b.must()
	}
	if q := th.questions(); len(q) != 8 || !strings.HasPrefix(q[7], `query {__name__=~"`) || !strings.HasSuffix(q[7], "[50000ms]") {
		t.Errorf("eight steps asked %q", q)
	}
	b.whole(c.Now().Add(-time.Hour - 2*time.Minute - b.opt.Late)) // 8 steps are two minutes
	if src := b.doors.Sources.Sources(); len(src) != 1 || src[0].Name != Source(th.url) || src[0].Kind != "read" {
		t.Errorf("the account is %+v", src)
	}
}

func TestHistoryInPieces(t *testing.T) {
	th, c := newTheirs(t), &clock{now: signaltest.Now()}
	shop(th, c)
	th.slow = func() { c.add(20 * time.Millisecond) } // time goes on while it reads
	b := newBench(t, th, c, Options{History: 2 * time.Hour, AnswerBytes: 64 << 10})
	for i := 0; ; i++ {
		b.must()
		if b.Status().Behind == 0 {
			break
		}
		for _, tg := range b.targets { // no piece ends where silence would be a finding
			if age := c.Now().UnixMilli() - tg.upTo; age > 60_000 && age < 600_000 {
				t.Errorf("%v is read up to %d s ago", tg.pair, age/1000)
			}
		}
		if i == 20 {
			t.Fatal("it does not come to an end")
		}
		c.add(time.Minute) // a new minute of budget
		goOn(th, c, 0)
	}
	goOn(th, c, 15*time.Second)
	b.must()
	b.whole(signaltest.Now().Add(-2*time.Hour - b.opt.Late))
	if q := th.questions(); len(q) < 6 || len(q) > 100 {
		t.Errorf("all came in %d questions: %q", len(q), q)
	}
}

// A sample that appears later than others of its time is had, if it is not too
// late.
func TestLateSamples(t *testing.T) {
	th, c := newTheirs(t), &clock{now: signaltest.Now()}
	shop(th, c)
	b := newBench(t, th, c, Options{History: time.Minute})
	for _, s := range th.series {
		if strings.Contains(s.labels.String(), "payment") {
			s.hidden = 2
		}
	}
	b.must()
	for range 6 {
		goOn(th, c, 15*time.Second)
		b.must()
	}
	th.set(func() {
		for _, s := range th.series {
			s.hidden = 0
		}
	})
	b.must()
	b.whole(signaltest.Now().Add(-time.Minute - b.opt.Late))
}

// After a stop it goes on from the checkpoint, without a gap. What the checkpoint
// does not know yet comes twice, which the store sees.
func TestResume(t *testing.T) {
	th, c, check := newTheirs(t), &clock{now: signaltest.Now()}, &memory{}
	shop(th, c)
	a := newBench(t, th, c, Options{History: 10 * time.Minute, Checkpoint: check})
	a.must()
	a.save(true)
	goOn(th, c, time.Minute)
	a.must() // and is killed
	for _, away := range []time.Duration{5 * time.Minute, 2 * time.Hour} {
		goOn(th, c, away)
		b := newBench(t, th, c, Options{History: 10 * time.Minute, CatchUp: 3 * time.Hour, Checkpoint: check})
		b.must()
		if s := b.Status(); s.Behind != 0 {
			t.Errorf("%d series are still behind", s.Behind)
		}
		had := b.had()
		for name, points := range a.had() {
			last, first := points[len(points)-1].T, had[name][0].T
			if first > last+10_000 {
				t.Errorf("%s: away for %v, samples between %d and %d are lost", name, away, last, first)
			}
			if n := len(had[name]); int64(n) != (had[name][n-1].T-first)/10_000+1 {
				t.Errorf("%s: away for %v, there are holes in the %d samples", name, away, n)
			}
		}
		b.save(true)
		a = b
	}
	goOn(th, c, 5*time.Hour) // more than is caught up with
	b := newBench(t, th, c, Options{CatchUp: time.Hour, Checkpoint: check})
	b.must()
	b.whole(c.Now().Add(-time.Hour - b.opt.Late))
	check.data = []byte("{")
	b = newBench(t, th, c, Options{History: 30 * time.Minute, Checkpoint: check})
	b.must()
	b.whole(c.Now().Truncate(time.Minute).Add(-30*time.Minute - b.opt.Late))
}

// What their side refuses, and what people are told.
func TestTrouble(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		text   string
		reason string
		told   string
		wait   time.Duration
	}{
		{name: "down", status: 503, text: "starting", reason: "unreachable", told: "503 Service Unavailable: starting", wait: time.Second},
		{name: "too many questions", status: 429, text: `{"status":"error","errorType":"too_many","error":"slow down"}`, reason: "rate", told: "too_many: slow down", wait: 7 * time.Second},
		{name: "no token", status: 401, text: "who are you?", reason: "denied", told: "give a token", wait: time.Second},
		{name: "another path", status: 404, text: "404 page not found", reason: "malformed", told: "without /api/v1", wait: time.Second},
		{name: "a page", status: 200, text: "<html>Hello</html>", reason: "malformed", told: "not an answer of a Prometheus API", wait: time.Second},
		{name: "a bad query", status: 400, text: `{"status":"error","errorType":"bad_data","error":"parse error"}`, reason: "unreachable", told: "parse error", wait: time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			th, c := newTheirs(t), &clock{now: signaltest.Now()}
			shop(th, c)
			b := newBench(t, th, c, Options{History: 5 * time.Minute})
			th.fail = func(string, string) (int, string) { return tt.status, tt.text }
			if err := b.step(); err == nil {
				t.Fatal("it went well")
			}
			src := b.doors.Sources.Sources()[0]
			if src.Reasons[tt.reason] != 1 || !strings.Contains(src.LastRefusal, tt.told) || !strings.Contains(b.Status().Trouble, tt.told) || b.Status().State != Waiting {
				t.Errorf("the account says %+v, the status %+v", src, b.Status())
			}
			if b.wait != tt.wait {
				t.Errorf("it waits %v, and should %v", b.wait, tt.wait)
			}
			for range 8 {
				_ = b.step()
			}
			if b.wait != longestWait {
				t.Errorf("after nine failures it waits %v", b.wait)
			}
			th.set(func() { th.fail = nil })
			b.must()
			b.whole(c.Now().Truncate(time.Minute).Add(-5*time.Minute - b.opt.Late))
			if s := b.Status(); s.Trouble != "" || s.State != Reading || b.wait != 0 {
				t.Errorf("all is well again, and it stands so: %+v", s)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	th, c := newTheirs(t), &clock{now: signaltest.Now()}
	th.url = "http://127.0.0.1:1"
	b := newBench(t, th, c, Options{})
	if err := b.step(); err == nil || !strings.Contains(b.Status().Trouble, "connection refused; check the address") || strings.Contains(b.Status().Trouble, "count by") {
		t.Errorf("%v; it says %q", err, b.Status().Trouble)
	}
}

// A round of which a part fails is handed on as a whole or not at all.
func TestRoundIsWholeOrNotAtAll(t *testing.T) {
	th, c := newTheirs(t), &clock{now: signaltest.Now()}
	shop(th, c)
	for n := range querySeries { // so that there are two queries
		th.add(c.Now().Add(-5*time.Minute), c.Now(), 10*time.Second, "__name__", "many", "job", "payment", "n", fmt.Sprint(n))
	}
	b := newBench(t, th, c, Options{History: time.Minute})
	b.must()
	goOn(th, c, 15*time.Second)
	before := b.sink.Items()
	n := 0
	th.set(func() {
		th.fail = func(path, query string) (int, string) {
			if n++; n == 2 {
				return 500, "oh"
			}
			return 0, ""
		}
	})
	if err := b.step(); err == nil || n != 2 {
		t.Fatalf("%v after %d questions", err, n)
	}
	if b.sink.Items() != before {
		t.Errorf("a part of the round was handed on")
	}
	goOn(th, c, 15*time.Second)
	b.must()
	b.whole(signaltest.Now().Add(-time.Minute - b.opt.Late))
}

// What is too much for one answer comes in parts.
func TestDivided(t *testing.T) {
	for _, tt := range []struct {
		name string
		most int // samples of an answer
	}{
		{name: "by names", most: 150}, // 18 series, 6 or 7 samples in a minute and the overlap
		{name: "by jobs and a label", most: 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			th, c := newTheirs(t), &clock{now: signaltest.Now()}
			shop(th, c)
			th.most = tt.most
			b := newBench(t, th, c, Options{History: time.Minute})
			b.must()
			for range 3 {
				goOn(th, c, 15*time.Second)
				b.must()
			}
			b.whole(signaltest.Now().Add(-time.Minute - b.opt.Late))
		})
	}
	t.Run("by time", func(t *testing.T) {
		th, c := newTheirs(t), &clock{now: signaltest.Now()}
		th.add(c.Now().Add(-time.Hour), c.Now(), time.Second, "__name__", "up", "job", "a")
		th.most = 1000
		b := newBench(t, th, c, Options{History: time.Hour})
		b.must()
		b.whole(c.Now().Add(-time.Hour - b.opt.Late))
	})
	t.Run("larger than we take", func(t *testing.T) {
		th, c := newTheirs(t), &clock{now: signaltest.Now()}
		for n := range 2000 {
			th.add(c.Now().Add(-time.Minute), c.Now(), 10*time.Second, "__name__", "requests_total", "job", "a", "path", fmt.Sprintf("/%d", n), "instance", fmt.Sprint(n%3))
		}
		b := newBench(t, th, c, Options{History: time.Minute, AnswerBytes: 128 << 10})
		b.must()
		b.whole(signaltest.Now().Add(-time.Minute - b.opt.Late))
		if q := strings.Join(th.questions(), "\n"); !strings.Contains(q, `path=~"`) {
			t.Errorf("it was not divided by the label that has most values:\n%.2000s", q)
		}
	})
}

// What cannot be answered even in parts does not keep the rest back.
func TestSetAside(t *testing.T) {
	th, c := newTheirs(t), &clock{now: signaltest.Now()}
	shop(th, c)
	b := newBench(t, th, c, Options{History: time.Minute, Discover: time.Hour})
	b.must()
	th.add(c.Now().Add(-time.Minute), c.Now(), 10*time.Second, "__name__", "broken", "job", "a")
	c.add(time.Hour)
	goOn(th, c, 0)
	th.set(func() {
		th.fail = func(path, query string) (int, string) {
			if strings.Contains(query, "broken") {
				return 422, "it is broken"
			}
			return 0, ""
		}
	})
	failures := 0
	for range 10 {
		if b.step() != nil {
			failures++
		}
		goOn(th, c, 15*time.Second)
	}
	if s := b.Status(); len(s.Left) != 1 || s.Left[0].Reason != whyFailing || !slices.Contains(s.Left[0].Examples, "broken") || s.State != Reading {
		t.Errorf("after %d failures it stands so: %+v", failures, s)
	}
}

// A partial answer is taken, and what was missing is had when it is there.
func TestPartial(t *testing.T) {
	th, c := newTheirs(t), &clock{now: signaltest.Now()}
	shop(th, c)
	b := newBench(t, th, c, Options{History: time.Minute})
	b.must()
	th.set(func() {
		th.warnings = []string{"store 10.0.0.7 does not answer"}
		for _, s := range th.series {
			if strings.Contains(s.labels.String(), "payment") {
				s.hidden = 0
			}
		}
	})
	for n := range 8 { // two minutes
		goOn(th, c, 15*time.Second)
		th.set(func() {
			for _, s := range th.series {
				if strings.Contains(s.labels.String(), "payment") {
					s.hidden = (n + 1) * 3 / 2
				}
			}
		})
		b.must()
	}
	th.set(func() {
		th.warnings = nil
		for _, s := range th.series {
			s.hidden = 0
		}
	})
	goOn(th, c, 15*time.Second)
	b.must()
	b.whole(signaltest.Now().Add(-time.Minute - b.opt.Late))
}

// What has ended costs no more than what goes on, and what comes back is had.
func TestSilence(t *testing.T) {
	th, c := newTheirs(t), &clock{now: signaltest.Now()}
	shop(th, c)
	b := newBench(t, th, c, Options{History: time.Minute, Discover: 24 * time.Hour})
	b.must()
	for range 2 * 60 { // half an hour
		th.questions()
		c.add(15 * time.Second)
		b.must()
		if q := th.questions(); len(q) > 1 {
			t.Fatalf("%v after the last sample it asks %q", c.Now().Sub(signaltest.Now()), q)
		}
	}
	back := c.Now()
	th.set(func() {
		for _, s := range th.series {
			s.points = append(s.points, fact.Point{T: back.UnixMilli() + 1000, V: 1})
		}
	})
	c.add(15 * time.Second)
	b.must()
	b.whole(signaltest.Now().Add(-time.Minute - b.opt.Late))
}

// Where all at once is too much for them, it is counted job by job.
func TestDiscoverJobByJob(t *testing.T) {
	th, c := newTheirs(t), &clock{now: signaltest.Now()}
	shop(th, c)
	th.add(c.Now().Add(-time.Minute), c.Now(), 10*time.Second, "__name__", "no_job_requests_total")
	th.fail = func(path, query string) (int, string) {
		if strings.Contains(query, "count by (job") {
			return 422, "too many series"
		}
		return 0, ""
	}
	b := newBench(t, th, c, Options{History: time.Minute})
	b.must()
	if s := b.Status(); s.Exist != 19 || s.Watched != 19 || s.Jobs != 3 {
		t.Errorf("it found %+v", s)
	}
	b.whole(signaltest.Now().Add(-time.Minute - b.opt.Late))
}

// The types are those that they tell.
func TestTypes(t *testing.T) {
	th, c := newTheirs(t), &clock{now: signaltest.Now()}
	for name, typ := range map[string]string{"queue_depth": "gauge", "odd": "counter", "took_seconds": "histogram"} {
		th.types[name] = typ
	}
	for _, name := range []string{"queue_depth", "odd", "took_seconds_sum", "took_seconds_count", "took_seconds_bucket", "unknown"} {
		th.add(c.Now().Add(-time.Minute), c.Now(), 10*time.Second, "__name__", name, "job", "a")
	}
	b := newBench(t, th, c, Options{History: time.Minute})
	b.must()
	want := map[string]fact.SeriesType{"queue_depth": fact.Gauge, "odd": fact.Counter, "took_seconds_sum": fact.Counter, "took_seconds_count": fact.Counter, "unknown": fact.Untyped}
	for _, s := range b.sink.Series() {
		if s.Type != want[s.Labels.Name()] || s.Labels.Name() != "unknown" && !strings.HasPrefix(s.Help, "Help of ") {
			t.Errorf("%s is of type %d, help %q", s.Labels, s.Type, s.Help)
		}
		delete(want, s.Labels.Name())
	}
	if len(want) > 0 {
		t.Errorf("not read: %v", want)
	}
}

// A sink that is busy is tried again, one that refuses for good ends in the
// account; nothing is lost from it.
func TestSinkBusy(t *testing.T) {
	th, c := newTheirs(t), &clock{now: signaltest.Now()}
	shop(th, c)
	b := newBench(t, th, c, Options{History: time.Minute})
	b.sink.Fail(fact.ErrBusy)
	go func() {
		time.Sleep(150 * time.Millisecond)
		b.sink.Fail(nil)
	}()
	b.must()
	b.whole(signaltest.Now().Add(-time.Minute - b.opt.Late))

	goOn(th, c, 15*time.Second)
	b.sink.Fail(fact.ErrBusy)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if err := b.round(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a round that is stopped returns %v", err)
	}
	b.sink.Fail(nil)
	b.must()
	b.whole(signaltest.Now().Add(-time.Minute - b.opt.Late))
}

// More series than are read do not fill the memory.
func TestExplosion(t *testing.T) {
	th, c := newTheirs(t), &clock{now: signaltest.Now()}
	shop(th, c)
	b := newBench(t, th, c, Options{History: time.Minute, Series: 18})
	b.must()
	for n := range 100 {
		th.add(c.Now().Add(-10*time.Second), c.Now(), 10*time.Second, "__name__", "queue_depth", "job", "payment", "user", fmt.Sprint(n))
	}
	goOn(th, c, 15*time.Second)
	b.must()
	if src := b.doors.Sources.Sources()[0]; src.Reasons[signal.TooMany.String()] == 0 || len(b.latest) > 36 {
		t.Errorf("%d series are remembered; the account is %+v", len(b.latest), src)
	}
	c.add(longestWait) // then it is chosen anew
	goOn(th, c, 0)
	th.questions()
	b.must()
	if q := th.questions(); !strings.Contains(q[0], "count by") {
		t.Errorf("it asked %q", q)
	}
	for _, l := range b.Status().Left {
		if !slices.Contains(l.Examples, "queue_depth") {
			t.Errorf("left is %+v", l)
		}
	}
}

// It stays within its budget, whatever there is to be read.
func TestWithinBudget(t *testing.T) {
	th, c := newTheirs(t), &clock{now: signaltest.Now()}
	for job := range 20 {
		for m := range 20 {
			for n := range 10 {
				th.add(c.Now().Add(-time.Hour), c.Now(), 30*time.Second, "__name__", fmt.Sprintf("m%d_queue_depth", m), "job", fmt.Sprintf("job-%d", job), "n", fmt.Sprint(n))
			}
		}
	}
	b := newBench(t, th, c, Options{History: 30 * time.Minute, Queries: 12, Bytes: 4 << 20, AnswerBytes: 1 << 20})
	for range 40 { // ten minutes
		b.must()
		if s := b.Status(); s.QueriesUsed > 12 || s.BytesUsed > 5<<20 {
			t.Fatalf("it used %d questions and %d bytes in a minute", s.QueriesUsed, s.BytesUsed)
		}
		goOn(th, c, 15*time.Second)
	}
	s := b.Status()
	if s.Jobs != 20 || s.Watched < 400 || s.Watched >= 4000 || s.Behind > 0 {
		t.Errorf("it stands so: %+v", s)
	}
}

// Run ends when it shall, and leaves a checkpoint.
func TestRunEnds(t *testing.T) {
	th, check := newTheirs(t), &memory{}
	c := &clock{now: time.Now()}
	shop(th, c)
	d, sink := signaltest.Doors(signal.Limits{})
	d.Clock = time.Now
	r, err := New(d, Options{URL: th.url, History: time.Minute, Step: 20 * time.Millisecond, Queries: 1e6, Bytes: 1 << 40, AnswerBytes: 8 << 20, Checkpoint: check})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	for end := time.Now().Add(10 * time.Second); sink.Items() == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing is read")
		}
	}
	cancel()
	if err := <-done; err != nil || !strings.Contains(string(check.data), "queue_depth") {
		t.Errorf("Run returns %v, the checkpoint is %s", err, check.data)
	}
	signaltest.Law(t, d, sink)
}
