package otlp

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

// through sends bytes through a service and checks what must hold whatever they
// are: no panic, the law, and well formed papers.
func through(t *testing.T, s *service, body []byte, enc encoding) {
	t.Helper()
	d, sink := signaltest.Doors(signal.Limits{Objects: 2000, Points: 500, Spans: 500, Labels: 16, LabelValueBytes: 200, Lines: 500, LineBytes: 300, LineFields: 8, LineFieldBytes: 50})
	panicked := false
	d.Logger = signaltest.OnError(func(msg string) { panicked = panicked || msg == "panic in a door" })
	out, ref := take(context.Background(), d, s, body, enc)
	if panicked {
		t.Fatalf("panic on %q", body)
	}
	if ref == nil && enc == jsonText && !json.Valid(out) {
		t.Fatalf("answer %q is not JSON", out)
	}
	signaltest.Law(t, d, sink)
	signaltest.WellFormed(t, sink)
}

func byName(name string) *service {
	for _, s := range services() {
		if s.name == name {
			return &s
		}
	}
	return nil
}

func FuzzTraces(f *testing.F) {
	f.Add(proto3(f, traces(2)))
	f.Add(nested(3))
	f.Add(nested(100))
	s := byName("trace")
	f.Fuzz(func(t *testing.T, body []byte) { through(t, s, body, protobuf) })
}

func FuzzTracesJSON(f *testing.F) {
	b, err := traces(2).MarshalJSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a/b"}}]},"scopeSpans":[{"spans":[{"traceId":"01000000000000000000000000000000","spanId":"0200000000000000","kind":2,"startTimeUnixNano":"1772366399000000000","endTimeUnixNano":"1772366400000000000","attributes":[{"key":"http.status_code","value":{"intValue":"500"}},{"key":"l","value":{"arrayValue":{"values":[{"kvlistValue":{}}]}}}]}]}]}]}`))
	s := byName("trace")
	f.Fuzz(func(t *testing.T, body []byte) { through(t, s, body, jsonText) })
}

func FuzzMetrics(f *testing.F) {
	f.Add(proto3(f, gauges(2)))
	f.Add(proto3(f, allShapes()))
	s := byName("metrics")
	f.Fuzz(func(t *testing.T, body []byte) { through(t, s, body, protobuf) })
}

func FuzzMetricsJSON(f *testing.F) {
	b, err := gauges(2).MarshalJSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	if b, err = allShapes().MarshalJSON(); err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a"}}]},"scopeMetrics":[{"metrics":[{"name":"h","unit":"s","histogram":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":"1772366400000000000","count":"3","sum":2,"bucketCounts":["1","2"],"explicitBounds":[1]}]}},{"name":"s","summary":{"dataPoints":[{"timeUnixNano":"1","quantileValues":[{"quantile":0.5,"value":"NaN"}]}]}}]}]}]}`))
	s := byName("metrics")
	f.Fuzz(func(t *testing.T, body []byte) { through(t, s, body, jsonText) })
}

func FuzzLogs(f *testing.F) {
	f.Add(proto3(f, records(2)))
	f.Add(deepLog(3))
	f.Add(deepLog(100))
	s := byName("logs")
	f.Fuzz(func(t *testing.T, body []byte) { through(t, s, body, protobuf) })
}

func FuzzLogsJSON(f *testing.F) {
	b, err := records(2).MarshalJSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"resourceLogs":[{"resource":{"attributes":[{"key":"host.name","value":{"stringValue":"node-1"}}]},"scopeLogs":[{"scope":{"name":"s"},"logRecords":[{"timeUnixNano":"1772366399000000000","severityText":"warning","eventName":"e","body":{"kvlistValue":{"values":[{"key":"a","value":{"intValue":"5"}}]}},"attributes":[{"key":"a","value":{"bytesValue":"AAE="}},{"key":"a","value":{"doubleValue":1.5}}]}]}]}]}`))
	s := byName("logs")
	f.Fuzz(func(t *testing.T, body []byte) { through(t, s, body, jsonText) })
}
