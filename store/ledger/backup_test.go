package ledger_test

import (
	"testing"

	"github.com/steersman-ops/steersman/store/ledger"
)

// A copy verifies, says the same, and goes on by itself.
func TestBackup(t *testing.T) {
	l := open(t, t.TempDir(), ledger.Options{})
	for n := range 20 {
		dir := t.TempDir()
		if err := l.Backup(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		report, err := ledger.Verify(dir, ledger.VerifyOptions{VerifierKey: l.VerifierKey(), Known: l.Checkpoint()})
		if err != nil || !report.OK() || report.Size != int64(n) {
			t.Fatalf("a copy of %d leaves: %+v, %v", n, report, err)
		}
		c := open(t, dir, ledger.Options{})
		leaf := add(t, l, n)
		if got := add(t, c, n); got.Hash != leaf.Hash || c.Checkpoint() != l.Checkpoint() {
			t.Errorf("leaf %d in the copy is %+v, want %+v", n, got, leaf)
		}
	}
}
