package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name string
		yaml string
		err  string // "" means that it is taken
	}{
		{name: "nothing is the defaults", yaml: ""},
		{name: "a comment alone is the defaults", yaml: "# mine\n"},
		{name: "units", yaml: "intake:\n  max_age: 2d\n  max_bytes: 128MiB\n"},
		{name: "unknown key names its line and the nearest", yaml: "listen: 127.0.0.1:1\nintake:\n  max_agee: 2d\n", err: `line 3: unknown key "intake.max_agee": did you mean "max_age"?`},
		{name: "unknown key far from all", yaml: "zzzzzzzzzzzz: 1\n", err: `line 1: unknown key "zzzzzzzzzzzz"`},
		{name: "unknown key in a list", yaml: "actuators:\n- name: a\n  kinds: x\n", err: `line 3: unknown key "actuators.0.kinds": did you mean "kind"?`},
		{name: "value where a block belongs", yaml: "intake: 5\n", err: `line 1: intake: want a block of keys, found "5"`},
		{name: "duration without unit", yaml: "\nwatch:\n  lateness: 5x\n", err: `line 3: "5x" is not a duration`},
		{name: "size", yaml: "limits:\n  body_bytes: many\n", err: `line 2: "many" is not a size`},
		{name: "address", yaml: "listen: 8420\n", err: `line 1: listen: "8420" is not host:port`},
		{name: "level", yaml: "log: {level: loud}\n", err: `line 1: log.level: "loud" is none of debug, info, warn, error`},
		{name: "zero limit", yaml: "limits:\n  spans: 0\n", err: `line 2: limits.spans: 0 must be more than 0`},
		{name: "actuator without services could never act", yaml: "actuators:\n- {name: r, kind: router.weights, url: 'http://x'}\n", err: `names no services`},
		{name: "actuator kind", yaml: "actuators:\n- {name: r, kind: shell, url: 'http://x', services: [a]}\n", err: `"shell" is none of router.weights, process.restart`},
		{name: "actuator twice", yaml: "actuators:\n- {name: r, kind: router.weights, url: 'http://x', services: [a]}\n- {name: r, kind: router.weights, url: 'http://x', services: [a]}\n", err: `line 3: actuators.1.name: "r" is used twice`},
		{name: "actuator address", yaml: "actuators:\n- {name: r, kind: router.weights, url: 'ftp://x', services: [a]}\n", err: `"ftp://x" is not an http or https address`},
		{name: "secret in an address", yaml: "actuators:\n- {name: r, kind: router.weights, url: 'http://u:s3cret@x', services: [a]}\n", err: `"http://u:xxxxx@x" holds a user`},
		{name: "source without a token", yaml: "sources:\n- name: shop\n", err: `line 2: sources.0: has no token`},
		{name: "source that is called as Steersman", yaml: "sources:\n- {name: clock, token: {env: A}}\n", err: `that name is in use by Steersman itself`},
		{name: "source twice", yaml: "sources:\n- {name: a, token: {env: A}}\n- {name: a, token: {env: B}}\n", err: `line 3: sources.1.name: "a" is used twice`},
		{name: "source with less than nothing", yaml: "sources:\n- {name: a, token: {env: A}, limits: {series: -1}}\n", err: `series is -1: must not be negative`},
		{name: "anonymous", yaml: "anonymous: sometimes\n", err: `line 1: anonymous: "sometimes" is none of loopback, everywhere, nowhere`},
		{name: "read", yaml: "read:\n- url: https://mimir.example/prometheus\n  token: {file: /run/mimir}\n  tenant: shop\n  queries: 30\n  bytes: 8MiB\n"},
		{name: "read of no address", yaml: "read:\n- {url: 'prometheus:9090'}\n", err: `line 2: read.0.url: "prometheus:9090" is not an http or https address`},
		{name: "read with a secret in the address", yaml: "read:\n- {url: 'http://u:s3cret@x'}\n", err: `"http://u:xxxxx@x" holds a user`},
		{name: "read twice", yaml: "read:\n- {url: 'http://x/a'}\n- {url: 'http://x/b'}\n", err: `line 3: read.1.url: read/x is read twice`},
		{name: "read with a user and a token", yaml: "read:\n- {url: 'http://x', user: a, token: {env: B}}\n", err: `has a user and a token: keep one`},
		{name: "read too often", yaml: "read:\n- {url: 'http://x', step: 100ms}\n", err: `read.0.step: 100ms is not between 1s and 5m`},
		{name: "read of less than nothing", yaml: "read:\n- {url: 'http://x', queries: -1}\n", err: `read.0.queries: must not be negative`},
		{name: "read of too little", yaml: "read:\n- {url: 'http://x', bytes: 1KiB}\n", err: `read.0.bytes: 1KiB is too little: at least 1MiB`},
		{name: "not YAML", yaml: "a: [", err: "yaml"},
		{name: "files", yaml: "files:\n- {paths: [/var/log/a.log], service: shop/a, labels: {env: prod}, from: end}\n"},
		{name: "files that are nowhere", yaml: "files:\n- name: a\n", err: `line 2: files.0: it has no paths`},
		{name: "files twice", yaml: "files:\n- {name: a, paths: [/x]}\n- {name: a, paths: [/y]}\n", err: `line 3: files.1: "files:a" is used twice`},
		{name: "files from the middle", yaml: "files:\n- {paths: [/x], from: middle}\n", err: `line 2: files.0.from: "middle" is none of start, end`},
		{name: "files by a key that is not there", yaml: "files:\n- {path: [/x]}\n", err: `line 2: unknown key "files.0.path": did you mean "paths"?`},
		{name: "pasted", yaml: "scrape_configs:\n- job_name: a\n  static_configs: [{targets: [localhost:9100]}]\n"},
		{name: "a typo in what was pasted", yaml: "log: {level: info}\nscrape_configs:\n- job_name: a\n  metric_path: /x\n", err: `line 4: unknown key "metric_path": did you mean "metrics_path"?`},
		{name: "pasted without an interval takes ours", yaml: "scrape_configs:\n- job_name: a\n  scrape_timeout: 6s\nscrape: {interval: 5s}\n", err: `line 2: scrape timeout greater than scrape interval`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(tt.yaml))
			if tt.err == "" {
				if err != nil {
					t.Fatalf("Parse(%q): %v", tt.yaml, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("Parse(%q) = %v, want an error with %q", tt.yaml, err, tt.err)
			}
		})
	}
}

