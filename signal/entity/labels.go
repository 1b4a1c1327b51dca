package entity

import (
	"strings"

	"github.com/steersman-ops/steersman/fact"
)

// place is where in Kubernetes something runs.
type place struct{ namespace, pod, container string }

// labelNames are the labels that the rules read.
type labelNames struct {
	place
	exported place
	otel     names // service_name and its like

	metric, job, instance              string
	node, nodename                     string
	service, app, appName, k8sApp      string
	deployment, statefulset, daemonset string
	version, appVersion                string
}

// FromLabels applies the rules to the labels of a series. It does not allocate
// unless it has to cut a name.
func FromLabels(l fact.Labels) Identity {
	n := readLabels(l)
	switch {
	case n.otel.service != "":
		return n.otel.identity()
	case n.job == "" && n.otel.host != "", n.job == "" && n.otel.node != "":
		return n.otel.hostIdentity()
	case n.hostMetrics():
		return Identity{Entity: named(fact.Host, "", first(n.node, n.nodename, withoutPort(n.instance))), Instance: ""}
	case carrier(n.job):
		return n.carried()
	}
	e := named(fact.Service, "", n.job)
	if n.namespace != "" {
		_, name, ok := strings.Cut(n.job, "/")
		if !ok {
			name = n.job
		}
		e = named(fact.Service, n.namespace, name)
	}
	return Identity{Entity: e, Instance: first(n.pod, n.instance), Version: n.ofVersion()}
}

func readLabels(l fact.Labels) (n labelNames) {
	for name, v := range l.All() {
		switch name {
		case fact.NameLabel:
			n.metric = v
		case "job":
			n.job = v
		case "instance":
			n.instance, n.otel.instance = v, v
		case "service_name":
			n.otel.service = v
		case "service_namespace":
			n.otel.namespace = v
		case "service_version":
			n.otel.version, n.version = v, v
		case "k8s_namespace_name":
			n.otel.k8sNamespace = v
		case "k8s_pod_name":
			n.otel.pod = v
		case "k8s_container_name":
			n.otel.container = v
		case "k8s_node_name":
			n.otel.node = v
		case "k8s_deployment_name":
			n.otel.deployment = v
		case "k8s_statefulset_name":
			n.otel.statefulset = v
		case "k8s_daemonset_name":
			n.otel.daemonset = v
		case "host_name":
			n.otel.host = v
		default:
			n.readKubernetes(name, v)
		}
	}
	return n
}

// readKubernetes reads the labels that scrape configurations set. What is
// exported_… was on the series before the scrape took the name for itself.
func (n *labelNames) readKubernetes(name, v string) {
	switch name {
	case "exported_namespace":
		n.exported.namespace = v
	case "namespace", "kubernetes_namespace":
		n.namespace = first(n.namespace, v)
	case "exported_pod":
		n.exported.pod = v
	case "pod", "pod_name", "kubernetes_pod_name":
		n.pod = first(n.pod, v)
	case "exported_container":
		n.exported.container = v
	case "container":
		n.container = v
	case "node", "kubernetes_node":
		n.node = first(n.node, v)
	case "nodename":
		n.nodename = v
	case "service", "kubernetes_name":
		n.service = first(n.service, v)
	case "app":
		n.app = v
	case "app_kubernetes_io_name":
		n.appName = v
	case "k8s_app":
		n.k8sApp = v
	case "deployment":
		n.deployment = v
	case "statefulset":
		n.statefulset = v
	case "daemonset":
		n.daemonset = v
	case "version":
		if n.version == "" && !foreignVersion(n.metric) {
			n.version = v
		}
	case "app_kubernetes_io_version":
		n.appVersion = v
	}
}

// foreignVersion reports whether the metric's version label is that of
// something else: go_info and its like tell the version of the language.
func foreignVersion(metric string) bool {
	return strings.HasSuffix(metric, "_info") && !strings.HasSuffix(metric, "_build_info")
}

func (n *labelNames) ofVersion() string { return first(n.version, n.appVersion) }

// hostMetrics reports whether the series tells of a machine.
func (n *labelNames) hostMetrics() bool {
	switch strings.ToLower(n.job) {
	case "node", "node-exporter", "node_exporter", "nodes", "nodeexporter", "prometheus-node-exporter",
		"integrations/unix", "integrations/node_exporter", "windows", "windows-exporter", "windows_exporter":
		return true
	}
	return strings.HasPrefix(n.metric, "node_") && n.job != "" && n.container == "" ||
		strings.HasPrefix(n.metric, "windows_")
}

// carrier reports whether the job collects metrics of other things, so that its
// own name says nothing about what a series is of.
func carrier(job string) bool {
	switch strings.ToLower(job) {
	case "kubelet", "cadvisor", "kubernetes-cadvisor", "kubernetes-nodes-cadvisor", "kubernetes-nodes",
		"kubernetes-pods", "kubernetes-pods-slow", "kubernetes-service-endpoints", "kubernetes-service-endpoints-slow",
		"kubernetes-services", "kube-state-metrics", "integrations/kubernetes/cadvisor", "integrations/kubernetes/kubelet",
		"integrations/kubernetes/kube-state-metrics", "docker", "containerd":
		return true
	}
	return false
}

// carried returns of what a series is that a carrier brought: with
// kube-state-metrics, the exported_… labels tell it. The service and
// container labels come last: with kube-state-metrics they may be its own.
func (n *labelNames) carried() Identity {
	if n.exported != (place{}) { // then the others say where the carrier runs
		n.place = n.exported
	}
	name := first(n.appName, n.app, n.k8sApp, n.deployment, n.statefulset, n.daemonset, Workload(n.pod))
	if name == "" && !n.aboutNode() {
		name = first(n.service, n.container)
	}
	if e := named(fact.Service, n.namespace, name); !e.IsZero() {
		return Identity{Entity: e, Instance: n.pod, Version: n.ofVersion()}
	}
	return Identity{Entity: named(fact.Host, "", first(n.node, withoutPort(n.instance)))}
}

// aboutNode reports whether a carried series without a pod is of the node.
func (n *labelNames) aboutNode() bool {
	return n.node != "" || strings.HasPrefix(n.metric, "kubelet_")
}
