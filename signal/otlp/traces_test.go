package otlp

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

func TestFailed(t *testing.T) {
	for _, tt := range []struct {
		name string
		kind fact.SpanKind
		o    outcome
		want bool
	}{
		{"server, nothing said", fact.SpanServer, outcome{}, false},
		{"server, status error without a code", fact.SpanServer, outcome{failed: true}, true},
		{"server, 200", fact.SpanServer, outcome{http: 200}, false},
		{"server, 200 and status error: it broke while answering", fact.SpanServer, outcome{http: 200, failed: true}, true},
		{"server, 404", fact.SpanServer, outcome{http: 404}, false},
		{"server, 404 and status error: set by hand", fact.SpanServer, outcome{http: 404, failed: true}, true},
		{"server, 500", fact.SpanServer, outcome{http: 500}, true},
		{"server, 503 and status error", fact.SpanServer, outcome{http: 503, failed: true}, true},
		{"server, 500 and status ok: a person knew better", fact.SpanServer, outcome{http: 500, ok: true}, false},
		{"client, 404 and status error: the server is well", fact.SpanClient, outcome{http: 404, failed: true}, false},
		{"client, 429 and status error", fact.SpanClient, outcome{http: 429, failed: true}, false},
		{"client, 500 and status error", fact.SpanClient, outcome{http: 500, failed: true}, true},
		{"client, 502 without status", fact.SpanClient, outcome{http: 502}, true},
		{"client, connection refused", fact.SpanClient, outcome{failed: true}, true},
		{"internal, status error", fact.SpanInternal, outcome{failed: true}, true},
		{"gRPC server, NOT_FOUND", fact.SpanServer, outcome{grpc: "5"}, false},
		{"gRPC server, UNAVAILABLE", fact.SpanServer, outcome{grpc: "14"}, true},
		{"gRPC server, UNAVAILABLE by name", fact.SpanServer, outcome{grpc: "UNAVAILABLE"}, true},
		{"gRPC client, NOT_FOUND and status error", fact.SpanClient, outcome{grpc: "5", failed: true}, false},
		{"gRPC client, DEADLINE_EXCEEDED", fact.SpanClient, outcome{grpc: "4", failed: true}, true},
		{"gRPC client, OK and status error: it broke afterwards", fact.SpanClient, outcome{grpc: "0", failed: true}, true},
		{"producer, status error", fact.SpanProducer, outcome{failed: true}, true},
	} {
		if got := failed(tt.kind, tt.o); got != tt.want {
			t.Errorf("%s: failed is %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestPeer(t *testing.T) {
	for _, tt := range []struct {
		name  string
		kind  ptrace.SpanKind
		attrs []string
		want  string
	}{
		{"said outright", ptrace.SpanKindClient, []string{"peer.service", "payment", "server.address", "10.0.0.1"}, "payment"},
		{"said outright, new name", ptrace.SpanKindClient, []string{"service.peer.name", "payment", "service.peer.namespace", "shop"}, "shop/payment"},
		{"a host", ptrace.SpanKindClient, []string{"server.address", "payment.shop.svc.cluster.local", "server.port", "8080"}, "payment.shop.svc.cluster.local"},
		{"a host, old name", ptrace.SpanKindClient, []string{"net.peer.name", "payment"}, "payment"},
		{"a database by its host", ptrace.SpanKindClient, []string{"db.system", "postgresql", "server.address", "orders-db"}, "orders-db"},
		{"a database at a number", ptrace.SpanKindClient, []string{"db.system", "postgresql", "server.address", "10.0.0.1"}, "postgresql"},
		{"an RPC service at a number", ptrace.SpanKindClient, []string{"rpc.service", "shop.Cart", "server.address", "10.0.0.1"}, "shop.Cart"},
		{"a queue", ptrace.SpanKindProducer, []string{"messaging.system", "kafka", "messaging.destination.name", "orders", "server.address", "broker"}, "orders"},
		{"only a number", ptrace.SpanKindClient, []string{"server.address", "127.0.0.1", "server.port", "9801"}, "127.0.0.1:9801"},
		{"only a number, version 6", ptrace.SpanKindClient, []string{"server.address", "::1", "server.port", "9801"}, "[::1]:9801"},
		{"nothing", ptrace.SpanKindClient, nil, ""},
		{"a server has none", ptrace.SpanKindServer, []string{"server.address", "me"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sp := goodSpan(tt.kind)
			for i := 0; i < len(tt.attrs); i += 2 {
				sp.Attributes().PutStr(tt.attrs[i], tt.attrs[i+1])
			}
			got, ref := convert(sp, "service.name", "checkout")
			if ref != nil || got.Peer != tt.want {
				t.Errorf("peer %q (%v), want %q", got.Peer, ref, tt.want)
			}
		})
	}
}

func goodSpan(k ptrace.SpanKind) ptrace.Span {
	sp := ptrace.NewSpan()
	sp.SetTraceID([16]byte{1})
	sp.SetSpanID([8]byte{2})
	sp.SetKind(k)
	sp.SetName("GET /cart")
	end := signaltest.Now()
	sp.SetEndTimestamp(pcommon.NewTimestampFromTime(end))
	sp.SetStartTimestamp(pcommon.NewTimestampFromTime(end.Add(-250 * time.Millisecond)))
	return sp
}

func newExport(lim signal.Limits) *export {
	lim = lim.WithDefaults()
	d, _ := signaltest.Doors(lim)
	return &export{ctx: context.Background(), doors: d, lim: &lim, now: signaltest.Now(), names: make(map[string]string), sources: make(map[string]*source), written: d.Writing(context.Background())}
}

// convert translates one span of a resource with these attributes.
func convert(sp ptrace.Span, resource ...string) (fact.Span, *signal.Refusal) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	for i := 0; i < len(resource); i += 2 {
		rs.Resource().Attributes().PutStr(resource[i], resource[i+1])
	}
	sp.CopyTo(rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty())
	ex := newExport(signal.Limits{SpanAttrs: 8, SpanTextBytes: 40, LabelValueBytes: 30})
	ex.spans(td)
	if len(ex.batch.Spans) == 0 {
		return fact.Span{}, ex.first
	}
	return ex.batch.Spans[0], ex.first
}

func TestSpan(t *testing.T) {
	sp := goodSpan(ptrace.SpanKindServer)
	sp.SetParentSpanID([8]byte{3})
	sp.SetName("GET /a/very/long/name/" + strings.Repeat("x", 20))
	sp.Attributes().PutStr("http.method", "PUT") // the old name
	sp.Attributes().PutStr("http.request.method", "GET")
	sp.Attributes().PutInt("http.response.status_code", 503)
	sp.Attributes().PutStr("http.route", "/cart/{id}")
	sp.Attributes().PutStr("url.full", "https://example.com/cart/17")
	got, ref := convert(sp, "service.name", "checkout", "service.namespace", "shop", "service.version", "v2", "service.instance.id", "checkout-1")
	if ref != nil {
		t.Fatal(ref)
	}
	end := signaltest.Now().UnixNano()
	want := fact.Span{
		TraceID: [16]byte{1}, ID: [8]byte{2}, Parent: [8]byte{3},
		Entity: fact.Entity{Kind: fact.Service, Namespace: "shop", Name: "checkout"}, Instance: "checkout-1", Version: "v2",
		Kind: fact.SpanServer, Name: "GET /a/very/long/name/xxxxxxxxxxxxxxxxxx", Start: end - 250e6, End: end, Failed: true,
		Attrs: fact.LabelsOf("http.request.method", "GET", "http.response.status_code", "503", "http.route", "/cart/{id}"),
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestSpanRefusals(t *testing.T) {
	now := signaltest.Now()
	for _, tt := range []struct {
		name   string
		change func(ptrace.Span)
		res    []string
		reason signal.Reason
		text   string
	}{
		{"no trace id", func(s ptrace.Span) { s.SetTraceID([16]byte{}) }, nil, signal.BadID, `span "GET /cart" of service:checkout: its trace id or span id is zero; send both`},
		{"no span id", func(s ptrace.Span) { s.SetSpanID([8]byte{}) }, nil, signal.BadID, `its trace id or span id is zero`},
		{"ends before it starts", func(s ptrace.Span) { s.SetStartTimestamp(s.EndTimestamp() + 1e9) }, nil, signal.BadTime, `it ends 1s before it starts`},
		{"no start", func(s ptrace.Span) { s.SetStartTimestamp(0) }, nil, signal.BadTime, `it starts at 0, which is no time`},
		{"seconds instead of nanoseconds", func(s ptrace.Span) { s.SetStartTimestamp(pcommon.Timestamp(now.Unix())) }, nil, signal.BadTime, `which is no time in nanoseconds`},
		{"beyond 2262", func(s ptrace.Span) { s.SetEndTimestamp(1 << 63) }, nil, signal.BadTime, `which is no time`},
		{"far ahead", func(s ptrace.Span) { s.SetEndTimestamp(pcommon.NewTimestampFromTime(now.Add(11 * time.Minute))) }, nil, signal.BadTime, `it ends 11m0s ahead of our clock`},
		{"too many attributes", func(s ptrace.Span) {
			for _, k := range strings.Split("a b c d e f g h i", " ") {
				s.Attributes().PutStr(k, "x")
			}
		}, nil, signal.TooMany, `9 attributes, the limit is 8; set OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT or raise limits.span_attrs`},
		{"of no service", func(ptrace.Span) {}, []string{"host.name", "node-1"}, signal.BadLabels, `its resource names no service; set OTEL_SERVICE_NAME`},
		{"of a service with a long name", func(ptrace.Span) {}, []string{"service.name", strings.Repeat("x", 31)}, signal.BadLabels, `the name of its service is longer than 30 bytes`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sp := goodSpan(ptrace.SpanKindServer)
			tt.change(sp)
			if tt.res == nil {
				tt.res = []string{"service.name", "checkout"}
			}
			_, ref := convert(sp, tt.res...)
			if ref == nil || ref.Reason != tt.reason || !strings.Contains(ref.Error(), tt.text) {
				t.Errorf("said %v, want %s: %s", ref, tt.reason, tt.text)
			}
		})
	}
	if _, ref := convert(func() ptrace.Span {
		s := goodSpan(ptrace.SpanKindServer)
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(now.Add(9 * time.Minute)))
		return s
	}(), "service.name", "checkout"); ref != nil {
		t.Errorf("nine minutes ahead: %v", ref)
	}
}
