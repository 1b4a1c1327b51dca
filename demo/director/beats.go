package director

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A beat is one scene with a verdict.
type beat struct {
	name   string
	within time.Duration // on an idle machine
	scene  func(context.Context) (seen string, err error)
}

const (
	// noticed is how soon after failures began Steersman must name their cause.
	noticed = 10 * time.Second
	// noticedSlow is the same for slowness. Four whole seconds must be slow, and
	// ten when the machine happens to be busy and the slowness is not stark;
	// spans are waited for two seconds or more on top of that.
	noticedSlow = 20 * time.Second
	// settled is how long is waited after that for a second incident, which
	// there must not be.
	settled = 10 * time.Second
)

// learned is how much of what there is must have a known normal range before
// anything is broken.
const learned = 0.995

func (s *stage) beats() []beat {
	fault := 4 * time.Minute // for a scene with a fault, from the end of the last incident to that of its own
	all := []beat{
		{"the map draws itself from live spans", 30 * time.Second, s.mapDraws},
		{"a quiet while without an incident", 2*time.Minute + 2*s.cfg.Quiet + time.Minute, s.quiet},
		{"payment fails: one incident, cause payment", fault, s.paymentFails},
		{"inventory is slow: the cause is inventory, not its callers", fault, s.inventorySlow},
		{"a bad release: checkout v2 is blamed, a way back is proposed", fault, s.badRelease},
		{"the kill switch holds everything", 15 * time.Second, s.killSwitch},
		{"approved: the weights are back, and it helped", fault, s.wayBack},
	}
	if s.cfg.Restart {
		all = append(all, beat{"recommendation hangs: restarted, and it helped", fault, s.restart})
	}
	return append(all, beat{"one flipped byte in a copy of the ledger is found", time.Minute, s.flippedByte})
}

// play runs one beat under its deadline, prints its line, and reports whether
// it went well. Whatever was broken is mended afterwards.
func (s *stage) play(ctx context.Context, b beat) bool {
	start := time.Now()
	limited, cancel := context.WithTimeout(ctx, s.patient(b.within))
	seen, err := b.scene(limited)
	cancel()
	took := time.Since(start).Seconds()
	if ctx.Err() != nil {
		return false // stopped from outside: no verdict
	}
	if err != nil {
		fmt.Fprintf(s.cfg.Out, "FAIL %s (%.1fs): %v\n", b.name, took, err)
		return false
	}
	if seen != "" {
		seen = ": " + seen
	}
	fmt.Fprintf(s.cfg.Out, "ok   %s (%.1fs)%s\n", b.name, took, seen)
	return true
}

func (s *stage) patient(d time.Duration) time.Duration {
	return time.Duration(float64(d) * s.cfg.Patience)
}

// look is one look at the world: nil when it is as hoped, otherwise what it is
// like instead. A stop error ends the waiting.
type look func(context.Context) error

// stopError is a look's answer when waiting longer is no use.
type stopError struct{ error }

func giveUp(format string, args ...any) error { return stopError{fmt.Errorf(format, args...)} }

// until looks again and again until all is as hoped, for the given time at
// most. Its error is what the last look saw.
func until(ctx context.Context, within time.Duration, l look) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	start := time.Now()
	seen := errors.New("not even looked at")
	for {
		err := l(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
			seen = err // not the look that the deadline cut short
		}
		var stop stopError
		if errors.As(err, &stop) {
			return stop.error
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("after %.1fs: %w", time.Since(start).Seconds(), seen)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// describe says in one line what incidents there are.
func describe(all []incident) string {
	if len(all) == 0 {
		return "no incident"
	}
	var lines []string
	for _, i := range all {
		line := fmt.Sprintf("%s %s %q", i.State, i.ID, i.Title)
		for n, c := range i.Causes {
			if n == 3 {
				break
			}
			who := strings.TrimSpace(strings.TrimPrefix(c.Entity, "service:") + " " + c.Version)
			line += fmt.Sprintf(" [%s: %s %.2f]", who, c.Kind, c.Probability)
		}
		if i.Abstained {
			line += " abstained"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
}

// calmDown waits until no incident is open and returns when that was.
func (s *stage) calmDown(ctx context.Context) (time.Time, error) {
	err := until(ctx, s.patient(2*time.Minute), func(ctx context.Context) error {
		all, err := s.steersman.incidents(ctx, "")
		if err != nil {
			return err
		}
		return noneOpen(all)
	})
	return time.Now(), err
}

func noneOpen(all []incident) error {
	open := slices.DeleteFunc(slices.Clone(all), func(i incident) bool { return i.State != "open" })
	if len(open) > 0 {
		return fmt.Errorf("still open: %s", describe(open))
	}
	return nil
}

// since returns the incidents that were open at the given time or later: new
// ones, and old ones that came back.
func (s *stage) since(ctx context.Context, at time.Time) ([]incident, error) {
	all, err := s.steersman.incidents(ctx, "")
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(i incident) bool { return i.State != "open" && i.Resolved.Before(at) }), nil
}

// blames returns a look that finds an incident, open at the given time or
// later, whose first cause fits.
func (s *stage) blames(at time.Time, found *incident, fits func(cause) bool) look {
	return func(ctx context.Context) error {
		fresh, err := s.since(ctx, at)
		if err != nil {
			return err
		}
		for _, i := range fresh {
			if len(i.Causes) > 0 && !i.Abstained && fits(i.Causes[0]) {
				*found = i
				return nil
			}
		}
		return errors.New(describe(fresh))
	}
}
