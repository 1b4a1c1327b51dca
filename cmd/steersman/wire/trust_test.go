package wire

import (
	"fmt"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/govern/policy"
	"github.com/steersman-ops/steersman/signal/quality"
)

// In the tick in which a source's score falls below what is trusted, the level
// for what it tells of is 1; it comes back with the score.
func TestBadSourceLowersTheLevel(t *testing.T) {
	q := quality.New(quality.Config{})
	cfg := policy.Default()
	cfg.Level = 5
	checkout, payment := fact.Entity{Kind: fact.Service, Name: "checkout"}, fact.Entity{Kind: fact.Service, Name: "payment"}
	level := func(e fact.Entity) int { return policy.Force(cfg, trust{q}.DataOf(e)) }
	if got := level(checkout); got != 1 {
		t.Errorf("level %d while nobody tells of it, want 1", got)
	}
	const start = 1_700_000_000_000
	fell, back := 0, 0
	for second := range 1200 {
		now := int64(start + second*1000)
		for _, service := range []string{"checkout", "payment"} {
			b := &fact.Batch{Source: "otlp/" + service, Received: now}
			for i := range 30 {
				p := fact.Point{T: now - 200, V: float64((second*7 + i) % 13)}
				if service == "checkout" && second >= 300 && second < 360 {
					p.T += 60_000 // its clock is a minute fast
				}
				b.Series = append(b.Series, fact.Series{Labels: fact.LabelsOf(fact.NameLabel, "x", "service_name", service, "job", service, "i", fmt.Sprint(i)), Type: fact.Gauge, Points: []fact.Point{p}})
			}
			q.Observe(b)
		}
		q.Observe(&fact.Batch{Source: fact.ClockSource, Received: now})
		d := trust{q}.DataOf(checkout)
		if got, want := level(checkout), map[bool]int{true: 5, false: 1}[d.Score >= policy.Trusted]; got != want {
			t.Fatalf("second %d: level %d with a score of %.2f, want %d in the same tick", second, got, d.Score, want)
		}
		if second > 20 && level(payment) != 5 {
			t.Fatalf("second %d: level %d for what another source tells of", second, level(payment))
		}
		switch {
		case second >= 300 && fell == 0 && level(checkout) == 1:
			fell = second
		case fell != 0 && back == 0 && level(checkout) == 5:
			back = second
		}
	}
	if fell < 300 || fell > 302 || back < 360 || back > 800 {
		t.Errorf("fell in second %d and was back in second %d (%s); want within three seconds of 300, and some minutes after 360", fell, back, time.Duration(back-360)*time.Second)
	}
}
