package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/golang/snappy"
)

// BenchmarkRemoteWrite sends rounds of one sample of each of many series to a
// whole worker, as a Prometheus would, and tells what a sample costs from the
// door to the store and the watch, in processor time of this process: the
// sender's own is in it, some 5 %.
func BenchmarkRemoteWrite(b *testing.B) {
	const series, batch = 100_000, 2000
	c := settings(b)
	greeting, end := launch(b, c)
	base := regexp.MustCompile(`http://[^/]+`).FindString(greeting)
	labels := benchLabels(series)
	start := time.Now().Add(-time.Hour).Truncate(time.Second)
	round := 0
	next := func() {
		at := start.Add(time.Duration(round) * 15 * time.Second)
		round++
		var senders sync.WaitGroup
		for half := range 2 {
			senders.Go(func() {
				var buf []byte
				for i := half * series / 2; i < (half+1)*series/2; i++ {
					buf = appendSample(buf, labels[i], at.UnixMilli(), float64(i%100)+rand.NormFloat64())
					if (i+1)%batch == 0 {
						post(b, base+"/api/v1/write", snappy.Encode(nil, buf))
						buf = buf[:0]
					}
				}
			})
		}
		senders.Wait()
	}
	caughtUp := func() {
		until := gauge(b, base, "steersman_intake_head")
		for min(gauge(b, base, "steersman_watch_log_seq"), gauge(b, base, "steersman_series_log_seq")) < until {
			time.Sleep(50 * time.Millisecond)
		}
	}
	for range 3 {
		next()
	}
	caughtUp()
	before := cpu(b)
	b.ResetTimer()
	for range b.N {
		next()
	}
	caughtUp()
	b.StopTimer()
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N*series), "cpu-ns/sample")
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "MB-heap")
	if err := end(); err != nil {
		b.Error(err)
	}
}

func benchLabels(n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		for _, l := range [][2]string{
			{"__name__", fmt.Sprintf("load_metric_%02d", i%40)}, {"az", fmt.Sprintf("az-%d", i%3)}, {"cluster", "load"},
			{"instance", fmt.Sprintf("host-%05d:9100", i/40)}, {"job", fmt.Sprintf("job-%02d", i%17)},
			{"namespace", fmt.Sprintf("ns-%d", i%50)}, {"pod", fmt.Sprintf("app-%05d", i/40)}, {"service", fmt.Sprintf("svc-%03d", i%200)},
		} {
			f := append([]byte{0x0a, byte(len(l[0]))}, l[0]...)
			f = append(append(f, 0x12, byte(len(l[1]))), l[1]...)
			out[i] = append(append(out[i], 0x0a, byte(len(f))), f...)
		}
	}
	return out
}

func appendSample(buf, labels []byte, t int64, v float64) []byte {
	s := binary.LittleEndian.AppendUint64([]byte{0x09}, math.Float64bits(v))
	s = binary.AppendUvarint(append(s, 0x10), uint64(t))
	size := len(labels) + 2 + len(s)
	buf = binary.AppendUvarint(append(buf, 0x0a), uint64(size))
	buf = append(buf, labels...)
	return append(append(buf, 0x12, byte(len(s))), s...)
}

func post(b *testing.B, url string, body []byte) {
	resp, err := http.Post(url, "application/x-protobuf", bytes.NewReader(body))
	if err != nil {
		b.Error(err)
		return
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		b.Errorf("%s", resp.Status)
	}
}

// gauge reads one of the worker's own metrics.
func gauge(b *testing.B, base, name string) float64 {
	resp, err := http.Get(base + "/metrics")
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + name + ` (.*)$`).FindSubmatch(all)
	if m == nil {
		b.Fatalf("there is no %s", name)
	}
	v, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return v
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
