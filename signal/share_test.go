package signal

import (
	"math/rand/v2"
	"testing"
	"time"
)

// What flooders can take, and what is left for one that comes new, by the
// formula: of n that want all, each has 8/(8n+1).
func TestShare(t *testing.T) {
	for _, tt := range []struct {
		flooders  int
		each, new int64
	}{
		{1, 888, 112}, {2, 470, 58}, {9, 109, 10},
	} {
		var s share
		for round := 0; round < 1000; round++ { // they take turns
			for i := range tt.flooders {
				s.take(string(rune('a'+i)), 1, 1000)
			}
		}
		for i := range tt.flooders {
			if got := s.parts[string(rune('a'+i))]; got < tt.each-2 || got > tt.each+2 {
				t.Errorf("%d flooders: %d of 1000 for one, want some %d", tt.flooders, got, tt.each)
			}
		}
		if got := s.take("new", tt.new, 1000); got != granted {
			t.Errorf("%d flooders: a newcomer does not get %d (%d held)", tt.flooders, tt.new, s.held())
		}
	}
}

// The sums are right after whatever was taken and given, and nothing is left of
// those who hold nothing.
func TestShareSums(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var s share
	type part struct {
		who string
		n   int64
	}
	var out []part
	var sum int64
	for range 20_000 {
		if r.IntN(2) == 0 && len(out) > 0 {
			i := r.IntN(len(out))
			s.give(out[i].who, out[i].n)
			sum -= out[i].n
			out = append(out[:i], out[i+1:]...)
			continue
		}
		p := part{string(rune('a' + r.IntN(5))), int64(r.IntN(100))}
		if s.take(p.who, p.n, 5000) == granted {
			out, sum = append(out, p), sum+p.n
		}
		if s.held() != sum || sum > 5000 {
			t.Fatalf("holds %d, gave out %d", s.held(), sum)
		}
	}
	for _, p := range out {
		s.give(p.who, p.n)
	}
	if s.held() != 0 || len(s.parts) != 0 {
		t.Errorf("left: %d, %v", s.held(), s.parts)
	}
}

func TestBucket(t *testing.T) {
	start := time.Unix(1000, 0)
	var b bucket
	at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	if b.wait(100, at(0)) != 0 {
		t.Error("a full one lets nobody in")
	}
	b.spend(1500, 100, at(0)) // ten seconds' worth was saved, and half of it more
	if got := b.wait(100, at(0)); got != 5010*time.Millisecond {
		t.Errorf("wait %v for a debt of 500 at 100 a second", got)
	}
	if b.wait(100, at(4.9)) == 0 || b.wait(100, at(5.1)) != 0 {
		t.Error("the debt is not paid when it is")
	}
	if b.wait(100, at(1)) != 0 { // a clock that goes back takes nothing away
		t.Error("time went back and took tokens")
	}
	if b.wait(0, at(0)) != 0 {
		t.Error("no limit limits")
	}
}

func TestRates(t *testing.T) {
	var r rates
	at := func(s int) time.Time { return time.Unix(int64(10_000+s), 0) }
	if got := r.perSecond(at(0)); got != 0 {
		t.Errorf("nothing came: %v", got)
	}
	for s := range 10 {
		r.add(at(s), 7)
	}
	if got := r.perSecond(at(10)); got != 7 {
		t.Errorf("7 a second for 10 seconds: %v", got)
	}
	for s := 10; s < 200; s++ {
		r.add(at(s), 3)
	}
	if got := r.perSecond(at(200)); got != 3 {
		t.Errorf("3 a second for minutes: %v", got)
	}
	if got := r.perSecond(at(230)); got != 1.5 {
		t.Errorf("and nothing for half a minute: %v", got)
	}
	if got := r.perSecond(at(300)); got != 0 {
		t.Errorf("and nothing for a minute: %v", got)
	}
}
