package api

import (
	"slices"
	"testing"
)

func TestHintsOfOneKindBecomeOne(t *testing.T) {
	var h Hints
	slow, quick := h.listen(), h.listen()
	h.Tell(HintIncident, "inc-1")
	<-quick.wake
	if got, want := h.take(quick), []Hint{{HintIncident, "inc-1"}}; !slices.Equal(got, want) {
		t.Errorf("quick listener took %v, want %v", got, want)
	}
	h.Tell(HintIncident, "inc-2")
	h.Tell(HintStop, "")
	h.Tell(HintIncident, "inc-2")
	if got, want := h.take(quick), []Hint{{HintStop, ""}, {HintIncident, "inc-2"}}; !slices.Equal(got, want) {
		t.Errorf("quick listener took %v, want %v", got, want)
	}
	if got, want := h.take(slow), []Hint{{HintStop, ""}, {HintIncident, ""}}; !slices.Equal(got, want) {
		t.Errorf("slow listener took %v, want %v: several incidents changed", got, want)
	}
	h.leave(slow)
	h.Tell(HintMap, "")
	if got := h.take(slow); got != nil {
		t.Errorf("a listener that left took %v", got)
	}
}
