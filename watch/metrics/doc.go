// Package metrics finds what left its normal range in the numbers: errors,
// durations and traffic of every service and edge, and every other series.
package metrics
