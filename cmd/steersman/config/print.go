package config

import (
	"bytes"
	"fmt"
	"reflect"

	"go.yaml.in/yaml/v3"
)

// YAML writes the settings as a file that [Parse] reads back to the same
// settings, each with its reason as a comment.
func (c Config) YAML() ([]byte, error) {
	var root yaml.Node
	if err := root.Encode(c); err != nil {
		return nil, fmt.Errorf("print configuration: %w", err)
	}
	comment(&root, reflect.TypeOf(c))
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(&root); err != nil {
		return nil, fmt.Errorf("print configuration: %w", err)
	}
	return out.Bytes(), nil
}

// comment puts the doc tags of t above the keys of n.
func comment(n *yaml.Node, t reflect.Type) {
	if t.Kind() == reflect.Slice {
		for _, item := range n.Content {
			comment(item, t.Elem())
		}
		return
	}
	if t.Kind() != reflect.Struct || n.Kind != yaml.MappingNode {
		return
	}
	docs := make(map[string]reflect.StructField)
	for i := range t.NumField() {
		docs[t.Field(i).Tag.Get("yaml")] = t.Field(i)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		f := docs[n.Content[i].Value]
		n.Content[i].HeadComment = f.Tag.Get("doc")
		comment(n.Content[i+1], f.Type)
	}
}
