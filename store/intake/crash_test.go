package intake_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/intake"
	"github.com/steersman-ops/steersman/store/storetest/faultfs"
)

// Some thousand logs on disks that lose, reorder and tear what was not synced,
// refuse writes and flushes, and are full: nothing acknowledged is lost, no
// start fails, nothing comes twice, and the order stays.
func TestCrash(t *testing.T) {
	seeds := 2400
	if testing.Short() {
		seeds = 300
	}
	const shards = 10
	for shard := range shards {
		t.Run(fmt.Sprint(shard), func(t *testing.T) {
			t.Parallel()
			for seed := shard; seed < seeds && !t.Failed(); seed += shards {
				newLives(t, uint64(seed)).run()
			}
		})
	}
}

// lives is one log through several crashes.
type lives struct {
	t    *testing.T
	seed uint64
	rng  *rand.Rand
	disk *faultfs.Disk
	opt  intake.Options

	mu    sync.Mutex
	must  map[uint64]string // acknowledged, or seen by a reader: must be there
	never map[string]bool   // refused in this life: must not be seen in it
	kept  uint64            // records up to here may have gone by retention
	sent  int
}

func newLives(t *testing.T, seed uint64) *lives {
	r := rand.New(rand.NewPCG(seed, 1))
	opt := intake.Options{SegmentBytes: 500 + r.Int64N(3000), WindowBytes: 1 + r.Int64N(3000)}
	if seed%3 == 0 {
		opt.MaxBytes, opt.Consumers = 6000, []string{"reader"}
	}
	return &lives{t: t, seed: seed, rng: r, disk: faultfs.New(seed), opt: opt, must: make(map[uint64]string)}
}

func (l *lives) errorf(format string, args ...any) {
	l.t.Helper()
	l.t.Errorf("seed %d: "+format, append([]any{l.seed}, args...)...)
}

func (l *lives) run() {
	for life := range 4 {
		l.disk.Set(faultfs.Faults{})
		l.opt.FS = l.disk
		log, err := intake.Open("disk", l.opt)
		if err != nil {
			l.errorf("life %d does not start: %v", life, err)
			return
		}
		l.never = make(map[string]bool)
		log.Keep("reader", l.kept)
		l.check(log, life)
		l.disk.Set(l.faults(life))
		l.send(log)
		if l.rng.IntN(3) > 0 { // the disk recovers before the power goes
			l.disk.Set(faultfs.Faults{})
			l.recovered(log)
			l.check(log, life)
		}
		end := l.disk.Crash
		if l.rng.IntN(2) == 0 {
			end = l.disk.Kill
		}
		next := end()
		_ = log.Close() // without its disk it may well complain
		l.disk = next
	}
}

func (l *lives) faults(life int) faultfs.Faults {
	var f faultfs.Faults
	switch l.rng.IntN(5) {
	case 0:
	case 1:
		f = faultfs.Faults{Write: 0.2, Truncate: 0.3}
	case 2:
		f = faultfs.Faults{Sync: 0.2, Truncate: 0.3, Name: 0.1}
	case 3:
		f = faultfs.Faults{Capacity: 2000 + int64(life)*2000}
	case 4:
		f = faultfs.Faults{Write: 0.1, Sync: 0.1, Name: 0.2, Slow: 50 * time.Microsecond}
	}
	if l.rng.IntN(2) == 0 {
		f.Fuse = 1 + l.rng.IntN(60)
	}
	return f
}

// send appends from several goroutines and remembers what was acknowledged.
func (l *lives) send(log *intake.Log) {
	senders, each := 1+l.rng.IntN(4), 1+l.rng.IntN(12)
	var wg sync.WaitGroup
	for s := range senders {
		size := l.rng.IntN(200)
		wg.Go(func() {
			for i := range each {
				l.append(log, fmt.Sprintf("%d-%d-%d ", l.sent, s, i)+string(noise(size)))
			}
		})
	}
	wg.Wait()
	l.sent++
}

func (l *lives) append(log *intake.Log, text string) error {
	seq, err := log.Append(context.Background(), &fact.Batch{Source: text})
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil:
		l.never[text] = true
	case l.must[seq] != "":
		l.errorf("record %d was acknowledged twice", seq)
	default:
		l.must[seq] = text
	}
	return err
}

// recovered checks that a log whose disk works again takes batches again.
func (l *lives) recovered(log *intake.Log) {
	if err := l.append(log, fmt.Sprintf("%d-again", l.sent)); err != nil && !errors.Is(err, faultfs.ErrCrashed) && !errors.Is(err, fact.ErrBusy) {
		l.errorf("the disk works again, the log does not: %v", err)
	}
}

// check reads everything and compares it with what must be there.
func (l *lives) check(log *intake.Log, life int) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	head := log.Head()
	got := make(map[uint64]string)
	texts := make(map[string]bool)
	last := l.kept
	if head > last {
		done := errors.New("done")
		err := log.Follow(ctx, last, func(seq uint64, b *fact.Batch) error {
			if seq <= last || texts[b.Source] || l.never[b.Source] {
				l.errorf("life %d: record %d after %d: %q; came before: %v, refused: %v", life, seq, last, b.Source, texts[b.Source], l.never[b.Source])
			}
			got[seq], texts[b.Source], last = b.Source, true, seq
			if seq == head {
				return done
			}
			return nil
		})
		if errors.Is(err, faultfs.ErrCrashed) {
			return // the fuse was quicker
		}
		if !errors.Is(err, done) {
			l.errorf("life %d: reading to %d: %v", life, head, err)
		}
	}
	for seq, text := range l.must {
		if seq > l.kept && got[seq] != text {
			l.errorf("life %d: acknowledged record %d is %q, want %q", life, seq, got[seq], text)
		}
	}
	for seq, text := range got {
		l.must[seq] = text // what was seen once must stay
	}
	if l.opt.MaxBytes > 0 {
		l.kept = head
		log.Keep("reader", head)
	}
}
