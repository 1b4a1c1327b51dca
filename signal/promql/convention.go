package promql

import (
	"slices"
	"strings"

	"github.com/steersman-ops/steersman/fact"
)

// A class is what a metric tells of a service, as far as its name and its type
// say: the lower, the more it is worth to be watched.
type class uint8

const (
	classUp         class = iota // is it there at all
	classTraffic                 // requests, messages, jobs
	classErrors                  // what of them failed
	classLatency                 // how long they took
	classRestarts                // how often it began anew
	classSaturation              // how full it is: queues, pools, memory, processor
	classOther                   // what else goes up and down
	classRuntime                 // what the libraries of languages and scrapers tell of themselves
)

func (c class) String() string {
	return [...]string{"up", "traffic", "errors", "latency", "restarts", "saturation", "other", "runtime"}[c]
}

// Why a metric is not read.
const (
	whyBuckets  = "buckets"   // the sum and the count of a histogram say what is watched, for a tenth of the cost
	whyConstant = "constant"  // an info, or a moment: it has no level
	whyNative   = "native"    // native histograms are not watched
	whyOwn      = "own"       // what Steersman itself derives
	whyTooLarge = "too_large" // it alone would take more than half of the budget
	whyBudget   = "budget"    // what is worth more took the budget
	whyFailing  = "failing"   // their side cannot answer for it
	whyTooMany  = "too_many"  // more metrics than are looked at
)

// unwatched says why a metric is not worth reading, "" if it is.
func unwatched(name string, d described) string {
	switch {
	case strings.HasPrefix(name, "steersman_edge_"):
		return whyOwn
	case strings.HasSuffix(name, "_bucket"):
		return whyBuckets
	case d.Type == "histogram" || d.Type == "gaugehistogram":
		return whyNative // the families of classic ones have no series of their own name
	case d.Type == "info" || ends(name, "_info", "_created", "_timestamp", "_timestamp_seconds", "_start_time_seconds", "_timestamp_ms", "_time_unix"):
		return whyConstant
	}
	return ""
}

func ends(name string, suffixes ...string) bool {
	for _, s := range suffixes {
		if strings.HasSuffix(name, s) {
			return true
		}
	}
	return false
}

// words are what names are made of, by class.
var words = [...][]string{
	classTraffic:    {"request", "requests", "req", "reqs", "rpc", "rpcs", "call", "calls", "query", "queries", "message", "messages", "event", "events", "operation", "operations", "op", "ops", "job", "jobs", "task", "tasks", "transaction", "transactions", "handled", "processed", "served", "completed", "published", "consumed", "received", "sent", "transmit", "receive", "commands", "statements", "commits", "hits", "misses", "orders", "logins", "sessions"},
	classErrors:     {"error", "errors", "errs", "failed", "failure", "failures", "fail", "fails", "exception", "exceptions", "timeout", "timeouts", "drop", "dropped", "rejected", "retries", "retry", "panics", "panic", "aborted", "discarded", "refused", "5xx", "invalid", "rollback", "rollbacks", "deadlocks"},
	classLatency:    {"duration", "latency", "seconds", "milliseconds", "ms", "elapsed", "time", "delay"},
	classRestarts:   {"restart", "restarts", "oom", "oomkilled", "crash", "crashes"},
	classSaturation: {"queue", "queued", "backlog", "pending", "waiting", "lag", "inflight", "flight", "pool", "connections", "connection", "active", "busy", "idle", "cpu", "memory", "heap", "rss", "resident", "load", "load1", "load5", "load15", "utilization", "utilisation", "saturation", "throttled", "throttling", "usage", "used", "free", "avail", "available", "limit", "swap", "filesystem", "disk", "fds", "threads", "depth", "size", "replicas", "offset"},
}

// looked is the order in which a name is held against the words: it is of the
// first class of which it has one.
var looked = [...]class{classRestarts, classErrors, classSaturation, classLatency, classTraffic}

// runtimes are how the client libraries and the scrapers themselves begin the
// names of what they tell in every process.
var runtimes = [...]string{"go_", "jvm_", "python_", "nodejs_", "ruby_", "dotnet_", "promhttp_", "scrape_", "otelcol_", "process_runtime_"}

// classOf tells from a name and a type what the metric says.
func classOf(name string, d described) class {
	lower := strings.ToLower(name)
	if lower == "up" || strings.HasSuffix(lower, "_up") {
		return classUp
	}
	for _, p := range runtimes {
		if strings.HasPrefix(lower, p) {
			return classRuntime
		}
	}
	if d.Type != "gauge" && ends(lower, "_count", "_sum") {
		return classOfFamily(lower)
	}
	parts := split(lower)
	for _, c := range looked {
		if hasAny(words[c], parts) && fits(c, lower, d) {
			return c
		}
	}
	return classOther
}

// classOfFamily tells of the sum and the count of a histogram or a summary: how
// many there were, and how long (or large) they were.
func classOfFamily(lower string) class {
	parts := split(lower)
	switch {
	case hasAny(words[classErrors], parts):
		return classErrors
	case strings.HasSuffix(lower, "_count"):
		return classTraffic
	case hasAny(words[classLatency], parts):
		return classLatency
	}
	return classOther
}

// fits keeps gauges out of what only counters can tell: the limit of requests is
// not their rate.
func fits(c class, lower string, d described) bool {
	counts := d.Type == "counter" || d.Type == "" && ends(lower, "_total") || d.Type == "unknown" && ends(lower, "_total")
	switch c {
	case classTraffic:
		return counts
	case classSaturation:
		return !counts || strings.Contains(lower, "cpu") || strings.Contains(lower, "throttl")
	case classLatency:
		return !counts
	}
	return true
}

func split(lower string) []string {
	return strings.FieldsFunc(lower, func(r rune) bool { return r == '_' || r == '.' || r == ':' || r == '-' || r == '/' })
}

func hasAny(list, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return slices.Contains(list, part) })
}

// typeOf returns what is known of the series called name, from the descriptions
// of the families, and how it counts. A family of classic histograms or
// summaries has its series under other names.
func typeOf(name string, of map[string]described) (described, fact.SeriesType) {
	d, own := of[name]
	if own {
		switch d.Type {
		case "counter":
			return d, fact.Counter
		case "gauge", "summary", "info", "stateset":
			return d, fact.Gauge
		}
		return d, fact.Untyped
	}
	for _, s := range []struct {
		suffix string
		of     []string
		typ    fact.SeriesType
	}{
		{"_bucket", []string{"histogram"}, fact.Counter},
		{"_sum", []string{"histogram", "summary"}, fact.Counter},
		{"_count", []string{"histogram", "summary"}, fact.Counter},
		{"_total", []string{"counter"}, fact.Counter},
		{"_created", []string{"counter", "histogram", "summary"}, fact.Gauge},
	} {
		base, ok := strings.CutSuffix(name, s.suffix)
		if !ok {
			continue
		}
		if d, ok := of[base]; ok && slices.Contains(s.of, d.Type) {
			return described{Unit: d.Unit, Help: d.Help}, s.typ
		}
	}
	return described{}, fact.Untyped
}
