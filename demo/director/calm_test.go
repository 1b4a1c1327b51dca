package director

import (
	"testing"
	"time"

	"github.com/steersman-ops/steersman/demo/load"
)

func TestPulse(t *testing.T) {
	for _, tt := range []struct {
		name string
		took []time.Duration // mean of each second
		sent []uint64        // requests in each second
		want bool
	}{
		{"even", []time.Duration{20, 22, 25, 18, 30}, []uint64{30, 28, 33, 41, 25}, false},
		{"one slow second", []time.Duration{20, 22, 67, 18, 22}, []uint64{30, 28, 33, 41, 25}, true},
		{"nothing sent for a second", []time.Duration{20, 22, 0, 18, 22}, []uint64{30, 28, 0, 41, 25}, true},
		{"caught up with what was due", []time.Duration{20, 22, 25, 18, 22}, []uint64{30, 28, 30, 61, 25}, true},
		{"slow throughout is how this machine is", []time.Duration{900, 880, 910, 905, 890}, []uint64{30, 28, 33, 31, 29}, false},
		{"too short to tell", []time.Duration{20, 600}, []uint64{30, 90}, false},
	} {
		p := pulse{{}}
		for i := range tt.took {
			last := p[len(p)-1]
			last.Sent += tt.sent[i]
			last.Good += tt.sent[i]
			last.Total += tt.took[i] * time.Millisecond * time.Duration(tt.sent[i])
			p = append(p, last)
		}
		if got := p.stumbled(); got != tt.want {
			t.Errorf("%s: stumbled is %v", tt.name, got)
		}
	}
	if got, want := (pulse{{}, load.Totals{Sent: 4, Good: 3, Failed: 1, Total: 80 * time.Millisecond}}).String(), "4 requests, 75.00 % good, mean 20ms"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestWhoIsBlamed(t *testing.T) {
	by := func(kind string, abstained bool) incident {
		return incident{Causes: []cause{{Entity: "service:shop/cart", Kind: kind}}, Abstained: abstained}
	}
	for _, tt := range []struct {
		told []incident
		want bool
	}{
		{[]incident{by("slow", true)}, false},
		{[]incident{by("host", false), by("traffic", false)}, false},
		{[]incident{{}}, false},
		{[]incident{by("host", false), by("slow", false)}, true},
		{[]incident{by("change", false)}, true},
	} {
		if got := blamesAService(tt.told); got != tt.want {
			t.Errorf("%s: %v", describe(tt.told), got)
		}
	}
}
