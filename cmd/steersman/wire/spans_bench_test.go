package wire

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// BenchmarkSpans sends spans to a whole worker over OTLP, as a Collector would,
// and tells how many a core takes from the door to the store on the disk, the map
// and the rates: by the processor time of this process, the sender's own included.
func BenchmarkSpans(b *testing.B) { benchOTLP(b, "/v1/traces", "spans", benchSpans) }

// benchSpans are traces of two spans: a service calls the next.
func benchSpans(b *testing.B, n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(1, seed))
	td := ptrace.NewTraces()
	list := make([]ptrace.SpanSlice, 2)
	for i := range list {
		rs := td.ResourceSpans().AppendEmpty()
		name := fmt.Sprintf("service-%d", (seed+uint64(i))%20)
		rs.Resource().Attributes().PutStr("service.name", name)
		rs.Resource().Attributes().PutStr("service.namespace", "shop")
		rs.Resource().Attributes().PutStr("service.instance.id", fmt.Sprintf("%s-%d", name, seed%3))
		list[i] = rs.ScopeSpans().AppendEmpty().Spans()
	}
	for i := range n / 2 {
		var trace [16]byte
		var caller, callee [8]byte
		for _, id := range [][]byte{trace[:8], trace[8:], caller[:], callee[:]} {
			binary.BigEndian.PutUint64(id, r.Uint64())
		}
		start := time.Now().Add(time.Duration(i) * time.Microsecond)
		took := time.Duration(2+r.IntN(20)) * time.Millisecond
		for side, sp := range []ptrace.Span{list[0].AppendEmpty(), list[1].AppendEmpty()} {
			sp.SetTraceID(trace)
			sp.SetStartTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(side) * time.Millisecond)))
			sp.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(took)))
			sp.Attributes().PutStr("http.request.method", "POST")
			sp.Attributes().PutInt("http.response.status_code", 200)
			if side == 0 {
				sp.SetSpanID(caller)
				sp.SetKind(ptrace.SpanKindClient)
				sp.SetName("POST")
				sp.Attributes().PutStr("server.address", fmt.Sprintf("service-%d", (seed+1)%20))
				continue
			}
			sp.SetSpanID(callee)
			sp.SetParentSpanID(caller)
			sp.SetKind(ptrace.SpanKindServer)
			sp.SetName("POST /orders/{id}")
			sp.Attributes().PutStr("http.route", "/orders/{id}")
			sp.Attributes().PutStr("url.path", fmt.Sprintf("/orders/%d", r.IntN(1e6)))
		}
	}
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		b.Fatal(err)
	}
	return body
}
