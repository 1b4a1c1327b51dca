// Package family says how the series of a metric family count.
//
// It answers one question: a family is a histogram, say; is its series with
// _sum behind the name a counter or a gauge? Prometheus' formats declare types by
// family, and [fact.Series] by series.
//
// # Limits
//
// A series that happens to end like a part of its family, such as a histogram
// named jobs_count, is taken for that part.
package family

import (
	"iter"
	"strings"

	"github.com/steersman-ops/steersman/fact"
)

// Type is a family's type, numbered as remote write numbers them.
type Type uint64

// The types of families.
const (
	Unknown Type = iota
	Counter
	Gauge
	Histogram
	GaugeHistogram
	Summary
	Info
	Stateset
)

// Parse returns the type of that name, as the text format writes it. What it
// does not know is Unknown.
func Parse(name string) Type {
	for i, known := range [...]string{"unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset"} {
		if name == known {
			return Type(i)
		}
	}
	return Unknown
}

// Own returns the type of the series that has its family's very name.
func (t Type) Own() fact.SeriesType {
	switch t {
	case Counter:
		return fact.Counter
	case Gauge, Info, Stateset, Summary: // a summary's quantiles
		return fact.Gauge
	}
	return fact.Untyped
}

// Of returns the type of the series called metric in a family of type t.
func (t Type) Of(metric string) fact.SeriesType {
	typ := t.Own()
	for _, s := range suffixes {
		if own, ok := s.types[t]; ok && strings.HasSuffix(metric, s.text) {
			typ = own
		}
	}
	return typ
}

// A Suffix is what a family's series may have behind its name.
type Suffix struct {
	text  string
	types map[Type]fact.SeriesType
}

// In returns how a series with that suffix counts in a family of type t, and
// whether such families have one.
func (s Suffix) In(t Type) (fact.SeriesType, bool) {
	typ, ok := s.types[t]
	return typ, ok
}

var suffixes = [...]Suffix{
	{"_bucket", map[Type]fact.SeriesType{Histogram: fact.Counter, GaugeHistogram: fact.Gauge}},
	{"_sum", map[Type]fact.SeriesType{Histogram: fact.Counter, Summary: fact.Counter}},
	{"_count", map[Type]fact.SeriesType{Histogram: fact.Counter, Summary: fact.Counter}},
	{"_total", map[Type]fact.SeriesType{Counter: fact.Counter}},
	{"_created", map[Type]fact.SeriesType{Counter: fact.Gauge, Histogram: fact.Gauge, Summary: fact.Gauge}},
	{"_gsum", map[Type]fact.SeriesType{GaugeHistogram: fact.Gauge}},
	{"_gcount", map[Type]fact.SeriesType{GaugeHistogram: fact.Gauge}},
	{"_info", map[Type]fact.SeriesType{Info: fact.Gauge}},
}

// Names yields the names that the family of the series called metric may have,
// beside metric itself, each with what was cut off.
func Names(metric string) iter.Seq2[string, Suffix] {
	return func(yield func(string, Suffix) bool) {
		for _, s := range suffixes {
			if name, ok := strings.CutSuffix(metric, s.text); ok && !yield(name, s) {
				return
			}
		}
	}
}
