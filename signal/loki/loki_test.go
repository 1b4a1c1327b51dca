package loki

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/golang/snappy"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

func post(d *signal.Doors, typ, enc string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, Path, bytes.NewReader(body))
	r.Header.Set("Content-Type", typ)
	if enc != "" {
		r.Header.Set("Content-Encoding", enc)
	}
	w := httptest.NewRecorder()
	NewHandler(d).ServeHTTP(w, r)
	return w
}

func gz(b []byte) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, _ = w.Write(b) // a buffer takes everything
	_ = w.Close()
	return buf.Bytes()
}

// message returns a length-delimited field.
func message(field protowire.Number, parts ...[]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), bytes.Join(parts, nil))
}

func text(field protowire.Number, s string) []byte { return message(field, []byte(s)) }

func number(field protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, field, protowire.VarintType), n)
}

// pushed is a request as Promtail sends it, before snappy.
func pushed(labels string, at time.Time, lines ...string) []byte {
	parts := [][]byte{text(1, labels)}
	for _, l := range lines {
		parts = append(parts, message(2, message(1, number(1, uint64(at.Unix())), number(2, uint64(at.Nanosecond()))), text(2, l),
			message(3, text(1, "trace_id"), text(2, "4bf92f3577b34da6a3ce929d0e0e4736")), message(3, text(1, "user"), text(2, "ann"))))
	}
	return message(1, append(parts, number(3, 99))...)
}

func wanted() fact.Line {
	at := signaltest.Now().Add(-time.Second).UnixNano() + 7
	return fact.Line{
		At: at, Observed: signaltest.Now().UnixNano(), Entity: fact.Entity{Kind: fact.Service, Namespace: "shop", Name: "checkout"}, Instance: "checkout-7d9f8b6c5-x2x7z",
		Severity: fact.SeverityWarn, Level: "warning", Text: "card declined",
		TraceID: [16]byte{0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36},
		Fields:  fact.LabelsOf("job", "shop/checkout", "namespace", "shop", "pod", "checkout-7d9f8b6c5-x2x7z", "level", "warning", "trace_id", "4bf92f3577b34da6a3ce929d0e0e4736", "user", "ann"),
	}
}

func TestPush(t *testing.T) {
	at := signaltest.Now().Add(-time.Second).Add(7)
	const labels = `{job="shop/checkout", namespace="shop", pod="checkout-7d9f8b6c5-x2x7z",level="warning"}`
	asJSON := fmt.Sprintf(`{"streams": [{"stream": {"job": "shop/checkout", "namespace": "shop", "pod": "checkout-7d9f8b6c5-x2x7z", "level": "warning"},
		"values": [["%d", "card declined", {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "user": "ann"}]]}], "other": {"deep": [1, {"x": null}]}}`, at.UnixNano())
	turned := fmt.Sprintf(`{"streams": [{"values": [["%d", "card declined", {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "user": "ann"}]],
		"stream": {"job": "shop/checkout", "namespace": "shop", "pod": "checkout-7d9f8b6c5-x2x7z", "level": "warning"}}]}`, at.UnixNano())
	for _, tt := range []struct {
		name, typ, enc string
		body           []byte
	}{
		{"JSON", "application/json", "", []byte(asJSON)},
		{"JSON with its labels last", "application/json; charset=utf-8", "", []byte(turned)},
		{"JSON with gzip", "application/json", "gzip", gz([]byte(asJSON))},
		{"protobuf", "application/x-protobuf", "", snappy.Encode(nil, pushed(labels, at, "card declined"))},
		{"protobuf that says snappy", "application/x-protobuf", "snappy", snappy.Encode(nil, pushed(labels, at, "card declined"))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, sink := signaltest.Doors(signal.Limits{})
			w := post(d, tt.typ, tt.enc, tt.body)
			got := sink.Lines()
			if w.Code != http.StatusNoContent || len(got) != 1 || !reflect.DeepEqual(got[0], wanted()) {
				t.Errorf("%d %s: %+v, want\n%+v", w.Code, w.Body, got, wanted())
			}
			if b := sink.Batches(); len(b) != 1 || b[0].Source != "loki/shop/checkout" {
				t.Errorf("batches: %+v", b)
			}
			signaltest.Law(t, d, sink)
			signaltest.WellFormed(t, sink)
		})
	}
}

