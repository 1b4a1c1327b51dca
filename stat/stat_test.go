package stat_test

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/steersman-ops/steersman/stat"
)

func near(a, b, rel float64) bool {
	return a == b || math.Abs(a-b) <= rel*math.Max(1e-12, math.Max(math.Abs(a), math.Abs(b))) || math.IsNaN(a) && math.IsNaN(b)
}

func TestMedianAndMAD(t *testing.T) {
	nan := math.NaN()
	for _, tt := range []struct {
		xs          []float64
		median, mad float64
	}{
		{nil, nan, nan},
		{[]float64{5}, 5, 0},
		{[]float64{1, 2}, 1.5, 0.5},
		{[]float64{1, 1, 2, 2, 4, 6, 9}, 2, 1}, // the example of Wikipedia's "Median absolute deviation"
		{[]float64{3, 1, 2, 1e9}, 2.5, 1},
		{[]float64{7, 7, 7}, 7, 0},
	} {
		median, mad := stat.MAD(slices.Clone(tt.xs))
		if !near(median, tt.median, 0) || !near(mad, tt.mad, 0) {
			t.Errorf("MAD(%v) = %v, %v, want %v, %v", tt.xs, median, mad, tt.median, tt.mad)
		}
	}
}

func TestSortedQuantile(t *testing.T) {
	xs := []float64{10, 20, 30, 40}
	for _, tt := range []struct{ q, want float64 }{{-1, 10}, {0, 10}, {0.25, 17.5}, {0.5, 25}, {0.9, 37}, {1, 40}, {2, 40}} {
		if got := stat.SortedQuantile(xs, tt.q); !near(got, tt.want, 1e-12) {
			t.Errorf("quantile %v of %v = %v, want %v", tt.q, xs, got, tt.want)
		}
	}
}

func TestWeightedMedian(t *testing.T) {
	for _, tt := range []struct {
		xs, ws []float64
		want   float64
	}{
		{[]float64{3, 1, 2}, []float64{1, 1, 1}, 2},
		{[]float64{3, 1, 2}, []float64{5, 1, 1}, 3},
		{[]float64{3, 1}, []float64{0, 2}, 1},
		{[]float64{3, 1}, []float64{0, 0}, math.NaN()},
	} {
		if got := stat.WeightedMedian(tt.xs, tt.ws); !near(got, tt.want, 0) {
			t.Errorf("median of %v by %v = %v, want %v", tt.xs, tt.ws, got, tt.want)
		}
	}
}

// A Window must agree with sorting its values again for each question.
func TestWindowAgainstTextbook(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{1, 2, 3, 7, 64, 256} {
		w := stat.NewWindow(size)
		var held []float32
		for i := range 1500 {
			x := float32(r.NormFloat64())
			if r.IntN(2) == 0 {
				x = float32(r.IntN(4)) // ties
			}
			w.Push(x)
			if held = append(held, x); len(held) > size {
				held = held[1:]
			}
			xs := make([]float64, len(held))
			for i, v := range held {
				xs[i] = float64(v)
			}
			wantMedian, wantMAD := stat.MAD(slices.Clone(xs))
			median, mad := w.MAD()
			if median != wantMedian || mad != wantMAD || w.Len() != len(held) {
				t.Fatalf("size %d, push %d: median %v, MAD %v of %d, textbook says %v, %v of %d", size, i, median, mad, w.Len(), wantMedian, wantMAD, len(held))
			}
			slices.Sort(xs)
			if q := r.Float64(); w.Quantile(q) != stat.SortedQuantile(xs, q) || w.Min() != xs[0] || w.Max() != xs[len(xs)-1] {
				t.Fatalf("size %d, push %d: quantile %v differs from the textbook", size, i, q)
			}
			if !slices.Equal(w.Values(nil), held) {
				t.Fatalf("size %d, push %d: values differ", size, i)
			}
		}
	}
}

func TestAWindowOfNothing(t *testing.T) {
	var w stat.Window
	w.Push(1)
	if m, mad := w.MAD(); !math.IsNaN(m) || !math.IsNaN(mad) || w.Len() != 0 {
		t.Errorf("the zero Window has a median %v and MAD %v", m, mad)
	}
}

// exactTail sums binomial terms in rational arithmetic.
func exactTail(k, n int, num, den int64) float64 {
	p, q := big.NewRat(num, den), big.NewRat(den-num, den)
	sum := new(big.Rat)
	for i := max(k, 0); i <= n; i++ {
		term := new(big.Rat).SetInt(new(big.Int).Binomial(int64(n), int64(i)))
		for range i {
			term.Mul(term, p)
		}
		for range n - i {
			term.Mul(term, q)
		}
		sum.Add(sum, term)
	}
	f, _ := sum.Float64()
	return math.Log(f)
}

// exactBetaTail does the same for integer a and b: rising factorials.
func exactBetaTail(k, n, a, b int) float64 {
	rise := func(x, m int) *big.Rat {
		out := big.NewRat(1, 1)
		for i := range m {
			out.Mul(out, big.NewRat(int64(x+i), 1))
		}
		return out
	}
	sum := new(big.Rat)
	for i := max(k, 0); i <= n; i++ {
		term := new(big.Rat).SetInt(new(big.Int).Binomial(int64(n), int64(i)))
		term.Mul(term, rise(a, i)).Mul(term, rise(b, n-i)).Quo(term, rise(a+b, n))
		sum.Add(sum, term)
	}
	f, _ := sum.Float64()
	return math.Log(f)
}

