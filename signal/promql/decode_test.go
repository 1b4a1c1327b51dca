package promql

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
)

func TestDecodeMatrix(t *testing.T) {
	for _, tt := range []struct {
		name string
		text string
		want []point
		a    answer
		err  bool
	}{
		{
			name: "samples", text: `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"up"},"values":[[1772366400,"1"],[1772366415.123,"-2.5e3"]]}]}}`,
			want: []point{{1772366400000, 1}, {1772366415123, -2500}}, a: answer{Status: "success"},
		},
		{name: "infinite", text: `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[ [ 1 , "+Inf" ] , [2,"-Inf"]]}]}}`, want: []point{{1000, math.Inf(1)}, {2000, math.Inf(-1)}}, a: answer{Status: "success"}},
		{
			name: "warnings, in another order", text: `{"warnings":["a store is away"],"data":{"result":[{"values":[[1,"1"]],"metric":{}}],"resultType":"matrix","stats":{"x":[1]}},"infos":[],"status":"success"}`,
			want: []point{{1000, 1}}, a: answer{Status: "success", Warnings: []string{"a store is away"}},
		},
		{name: "nothing", text: `{"status":"success","data":{"resultType":"matrix","result":[]}}`, a: answer{Status: "success"}},
		{name: "null", text: `{"status":"success","data":{"resultType":"matrix","result":null}}`, a: answer{Status: "success"}},
		{name: "native histograms are passed over", text: `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"histograms":[[1,{"count":"3","buckets":[[0,"1","2","3"]]}]]}]}}`, a: answer{Status: "success"}},
		{name: "an error", text: `{"status":"error","errorType":"bad_data","error":"no"}`, a: answer{Status: "error", ErrorType: "bad_data", Error: "no"}},
		{name: "a vector", text: `{"status":"success","data":{"resultType":"vector","result":[]}}`, err: true},
		{name: "cut off", text: `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"1"]]}`, want: []point{{1000, 1}}, err: true},
		{name: "no value", text: `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1]]}]}}`, err: true},
		{name: "no number", text: `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"one"]]}]}}`, err: true},
		{name: "no time", text: `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[["1","1"]]}]}}`, err: true},
		{name: "beyond all time", text: `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1e300,"1"]]}]}}`, err: true},
		{name: "data twice", text: `{"status":"success","data":{},"data":{}}`, err: true},
		{name: "no data", text: `{"status":"success"}`, err: true},
		{name: "no status", text: `{"data":{}}`, err: true},
		{name: "a list", text: `[]`, err: true},
		{name: "a page", text: `<html>`, err: true},
		{name: "empty", text: ``, err: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []point
			a, err := decode(strings.NewReader(tt.text), result("matrix", func(s *sampled) error {
				got = append(got, s.Values...)
				return nil
			}))
			if (err != nil) != tt.err || err != nil && !errors.Is(err, errNotAnswer) {
				t.Fatalf("error %v, want one: %t", err, tt.err)
			}
			if !slices.Equal(got, tt.want) || !tt.err && (a.Status != tt.a.Status || a.Error != tt.a.Error || a.ErrorType != tt.a.ErrorType || !slices.Equal(a.Warnings, tt.a.Warnings)) {
				t.Errorf("%+v, %+v; want %+v, %+v", got, a, tt.want, tt.a)
			}
		})
	}
}

// Whatever comes is read or refused, and what is read is what stands there.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[1.5,"1"],[2,"NaN"]],"histograms":[[1,{}]]}]}}`,
		`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}}`,
		`{"status":"success","data":["a","b"]}`, `{"status":"success","data":{"up":[{"type":"gauge"}]}}`, `{"status":"error"}`, `[`, `{"data":[[`, ``,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var got []sampled
		_, err := decode(strings.NewReader(string(b)), result("matrix", func(s *sampled) error {
			got = append(got, *s)
			return nil
		}))
		for _, data := range []func(*json.Decoder) error{result("vector", func(*sampled) error { return nil }), texts(func(string) {}), descriptions(func(string, described) {})} {
			_, _ = decode(strings.NewReader(string(b)), data) // must not panic
		}
		for _, s := range got {
			for _, p := range s.Values {
				if p.T < 0 || p.T > latest*1000 {
					t.Errorf("a sample at %d", p.T)
				}
			}
		}
		if err != nil {
			return
		}
		var all struct {
			Data struct{ Result []struct{ Values [][2]any } }
		}
		if err := json.Unmarshal(b, &all); err != nil {
			return // after the answer there may stand anything
		}
		n, m := 0, 0
		for _, s := range all.Data.Result {
			n += len(s.Values)
		}
		for _, s := range got {
			m += len(s.Values)
		}
		if n != m {
			t.Errorf("%d samples, and %d by another reader", m, n)
		}
	})
}

