package metrics

import (
	"math"
	"slices"

	"github.com/steersman-ops/steersman/stat"
)

// common is what the services have in common in one second.
type common struct {
	// Busy says that half of the services are slower in what they do
	// themselves: the machine below them has other things to do.
	Busy bool
	// Slower is by how much (a logarithm; three quarters are less slow).
	Slower float64
	// Stalled says that the middle service is slower by a multiple: requests
	// are late everywhere, and some are given up, whoever is asked.
	Stalled bool
	// Load is the middle change of their request rates, as a logarithm.
	Load float64
}

const (
	// fewServices is the number of services below which they have nothing in common.
	fewServices = 4
	busyFrom    = 1.25 // the ratio of the middle service
	stalledFrom = 5    // the same for a standstill
)

// allStand reports whether all of two services or more stand still. They may
// be the only ones that are asked at all then, because requests get no farther.
func allStand(slower []float64) bool {
	return len(slower) >= 2 && slower[0] >= math.Log(stalledFrom)
}

// slownesses is the number of seconds for which common.Slower is remembered:
// those that a window of ten seconds holds, and five that its first mean does.
const slownesses = 16

// worst returns the greatest common slowness of the seconds that are
// remembered.
func (fs *flows) worst() float64 { return slices.Max(fs.slower[:]) }

func (fs *flows) common(t int64) common {
	var slower, load []float64
	known := 0 // services of which it is known how long they take by themselves
	for _, f := range fs.list {
		if f.key.What != service {
			continue
		}
		if f.self.level.Ready() {
			known++
		}
		// Who is not asked any more says nothing about this second.
		if c := f.over(t, 5); c.N >= 5 && t-f.last <= 1 && f.self.level.Ready() {
			middle, _ := f.self.level.Level()
			slower = append(slower, math.Log(f.self.mean(c))-middle)
		}
		if f.load.level.Ready() {
			middle, _ := f.load.level.Level()
			load = append(load, logRate(f.over(t, loadSeconds).N, loadSeconds)-middle)
		}
	}
	var out common
	slices.Sort(slower)
	if len(slower) >= fewServices || known >= fewServices && allStand(slower) {
		middle := stat.SortedQuantile(slower, 0.5)
		out.Busy, out.Stalled = middle >= math.Log(busyFrom), middle >= math.Log(stalledFrom)
		out.Slower = max(stat.SortedQuantile(slower, 0.75), 0)
	}
	if len(load) >= fewServices {
		out.Load = stat.Median(load)
	}
	return out
}
