package watch_test

import (
	"testing"

	"github.com/steersman-ops/steersman/watch"
	"github.com/steersman-ops/steersman/watch/watchtest"
)

func TestPaymentFails(t *testing.T) {
	log := record(watchtest.NewShop(1, 30, watchtest.Fault{From: 180, To: 220, Service: "payment", Fails: 0.3}), 300, nil)
	out, _ := run(t, watch.Config{}, log)
	for _, i := range out.all() {
		t.Logf("%s %s %s..%s opened %s %q %q proposals %v", i.ID, i.State, i.Onset, i.Resolved, i.Opened, i.Title, i.Summary, i.Proposals)
		for _, f := range i.Findings {
			t.Logf("   %s %s %s<%s %s onset %s seen %s ended %s %g..%g score %.1f", f.Signal.Kind, f.Direction, f.Signal.Entity, f.Signal.Client, f.Signal.Side, f.Onset.Format("15:04:05"), f.Seen.Format("15:04:05"), f.Ended.Format("15:04:05"), f.Before, f.Now, f.Score)
		}
	}
}
