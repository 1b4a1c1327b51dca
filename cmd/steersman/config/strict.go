package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/steersman-ops/steersman/stat/edit"
)

// unknownKeys compares the document with the settings that exist.
func unknownKeys(root *yaml.Node, settings any) []error {
	var errs []error
	walkKeys(root, reflect.TypeOf(settings), "", &errs)
	return errs
}

func walkKeys(n *yaml.Node, t reflect.Type, path string, errs *[]error) {
	switch {
	case t == reflect.TypeFor[Pasted](): // Prometheus' own code is as strict
	case t.Kind() == reflect.Slice && n.Kind == yaml.SequenceNode:
		for i, item := range n.Content {
			walkKeys(item, t.Elem(), fmt.Sprintf("%s.%d", path, i), errs)
		}
	case t.Kind() == reflect.Struct && n.Kind == yaml.MappingNode:
		known := keys(t)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			full := strings.TrimPrefix(path+"."+key.Value, ".")
			ft, ok := known[key.Value]
			if !ok {
				*errs = append(*errs, fmt.Errorf("line %d: unknown key %q%s", key.Line, full, nearest(key.Value, known)))
				continue
			}
			walkKeys(value, ft, full, errs)
		}
	case t.Kind() == reflect.Struct && n.Kind != yaml.AliasNode && n.Tag != "!!null":
		*errs = append(*errs, fmt.Errorf("line %d: %s: want a block of keys, found %q", n.Line, path, n.Value))
	}
}

// keys maps the YAML keys of a struct to their types.
func keys(t reflect.Type) map[string]reflect.Type {
	m := make(map[string]reflect.Type)
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("yaml"); name != "" {
			m[name] = t.Field(i).Type
		}
	}
	return m
}

// nearest suggests the known key with the least edit distance, if it is near.
func nearest(key string, known map[string]reflect.Type) string {
	best := edit.Nearest(key, slices.Collect(maps.Keys(known)), len(key)/2)
	if best == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %q?", best)
}

// lineOf finds the line of a dotted path, or of its nearest parent that the
// document has; 0 when the document has none of it (a default is at fault).
func lineOf(n *yaml.Node, path string) int {
	line := 0
	for part := range strings.SplitSeq(path, ".") {
		next := child(n, part)
		if next == nil {
			return line
		}
		n, line = next, next.Line
	}
	return line
}

func child(n *yaml.Node, key string) *yaml.Node {
	if n.Kind == yaml.SequenceNode {
		if i, err := strconv.Atoi(key); err == nil && i < len(n.Content) {
			return n.Content[i]
		}
		return nil
	}
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
