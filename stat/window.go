package stat

import "math"

// MaxWindow is the largest size of a [Window]: its order is kept in bytes.
const MaxWindow = 256

// A Window is the last n values of a series, in single precision, with their
// order at hand: adding one costs O(n) byte moves, a quantile O(1), the MAD
// O(n), and nothing allocates. Its zero value holds nothing and takes nothing;
// see [NewWindow].
type Window struct {
	ring  []float32
	order []uint8 // places in ring, by value and, among equals, in no promised order
	next  uint8   // the place that the next value takes
}

// NewWindow returns a Window of the given size, cut to 1..MaxWindow.
func NewWindow(size int) Window { return NewWindows(1, size)[0] }

// NewWindows returns n Windows that lie side by side in memory: for many it is
// cheaper than one at a time, but none is freed before all are.
func NewWindows(n, size int) []Window {
	size = min(max(size, 1), MaxWindow)
	rings, orders := make([]float32, n*size), make([]uint8, n*size)
	out := make([]Window, n)
	for i := range out {
		from, to := i*size, (i+1)*size
		out[i] = Window{ring: rings[from:to:to], order: orders[from:from:to]}
	}
	return out
}

// Len returns the number of values held, Size the most it can hold.
func (w *Window) Len() int { return len(w.order) }

// Size returns the most values that w can hold.
func (w *Window) Size() int { return len(w.ring) }

// Push adds x, in place of the oldest value when w is full. x must be finite.
func (w *Window) Push(x float32) {
	if len(w.ring) == 0 {
		return
	}
	if len(w.order) == len(w.ring) {
		w.remove(w.next)
	}
	w.ring[w.next] = x
	i := w.search(x)
	w.order = w.order[:len(w.order)+1]
	copy(w.order[i+1:], w.order[i:])
	w.order[i] = w.next
	w.next++
	if int(w.next) == len(w.ring) {
		w.next = 0
	}
}

// search returns the number of values less than x.
func (w *Window) search(x float32) int {
	lo, hi := 0, len(w.order)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if w.ring[w.order[mid]] < x {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// remove takes the value at a place of the ring out of the order.
func (w *Window) remove(place uint8) {
	i := w.search(w.ring[place])
	for w.order[i] != place {
		i++
	}
	copy(w.order[i:], w.order[i+1:])
	w.order = w.order[:len(w.order)-1]
}

// Reset empties w.
func (w *Window) Reset() { w.order, w.next = w.order[:0], 0 }

func (w *Window) sorted(i int) float64 { return float64(w.ring[w.order[i]]) }

// Quantile returns the q-quantile as [SortedQuantile] does; NaN when empty.
func (w *Window) Quantile(q float64) float64 {
	n := len(w.order)
	if n == 0 || math.IsNaN(q) {
		return math.NaN()
	}
	h := min(max(q, 0), 1) * float64(n-1)
	i := int(h)
	if i >= n-1 {
		return w.sorted(n - 1)
	}
	f := h - float64(i)
	return w.sorted(i)*(1-f) + w.sorted(i+1)*f
}

// Median returns the middle value; NaN when empty.
func (w *Window) Median() float64 { return w.Quantile(0.5) }

// MAD returns the median and the median absolute deviation, unscaled; NaN when
// empty. It walks outwards from the median, the nearer neighbour first, until
// half of the values are passed.
func (w *Window) MAD() (median, mad float64) {
	n := len(w.order)
	median = w.Median()
	if n == 0 {
		return median, math.NaN()
	}
	hi := n / 2
	lo := hi - 1
	var before, last float64
	for range n/2 + 1 {
		before = last
		switch {
		case lo < 0:
			last = w.sorted(hi) - median
			hi++
		case hi >= n || median-w.sorted(lo) <= w.sorted(hi)-median:
			last = median - w.sorted(lo)
			lo--
		default:
			last = w.sorted(hi) - median
			hi++
		}
	}
	if n%2 == 0 {
		return median, (before + last) / 2
	}
	return median, last
}

// Values appends the values held to dst, oldest first.
func (w *Window) Values(dst []float32) []float32 {
	for v := range w.All {
		dst = append(dst, v)
	}
	return dst
}

// All yields the values held, oldest first.
func (w *Window) All(yield func(float32) bool) {
	n, from := len(w.order), 0
	if n == len(w.ring) {
		from = int(w.next)
	}
	for i := range n {
		if !yield(w.ring[(from+i)%len(w.ring)]) {
			return
		}
	}
}

// Min returns the least value; NaN when empty.
func (w *Window) Min() float64 { return w.Quantile(0) }

// Max returns the greatest value; NaN when empty.
func (w *Window) Max() float64 { return w.Quantile(1) }
