package fact

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

// NameLabel is the label that holds a series' metric name.
const NameLabel = "__name__"

// Labels is a sorted set of name and value pairs: the identity of a series.
//
// It is one immutable string inside, so it is comparable, is its own map key,
// and costs one allocation however many labels it has. The encoding is, for
// each label in order of name: uvarint length, name, uvarint length, value.
// The zero value is the empty set.
type Labels struct{ data string }

// A Label is one name and value.
type Label struct{ Name, Value string }

// LabelsOf returns the labels given as name, value, name, value, …
// It panics on an odd count and otherwise behaves as [NewLabels]; it is for
// literals in code, never for input.
func LabelsOf(pairs ...string) Labels {
	if len(pairs)%2 != 0 {
		panic("fact.LabelsOf: odd number of strings")
	}
	ls := make([]Label, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		ls = append(ls, Label{pairs[i], pairs[i+1]})
	}
	out, err := NewLabels(ls)
	if err != nil {
		panic("fact.LabelsOf: " + err.Error())
	}
	return out
}

// NewLabels sorts ls in place and returns the set. Labels with an empty value
// are left out, as in Prometheus' data model. It refuses an empty name, a name
// given twice, and text that is not UTF-8.
func NewLabels(ls []Label) (Labels, error) {
	slices.SortFunc(ls, func(a, b Label) int { return strings.Compare(a.Name, b.Name) })
	var buf []byte
	for i, l := range ls {
		if err := checkLabel(l); err != nil {
			return Labels{}, err
		}
		if i > 0 && ls[i-1].Name == l.Name {
			return Labels{}, fmt.Errorf("label %q is given twice", l.Name)
		}
		if l.Value != "" {
			buf = appendLabel(buf, l)
		}
	}
	return Labels{string(buf)}, nil
}

func checkLabel(l Label) error {
	switch {
	case l.Name == "":
		return fmt.Errorf("a label with the value %q has no name", l.Value)
	case !utf8.ValidString(l.Name):
		return fmt.Errorf("label name %q is not UTF-8", l.Name)
	case !utf8.ValidString(l.Value):
		return fmt.Errorf("value %q of label %q is not UTF-8", l.Value, l.Name)
	}
	return nil
}

func appendLabel(buf []byte, l Label) []byte {
	buf = binary.AppendUvarint(buf, uint64(len(l.Name)))
	buf = append(buf, l.Name...)
	buf = binary.AppendUvarint(buf, uint64(len(l.Value)))
	return append(buf, l.Value...)
}

// All yields the labels in order of name.
func (l Labels) All() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for rest := l.data; rest != ""; {
			var name, value string
			name, rest, _ = cutString(rest)
			value, rest, _ = cutString(rest)
			if !yield(name, value) {
				return
			}
		}
	}
}

// Get returns the value of the named label, or "" if the set has none.
func (l Labels) Get(name string) string {
	for n, v := range l.All() {
		if n == name {
			return v
		}
	}
	return ""
}

// Name returns the metric name, or "".
func (l Labels) Name() string { return l.Get(NameLabel) }

// Len returns the number of labels.
func (l Labels) Len() int {
	n := 0
	for range l.All() {
		n++
	}
	return n
}

// Size returns the bytes that the set takes, for accounting and for limits.
func (l Labels) Size() int { return len(l.data) }

// With returns the set with one label replaced, added, or, if value is empty,
// removed.
func (l Labels) With(name, value string) Labels {
	ls := make([]Label, 0, l.Len()+1)
	for n, v := range l.All() {
		if n != name {
			ls = append(ls, Label{n, v})
		}
	}
	out, err := NewLabels(append(ls, Label{name, value}))
	if err != nil {
		return l
	}
	return out
}

// String writes the set as PromQL would select it: name{a="b",c="d"}.
func (l Labels) String() string {
	var b strings.Builder
	b.WriteString(l.Name())
	sep := "{"
	for n, v := range l.All() {
		if n != NameLabel {
			fmt.Fprintf(&b, "%s%s=%q", sep, n, v)
			sep = ","
		}
	}
	if sep == "," {
		b.WriteByte('}')
	}
	return b.String()
}

// Encoded returns the set's bytes as described at [Labels], for storage.
// [DecodeLabels] is the way back.
func (l Labels) Encoded() string { return l.data }

// ErrLabels is wrapped by what [DecodeLabels] returns for bytes that are not
// an encoding of labels.
var ErrLabels = errors.New("not an encoded label set")

// DecodeLabels checks that data is a well formed encoding (complete, sorted,
// without doubles, UTF-8) and returns the set.
func DecodeLabels(data string) (Labels, error) {
	last := ""
	for rest, first := data, true; rest != ""; first = false {
		var name, value string
		var ok1, ok2 bool
		name, rest, ok1 = cutString(rest)
		value, rest, ok2 = cutString(rest)
		if !ok1 || !ok2 || value == "" || (!first && name <= last) {
			return Labels{}, fmt.Errorf("%w: broken after label %q", ErrLabels, last)
		}
		if err := checkLabel(Label{name, value}); err != nil {
			return Labels{}, fmt.Errorf("%w: %w", ErrLabels, err)
		}
		last = name
	}
	return Labels{data}, nil
}

// cutString takes one length-prefixed string off s.
func cutString(s string) (head, rest string, ok bool) {
	var n uint64
	for i := 0; i < len(s) && i < binary.MaxVarintLen64; i++ {
		n |= uint64(s[i]&0x7f) << (7 * i)
		if s[i] < 0x80 {
			if i > 0 && s[i] == 0 { // a longer way to write the same number: one set would have two encodings
				return "", "", false
			}
			if s = s[i+1:]; n > uint64(len(s)) {
				return "", "", false
			}
			return s[:n], s[n:], true
		}
	}
	return "", "", false
}

// MarshalBinary returns the bytes described at [Labels].
func (l Labels) MarshalBinary() ([]byte, error) { return []byte(l.data), nil }

// UnmarshalBinary reads what MarshalBinary writes, checking it as
// [DecodeLabels] does.
func (l *Labels) UnmarshalBinary(data []byte) error {
	out, err := DecodeLabels(string(data))
	if err == nil {
		*l = out
	}
	return err
}

// MarshalJSON writes an object with the labels as members.
func (l Labels) MarshalJSON() ([]byte, error) {
	m := make(map[string]string)
	for n, v := range l.All() {
		m[n] = v
	}
	return json.Marshal(m)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (l *Labels) UnmarshalJSON(data []byte) error {
	var m map[string]string
	if err := json.Unmarshal(data, &m); err != nil {
		return err
	}
	ls := make([]Label, 0, len(m))
	for n, v := range m {
		ls = append(ls, Label{n, v})
	}
	out, err := NewLabels(ls)
	if err == nil {
		*l = out
	}
	return err
}
