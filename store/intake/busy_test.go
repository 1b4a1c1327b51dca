package intake_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/intake"
	"github.com/steersman-ops/steersman/store/storetest/faultfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func onDisk(t *testing.T, d *faultfs.Disk, opt intake.Options) *intake.Log {
	t.Helper()
	opt.FS = d
	l, err := intake.Open("disk", opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// A slow disk makes senders wait, and when too much waits it makes them try
// again; what was acknowledged is all there is.
func TestSlowDisk(t *testing.T) {
	d := faultfs.New(1)
	l := onDisk(t, d, intake.Options{QueueBytes: 2000})
	d.Set(faultfs.Faults{Slow: 20 * time.Millisecond})
	var wg sync.WaitGroup
	var mu sync.Mutex
	taken, busy := 0, 0
	for range 50 {
		wg.Go(func() {
			_, err := l.Append(context.Background(), &fact.Batch{Source: strings.Repeat("x", 100)})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				taken++
			case errors.Is(err, fact.ErrBusy):
				busy++
			default:
				t.Errorf("Append: %v", err)
			}
		})
	}
	wg.Wait()
	if taken == 0 || busy == 0 || l.Head() != uint64(taken) {
		t.Errorf("%d taken, %d told to try again, %d in the log", taken, busy, l.Head())
	}
}

// A sender that stops waiting gets its answer at once.
func TestImpatientSender(t *testing.T) {
	d := faultfs.New(1)
	l := onDisk(t, d, intake.Options{})
	d.Set(faultfs.Faults{Slow: 2 * time.Second})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if _, err := l.Append(ctx, &fact.Batch{}); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Append: %v", err)
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("the answer took %v", took)
	}
	d.Set(faultfs.Faults{})
}

// A full disk refuses with the disk's error, and when there is room again the
// same log goes on.
func TestFullDisk(t *testing.T) {
	d := faultfs.New(1)
	l := onDisk(t, d, intake.Options{})
	d.Set(faultfs.Faults{Capacity: 500})
	batch := &fact.Batch{Source: strings.Repeat("x", 100)}
	var err error
	for range 20 {
		if _, err = l.Append(t.Context(), batch); err != nil {
			break
		}
	}
	if !errors.Is(err, syscall.ENOSPC) || !strings.HasPrefix(err.Error(), "append to the intake log: ") {
		t.Fatalf("a full disk: %v", err)
	}
	head := l.Head()
	d.Set(faultfs.Faults{})
	if seq, err := l.Append(t.Context(), batch); err != nil || seq != head+1 {
		t.Errorf("with room again: %d, %v; want %d", seq, err, head+1)
	}
}
