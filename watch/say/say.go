// Package say writes numbers the way people read them.
//
// It answers one question: how does this figure look in a sentence? Two
// significant digits are enough to act on; more would claim a precision that
// is not there.
package say

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/steersman-ops/steersman/fact"
)

// two writes x with two significant digits, without trailing zeros.
func two(x float64) string {
	if x >= 10 || x <= -10 {
		return strconv.FormatFloat(math.Round(x), 'f', -1, 64)
	}
	s, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 2, 64), 64)
	if err != nil {
		return strconv.FormatFloat(x, 'g', 2, 64)
	}
	return strconv.FormatFloat(s, 'f', -1, 64)
}

// Percent writes a ratio: 0.123 is "12 %", 0.0034 is "0.34 %".
func Percent(ratio float64) string {
	p := ratio * 100
	switch {
	case p > 99 && p < 100:
		return ">99 %"
	case p > 0 && p < 0.01:
		return "<0.01 %"
	}
	return two(p) + " %"
}

// Seconds writes a duration given in seconds: "0.4 ms", "310 ms", "1.2 s".
func Seconds(s float64) string {
	if ms := s * 1000; ms < 999.5 {
		return two(ms) + " ms"
	}
	return two(s) + " s"
}

// Times writes a factor: "8×", "1.3×".
func Times(x float64) string { return two(x) + "×" }

// Count writes a number of things: whole below a thousand, then "1.2 k", "3.4 M".
func Count(n float64) string {
	switch {
	case n < 999.5:
		return strconv.FormatFloat(math.Round(n), 'f', -1, 64)
	case n < 999500:
		return two(n/1e3) + " k"
	}
	return two(n/1e6) + " M"
}

// Clock writes a moment of the day in UTC: "14:02:10".
func Clock(t time.Time) string { return t.UTC().Format("15:04:05") }

// Ago writes a length of time in its two largest units at most: "40 s",
// "3 min 20 s", "2 h 5 min".
func Ago(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 600 && s%60 != 0:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	case s < 3600:
		return fmt.Sprintf("%d min", s/60)
	case s%3600/60 == 0:
		return fmt.Sprintf("%d h", s/3600)
	}
	return fmt.Sprintf("%d h %d min", s/3600, s%3600/60)
}

// Name writes an entity as people call it in a sentence: by its name, without
// the namespace, which the papers carry beside it. The zero entity is
// "outside".
func Name(e fact.Entity) string {
	if e.IsZero() {
		return "outside"
	}
	return e.Name
}

// Value writes a number in its unit.
func Value(x float64, unit string) string {
	switch unit {
	case "ratio":
		return Percent(x)
	case "seconds", "s":
		return Seconds(x)
	case "requests per second":
		return two(x) + "/s"
	case "bytes", "By":
		return bytes(x)
	}
	if math.Abs(x) >= 1e4 {
		return Count(x)
	}
	return two(x)
}

func bytes(x float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if x >= u.size {
			return two(x/u.size) + " " + u.name
		}
	}
	return two(x) + " B"
}
