package entity

import (
	"testing"

	"github.com/steersman-ops/steersman/fact"
)

func svc(ns, name string) fact.Entity {
	return fact.Entity{Kind: fact.Service, Namespace: ns, Name: name}
}

func host(name string) fact.Entity { return fact.Entity{Kind: fact.Host, Name: name} }

// One service, as its many senders name it.
func TestOneService(t *testing.T) {
	checkout := svc("shop", "checkout")
	for _, tt := range []struct {
		name     string
		resource map[string]string
		labels   []string
		want     Identity
	}{
		{name: "SDK with all of service.*",
			resource: map[string]string{"service.name": "checkout", "service.namespace": "shop", "service.instance.id": "checkout-1", "service.version": "v2"},
			want:     Identity{checkout, "checkout-1", "v2"}},
		{name: "its metrics after our translation",
			labels: []string{"__name__", "http_requests_total", "job", "shop/checkout", "instance", "checkout-1", "service_name", "checkout", "service_namespace", "shop", "service_version", "v2"},
			want:   Identity{checkout, "checkout-1", "v2"}},
		{name: "its metrics after Prometheus' translation, nothing promoted",
			labels: []string{"__name__", "http_requests_total", "job", "shop/checkout", "instance", "checkout-1"},
			want:   Identity{checkout, "checkout-1", ""}},
		{name: "SDK in Kubernetes, the namespace from there",
			resource: map[string]string{"service.name": "checkout", "k8s.namespace.name": "shop", "k8s.pod.name": "checkout-7d9f8b6c5-x2x7z", "service.instance.id": "8a1f"},
			want:     Identity{checkout, "checkout-7d9f8b6c5-x2x7z", ""}},
		{name: "its metrics after our translation, in Kubernetes",
			labels: []string{"__name__", "http_requests_total", "job", "checkout", "instance", "8a1f", "service_name", "checkout", "k8s_namespace_name", "shop", "k8s_pod_name", "checkout-7d9f8b6c5-x2x7z"},
			want:   Identity{checkout, "checkout-7d9f8b6c5-x2x7z", ""}},
		{name: "the Collector's k8sattributes without service.name",
			resource: map[string]string{"k8s.namespace.name": "shop", "k8s.deployment.name": "checkout", "k8s.pod.name": "checkout-7d9f8b6c5-x2x7z"},
			want:     Identity{checkout, "checkout-7d9f8b6c5-x2x7z", ""}},
		{name: "an SDK that was not told its name, but Kubernetes knows",
			resource: map[string]string{"service.name": "unknown_service:java", "k8s.namespace.name": "shop", "k8s.deployment.name": "checkout"},
			want:     Identity{checkout, "", ""}},
		{name: "kube-prometheus, ServiceMonitor",
			labels: []string{"__name__", "http_requests_total", "namespace", "shop", "job", "checkout", "service", "checkout", "pod", "checkout-7d9f8b6c5-x2x7z", "container", "server", "endpoint", "http", "instance", "10.1.2.3:8080"},
			want:   Identity{checkout, "checkout-7d9f8b6c5-x2x7z", ""}},
		{name: "kube-prometheus, PodMonitor",
			labels: []string{"__name__", "http_requests_total", "namespace", "shop", "job", "shop/checkout", "pod", "checkout-7d9f8b6c5-x2x7z", "container", "server", "instance", "10.1.2.3:8080"},
			want:   Identity{checkout, "checkout-7d9f8b6c5-x2x7z", ""}},
		{name: "Prometheus' example configuration for pods",
			labels: []string{"__name__", "http_requests_total", "job", "kubernetes-pods", "namespace", "shop", "pod", "checkout-7d9f8b6c5-x2x7z", "app", "checkout", "instance", "10.1.2.3:8080", "version", "v2"},
			want:   Identity{checkout, "checkout-7d9f8b6c5-x2x7z", "v2"}},
		{name: "the same with its older label names and no app",
			labels: []string{"__name__", "http_requests_total", "job", "kubernetes-pods", "kubernetes_namespace", "shop", "kubernetes_pod_name", "checkout-7d9f8b6c5-x2x7z", "instance", "10.1.2.3:8080"},
			want:   Identity{checkout, "checkout-7d9f8b6c5-x2x7z", ""}},
		{name: "the recommended labels of Kubernetes",
			labels: []string{"__name__", "up", "job", "kubernetes-pods", "namespace", "shop", "app_kubernetes_io_name", "checkout", "app_kubernetes_io_version", "v2", "pod", "co-0"},
			want:   Identity{checkout, "co-0", "v2"}},
		{name: "cadvisor in the kubelet",
			labels: []string{"__name__", "container_memory_working_set_bytes", "job", "kubelet", "metrics_path", "/metrics/cadvisor", "service", "kubelet", "namespace", "shop", "pod", "checkout-7d9f8b6c5-x2x7z", "container", "server", "node", "node-1", "instance", "10.0.0.1:10250"},
			want:   Identity{checkout, "checkout-7d9f8b6c5-x2x7z", ""}},
		{name: "kube-state-metrics with honorLabels",
			labels: []string{"__name__", "kube_pod_container_status_restarts_total", "job", "kube-state-metrics", "service", "kube-state-metrics", "namespace", "shop", "pod", "checkout-7d9f8b6c5-x2x7z", "container", "server", "instance", "10.1.0.9:8443"},
			want:   Identity{checkout, "checkout-7d9f8b6c5-x2x7z", ""}},
		{name: "kube-state-metrics without honorLabels",
			labels: []string{"__name__", "kube_deployment_status_replicas", "job", "kube-state-metrics", "namespace", "monitoring", "pod", "kube-state-metrics-5f8c7d9b4-zzzzz", "exported_namespace", "shop", "deployment", "checkout", "instance", "10.1.0.9:8443"},
			want:   Identity{checkout, "", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := FromResource(func(k string) string { return tt.resource[k] })
			if tt.labels != nil {
				got = FromLabels(fact.LabelsOf(tt.labels...))
			}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestFromLabels(t *testing.T) {
	for _, tt := range []struct {
		name   string
		labels []string
		want   Identity
	}{
		{"plain job and instance", []string{"__name__", "up", "job", "api", "instance", "10.0.0.7:8080"}, Identity{svc("", "api"), "10.0.0.7:8080", ""}},
		{"job with a namespace", []string{"__name__", "up", "job", "shop/api", "instance", "api-1"}, Identity{svc("shop", "api"), "api-1", ""}},
		{"no job at all", []string{"__name__", "up"}, Identity{}},
		{"build information", []string{"__name__", "prometheus_build_info", "job", "prometheus", "version", "3.1.0"}, Identity{svc("", "prometheus"), "", "3.1.0"}},
		{"the version of the language is not the service's", []string{"__name__", "go_info", "job", "api", "version", "go1.26"}, Identity{svc("", "api"), "", ""}},
		{"node exporter", []string{"__name__", "node_cpu_seconds_total", "job", "node", "instance", "node-1:9100", "cpu", "0"}, Identity{host("node-1"), "", ""}},
		{"node exporter by address", []string{"__name__", "node_load1", "job", "node-exporter", "instance", "10.0.0.1:9100"}, Identity{host("10.0.0.1"), "", ""}},
		{"node exporter by address, version 6", []string{"__name__", "node_load1", "job", "node", "instance", "[fd00::1]:9100"}, Identity{host("fd00::1"), "", ""}},
		{"node exporter under a name of one's own", []string{"__name__", "node_load1", "job", "web-servers", "instance", "web-1:9100"}, Identity{host("web-1"), "", ""}},
		{"node exporter, its own process", []string{"__name__", "process_cpu_seconds_total", "job", "node-exporter", "instance", "node-1:9100"}, Identity{host("node-1"), "", ""}},
		{"node exporter in kube-prometheus", []string{"__name__", "node_load1", "job", "node-exporter", "namespace", "monitoring", "pod", "node-exporter-abcde", "container", "node-exporter", "instance", "node-1"}, Identity{host("node-1"), "", ""}},
		{"node exporter on Debian with nodename", []string{"__name__", "node_uname_info", "job", "node", "instance", "localhost:9100", "nodename", "web-1"}, Identity{host("web-1"), "", ""}},
		{"windows exporter", []string{"__name__", "windows_cpu_time_total", "job", "win", "instance", "win-1:9182"}, Identity{host("win-1"), "", ""}},
		{"host metrics of the Collector", []string{"__name__", "system_cpu_time_seconds_total", "host_name", "node-1", "cpu", "0"}, Identity{host("node-1"), "", ""}},
		{"the kubelet of a node", []string{"__name__", "kubelet_running_pods", "job", "kubelet", "service", "kubelet", "node", "node-1", "instance", "10.0.0.1:10250"}, Identity{host("node-1"), "", ""}},
		{"cadvisor of a whole node", []string{"__name__", "machine_memory_bytes", "job", "kubernetes-cadvisor", "instance", "node-1"}, Identity{host("node-1"), "", ""}},
		{"a service endpoint", []string{"__name__", "up", "job", "kubernetes-service-endpoints", "namespace", "shop", "service", "cart", "instance", "10.1.1.1:80"}, Identity{svc("shop", "cart"), "", ""}},
		{"OpenTelemetry demo", []string{"__name__", "app_payment_transactions_total", "job", "opentelemetry-demo/paymentservice", "instance", "4711", "service_name", "paymentservice", "service_namespace", "opentelemetry-demo"}, Identity{svc("opentelemetry-demo", "paymentservice"), "4711", ""}},
		{"a StatefulSet's pod", []string{"__name__", "up", "job", "kubernetes-pods", "namespace", "shop", "pod", "db-0"}, Identity{svc("shop", "db"), "db-0", ""}},
		{"an operator that tells of others", []string{"__name__", "argocd_app_info", "job", "argocd-metrics", "namespace", "argocd", "exported_namespace", "shop", "pod", "argocd-0"}, Identity{svc("argocd", "argocd-metrics"), "argocd-0", ""}},
		{"blackbox probe", []string{"__name__", "probe_success", "job", "blackbox", "instance", "https://example.com/"}, Identity{svc("", "blackbox"), "https://example.com/", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := FromLabels(fact.LabelsOf(tt.labels...)); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestWorkload(t *testing.T) {
	for _, tt := range []struct{ pod, want string }{
		{"checkout-7d9f8b6c5-x2x7z", "checkout"},
		{"my-long-name-5b8d7c9f66-abcde", "my-long-name-5b8d7c9f66-abcde"}, // "abcde" has vowels: nothing Kubernetes would make
		{"my-long-name-5b8d7c9f66-bcdfg", "my-long-name"},
		{"db-0", "db"},
		{"kafka-broker-12", "kafka-broker"},
		{"node-exporter-x2x7z", "node-exporter"},
		{"backup-29012345-q8wlk", "backup"},
		{"checkout", "checkout"},
		{"web-v2", "web-v2"},
		{"-x2x7z", "-x2x7z"},
		{"", ""},
	} {
		if got := Workload(tt.pod); got != tt.want {
			t.Errorf("Workload(%q) = %q, want %q", tt.pod, got, tt.want)
		}
	}
}

func TestPeer(t *testing.T) {
	caller := svc("shop", "checkout")
	for _, tt := range []struct {
		name string
		want fact.Entity
	}{
		{"payment", svc("shop", "payment")},
		{"payment:8080", svc("shop", "payment")},
		{"bank/payment", svc("bank", "payment")},
		{"payment.bank.svc.cluster.local:8080", svc("bank", "payment")},
		{"payment.bank.svc", svc("bank", "payment")},
		{"api.example.com:443", svc("", "api.example.com")},
		{"127.0.0.1:9801", svc("", "127.0.0.1:9801")},
		{"localhost:9801", svc("", "localhost:9801")},
		{"[::1]:9801", svc("", "[::1]:9801")},
		{"", fact.Entity{}},
	} {
		if got := Peer(caller, tt.name); got != tt.want {
			t.Errorf("Peer(%q) = %v, want %v", tt.name, got, tt.want)
		}
	}
}

// What comes out can be written and read back, and spans and series of one
// resource agree, whatever the names are.
func FuzzEntity(f *testing.F) {
	f.Add("shop", "checkout", "shop/checkout", "checkout-7d9f8b6c5-x2x7z", "10.0.0.1:80", "node-1")
	f.Add("a/b", "/", "//x/", "-0", "[::1]:1", "")
	f.Add(" ", "unknown_service:go", "kubelet", "x", ":", "\n")
	f.Fuzz(func(t *testing.T, ns, name, job, pod, instance, node string) {
		res := map[string]string{"service.name": name, "service.namespace": ns, "k8s.pod.name": pod, "service.instance.id": instance, "host.name": node}
		fromRes := FromResource(func(k string) string { return res[k] })
		check(t, fromRes.Entity)
		check(t, Peer(fromRes.Entity, instance))
		check(t, Named(ns, name))
		l, err := fact.NewLabels([]fact.Label{{Name: "__name__", Value: "up"}, {Name: "job", Value: job}, {Name: "instance", Value: instance}, {Name: "namespace", Value: ns}, {Name: "pod", Value: pod}, {Name: "node", Value: node}})
		if err != nil {
			return
		}
		check(t, FromLabels(l).Entity)
		l, err = fact.NewLabels([]fact.Label{{Name: "service_name", Value: name}, {Name: "service_namespace", Value: ns}, {Name: "k8s_pod_name", Value: pod}, {Name: "instance", Value: instance}, {Name: "host_name", Value: node}})
		if got := FromLabels(l); err == nil && name != "" && got != fromRes {
			t.Errorf("labels say %+v, the resource %+v", got, fromRes)
		}
	})
}

func check(t *testing.T, e fact.Entity) {
	t.Helper()
	if got, err := fact.ParseEntity(e.String()); err != nil || got != e {
		t.Errorf("%#v is written %q and read back as %#v, %v", e, e, got, err)
	}
}

func BenchmarkFromLabels(b *testing.B) {
	l := fact.LabelsOf("__name__", "http_requests_total", "namespace", "shop", "job", "checkout", "service", "checkout", "pod", "checkout-7d9f8b6c5-x2x7z", "container", "server", "endpoint", "http", "instance", "10.1.2.3:8080")
	b.ReportAllocs()
	for b.Loop() {
		FromLabels(l)
	}
}
