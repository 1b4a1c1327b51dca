package metrics

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal/topology"
)

// selector writes matchers as PromQL: {a="b",c="d"}. Values are quoted as Go
// strings, which is PromQL's own rule.
func selector(pairs ...string) string {
	var b strings.Builder
	sep := "{"
	for i := 0; i < len(pairs); i += 2 {
		name := pairs[i]
		if !plainName(name, false) {
			name = strconv.Quote(name)
		}
		b.WriteString(sep + name + "=" + strconv.Quote(pairs[i+1]))
		sep = ","
	}
	if sep == "{" {
		return ""
	}
	return b.String() + "}"
}

// plainName reports whether a name can stand in PromQL without quotes.
func plainName(s string, colon bool) bool {
	for i, c := range s {
		switch {
		case c == '_', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', i > 0 && c >= '0' && c <= '9', colon && c == ':':
		default:
			return false
		}
	}
	return s != ""
}

// seriesSelector selects exactly the named series, as far as labels can.
func seriesSelector(ls fact.Labels) string {
	name := ls.Name()
	var pairs []string
	if !plainName(name, true) {
		pairs = append(pairs, fact.NameLabel, name)
		name = ""
	}
	for n, v := range ls.All() {
		if n != fact.NameLabel {
			pairs = append(pairs, n, v)
		}
	}
	return name + selector(pairs...)
}

// rateWindow is the range of the rates in the queries over derived series.
const rateWindow = "[10s]"

func (k *flowKey) selector() string {
	pairs := []string{"server", k.Server.Name}
	if k.Server.Namespace != "" {
		pairs = append(pairs, "server_namespace", k.Server.Namespace)
	}
	side := topology.ServerSide
	switch k.What {
	case edgeClient, edgeServer:
		pairs = append(pairs, "client", k.Client.Name)
		if k.Client.Namespace != "" {
			pairs = append(pairs, "client_namespace", k.Client.Namespace)
		}
		if k.What == edgeClient {
			side = topology.ClientSide
		}
	case version:
		pairs = append(pairs, "version", k.Version)
	}
	return selector(append(pairs, "side", side)...) + rateWindow
}

func (k *flowKey) query(signal string) string {
	sel := k.selector()
	sum := func(name string) string { return "sum(rate(" + name + sel + "))" }
	switch signal {
	case errorRatio:
		return sum(topology.ErrorsTotal) + " / " + sum(topology.RequestsTotal)
	case duration:
		return sum(topology.DurationSum) + " / " + sum(topology.DurationCount)
	case selfTime:
		return fmt.Sprintf("(%s - %s) / %s", sum(topology.DurationSum), sum(topology.ChildSum), sum(topology.DurationCount))
	}
	return sum(topology.RequestsTotal)
}
