package intake_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/disk"
	"github.com/steersman-ops/steersman/store/intake"
	"github.com/steersman-ops/steersman/store/storetest"
)

func TestConformance(t *testing.T) {
	for _, tt := range []struct {
		name string
		opt  intake.Options
	}{
		{"as it comes", intake.Options{}},
		{"small segments", intake.Options{SegmentBytes: 300}},
		{"hardly any memory", intake.Options{WindowBytes: 1}},
		{"small segments and little memory", intake.Options{SegmentBytes: 300, WindowBytes: 1000}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			storetest.Intake(t, func(t *testing.T, dir string) storetest.IntakeLog {
				l, err := intake.Open(dir, tt.opt)
				if err != nil {
					t.Fatal(err)
				}
				return l
			})
		})
	}
}

// lab is a log in a directory that a test may damage while it is closed.
type lab struct {
	t   *testing.T
	dir string
	opt intake.Options
	reg *prometheus.Registry
	out *bytes.Buffer
	log *intake.Log
}

func newLab(t *testing.T, opt intake.Options) *lab {
	l := &lab{t: t, dir: t.TempDir(), opt: opt}
	l.open()
	t.Cleanup(l.close)
	return l
}

func (l *lab) open() {
	l.t.Helper()
	l.reg, l.out = prometheus.NewRegistry(), &bytes.Buffer{}
	l.opt.Registerer, l.opt.Logger = l.reg, slog.New(slog.NewTextHandler(l.out, nil))
	var err error
	if l.log, err = intake.Open(l.dir, l.opt); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) close() {
	l.t.Helper()
	if err := l.log.Close(); err != nil {
		l.t.Error(err)
	}
}

func (l *lab) add(n int) {
	l.t.Helper()
	for range n {
		if _, err := l.log.Append(l.t.Context(), l.batch(l.log.Head()+1)); err != nil {
			l.t.Fatal(err)
		}
	}
}

// batch is what record seq holds: some 100 bytes.
func (l *lab) batch(seq uint64) *fact.Batch {
	return &fact.Batch{Source: fmt.Sprintf("record %d %s", seq, strings.Repeat("x", 50)), Received: int64(seq) * 1000}
}

