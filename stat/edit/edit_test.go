package edit

import "testing"

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"same", "same", 0}} {
		if got, back := Distance(tt.a, tt.b), Distance(tt.b, tt.a); got != tt.want || back != tt.want {
			t.Errorf("%q and %q are %d and %d apart, want %d", tt.a, tt.b, got, back, tt.want)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"max_bytes", "max_age", "mix_age"}
	for _, tt := range []struct {
		word string
		most int
		want string
	}{{"max_agee", 4, "max_age"}, {"mox_age", 2, "max_age"}, {"other", 2, ""}} {
		if got := Nearest(tt.word, known, tt.most); got != tt.want {
			t.Errorf("nearest to %q is %q, want %q", tt.word, got, tt.want)
		}
	}
}