func TestBudget(t *testing.T) {
	b := budget{queries: 3, bytes: 100}
	at := time.Unix(1_772_366_400, 0)
	if !b.room(at, 1, 1000) {
		t.Error("with nothing used there is no room for what is too large: it would never come")
	}
	b.spend(at, 60)
	b.spend(at.Add(10*time.Second), 30)
	for _, tt := range []struct {
		after   time.Duration
		queries int
		bytes   int64
		want    bool
	}{
		{10 * time.Second, 1, 10, true},
		{10 * time.Second, 1, 11, false},
		{10 * time.Second, 2, 0, false},
		{59 * time.Second, 2, 0, false},
		{60 * time.Second, 2, 70, true}, // the first is a minute ago
		{60 * time.Second, 2, 71, false},
		{10 * time.Minute, 3, 100, true},
	} {
		if got := b.room(at.Add(tt.after), tt.queries, tt.bytes); got != tt.want {
			t.Errorf("after %v, room for %d and %d: %t", tt.after, tt.queries, tt.bytes, got)
		}
	}
}

func TestUnwatchedAndClass(t *testing.T) {
	for _, tt := range []struct {
		name, typ string
		why       string
		class     class
		counts    fact.SeriesType
	}{
		{name: "up", class: classUp},
		{name: "mysql_up", typ: "gauge", class: classUp, counts: fact.Gauge},
		{name: "http_requests_total", typ: "counter", class: classTraffic, counts: fact.Counter},
		{name: "http_requests_total", class: classTraffic},
		{name: "grpc_server_handled_total", typ: "counter", class: classTraffic, counts: fact.Counter},
		{name: "max_requests", typ: "gauge", class: classOther, counts: fact.Gauge},
		{name: "http_server_requests_seconds_count", class: classTraffic},
		{name: "http_server_requests_seconds_sum", class: classLatency},
		{name: "http_request_errors_total", typ: "counter", class: classErrors, counts: fact.Counter},
		{name: "checkout_failed_total", class: classErrors},
		{name: "rpc_timeouts_duration_seconds_count", class: classErrors},
		{name: "request_latency_seconds", typ: "summary", class: classLatency, counts: fact.Gauge},
		{name: "kube_pod_container_status_restarts_total", typ: "counter", class: classRestarts, counts: fact.Counter},
		{name: "queue_depth", typ: "gauge", class: classSaturation, counts: fact.Gauge},
		{name: "kafka_consumergroup_lag", class: classSaturation},
		{name: "process_cpu_seconds_total", typ: "counter", class: classSaturation, counts: fact.Counter},
		{name: "container_memory_working_set_bytes", typ: "gauge", class: classSaturation, counts: fact.Gauge},
		{name: "temperature_celsius", typ: "gauge", class: classOther, counts: fact.Gauge},
		{name: "go_goroutines", typ: "gauge", class: classRuntime, counts: fact.Gauge},
		{name: "jvm_memory_used_bytes", typ: "gauge", class: classRuntime, counts: fact.Gauge},
		{name: "http.server.requests_total", typ: "counter", class: classTraffic, counts: fact.Counter},
		{name: "http_request_duration_seconds_bucket", why: whyBuckets},
		{name: "rpc_seconds", typ: "histogram", why: whyNative},
		{name: "target_info", why: whyConstant},
		{name: "build", typ: "info", why: whyConstant, counts: fact.Gauge},
		{name: "process_start_time_seconds", typ: "gauge", why: whyConstant, counts: fact.Gauge},
		{name: "steersman_edge_requests_total", why: whyOwn},
	} {
		of := map[string]described{}
		if tt.typ != "" {
			of[tt.name] = described{Type: tt.typ}
		}
		d, counts := typeOf(tt.name, of)
		why := unwatched(tt.name, d)
		if why != tt.why || counts != tt.counts || why == "" && classOf(tt.name, d) != tt.class {
			t.Errorf("%s of type %q: left out %q, class %s, counts %d; want %q, %s, %d", tt.name, tt.typ, why, classOf(tt.name, d), counts, tt.why, tt.class, tt.counts)
		}
	}
}
