// Package shop is a small real web shop: ten HTTP services that call each
// other over loopback, do a little work, and tell about it through the public
// doors of whatever observes them.
//
// It answers one question: what does a stranger's system look like to
// Steersman? So it knows nothing of Steersman. Traces and most metrics are
// sent by the OpenTelemetry SDK over OTLP (some services over gRPC, some over
// HTTP); inventory and currency keep Prometheus metrics, offer them at
// /metrics and push them by remote write.
//
// # Method
//
// One process is one instance of one service; see [Main]. What each service
// does is a table, [Services]: its routes, how long they work, whom they call.
// Faults are real: a leak holds memory that was written to, a hang blocks the
// handlers, errors are answers with status 500. They are set and cleared at
// /admin/faults with a secret that only the one who started the process knows,
// and die with the process.
//
// # Limits
//
// Nothing is stored; a cart holds nothing. A process lives on loopback only,
// and ends when its standard input does: that is how a shop whose parent was
// killed leaves nothing behind.
package shop

import "time"

// Namespace is the service.namespace of every service of the shop.
const Namespace = "shop"

// A Service is one kind of process of the shop.
type Service struct {
	Name string

	// Prometheus says that the service's metrics go out by remote write
	// instead of OTLP. Its spans go out by OTLP all the same.
	Prometheus bool

	Routes []Route
}

// A Route is what a service does for one kind of request.
type Route struct {
	Method, Path string
	Rounds       int           // of hashing 4 KiB: a few microseconds of processor each
	Wait         time.Duration // the median time spent waiting, as for a disk
	Failing      float64       // the share of requests that fails on an ordinary day
	Calls        []Call        // made one after the other
}

// A Call is a request that a route makes to another service.
type Call struct {
	Service, Method, Path string
	Optional              bool // its failure does not fail the caller
}

// Services returns the shop, callers before those they call.
func Services() []Service {
	const get, post = "GET", "POST"
	ms := time.Millisecond
	return []Service{
		{Name: "frontend", Routes: []Route{
			{Method: get, Path: "/{$}", Rounds: 20, Wait: ms, Calls: []Call{
				{Service: "catalog", Method: get, Path: "/products"},
				{Service: "recommendation", Method: get, Path: "/recommendations"},
			}},
			{Method: get, Path: "/product/{id}", Rounds: 20, Wait: ms, Calls: []Call{
				{Service: "catalog", Method: get, Path: "/products/7"},
			}},
			{Method: get, Path: "/cart", Rounds: 10, Wait: ms, Calls: []Call{
				{Service: "cart", Method: get, Path: "/carts/7"},
			}},
			{Method: post, Path: "/cart", Rounds: 10, Wait: ms, Calls: []Call{
				{Service: "cart", Method: post, Path: "/carts/7"},
			}},
			{Method: post, Path: "/checkout", Rounds: 20, Wait: ms, Calls: []Call{
				{Service: "cart", Method: get, Path: "/carts/7"},
				{Service: "checkout", Method: post, Path: "/orders"},
			}},
		}},
		{Name: "recommendation", Routes: []Route{
			{Method: get, Path: "/recommendations", Rounds: 40, Wait: 3 * ms, Calls: []Call{
				{Service: "catalog", Method: get, Path: "/products"},
			}},
		}},
		{Name: "cart", Routes: []Route{
			{Method: get, Path: "/carts/{id}", Rounds: 10, Wait: 2 * ms},
			{Method: post, Path: "/carts/{id}", Rounds: 10, Wait: 3 * ms},
		}},
		{Name: "checkout", Routes: []Route{
			{Method: post, Path: "/orders", Rounds: 30, Wait: 2 * ms, Calls: []Call{
				{Service: "currency", Method: get, Path: "/convert"},
				{Service: "shipping", Method: get, Path: "/quote"},
				{Service: "payment", Method: post, Path: "/charges"},
				{Service: "email", Method: post, Path: "/messages", Optional: true},
			}},
		}},
		{Name: "payment", Routes: []Route{
			{Method: post, Path: "/charges", Rounds: 30, Wait: 8 * ms, Failing: 0.001},
		}},
		{Name: "shipping", Routes: []Route{
			{Method: get, Path: "/quote", Rounds: 10, Wait: 3 * ms, Calls: []Call{
				{Service: "inventory", Method: get, Path: "/stock"},
			}},
		}},
		{Name: "email", Routes: []Route{
			{Method: post, Path: "/messages", Rounds: 10, Wait: 4 * ms},
		}},
		{Name: "catalog", Routes: []Route{
			{Method: get, Path: "/products", Rounds: 30, Wait: 2 * ms, Failing: 0.0003, Calls: []Call{
				{Service: "inventory", Method: get, Path: "/stock"},
			}},
			{Method: get, Path: "/products/{id}", Rounds: 20, Wait: 2 * ms, Calls: []Call{
				{Service: "inventory", Method: get, Path: "/stock"},
			}},
		}},
		{Name: "inventory", Prometheus: true, Routes: []Route{
			{Method: get, Path: "/stock", Rounds: 10, Wait: 2 * ms},
		}},
		{Name: "currency", Prometheus: true, Routes: []Route{
			{Method: get, Path: "/convert", Rounds: 10, Wait: ms},
		}},
	}
}

// Find returns the named service.
func Find(name string) (Service, bool) {
	for _, s := range Services() {
		if s.Name == name {
			return s, true
		}
	}
	return Service{}, false
}

// Upstreams returns the names of the services that s calls, each once.
func (s Service) Upstreams() []string {
	var names []string
	seen := make(map[string]bool)
	for _, r := range s.Routes {
		for _, c := range r.Calls {
			if !seen[c.Service] {
				seen[c.Service] = true
				names = append(names, c.Service)
			}
		}
	}
	return names
}

// An Edge is one service calling another; an empty Client is the outside.
type Edge struct{ Client, Server string }

// Edges returns every call that the shop makes, and the way in.
func Edges() []Edge {
	edges := []Edge{{Server: "frontend"}}
	for _, s := range Services() {
		for _, up := range s.Upstreams() {
			edges = append(edges, Edge{Client: s.Name, Server: up})
		}
	}
	return edges
}
