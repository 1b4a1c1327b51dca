package limits

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
)

const (
	steadySeries = 1000
	setsAtMost   = 5_000_000
	perRequest   = 2000
	usual        = 20_000 // samples a second of the bad source, before it sends ten times as many
	slowClients  = 2000
	bombBytes    = 256 << 20 // unpacked
)

// samples is a request of n series from the first on, with one sample each, as
// remote write wants it.
func samples(metric string, first, n int, v float64, now time.Time) ([]byte, error) {
	req := prompb.WriteRequest{Timeseries: make([]prompb.TimeSeries, n)}
	for i := range n {
		id := first + i
		req.Timeseries[i] = prompb.TimeSeries{
			Labels: []prompb.Label{
				{Name: "__name__", Value: metric},
				{Name: "instance", Value: fmt.Sprintf("10.0.%d.%d:9100", id/50/250, id/50%250)},
				{Name: "job", Value: fmt.Sprintf("job-%d", id/5000)},
				{Name: "number", Value: fmt.Sprint(id)},
			},
			Samples: []prompb.Sample{{Value: v, Timestamp: now.UnixMilli()}},
		}
	}
	b, err := req.Marshal()
	return snappy.Encode(nil, b), err
}

// write sends one request of remote write and returns the status; 0 if there
// was no answer.
func (r *run) write(ctx context.Context, token string, body []byte) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base+"/api/v1/write", bytes.NewReader(body))
	if err != nil {
		return 0
	}
	req.Header.Set("Content-Encoding", "snappy")
	req.Header.Set("Authorization", "Bearer "+token)
	return r.do(req)
}

func (r *run) do(req *http.Request) int {
	resp, err := r.client.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body) // the status has come
	return resp.StatusCode
}

// steady is the sender that does nothing wrong.
type steady struct {
	to *run

	mu      sync.Mutex
	answers []time.Duration
	refused int
	acked   int // samples
}

func newSteady(r *run) *steady { return &steady{to: r} }

// take returns what was seen since it was last asked.
func (s *steady) take() (answers []time.Duration, refused int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answers, refused = s.answers, s.refused
	s.answers, s.refused = nil, 0
	return answers, refused
}

// run sends once a second until ctx ends. Each request is sent to its end.
func (s *steady) run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		body, err := samples("steady", 0, steadySeries, float64(n), time.Now())
		if err != nil {
			continue
		}
		begun := time.Now()
		status := s.to.write(context.Background(), goodToken, body)
		took := time.Since(begun)
		s.mu.Lock()
		if status == http.StatusNoContent {
			s.answers = append(s.answers, took)
			s.acked += steadySeries
		} else {
			s.refused++
		}
		s.mu.Unlock()
	}
}

// tally counts answers by status.
type tally struct {
	taken, refused, other atomic.Int64
}

func (t *tally) add(status int) {
	switch {
	case status/100 == 2:
		t.taken.Add(1)
	case status/100 == 4 || status/100 == 5:
		t.refused.Add(1)
	default:
		t.other.Add(1)
	}
}

func (t *tally) String() string {
	return fmt.Sprintf("%d requests taken, %d refused, %d without an answer", t.taken.Load(), t.refused.Load(), t.other.Load())
}

// labelSets sends series that nobody has seen, from two connections.
func (r *run) labelSets(ctx context.Context) string {
	var t tally
	var next atomic.Int64
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for ctx.Err() == nil {
				first := int(next.Add(perRequest)) - perRequest
				if first >= setsAtMost {
					return
				}
				body, err := samples("flood", first, perRequest, 1, time.Now())
				if err != nil {
					return
				}
				if status := r.write(ctx, badToken, body); ctx.Err() == nil {
					t.add(status)
				}
			}
		})
	}
	all.Wait()
	return fmt.Sprintf("%d label sets sent; %s", min(next.Load(), setsAtMost), &t)
}

// bombs sends what unpacks to a thousand times its size.
func (r *run) bombs(ctx context.Context) string {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	zeros := make([]byte, 1<<20)
	for range bombBytes / len(zeros) {
		_, _ = z.Write(zeros) // into memory
	}
	_ = z.Close() // likewise
	var t tally
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for ctx.Err() == nil {
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base+"/loki/api/v1/push", bytes.NewReader(packed.Bytes()))
				if err != nil {
					return
				}
				req.Header.Set("Content-Encoding", "gzip")
				req.Header.Set("Content-Type", "application/json")
				req.Header.Set("Authorization", "Bearer "+badToken)
				if status := r.do(req); ctx.Err() == nil {
					t.add(status)
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	all.Wait()
	return fmt.Sprintf("%d kB that unpack to %d MB: %s", packed.Len()>>10, bombBytes>>20, &t)
}

// slow holds many connections that announce a body and hardly send it.
func (r *run) slow(ctx context.Context) string {
	var open, cut atomic.Int64
	var all sync.WaitGroup
	host := strings.TrimPrefix(r.base, "http://")
	for range slowClients {
		all.Go(func() {
			for ctx.Err() == nil {
				conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", host)
				if err != nil {
					time.Sleep(100 * time.Millisecond)
					continue
				}
				open.Add(1)
				_, err = fmt.Fprintf(conn, "POST /api/v1/write HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Encoding: snappy\r\nContent-Length: 100000\r\n\r\n", host, badToken)
				for err == nil && ctx.Err() == nil {
					time.Sleep(time.Second)
					_, err = conn.Write([]byte{0})
				}
				_ = conn.Close() // nothing more is wanted of it
				if ctx.Err() == nil {
					cut.Add(1)
				}
			}
		})
		time.Sleep(500 * time.Microsecond) // not all in the same moment
	}
	all.Wait()
	return fmt.Sprintf("%d connections opened by %d clients, %d of them cut", open.Load(), slowClients, cut.Load())
}

// spike sends ten times as much as usual, in an open loop: requests leave when
// they are due, whether those before were answered or not.
func (r *run) spike(ctx context.Context) string { return r.load(ctx, 10*usual) }

// calm sends the usual.
func (r *run) calm(ctx context.Context) string { return r.load(ctx, usual) }

func (r *run) load(ctx context.Context, perSecond int) string {
	var t tally
	var late atomic.Int64
	slots := make(chan struct{}, 64)
	var all sync.WaitGroup
	every := time.Second * perRequest / time.Duration(perSecond)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
		select {
		case slots <- struct{}{}:
		default:
			late.Add(1)
			continue
		}
		all.Go(func() {
			defer func() { <-slots }()
			body, err := samples("usual", n%(usual/perRequest)*perRequest, perRequest, float64(n), time.Now())
			if err != nil {
				return
			}
			if status := r.write(ctx, badToken, body); ctx.Err() == nil {
				t.add(status)
			}
		})
	}
	all.Wait()
	return fmt.Sprintf("%d samples a second wanted; %s, %d not even sent, 64 being on their way", perSecond, &t, late.Load())
}
