package shop

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// FaultKind names a way for an instance to misbehave.
type FaultKind string

// The faults that exist, and what their Value is.
const (
	FaultErrors  FaultKind = "errors"  // this share of the requests is answered with status 500
	FaultLatency FaultKind = "latency" // each request waits this many seconds more
	FaultLeak    FaultKind = "leak"    // this many bytes more are held every second, up to [MaxLeak]
	FaultHang    FaultKind = "hang"    // requests get no answer; no value
	FaultCPU     FaultKind = "cpu"     // this share of one processor is burned
	FaultDrop    FaultKind = "drop"    // this share of the connections is closed without an answer
	FaultCrash   FaultKind = "crash"   // the process exits at once; no value
)

// MaxLeak is where a leak stops, so that a forgotten fault does not take the
// machine with it.
const MaxLeak = 256 << 20

// MaxLatency is the longest wait that a latency fault may ask for.
const MaxLatency = time.Minute

// A Fault is one way to misbehave, and how much.
type Fault struct {
	Kind  FaultKind
	Value float64
}

// ParseFault reads "errors=30%", "latency=200ms", "leak=5MB/s", "hang",
// "cpu=50%", "drop=10%" or "crash".
func ParseFault(text string) (Fault, error) {
	kind, value, given := strings.Cut(text, "=")
	f := Fault{Kind: FaultKind(kind)}
	var err error
	switch f.Kind {
	case FaultHang, FaultCrash:
		if given {
			err = fmt.Errorf("takes no value")
		}
	case FaultErrors, FaultCPU, FaultDrop:
		f.Value, err = parseShare(value)
	case FaultLatency:
		f.Value, err = parseLatency(value)
	case FaultLeak:
		f.Value, err = parseRate(value)
	default:
		return Fault{}, fmt.Errorf("fault %q: want errors=30%%, latency=200ms, leak=5MB/s, hang, cpu=50%%, drop=10%% or crash", text)
	}
	if err != nil {
		return Fault{}, fmt.Errorf("fault %q: %w", text, err)
	}
	return f, nil
}

// String writes the fault as [ParseFault] reads it.
func (f Fault) String() string {
	switch f.Kind {
	case FaultHang, FaultCrash:
		return string(f.Kind)
	case FaultLatency:
		return string(f.Kind) + "=" + time.Duration(math.Round(f.Value*1e9)).String()
	case FaultLeak:
		return string(f.Kind) + "=" + number(f.Value/1e6) + "MB/s"
	}
	return string(f.Kind) + "=" + number(f.Value*100) + "%"
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func parseShare(text string) (float64, error) {
	digits, ok := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(digits, 64)
	if !ok || err != nil || !(v > 0 && v <= 100) {
		return 0, fmt.Errorf("%q is not a share above 0%% and up to 100%%", text)
	}
	return v / 100, nil
}

func parseLatency(text string) (float64, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > MaxLatency {
		return 0, fmt.Errorf("%q is not a duration above 0 and up to %v", text, MaxLatency)
	}
	return d.Seconds(), nil
}

func parseRate(text string) (float64, error) {
	digits, ok := strings.CutSuffix(text, "MB/s")
	v, err := strconv.ParseFloat(digits, 64)
	if !ok || err != nil || !(v > 0 && v <= 1000) {
		return 0, fmt.Errorf("%q is not a rate above 0MB/s and up to 1000MB/s", text)
	}
	return v * 1e6, nil
}
