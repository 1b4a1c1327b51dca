package signal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

func keys(t *testing.T, list ...signal.Named) *signal.Keys {
	t.Helper()
	k := &signal.Keys{}
	for i := range list {
		list[i].Digest = signal.Digest("token of " + list[i].Name)
	}
	if err := k.Set(list); err != nil {
		t.Fatal(err)
	}
	return k
}

func TestEnter(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{})
	d.Keys = keys(t, signal.Named{Name: "shop"})
	d.Owner = func(token string) bool { return token == "owner" }
	for _, tt := range []struct {
		name    string
		c       signal.Caller
		account string // "" means refused
		text    string
	}{
		{"nobody, where the door is open", signal.Caller{Open: true}, "otlp/checkout", ""},
		{"nobody, where it is not", signal.Caller{}, "", "there is none, and this door wants one"},
		{"a source", signal.Caller{Token: "token of shop"}, "shop", ""},
		{"a source, where the door is open", signal.Caller{Token: "token of shop", Open: true}, "shop", ""},
		{"a wrong token, where the door is open", signal.Caller{Token: "x", Open: true}, "", "no source has it"},
		{"the owner", signal.Caller{Token: "owner"}, "otlp/checkout", ""},
		{"proved otherwise", signal.Caller{Proof: &signal.Named{Name: "shop"}}, "shop", ""},
		{"proved to be what is gone", signal.Caller{Proof: &signal.Named{Name: "gone"}}, "", "wants one"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.c.Door, tt.c.Peer = "otlp", "192.0.2.1"
			ctx, leave, ref := d.Enter(t.Context(), tt.c)
			defer leave()
			if (ref == nil) != (tt.account != "") || ref != nil && (ref.Reason.Status() != 401 || !strings.Contains(ref.Error(), tt.text)) {
				t.Fatalf("said %v", ref)
			}
			if ref == nil && d.Account(ctx, "otlp/checkout") != tt.account {
				t.Errorf("counted as %s", d.Account(ctx, "otlp/checkout"))
			}
		})
	}
	signaltest.Law(t, d, sink)
	if s := d.Sources.Sources(); len(s) != 1 || s[0].Name != "otlp" || s[0].Reasons["denied"] != 3 || s[0].Told["denied"].Text == "" {
		t.Errorf("accounts: %+v", s)
	}
}

// A token binds the name: the batch and the account are the source's, whatever
// the door calls the sender.
func TestATokenBindsTheName(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{})
	d.Keys = keys(t, signal.Named{Name: "shop"})
	ctx, leave, ref := d.Enter(t.Context(), signal.Caller{Door: "otlp", Token: "token of shop"})
	if ref != nil {
		t.Fatal(ref)
	}
	defer leave()
	b := &fact.Batch{Source: "otlp/victim", Received: d.Clock().UnixMilli(), Series: []fact.Series{{Points: []fact.Point{{T: d.Clock().UnixMilli() - 2500}}}}}
	var tally signal.Tally
	tally.Receive(1)
	d.Record(ctx, "otlp/victim", "otlp", d.Clock(), &tally)
	if ref := d.Deliver(ctx, b); ref != nil {
		t.Fatal(ref)
	}
	s := d.Sources.Sources()
	if sink.Batches()[0].Source != "shop" || len(s) != 1 || s[0].Name != "shop" || s[0].Lag != 2.5 {
		t.Errorf("%s, %+v", sink.Batches()[0].Source, s)
	}
}

func TestLimitsOfASource(t *testing.T) {
	for _, tt := range []struct {
		name string
		lim  signal.SourceLimits
		text string
		wait time.Duration
	}{
		{"bytes", signal.SourceLimits{BytesPerSecond: 100}, "source shop: it has sent more than 100 bytes a second, its limit; send more slowly, or raise bytes_per_second of this source", 11 * time.Second},
		{"items", signal.SourceLimits{ItemsPerSecond: 10}, "it has sent more than 10 items a second", 91 * time.Second},
		{"bodies", signal.SourceLimits{Bodies: 1}, "1 of its requests are in flight, its limit", 2 * time.Second},
		{"none", signal.SourceLimits{}, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, sink := signaltest.Doors(signal.Limits{})
			d.Keys = keys(t, signal.Named{Name: "shop", Limits: tt.lim}, signal.Named{Name: "other"})
			enter := func(who string) (context.Context, func(), *signal.Refusal) {
				return d.Enter(t.Context(), signal.Caller{Door: "otlp", Token: "token of " + who})
			}
			ctx, leave, ref := enter("shop")
			if ref != nil {
				t.Fatal(ref)
			}
			if _, free, ref := d.Unpack(ctx, bytes.NewReader(make([]byte, 2000)), 2000, "", signal.Body{Most: 4000}); ref != nil {
				t.Fatal(ref)
			} else {
				free()
			}
			var tally signal.Tally
			tally.Receive(1000)
			tally.Settle(signal.Refuse(signal.BadTime, "", "x", ""))
			d.Record(ctx, "", "otlp", d.Clock(), &tally)
			_, leave2, ref := enter("shop")
			leave2()
			if (ref == nil) != (tt.text == "") || ref != nil && (!strings.Contains(ref.Error(), tt.text) || ref.Wait() != tt.wait) {
				t.Errorf("said %v, wait %v; want %s", ref, ref.Wait(), tt.text)
			}
			if _, leave, ref := enter("other"); ref != nil {
				t.Errorf("another is told: %v", ref)
			} else {
				leave()
			}
			leave()
			signaltest.Law(t, d, sink)
		})
	}
}

