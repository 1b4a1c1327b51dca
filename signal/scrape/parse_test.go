package scrape

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

var defaults = Defaults{Interval: 15 * time.Second, Timeout: 10 * time.Second, BodyBytes: 1 << 20, Samples: 1000}

// parse reads the value of scrape_configs in a file.
func parse(t *testing.T, text string) ([]Job, error) {
	t.Helper()
	var doc struct {
		List yaml.Node `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return Parse(&doc.List, defaults)
}

// documented is from Prometheus' documentation: the example of kubernetes
// service discovery, shortened, and others of its examples.
const documented = `
scrape_configs:
  # The job name is added as a label.
  - job_name: "kubernetes-service-endpoints"
    kubernetes_sd_configs:
      - role: endpoints
        api_server: https://127.0.0.1:6443
    relabel_configs:
      - source_labels: [__meta_kubernetes_service_annotation_prometheus_io_scrape]
        action: keep
        regex: true
      - source_labels:
          [__address__, __meta_kubernetes_service_annotation_prometheus_io_port]
        action: replace
        target_label: __address__
        regex: (.+)(?::\d+);(\d+)
        replacement: $1:$2
      - action: labelmap
        regex: __meta_kubernetes_service_label_(.+)
  - job_name: service-x
    basic_auth:
      username: admin_name
      password: "multiline\nmysecret\ntest"
    scrape_interval: 50s
    scrape_timeout: 5s
    body_size_limit: 10MB
    honor_labels: yes
    dns_sd_configs:
      - refresh_interval: 15s
        names: [first.dns.address.domain.com]
    metric_relabel_configs:
      - source_labels: [instance, __name__]
        regex: '(.+);container_tasks_state'
        action: drop
`

func TestParse(t *testing.T) {
	jobs, err := parse(t, documented)
	if err != nil || len(jobs) != 2 {
		t.Fatalf("%d jobs, %v", len(jobs), err)
	}
	a, b := jobs[0].conf.ScrapeConfigs[0], jobs[1].conf.ScrapeConfigs[0]
	if jobs[0].Name != "kubernetes-service-endpoints" || len(a.RelabelConfigs) != 3 || a.RelabelConfigs[1].Replacement != "$1:$2" {
		t.Errorf("%+v", a)
	}
	if a.ScrapeInterval.String() != "15s" || a.ScrapeTimeout.String() != "10s" || a.BodySizeLimit != 1<<20 || a.SampleLimit != 1000 {
		t.Errorf("defaults: every %v within %v, %d bytes, %d samples", a.ScrapeInterval, a.ScrapeTimeout, a.BodySizeLimit, a.SampleLimit)
	}
	if !b.HonorLabels || b.ScrapeInterval.String() != "50s" || b.ScrapeTimeout.String() != "5s" || b.BodySizeLimit != 10_000_000 && b.BodySizeLimit != 10<<20 {
		t.Errorf("honor %v, every %v within %v, %d bytes", b.HonorLabels, b.ScrapeInterval, b.ScrapeTimeout, b.BodySizeLimit)
	}
	if string(b.HTTPClientConfig.BasicAuth.Password) != "multiline\nmysecret\ntest" {
		t.Errorf("password %q", b.HTTPClientConfig.BasicAuth.Password)
	}
	text, err := jobs[1].YAML()
	if err != nil {
		t.Fatal(err)
	}
	printed, err := yaml.Marshal(map[string]any{"scrape_configs": []*yaml.Node{text}})
	if err != nil || strings.Contains(string(printed), "mysecret") || !strings.Contains(string(printed), "<secret>") {
		t.Errorf("%v: printed:\n%s", err, printed)
	}
	if again, err := parse(t, string(printed)); err != nil || again[0].Name != "service-x" || !again[0].conf.ScrapeConfigs[0].HonorLabels {
		t.Errorf("what is printed is not read: %v", err)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"a typo", "listen: x\nscrape_configs:\n- job_name: a\n  static_configs:\n  - targets: [x]\n  scrape_intervall: 5s\n",
			[]string{`line 6: unknown key "scrape_intervall": did you mean "scrape_interval"?`}},
		{"a typo below", "scrape_configs:\n- job_name: a\n\n  # a comment\n  relabel_configs:\n  - source_label: [x]\n    action: keep\n",
			[]string{`line 6: unknown key "source_label": did you mean "source_labels"?`}},
		{"a typo in a flow, behind a text of several lines", "scrape_configs:\n- job_name: a\n  params:\n    q:\n    - |\n      one\n      two\n  static_configs: [{targets: [x],\n    lables: {a: b}}]\n",
			[]string{`line 9: `, `lables`}},
		{"two", "scrape_configs:\n- job_nam: a\n- job_name: b\n  tls_confg: {}\n",
			[]string{`line 2: unknown key "job_nam": did you mean "job_name"?`, `line 4: unknown key "tls_confg": did you mean "tls_config"?`, "entry 2"}},
		{"discovery that is not there", "scrape_configs:\n- job_name: a\n  consul_sd_configs: []\n",
			[]string{`line 3: unknown key "consul_sd_configs": discovery by consul is not built in`}},
		{"a wrong type", "scrape_configs:\n- job_name: a\n  scrape_interval: [5s]\n", []string{"line 3: cannot unmarshal"}},
		{"a wrong value", "scrape_configs:\n- job_name: a\n- job_name: b\n  scrape_interval: 5s\n  scrape_timeout: 10s\n",
			[]string{`line 3: scrape timeout greater than scrape interval for scrape config with job name "b"`}},
		{"the same name", "scrape_configs:\n- job_name: a\n- job_name: a\n", []string{`line 3: job_name "a" is there already, in line 2`}},
		{"no list", "scrape_configs:\n  job_name: a\n", []string{"line 2: scrape_configs: want a list"}},
		{"an empty entry", "scrape_configs:\n- job_name: a\n-\n", []string{"line 3: "}},
		{"a file that is not there by its shape", "scrape_configs:\n- job_name: a\n  file_sd_configs:\n  - files: [x.txt]\n", []string{"line 2: ", "x.txt"}},
		{"a bomb", "x: &x [1,2,3,4,5,6,7,8,9,10]\ny: &y [*x,*x,*x,*x,*x,*x,*x,*x,*x,*x]\nz: &z [*y,*y,*y,*y,*y,*y,*y,*y,*y,*y]\nscrape_configs:\n- [*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z,*z]\n",
			[]string{"more than 100000 values"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(t, tt.text)
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want one with %q", err, want)
				}
			}
		})
	}
}

// Aliases stand for what they name, wherever that stands in the file.
func TestParseAliases(t *testing.T) {
	jobs, err := parse(t, "shared: &auth {username: ann, password: x}\nscrape_configs: [{job_name: a, basic_auth: *auth}, {job_name: b, basic_auth: {<<: *auth, username: bob}}]\n")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"ann", "bob"} {
		if got := jobs[i].conf.ScrapeConfigs[0].HTTPClientConfig.BasicAuth; got.Username != want || got.Password != "x" {
			t.Errorf("job %d has the user %q", i, got.Username)
		}
	}
}

func TestCheckLooksForFiles(t *testing.T) {
	jobs, err := parse(t, "scrape_configs:\n- job_name: a\n  tls_config: {ca_file: ca.pem}\n")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	jobs[0].SetDirectory(dir)
	if err := jobs[0].Check(); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "ca.pem")) || !strings.Contains(err.Error(), "scrape job a") {
		t.Errorf("error %v, want one that names the job and the file", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := jobs[0].Check(); err == nil {
		t.Error("a file that holds no certificate is fine")
	}
}
