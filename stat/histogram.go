package stat

import "math"

// HistogramQuantile estimates the q-quantile of values counted in buckets
// whose upper bounds are first, first·ratio, first·ratio², …, the last bucket
// being without bound. Inside a bucket values are taken to lie evenly in their
// logarithm; the first bucket reaches down to first/ratio. A quantile in the
// last bucket is its lower bound. It is 0 when nothing was counted.
func HistogramQuantile(q, first, ratio float64, counts []uint32) float64 {
	var total uint64
	for _, n := range counts {
		total += uint64(n)
	}
	if total == 0 {
		return 0
	}
	rank := min(max(q, 0), 1) * float64(total)
	var below float64
	lower := first / ratio
	for i, n := range counts {
		if n > 0 && below+float64(n) >= rank {
			if i == len(counts)-1 {
				return lower
			}
			return lower * math.Pow(ratio, max(rank-below, 0)/float64(n))
		}
		below += float64(n)
		lower *= ratio
	}
	return lower / ratio
}
