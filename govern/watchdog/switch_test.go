package watchdog

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func open(t *testing.T, dir string) *Switch {
	t.Helper()
	s, err := OpenSwitch(dir, SwitchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func engage(t *testing.T, s *Switch, by, why string) State {
	t.Helper()
	st, err := s.Engage(by, why)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func TestEngageSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if st := s.State(); st.Engaged || !st.At.IsZero() {
		t.Fatalf("at first: %+v", st)
	}
	was := engage(t, s, "ada", "runaway")
	again := open(t, dir).State()
	if !again.Engaged || again.By != "ada" || again.Why != "runaway" || !again.At.Equal(was.At) {
		t.Errorf("after a restart: %+v, was %+v", again, was)
	}
	if info, err := os.Stat(filepath.Join(dir, FileName)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if st := engage(t, s, "bob", "me too"); st.By != "ada" {
		t.Errorf("the second to engage took the first's place: %+v", st)
	}
	if st, err := s.Release("bob", "over"); err != nil || st.Engaged || st.By != "bob" {
		t.Errorf("%+v %v", st, err)
	}
	if st := open(t, dir).State(); st.Engaged {
		t.Errorf("after release and restart: %+v", st)
	}
	if _, err := s.Release("bob", "again"); err != nil {
		t.Errorf("releasing what is released: %v", err)
	}
}

// Whatever lies there under the name stops.
func TestAnyFileStops(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(path string) error
		why  string
	}{
		{"empty", func(p string) error { return os.WriteFile(p, nil, 0o600) }, "the file STOP was made by hand"},
		{"torn", func(p string) error { return os.WriteFile(p, []byte(`{"engaged":tr`), 0o600) }, "cannot be read"},
		{"noise", func(p string) error { return os.WriteFile(p, []byte("\x00\xff\x00"), 0o600) }, "cannot be read"},
		{"words", func(p string) error { return os.WriteFile(p, []byte("please stop"), 0o600) }, "cannot be read"},
		{"a list", func(p string) error { return os.WriteFile(p, []byte("[]"), 0o600) }, "cannot be read"},
		{"says it is not", func(p string) error { return os.WriteFile(p, []byte(`{"engaged":false}`), 0o600) }, ""},
		{"unreadable", func(p string) error { return os.WriteFile(p, []byte(`{}`), 0o000) }, ""},
		{"a directory", func(p string) error { return os.Mkdir(p, 0o700) }, "is a directory"},
		{"a dangling link", func(p string) error { return os.Symlink("nowhere", p) }, "cannot be followed"},
		{"huge", func(p string) error { return os.WriteFile(p, []byte(strings.Repeat("x", 1<<20)), 0o600) }, "cannot be read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			if err := tt.make(filepath.Join(dir, FileName)); err != nil {
				t.Fatal(err)
			}
			for _, s := range []*Switch{s, open(t, dir)} {
				st := s.State()
				if !st.Engaged || !strings.Contains(st.Why, tt.why) || st.At.IsZero() {
					t.Errorf("%+v", st)
				}
				if again := s.State(); again != st {
					t.Errorf("first %+v, then %+v", st, again)
				}
			}
			if st, err := s.Release("ada", ""); err != nil || st.Engaged || s.State().Engaged {
				t.Errorf("release: %+v %v", st, err)
			}
		})
	}
}

func TestOtherProcessReleases(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir), open(t, dir)
	engage(t, a, "ada", "x")
	if !b.State().Engaged {
		t.Fatal("b does not know")
	}
	if _, err := b.Release("bob", ""); err != nil {
		t.Fatal(err)
	}
	if a.State().Engaged {
		t.Error("a does not know")
	}
}

