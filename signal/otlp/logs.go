package otlp

import (
	"fmt"
	"math"
	"strings"
	"time"

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
				line, ref := ex.line(id, list.At(k), scope, place)
				if ref != nil {
					ex.refuse(src, ref, 1)
					continue
				}
				ex.batch.Lines = append(ex.batch.Lines, line)
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

func (ex *export) line(id entity.Identity, r plog.LogRecord, scope string, place []fact.Label) (fact.Line, *signal.Refusal) {
	l := fact.Line{
		Entity: id.Entity, Instance: ex.text(id.Instance), Version: ex.text(id.Version),
		Level: ex.text(r.SeverityText()), TraceID: r.TraceID(), SpanID: r.SpanID(),
	}
	l.Text = ex.lineText(&l, r.Body().AsString(), ex.lim.LineBytes)
	if ref := ex.checkLine(&l, r); ref != nil {
		return l, ref
	}
	if l.Severity = fact.ParseSeverity(l.Level); r.SeverityNumber() > 0 && r.SeverityNumber() <= plog.SeverityNumber(fact.MaxSeverity) {
		l.Severity = fact.Severity(r.SeverityNumber())
	}
	var ref *signal.Refusal
	l.Fields, ref = ex.lineFields(&l, r, scope, place)
	return l, ref
}

// lineFields returns the fields of l. What the record says of itself wins over
// what its resource says.
func (ex *export) lineFields(l *fact.Line, r plog.LogRecord, scope string, place []fact.Label) (fact.Labels, *signal.Refusal) {
	fields := append(ex.fields[:0], place...)
	if scope != "" {
		fields = set(fields, "otel.scope.name", scope)
	}
	if name := r.EventName(); name != "" {
		fields = set(fields, "event.name", ex.text(name))
	}
	for key, v := range r.Attributes().All() {
		if len(key) > ex.lim.LabelNameBytes {
			return fact.Labels{}, signal.Refuse(signal.BadLabels, whereLine(l), fmt.Sprintf("attribute name %q… is %d bytes long, the limit is %d", signal.Cut(key, 40), len(key), ex.lim.LabelNameBytes), "rename it or raise limits.label_name_bytes")
		}
		fields = set(fields, strings.ToValidUTF8(key, "\uFFFD"), ex.lineText(l, v.AsString(), ex.lim.LineFieldBytes))
	}
	ex.fields = fields
	out, err := fact.NewLabels(fields)
	if err != nil {
		return out, signal.Refuse(signal.BadLabels, whereLine(l), err.Error(), "mend the attributes at the sender")
	}
	return out, nil
}

// checkLine sets the times of l, and refuses what cannot be kept.
func (ex *export) checkLine(l *fact.Line, r plog.LogRecord) *signal.Refusal {
	const clocks = "check the clock and the exporter of the sender"
	at, observed := r.Timestamp(), r.ObservedTimestamp()
	if observed == 0 || observed > math.MaxInt64 {
		observed = pcommon.Timestamp(ex.now.UnixNano())
	}
	if at == 0 {
		at = observed
	}
	l.At, l.Observed = int64(at), int64(observed)
	switch {
	case len(l.Entity.Name) > ex.lim.LabelValueBytes || len(l.Entity.Namespace) > ex.lim.LabelValueBytes:
		return signal.Refuse(signal.BadLabels, whereLine(l), fmt.Sprintf("the name of its service is longer than %d bytes", ex.lim.LabelValueBytes), "shorten it at the sender or raise limits.label_value_bytes")
	case r.Attributes().Len() > ex.lim.LineFields:
		return signal.Refuse(signal.TooMany, whereLine(l), fmt.Sprintf("%d attributes, the limit is %d", r.Attributes().Len(), ex.lim.LineFields), "set OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT or raise limits.line_fields")
	case at > math.MaxInt64 || l.At < year2000:
		return signal.Refuse(signal.BadTime, whereLine(l), fmt.Sprintf("its time is %d, which is no time in nanoseconds since 1970", uint64(at)), clocks)
	case l.At > ex.now.Add(ex.lim.Ahead).UnixNano():
		return signal.Refuse(signal.BadTime, whereLine(l), fmt.Sprintf("its time is %s ahead of our clock", time.Duration(l.At-ex.now.UnixNano()).Round(time.Second)), clocks)
	}
	return nil
}

// lineText makes a text UTF-8 and cuts it, which the line then says.
func (ex *export) lineText(l *fact.Line, s string, most int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > most {
		l.Truncated = true
		s = signal.Cut(s, most)
	}
	return s
}

func whereLine(l *fact.Line) string {
	return fmt.Sprintf("log record %q of %s", signal.Cut(l.Text, 80), signal.Cut(l.Entity.String(), 80))
}
