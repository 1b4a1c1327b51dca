package wire

import (
	"context"
	"fmt"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/steersman-ops/steersman/cmd/steersman/config"
)

// A budget says how much of the memory ceiling each part may take. What has no
// bound in bytes has one in number.
type budget struct {
	ceiling int64

	series   int   // in the head of the store and in the watch
	inFlight int64 // bodies of requests
	queue    int64 // batches that wait for the disk
	window   int64 // the newest batches, for readers that are nearly there
	search   int64 // caches and searches of log lines and spans
}

// seriesBytes is what one series takes in all rooms together: some 2.4 kB live,
// and as much again that the collector has not come to yet.
const seriesBytes = 4800

// newBudget divides a ceiling. Half is for series, at most a million; a quarter
// for what passes through; the rest is for everything else.
func newBudget(ceiling int64) budget {
	return budget{
		ceiling:  ceiling,
		series:   int(min(ceiling/2/seriesBytes, 1_000_000)),
		inFlight: ceiling / 8,
		queue:    ceiling / 16,
		window:   min(ceiling/32, 32<<20),
		search:   ceiling / 16,
	}
}

// ceiling returns what may be used: the setting, or half of what the container
// or the machine has.
func ceiling(setting int64) (int64, error) {
	if setting > 0 {
		return setting, nil
	}
	has, err := memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)()
	if err != nil {
		return 0, fmt.Errorf("find out how much memory there is: %w (set memory to a number of bytes)", err)
	}
	return max(int64(has/2), config.LeastMemory), nil
}

// keep makes the collector keep the process below the ceiling as far as it can:
// it begins to work harder at nine tenths.
func (b budget) keep() { debug.SetMemoryLimit(b.ceiling / 10 * 9) }

// A pressure says whether memory is so short that telemetry must wait.
type pressure struct {
	ceiling int64
	high    atomic.Bool
}

// Run measures, four times a second: high above 95 % of the ceiling, and until
// below 90 %.
func (p *pressure) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(250 * time.Millisecond):
		}
		switch used := used(); {
		case used > p.ceiling/100*95:
			p.high.Store(true)
		case used < p.ceiling/100*90:
			p.high.Store(false)
		}
	}
}

// used is the memory that the runtime holds of the system, in bytes.
func used() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64() - s[1].Value.Uint64())
}
