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
	// Load is the middle change of their request rates, as a logarithm.
	Load float64
}

const (
	// fewServices is the number of services below which they have nothing in common.
	fewServices = 4
	busyFrom    = 1.25 // the ratio of the middle service
)

func (fs *flows) common(t int64) common {
	var slower, load []float64
	for _, f := range fs.list {
		if f.key.What != service {
			continue
		}
		if c := f.over(t, 5); c.N >= 5 && f.self.level.Ready() {
			middle, _ := f.self.level.Level()
			slower = append(slower, math.Log(f.self.mean(c))-middle)
		}
		if f.load.level.Ready() {
			middle, _ := f.load.level.Level()
			load = append(load, logRate(f.over(t, loadSeconds).N, loadSeconds)-middle)
		}
	}
	var out common
	if len(slower) >= fewServices {
		slices.Sort(slower)
		out.Busy = stat.SortedQuantile(slower, 0.5) >= math.Log(busyFrom)
		out.Slower = max(stat.SortedQuantile(slower, 0.75), 0)
	}
	if len(load) >= fewServices {
		out.Load = stat.Median(load)
	}
	return out
}
