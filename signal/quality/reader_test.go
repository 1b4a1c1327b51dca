package quality_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal/quality"
)

// tape is an intake log of which only the first so many batches are there yet.
type tape struct {
	batches []*fact.Batch
	upTo    int
	kept    uint64
}

func (l *tape) Head() uint64              { return uint64(l.upTo) }
func (l *tape) Keep(_ string, seq uint64) { l.kept = seq }
func (l *tape) until(n int) (cut *tape)   { return &tape{batches: l.batches, upTo: n} }
func (l *tape) read(t *testing.T, opt quality.Options) *quality.Reader {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := quality.NewReader(quality.Config{}, stopping{l, cancel}, opt)
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return r
}

// stopping is a log whose reader is stopped at its end.
type stopping struct {
	*tape
	stop func()
}

func (l stopping) Follow(ctx context.Context, after uint64, fn func(uint64, *fact.Batch) error) error {
	for i := int(after); i < l.upTo; i++ {
		if err := fn(uint64(i+1), l.batches[i]); err != nil {
			return err
		}
	}
	l.stop()
	return ctx.Err()
}

// busy is a log of three sources, one of which has every sort of trouble for a
// time, and of ticks.
func busy(seconds int, seed uint64) *tape {
	r := rand.New(rand.NewPCG(seed, 1))
	l := &tape{}
	for s := range seconds {
		now := int64(start + s*1000)
		for src := range 3 {
			b := &fact.Batch{Source: fmt.Sprintf("otlp/s%d", src), Received: now + int64(src)}
			bad := src == 1 && s > 400 && s < 700
			for i := range 20 {
				p := fact.Point{T: now - 200, V: 10 + r.NormFloat64()}
				if bad && r.IntN(3) == 0 {
					p.T -= 120_000
				}
				b.Series = append(b.Series, fact.Series{Type: fact.Gauge, Points: []fact.Point{p},
					Labels: fact.LabelsOf(fact.NameLabel, fmt.Sprintf("m%d", i%4), "i", fmt.Sprint(i), "service_name", fmt.Sprint("svc", src))})
			}
			l.batches = append(l.batches, b)
		}
		l.batches = append(l.batches, &fact.Batch{Source: fact.ClockSource, Received: now + 999})
	}
	l.upTo = len(l.batches)
	return l
}

// papers are the findings as they were put, in order.
type papers struct {
	all  []fact.Finding
	fail int // so many puts are answered with busy
}

func (p *papers) PutFinding(_ context.Context, f fact.Finding) error {
	if p.fail > 0 {
		p.fail--
		return fmt.Errorf("disk: %w", fact.ErrBusy)
	}
	p.all = append(p.all, f)
	return nil
}

// Stopped anywhere and started again, the reader comes to the same state, byte
// for byte, and to the same findings.
func TestReplayGivesTheSame(t *testing.T) {
	l := busy(900, 7)
	var want papers
	whole, err := l.read(t, quality.Options{Out: &want}).Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if len(want.all) == 0 {
		t.Fatal("no finding in a log with trouble")
	}
	dir := t.TempDir()
	var got papers
	r := rand.New(rand.NewPCG(1, 2))
	for at := 0; at < l.upTo; {
		at = min(l.upTo, at+1+r.IntN(700))
		log := l.until(at)
		parts := log.read(t, quality.Options{Dir: dir, Out: &got})
		if log.kept != uint64(at) {
			t.Fatalf("the log is kept after %d, want %d", log.kept, at)
		}
		if at == l.upTo {
			again, err := parts.Snapshot()
			if err != nil || !bytes.Equal(whole, again) {
				t.Errorf("the state after stops differs from that without (%v)", err)
			}
		}
	}
	if fmt.Sprint(got.all) != fmt.Sprint(want.all) {
		t.Errorf("findings with stops:\n%v\nwithout:\n%v", got.all, want.all)
	}
}

