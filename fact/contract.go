package fact

import (
	"fmt"
	"math"
	"time"
)

// A Contract says what a source sends, as it was seen to, and as a person has
// agreed to it if one has.
type Contract struct {
	Source        string           `json:"source"`
	Inferred      time.Time        `json:"inferred"`        // when it was drawn up, in the time of the log
	Agreed        time.Time        `json:"agreed,omitzero"` // zero: nobody has agreed yet
	By            string           `json:"by,omitempty"`    // who agreed
	Why           string           `json:"why,omitempty"`   // as told
	EverySeconds  float64          `json:"everySeconds"`    // it sends about so often
	SilentSeconds float64          `json:"silentSeconds"`   // without anything for so long it is silent
	Series        int              `json:"series"`          // it has at most so many at a time
	Metrics       []MetricContract `json:"metrics"`         // in order of name
	More          int              `json:"more,omitempty"`  // metrics that it has beside these; they are not in the contract
}

// A MetricContract is what a contract says of one metric.
type MetricContract struct {
	Name        string   `json:"name"`
	Type        string   `json:"type"` // untyped, gauge, counter, delta
	Unit        string   `json:"unit,omitempty"`
	Low         *float64 `json:"low,omitempty"`  // of a gauge: no value is lower
	High        *float64 `json:"high,omitempty"` // of a gauge: none is higher
	StepSeconds float64  `json:"stepSeconds"`    // usual time between two rows of a series; 0: not known
	Series      int      `json:"series"`         // when it was drawn up
	Nulls       float64  `json:"nulls"`          // share of rows that are no number, at most
}

// MaxContractMetrics is how many metrics a contract can be about.
const MaxContractMetrics = 2000

// String returns the name: untyped, gauge, counter, delta.
func (t SeriesType) String() string {
	if t > Delta {
		return fmt.Sprintf("type %d", uint8(t))
	}
	return [...]string{"untyped", "gauge", "counter", "delta"}[t]
}

// ParseSeriesType reads what String writes.
func ParseSeriesType(s string) (SeriesType, bool) {
	for t := range Delta + 1 {
		if t.String() == s {
			return t, true
		}
	}
	return 0, false
}

// Check reports what is wrong with the contract.
func (c *Contract) Check() error {
	wrong := func(where, what string, args ...any) error {
		return &Problem{Where: where, What: fmt.Sprintf(what, args...), Do: "begin from the contract that was inferred, and change what differs"}
	}
	switch {
	case c.Source == "" || len(c.Source) > 256:
		return wrong("source", "%q is no name of a source", c.Source)
	case !(c.EverySeconds >= 0 && c.SilentSeconds > 0 && !math.IsInf(c.EverySeconds+c.SilentSeconds, 0)):
		return wrong("silentSeconds", "it sends every %v s and is silent after %v s: want more than nothing", c.EverySeconds, c.SilentSeconds)
	case c.Series < 0 || c.More < 0:
		return wrong("series", "%d series and %d more metrics: want none or more", c.Series, c.More)
	case len(c.Metrics) > MaxContractMetrics:
		return wrong("metrics", "%d metrics, the limit is %d", len(c.Metrics), MaxContractMetrics)
	}
	for i := range c.Metrics {
		m := &c.Metrics[i]
		where := fmt.Sprintf("metric %q", m.Name)
		_, known := ParseSeriesType(m.Type)
		switch {
		case m.Name == "" || len(m.Name) > 1024 || len(m.Unit) > 256:
			return wrong(where, "no name, or one that is too long")
		case i > 0 && c.Metrics[i-1].Name >= m.Name:
			return wrong(where, "it comes twice, or after one that it should come before")
		case !known:
			return wrong(where, "type %q is none of untyped, gauge, counter, delta", m.Type)
		case !(m.Nulls >= 0 && m.Nulls <= 1 && m.StepSeconds >= 0 && m.Series >= 0):
			return wrong(where, "%v of its rows are no number, every %v s, %d series: want a share, and none below nothing", m.Nulls, m.StepSeconds, m.Series)
		case (m.Low == nil) != (m.High == nil):
			return wrong(where, "only one end of its range is given")
		case m.Low != nil && !(*m.Low <= *m.High && !math.IsInf(*m.Low, 0) && !math.IsInf(*m.High, 0)):
			return wrong(where, "its range from %v to %v is none", *m.Low, *m.High)
		}
	}
	return nil
}