func TestEveryProblemIsNamedAtOnce(t *testing.T) {
	_, err := Parse([]byte("listen: x\nlog: {level: loud, format: xml}\n"))
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("Parse = %v, want three lines", err)
	}
}

func TestPrintedSettingsReadBackTheSame(t *testing.T) {
	c := Default()
	c.Actuators = []Actuator{{Name: "r", Kind: "router.weights", URL: "http://127.0.0.1:1/x", Services: []string{"a"}, Token: Secret{Env: "TOKEN"}}}
	c.Intake.MaxAge = Duration(90 * time.Minute)
	c.Hosts = []string{"ops.example"}
	c.Sources = []Source{{Name: "shop", Kind: "otel", Token: Secret{File: "/run/shop.token"}, Limits: SourceLimits{BytesPerSecond: 1 << 20, Series: 1000}}}
	c.Read = []Read{{URL: "http://127.0.0.1:9090", Tenant: "shop", Bytes: 8 << 20, Step: Duration(30 * time.Second)}}
	c.Files = []Files{{Name: "app", Paths: []string{"/var/log/*.log"}, Service: "shop/app", Labels: map[string]string{"env": "prod"}, From: FromEnd}}
	text, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Parse(text)
	if err != nil {
		t.Fatalf("Parse(YAML()): %v\n%s", err, text)
	}
	if !reflect.DeepEqual(c, back) {
		t.Errorf("came back as %+v, was %+v", back, c)
	}
}

func TestEverySettingSaysWhy(t *testing.T) {
	var walk func(reflect.Type)
	walk = func(rt reflect.Type) {
		if rt.Kind() == reflect.Slice {
			rt = rt.Elem()
		}
		if rt.Kind() != reflect.Struct || rt == reflect.TypeFor[Pasted]() { // that is documented by Prometheus
			return
		}
		for i := range rt.NumField() {
			f := rt.Field(i)
			if f.Tag.Get("yaml") == "" || f.Tag.Get("doc") == "" {
				t.Errorf("%s.%s lacks a yaml or doc tag", rt.Name(), f.Name)
			}
			walk(f.Type)
		}
	}
	walk(reflect.TypeOf(Config{}))
}

func TestSecret(t *testing.T) {
	dir := t.TempDir()
	full, empty := filepath.Join(dir, "full"), filepath.Join(dir, "empty")
	if err := os.WriteFile(full, []byte(" s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("STEERSMAN_TEST_SECRET", "fromenv")
	for _, tt := range []struct {
		name string
		s    Secret
		want string
		err  string
	}{
		{name: "none", want: ""},
		{name: "environment", s: Secret{Env: "STEERSMAN_TEST_SECRET"}, want: "fromenv"},
		{name: "unset", s: Secret{Env: "STEERSMAN_TEST_UNSET"}, err: "STEERSMAN_TEST_UNSET"},
		{name: "file", s: Secret{File: full}, want: "s3cret"},
		{name: "empty file", s: Secret{File: empty}, err: "is empty"},
		{name: "both", s: Secret{Env: "A", File: full}, err: "keep one"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.s.Read()
			if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("Read() = %q, %v; want %q, error with %q", got, err, tt.want, tt.err)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "listen: a:1", "actuators:\n- name: x", "a: &x [*x]", "intake: {max_age: 1d}", "\xff", "scrape_configs: [{job_name: a, relabel_configs: [{action: labeldrop, regex: x}], http_sd_configs: [{url: http://x}]}]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data)
		if err != nil {
			return
		}
		text, err := c.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(text); err != nil {
			t.Errorf("settings of %q print as %q: %v", data, text, err)
		}
	})
}