func TestTailsAgainstRationalArithmetic(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 400 {
		n := 1 + r.IntN(40)
		k := r.IntN(n + 1)
		num, den := 1+r.Int64N(99), int64(100)
		if got, want := stat.BinomialTail(k, n, float64(num)/float64(den)), exactTail(k, n, num, den); math.Abs(got-want) > 1e-9*(1+math.Abs(want)) {
			t.Fatalf("BinomialTail(%d, %d, %d/%d) = %v, exact %v", k, n, num, den, got, want)
		}
		a, b := 1+r.IntN(20), 1+r.IntN(200)
		if got, want := stat.BetaBinomialTail(k, n, float64(a), float64(b)), exactBetaTail(k, n, a, b); math.Abs(got-want) > 1e-9*(1+math.Abs(want)) {
			t.Fatalf("BetaBinomialTail(%d, %d, %d, %d) = %v, exact %v", k, n, a, b, got, want)
		}
	}
}

func TestTailsByHand(t *testing.T) {
	inf := math.Inf(-1)
	for _, tt := range []struct {
		name      string
		got, want float64
	}{
		{"all of three coins", stat.BinomialTail(3, 3, 0.5), math.Log(1.0 / 8)},
		{"at least one of two dice is a six", stat.BinomialTail(1, 2, 1.0/6), math.Log(11.0 / 36)},
		{"none is certain", stat.BinomialTail(0, 5, 0.1), 0},
		{"more than there are", stat.BinomialTail(6, 5, 0.1), inf},
		{"never", stat.BinomialTail(1, 5, 0), inf},
		{"always", stat.BinomialTail(5, 5, 1), 0},
		{"uniform prior: every count is as likely", stat.BetaBinomialTail(3, 4, 1, 1), math.Log(2.0 / 5)},
		{"a sure prior is a binomial", stat.BetaBinomialTail(3, 10, 1e7, 9e7), stat.BinomialTail(3, 10, 0.1)},
	} {
		if !near(tt.got, tt.want, 1e-6) {
			t.Errorf("%s: %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}

func TestDeviations(t *testing.T) {
	for _, tt := range []struct{ p, want float64 }{ // published one-sided normal tails
		{0.5, 0}, {0.9, 0}, {0.15865525393145707, 1}, {0.022750131948179212, 2}, {2.866515718791939e-07, 5}, {7.61985302416047e-24, 10},
	} {
		if got := stat.Deviations(math.Log(tt.p)); math.Abs(got-tt.want) > 1e-6 {
			t.Errorf("a tail of %v is %v deviations, want %v", tt.p, got, tt.want)
		}
	}
	// scipy.stats.norm.logsf(40) = -804.608442…; 100: -5005.524208…
	for _, tt := range []struct{ logP, want float64 }{{-804.608442, 40}, {-5005.524208, 100}} {
		if got := stat.Deviations(tt.logP); math.Abs(got-tt.want) > 1e-3 {
			t.Errorf("a tail of exp(%v) is %v deviations, want %v", tt.logP, got, tt.want)
		}
	}
	last := 0.0
	for l := -0.7; l > -2000; l -= 0.7 {
		z := stat.Deviations(l)
		if z < last {
			t.Fatalf("Deviations(%v) = %v, less than %v of a less rare tail", l, z, last)
		}
		last = z
	}
	if !math.IsInf(stat.Deviations(math.Inf(-1)), 1) || stat.Deviations(math.NaN()) != 0 {
		t.Error("the impossible is not infinitely far, or NaN is far")
	}
}

func TestHistogramQuantile(t *testing.T) {
	for _, tt := range []struct {
		name   string
		q      float64
		counts []uint32
		want   float64
	}{
		{"nothing", 0.5, []uint32{0, 0, 0}, 0},
		{"the end of a bucket is its bound", 0.5, []uint32{5, 5, 0}, 1},
		{"the middle of a bucket is the middle of its logarithms", 0.75, []uint32{5, 5, 0}, math.Sqrt2},
		{"the top", 1, []uint32{5, 5, 0}, 2},
		{"without bound", 0.9, []uint32{0, 0, 3}, 2},
	} {
		if got := stat.HistogramQuantile(tt.q, 1, 2, tt.counts); !near(got, tt.want, 1e-12) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	// Against the values themselves: never off by more than a factor of two.
	r := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		counts := make([]uint32, 20)
		var xs []float64
		for range 1 + r.IntN(200) {
			x := max(math.Exp(r.NormFloat64()*2+3), 0.25)
			i := 0
			for b := 0.5; x > b && i < 19; b *= 2 {
				i++
			}
			counts[i]++
			xs = append(xs, x)
		}
		slices.Sort(xs)
		q := r.Float64()
		got, want := stat.HistogramQuantile(q, 0.5, 2, counts), xs[max(int(math.Ceil(q*float64(len(xs))))-1, 0)]
		if ratio := got / want; ratio < 0.4999 || ratio > 2.0001 {
			t.Fatalf("quantile %v: %v, the values say %v", q, got, want)
		}
	}
}

func BenchmarkWindow(b *testing.B) {
	for _, n := range []int{64, 256} {
		b.Run(fmt.Sprintf("size=%d", n), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 1))
			xs := make([]float32, 1024)
			for i := range xs {
				xs[i] = float32(r.NormFloat64())
			}
			w := stat.NewWindow(n)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				w.Push(xs[i&1023])
				w.MAD()
				i++
			}
		})
	}
}

func BenchmarkBetaBinomialTail(b *testing.B) {
	for b.Loop() {
		stat.BetaBinomialTail(90, 300, 3, 2000)
	}
}
