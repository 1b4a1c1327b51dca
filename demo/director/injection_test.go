package director

import (
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/demo/shop"
)

func TestParseInjection(t *testing.T) {
	for text, want := range map[string]Injection{
		"payment:errors=30%":                   {Target: "payment", Fault: shop.Fault{Kind: shop.FaultErrors, Value: 0.3}},
		"inventory:latency=200ms:for=1m0s":     {Target: "inventory", Fault: shop.Fault{Kind: shop.FaultLatency, Value: 0.2}, For: time.Minute},
		"checkout-2:hang":                      {Target: "checkout-2", Fault: shop.Fault{Kind: shop.FaultHang}},
		"recommendation-1:leak=5MB/s:for=1m5s": {Target: "recommendation-1", Fault: shop.Fault{Kind: shop.FaultLeak, Value: 5e6}, For: 65 * time.Second},
	} {
		got, err := ParseInjection(text)
		if err != nil || got != want {
			t.Errorf("ParseInjection(%q) = %+v, %v; want %+v", text, got, err, want)
		}
		if got.String() != text {
			t.Errorf("%q is written back as %q", text, got)
		}
	}
}

func TestParseInjectionRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "want service:fault",
		"payment":                       "want service:fault",
		"bank:hang":                     `no service or instance "bank"`,
		"payment-2:hang":                `no service or instance "payment-2"`,
		"payment:fire":                  "want errors=30%",
		"payment:hang:60s":              "not for= and a duration",
		"payment:hang:for=soon":         "not for= and a duration",
		"payment:hang:for=-1s":          "not for= and a duration",
		"payment:hang:for=1s:for=1s":    "want service:fault",
		"payment:errors=300%:for=1m":    "payment: fault",
		"payment : errors=30% : for=1m": "no service or instance",
	} {
		if in, err := ParseInjection(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseInjection(%q) = %+v, %v; want an error with %q", text, in, err, want)
		}
	}
}

func FuzzParseInjection(f *testing.F) {
	for _, s := range []string{"", "payment:errors=30%", "inventory:latency=200ms:for=60s", "checkout-2:hang:for=1ns", ":::", "email:cpu=1%:for="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, err := ParseInjection(text)
		if err != nil {
			return // refusing is fine; panicking or guessing is not
		}
		again, err := ParseInjection(first.String())
		if err != nil || again.Target != first.Target || again.Fault.Kind != first.Fault.Kind || again.For != first.For {
			t.Errorf("%q: %+v came back as %+v, %v", text, first, again, err)
		}
	})
}
