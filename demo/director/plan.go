package director

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	mrand "math/rand/v2"
	"net"
	"strconv"
	"strings"

	"github.com/steersman-ops/steersman/demo/shop"
)

// Names of the demo's actuators in Steersman's configuration.
const (
	RouterName     = "shop-router"
	SupervisorName = "shop-supervisor"
)

// An Instance is one process of the shop.
type Instance struct {
	Service, Version, Name string
	Address                string // host:port
}

// A Plan says where everything of a demo listens, so that Steersman can be
// configured before the shop is there.
type Plan struct {
	// Where Steersman is to listen.
	Listen, OTLPGRPC, OTLPHTTP string

	Control  string // the director's own address: router and supervisor
	Checkout string // where the router takes requests for checkout

	Instances []Instance

	secret string // of the services' faults
}

// PlanOptions are addresses that are wanted; an empty one means a free port.
type PlanOptions struct{ Listen, OTLPGRPC, OTLPHTTP string }

// NewPlan finds a free port for everything that has none yet. The ports are
// below those that the system gives to outgoing connections, so they are most
// likely still free a little later.
func NewPlan(opt PlanOptions) (*Plan, error) {
	p := &Plan{Listen: opt.Listen, OTLPGRPC: opt.OTLPGRPC, OTLPHTTP: opt.OTLPHTTP}
	var all []*string
	for _, a := range []*string{&p.Listen, &p.OTLPGRPC, &p.OTLPHTTP, &p.Control, &p.Checkout} {
		if *a == "" {
			all = append(all, a)
		}
	}
	for _, s := range shop.Services() {
		p.Instances = append(p.Instances, Instance{Service: s.Name, Version: "v1", Name: s.Name + "-1"})
		if s.Name == "checkout" {
			p.Instances = append(p.Instances, Instance{Service: s.Name, Version: "v2", Name: s.Name + "-2"})
		}
	}
	for i := range p.Instances {
		all = append(all, &p.Instances[i].Address)
	}
	if err := freePorts(all); err != nil {
		return nil, err
	}
	var secret [16]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return nil, fmt.Errorf("plan the demo: %w", err)
	}
	p.secret = hex.EncodeToString(secret[:])
	return p, nil
}

// freePorts fills in loopback addresses on which nobody listens.
func freePorts(addresses []*string) error {
	const low, high = 20000, 30000
	var held []net.Listener
	defer func() {
		for _, ln := range held {
			_ = ln.Close()
		}
	}()
	var err error
	for range 50 * len(addresses) {
		if len(held) == len(addresses) {
			return nil
		}
		var ln net.Listener
		if ln, err = net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(low+mrand.IntN(high-low))); err != nil {
			continue // taken: try another
		}
		*addresses[len(held)] = ln.Addr().String()
		held = append(held, ln)
	}
	return fmt.Errorf("plan the demo: no free ports on 127.0.0.1 between %d and %d: %w", low, high, err)
}

// RouterURL is where checkout's weights are seen and set.
func (p *Plan) RouterURL() string { return "http://" + p.Control + "/routers/checkout" }

// SupervisorURL is where the processes are seen and restarted.
func (p *Plan) SupervisorURL() string { return "http://" + p.Control + "/supervisor" }

// Base is the base URL of Steersman.
func (p *Plan) Base() string { return "http://" + p.Listen }

// Frontend is the base URL at which users enter the shop.
func (p *Plan) Frontend() string { return "http://" + p.instances("frontend")[0].Address }

func (p *Plan) instances(service string) []Instance {
	var all []Instance
	for _, i := range p.Instances {
		if i.Service == service {
			all = append(all, i)
		}
	}
	return all
}

// YAML returns the part of Steersman's configuration by which it may act on
// the shop.
func (p *Plan) YAML() string {
	var names []string
	for _, s := range shop.Services() {
		names = append(names, s.Name)
	}
	return fmt.Sprintf(`actuators:
  - name: %s
    kind: router.weights
    url: %s
    services: [checkout]
    stable: v1
  - name: %s
    kind: process.restart
    url: %s
    services: [%s]
`, RouterName, p.RouterURL(), SupervisorName, p.SupervisorURL(), strings.Join(names, ", "))
}
