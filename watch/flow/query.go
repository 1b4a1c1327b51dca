package flow

import (
	"fmt"
	"strings"

	"github.com/steersman-ops/steersman/fact"
)

// The derived series that the queries below read.
const (
	requestsTotal = "steersman_edge_requests_total"
	errorsTotal   = "steersman_edge_errors_total"
	durationSum   = "steersman_edge_duration_seconds_sum"
	durationCount = "steersman_edge_duration_seconds_count"
)

// A Selector names the derived series of some calls.
type Selector struct {
	Server  fact.Entity
	Client  fact.Entity // zero: of all callers
	Side    Side        // Client or Server
	Version string      // empty: of all versions
}

func (s Selector) String() string {
	parts := []string{fmt.Sprintf("server=%q", s.Server.Name)}
	if s.Server.Namespace != "" {
		parts = append(parts, fmt.Sprintf("server_namespace=%q", s.Server.Namespace))
	}
	if !s.Client.IsZero() {
		parts = append(parts, fmt.Sprintf("client=%q", s.Client.Name))
		if s.Client.Namespace != "" {
			parts = append(parts, fmt.Sprintf("client_namespace=%q", s.Client.Namespace))
		}
	}
	parts = append(parts, fmt.Sprintf("side=%q", string(s.Side)))
	if s.Version != "" {
		parts = append(parts, fmt.Sprintf("version=%q", s.Version))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// ErrorRatioQuery draws the share of failed requests over a sliding window
// such as "10s". It has no value while there are no requests, and 0, not
// nothing, while none has failed.
func ErrorRatioQuery(s Selector, window string) string {
	return fmt.Sprintf("(sum(rate(%s%s[%s])) or vector(0)) / (sum(rate(%s%s[%s])) > 0)", errorsTotal, s, window, requestsTotal, s, window)
}

// MeanQuery draws the mean duration in seconds over a sliding window.
func MeanQuery(s Selector, window string) string {
	return fmt.Sprintf("sum(rate(%s%s[%s])) / (sum(rate(%s%s[%s])) > 0)", durationSum, s, window, durationCount, s, window)
}

// RateQuery draws the requests per second over a sliding window.
func RateQuery(s Selector, window string) string {
	return fmt.Sprintf("sum(rate(%s%s[%s]))", requestsTotal, s, window)
}