// Series that are there go on, whatever comes beside them; the offender is
// named.
func TestNewcomers(t *testing.T) {
	d, _ := signaltest.Doors(signal.Limits{NewSeries: 900, ActiveSeries: 2000})
	now := signaltest.Now()
	d.Clock = func() time.Time { return now }
	old := fact.LabelsOf("__name__", "old")
	stored := fact.LabelsOf("__name__", "stored")
	d.Known = func(l fact.Labels) bool { return l == stored }
	series := func(who string, i int) fact.Labels {
		return fact.LabelsOf("__name__", "m", "who", who, "i", fmt.Sprint(i))
	}
	if ref := d.Newcomers(t.Context(), "otlp/bad").Take(old); ref != nil {
		t.Fatal(ref)
	}
	flood := func(from int) (taken int, last *signal.Refusal) {
		n := d.Newcomers(t.Context(), "otlp/bad")
		for i := range 5000 {
			if ref := n.Take(series("bad", from+i)); ref != nil {
				last = ref
				continue
			}
			taken++
		}
		return taken, last
	}
	if taken, ref := flood(0); taken < 795 || taken > 800 || !strings.Contains(ref.Error(), "source otlp/bad: ") || ref.Reason != signal.NewSeries {
		t.Errorf("%d taken, %v", taken, ref)
	}
	if ref := d.Newcomers(t.Context(), "otlp/bad").Take(old, stored); ref != nil {
		t.Errorf("what was there: %v", ref)
	}
	if ref := d.Newcomers(t.Context(), "otlp/good").Take(series("good", 1), series("good", 2)); ref != nil {
		t.Errorf("another's: %v", ref)
	}
	for m := range 4 { // minute after minute, until its share of all is used up
		now = now.Add(time.Minute)
		flood(10_000 * (m + 1))
	}
	if got := d.SeriesOf("otlp/bad"); got < 1760 || got > 1780 { // 8/9 of 2000
		t.Errorf("remembers %d", got)
	}
	now = now.Add(time.Minute)
	if ref := d.Newcomers(t.Context(), "otlp/good").Take(series("good", 3)); ref != nil {
		t.Errorf("another's, later: %v", ref)
	}
	for range 3 { // and it is forgotten when it stops
		now = now.Add(61 * time.Minute)
		if ref := d.Newcomers(t.Context(), "otlp/good").Take(series("good", 3)); ref != nil {
			t.Fatal(ref)
		}
	}
	if got := d.SeriesOf("otlp/bad"); got != 0 {
		t.Errorf("remembers %d after hours", got)
	}
}

func TestNewcomersOfANamedSource(t *testing.T) {
	d, _ := signaltest.Doors(signal.Limits{})
	now := signaltest.Now()
	d.Clock = func() time.Time { return now }
	d.Keys = keys(t, signal.Named{Name: "shop", Limits: signal.SourceLimits{Series: 5, NewSeriesPerMinute: 3}})
	ctx, leave, _ := d.Enter(t.Context(), signal.Caller{Door: "otlp", Token: "token of shop"})
	defer leave()
	take := func(i int) *signal.Refusal {
		return d.Newcomers(ctx, "x").Take(fact.LabelsOf("__name__", "m", "i", fmt.Sprint(i)))
	}
	for i, want := range []string{"", "", "", "more than 3 new series in this minute"} {
		if ref := take(i); (ref == nil) != (want == "") || ref != nil && !strings.Contains(ref.Error(), want) {
			t.Errorf("series %d: %v", i, ref)
		}
	}
	now = now.Add(time.Minute)
	for i, want := range map[int]string{0: "", 10: "", 11: "", 12: "it has 5, its limit"} {
		if want == "" {
			if ref := take(i); ref != nil {
				t.Errorf("series %d: %v", i, ref)
			}
		}
	}
	if ref := take(12); ref == nil || !strings.Contains(ref.Error(), "it has 5, its limit") {
		t.Errorf("the sixth: %v", ref)
	}
}

