package fact

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestNewLabels(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   []Label
		want string
		err  string
	}{
		{name: "none", want: ""},
		{name: "sorted", in: []Label{{"b", "2"}, {NameLabel, "up"}, {"a", "1"}}, want: `up{a="1",b="2"}`},
		{name: "name alone", in: []Label{{NameLabel, "up"}}, want: `up`},
		{name: "an empty value is no label", in: []Label{{"a", ""}, {"b", "x"}}, want: `{b="x"}`},
		{name: "quotes", in: []Label{{"a", `say "hi"`}}, want: `{a="say \"hi\""}`},
		{name: "twice", in: []Label{{"a", "1"}, {"a", "2"}}, err: `label "a" is given twice`},
		{name: "no name", in: []Label{{"", "1"}}, err: `has no name`},
		{name: "not UTF-8", in: []Label{{"a", "\xff"}}, err: `is not UTF-8`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := NewLabels(tt.in)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("NewLabels(%v) = %v, want an error with %q", tt.in, err, tt.err)
				}
				return
			}
			if err != nil || got.String() != tt.want {
				t.Errorf("NewLabels(%v) = %s, %v; want %s", tt.in, got, err, tt.want)
			}
		})
	}
}

func TestLabelsAreTheirOwnKey(t *testing.T) {
	m := map[Labels]int{LabelsOf("a", "1", "b", "2"): 7}
	if m[LabelsOf("b", "2", "a", "1")] != 7 {
		t.Error("the same labels in another order are another key")
	}
	if m[LabelsOf("a", "1", "b", "3")] == 7 {
		t.Error("other labels are the same key")
	}
}

func TestWith(t *testing.T) {
	ls := LabelsOf("a", "1", "c", "3")
	for _, tt := range []struct{ name, value, want string }{
		{"b", "2", `{a="1",b="2",c="3"}`},
		{"a", "9", `{a="9",c="3"}`},
		{"a", "", `{c="3"}`},
	} {
		if got := ls.With(tt.name, tt.value).String(); got != tt.want {
			t.Errorf("With(%q, %q) = %s, want %s", tt.name, tt.value, got, tt.want)
		}
	}
}

// What decodes is well formed, and encodes to the same bytes again.
func FuzzDecodeLabels(f *testing.F) {
	f.Add(LabelsOf(NameLabel, "up", "job", "x").Encoded())
	f.Add("")
	f.Add("\x01a\x01b\x01a\x01c")
	f.Add("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a")
	f.Add("\x01a")
	f.Add("\x81\x00a\x01b")
	f.Fuzz(func(t *testing.T, data string) {
		ls, err := DecodeLabels(data)
		if err != nil {
			if !errors.Is(err, ErrLabels) {
				t.Fatalf("DecodeLabels(%q) = %v, want one that wraps ErrLabels", data, err)
			}
			return
		}
		var pairs []Label
		for n, v := range ls.All() {
			pairs = append(pairs, Label{n, v})
		}
		again, err := NewLabels(pairs)
		if err != nil || again != ls {
			t.Errorf("%q decodes to %v, which is refused or differs: %v, %v", data, pairs, again, err)
		}
		var copied Labels
		if b, err := ls.MarshalBinary(); err != nil || copied.UnmarshalBinary(b) != nil || copied != ls {
			t.Errorf("%s came back from its bytes as %s, %v", ls, copied, err)
		}
		js, err := json.Marshal(ls)
		if err != nil {
			t.Fatal(err)
		}
		var back Labels
		if err := json.Unmarshal(js, &back); err != nil || back != ls {
			t.Errorf("%s came back as %s, %v", ls, back, err)
		}
	})
}

