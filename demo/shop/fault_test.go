package shop

import (
	"strings"
	"testing"
)

func TestParseFault(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Fault
	}{
		{"errors=30%", Fault{FaultErrors, 0.3}},
		{"errors=0.5%", Fault{FaultErrors, 0.005}},
		{"latency=200ms", Fault{FaultLatency, 0.2}},
		{"latency=1.5s", Fault{FaultLatency, 1.5}},
		{"leak=5MB/s", Fault{FaultLeak, 5e6}},
		{"hang", Fault{Kind: FaultHang}},
		{"cpu=100%", Fault{FaultCPU, 1}},
		{"drop=10%", Fault{FaultDrop, 0.1}},
		{"crash", Fault{Kind: FaultCrash}},
	} {
		got, err := ParseFault(tt.text)
		if err != nil || got != tt.want {
			t.Errorf("ParseFault(%q) = %v, %v; want %v", tt.text, got, err, tt.want)
		}
		if got.String() != tt.text {
			t.Errorf("%q is written back as %q", tt.text, got)
		}
	}
}

func TestParseFaultRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":              "want errors=30%",
		"fire":          "want errors=30%",
		"errors":        "not a share",
		"errors=30":     "not a share",
		"errors=0%":     "not a share",
		"errors=101%":   "not a share",
		"errors=NaN%":   "not a share",
		"latency=5":     "not a duration",
		"latency=-1s":   "not a duration",
		"latency=2h":    "up to 1m0s",
		"leak=5MB":      "not a rate",
		"leak=InfMB/s":  "not a rate",
		"hang=1":        "takes no value",
		"crash=":        "takes no value",
		"errors=30%=30": "not a share",
	} {
		if f, err := ParseFault(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseFault(%q) = %v, %v; want an error with %q", text, f, err, want)
		}
	}
}

func FuzzParseFault(f *testing.F) {
	for _, s := range []string{"", "errors=30%", "latency=200ms", "leak=5MB/s", "hang", "cpu=1e-9%", "drop=99.999%", "crash", "latency=1ns", "=", "errors=0x1p-3%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, err := ParseFault(text)
		if err != nil {
			return // refusing is fine; panicking or guessing is not
		}
		again, err := ParseFault(first.String())
		if err != nil {
			t.Fatalf("%q was read as %+v and written as %q: %v", text, first, first, err)
		}
		if d := again.Value - first.Value; d > 1e-9*first.Value || -d > 1e-9*first.Value {
			t.Errorf("%q: %+v came back as %+v", text, first, again)
		}
	})
}