func TestIdentify(t *testing.T) {
	svc := func(ns, name string) fact.Entity { return fact.Entity{Kind: fact.Service, Namespace: ns, Name: name} }
	for _, tt := range []struct {
		labels   []fact.Label
		want     fact.Entity
		instance string
	}{
		{[]fact.Label{{Name: "service_name", Value: "pay"}}, svc("", "pay"), ""},
		{[]fact.Label{{Name: "job", Value: "varlogs"}, {Name: "host", Value: "n1"}}, svc("", "varlogs"), ""},
		{[]fact.Label{{Name: "app", Value: "pay"}, {Name: "namespace", Value: "shop"}, {Name: "pod", Value: "pay-0"}}, svc("shop", "pay"), "pay-0"},
		{[]fact.Label{{Name: "container_name", Value: "pay"}, {Name: "host", Value: "n1"}}, svc("", "pay"), "n1"},
		{[]fact.Label{{Name: "unit", Value: "sshd.service"}, {Name: "hostname", Value: "n1"}}, svc("", "sshd.service"), "n1"},
		{[]fact.Label{{Name: "filename", Value: "/var/log/x"}, {Name: "host", Value: "n1"}}, fact.Entity{Kind: fact.Host, Name: "n1"}, ""},
		{[]fact.Label{{Name: "filename", Value: "/var/log/x"}}, fact.Entity{}, ""},
	} {
		if got := identify(tt.labels); got.Entity != tt.want || got.Instance != tt.instance {
			t.Errorf("%v is of %v %q, want %v %q", tt.labels, got.Entity, got.Instance, tt.want, tt.instance)
		}
	}
}

func TestRefusals(t *testing.T) {
	now := signaltest.Now().UnixNano()
	one := fmt.Sprintf(`{"streams":[{"stream":{"job":"a"},"values":[["%d","x"]]}]}`, now)
	for _, tt := range []struct {
		name, typ, enc, body string
		sink                 error
		status               int
		text                 string
		kept                 int64
	}{
		{"text", "text/plain", "", one, nil, 415, `"text/plain" is not taken; send application/json or application/x-protobuf`, 0},
		{"zstd", "application/json", "zstd", one, nil, 415, `encoding "zstd" is not taken`, 0},
		{"not JSON", "application/json", "", `{"streams":[`, nil, 400, "not a Loki push request", 0},
		{"a list", "application/json", "", `[]`, nil, 400, "[ stands where { is wanted", 0},
		{"two requests", "application/json", "", one + one, nil, 400, "there is more after its end", 0},
		{"a line that is none", "application/json", "", `{"streams":[{"stream":{},"values":[["1"]]}]}`, nil, 400, `a line is not ["nanoseconds", "text"]`, 0},
		{"a label that is none", "application/json", "", `{"streams":[{"stream":{"a":{}},"values":[]}]}`, nil, 400, "stands where a text is wanted", 0},
		{"not protobuf", "application/x-protobuf", "", string(snappy.Encode(nil, []byte("hello"))), nil, 400, "not a Loki push request", 0},
		{"labels without braces", "application/x-protobuf", "", string(snappy.Encode(nil, pushed(`job="a"`, signaltest.Now(), "x"))), nil, 400, "are not in braces", 0},
		{"labels without quotes", "application/x-protobuf", "", string(snappy.Encode(nil, pushed(`{job=a}`, signaltest.Now(), "x"))), nil, 400, "a value is not in quotes", 0},
		{"too many lines", "application/json", "", fmt.Sprintf(`{"streams":[{"stream":{},"values":[%s["1","x"]]}]}`, strings.Repeat(fmt.Sprintf(`["%d","x"],`, now), 5)), nil, 413, "more than 5 lines; send smaller batches or raise limits.lines", 0},
		{"too many lines before their labels", "application/json", "", fmt.Sprintf(`{"streams":[{"values":[%s["1","x"]],"stream":{}}]}`, strings.Repeat(fmt.Sprintf(`["%d","x"],`, now), 5)), nil, 413, "more than 5 lines", 0},
		{"one line of three is too old", "application/json", "", fmt.Sprintf(`{"streams":[{"stream":{"job":"a"},"values":[["%d","x"],["5","old"],["%d","y"]]}]}`, now, now), nil, 400, `line "old" of service:a: its time is 5, which is no time in nanoseconds since 1970 (2 of 3 lines of this request were kept)`, 2},
		{"a time that is none", "application/json", "", `{"streams":[{"stream":{},"values":[["now","x"]]}]}`, nil, 400, "which is no time", 0},
		{"busy", "application/json", "", one, fact.ErrBusy, 429, "the intake is busy", 0},
		{"broken", "application/json", "", one, errors.New("disk full"), 503, "disk full", 0},
		{"nothing", "application/json", "", `{"streams":[]}`, nil, 204, "", 0},
		{"null", "application/json", "", `{"streams":null}`, nil, 204, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, sink := signaltest.Doors(signal.Limits{Lines: 5})
			sink.Fail(tt.sink)
			w := post(d, tt.typ, tt.enc, []byte(tt.body))
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.text) || sink.Items() != tt.kept {
				t.Errorf("%d %s, kept %d; want %d %s, %d", w.Code, w.Body, sink.Items(), tt.status, tt.text, tt.kept)
			}
			signaltest.Law(t, d, sink)
		})
	}
}

