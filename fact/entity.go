package fact

import (
	"fmt"
	"strings"
)

// EntityKind says what sort of thing an entity is.
type EntityKind string

// The kinds of entity.
const (
	Service  EntityKind = "service"  // what callers call, however many instances run it
	Instance EntityKind = "instance" // one process of a service
	Host     EntityKind = "host"     // the machine or node below
	Sender   EntityKind = "source"   // who sends telemetry; it tells of the other three
)

// An Entity is one thing that telemetry speaks of, under one name, whatever
// its senders call it. It is comparable. Its text form is
// kind:namespace/name, or kind:name without a namespace.
type Entity struct {
	Kind      EntityKind
	Namespace string // may be empty
	Name      string
}

// IsZero reports whether e names nothing: the outside world, where a call has
// no known caller.
func (e Entity) IsZero() bool { return e == Entity{} }

func (e Entity) String() string {
	switch {
	case e.IsZero():
		return ""
	case e.Namespace == "":
		return string(e.Kind) + ":" + e.Name
	}
	return string(e.Kind) + ":" + e.Namespace + "/" + e.Name
}

// SenderOf returns the entity of the source with that name, as doors name them:
// "prometheus", "otlp/payment". What cannot stand in a text form is replaced.
func SenderOf(name string) Entity {
	door, rest, ok := strings.Cut(strings.Trim(name, "/"), "/")
	switch {
	case door == "":
		return Entity{Kind: Sender, Name: "(no name)"}
	case ok:
		return Entity{Kind: Sender, Namespace: door, Name: rest}
	}
	return Entity{Kind: Sender, Name: door}
}

// MarshalText writes the text form.
func (e Entity) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads the text form.
func (e *Entity) UnmarshalText(b []byte) error {
	out, err := ParseEntity(string(b))
	if err == nil {
		*e = out
	}
	return err
}

// ParseEntity reads the text form. The empty string is the zero Entity.
func ParseEntity(s string) (Entity, error) {
	if s == "" {
		return Entity{}, nil
	}
	kind, name, ok := strings.Cut(s, ":")
	if !ok {
		return Entity{}, fmt.Errorf("entity %q: want kind:name or kind:namespace/name", s)
	}
	e := Entity{Kind: EntityKind(kind), Name: name}
	if ns, n, ok := strings.Cut(name, "/"); ok {
		e.Namespace, e.Name = ns, n
		if ns == "" {
			return Entity{}, fmt.Errorf("entity %q: the namespace before the slash is empty", s)
		}
	}
	switch e.Kind {
	case Service, Instance, Host, Sender:
	default:
		return Entity{}, fmt.Errorf("entity %q: kind %q is none of service, instance, host, source", s, kind)
	}
	if e.Name == "" {
		return Entity{}, fmt.Errorf("entity %q: no name", s)
	}
	return e, nil
}
