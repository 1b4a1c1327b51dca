package say_test

import (
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/watch/say"
)

func TestFigures(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{say.Percent(0.1234), "12 %"},
		{say.Percent(0.0034), "0.34 %"},
		{say.Percent(0.05), "5 %"},
		{say.Percent(0), "0 %"},
		{say.Percent(1), "100 %"},
		{say.Percent(0.9951), ">99 %"},
		{say.Percent(0.00001), "<0.01 %"},
		{say.Seconds(0.00042), "0.42 ms"},
		{say.Seconds(0.0123), "12 ms"},
		{say.Seconds(0.310), "310 ms"},
		{say.Seconds(0.9996), "1 s"},
		{say.Seconds(1.23), "1.2 s"},
		{say.Seconds(12.3), "12 s"},
		{say.Times(8.04), "8×"},
		{say.Times(1.27), "1.3×"},
		{say.Times(123.4), "123×"},
		{say.Count(1), "1"},
		{say.Count(999), "999"},
		{say.Count(1234), "1.2 k"},
		{say.Count(3.4e6), "3.4 M"},
		{say.Clock(time.Date(2026, 1, 2, 14, 2, 10, 9e8, time.FixedZone("x", 3600))), "13:02:10"},
		{say.Ago(40 * time.Second), "40 s"},
		{say.Ago(200 * time.Second), "3 min 20 s"},
		{say.Ago(20 * time.Minute), "20 min"},
		{say.Ago(2*time.Hour + 5*time.Minute), "2 h 5 min"},
		{say.Ago(2 * time.Hour), "2 h"},
		{say.Name(fact.Entity{Kind: fact.Service, Name: "a"}), "a"},
		{say.Name(fact.Entity{Kind: fact.Service, Namespace: "shop", Name: "a"}), "a"},
		{say.Name(fact.Entity{}), "outside"},
		{say.Value(0.3, "ratio"), "30 %"},
		{say.Value(1.5*(1<<20), "bytes"), "1.5 MiB"},
		{say.Value(12.3, "requests per second"), "12/s"},
		{say.Value(123456, ""), "123 k"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
