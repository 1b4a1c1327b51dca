package stat

import (
	"math"
	"slices"
)

// MADScale makes the median absolute deviation of normal data estimate its
// standard deviation: 1/Φ⁻¹(3/4).
const MADScale = 1.4826

// Median returns the middle of xs, or the mean of the two middles. It sorts
// xs. It is NaN for no values.
func Median(xs []float64) float64 {
	slices.Sort(xs)
	return SortedQuantile(xs, 0.5)
}

// MAD returns the median of xs and the median of the absolute deviations from
// it, unscaled. It overwrites xs. Both are NaN for no values.
func MAD(xs []float64) (median, mad float64) {
	median = Median(xs)
	for i, x := range xs {
		xs[i] = math.Abs(x - median)
	}
	return median, Median(xs)
}

// SortedQuantile returns the q-quantile of sorted values by linear
// interpolation between order statistics (Hyndman and Fan's type 7, the
// default of R and numpy). q is cut to 0..1. It is NaN for no values.
func SortedQuantile(sorted []float64, q float64) float64 {
	n := len(sorted)
	if n == 0 || math.IsNaN(q) {
		return math.NaN()
	}
	h := min(max(q, 0), 1) * float64(n-1)
	i := int(h)
	if i >= n-1 {
		return sorted[n-1]
	}
	f := h - float64(i)
	return sorted[i]*(1-f) + sorted[i+1]*f
}

// WeightedMedian returns the least x at which half of the weight is reached.
// Values with weight 0 or less are left out; it is NaN if none is left.
func WeightedMedian(xs, weights []float64) float64 {
	order := make([]int, 0, len(xs))
	total := 0.0
	for i, w := range weights {
		if w > 0 && i < len(xs) {
			order = append(order, i)
			total += w
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case xs[a] < xs[b]:
			return -1
		case xs[a] > xs[b]:
			return 1
		}
		return 0
	})
	sum := 0.0
	for _, i := range order {
		if sum += weights[i]; sum >= total/2 {
			return xs[i]
		}
	}
	return math.NaN()
}
