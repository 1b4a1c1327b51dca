package tail

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// A bench is a folder of logs that is followed step by step.
type bench struct {
	t     *testing.T
	dir   string
	state string
	group Group
	doors *signal.Doors
	sink  *signaltest.Sink
	f     *follower
	now   time.Time
	seen  int
}

func newBench(t *testing.T, limits signal.Limits) *bench {
	b := &bench{t: t, dir: t.TempDir(), state: t.TempDir(), now: time.Now()}
	b.group = Group{Name: "app", Paths: []string{filepath.Join(b.dir, "*.log")}, Entity: fact.Entity{Kind: fact.Service, Name: "checkout"}, Labels: []fact.Label{{Name: "env", Value: "prod"}}}
	b.doors, b.sink = signaltest.Doors(limits)
	t.Cleanup(func() {
		if b.f != nil {
			b.f.close()
		}
		signaltest.Law(t, b.doors, b.sink)
		signaltest.WellFormed(t, b.sink)
	})
	return b
}

// begin starts following, as after a crash if it was followed before.
func (b *bench) begin() {
	b.t.Helper()
	if b.f != nil {
		b.f.close()
	}
	var err error
	if b.f, err = newFollower(b.doors, b.group, Options{Dir: b.state, Every: time.Millisecond, Grace: time.Second, Files: 5}, newMetrics(nil)); err != nil {
		b.t.Fatal(err)
	}
	b.f.start(b.now)
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// write appends to a file.
func (b *bench) write(name, text string) {
	b.t.Helper()
	f, err := os.OpenFile(b.path(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) rename(from, to string) {
	b.t.Helper()
	if err := os.Rename(b.path(from), b.path(to)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) truncate(name string) {
	b.t.Helper()
	if err := os.Truncate(b.path(name), 0); err != nil {
		b.t.Fatal(err)
	}
}

// round looks once, a second later, and checks which lines came.
func (b *bench) round(want ...string) {
	b.t.Helper()
	b.now = b.now.Add(time.Second)
	b.f.round(b.t.Context(), b.now)
	var got []string
	all := b.sink.Lines()
	for _, l := range all[b.seen:] {
		got = append(got, l.Text)
	}
	b.seen = len(all)
	if !slices.Equal(got, want) {
		b.t.Errorf("came %q, want %q", got, want)
	}
}

func TestAppend(t *testing.T) {
	b := newBench(t, signal.Limits{})
	b.write("a.log", "one\ntwo\r\n\nthr")
	b.begin()
	b.round("one", "two")
	b.round()
	b.write("a.log", "ee\nfour\n")
	b.round("three", "four")
	b.write("b.log", "a new file\n\xff\n")
	b.round("a new file", "\uFFFD")
	l := b.sink.Lines()[0]
	if l.Entity.Name != "checkout" || l.Fields.Get("env") != "prod" || l.Fields.Get("log.file.path") != b.path("a.log") || l.At != signaltest.Now().UnixNano() {
		t.Errorf("%+v", l)
	}
	if s := b.doors.Sources.Sources()[0]; s.Name != "files:app" || s.Kind != Door || s.Accepted != 6 {
		t.Errorf("%+v", s)
	}
}

func TestRenamed(t *testing.T) {
	b := newBench(t, signal.Limits{})
	b.write("a.log", "1\n")
	b.begin()
	b.round("1")
	b.write("a.log", "2\n")
	b.rename("a.log", "a.log.1")
	b.write("a.log", "4\n")
	b.write("a.log.1", "3\n") // the program has not opened the new one yet
	b.round("2", "3", "4")
	b.write("a.log.1", "the end, without a newline")
	b.round()
	b.round("the end, without a newline") // it is quiet: it is let go
	if len(b.f.files) != 1 {
		t.Errorf("%d files are followed", len(b.f.files))
	}
}

func TestRenamedWhileDown(t *testing.T) {
	b := newBench(t, signal.Limits{})
	b.write("a.log", "1\n")
	b.begin()
	b.round("1")
	b.write("a.log", "2\n")
	b.rename("a.log", "a.log.1")
	b.write("a.log", "3\n")
	b.begin()
	b.round("2", "3")
}

func TestTruncated(t *testing.T) {
	b := newBench(t, signal.Limits{})
	b.write("a.log", "1\n2\n3\n")
	b.begin()
	b.round("1", "2", "3")
	b.truncate("a.log")
	b.round()
	b.write("a.log", "4\n")
	b.round("4")
	// It grows beyond its old length before anybody looks.
	b.truncate("a.log")
	b.write("a.log", "5\n6\n7\n8\n")
	b.round("5", "6", "7", "8")
	// And while nobody is there to look.
	b.truncate("a.log")
	b.write("a.log", "9\n")
	b.begin()
	b.round("9")
}

// A file that has the inode of one that is gone is read from its beginning.
func TestAnotherWithTheSameInode(t *testing.T) {
	b := newBench(t, signal.Limits{})
	b.write("a.log", "1\n2\n")
	b.begin()
	b.round("1", "2")
	b.truncate("a.log")
	b.write("a.log", "3\n4\n5\n6\n")
	b.rename("a.log", "b.log")
	b.begin()
	b.round("3", "4", "5", "6")
}

func TestLongLines(t *testing.T) {
	b := newBench(t, signal.Limits{LineBytes: 10})
	b.begin()
	long := strings.Repeat("x", 3*readBytes)
	b.write("a.log", "short\n"+long)
	b.round("short", "xxxxxxxxxx")
	b.write("a.log", long)
	b.begin() // the position is in the middle of the line
	b.round()
	b.write("a.log", long+"\nafter\n12345678901\n1234567890\r\n")
	b.round("after", "1234567890", "1234567890")
	for i, cut := range []bool{false, true, false, true, false} {
		if l := b.sink.Lines()[i]; l.Truncated != cut {
			t.Errorf("%q is cut: %v", l.Text, l.Truncated)
		}
	}
}

// What the sink has not taken is offered again, after a restart, too.
func TestSinkFails(t *testing.T) {
	b := newBench(t, signal.Limits{})
	b.write("a.log", "1\n")
	b.begin()
	b.round("1")
	b.sink.Fail(fact.ErrBusy)
	b.write("a.log", "2\n")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	b.f.round(ctx, b.now)
	b.sink.Fail(nil)
	b.begin()
	b.write("a.log", "3\n")
	b.round("2", "3")
	b.sink.Fail(errors.New("the disk is gone"))
	time.AfterFunc(20*time.Millisecond, func() { b.sink.Fail(nil) })
	b.write("a.log", "4\n")
	b.round("4")
}

// After a crash between the acknowledgement and the writing of the position the
// lines of that batch come twice, and no others.
func TestCrash(t *testing.T) {
	b := newBench(t, signal.Limits{})
	b.write("a.log", "1\n")
	b.begin()
	b.round("1")
	before, err := os.ReadFile(b.f.path)
	if err != nil {
		t.Fatal(err)
	}
	b.write("a.log", "2\n")
	b.round("2")
	if err := os.WriteFile(b.f.path, before, 0o600); err != nil {
		t.Fatal(err)
	}
	b.begin()
	b.write("a.log", "3\n")
	b.round("2", "3")
}

func TestManyLines(t *testing.T) {
	b := newBench(t, signal.Limits{})
	var want []string
	var text strings.Builder
	for i := range 2*batchLines + 17 {
		want = append(want, fmt.Sprintf("line %d %s", i, strings.Repeat("y", i%300)))
		text.WriteString(want[i] + "\n")
	}
	b.write("a.log", text.String())
	b.begin()
	b.round(want...)
	if n := len(b.sink.Batches()); n < 3 {
		t.Errorf("%d batches", n)
	}
}

func TestFromEnd(t *testing.T) {
	b := newBench(t, signal.Limits{})
	b.group.FromEnd = true
	b.write("a.log", "old\nhalf of an old o")
	b.begin()
	b.round()
	b.write("a.log", "ne\nnew\n")
	b.write("b.log", "all of it is new\n")
	b.round("new", "all of it is new")
}

func TestTooManyFiles(t *testing.T) {
	b := newBench(t, signal.Limits{})
	for i := range 7 {
		b.write(fmt.Sprintf("%d.log", i), "x\n")
	}
	if err := os.Mkdir(b.path("folder.log"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.begin()
	b.round("x", "x", "x", "x", "x")
}

func TestTimes(t *testing.T) {
	latest := time.Date(2026, 3, 1, 12, 10, 0, 0, time.UTC)
	for _, tt := range []struct {
		text string
		want time.Time
	}{
		{"2026-03-01T11:00:00Z started", time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)},
		{"2026-03-01T13:00:00.25+02:00\tstarted", time.Date(2026, 3, 1, 11, 0, 0, 250e6, time.UTC)},
		{"2026-03-01T13:00:00Z is ahead", time.Time{}},
		{"1970-01-01T00:00:00Z was never set", time.Time{}},
		{"2026-03-01 11:00:00 has no zone", time.Time{}},
		{"started", time.Time{}},
		{"", time.Time{}},
	} {
		want := int64(0)
		if !tt.want.IsZero() {
			want = tt.want.UnixNano()
		}
		if got := timeOf(tt.text, latest); got != want {
			t.Errorf("%q is of %d, want %d", tt.text, got, want)
		}
	}
}

func TestStateThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	d, _ := signaltest.Doors(signal.Limits{})
	g := Group{Name: "app", Paths: []string{dir + "/*.log"}}
	for _, text := range []string{"", "{", `{"version":2,"source":"files:app"}`, `{"version":1,"source":"files:other"}`, `{"version":1,"source":"files:app","files":[{"offset":-1}]}`, `{"version":1,"source":"files:app","more":1}`} {
		if err := os.WriteFile(statePath(dir, "files:app"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := New(d, []Group{g}, Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "move it away") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestGroupsThatFindNothing(t *testing.T) {
	for _, g := range []Group{{Name: "a"}, {Name: "a", Paths: []string{"relative"}}, {Name: "a", Paths: []string{"/["}}} {
		if err := g.Check(); err == nil {
			t.Errorf("%+v is taken", g)
		}
	}
}

// The whole of it, with its own goroutines.
func TestRun(t *testing.T) {
	b := newBench(t, signal.Limits{})
	b.doors.Clock = time.Now
	tl, err := New(b.doors, []Group{b.group, {Paths: []string{filepath.Join(b.dir, "*.txt")}}}, Options{Dir: b.state, Every: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- tl.Run(ctx) }()
	const n = 200
	for i := range n {
		b.write("a.log", fmt.Sprintf("%d\n", i))
		b.write("b.txt", fmt.Sprintf("%d\n", i))
		switch i % 50 {
		case 0: // it is found before it is renamed
			for len(b.sink.Lines()) < 2*i+2 {
				time.Sleep(time.Millisecond)
			}
		case 49:
			b.rename("a.log", fmt.Sprintf("a.log.%d", i))
		}
	}
	for begun := time.Now(); len(b.sink.Lines()) < 2*n && time.Since(begun) < 5*time.Second; {
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	count := make(map[string]int)
	for _, l := range b.sink.Lines() {
		count[l.Text]++
	}
	for i := range n {
		if c := count[fmt.Sprint(i)]; c != 2 {
			t.Errorf("line %d came %d times", i, c)
		}
	}
}
