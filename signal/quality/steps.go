package quality

import "strings"

// A Step is one named and versioned rule.
type Step uint8

// The steps, in the order in which they are shown.
const (
	Late Step = iota
	Duplicate
	OutOfOrder
	SkewedClock
	CounterReset
	UnitChange
	TypeChange
	Gap
	Stuck
	CardinalityJump
	NullRate
	Range

	steps
)

// A rule is what is to be known of a step.
type rule struct {
	name   string
	text   string
	weight float64 // of the score: what is left of it when the step flags all that it may, see Score
	share  float64 // of its rows flagged, at which that is so
}

// rules belong to the steps. The number after the slash grows when a rule gives
// other answers than before.
func (s Step) rule() rule {
	return [steps]rule{
		Late:            {"late/1", "came later after its time than the source's rows do: beyond its usual delay by 30 s and by six times what that delay varies", 0.3, 0.5},
		Duplicate:       {"duplicate/1", "the same series at the same time once more, as the newest row or one of the two before it", 0.2, 0.5},
		OutOfOrder:      {"out_of_order/1", "older than the newest row of its series, and none that was there already", 0.3, 0.3},
		SkewedClock:     {"skewed_clock/1", "its time lies more than 2 s after its arrival, or even the newest rows of five batches in a row are equally late", 0.6, 0.2},
		CounterReset:    {"counter_reset/1", "a counter is lower than before", 0.2, 0.3},
		UnitChange:      {"unit_change/1", "another unit is declared than before, or five values in a row of a series of steady size are those of before times 1000, 1024, 60, 100, 3600, or a power or part of these", 0.8, 0.05},
		TypeChange:      {"type_change/1", "another type is declared than before", 0.6, 0.05},
		Gap:             {"gap/1", "the first row after rows are missing: two and a half times the usual step after the one before, more where steps vary; not after a stale marker", 0.5, 0.2},
		Stuck:           {"stuck/1", "a gauge that moves has stood at one value, not zero, for so long as chance would give it once in a million times", 0.6, 0.2},
		CardinalityJump: {"cardinality_jump/1", "a new series beyond one and a half times as many in a minute as the source had", 0.5, 0.1},
		NullRate:        {"null_rate/1", "not a number, in a series that has hardly ever such rows; or the end of more than half of the source's series within a minute", 0.6, 0.2},
		Range:           {"range/1", "outside the range of its metric: as far beyond what was seen as that reaches, or negative where nothing was", 0.6, 0.05},
	}[s]
}

// String returns the name with the version: "late/1".
func (s Step) String() string {
	if s >= steps {
		return ""
	}
	return s.rule().name
}

// Explain says in words which rows a step flags.
func (s Step) Explain() string { return s.rule().text }

// Steps returns all steps.
func Steps() []Step {
	out := make([]Step, steps)
	for i := range out {
		out[i] = Step(i)
	}
	return out
}

// ParseStep returns the step with that name and version.
func ParseStep(name string) (Step, bool) {
	for _, s := range Steps() {
		if s.String() == name {
			return s, true
		}
	}
	return 0, false
}

// A Count is what one step did with the rows of one source.
type Count struct {
	Seen    uint64
	Flagged uint64
}

// Counts are the counts of all steps, by step.
type Counts [steps]Count

func (c *Counts) plus(o *Counts) {
	for s := range c {
		c[s].Seen += o[s].Seen
		c[s].Flagged += o[s].Flagged
	}
}

// name is the step's without its version.
func (s Step) name() string {
	name, _, _ := strings.Cut(s.String(), "/")
	return name
}

// version is the step's without its name.
func (s Step) version() string {
	_, version, _ := strings.Cut(s.String(), "/")
	return version
}
