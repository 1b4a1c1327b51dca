package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"

	"github.com/steersman-ops/steersman/console/api"
	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/storetest/realprom"
)

// shopPast makes what a small shop told in the last fifty minutes, every ten
// seconds: counters of requests, a histogram of them, a queue and a memory. For
// eight minutes the queue of one payment ran full, and it served three times as
// many requests. It comes in requests of five minutes each.
func shopPast(now time.Time) (requests [][]prompb.TimeSeries) {
	const every, span = 10 * time.Second, 50 * time.Minute
	rng := rand.New(rand.NewPCG(7, 11))
	begin := now.Add(-span)
	count, sum := make(map[string]float64), make(map[string]float64)
	var req []prompb.TimeSeries
	at := make(map[string]int)
	add := func(t time.Time, name, job, instance string, v float64, more ...string) {
		key := name + job + instance + strings.Join(more, "")
		i, ok := at[key]
		if !ok {
			ls := []prompb.Label{{Name: "__name__", Value: name}, {Name: "instance", Value: instance}, {Name: "job", Value: job}}
			for n := 0; n+1 < len(more); n += 2 {
				ls = append(ls, prompb.Label{Name: more[n], Value: more[n+1]})
			}
			i = len(req)
			at[key] = i
			req = append(req, prompb.TimeSeries{Labels: ls})
		}
		req[i].Samples = append(req[i].Samples, prompb.Sample{Timestamp: t.UnixMilli(), Value: v})
	}
	for t := begin; !t.After(now); t = t.Add(every) {
		bad := t.Sub(begin) >= 30*time.Minute && t.Sub(begin) < 38*time.Minute
		for _, job := range []string{"checkout", "payment"} {
			for n := range 2 {
				instance := fmt.Sprintf("%s-%d:80", job, n)
				rate, depth := 100+10*rng.Float64(), float64(15+rng.IntN(8))
				if bad && job == "payment" && n == 1 {
					rate, depth = 3*rate, 400+depth
				}
				count[instance] += rate
				sum[instance] += rate * (.02 + .001*rng.Float64())
				add(t, "up", job, instance, 1)
				add(t, "http_requests_total", job, instance, float64(int(count[instance])))
				add(t, "http_request_duration_seconds_count", job, instance, float64(int(count[instance])))
				add(t, "http_request_duration_seconds_sum", job, instance, sum[instance])
				add(t, "http_request_duration_seconds_bucket", job, instance, float64(int(count[instance])), "le", "+Inf")
				add(t, "queue_depth", job, instance, depth)
				add(t, "process_resident_memory_bytes", job, instance, 1e8+1e6*rng.Float64())
			}
		}
		if t.Add(every).Sub(begin)%(5*time.Minute) == 0 || t.Add(every).After(now) {
			requests = append(requests, req)
			req, at = nil, make(map[string]int)
		}
	}
	return requests
}

func writePast(t *testing.T, base string, requests [][]prompb.TimeSeries) {
	t.Helper()
	for _, series := range requests {
		raw, err := (&prompb.WriteRequest{Timeseries: series}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		post, err := http.NewRequest("POST", base+"/api/v1/write", bytes.NewReader(snappy.Encode(nil, raw)))
		if err != nil {
			t.Fatal(err)
		}
		post.Header.Set("Content-Type", "application/x-protobuf")
		post.Header.Set("Content-Encoding", "snappy")
		post.Header.Set("X-Prometheus-Remote-Write-Version", "0.1.0")
		resp, err := http.DefaultClient.Do(post)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode/100 != 2 {
			t.Fatalf("%s: %s", base, resp.Status)
		}
	}
}

// found returns the findings but for when they were seen, once enough have ended.
func (r *running) found(enough int) (list []string) {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		var out struct{ Findings []fact.Finding }
		if code := r.ask("GET", api.Prefix+"/findings?limit=200", nil, &out); code != 200 {
			r.t.Fatalf("findings: %d", code)
		}
		list = list[:0]
		for _, f := range out.Findings {
			list = append(list, fmt.Sprintf("%s %s %s %s of %s from %s to %s: %v, normal %v to %v, now %v (%s)", f.ID, f.Signal.Kind, f.Direction, f.Signal.Labels, f.Signal.Entity,
				f.Onset.Format(time.RFC3339Nano), f.Ended.Format(time.RFC3339Nano), f.Score, f.Low, f.High, f.Now, f.Signal.Unit))
		}
		sort.Strings(list)
		if ended := strings.Count(strings.Join(list, "\n"), "to 2"); ended >= enough || time.Now().After(end) {
			return list
		}
	}
}

// The same past is streamed into one Steersman and lies in a real Prometheus, and
// in a real VictoriaMetrics, that another one is pointed at. All find the same.
func TestReadingFindsWhatStreamingFinds(t *testing.T) {
	past := shopPast(time.Now().Truncate(time.Second))
	streamed := start(t, "")
	writePast(t, streamed.base, past)
	const enough = 3 // the queue, the requests, and their count and sum
	want := streamed.found(enough)
	if len(want) < enough {
		t.Fatalf("from the stream there are %d findings, and there should be %d:\n%s", len(want), enough, strings.Join(want, "\n"))
	}
	for _, theirs := range []struct {
		name  string
		start func(*testing.T) string
	}{
		{"Prometheus", func(t *testing.T) string {
			url, _ := realprom.Start(t, realprom.Options{Receive: true})
			return url
		}},
		{"VictoriaMetrics", func(t *testing.T) string {
			url, _ := realprom.StartVictoria(t)
			return url
		}},
	} {
		t.Run(theirs.name, func(t *testing.T) {
			url := theirs.start(t)
			writePast(t, url, past)
			if theirs.name == "VictoriaMetrics" {
				if resp, err := http.Get(url + "/internal/force_flush"); err != nil || resp.Body.Close() != nil {
					t.Fatal(err)
				}
			}
			read := start(t, "read:\n- url: "+url+"\n  step: 2s\n")
			if got := read.found(len(want)); strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("streamed:\n%s\nread:\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
			}
			checkReading(t, read, strings.TrimPrefix(url, "http://"), past)
		})
	}
}

// checkReading checks that everything but the buckets was read, once, and that
// the account says so.
func checkReading(t *testing.T, r *running, host string, past [][]prompb.TimeSeries) {
	t.Helper()
	samples, series := 0, make(map[string]bool)
	for _, req := range past {
		for _, s := range req {
			if name := s.Labels[0].Value; !strings.HasSuffix(name, "_bucket") {
				samples += len(s.Samples)
				series[fmt.Sprint(s.Labels)] = true
			}
		}
	}
	var src api.Source
	if code := r.ask("GET", api.Prefix+"/sources/read%2F"+host, nil, &src); code != 200 || src.Reading == nil {
		t.Fatalf("the source is answered with %d: %+v", code, src)
	}
	if rd := src.Reading; rd.State != "reading" || rd.Watched != len(series) || rd.Exist != len(series)+4 || rd.Trouble != "" ||
		len(rd.Left) != 1 || rd.Left[0].Reason != "buckets" || rd.Queries == 0 || rd.Queries > rd.QueriesPerMinute || rd.Bytes == 0 || rd.Bytes > rd.BytesPerMinute {
		t.Errorf("%d series should be watched of %d: %+v", len(series), len(series)+4, rd)
	}
	if src.Accepted != int64(samples) || src.Refused != 0 || src.Received != src.Accepted {
		t.Errorf("received %d, accepted %d, refused %d; there are %d samples", src.Received, src.Accepted, src.Refused, samples)
	}
}
