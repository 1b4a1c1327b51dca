package entity

import (
	"net/netip"
	"strings"

	"github.com/steersman-ops/steersman/fact"
)

// Rules is the number of the rules of this package.
const Rules = 1

// An Identity is what the names in a piece of telemetry say. Entity is zero
// when they say nothing.
type Identity struct {
	Entity   fact.Entity
	Instance string // which process of it; may be empty
	Version  string // may be empty
}

// names are the attributes that the rules read, whoever sent them.
type names struct {
	service, namespace, instance, version string // service.*

	k8sNamespace, pod, container, node string
	deployment, statefulset, daemonset string
	cronjob, job                       string // Kubernetes jobs, not Prometheus'
	host                               string
}

// FromResource applies the rules to OpenTelemetry resource attributes. get
// returns the attribute as text, or "" if there is none.
func FromResource(get func(key string) string) Identity {
	return names{
		service:      get("service.name"),
		namespace:    get("service.namespace"),
		instance:     get("service.instance.id"),
		version:      get("service.version"),
		k8sNamespace: get("k8s.namespace.name"),
		pod:          get("k8s.pod.name"),
		container:    get("k8s.container.name"),
		node:         get("k8s.node.name"),
		deployment:   get("k8s.deployment.name"),
		statefulset:  get("k8s.statefulset.name"),
		daemonset:    get("k8s.daemonset.name"),
		cronjob:      get("k8s.cronjob.name"),
		job:          get("k8s.job.name"),
		host:         get("host.name"),
	}.identity()
}

func (n names) identity() Identity {
	name := n.service
	if name == "" || strings.HasPrefix(name, "unknown_service") {
		name = first(n.workload(), n.service)
	}
	e := named(fact.Service, first(n.namespace, n.k8sNamespace), name)
	if e.IsZero() {
		return n.hostIdentity()
	}
	return Identity{Entity: e, Instance: first(n.pod, n.instance, n.host), Version: n.version}
}

// workload returns the name of what Kubernetes runs, or "".
func (n names) workload() string {
	return first(n.deployment, n.statefulset, n.daemonset, n.cronjob, n.job, Workload(n.pod), n.container)
}

func (n names) hostIdentity() Identity {
	return Identity{Entity: named(fact.Host, "", first(n.node, n.host))}
}

// named makes an entity whose text form can be read back: a namespace holds no
// slash, and a slash in a name without a namespace sets one apart. It returns
// zero if nothing is left of the name.
func named(kind fact.EntityKind, namespace, name string) fact.Entity {
	name = strings.Trim(name, "/ \t\r\n")
	namespace = strings.ReplaceAll(strings.Trim(namespace, "/ \t\r\n"), "/", ".")
	if namespace == "" {
		if ns, rest, ok := strings.Cut(name, "/"); ok {
			namespace, name = strings.TrimSpace(ns), strings.Trim(rest, "/ \t\r\n")
		}
	}
	if name == "" {
		return fact.Entity{}
	}
	return fact.Entity{Kind: kind, Namespace: namespace, Name: name}
}

// Named returns the service called name, which may be "namespace/name" when
// namespace is empty. It is zero if the name is empty.
func Named(namespace, name string) fact.Entity { return named(fact.Service, namespace, name) }

// Peer returns the service that a caller means by the name under which it
// calls it: "payment", "payment.prod.svc.cluster.local", "pay.example.com:443".
// A bare name is in the namespace of the caller, as it is in Kubernetes.
// It is zero if the name is empty.
func Peer(caller fact.Entity, name string) fact.Entity {
	host := withoutPort(name)
	switch parts := strings.Split(host, "."); {
	case isAddress(host):
		return named(fact.Service, "", name)
	case len(parts) >= 3 && parts[2] == "svc":
		return named(fact.Service, parts[1], parts[0])
	case len(parts) == 1 && !strings.Contains(name, "/"):
		return named(fact.Service, caller.Namespace, host)
	}
	return named(fact.Service, "", host)
}

func isAddress(s string) bool {
	_, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return err == nil || s == "localhost"
}

// withoutPort cuts a port off: "node-1:9100" is node-1, "[::1]:80" is ::1.
func withoutPort(s string) string {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().String()
	}
	if i := strings.LastIndexByte(s, ':'); i > 0 && digits(s[i+1:]) && !strings.Contains(s[:i], ":") {
		return s[:i]
	}
	return s
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}