// seqs returns the numbers of the records from the first to the head, having
// checked that each holds what it held.
func (l *lab) seqs() []uint64 {
	l.t.Helper()
	var got []uint64
	head := l.log.Head()
	ctx, cancel := context.WithCancel(l.t.Context())
	defer cancel()
	if head == 0 {
		return nil
	}
	// A last record that is damaged never comes, so one more is appended.
	if _, err := l.log.Append(ctx, &fact.Batch{Source: "end"}); err != nil {
		l.t.Fatal(err)
	}
	err := l.log.Follow(ctx, 0, func(seq uint64, b *fact.Batch) error {
		if b.Source == "end" {
			cancel()
			return nil
		}
		if want := l.batch(seq); b.Source != want.Source || b.Received != want.Received {
			l.t.Errorf("record %d is %+v", seq, b)
		}
		got = append(got, seq)
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		l.t.Fatal(err)
	}
	return got
}

func (l *lab) segments() []string {
	names, err := filepath.Glob(filepath.Join(l.dir, "*.seg"))
	if err != nil {
		l.t.Fatal(err)
	}
	return names
}

func (l *lab) metric(name string) float64 {
	l.t.Helper()
	families, err := l.reg.Gather()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "steersman_intake_"+name {
			m := f.GetMetric()[0]
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	l.t.Fatalf("no metric %s", name)
	return 0
}

func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

// headAt returns the offset of the n-th record's header, from 0.
func headAt(data []byte, n int) int {
	at := 0
	for range n + 1 {
		at += bytes.Index(data[at+1:], []byte("\xf5rec")) + 1
	}
	return at
}

func flip(at func([]byte) int) func([]byte) []byte {
	return func(data []byte) []byte {
		data[at(data)] ^= 0x10
		return data
	}
}

func TestDamage(t *testing.T) {
	for _, tt := range []struct {
		name    string
		change  func([]byte) []byte
		lost    []uint64 // without a gap
		torn    bool
		damaged float64
	}{
		{name: "nothing", change: func(b []byte) []byte { return b }},
		{name: "a bit of a payload", change: flip(func(b []byte) int { return headAt(b, 4) + 30 }), lost: []uint64{5}, damaged: 1},
		{name: "a bit of a marker", change: flip(func(b []byte) int { return headAt(b, 4) }), lost: []uint64{5}, damaged: 1},
		{name: "a bit of a length", change: flip(func(b []byte) int { return headAt(b, 4) + 7 }), lost: []uint64{5}, damaged: 1},
		{name: "a bit of a number", change: flip(func(b []byte) int { return headAt(b, 4) + 8 }), lost: []uint64{5}, damaged: 1},
		{name: "a bit of a checksum", change: flip(func(b []byte) int { return headAt(b, 4) + 17 }), lost: []uint64{5}, damaged: 1},
		{name: "the first record", change: flip(func(b []byte) int { return headAt(b, 0) + 30 }), lost: []uint64{1}, damaged: 1},
		{name: "the segment's header", change: flip(func([]byte) int { return 3 })},
		{name: "three records overwritten", change: func(b []byte) []byte {
			copy(b[headAt(b, 2)+5:headAt(b, 5)-5], make([]byte, 1<<10))
			return b
		}, lost: []uint64{3, 4, 5}, damaged: 3},
		{name: "a record taken out", change: func(b []byte) []byte { return append(b[:headAt(b, 4):headAt(b, 4)], b[headAt(b, 5):]...) }, lost: []uint64{5}, damaged: 1},
		{name: "a record doubled", change: func(b []byte) []byte {
			four, five := headAt(b, 4), headAt(b, 5)
			return append(append(bytes.Clone(b[:five]), b[four:five]...), b[five:]...)
		}},
		{name: "bytes put in", change: func(b []byte) []byte {
			return append(append(bytes.Clone(b[:headAt(b, 4)]), "something\xf5rec else"...), b[headAt(b, 4):]...)
		}},
		{name: "the last record cut short", change: func(b []byte) []byte { return b[:len(b)-1] }, lost: []uint64{10}, torn: true},
		{name: "the last header cut short", change: func(b []byte) []byte { return b[:headAt(b, 9)+5] }, lost: []uint64{10}, torn: true},
		{name: "a bit of the last record", change: flip(func(b []byte) int { return len(b) - 1 }), lost: []uint64{10}, torn: true},
		{name: "zeros at the end", change: func(b []byte) []byte { return append(b, make([]byte, 5000)...) }, torn: true},
		{name: "garbage at the end", change: func(b []byte) []byte { return append(b, strings.Repeat("\xf5rec", 3000)...) }, torn: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, intake.Options{})
			l.add(10)
			l.close()
			edit(t, l.segments()[0], tt.change)
			l.open()
			var want []uint64
			for seq := uint64(1); seq <= 10; seq++ {
				if len(tt.lost) == 0 || seq < tt.lost[0] || seq > tt.lost[len(tt.lost)-1] {
					want = append(want, seq)
				}
			}
			for range 2 { // the second time nothing is counted again
				if got := l.seqs(); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("read %v, want %v", got, want)
				}
			}
			if got := l.metric("damaged_records_total"); got != tt.damaged {
				t.Errorf("%v records counted as damaged, want %v", got, tt.damaged)
			}
			if torn := l.metric("torn_bytes_total") > 0; torn != tt.torn {
				t.Errorf("torn tail: %v, want %v", torn, tt.torn)
			}
			if tt.torn && !strings.Contains(l.out.String(), "torn tail") {
				t.Errorf("the torn tail is not named: %s", l.out)
			}
			copies, _ := filepath.Glob(filepath.Join(l.dir, "*.damaged"))
			if tt.damaged > 0 && len(copies) != 1 {
				t.Errorf("%d copies of the damaged bytes, want 1", len(copies))
			}
		})
	}
}

// Whatever is done to an older segment, the rest is read.
func TestDamagedOlderSegments(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, path string)
	}{
		{"gone", func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}},
		{"empty", func(t *testing.T, path string) { edit(t, path, func([]byte) []byte { return nil }) }},
		{"zeros", func(t *testing.T, path string) { edit(t, path, func(b []byte) []byte { clear(b); return b }) }},
		{"markers", func(t *testing.T, path string) {
			edit(t, path, func(b []byte) []byte { return bytes.Repeat([]byte("\xf5rec"), len(b)/4) })
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, intake.Options{SegmentBytes: 450})
			l.add(12)
			l.close()
			tt.change(t, l.segments()[1])
			l.open()
			got := l.seqs()
			if len(got) != 8 && len(got) != 9 || got[len(got)-1] != 12 {
				t.Errorf("read %v of 12 records in segments of 4", got)
			}
			if l.metric("missing_records_total") == 0 || !strings.Contains(l.out.String(), "not in the log") {
				t.Errorf("the loss is not named: %s", l.out)
			}
		})
	}
}

