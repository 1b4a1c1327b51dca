package stat

import "math"

// BinomialTail returns ln P(K ≥ k) for K errors among n trials of probability
// p. Arguments outside their ranges are cut to them.
func BinomialTail(k, n int, p float64) float64 {
	n = max(n, 0)
	switch {
	case k <= 0 || p >= 1 && k <= n:
		return 0
	case k > n || p <= 0:
		return math.Inf(-1)
	}
	lp, lq := math.Log(p), math.Log1p(-p)
	term := lChoose(n, k) + float64(k)*lp + float64(n-k)*lq
	return tail(k, n, term, float64(n)*p, func(i int) float64 {
		return math.Log(float64(n-i)/float64(i+1)) + lp - lq
	})
}

// BetaBinomialTail returns ln P(K ≥ k) for K errors among n trials whose
// probability is itself uncertain, as Beta(a, b): a-1 errors and b-1 successes
// were seen, so to say. a and b must be positive.
func BetaBinomialTail(k, n int, a, b float64) float64 {
	n = max(n, 0)
	switch {
	case k <= 0:
		return 0
	case k > n:
		return math.Inf(-1)
	}
	term := lChoose(n, k) + lBeta(float64(k)+a, float64(n-k)+b) - lBeta(a, b)
	return tail(k, n, term, float64(n)*a/(a+b), func(i int) float64 {
		f := float64(i)
		return math.Log(float64(n-i) / (f + 1) * (f + a) / (float64(n-i) - 1 + b))
	})
}

// tail sums the probabilities of k, k+1, …, n, given the logarithm of the
// first and of the ratio of each to the next. Beyond the mean they fall, so
// the sum ends when a term no longer counts.
func tail(k, n int, term, mean float64, step func(i int) float64) float64 {
	first, rel, sum := term, 0.0, 1.0
	for i := k; i < n; i++ {
		rel += step(i)
		t := math.Exp(rel)
		sum += t
		if float64(i) > mean && t < sum*1e-15 {
			break
		}
	}
	return math.Min(first+math.Log(sum), 0)
}

func lGamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}

func lChoose(n, k int) float64 {
	return lGamma(float64(n)+1) - lGamma(float64(k)+1) - lGamma(float64(n-k)+1)
}

func lBeta(a, b float64) float64 { return lGamma(a) + lGamma(b) - lGamma(a+b) }

// PoissonNone returns ln P(no event) when mean events are expected.
func PoissonNone(mean float64) float64 { return -math.Max(mean, 0) }

// Deviations returns the number of standard deviations z above the mean at
// which a normal variable's upper tail is exp(logP); 0 when that is at least
// one half. It is exact to some 10 digits.
func Deviations(logP float64) float64 {
	switch {
	case math.IsNaN(logP) || logP >= math.Log(0.5):
		return 0
	case math.IsInf(logP, -1):
		return math.Inf(1)
	}
	// Newton's method; the slope of the logarithm of the tail is about -(z+1/z).
	z := math.Sqrt(-2 * logP)
	for range 50 {
		step := (logNormalTail(z) - logP) / (z + 1/(z+1))
		if z += step; math.Abs(step) < 1e-12*z {
			break
		}
		z = math.Max(z, 0)
	}
	return z
}

// logNormalTail returns ln(1 - Φ(z)) for z ≥ 0; far out by the asymptotic
// series of Mills' ratio (Abramowitz and Stegun 26.2.12).
func logNormalTail(z float64) float64 {
	if z < 30 {
		return math.Log(math.Erfc(z/math.Sqrt2) / 2)
	}
	z2 := z * z
	return -z2/2 - math.Log(z*math.Sqrt(2*math.Pi)) + math.Log1p(-1/z2+3/(z2*z2)-15/(z2*z2*z2))
}
