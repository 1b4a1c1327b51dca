package watchdog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// FileName is the name of the switch's file in the data directory.
const FileName = "STOP"

// PollEvery is how often a running switch looks at its file.
const PollEvery = 100 * time.Millisecond

// maxFile is as much of the file as is read; its presence is what counts.
const maxFile = 64 << 10

// ErrEngaged is wrapped by the cause of every context that the switch
// cancelled.
var ErrEngaged = errors.New("the kill switch is engaged")

// A State says whether the switch is engaged, and who did it.
type State struct {
	Engaged bool      `json:"engaged"`
	By      string    `json:"by,omitempty"`
	Why     string    `json:"why,omitempty"`
	At      time.Time `json:"at,omitzero"` // of the last engagement or release, as far as is known
}

// SwitchOptions are the settings of a switch. The zero value works.
type SwitchOptions struct {
	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // nil: silent
}

// A Switch is the kill switch of one data directory. It is safe for
// concurrent use, in any number of processes at once.
type Switch struct {
	path string
	now  func() time.Time
	log  *slog.Logger

	mu       sync.Mutex
	state    State
	onlyHere bool                       // engaged, and the file could not be written
	flights  map[*flight]struct{}       // contexts to cancel when engaged
	changed  map[chan struct{}]struct{} // who wants to know
}

type flight struct{ cancel context.CancelCauseFunc }

// OpenSwitch returns the switch of the data directory dir. It reads the
// directory once and starts nothing; see [Switch.Run].
func OpenSwitch(dir string, opt SwitchOptions) (*Switch, error) {
	if info, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("kill switch in %s: %w", dir, err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("kill switch in %s: not a directory", dir)
	}
	s := &Switch{
		path:    filepath.Join(dir, FileName),
		now:     opt.Now,
		log:     opt.Logger,
		flights: make(map[*flight]struct{}),
		changed: make(map[chan struct{}]struct{}),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.State()
	return s, nil
}

// State looks at the file and says how things stand at this moment.
func (s *Switch) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.look()
}

// Engage stops everything. The file is written and synced before memory
// follows. Where there is no room to write who stops and why, an empty file
// does: it needs none. If there can be no file at all the switch is engaged in
// this process all the same, and the error says that other processes and a
// restart will not know. Engaging an engaged switch keeps the first state.
func (s *Switch) Engage(by, why string) (State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if was := s.look(); was.Engaged && !s.onlyHere {
		return was, nil
	}
	st := State{Engaged: true, By: by, Why: why, At: s.now().UTC()}
	err := writeFile(s.path, st)
	if err != nil && touch(s.path, st.At) == nil {
		s.log.Warn("the kill switch's file could not say who engaged it, and is empty", "by", by, "why", why, "err", err)
		err = nil
	}
	s.onlyHere = err != nil
	s.set(st)
	if err != nil {
		return st, fmt.Errorf("kill switch: engaged in this process only, a restart will forget it: write %s: %w", s.path, err)
	}
	return st, nil
}

// Release lets things go on. It removes the file, whatever it holds.
func (s *Switch) Release(by, why string) (State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := os.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s.look(), fmt.Errorf("kill switch: still engaged: %w", err)
	}
	if err := syncDir(filepath.Dir(s.path)); err != nil {
		s.log.Warn("the kill switch is released, but a power cut may bring it back", "err", err)
	}
	s.onlyHere = false
	s.set(State{By: by, Why: why, At: s.now().UTC()})
	return s.state, nil
}

// Run looks at the file every [PollEvery] until ctx ends, so that contexts in
// flight end soon after somebody made the file by hand.
func (s *Switch) Run(ctx context.Context) error {
	tick := time.NewTicker(PollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s.State()
		}
	}
}

// Context returns a child of ctx that ends as soon as the switch is seen to be
// engaged; its cause then wraps [ErrEngaged]. The caller must call the
// returned function when done.
func (s *Switch) Context(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	f := &flight{cancel}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flights[f] = struct{}{}
	if st := s.look(); st.Engaged {
		cancel(engagedErr(st))
	}
	return ctx, func() {
		s.mu.Lock()
		delete(s.flights, f)
		s.mu.Unlock()
		cancel(context.Canceled)
	}
}

// Changed returns a channel that receives after each change of the switch,
// until stop is called. A receiver that is slow misses nothing but repeats:
// it should ask [Switch.State].
func (s *Switch) Changed() (c <-chan struct{}, stop func()) {
	ch := make(chan struct{}, 1)
	stop = func() {
		s.mu.Lock()
		delete(s.changed, ch)
		s.mu.Unlock()
	}
	s.mu.Lock()
	s.changed[ch] = struct{}{}
	s.mu.Unlock()
	return ch, stop
}

// look reads the file and brings memory up to date. The caller holds mu.
func (s *Switch) look() State {
	st, found := readFile(s.path)
	switch {
	case found && (!s.state.Engaged || s.onlyHere || st.At.After(s.state.At)):
		s.onlyHere = false
		s.set(st)
	case !found && s.state.Engaged && !s.onlyHere && isDir(filepath.Dir(s.path)):
		s.set(State{By: "file", Why: "the file " + FileName + " was removed", At: s.now().UTC()})
	}
	return s.state
}

// set changes memory and tells everybody. The caller holds mu.
func (s *Switch) set(st State) {
	turned := st.Engaged != s.state.Engaged
	s.state = st
	if st.Engaged {
		for f := range s.flights {
			f.cancel(engagedErr(st))
		}
	}
	if !turned {
		return
	}
	s.log.Warn("kill switch", "engaged", st.Engaged, "by", st.By, "why", st.Why)
	for ch := range s.changed {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

func engagedErr(st State) error {
	return fmt.Errorf("%w by %s: %s", ErrEngaged, st.By, st.Why)
}

// readFile reports whether the switch's file is there, and what it says. A
// file that cannot be read or understood counts: when in doubt, stop.
func readFile(path string) (State, bool) {
	doubt := func(why string) (State, bool) {
		return State{Engaged: true, By: "file", Why: why, At: modified(path)}, true
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		// A dangling symbolic link is there too.
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			return State{}, false
		}
		return doubt("the file " + FileName + " cannot be followed")
	}
	if err != nil {
		return doubt(err.Error())
	}
	defer func() { _ = f.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return doubt(err.Error())
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return doubt("the file " + FileName + " was made by hand")
	}
	var st State
	if err := json.Unmarshal(data, &st); err != nil {
		return doubt("the file " + FileName + " is there; what it says cannot be read")
	}
	st.Engaged = true
	if st.At.IsZero() {
		st.At = modified(path)
	}
	return st, true
}

// isDir reports whether path is a directory: a file that is gone together with
// its directory was not taken away by somebody who wants to go on.
func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// modified returns when the file was last written: for one made by hand, the
// best that is known of when it was meant.
func modified(path string) time.Time {
	info, err := os.Lstat(path)
	if err != nil {
		return time.Unix(0, 0).UTC()
	}
	return info.ModTime().UTC()
}

// writeFile puts st under path so that it is there whole or not at all.
func writeFile(path string, st State) error {
	data, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return err
	}
	return WriteDurably(path, append(data, '\n'), 0o600)
}

// touch makes an empty file as of at.
func touch(path string, at time.Time) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	// Who looks at the file and knows more does not take it for a newer one.
	if err := os.Chtimes(path, at, at); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// WriteDurably writes data under path so that after a crash or power cut the
// old file or the new one is there, whole.
func WriteDurably(path string, data []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
