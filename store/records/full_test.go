package records

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steersman-ops/steersman/fact"
)

// Without room a paper is refused so that it is tried again, and it is taken
// when there is room.
func TestAFullDisk(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "records.db"), Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // nothing is kept
	room := func(pages int) {
		if _, err := s.write.Exec("PRAGMA max_page_count = " + strings.Repeat("9", pages)); err != nil {
			t.Fatal(err)
		}
	}
	room(1)
	paper := fact.Finding{ID: "fnd-1", Detector: strings.Repeat("x", 1<<16)}
	if err := s.PutFinding(t.Context(), paper); !errors.Is(err, fact.ErrBusy) || !strings.Contains(err.Error(), "full") {
		t.Errorf("without room: %v", err)
	}
	room(8)
	if err := s.PutFinding(t.Context(), paper); err != nil {
		t.Errorf("with room: %v", err)
	}
}
