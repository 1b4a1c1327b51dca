package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/steersman-ops/steersman/trial/limits"
)

// A bad source sends label sets, bombs, bodies without end and a flood; the
// steady one beside it loses nothing. How quickly it is answered is for the
// trial on a quiet machine, not for this test.
func TestOneBadSourceHurtsNobodyElse(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED, NOT TESTED: half a minute; run without -short")
	}
	t.Parallel()
	cmd := exec.Command(os.Args[0], "trial", "limits", "--phase", "2s", "--memory", "512MiB", "--json")
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	var r limits.Report
	if json.Unmarshal(out, &r) != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if len(r.Phases) != 6 || len(r.Promises) != 5 || r.Ceiling != 512<<20 {
		t.Fatalf("the report is not whole: %s", out)
	}
	for _, p := range r.Promises[:4] { // the last is about time
		if !p.Kept {
			t.Errorf("not kept: %s: %s", p.What, p.Seen)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}
