package remotewrite

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

func send(h http.Handler, url, typ, enc string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	r.Header.Set("Content-Type", typ)
	r.Header.Set("Content-Encoding", enc)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestHandler(t *testing.T) {
	const v1 = "application/x-protobuf"
	good := snappy.Encode(nil, marshal(t, request(3)))
	up := prompb.Sample{Value: 1, Timestamp: 1000}
	half := snappy.Encode(nil, marshal(t, &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{ts(lbl("__name__", "up"), up, up), ts(lbl("job", "x"), up)}}))
	meta := snappy.Encode(nil, marshal(t, &prompb.WriteRequest{Metadata: []prompb.MetricMetadata{{Type: 1, MetricFamilyName: "up"}}}))
	exemplars := request(2)
	exemplars.Timeseries[0].Exemplars = []prompb.Exemplar{{Value: 1}}
	for _, tt := range []struct {
		name, url, typ, enc string
		body                []byte
		sink                error
		status              int
		text                string
		kept                int64
		source              string
	}{
		{"three samples", "/api/v1/write", v1, "snappy", good, nil, 204, "", 3, "remote-write"},
		{"with the message named", "/api/v1/write", v1 + ";proto=prometheus.WriteRequest", "snappy", good, nil, 204, "", 3, "remote-write"},
		{"from an old sender that names nothing", "/api/v1/write", "", "", good, nil, 204, "", 3, "remote-write"},
		{"from a named source", "/api/v1/write?source=eu-1", v1, "snappy", good, nil, 204, "", 3, "remote-write/eu-1"},
		{"metadata only", "/api/v1/write", v1, "snappy", meta, nil, 204, "", 0, "remote-write"},
		{"with an exemplar", "/api/v1/write", v1, "snappy", snappy.Encode(nil, marshal(t, exemplars)), nil, 204, "", 2, "remote-write"},
		{"one without a name", "/api/v1/write", v1, "snappy", half, nil, 400, `timeseries 2: {job="x"} has no metric name (2 of 3 samples of this request were kept); send the label __name__`, 2, "remote-write"},
		{"version 2", "/api/v1/write", v2Type, "snappy", snappy.Encode(nil, marshal2(t, request2(3))), nil, 204, "", 3, "remote-write"},
		{"version 1 as version 2", "/api/v1/write", v2Type, "snappy", good, nil, 204, "", 0, "remote-write"}, // the fields are reserved
		{"version 2 that is none", "/api/v1/write", v2Type, "snappy", snappy.Encode(nil, []byte("hello")), nil, 400, "not the protobuf of io.prometheus.write.v2.Request", 0, "remote-write"},
		{"version 3", "/api/v1/write", v1 + ";proto=io.prometheus.write.v3.Request", "snappy", good, nil, 415, "send application/x-protobuf;proto=io.prometheus.write.v2.Request, or prometheus.WriteRequest", 0, "remote-write"},
		{"JSON", "/api/v1/write", "application/json", "snappy", good, nil, 415, `"application/json" is not taken`, 0, "remote-write"},
		{"gzip", "/api/v1/write", v1, "gzip", good, nil, 415, `encoding "gzip" is not taken here; send snappy`, 0, "remote-write"},
		{"not snappy", "/api/v1/write", v1, "snappy", []byte("hello"), nil, 400, "snappy", 0, "remote-write"},
		{"not protobuf", "/api/v1/write", v1, "snappy", snappy.Encode(nil, []byte("hello")), nil, 400, "not the protobuf of prometheus.WriteRequest", 0, "remote-write"},
		{"busy", "/api/v1/write", v1, "snappy", good, fact.ErrBusy, 429, "the intake is busy; send the same again in 2s", 0, "remote-write"},
		{"broken", "/api/v1/write", v1, "snappy", half, errors.New("disk full"), 503, "disk full", 0, "remote-write"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, sink := signaltest.Doors(signal.Limits{})
			sink.Fail(tt.sink)
			w := send(NewHandler(d), tt.url, tt.typ, tt.enc, tt.body)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.text) || sink.Items() != tt.kept {
				t.Errorf("%d %s, kept %d, want %d %s, %d", w.Code, w.Body, sink.Items(), tt.status, tt.text, tt.kept)
			}
			if s := d.Sources.Sources(); len(s) != 1 || s[0].Name != tt.source {
				t.Errorf("accounts: %+v", s)
			}
			for _, b := range sink.Batches() {
				if b.Source != tt.source || b.Received != signaltest.Now().UnixMilli() {
					t.Errorf("batch of %s at %d", b.Source, b.Received)
				}
			}
			if got := w.Header().Get("X-Prometheus-Remote-Write-Samples-Written"); got != string(rune('0'+tt.kept)) {
				t.Errorf("header says %s written, %d are", got, tt.kept)
			}
			signaltest.Law(t, d, sink)
			signaltest.WellFormed(t, sink)
		})
	}
}

func TestGetIsNoWrite(t *testing.T) {
	d, _ := signaltest.Doors(signal.Limits{})
	w := httptest.NewRecorder()
	NewHandler(d).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/write", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST" {
		t.Errorf("%d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

// Many senders at once, and what was handed on is never touched again.
func TestConcurrentSenders(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{KnownSeries: 50})
	h := NewHandler(d)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			body := snappy.Encode(nil, marshal(t, request(100+i)))
			for range 20 {
				if w := send(h, "/", "", "", body); w.Code != 204 {
					t.Errorf("%d %s", w.Code, w.Body)
				}
			}
		})
	}
	wg.Wait()
	want, _, _, _, err := oracle(marshal(t, request(103)), d.Limits.WithDefaults())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range sink.Batches() {
		for i, s := range b.Series {
			if s.Labels != want[i].Labels || !samePoints(s.Points, want[i].Points) {
				t.Fatalf("series %d is %s %v, want %s %v", i, s.Labels, s.Points, want[i].Labels, want[i].Points)
			}
		}
	}
	signaltest.Law(t, d, sink)
}

// Too many new series are refused by name, and what was there goes on.
func TestNewSeries(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{NewSeries: 20})
	h := NewHandler(d)
	post := func(from, n int) *httptest.ResponseRecorder {
		req := &prompb.WriteRequest{}
		for i := range n {
			req.Timeseries = append(req.Timeseries, ts(lbl("__name__", "m", "i", strconv.Itoa(from+i)), prompb.Sample{Value: 1, Timestamp: 1000}))
		}
		return send(h, "/api/v1/write?source=eu-1", "application/x-protobuf", "snappy", snappy.Encode(nil, marshal(t, req)))
	}
	if w := post(0, 10); w.Code != 204 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	w := post(0, 50)
	if w.Code != 400 || !strings.Contains(w.Body.String(), "source remote-write/eu-1: ") || !strings.Contains(w.Body.String(), "limits.new_series") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if got := len(sink.Series()); got != 10+17 { // 17 = 8/9 of 20, rounded down
		t.Errorf("kept %d", got)
	}
	if w := post(0, 10); w.Code != 204 {
		t.Errorf("those that were there: %d %s", w.Code, w.Body)
	}
	if s := d.Sources.Sources()[0]; s.Reasons["new_series"] != 33 {
		t.Errorf("%+v", s)
	}
	signaltest.Law(t, d, sink)
}
