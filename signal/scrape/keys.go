package scrape

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/dns"
	"github.com/prometheus/prometheus/discovery/file"
	"github.com/prometheus/prometheus/discovery/http"
	"github.com/prometheus/prometheus/discovery/kubernetes"

	"github.com/steersman-ops/steersman/stat/edit"
)

// unknownKey says what is wrong with a key that Prometheus does not know in a
// block of that type, and what was probably meant.
func unknownKey(key, typ string) string {
	known := knownKeys()
	pkg, _, _ := strings.Cut(typ, ".")
	kind, sd := strings.CutSuffix(key, "_sd_configs")
	far := len(key) / 3
	if sd {
		far = len(kind) / 3
	}
	if best := edit.Nearest(key, known[strings.TrimLeft(pkg, "*[]")], far); best != "" {
		return fmt.Sprintf("unknown key %q: did you mean %q?", key, best)
	}
	if sd {
		return fmt.Sprintf("unknown key %q: discovery by %s is not built in, only static, file, dns, http and kubernetes; a program that writes a file for file_sd_configs can take its place", key, kind)
	}
	return fmt.Sprintf("unknown key %q", key)
}

// knownKeys are the keys that blocks of Prometheus' types have, by the last part
// of the path of the package that has the type. Types are not told apart
// further: Prometheus decodes most of them under other names.
func knownKeys() map[string][]string {
	all := make(map[string]map[string]bool)
	seen := make(map[reflect.Type]bool)
	for _, root := range []any{config.ScrapeConfig{}, file.SDConfig{}, dns.SDConfig{}, http.SDConfig{}, kubernetes.SDConfig{}} {
		collect(reflect.TypeOf(root), "", seen, all)
	}
	all["config"]["static_configs"] = true
	for _, name := range discovery.RegisteredConfigNames() {
		if name != "static" {
			all["config"][name+"_sd_configs"] = true
		}
	}
	out := make(map[string][]string)
	for pkg, keys := range all {
		out[pkg] = slices.Sorted(maps.Keys(keys))
	}
	return out
}

// collect adds the keys of a type and of what it holds. Inlined blocks count for
// the package that inlines them.
func collect(t reflect.Type, inlined string, seen map[reflect.Type]bool, all map[string]map[string]bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] && inlined == "" {
		return
	}
	seen[t] = true
	pkg := inlined
	if pkg == "" {
		pkg = t.PkgPath()[strings.LastIndexByte(t.PkgPath(), '/')+1:]
	}
	if all[pkg] == nil {
		all[pkg] = make(map[string]bool)
	}
	for i := range t.NumField() {
		name, rest, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		switch {
		case name == "-":
		case strings.Contains(rest, "inline"):
			collect(t.Field(i).Type, pkg, seen, all)
		case name != "":
			all[pkg][name] = true
			collect(t.Field(i).Type, "", seen, all)
		}
	}
}
