package topology

// delays remembers by how much spans came after they ended: a histogram in
// steps of a quarter of a second, halved every half minute.
type delays struct {
	Counts [64]uint32 // the last holds all longer delays
	Total  uint32
	Halved int64 // ms
}

const (
	delayStep = 250 // ms
	// enoughDelays is the number of spans below which their delays say nothing.
	enoughDelays = 50
)

func (d *delays) add(ms int64) {
	if d.Total >= 1<<30 {
		return
	}
	d.Counts[min(max(ms, 0)/delayStep, int64(len(d.Counts)-1))]++
	d.Total++
}

// lateness returns the time that 99 of 100 spans needed, and a step more,
// within lo and hi.
func (d *delays) lateness(now, lo, hi int64) int64 {
	if now-d.Halved >= 30_000 {
		d.Halved, d.Total = now, 0
		for i := range d.Counts {
			d.Counts[i] /= 2
			d.Total += d.Counts[i]
		}
	}
	if d.Total < enoughDelays {
		return lo
	}
	left := d.Total / 100
	i := len(d.Counts) - 1
	for ; i > 0 && d.Counts[i] <= left; i-- {
		left -= d.Counts[i]
	}
	return min(max(int64(i+2)*delayStep, lo), hi)
}
