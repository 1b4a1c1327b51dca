package quality

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/steersman-ops/steersman/fact"
)

// ContractEvent is the kind of the event by which a contract that a person has
// agreed to comes in; its body is the [fact.Contract].
const ContractEvent = "contract"

// When enough is known to draw up a contract.
const (
	contractAfter   = 30 * 60_000 // ms
	contractBatches = 20
)

// maxBreaches is how many kinds of breach are remembered of one source.
const maxBreaches = 200

// A Breach is one way in which a source did not keep its contract.
type Breach struct {
	Clause string    `json:"clause"`           // schema, type, unit, range, nulls, series, freshness
	Metric string    `json:"metric,omitempty"` // of which metric; empty: of the source
	Count  uint64    `json:"count"`            // rows; of series and freshness: minutes
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
	Text   string    `json:"text"` // the last one, in words
}

type clauseOf struct{ clause, metric string }

// Infer draws up the contract of a source: what it has sent, with a margin.
func (q *Quality) Infer(name string) (fact.Contract, error) {
	s := q.byName[name]
	if s == nil {
		return fact.Contract{}, fmt.Errorf("contract of source %q: %w", name, fact.ErrNotFound)
	}
	if q.now-s.first < contractAfter || s.sent < contractBatches {
		return fact.Contract{}, &fact.Problem{
			What: fmt.Sprintf("source %q was seen for %d s, in %d requests; a contract needs %d s and %d", name, (q.now-s.first)/1000, s.sent, contractAfter/1000, contractBatches),
			Do:   "ask again later",
		}
	}
	c := fact.Contract{
		Source: name, Inferred: time.UnixMilli(q.now).UTC(), EverySeconds: round(s.every / 1000),
		SilentSeconds: round(max(silentLeast, silentTimes*s.every) / 1000), Series: int(s.series)*3/2 + 100,
	}
	means := q.means(s)
	for _, name := range slices.Sorted(maps.Keys(s.metrics)) {
		i := s.metrics[name]
		m := &q.metrics[i]
		if m.series == 0 {
			continue
		}
		if len(c.Metrics) == fact.MaxContractMetrics {
			c.More++
			continue
		}
		c.Metrics = append(c.Metrics, m.contract(means[i]))
	}
	return c, nil
}

// A mean is what the series of one metric have in common.
type mean struct {
	n           int
	step, nulls float64 // sums
}

func (q *Quality) means(s *source) map[uint32]mean {
	out := make(map[uint32]mean, len(s.metrics))
	for i := range uint32(q.series.n) {
		if x := q.series.at(i); x.source == s.number {
			m := out[x.metric]
			m.n++
			m.step += float64(x.step)
			m.nulls += float64(x.nulls) / math.MaxUint16
			out[x.metric] = m
		}
	}
	return out
}

func (m *metric) contract(of mean) fact.MetricContract {
	n := float64(max(of.n, 1))
	c := fact.MetricContract{Name: m.name, Type: m.kind.String(), Unit: m.unit, Series: int(m.series), StepSeconds: round(of.step / n / 1000), Nulls: min(1, round(of.nulls/n*2+0.01))}
	if low, high := m.bounds(); m.ready() && low-low == 0 && high-high == 0 {
		c.Low, c.High = &low, &high
	}
	return c
}

// ready reports whether the range is known.
func (m *metric) ready() bool {
	return m.fixed || m.rows >= rangeRows && m.last-m.since >= rangeFor*9/10
}

// round keeps three digits.
func round(x float64) float64 {
	if x == 0 || x-x != 0 {
		return 0
	}
	to := math.Pow(10, 2-math.Floor(math.Log10(math.Abs(x))))
	return math.Round(x*to) / to
}

// events takes in the contracts that people agreed to.
func (q *Quality) events(b *fact.Batch) {
	for i := range b.Events {
		if b.Events[i].Kind != ContractEvent {
			continue
		}
		var c fact.Contract
		if err := json.Unmarshal([]byte(b.Events[i].Body), &c); err == nil && c.Check() == nil {
			q.Agree(c)
		}
	}
}

// Agree holds a source to a contract from now on. One that is not newer than
// the one that it has changes nothing.
func (q *Quality) Agree(c fact.Contract) {
	s := q.source(c.Source)
	if s.name != c.Source || s.contract != nil && !c.Agreed.After(s.contract.Agreed) {
		return
	}
	for _, i := range s.metrics {
		q.metrics[i].fixed = false
	}
	s.contract, s.breaches = &c, make(map[clauseOf]*Breach)
	for i := range c.Metrics {
		of := &c.Metrics[i]
		place, ok := s.metrics[of.Name]
		if !ok {
			if place = q.place(); place == 0 {
				q.over.Metrics++
				continue
			}
			s.metrics[of.Name] = place
			q.metrics[place] = metric{name: of.Name}
		}
		q.metrics[place].fix(of)
	}
}