// A reader that has seen more than a damaged log still holds gets everything that
// comes from then on: no number that it knows is given out again.
func TestReaderAheadOfTheLog(t *testing.T) {
	l := newLab(t, intake.Options{})
	l.add(10)
	l.close()
	edit(t, l.segments()[0], func(b []byte) []byte { return b[:headAt(b, 7)] })
	l.open()
	if head := l.log.Head(); head != 7 {
		t.Fatalf("head %d after three records were cut off", head)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.log.Follow(ended, 9, nil); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	l.log.Keep("watch", 10)
	if !strings.Contains(l.out.String(), "has seen more") {
		t.Error("it is not said that a reader is ahead of the log")
	}
	for want := uint64(11); want <= 13; want++ {
		if seq, err := l.log.Append(t.Context(), l.batch(want)); err != nil || seq != want {
			t.Fatalf("the next record got %d, %v; want %d", seq, err, want)
		}
	}
	for range 2 {
		if got, want := fmt.Sprint(l.seqs()), "[1 2 3 4 5 6 7 11 12 13]"; got != want {
			t.Errorf("read %v, want %v", got, want)
		}
		l.close()
		l.open()
	}
}

func TestRetentionBySize(t *testing.T) {
	l := newLab(t, intake.Options{MaxBytes: 4000, Consumers: []string{"series", "watch"}})
	fill := func() error {
		for range 200 {
			if _, err := l.log.Append(t.Context(), l.batch(l.log.Head()+1)); err != nil {
				return err
			}
		}
		return nil
	}
	if err := fill(); !errors.Is(err, fact.ErrBusy) || !strings.Contains(err.Error(), `"series"`) && !strings.Contains(err.Error(), `"watch"`) {
		t.Fatalf("filling a log that nobody reads: %v, want ErrBusy with the reader's name", err)
	}
	head := l.log.Head()
	l.log.Keep("series", head)
	if err := fill(); !errors.Is(err, fact.ErrBusy) || !strings.Contains(err.Error(), `"watch"`) {
		t.Errorf("one of two readers is behind: %v, want ErrBusy with its name", err)
	}
	if got := l.metric("lag_records"); got != 0 {
		t.Errorf("lag of series: %v", got)
	}
	l.log.Keep("watch", head)
	if err := fill(); !errors.Is(err, fact.ErrBusy) || l.log.Head() <= head {
		t.Errorf("both have read all: %v, head %d was %d", err, l.log.Head(), head)
	}
	if size := l.metric("size_bytes"); size > 4000 {
		t.Errorf("%v bytes, the limit is 4000", size)
	}
	if l.metric("busy_total") < 3 || l.metric("deleted_segments_total") == 0 {
		t.Error("what was refused and deleted is not counted")
	}
}

func TestRetentionByAge(t *testing.T) {
	l := newLab(t, intake.Options{MaxAge: 20 * time.Second, WindowBytes: 1}) // one record a second
	l.log.Keep("watch", 0)
	l.add(100)
	if got := l.metric("deleted_segments_total"); got != 0 {
		t.Errorf("%v segments deleted that a reader needs", got)
	}
	l.log.Keep("watch", 90)
	l.add(1)
	got := l.seqs()
	if first := got[0]; first < 60 || first > 81 {
		t.Errorf("the oldest record kept is %d of 101, want about 20 seconds back", first)
	}
}

func TestTooLarge(t *testing.T) {
	l := newLab(t, intake.Options{})
	var problem *fact.Problem
	if _, err := l.log.Append(t.Context(), &fact.Batch{Source: strings.Repeat("x", intake.MaxBatch+1)}); !errors.As(err, &problem) {
		t.Errorf("a giant batch: %v, want a Problem", err)
	}
	l.add(1)
}

func noise(n int) []byte {
	b := make([]byte, n)
	x := uint64(1)
	for i := range b {
		x = x*6364136223846793005 + 1442695040888963407
		b[i] = byte(x >> 56)
	}
	return b
}

func TestOneProcessOnly(t *testing.T) {
	l := newLab(t, intake.Options{})
	if _, err := intake.Open(l.dir, intake.Options{}); !errors.Is(err, disk.ErrInUse) {
		t.Errorf("opening it twice: %v, want ErrInUse", err)
	}
}

func TestNewerVersionIsRefused(t *testing.T) {
	l := newLab(t, intake.Options{})
	l.add(1)
	l.close()
	header := append([]byte("SMINTAKE\x02"), make([]byte, 19)...)
	edit(t, l.segments()[0], func(b []byte) []byte { return append(appendSum(header), b[32:]...) })
	if _, err := intake.Open(l.dir, intake.Options{}); err == nil || !strings.Contains(err.Error(), "is of format 2") {
		t.Errorf("a log of a newer version: %v", err)
	}
	l.log, _ = intake.Open(t.TempDir(), intake.Options{})
}

func TestMetricsAreWellFormed(t *testing.T) {
	l := newLab(t, intake.Options{Consumers: []string{"watch"}})
	l.add(3)
	l.seqs()
	problems, err := testutil.GatherAndLint(l.reg)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	for name, want := range map[string]float64{"records_total": 4, "head": 4, "lag_records": 4, "window_reads_total": 4, "file_reads_total": 0} {
		if got := l.metric(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

func appendSum(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}
