// Package learntest checks that a learner keeps the promises that all our
// learners make (see package learn), so that one can replace another.
//
// # Limits
//
// It feeds plain noise. Whether a learner is any good at what it is for is for
// its own tests to show.
package learntest

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/steersman-ops/steersman/learn"
)

// Check runs the promises as subtests. New must return a fresh detector; after
// learning warmup values of standard normal noise it must be ready.
func Check(t *testing.T, warmup int, New func() learn.Detector) {
	t.Helper()
	warm := func(t *testing.T, seed uint64) learn.Detector {
		t.Helper()
		d := New()
		r := rand.New(rand.NewPCG(seed, 1))
		for range warmup {
			if err := d.Learn(r.NormFloat64()); err != nil {
				t.Fatalf("Learn: %v", err)
			}
		}
		return d
	}
	t.Run("ScoreDoesNotLearn", func(t *testing.T) { scoreDoesNotLearn(t, warm(t, 1)) })
	t.Run("NotReadyIsAnError", func(t *testing.T) {
		if s, err := New().Score(1); !errors.Is(err, learn.ErrNotReady) {
			t.Errorf("Score of a fresh detector = %v, %v, want ErrNotReady", s, err)
		}
		score(t, warm(t, 2), 1)
	})
	t.Run("FartherIsNotLessSurprising", func(t *testing.T) { fartherIsNotLess(t, warm(t, 3)) })
	t.Run("BadValuesChangeNothing", func(t *testing.T) { badValuesChangeNothing(t, warm(t, 4)) })
	t.Run("SameDataSameScore", func(t *testing.T) { same(t, warm(t, 5), warm(t, 5)) })
	t.Run("RoundTripIsExact", func(t *testing.T) {
		for n := range 3 * warmup {
			d := New()
			r := rand.New(rand.NewPCG(6, uint64(n)))
			for range n {
				if err := d.Learn(math.Exp(20 * r.NormFloat64())); err != nil {
					t.Fatalf("Learn: %v", err)
				}
			}
			RoundTrip(t, d, New())
		}
	})
	t.Run("BrokenBytesAreRefused", func(t *testing.T) { brokenBytes(t, warm(t, 7), warm(t, 8)) })
}

func score(t *testing.T, d learn.Detector, x float64) float64 {
	t.Helper()
	s, err := d.Score(x)
	if err != nil {
		t.Fatalf("Score(%v): %v", x, err)
	}
	if !(s >= 0) {
		t.Fatalf("Score(%v) = %v, want 0 or more", x, s)
	}
	return s
}

func scoreDoesNotLearn(t *testing.T, d learn.Detector) {
	before := bytesOf(t, d)
	a := score(t, d, 5)
	for range 100 {
		score(t, d, 1e6)
	}
	if b := score(t, d, 5); a != b {
		t.Errorf("Score(5) went from %v to %v without Learn", a, b)
	}
	if string(before) != string(bytesOf(t, d)) {
		t.Error("Score changed the state")
	}
}

func fartherIsNotLess(t *testing.T, d learn.Detector) {
	for _, sign := range []float64{-1, 1} {
		last := -1.0
		for x := 10.0; x < 1e9; x *= 1.5 {
			s := score(t, d, sign*x)
			if s < last {
				t.Errorf("Score(%v) = %v, less than %v nearer by", sign*x, s, last)
			}
			last = s
		}
		if near := score(t, d, 0); near >= last {
			t.Errorf("Score(0) = %v is not less than %v far away", near, last)
		}
	}
}

func badValuesChangeNothing(t *testing.T, d learn.Detector) {
	before := bytesOf(t, d)
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if _, err := d.Score(x); !errors.Is(err, learn.ErrNotFinite) {
			t.Errorf("Score(%v): error %v, want ErrNotFinite", x, err)
		}
		if err := d.Learn(x); !errors.Is(err, learn.ErrNotFinite) {
			t.Errorf("Learn(%v): error %v, want ErrNotFinite", x, err)
		}
	}
	if string(before) != string(bytesOf(t, d)) {
		t.Error("a value that was refused changed the state")
	}
}

func bytesOf(t *testing.T, d learn.Detector) []byte {
	t.Helper()
	b, err := d.AppendBinary(nil)
	if err != nil {
		t.Fatalf("AppendBinary: %v", err)
	}
	return b
}

// same checks that two detectors answer alike, now and while they learn on.
func same(t *testing.T, a, b learn.Detector) {
	t.Helper()
	r := rand.New(rand.NewPCG(9, 9))
	for i := range 300 {
		x := r.NormFloat64() * 3
		s1, err1 := a.Score(x)
		s2, err2 := b.Score(x)
		if s1 != s2 || !errors.Is(err2, err1) {
			t.Fatalf("value %d: Score(%v) = %v, %v and %v, %v", i, x, s1, err1, s2, err2)
		}
		if err1, err2 := a.Learn(x), b.Learn(x); err1 != nil || err2 != nil {
			t.Fatalf("value %d: Learn(%v): %v and %v", i, x, err1, err2)
		}
	}
}

// RoundTrip writes d to bytes, reads them into fresh, and checks that both are
// the same. Fuzz targets of learners end with it.
func RoundTrip(t *testing.T, d, fresh learn.Detector) {
	t.Helper()
	b := bytesOf(t, d)
	if err := fresh.UnmarshalBinary(b); err != nil {
		t.Fatalf("read back %d bytes: %v", len(b), err)
	}
	if string(b) != string(bytesOf(t, fresh)) {
		t.Error("the bytes of what was read back differ")
	}
	same(t, d, fresh)
}

func brokenBytes(t *testing.T, d, target learn.Detector) {
	b := bytesOf(t, d)
	before := bytesOf(t, target)
	for _, bad := range [][]byte{nil, b[:len(b)-1], append(append([]byte(nil), b...), 0)} {
		if err := target.UnmarshalBinary(bad); err == nil {
			t.Errorf("%d of %d bytes were taken", len(bad), len(b))
		}
	}
	if string(before) != string(bytesOf(t, target)) {
		t.Error("bytes that were refused changed the state")
	}
}