// fix holds the metric to what a person has agreed to.
func (m *metric) fix(of *fact.MetricContract) {
	m.kind, _ = fact.ParseSeriesType(of.Type)
	m.unit, m.fixed, m.rows, m.other, m.outside = of.Unit, true, rangeRows, 0, 0
	m.low, m.high = math.Inf(-1), math.Inf(1)
	if of.Low != nil {
		m.low, m.high = *of.Low, *of.High
	}
}

// Agreed returns the contract that a source is held to, and how it has not kept
// it, most first. It is false if there is none.
func (q *Quality) Agreed(name string) (c fact.Contract, breaches []Breach, ok bool) {
	s := q.byName[name]
	if s == nil || s.contract == nil {
		return c, nil, false
	}
	for _, b := range s.breaches {
		breaches = append(breaches, *b)
	}
	slices.SortFunc(breaches, func(a, b Breach) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Clause, b.Clause), cmp.Compare(a.Metric, b.Metric))
	})
	return *s.contract, breaches, true
}

// breach counts one way in which the contract is not kept. Beyond the bound it is
// counted with others of its clause, or, if there are none yet, not at all.
func (s *source) breach(now int64, clause, metric string, n int, text string, args ...any) {
	if s.contract == nil {
		return
	}
	k := clauseOf{clause, metric}
	b := s.breaches[k]
	if b == nil && len(s.breaches) >= maxBreaches {
		k.metric = others
		b = s.breaches[k]
	}
	if b == nil {
		if len(s.breaches) >= 2*maxBreaches {
			return
		}
		b = &Breach{Clause: k.clause, Metric: k.metric, First: time.UnixMilli(now).UTC()}
		s.breaches[k] = b
	}
	b.Count += uint64(n)
	b.Last = time.UnixMilli(now).UTC()
	b.Text = fmt.Sprintf(text, args...)
}

// broken looks at a row that steps flagged, of a metric in the contract.
func (s *source) broken(m *metric, now, t int64, v float64, kind fact.SeriesType, unit string, f uint32) {
	at := time.UnixMilli(t).UTC().Format(time.RFC3339)
	if f&(1<<Range) != 0 {
		s.breach(now, "range", m.name, 1, "%v at %s, where the contract says %v to %v", v, at, m.low, m.high)
	}
	if f&(1<<TypeChange) != 0 {
		s.breach(now, "type", m.name, 1, "declared a %s at %s, where the contract says %s", kind, at, m.kind)
	}
	if f&(1<<UnitChange) != 0 && unit != m.unit {
		s.breach(now, "unit", m.name, 1, "declared in %q at %s, where the contract says %q", unit, at, m.unit)
	} else if f&(1<<UnitChange) != 0 {
		s.breach(now, "unit", m.name, 1, "%v at %s is as large as the values of before would be in another unit than %q", v, at, m.unit)
	}
}

// audit looks once a minute at what no single row tells.
func (q *Quality) audit(s *source) {
	c := s.contract
	if c == nil {
		return
	}
	if silent := (q.now - s.last) / 1000; s.last > 0 && float64(silent) > c.SilentSeconds {
		s.breach(q.now, "freshness", "", 1, "nothing has come for %d s, where the contract says at most %v s", silent, c.SilentSeconds)
	}
	if c.Series > 0 && int(s.series) > c.Series {
		s.breach(q.now, "series", "", 1, "%d series in the last hour, where the contract says at most %d", s.series, c.Series)
	}
	for i := range c.Metrics {
		of := &c.Metrics[i]
		place, ok := s.metrics[of.Name]
		if !ok {
			continue
		}
		m := &q.metrics[place]
		if m.series == 0 && q.now-s.first > forgetAfter*60_000 {
			s.breach(q.now, "schema", m.name, 1, "it has not come for an hour")
		}
		if share := float64(m.nan) / float64(max(m.seen, 1)); m.seen >= fewRows && share > of.Nulls+0.01 {
			s.breach(q.now, "nulls", m.name, int(m.nan), "%.3g %% of the rows of a minute are no number, where the contract says at most %.3g %%", 100*share, 100*of.Nulls)
		}
		m.seen, m.nan = 0, 0
	}
}
