package ledger_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/store/ledger"
	"github.com/steersman-ops/steersman/store/storetest/faultfs"
)

// Ledgers on disks that lose, reorder and tear what was not synced, refuse
// writes and flushes, and are full: no start fails, no crash looks like a
// forgery, nothing acknowledged is lost or changed, no key is there twice.
func TestCrash(t *testing.T) {
	seeds := 500
	if testing.Short() {
		seeds = 100
	}
	const shards = 4
	for shard := range shards {
		t.Run(fmt.Sprint(shard), func(t *testing.T) {
			t.Parallel()
			for seed := shard; seed < seeds && !t.Failed(); seed += shards {
				newLives(t, uint64(seed)).run()
			}
		})
	}
}

type lives struct {
	t    *testing.T
	seed uint64
	rng  *rand.Rand
	disk *faultfs.Disk
	must map[string]string // key → hash
	sent int
}

func newLives(t *testing.T, seed uint64) *lives {
	return &lives{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 2)), disk: faultfs.New(seed), must: make(map[string]string)}
}

func (l *lives) run() {
	for life := range 4 {
		// The power may go while the ledger is opened, too.
		if l.rng.IntN(3) == 0 {
			l.disk.Set(faultfs.Faults{Fuse: 1 + l.rng.IntN(25)})
			if led, err := ledger.Open("disk", ledger.Options{FS: l.disk}); err == nil {
				_ = led.Close()
			}
			l.disk = l.disk.Crash()
		}
		led, err := ledger.Open("disk", ledger.Options{FS: l.disk})
		if err != nil {
			l.t.Errorf("seed %d: life %d does not start: %v", l.seed, life, err)
			return
		}
		l.check(led, life)
		known := led.Checkpoint()
		l.disk.Set(l.faults(life))
		for range l.rng.IntN(15) {
			l.append(led)
		}
		if l.rng.IntN(2) == 0 {
			l.disk.Set(faultfs.Faults{})
			if err := l.append(led); err != nil && !errors.Is(err, faultfs.ErrCrashed) {
				l.t.Errorf("seed %d: life %d: the disk works again, the ledger does not: %v", l.seed, life, err)
			}
			if r, err := led.Verify(ledger.VerifyOptions{Known: known}); err == nil && !r.OK() {
				l.t.Errorf("seed %d: life %d: %v", l.seed, life, r.Problems)
			}
		}
		end := l.disk.Crash
		if l.rng.IntN(2) == 0 {
			end = l.disk.Kill
		}
		next := end()
		_ = led.Close() // without its disk it may well complain
		l.disk = next
	}
}

func (l *lives) faults(life int) faultfs.Faults {
	var f faultfs.Faults
	switch l.rng.IntN(4) {
	case 0:
	case 1:
		f = faultfs.Faults{Write: 0.1, Truncate: 0.3}
	case 2:
		f = faultfs.Faults{Sync: 0.1, Truncate: 0.3, Name: 0.2}
	case 3:
		f = faultfs.Faults{Capacity: 2000 + int64(life)*2000}
	}
	if l.rng.IntN(2) == 0 {
		f.Fuse = 1 + l.rng.IntN(80)
	}
	return f
}

// append sends a leaf; when it is refused, now and then the same once more, as a
// caller would.
func (l *lives) append(led *ledger.Ledger) error {
	l.sent++
	key := fmt.Sprintf("key-%d", l.sent)
	for {
		leaf, err := led.Append(l.t.Context(), key, "test", time.Unix(int64(l.sent), 0), l.sent)
		if err == nil {
			l.must[key] = leaf.Hash
			return nil
		}
		if l.rng.IntN(2) == 0 || errors.Is(err, faultfs.ErrCrashed) {
			return err
		}
	}
}

func (l *lives) check(led *ledger.Ledger, life int) {
	l.t.Helper()
	if err := led.Err(); err != nil {
		l.t.Errorf("seed %d: life %d: a crash looks like a forgery: %v", l.seed, life, err)
	}
	if r, err := led.Verify(ledger.VerifyOptions{}); err != nil || !r.OK() {
		l.t.Errorf("seed %d: life %d: %v, %v", l.seed, life, r.Problems, err)
	}
	leaves, err := led.Leaves(0, 1<<20)
	if err != nil {
		l.t.Errorf("seed %d: life %d: %v", l.seed, life, err)
	}
	got := make(map[string]string)
	for _, leaf := range leaves {
		if got[leaf.Key] != "" {
			l.t.Errorf("seed %d: life %d: key %s is there twice", l.seed, life, leaf.Key)
		}
		got[leaf.Key] = leaf.Hash
	}
	for key, hash := range l.must {
		if got[key] != hash {
			l.t.Errorf("seed %d: life %d: acknowledged leaf %s is %q, want %q", l.seed, life, key, got[key], hash)
		}
	}
	l.must = got // what was seen once must stay
}
