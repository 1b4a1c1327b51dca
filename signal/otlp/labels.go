package otlp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/entity"
)

// labeler makes the labels of one resource's series, as Prometheus' OTLP
// receiver does with its default settings.
type labeler struct {
	written  *signal.Writing
	lim      *signal.Limits
	names    map[string]string // attribute key to label name, for this request
	promoted []fact.Label      // unless the point has one of that name
	forced   []fact.Label      // job, instance
	buf      []fact.Label
}

// newLabeler reads a resource.
func newLabeler(ex *export, attrs pcommon.Map, id entity.Identity) *labeler {
	l := &labeler{written: ex.written, lim: ex.lim, names: ex.names}
	get := func(key string) string {
		if v, ok := attrs.Get(key); ok {
			return v.AsString()
		}
		return ""
	}
	job := get("service.name")
	if ns, ok := attrs.Get("service.namespace"); ok && job != "" {
		job = ns.AsString() + "/" + job
	}
	if job == "" && id.Entity.Kind == fact.Service { // known by its workload only
		job = id.Entity.Name
	}
	l.force("job", job)
	l.force("instance", get("service.instance.id"))
	if id.Entity.Kind == fact.Service {
		l.promote("service_name", first(get("service.name"), id.Entity.Name))
		l.promote("service_namespace", get("service.namespace"))
		l.promote("service_version", get("service.version"))
		l.promote("k8s_namespace_name", get("k8s.namespace.name"))
		l.promote("k8s_pod_name", get("k8s.pod.name"))
		if strings.HasPrefix(get("service.name"), "unknown_service") {
			l.promote("service_name", id.Entity.Name)
		}
		if get("service.instance.id") == "" && get("k8s.pod.name") == "" {
			l.promote("host_name", get("host.name"))
		}
		return l
	}
	l.promote("k8s_node_name", get("k8s.node.name"))
	l.promote("host_name", get("host.name"))
	return l
}

func (l *labeler) force(name, value string) {
	if value != "" {
		l.forced = append(l.forced, fact.Label{Name: name, Value: value})
	}
}

func (l *labeler) promote(name, value string) {
	if value != "" {
		l.promoted = set(l.promoted, name, value)
	}
}

// base returns the labels of a point without name, le and quantile. The result
// is only good until the next call.
func (l *labeler) base(attrs pcommon.Map, ignore ...string) ([]fact.Label, error) {
	type pair struct{ key, value string }
	pairs := make([]pair, 0, attrs.Len())
	for key, v := range attrs.All() {
		if key != fact.NameLabel && !slices.Contains(ignore, key) {
			pairs = append(pairs, pair{key, v.AsString()})
		}
	}
	// In order of their keys, because names that become equal are joined.
	slices.SortStableFunc(pairs, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	out := l.buf[:0]
	for _, p := range pairs {
		name, err := l.labelName(p.key)
		if err != nil {
			return nil, err
		}
		if i := index(out, name); i >= 0 && out[i].Value != "" {
			out[i].Value += ";" + p.value
			continue
		}
		out = set(out, name, p.value)
	}
	for _, p := range l.promoted {
		if i := index(out, p.Name); i < 0 || out[i].Value == "" {
			out = set(out, p.Name, p.Value)
		}
	}
	for _, f := range l.forced {
		out = set(out, f.Name, f.Value)
	}
	l.buf = out
	return out, nil
}

// series completes the base labels of a point with a metric name and, if key is
// not empty, one more.
func (l *labeler) series(base []fact.Label, metric, key, value string) (fact.Labels, *signal.Refusal) {
	ls := make([]fact.Label, len(base), len(base)+2)
	copy(ls, base)
	if key != "" {
		ls = set(ls, key, value)
	}
	ls = set(ls, fact.NameLabel, metric)
	if ref := l.check(ls, metric); ref != nil {
		return fact.Labels{}, ref
	}
	out, err := fact.NewLabels(ls)
	if err != nil {
		return out, signal.Refuse(signal.BadLabels, "metric "+metric, err.Error(), "mend the attributes at the sender")
	}
	return out, l.written.Add(out.Size())
}

func (l *labeler) check(ls []fact.Label, metric string) *signal.Refusal {
	at := "metric " + signal.Cut(metric, 100)
	if len(ls) > l.lim.Labels {
		return signal.Refuse(signal.BadLabels, at, fmt.Sprintf("%d labels, the limit is %d", len(ls), l.lim.Labels), "drop attributes at the sender or raise limits.labels")
	}
	for _, p := range ls {
		switch {
		case len(p.Name) > l.lim.LabelNameBytes:
			return signal.Refuse(signal.BadLabels, at, fmt.Sprintf("label name %q… is %d bytes long, the limit is %d", signal.Cut(p.Name, 40), len(p.Name), l.lim.LabelNameBytes), "rename it or raise limits.label_name_bytes")
		case len(p.Value) > l.lim.LabelValueBytes:
			return signal.Refuse(signal.BadLabels, at+", label "+p.Name, fmt.Sprintf("its value is %d bytes long, the limit is %d", len(p.Value), l.lim.LabelValueBytes), "shorten it at the sender or raise limits.label_value_bytes")
		}
	}
	return nil
}

// labelName returns the label name for an attribute's key.
func (l *labeler) labelName(key string) (string, error) {
	if name, ok := l.names[key]; ok {
		return name, nil
	}
	namer := otlptranslator.LabelNamer{ // Prometheus' defaults
		UnderscoreLabelSanitization: true,
		PreserveMultipleUnderscores: true,
	}
	name, err := namer.Build(key)
	if err == nil {
		l.names[key] = name
	}
	return name, err
}

func index(ls []fact.Label, name string) int {
	return slices.IndexFunc(ls, func(l fact.Label) bool { return l.Name == name })
}

// set replaces the value of a label or adds the label.
func set(ls []fact.Label, name, value string) []fact.Label {
	if i := index(ls, name); i >= 0 {
		ls[i].Value = value
		return ls
	}
	return append(ls, fact.Label{Name: name, Value: value})
}
