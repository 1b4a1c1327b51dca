package wire

import "testing"

func TestBudget(t *testing.T) {
	for _, tt := range []struct {
		ceiling          int64
		series           int
		inFlight, window int64
	}{
		{128 << 20, 13_981, 16 << 20, 4 << 20},
		{1 << 30, 111_848, 128 << 20, 32 << 20},
		{12 << 30, 1_000_000, 1536 << 20, 32 << 20},
	} {
		b := newBudget(tt.ceiling)
		if b.series != tt.series || b.inFlight != tt.inFlight || b.window != tt.window {
			t.Errorf("of %d: %+v, want %+v", tt.ceiling, b, tt)
		}
		if parts := int64(b.series)*seriesBytes + b.inFlight + b.queue + b.window + b.search; parts > b.ceiling*4/5 {
			t.Errorf("of %d: the parts are %d", tt.ceiling, parts)
		}
	}
}

func TestCeiling(t *testing.T) {
	if got, err := ceiling(5 << 30); got != 5<<30 || err != nil {
		t.Errorf("as set: %d, %v", got, err)
	}
	if got, err := ceiling(0); got < 128<<20 || err != nil {
		t.Errorf("half of what there is: %d, %v", got, err)
	}
}
