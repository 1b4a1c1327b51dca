package series_test

import (
	"slices"
	"testing"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/series"
)

// A copy has everything that the original had, late samples included, which are
// fetched from the log, and what came to the log since.
func TestBackup(t *testing.T) {
	for _, hours := range []int{0, 1, 7} {
		dir := t.TempDir()
		s := open(t, dir, series.Options{})
		series.CompactOnRequest(s)
		log := newLog()
		add := func(from, to int) {
			for sec := from; sec <= to; sec += 60 {
				b := &fact.Batch{Source: "a", Received: base + int64(sec)*1000, Series: []fact.Series{one("metric_0", float64(sec)), one("metric_1", float64(sec-90))}}
				if sec%7 == 0 && sec > hour {
					b.Series = append(b.Series, one("metric_2", float64(sec-hour/2), float64(sec)))
				}
				log.batches = append(log.batches, b)
			}
		}
		add(0, hours*hour)
		run(t, series.NewKeeper(s, log, series.KeeperOptions{}), log)
		if hours > 3 {
			if err := series.Compact(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			add(hours*hour+60, hours*hour+1800)
			follow(t, s, newLog(log.batches...), uint64(len(log.batches)))
		}
		want := content(t, s)
		to := t.TempDir()
		if err := s.Backup(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		if got := content(t, s); !slices.Equal(got, want) {
			t.Errorf("%d h: the original has %d samples after the backup, %d before", hours, len(got), len(want))
		}
		c := open(t, to, series.Options{})
		series.CompactOnRequest(c)
		follow(t, c, newLog(log.batches...), uint64(len(log.batches)))
		if got := content(t, c); !slices.Equal(got, want) {
			t.Errorf("%d h: %d samples in the copy, want %d", hours, len(got), len(want))
		}
		more := one("metric_0", float64(20*hour))
		if res, err := c.Append(t.Context(), []fact.Series{more}); err != nil || res.Stored != 1 {
			t.Errorf("%d h: the copy takes no more: %+v, %v", hours, res, err)
		}
	}
}
