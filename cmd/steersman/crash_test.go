package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
)

func urlEscape(s string) string { return url.QueryEscape(s) }

// writeSample sends one sample by remote write and reports whether it was
// acknowledged.
func writeSample(client *http.Client, base, name string, at time.Time, v float64) bool {
	req := prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
		Labels:  []prompb.Label{{Name: "__name__", Value: name}, {Name: "job", Value: "crash"}},
		Samples: []prompb.Sample{{Timestamp: at.UnixMilli(), Value: v}},
	}}}
	raw, err := req.Marshal()
	if err != nil {
		return false
	}
	post, err := http.NewRequest("POST", base+"/api/v1/write", bytes.NewReader(snappy.Encode(nil, raw)))
	if err != nil {
		return false
	}
	post.Header.Set("Content-Type", "application/x-protobuf")
	post.Header.Set("Content-Encoding", "snappy")
	post.Header.Set("X-Prometheus-Remote-Write-Version", "0.1.0")
	resp, err := client.Do(post)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode/100 == 2
}

// TestNothingAcknowledgedIsLost kills the worker at random moments while
// numbered samples come in, and then asks for every sample that was
// acknowledged.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	cycles := 50
	if testing.Short() {
		cycles = 5
	}
	r := start(t, "")
	begin := time.Now().Add(-30 * time.Minute).Truncate(time.Second)
	const writers = 4
	acked := make([][]int, writers)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			client := &http.Client{Timeout: 5 * time.Second}
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				at := begin.Add(time.Duration(n) * 10 * time.Millisecond)
				for !writeSample(client, r.base, fmt.Sprintf("crash_%d", w), at, float64(n)) {
					select {
					case <-stop:
						return
					case <-time.After(5 * time.Millisecond):
					}
				}
				acked[w] = append(acked[w], n)
			}
		})
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	var longest time.Duration
	for range cycles {
		time.Sleep(time.Duration(rnd.IntN(500)) * time.Millisecond)
		pid := r.worker()
		if pid == 0 {
			continue
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatalf("kill the worker: %v", err)
		}
		killed := time.Now()
		for r.worker() == pid {
			time.Sleep(5 * time.Millisecond)
		}
		if err := waitReady(r.base, 20*time.Second); err != nil {
			t.Fatalf("%v\n%s", err, r.out.String())
		}
		longest = max(longest, time.Since(killed))
	}
	close(stop)
	wg.Wait()
	t.Logf("%d kills; longest from kill to ready %v", cycles, longest.Round(time.Millisecond))

	total := 0
	for w := range writers {
		total += len(acked[w])
		last := begin.Add(time.Duration(len(acked[w])) * 10 * time.Millisecond)
		have := r.samples(fmt.Sprintf("crash_%d", w), begin, last)
		for _, n := range acked[w] {
			if got, ok := have[begin.Add(time.Duration(n)*10*time.Millisecond).UnixMilli()]; !ok || got != strconv.Itoa(n) {
				t.Errorf("writer %d: sample %d was acknowledged; stored is %q", w, n, got)
			}
		}
	}
	if total < 10*cycles {
		t.Errorf("only %d samples were acknowledged in %d cycles: the test proves little", total, cycles)
	}
	t.Logf("%d samples acknowledged, every one is there", total)
}

// samples returns the raw samples of one series by time. The store may still
// be reading the tail of the log, so it asks until the last one is there.
func (r *running) samples(name string, from, to time.Time) map[int64]string {
	r.t.Helper()
	var have map[int64]string
	for range 100 {
		var out struct {
			Data struct {
				Result []struct{ Values [][2]any }
			}
		}
		window := to.Sub(from) + time.Minute
		path := fmt.Sprintf("/api/v1/query?query=%s&time=%d", urlEscape(fmt.Sprintf("%s[%ds]", name, int(window.Seconds()))), to.Unix()+1)
		if code := r.ask("GET", path, nil, &out); code != 200 {
			r.t.Fatalf("query %s: %d", path, code)
		}
		have = make(map[int64]string)
		for _, s := range out.Data.Result {
			for _, v := range s.Values {
				have[int64(v[0].(float64)*1000+0.5)] = fmt.Sprint(v[1])
			}
		}
		if _, ok := have[to.Add(-10*time.Millisecond).UnixMilli()]; ok {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	return have
}