// Trouble that lasts is a finding about the source, and ends.
func TestFinding(t *testing.T) {
	out := papers{fail: 1}
	busy(1200, 3).read(t, quality.Options{Out: &out})
	late := slices.DeleteFunc(out.all, func(f fact.Finding) bool { return f.Signal.Name != "late/1" })
	if len(late) < 2 {
		t.Fatalf("%d papers about late rows, want one that it began and one that it ended", len(late))
	}
	first, last := late[0], late[len(late)-1]
	at := func(s int64) time.Time { return time.UnixMilli(start + s*1000).UTC() }
	switch {
	case first.ID != last.ID:
		t.Errorf("two findings, %s and %s, of one trouble", first.ID, last.ID)
	case first.Signal.Entity.String() != "source:otlp/s1" || first.Symptom():
		t.Errorf("it is about %s, a symptom: %v", first.Signal.Entity, first.Symptom())
	case first.Onset.Before(at(401)) || first.Onset.After(at(415)) || first.Seen.Sub(first.Onset) < time.Minute:
		t.Errorf("onset %s, seen %s; the trouble began at %s", first.Onset, first.Seen, at(401))
	case last.Ended.Before(at(700)) || last.Ended.After(at(1100)):
		t.Errorf("ended %s; the trouble ended at %s", last.Ended, at(700))
	case last.Now < 0.25 || last.Now > 0.5:
		t.Errorf("at worst %v of the rows, want about a third", last.Now)
	}
}

// A finding that a lost state has left open is closed, one that lasts is not.
func TestOrphans(t *testing.T) {
	l := busy(600, 3)
	var told papers
	l.read(t, quality.Options{Out: &told})
	if len(told.all) == 0 || !told.all[len(told.all)-1].Ended.IsZero() {
		t.Fatalf("findings %+v, want one that lasts", told.all)
	}
	lasts, left := told.all[0], told.all[0]
	left.ID = "find-of-before"
	var got papers
	l.read(t, quality.Options{Out: &got, Open: func(context.Context) ([]fact.Finding, error) { return []fact.Finding{lasts, left}, nil }})
	last := got.all[len(got.all)-1]
	if len(got.all) != len(told.all)+1 || last.ID != left.ID || !last.Ended.After(last.Onset) {
		t.Errorf("findings\n%+v\nwant those of before and one that is closed", got.all)
	}
}

// What is wrong with a snapshot, or a snapshot of another log, is a new start.
func TestDamagedSnapshot(t *testing.T) {
	l := busy(60, 5)
	whole, err := l.read(t, quality.Options{}).Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		data func() []byte
	}{
		{"empty", func() []byte { return nil }},
		{"cut off", func() []byte { return whole[:len(whole)/2] }},
		{"a flipped bit", func() []byte { b := bytes.Clone(whole); b[len(b)/3] ^= 4; return b }},
		{"ahead of the log", func() []byte {
			b, err := busy(90, 5).read(t, quality.Options{}).Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			return b
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "quality.snapshot"), tt.data(), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := l.read(t, quality.Options{Dir: dir}).Snapshot()
			if err != nil || !bytes.Equal(got, whole) {
				t.Errorf("the state differs from that of a new start (%v)", err)
			}
		})
	}
}

// A finding that cannot be written stops the reader, which says which.
func TestBrokenOutbox(t *testing.T) {
	l := busy(900, 7)
	r := quality.NewReader(quality.Config{}, stopping{l, func() {}}, quality.Options{Out: broken{}})
	if err := r.Run(t.Context()); err == nil || !errors.Is(err, errBroken) {
		t.Errorf("Run = %v, want one that wraps %v", err, errBroken)
	}
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) PutFinding(context.Context, fact.Finding) error { return errBroken }

// What a source tells of is trusted as far as the source, within a tick, and
// again when it is good again.
func TestTrust(t *testing.T) {
	q := quality.New(quality.Config{})
	e := func(i int) fact.Entity { return fact.Entity{Kind: fact.Service, Name: fmt.Sprint("svc", i)} }
	l := busy(1200, 9)
	score := make([]float64, 1200)
	for i, b := range l.batches {
		q.Observe(b)
		if b.Source == fact.ClockSource {
			score[i/4] = q.Of(e(1)).Score
			if other := q.Of(e(0)); !other.Known || other.Score < 0.99 {
				t.Fatalf("second %d: %+v, of a source without trouble", i/4, other)
			}
		}
	}
	if score[400] < 0.99 || score[406] > 0.8 || score[699] > 0.8 || score[1100] < 0.99 {
		t.Errorf("score %v before, %v six seconds after and %v at the end of the trouble, %v long after; want > 0.99, < 0.8, < 0.8, > 0.99", score[400], score[406], score[699], score[1100])
	}
	if got := q.Of(e(7)); got.Known {
		t.Errorf("of a service that nobody tells of: %+v", got)
	}
	q.Observe(&fact.Batch{Source: fact.ClockSource, Received: start + 1200_000 + 90_000})
	if got := q.Of(e(0)); !got.Known || got.Score != 0 || got.Why == "" {
		t.Errorf("of a silent source: %+v", got)
	}
}