// One that floods is refused first, and the others are served.
func TestAFloodHurtsNobodyElse(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{InFlightBytes: 1 << 20, QueuedBytes: 64 << 10})
	d.Keys = keys(t, signal.Named{Name: "bad"}, signal.Named{Name: "good"})
	blocked := &blockingSink{Sink: sink, open: make(chan struct{})}
	d.Sink = blocked
	send := func(who string, size int) *signal.Refusal {
		ctx, leave, ref := d.Enter(t.Context(), signal.Caller{Door: "otlp", Token: "token of " + who})
		defer leave()
		if ref != nil {
			return ref
		}
		_, free, ref := d.Unpack(ctx, bytes.NewReader(make([]byte, size)), int64(size), "", signal.Body{Most: 1 << 20})
		if ref != nil {
			return ref
		}
		defer free()
		return d.Deliver(ctx, &fact.Batch{Source: who, Spans: make([]fact.Span, 10)})
	}
	var wg sync.WaitGroup
	answers := make(chan *signal.Refusal, 500)
	for range 500 {
		wg.Go(func() { answers <- send("bad", 10_000) })
	}
	refused := 0
	for range 400 { // the rest waits for the sink
		if ref := <-answers; ref == nil || ref.Reason != signal.Share && ref.Reason != signal.Busy {
			t.Fatalf("answered %v", ref)
		}
		refused++
	}
	good := make(chan *signal.Refusal, 1)
	wg.Go(func() { good <- send("good", 10_000) })
	select {
	case ref := <-good:
		t.Errorf("the other is told: %v", ref)
	case <-time.After(50 * time.Millisecond): // it waits for the sink, as it should
	}
	close(blocked.open)
	if ref := <-good; ref != nil {
		t.Errorf("the other is told: %v", ref)
	}
	wg.Wait()
}

type blockingSink struct {
	signal.Sink
	open chan struct{}
}

func (s *blockingSink) Append(ctx context.Context, b *fact.Batch) (uint64, error) {
	<-s.open
	return s.Sink.Append(ctx, b)
}

func TestKeys(t *testing.T) {
	d := signal.Digest
	for _, tt := range []struct {
		name string
		list []signal.Named
		text string
	}{
		{"two", []signal.Named{{Name: "a", Digest: d("1")}, {Name: "b.c_d-E", Digest: d("2")}}, ""},
		{"a name twice", []signal.Named{{Name: "a", Digest: d("1")}, {Name: "a", Digest: d("2")}}, "is there twice"},
		{"a token twice", []signal.Named{{Name: "a", Digest: d("1")}, {Name: "b", Digest: d("1")}}, "the same token"},
		{"a slash", []signal.Named{{Name: "otlp/a"}}, "letters, digits"},
		{"our own", []signal.Named{{Name: "clock"}}, "in use by Steersman itself"},
		{"empty", []signal.Named{{}}, "1 to 64 bytes"},
		{"too many", make([]signal.Named, 1001), "the limit is 1000"},
	} {
		err := new(signal.Keys).Set(tt.list)
		if (err == nil) != (tt.text == "") || err != nil && !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestToken(t *testing.T) {
	for want, set := range map[string]func(*http.Request){
		"a b": func(r *http.Request) { r.Header.Set("Authorization", "Bearer a b") },
		"pw":  func(r *http.Request) { r.SetBasicAuth("anyone", "pw") },
		"gl":  func(r *http.Request) { r.Header.Set("X-Gitlab-Token", "gl") },
		"":    func(r *http.Request) { r.Header.Set("Authorization", "Bearer ") },
	} {
		r := httptest.NewRequest("POST", "/", nil)
		set(r)
		if got := signal.Token(r); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestAdmit(t *testing.T) {
	d, _ := signaltest.Doors(signal.Limits{})
	h := d.Admit("hook", false, http.NotFoundHandler())
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/", nil))
	if w.Code != 401 || w.Header().Get("WWW-Authenticate") != "Bearer" || !strings.Contains(w.Body.String(), "steersman source add") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !errors.As(error(signal.Refuse(signal.Denied, "", "", "")), new(*signal.Refusal)) {
		t.Error("a refusal is an error")
	}
}
