package level_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/steersman-ops/steersman/learn"
	"github.com/steersman-ops/steersman/learn/learntest"
	"github.com/steersman-ops/steersman/learn/level"
)

func detector(t testing.TB, cfg level.Config, xs ...float64) *level.Detector {
	t.Helper()
	d, err := level.New(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range xs {
		if err := d.Learn(x); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func TestPromises(t *testing.T) {
	learntest.Check(t, 32, func() learn.Detector { return detector(t, level.Config{Window: 64}) })
}

func TestScore(t *testing.T) {
	for _, tt := range []struct {
		name   string
		cfg    level.Config
		window []float64
		x      float64
		want   float64
		err    error
	}{
		{name: "middle", window: []float64{1, 2, 3}, x: 2, want: 0},
		{name: "one deviation", window: []float64{1, 2, 3}, x: 3, want: 1 / 1.4826},
		{name: "below is as far as above", window: []float64{1, 2, 3}, x: 1, want: 1 / 1.4826},
		{name: "one outlier does not move the level", window: []float64{1, 2, 3, 2, 1e9}, x: 2, want: 0},
		{name: "a flat series uses the floor", cfg: level.Config{Floor: 0.5}, window: []float64{7, 7, 7}, x: 8, want: 2},
		{name: "the relative floor grows with the level", cfg: level.Config{RelativeFloor: 0.25}, window: []float64{-8, -8, -8}, x: -4, want: 2},
		{name: "the same as always, without a floor", window: []float64{0.1, 0.1, 0.1}, x: 0.1, want: 0},
		{name: "anything else, without a floor", window: []float64{0.1, 0.1, 0.1}, x: 0.2, want: math.Inf(1)},
		{name: "the oldest is forgotten", window: []float64{9, 9, 9, 1, 2, 3, 2, 2}, x: 2, want: 0},
		{name: "two values are not enough", window: []float64{1, 2}, x: 2, err: learn.ErrNotReady},
		{name: "NaN", window: []float64{1, 2, 3}, x: math.NaN(), err: learn.ErrNotFinite},
		{name: "too large for single precision", window: []float64{1, 2, 3}, x: 1e39, err: learn.ErrNotFinite},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.cfg.Window, tt.cfg.Ready = 5, 3
			got, err := detector(t, tt.cfg, tt.window...).Score(tt.x)
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if got != tt.want && math.Abs(got-tt.want) > 1e-12 {
				t.Errorf("window %v: Score(%v) = %v, want %v", tt.window, tt.x, got, tt.want)
			}
		})
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, cfg := range []level.Config{{}, {Window: 2}, {Window: 257}, {Window: 5, Ready: 6}, {Window: 5, Floor: -1}, {Window: 5, RelativeFloor: math.NaN()}} {
		if _, err := level.New(&cfg); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}

// slowScore is the textbook.
func slowScore(window []float64, floor, x float64) float64 {
	xs := slices.Clone(window)
	middle := func() float64 {
		slices.Sort(xs)
		return (xs[(len(xs)-1)/2] + xs[len(xs)/2]) / 2
	}
	m := middle()
	for i := range xs {
		xs[i] = math.Abs(xs[i] - m)
	}
	return math.Abs(x-m) / max(1.4826*middle(), floor)
}

func TestScoreAgainstTextbook(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		window := make([]float64, 3+r.IntN(60))
		for i := range window {
			window[i] = float64(float32(r.NormFloat64() * 10))
			if r.IntN(2) == 0 {
				window[i] = float64(r.IntN(3))
			}
		}
		x := float64(float32(r.NormFloat64() * 30))
		got, err := detector(t, level.Config{Window: 64, Ready: 3, Floor: 0.1}, window...).Score(x)
		if want := slowScore(window, 0.1, x); err != nil || math.Abs(got-want) > 1e-9 {
			t.Fatalf("window %v: Score(%v) = %v, %v, textbook says %v", window, x, got, err, want)
		}
	}
}

// Whatever bytes are taken come out again the same; whatever values are
// learned survive the way to bytes and back.
func FuzzUnmarshalBinary(f *testing.F) {
	for _, xs := range [][]float64{nil, {1}, {1, 2, 3}, {0, 0, 0, 0, 5, -5}} {
		b, err := detector(f, level.Config{Window: 8}, xs...).AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		cfg := level.Config{Window: 8}
		d := detector(t, cfg)
		if err := d.UnmarshalBinary(b); err == nil {
			if again, _ := d.AppendBinary(nil); string(again) != string(b) {
				t.Errorf("%x came back as %x", b, again)
			}
			learntest.RoundTrip(t, d, detector(t, cfg))
		}
		d = detector(t, cfg)
		for ; len(b) >= 4; b = b[4:] {
			before := d.Learned()
			x := float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
			if err := d.Learn(x); err != nil && d.Learned() != before {
				t.Errorf("%v was refused and learned", x)
			}
		}
		learntest.RoundTrip(t, d, detector(t, cfg))
	})
}

func BenchmarkScoreAndLearn(b *testing.B) {
	for _, n := range []int{64, 256} {
		b.Run(fmt.Sprintf("window=%d", n), func(b *testing.B) {
			d := detector(b, level.Config{Window: n, Floor: 1e-9})
			r := rand.New(rand.NewPCG(1, 1))
			xs := make([]float64, 1024)
			for i := range xs {
				xs[i] = r.NormFloat64()
				_ = d.Learn(xs[i])
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				_, _ = d.Score(xs[i&1023])
				_ = d.Learn(xs[i&1023])
				i++
			}
		})
	}
}
