package otlp

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/entity"
)

// logs translates log records into ex.
func (ex *export) logs(ld plog.Logs) {
	for i := range ld.ResourceLogs().Len() {
		rl := ld.ResourceLogs().At(i)
		id := identify(rl.Resource())
		src := ex.source(id)
		place := ex.place(rl.Resource().Attributes())
		for j := range rl.ScopeLogs().Len() {
			sl := rl.ScopeLogs().At(j)
			scope := ex.text(sl.Scope().Name())
			list := sl.LogRecords()
			for k := range list.Len() {
				src.Receive(1)
				if ex.written.Refused() != nil { // all of it is refused
					continue
				}
				line, ref := ex.line(id, list.At(k), scope, place)
				if ref != nil {
					ex.refuse(src, ref, 1)
					continue
				}
				if ex.written.Add(line.Fields.Size()) == nil {
					ex.batch.Lines = append(ex.batch.Lines, line)
				}
			}
		}
	}
}

// place returns the attributes of a resource that say where it runs, beyond
// what its entity and instance tell.
func (ex *export) place(attrs pcommon.Map) []fact.Label {
	var out []fact.Label
	for key, v := range attrs.All() {
		if placeName(key) {
			out = set(out, key, ex.text(v.AsString()))
		}
	}
	return out
}

// placeName reports whether an attribute of a resource is kept with its lines.
func placeName(key string) bool {
	switch key {
	case "host.name", "process.pid", "deployment.environment.name", "service.instance.id",
		"k8s.namespace.name", "k8s.pod.name", "k8s.container.name", "k8s.node.name", "k8s.cluster.name", "container.id":
		return true
	}
	return false
}

// line translates a record. What it says of itself wins over what its resource
// says.
func (ex *export) line(id entity.Identity, r plog.LogRecord, scope string, place []fact.Label) (fact.Line, *signal.Refusal) {
	l := fact.Line{
		At: int64(r.Timestamp()), Observed: int64(r.ObservedTimestamp()),
		Entity: id.Entity, Instance: id.Instance, Version: id.Version,
		Severity: fact.ParseSeverity(r.SeverityText()), Level: r.SeverityText(), Text: r.Body().AsString(), TraceID: r.TraceID(), SpanID: r.SpanID(),
	}
	if n := r.SeverityNumber(); n > 0 && n <= plog.SeverityNumber(fact.MaxSeverity) {
		l.Severity = fact.Severity(n)
	}
	fields := append(ex.fields[:0], place...)
	if scope != "" {
		fields = append(fields, fact.Label{Name: "otel.scope.name", Value: scope})
	}
	if name := r.EventName(); name != "" {
		fields = append(fields, fact.Label{Name: "event.name", Value: ex.text(name)})
	}
	for key, v := range r.Attributes().All() {
		fields = append(fields, fact.Label{Name: key, Value: v.AsString()})
	}
	ex.fields = fields
	return l, signal.FinishLine(&l, fields, ex.lim, ex.now)
}
