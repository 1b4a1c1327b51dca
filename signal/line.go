package signal

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/steersman-ops/steersman/fact"
)

// earliest is the earliest time of a line, in Unix nanoseconds: the year 2000.
// What is before it is a clock that was never set.
const earliest = 946684800 * int64(time.Second)

// FinishLine completes a line that a door has read, or refuses it. Its texts are
// made UTF-8 and cut to the limits, which the line then says. A time that is 0
// becomes the one at which it was seen; one that does not fit must be below 0.
// The fields become labels; of several with one name the last is taken. It may
// change the slice.
func FinishLine(l *fact.Line, fields []fact.Label, lim *Limits, now time.Time) *Refusal {
	l.Text = cutLine(l, l.Text, lim.LineBytes)
	for _, s := range []*string{&l.Level, &l.Instance, &l.Version} {
		*s = Cut(strings.ToValidUTF8(*s, "\uFFFD"), lim.SpanTextBytes)
	}
	if l.Observed <= 0 {
		l.Observed = now.UnixNano()
	}
	if l.At == 0 {
		l.At = l.Observed
	}
	if ref := checkLine(l, len(fields), lim, now); ref != nil {
		return ref
	}
	for i := range fields {
		f := &fields[i]
		if len(f.Name) > lim.LabelNameBytes {
			return Refuse(BadLabels, whereLine(l), fmt.Sprintf("field name %q… is %d bytes long, the limit is %d", Cut(f.Name, 40), len(f.Name), lim.LabelNameBytes), "rename it or raise limits.label_name_bytes")
		}
		f.Name, f.Value = strings.ToValidUTF8(f.Name, "\uFFFD"), cutLine(l, f.Value, lim.LineFieldBytes)
	}
	slices.SortStableFunc(fields, func(a, b fact.Label) int { return strings.Compare(a.Name, b.Name) })
	last := fields[:0]
	for i, f := range fields {
		if i+1 == len(fields) || fields[i+1].Name != f.Name {
			last = append(last, f)
		}
	}
	var err error
	if l.Fields, err = fact.NewLabels(last); err != nil {
		return Refuse(BadLabels, whereLine(l), err.Error(), "mend the fields at the sender")
	}
	return nil
}

func checkLine(l *fact.Line, fields int, lim *Limits, now time.Time) *Refusal {
	const clocks = "check the clock of the sender"
	switch {
	case len(l.Entity.Name) > lim.LabelValueBytes || len(l.Entity.Namespace) > lim.LabelValueBytes:
		return Refuse(BadLabels, whereLine(l), fmt.Sprintf("the name of its service is longer than %d bytes", lim.LabelValueBytes), "shorten it at the sender or raise limits.label_value_bytes")
	case fields > lim.LineFields:
		return Refuse(TooMany, whereLine(l), fmt.Sprintf("%d fields, the limit is %d", fields, lim.LineFields), "drop some at the sender or raise limits.line_fields")
	case l.At < earliest:
		return Refuse(BadTime, whereLine(l), fmt.Sprintf("its time is %d, which is no time in nanoseconds since 1970", uint64(l.At)), clocks)
	case l.At > now.Add(lim.Ahead).UnixNano():
		return Refuse(BadTime, whereLine(l), fmt.Sprintf("its time is %s ahead of our clock", time.Duration(l.At-now.UnixNano()).Round(time.Second)), clocks)
	}
	return nil
}

// cutLine makes a text of a line UTF-8 and cuts it, which the line then says.
func cutLine(l *fact.Line, s string, most int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > most {
		l.Truncated = true
		s = Cut(s, most)
	}
	return s
}

func whereLine(l *fact.Line) string {
	return fmt.Sprintf("line %q of %s", Cut(l.Text, 80), Cut(l.Entity.String(), 80))
}
