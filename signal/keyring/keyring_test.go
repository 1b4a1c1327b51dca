package keyring

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, path string, fixed ...signal.Named) (*Ring, *signal.Keys) {
	t.Helper()
	k := new(signal.Keys)
	r, err := Open(path, fixed, k)
	if err != nil {
		t.Fatal(err)
	}
	return r, k
}

// What was added is known at once and after a restart, by its token; the file
// does not hold the token, and only its owner can read it.
func TestAddAndRemove(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sources.json")
	r, k := open(t, path)
	token, err := r.Add("shop", "otel", signal.SourceLimits{Series: 7}, noon)
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := k.Lookup("shop"); !ok || n.Digest != signal.Digest(token) || len(n.Secret) > 0 || n.Limits.Series != 7 {
		t.Errorf("%+v", n)
	}
	data, err := os.ReadFile(path)
	if err != nil || bytes.Contains(data, []byte(token)) {
		t.Errorf("the file holds the token (%v): %s", err, data)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	r, k = open(t, path)
	if n, ok := k.Lookup("shop"); !ok || n.Digest != signal.Digest(token) {
		t.Errorf("after a restart: %+v", n)
	}
	if got := r.List(); len(got) != 1 || got[0] != (Source{Name: "shop", Kind: "otel", Added: noon, Limits: signal.SourceLimits{Series: 7}}) {
		t.Errorf("%+v", got)
	}
	if err := r.Remove("shop"); err != nil {
		t.Fatal(err)
	}
	if _, k = open(t, path); len(k.Named()) != 0 {
		t.Errorf("after it was removed: %+v", k.Named())
	}
	if err := r.Remove("shop"); !errors.Is(err, fact.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
}

// A signature cannot be checked with a digest.
func TestWhatSignsIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sources.json")
	r, _ := open(t, path)
	token, err := r.Add("gh", "github", signal.SourceLimits{}, noon)
	if err != nil {
		t.Fatal(err)
	}
	_, k := open(t, path)
	if n, _ := k.Lookup("gh"); string(n.Secret) != token {
		t.Errorf("%q, want %q", n.Secret, token)
	}
	if n := Fixed("a", "github", "x", signal.SourceLimits{}); string(n.Secret) != "x" {
		t.Errorf("of the configuration: %q", n.Secret)
	}
}

func TestRefusals(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sources.json")
	r, _ := open(t, path, Fixed("fixed", "", "secret", signal.SourceLimits{}))
	if _, err := r.Add("shop", "", signal.SourceLimits{}, noon); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, kind, text string }{
		{"shop", "", `source "shop" is there already`},
		{"fixed", "", `source "fixed" is there already`},
		{"a/b", "", "letters, digits"},
		{"x", "carrier-pigeon", `kind "carrier-pigeon" is not known; use one of otel`},
	} {
		if _, err := r.Add(tt.name, tt.kind, signal.SourceLimits{}, noon); err == nil || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("add %s: %v", tt.name, err)
		}
	}
	if err := r.Remove("fixed"); err == nil || !strings.Contains(err.Error(), "is in the configuration file") {
		t.Errorf("remove fixed: %v", err)
	}
	if _, err := r.Add("x", "", signal.SourceLimits{Series: -1}, noon); err == nil {
		t.Error("a limit below zero is taken")
	}
}

// A file that cannot be read keeps Steersman from starting: to start without it
// would be to refuse everybody, or to let everybody in.
func TestAFileThatIsNone(t *testing.T) {
	d := strings.Repeat("00", 32)
	for name, text := range map[string]string{
		"half":              `{"version":1,"sources":[`,
		"a newer one":       `{"version":2}`,
		"an unknown field":  `{"version":1,"sources":[{"name":"a","digest":"` + d + `","x":1}]}`,
		"no digest":         `{"version":1,"sources":[{"name":"a"}]}`,
		"a name that isn't": `{"version":1,"sources":[{"name":"a/b","digest":"` + d + `"}]}`,
		"twice":             `{"version":1,"sources":[{"name":"a","digest":"` + d + `"},{"name":"a","digest":"` + d + `"}]}`,
	} {
		path := filepath.Join(t.TempDir(), "sources.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, nil, new(signal.Keys)); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestConnect(t *testing.T) {
	at := Place{Base: "http://127.0.0.1:8420", OTLPHTTP: "127.0.0.1:4318", OTLPGRPC: "127.0.0.1:4317"}
	for _, kind := range Kinds() {
		named, err := Connect(kind, "shop", "sEcReT", at)
		if err != nil || !strings.Contains(named.Text, "sEcReT") || named.Where == "" {
			t.Errorf("%s: %+v, %v", kind, named, err)
		}
		unnamed, err := Connect(kind, "", "", at)
		if err != nil || kind != "github" && kind != "gitlab" && strings.Contains(unnamed.Text, Hidden) {
			t.Errorf("%s without a name: %+v, %v", kind, unnamed, err)
		}
		if named.Syntax == "yaml" {
			var v map[string]any
			if err := yaml.Unmarshal([]byte(named.Text), &v); err != nil || len(v) == 0 {
				t.Errorf("%s is not YAML: %v\n%s", kind, err, named.Text)
			}
		}
	}
	if _, err := Connect("x", "", "", at); err == nil {
		t.Error("an unknown kind is taken")
	}
}

func TestReach(t *testing.T) {
	p := Place{OTLPHTTP: "0.0.0.0:4318", OTLPGRPC: "10.0.0.7:4317"}.Reach("steersman.example:8420")
	if p != (Place{"http://steersman.example:8420", "steersman.example:4318", "10.0.0.7:4317"}) {
		t.Errorf("%+v", p)
	}
	if p := (Place{OTLPHTTP: "[::]:4318"}).Reach("[::1]:8420"); p.OTLPHTTP != "[::1]:4318" || p.OTLPGRPC != "" {
		t.Errorf("%+v", p)
	}
}

func FuzzFile(f *testing.F) {
	f.Add([]byte(`{"version":1,"sources":[{"name":"a","kind":"otel","added":"2026-03-01T12:00:00Z","digest":"` + strings.Repeat("ab", 32) + `","limits":{"series":1}}]}`))
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := parse(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(file{version, list})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parse(again); err != nil && len(again) <= maxBytes {
			t.Errorf("%s came back as %s: %v", data, again, err)
		}
	})
}