func TestParseLabels(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []fact.Label
		err  string
	}{
		{`{}`, nil, ""},
		{` { } `, nil, ""},
		{`{a="b"}`, []fact.Label{{Name: "a", Value: "b"}}, ""},
		{`{a="b", c="d\"e\n",}`, []fact.Label{{Name: "a", Value: "b"}, {Name: "c", Value: "d\"e\n"}}, ""},
		{`{a="}", b="x,y=z"}`, []fact.Label{{Name: "a", Value: "}"}, {Name: "b", Value: "x,y=z"}}, ""},
		{`a="b"`, nil, "not in braces"},
		{`{a}`, nil, "a label has no value"},
		{`{a="b" c="d"}`, nil, "a comma is missing"},
		{`{a="b}`, nil, "a value is not in quotes"},
	} {
		got, err := parseLabels(tt.in, 10)
		if tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) || tt.err == "" && (err != nil || !reflect.DeepEqual(got, tt.want)) {
			t.Errorf("%s is %v, %v, want %v %s", tt.in, got, err, tt.want, tt.err)
		}
	}
}

// through sends bytes and checks what must hold whatever they are.
func through(t *testing.T, typ string, body []byte) {
	d, sink := signaltest.Doors(signal.Limits{Lines: 50, LineBytes: 100, LineFields: 8, LineFieldBytes: 50})
	panicked := false
	d.Logger = signaltest.OnError(func(msg string) { panicked = panicked || msg == "panic in a door" })
	post(d, typ, "", body)
	if panicked {
		t.Fatalf("panic on %q", body)
	}
	signaltest.Law(t, d, sink)
	signaltest.WellFormed(t, sink)
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"streams":[{"stream":{"job":"a/b","level":"warn"},"values":[["1772366400000000000","x",{"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}],["5","y"]]},{"values":[["1772366400000000000",5]],"stream":{"app":"c"}}]}`))
	f.Add([]byte(strings.Repeat(`[{"a":`, 2000)))
	f.Fuzz(func(t *testing.T, body []byte) { through(t, "application/json", body) })
}

func FuzzProtobuf(f *testing.F) {
	f.Add(pushed(`{job="a/b", x="\u00fc"}`, signaltest.Now(), "one", "two"))
	f.Add(append(pushed(`{}`, signaltest.Now()), pushed(`{a="b"}`, signaltest.Now(), "x")...))
	f.Fuzz(func(t *testing.T, body []byte) { through(t, "application/x-protobuf", snappy.Encode(nil, body)) })
}

func BenchmarkPush(b *testing.B) {
	const n = 1000
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf("order %d of customer %d placed in %d ms", i*7919, i*31%997, i%90)
	}
	pb := snappy.Encode(nil, pushed(`{job="shop/checkout", level="info"}`, signaltest.Now(), lines...))
	var js strings.Builder
	for i, l := range lines {
		fmt.Fprintf(&js, `%s["%d",%q,{"user":"ann"}]`, map[bool]string{true: ","}[i > 0], signaltest.Now().UnixNano(), l)
	}
	for _, tt := range []struct {
		name, typ string
		body      []byte
	}{{"protobuf", "application/x-protobuf", pb}, {"JSON", "application/json", []byte(`{"streams":[{"stream":{"job":"shop/checkout"},"values":[` + js.String() + `]}]}`)}} {
		b.Run(tt.name, func(b *testing.B) {
			d, sink := signaltest.Doors(signal.Limits{})
			for b.Loop() {
				if w := post(d, tt.typ, "", tt.body); w.Code != http.StatusNoContent {
					b.Fatal(w.Code, w.Body)
				}
				sink.Forget()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/line")
		})
	}
}

// What a request makes of few bytes is bounded before it is built.
func TestSmallBodiesStaySmall(t *testing.T) {
	const n = 4 << 20
	times := func(s string) string { return strings.Repeat(s, n/len(s)) }
	many := func(format string) string {
		var b strings.Builder
		for i := 0; b.Len() < n; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	pair := message(3)
	for _, tt := range []struct {
		name, typ, enc string
		body           []byte
	}{
		{"deep JSON", "application/json", "gzip", gz([]byte(`{"x":` + times("[")))},
		{"held lines", "application/json", "gzip", gz([]byte(`{"streams":[{"values":[` + times(`["1",""],`) + `["1",""]],"stream":{}}]}`))},
		{"held fields", "application/json", "gzip", gz([]byte(`{"streams":[{"values":[` + times(`["1","",{`+strings.Repeat(`"":"",`, 127)+`"":""}],`) + `["1",""]],"stream":{}}]}`))},
		{"pairs", "application/x-protobuf", "", snappy.Encode(nil, message(1, text(1, "{}"), message(2, bytes.Repeat(pair, n/len(pair)))))},
		{"labels", "application/x-protobuf", "", snappy.Encode(nil, message(1, text(1, "{"+many(`a%d="",`)+`b=""}`)))},
		{"labels again and again", "application/x-protobuf", "", snappy.Encode(nil, bytes.Repeat(message(1, text(1, `{a="",b="",c="",d="",e="",f="",g="",h=""}`)), n/40))},
		{"labels of many lines", "application/json", "gzip", gz([]byte(`{"streams":[{"stream":{"a":"` + strings.Repeat("x", 4000) + `"},"values":[` + strings.Repeat(`["1772366400000000000",""],`, 49_999) + `["1772366400000000000",""]]}]}`))},
		{"streams", "application/json", "gzip", gz([]byte(`{"streams":[` + times("{},") + `{}]}`))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, sink := signaltest.Doors(signal.Limits{PlainBytes: n + n/2})
			code := 0
			if got := peak(func() { code = post(d, tt.typ, tt.enc, tt.body).Code }); got > 8*n {
				t.Errorf("%d bytes (%d plain) took %d at once, %d", len(tt.body), n, got, code)
			}
			signaltest.Law(t, d, sink)
		})
	}
}

// peak is how much memory more than before was in use at once.
func peak(fn func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	var m runtime.MemStats
	inUse := func() uint64 { runtime.ReadMemStats(&m); return m.HeapAlloc }
	runtime.GC()
	before, most := inUse(), uint64(0)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
				most = max(most, inUse())
			}
		}
	}()
	fn()
	close(done)
	<-ended
	return max(most, before) - before
}
