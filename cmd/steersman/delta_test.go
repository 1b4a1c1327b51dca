package main

import (
	"bytes"
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
)

// deltaRequest is what a service with delta temporality sends of ten seconds: 7
// requests, and an exponential histogram of them.
func deltaRequest(t *testing.T, end time.Time) []byte {
	t.Helper()
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "checkout")
	list := rm.ScopeMetrics().AppendEmpty().Metrics()
	from, to := pcommon.NewTimestampFromTime(end.Add(-10*time.Second)), pcommon.NewTimestampFromTime(end)

	n := list.AppendEmpty()
	n.SetName("delta.requests")
	sum := n.SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	p := sum.DataPoints().AppendEmpty()
	p.SetStartTimestamp(from)
	p.SetTimestamp(to)
	p.SetIntValue(7)

	h := list.AppendEmpty()
	h.SetName("delta.latency")
	exp := h.SetEmptyExponentialHistogram()
	exp.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	e := exp.DataPoints().AppendEmpty()
	e.SetStartTimestamp(from)
	e.SetTimestamp(to)
	e.SetCount(7)
	e.SetSum(10)
	e.Positive().BucketCounts().FromRaw([]uint64{3, 4})
	body, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// Deltas that a sender repeats because the process died are added up once.
func TestDeltasOverAKill(t *testing.T) {
	r := start(t, "")
	begin := time.Now().Add(-5 * time.Minute).Truncate(time.Second)
	post := func(i int) error {
		resp, err := http.Post("http://"+r.otlp+"/v1/metrics", "application/x-protobuf", bytes.NewReader(deltaRequest(t, begin.Add(time.Duration(i+1)*10*time.Second))))
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("answered %s", resp.Status)
		}
		return nil
	}
	const n = 12
	for i := range n {
		eventually(t, "the request is taken", func() string {
			if err := post(i); err != nil {
				return err.Error()
			}
			return ""
		})
		if i%3 == 2 {
			if pid := r.worker(); pid > 0 {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, "what was sent before the kill is sent again", func() string {
				if err := post(i); err != nil {
					return err.Error()
				}
				return ""
			})
		}
	}
	at := begin.Add(n * 10 * time.Second)
	for query, want := range map[string]string{
		`delta_requests_total`:                                 "84",
		`increase(delta_requests_total[2m])`:                   "84",
		`histogram_count(delta_latency)`:                       "84",
		`histogram_sum(delta_latency)`:                         "120",
		`round(histogram_fraction(0, 2, delta_latency) * 100)`: "43",
	} {
		eventually(t, query, func() string {
			got := r.query(query, at)
			for _, v := range got {
				if v == want && len(got) == 1 {
					return ""
				}
			}
			return fmt.Sprintf("%v, want %s", got, want)
		})
	}
}