// A directory that cannot be written keeps nobody from stopping.
func TestEngageWithoutAFile(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir))
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	st, err := s.Engage("ada", "disk is gone")
	if err == nil || !st.Engaged || !s.State().Engaged {
		t.Errorf("%+v %v", st, err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if !s.State().Engaged {
		t.Error("it forgot")
	}
	engage(t, s, "ada", "again")
	if !open(t, dir).State().Engaged {
		t.Error("it was not written the second time")
	}
	if st, err := s.Release("ada", ""); err != nil || s.State().Engaged {
		t.Errorf("%+v %v", st, err)
	}
}

// A full disk has no room for words, but a file without any stops as well, and
// a restart does not forget it.
func TestEngageOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	full := syscall.Rlimit{}
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 0, Max: full.Max}); err != nil {
		t.Fatal(err)
	}
	st, err := s.Engage("ada", "runaway")
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		t.Fatal(err)
	}
	if err != nil || !st.Engaged || st.By != "ada" {
		t.Fatalf("%+v %v", st, err)
	}
	if again := s.State(); again != st {
		t.Errorf("first %+v, then %+v", st, again)
	}
	if st := open(t, dir).State(); !st.Engaged {
		t.Error("a restart forgot it")
	}
}

// Taking the file away releases; losing the whole directory does not.
func TestDirectoryIsLost(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	engage(t, s, "ada", "x")
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	if !s.State().Engaged {
		t.Error("it was released")
	}
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	if st := s.State(); !st.Engaged || st.By != "ada" {
		t.Errorf("%+v", st)
	}
}

func TestNoDirectory(t *testing.T) {
	if _, err := OpenSwitch(filepath.Join(t.TempDir(), "none"), SwitchOptions{}); err == nil {
		t.Error("a switch without a directory")
	}
}

// A file made by hand ends what is in flight, well within a second.
func TestContextEndsWithin(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := t.TempDir()
	s := open(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	changed, stop := s.Changed()
	defer stop()
	flight, done := s.Context(ctx)
	defer done()
	began := time.Now()
	if err := os.WriteFile(filepath.Join(dir, FileName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	<-flight.Done()
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v", took)
	}
	if err := context.Cause(flight); !errors.Is(err, ErrEngaged) {
		t.Errorf("cause %v", err)
	}
	<-changed
	if after, done := s.Context(ctx); after.Err() == nil {
		t.Error("a new flight while engaged")
	} else {
		done()
	}
	if _, err := s.Release("ada", ""); err != nil {
		t.Fatal(err)
	}
	<-changed
	later, done2 := s.Context(ctx)
	defer done2()
	if later.Err() != nil {
		t.Error("no flight after release")
	}
}

func TestEngageEndsFlightsAtOnce(t *testing.T) {
	s := open(t, t.TempDir())
	ctx, done := s.Context(t.Context())
	defer done()
	landed, landedDone := s.Context(t.Context())
	landedDone()
	engage(t, s, "ada", "x")
	if !errors.Is(context.Cause(ctx), ErrEngaged) {
		t.Errorf("cause %v", context.Cause(ctx))
	}
	if errors.Is(context.Cause(landed), ErrEngaged) {
		t.Error("a flight that had ended was cancelled by the switch")
	}
}

func TestManyAtOnce(t *testing.T) {
	s := open(t, t.TempDir())
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				switch i % 4 {
				case 0:
					_, _ = s.Engage("a", "b")
				case 1:
					_, _ = s.Release("a", "b")
				case 2:
					s.State()
				default:
					_, done := s.Context(t.Context())
					done()
				}
			}
		})
	}
	wg.Wait()
	if _, err := s.Release("a", ""); err != nil || s.State().Engaged {
		t.Errorf("%v", err)
	}
}

func FuzzSwitchFile(f *testing.F) {
	f.Add([]byte(`{"engaged":true,"by":"ada","why":"x","at":"2026-03-01T12:00:00Z"}`))
	f.Add([]byte(`{"at":1}`))
	f.Add([]byte(""))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, FileName), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if st := open(t, dir).State(); !st.Engaged || st.At.IsZero() {
			t.Fatalf("%q: %+v", data, st)
		}
	})
}

func BenchmarkState(b *testing.B) {
	s, err := OpenSwitch(b.TempDir(), SwitchOptions{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s.State()
	}
}
