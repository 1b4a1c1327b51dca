package otlp

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/entity"
)

// year2000 is the earliest start of a span, in Unix nanoseconds. What is before
// it is a clock that was never set.
const year2000 = 946684800 * int64(time.Second)

// spans translates traces into ex.
func (ex *export) spans(td ptrace.Traces) {
	for i := range td.ResourceSpans().Len() {
		rs := td.ResourceSpans().At(i)
		id := identify(rs.Resource())
		src := ex.source(id)
		for j := range rs.ScopeSpans().Len() {
			list := rs.ScopeSpans().At(j).Spans()
			for k := range list.Len() {
				src.Receive(1)
				sp, ref := ex.span(id, list.At(k))
				if ref != nil {
					ex.refuse(src, ref, 1)
					continue
				}
				ex.batch.Spans = append(ex.batch.Spans, sp)
			}
		}
	}
}

func identify(r pcommon.Resource) entity.Identity {
	attrs := r.Attributes()
	return entity.FromResource(func(key string) string {
		if v, ok := attrs.Get(key); ok {
			return strings.ToValidUTF8(v.AsString(), "\uFFFD")
		}
		return ""
	})
}

func (ex *export) span(id entity.Identity, s ptrace.Span) (fact.Span, *signal.Refusal) {
	sp := fact.Span{
		TraceID: s.TraceID(), ID: s.SpanID(), Parent: s.ParentSpanID(),
		Entity: id.Entity, Instance: ex.text(id.Instance), Version: ex.text(id.Version),
		Kind: spanKind(s.Kind()), Name: ex.text(s.Name()),
		Start: int64(s.StartTimestamp()), End: int64(s.EndTimestamp()),
	}
	if ref := ex.checkSpan(&sp, s); ref != nil {
		return sp, ref
	}
	var a spanAttrs
	a.read(ex, s.Attributes())
	labels, err := fact.NewLabels(a.kept)
	if err != nil {
		return sp, signal.Refuse(signal.BadLabels, whereSpan(&sp), err.Error(), "mend the attributes at the sender")
	}
	sp.Attrs = labels
	sp.Failed = failed(sp.Kind, outcome{
		failed: s.Status().Code() == ptrace.StatusCodeError,
		ok:     s.Status().Code() == ptrace.StatusCodeOk,
		http:   httpStatus(labels.Get("http.response.status_code")),
		grpc:   first(labels.Get("rpc.grpc.status_code"), labels.Get("rpc.response.status_code")),
	})
	if sp.Kind == fact.SpanClient || sp.Kind == fact.SpanProducer {
		sp.Peer = ex.text(a.peer(sp.Kind))
	}
	return sp, nil
}

func (ex *export) checkSpan(sp *fact.Span, s ptrace.Span) *signal.Refusal {
	const clocks = "check the clock and the exporter of the sender"
	now := ex.now.Add(ex.lim.Ahead).UnixNano()
	switch {
	case sp.Entity.Kind != fact.Service:
		return signal.Refuse(signal.BadLabels, whereSpan(sp), "its resource names no service", "set OTEL_SERVICE_NAME, or service.name on the resource")
	case len(sp.Entity.Name) > ex.lim.LabelValueBytes || len(sp.Entity.Namespace) > ex.lim.LabelValueBytes:
		return signal.Refuse(signal.BadLabels, whereSpan(sp), fmt.Sprintf("the name of its service is longer than %d bytes", ex.lim.LabelValueBytes), "shorten it at the sender or raise limits.label_value_bytes")
	case sp.TraceID == [16]byte{} || sp.ID == [8]byte{}:
		return signal.Refuse(signal.BadID, whereSpan(sp), "its trace id or span id is zero", "send both")
	case s.Attributes().Len() > ex.lim.SpanAttrs:
		return signal.Refuse(signal.TooMany, whereSpan(sp), fmt.Sprintf("%d attributes, the limit is %d", s.Attributes().Len(), ex.lim.SpanAttrs), "set OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT or raise limits.span_attrs")
	case s.StartTimestamp() > math.MaxInt64 || s.EndTimestamp() > math.MaxInt64 || sp.Start < year2000:
		return signal.Refuse(signal.BadTime, whereSpan(sp), fmt.Sprintf("it starts at %d, which is no time in nanoseconds since 1970", uint64(s.StartTimestamp())), clocks)
	case sp.End < sp.Start:
		return signal.Refuse(signal.BadTime, whereSpan(sp), fmt.Sprintf("it ends %s before it starts", time.Duration(sp.Start-sp.End)), clocks)
	case sp.End > now:
		return signal.Refuse(signal.BadTime, whereSpan(sp), fmt.Sprintf("it ends %s ahead of our clock", time.Duration(sp.End-ex.now.UnixNano()).Round(time.Second)), clocks)
	}
	return nil
}

