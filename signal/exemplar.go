package signal

import (
	"unicode/utf8"

	"github.com/steersman-ops/steersman/fact"
)

// ExemplarAttrs makes labels of what is told with an exemplar. They are the zero
// value if nothing is told, or what cannot be kept. It may change the slice.
func ExemplarAttrs(ls []fact.Label) fact.Labels {
	size := 0
	for _, l := range ls {
		size += utf8.RuneCountInString(l.Name) + utf8.RuneCountInString(l.Value)
	}
	if size > fact.MaxExemplarAttrs {
		return fact.Labels{}
	}
	out, err := fact.NewLabels(ls)
	if err != nil {
		return fact.Labels{}
	}
	return out
}