func TestEntity(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Entity
		err  string
	}{
		{text: "service:payment", want: Entity{Kind: Service, Name: "payment"}},
		{text: "service:shop/payment", want: Entity{Service, "shop", "payment"}},
		{text: "source:otlp/payment", want: SenderOf("otlp/payment")},
		{text: "source:prometheus", want: SenderOf("/prometheus/")},
		{text: "source:(no name)", want: SenderOf("/")},
		{text: "host:a", want: Entity{Kind: Host, Name: "a"}},
		{text: "", want: Entity{}},
		{text: "payment", err: "want kind:name"},
		{text: "team:x", err: "none of service, instance, host"},
		{text: "service:", err: "no name"},
		{text: "service:/x", err: "namespace before the slash is empty"},
		{text: "service:x/", err: "no name"},
	} {
		got, err := ParseEntity(tt.text)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("ParseEntity(%q) = %v, want an error with %q", tt.text, err, tt.err)
			}
			continue
		}
		if err != nil || got != tt.want || got.String() != tt.text {
			t.Errorf("ParseEntity(%q) = %+v (%s), %v; want %+v", tt.text, got, got, err, tt.want)
		}
	}
}

func TestID(t *testing.T) {
	if got, want := ID("inc", "a", "b"), ID("inc", "a", "b"); got != want {
		t.Errorf("the same parts give %s and %s", got, want)
	}
	if ID("inc", "ab", "c") == ID("inc", "a", "bc") {
		t.Error("parts run into one another")
	}
	if id := ID("inc", "x"); len(id) != len("inc-")+15 || !strings.HasPrefix(id, "inc-") {
		t.Errorf("ID = %q, want inc- and 15 characters", id)
	}
}

func TestHashCoversContent(t *testing.T) {
	a := Proposal{ID: "p", Action: Action{Kind: SetWeights, Params: map[string]string{"v1": "100", "v2": "0"}}}
	b := a
	b.Action.Params = map[string]string{"v2": "0", "v1": "100"}
	ha, _ := Hash(a)
	if hb, _ := Hash(b); ha != hb {
		t.Error("the order of a map changes the hash")
	}
	b.Action.Params = map[string]string{"v1": "99", "v2": "1"}
	if hb, _ := Hash(b); ha == hb {
		t.Error("another action has the same hash")
	}
	b = a
	b.Confidence = 1e-9
	if hb, _ := Hash(b); ha == hb {
		t.Error("another confidence has the same hash")
	}
}

func TestSymptom(t *testing.T) {
	for _, tt := range []struct {
		kind SignalKind
		dir  Direction
		want bool
	}{
		{Errors, Up, true}, {Latency, Up, true}, {Errors, Down, false}, {Latency, Down, false}, {Traffic, Down, true}, {Traffic, Absent, true},
		{Traffic, Up, false}, {Saturation, Up, false}, {Other, Absent, false},
	} {
		f := Finding{Signal: Signal{Kind: tt.kind}, Direction: tt.dir}
		if f.Symptom() != tt.want {
			t.Errorf("%s going %s: Symptom() = %t", tt.kind, tt.dir, !tt.want)
		}
	}
}

func TestEveryMemberHasAName(t *testing.T) {
	for _, v := range []any{Finding{}, Incident{}, Cause{}, Evidence{}, Map{}, Node{}, Edge{}, Proposal{}, Decision{}, Verdict{}, Approval{}, Receipt{}, Outcome{}, Change{}} {
		rt := reflect.TypeOf(v)
		for i := range rt.NumField() {
			if rt.Field(i).Tag.Get("json") == "" {
				t.Errorf("%s.%s has no json name", rt.Name(), rt.Field(i).Name)
			}
		}
	}
}

func TestSeverity(t *testing.T) {
	for _, tt := range []struct {
		s    Severity
		want string
	}{{0, ""}, {1, "trace"}, {4, "trace"}, {5, "debug"}, {9, "info"}, {12, "info"}, {13, "warn"}, {17, "error"}, {20, "error"}, {21, "fatal"}, {24, "fatal"}, {25, ""}, {255, ""}} {
		if got := tt.s.String(); got != tt.want {
			t.Errorf("severity %d is %q, want %q", tt.s, got, tt.want)
		}
	}
	for name, want := range map[string]Severity{"": 0, "WARNING": SeverityWarn, "Info": SeverityInfo, "crit": SeverityFatal, "err": SeverityError, "loud": 0} {
		if got := ParseSeverity(name); got != want {
			t.Errorf("ParseSeverity(%q) = %d, want %d", name, got, want)
		}
	}
}