func whereSpan(sp *fact.Span) string {
	return fmt.Sprintf("span %q of %s", signal.Cut(sp.Name, 80), signal.Cut(sp.Entity.String(), 80))
}

func spanKind(k ptrace.SpanKind) fact.SpanKind {
	if k < 0 || k > ptrace.SpanKindConsumer {
		return fact.SpanUnspecified
	}
	return fact.SpanKind(k)
}

// text cuts a span's text to its limit and makes it UTF-8.
func (ex *export) text(s string) string {
	return signal.Cut(strings.ToValidUTF8(s, "\uFFFD"), ex.lim.SpanTextBytes)
}

// spanAttrs are the attributes of a span that are looked at.
type spanAttrs struct {
	kept []fact.Label

	peerService, peerName, peerNamespace string
	address, oldAddress, port            string
}

func (a *spanAttrs) read(ex *export, attrs pcommon.Map) {
	for key, v := range attrs.All() {
		switch key {
		case "peer.service":
			a.peerService = v.AsString()
		case "service.peer.name":
			a.peerName = v.AsString()
		case "service.peer.namespace":
			a.peerNamespace = v.AsString()
		case "server.address":
			a.address = v.AsString()
		case "net.peer.name", "net.sock.peer.name", "net.peer.ip":
			a.oldAddress = first(a.oldAddress, v.AsString())
		case "server.port", "net.peer.port":
			a.port = v.AsString()
		default:
			if name, old := keptName(key); name != "" {
				a.keep(fact.Label{Name: name, Value: ex.text(v.AsString())}, old)
			}
		}
	}
}

// keep adds a label. If the same thing is there under its old and its new name,
// the new wins; of a name that is given twice, the last.
func (a *spanAttrs) keep(l fact.Label, old bool) {
	for i := range a.kept {
		if a.kept[i].Name == l.Name {
			if !old || a.kept[i].Value == "" {
				a.kept[i].Value = l.Value
			}
			return
		}
	}
	a.kept = append(a.kept, l)
}

func (a *spanAttrs) get(name string) string {
	for _, l := range a.kept {
		if l.Name == name {
			return l.Value
		}
	}
	return ""
}

// keptName returns the name under which an attribute of a span is kept, "" if
// it is not, and whether key is a former name. Nothing is kept that has a value
// of its own for every request.
func keptName(key string) (name string, old bool) {
	switch key {
	case "http.request.method", "http.route", "http.response.status_code", "url.template",
		"rpc.system", "rpc.system.name", "rpc.service", "rpc.method", "rpc.grpc.status_code", "rpc.response.status_code",
		"db.system.name", "db.operation.name", "db.collection.name",
		"messaging.system", "messaging.destination.name", "messaging.operation.type",
		"error.type":
		return key, false
	case "http.method":
		return "http.request.method", true
	case "http.status_code":
		return "http.response.status_code", true
	case "db.system":
		return "db.system.name", true
	case "db.operation":
		return "db.operation.name", true
	case "messaging.destination":
		return "messaging.destination.name", true
	case "messaging.operation":
		return "messaging.operation.type", true
	}
	return "", false
}

// peer returns the called service as the caller names it: what it says outright,
// then the destination of a message, the host that it called, the database or
// the RPC service; an address of numbers only as a last resort, with its port,
// because many services may share it.
func (a *spanAttrs) peer(kind fact.SpanKind) string {
	host := first(a.address, a.oldAddress)
	switch {
	case a.peerService != "":
		return a.peerService
	case a.peerName != "" && a.peerNamespace != "":
		return a.peerNamespace + "/" + a.peerName
	case a.peerName != "":
		return a.peerName
	case kind == fact.SpanProducer && a.get("messaging.destination.name") != "":
		return a.get("messaging.destination.name")
	case host != "" && !numeric(host):
		return host
	}
	if name := first(a.get("db.system.name"), a.get("rpc.service"), a.get("messaging.destination.name"), a.get("messaging.system")); name != "" {
		return name
	}
	if host != "" && a.port != "" {
		return net.JoinHostPort(strings.Trim(host, "[]"), a.port)
	}
	return host
}

func numeric(host string) bool {
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || host == "localhost"
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}
