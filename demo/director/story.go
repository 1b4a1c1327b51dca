package director

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// say prints a caption for the person who watches; a check has none.
func (s *stage) say(format string, args ...any) {
	if s.telling {
		fmt.Fprintf(s.cfg.Out, "     "+format+"\n", args...)
	}
}

// tell plays for a person until ctx ends.
func (s *stage) tell(ctx context.Context) error {
	s.telling = true
	s.say("The shop is open: %s, %.0f requests a second. Console: %s", s.plan.Frontend(), s.cfg.Rate, s.plan.Base())
	switch {
	case len(s.cfg.Faults) > 0:
		return s.tellFaults(ctx)
	case s.cfg.NoStory:
		return s.watch(ctx)
	}
	beats := s.beats()
	for {
		for _, b := range beats {
			if s.play(ctx, b); ctx.Err() != nil {
				return ctx.Err()
			}
			if err := pause(ctx, 10*time.Second); err != nil {
				return err
			}
		}
		s.say("That was the story. It begins again in a minute; Ctrl-C ends it.")
		if err := pause(ctx, time.Minute); err != nil {
			return err
		}
		beats = s.beats()[2:] // the map is drawn, and the past is no longer quiet
	}
}

// tellFaults injects what was asked for as soon as Steersman knows what is
// normal.
func (s *stage) tellFaults(ctx context.Context) error {
	s.say("Steersman learns what is normal; then the faults begin.")
	err := until(ctx, s.patient(3*time.Minute), func(ctx context.Context) error {
		n, err := s.steersman.now(ctx)
		if err == nil && n.Learning.Ready < learned {
			err = fmt.Errorf("ready is %.2f", n.Learning.Ready)
		}
		return err
	})
	if err != nil {
		s.say("It is not done learning (%v); they begin all the same.", err)
	}
	for _, in := range s.cfg.Faults {
		if err := s.inject(ctx, in); err != nil {
			return err
		}
		s.say("%s", in)
	}
	return s.watch(ctx)
}

// watch says every ten seconds what the users see, and each incident once when
// it opens and once when it is over.
func (s *stage) watch(ctx context.Context) error {
	told := make(map[string]string)
	before := s.users.Totals()
	for n := 1; ; n++ {
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
		if all, err := s.steersman.incidents(ctx, ""); err == nil {
			for _, i := range all {
				if told[i.ID] != i.State {
					told[i.ID] = i.State
					s.say("%s", describe([]incident{i}))
				}
			}
		}
		if n%10 == 0 {
			t := s.users.Totals()
			d := t.Since(before)
			before = t
			s.say("users: %.1f requests a second, %.1f %% good, mean %v", float64(d.Sent)/10, 100*d.Success(), d.Mean().Round(time.Millisecond))
		}
	}
}

// agree approves a proposal. When a person watches, that person is given some
// time to do it in the console.
func (s *stage) agree(ctx context.Context, id string) error {
	if s.telling {
		s.say("A proposal waits for you at %s/decisions/%s", s.plan.Base(), id)
		err := until(ctx, 45*time.Second, func(ctx context.Context) error {
			d, err := s.steersman.decision(ctx, id)
			if err == nil && d.State == "waiting" {
				err = fmt.Errorf("it waits")
			}
			return err
		})
		if err == nil {
			return nil
		}
		s.say("Nobody answered, so the director approves it.")
	}
	_, err := s.steersman.approve(ctx, id, "the demo's director agrees")
	return err
}

// get reads JSON from one of the demo's own addresses.
func (s *stage) get(ctx context.Context, url string, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := s.admin.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(out); err != nil {
		return fmt.Errorf("GET %s: %w", url, err)
	}
	return nil
}
