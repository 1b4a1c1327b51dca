package director

import (
	"fmt"
	"strings"
	"time"

	"github.com/steersman-ops/steersman/demo/shop"
)

// An Injection is a fault for all instances of one service, or for one
// instance.
type Injection struct {
	Target string // name of a service or of an instance, as payment or checkout-2
	Fault  shop.Fault
	For    time.Duration // 0 means until the end
}

// ParseInjection reads target:fault or target:fault:for=duration, as
// payment:errors=30% or inventory:latency=200ms:for=60s.
func ParseInjection(text string) (Injection, error) {
	parts := strings.Split(text, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return Injection{}, fmt.Errorf("fault %q: want service:fault or service:fault:for=60s, as payment:errors=30%%", text)
	}
	in := Injection{Target: parts[0]}
	if !known(in.Target) {
		return Injection{}, fmt.Errorf("fault %q: the shop has no service or instance %q", text, in.Target)
	}
	var err error
	if in.Fault, err = shop.ParseFault(parts[1]); err != nil {
		return Injection{}, fmt.Errorf("%s: %w", in.Target, err)
	}
	if len(parts) == 3 {
		length, ok := strings.CutPrefix(parts[2], "for=")
		if in.For, err = time.ParseDuration(length); !ok || err != nil || in.For <= 0 {
			return Injection{}, fmt.Errorf("fault %q: %q is not for= and a duration above 0", text, parts[2])
		}
	}
	return in, nil
}

// known reports whether target is a service or an instance of the shop.
func known(target string) bool {
	for _, s := range shop.Services() {
		if target == s.Name || target == s.Name+"-1" {
			return true
		}
	}
	return target == "checkout-2"
}

// String writes the injection as [ParseInjection] reads it.
func (in Injection) String() string {
	text := in.Target + ":" + in.Fault.String()
	if in.For > 0 {
		text += ":for=" + in.For.String()
	}
	return text
}
