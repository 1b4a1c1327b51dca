// Package entity finds out of which thing a piece of telemetry speaks, so that
// one service that sends OpenTelemetry and is scraped by Prometheus is one
// [fact.Entity], whatever each of them calls it.
//
// It answers one question: which entity, which instance of it, which version?
// It is pure: the same names give the same answer, on every machine.
//
// # Method
//
// Rules, numbered as a whole by [Rules]. A change to any of them is a new
// number, because what was learned under the old names must not be mixed with
// what is learned under the new.
//
// From OpenTelemetry resource attributes ([FromResource]):
//
//   - name: service.name, unless it is the SDK's unknown_service and Kubernetes
//     knows better; else k8s.deployment.name, k8s.statefulset.name,
//     k8s.daemonset.name, k8s.cronjob.name, k8s.job.name, the workload in
//     k8s.pod.name, k8s.container.name. Without any of them: the host in
//     k8s.node.name or host.name.
//   - namespace: service.namespace, else k8s.namespace.name, as OpenTelemetry's
//     conventions for Kubernetes say.
//   - instance: k8s.pod.name, else service.instance.id, else host.name.
//   - version: service.version.
//
// From Prometheus labels ([FromLabels]), in this order:
//
//   - service_name is there: the series was translated from OpenTelemetry, here
//     or elsewhere, and is read by the rules above.
//   - a node or windows exporter: the host in node, nodename, or in instance
//     without its port.
//   - job names a collector of other things' metrics (kubelet, cadvisor,
//     kube-state-metrics, kubernetes-pods, …): the workload that the other
//     labels name, else the host in node.
//   - job. "namespace/name" is split, unless a namespace label says more.
//
// The workload in a pod's name is what remains without the hashes that
// Kubernetes appends: checkout-7d9f8b6c5-x2x7z is of checkout.
//
// # Limits
//
// A service whose name differs between its senders (service.name=checkout,
// job="checkout-svc") stays two entities. Names are compared as they are
// written, letter by letter.
package entity
