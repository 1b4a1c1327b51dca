package director

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/steersman-ops/steersman/demo/shop"
)

// badRelease sends half of checkout's traffic to a version that fails, tells
// Steersman of the change as a pipeline would, and waits for a way back.
func (s *stage) badRelease(ctx context.Context) (string, error) {
	s.proposed = decision{}
	calm, err := s.calmDown(ctx)
	if err != nil {
		return "", err
	}
	s.calmed = calm
	s.say("checkout v2 is released to half of the users. It fails 40 %% of its requests.")
	if err := s.inject(ctx, Injection{Target: "checkout-2", Fault: shop.Fault{Kind: shop.FaultErrors, Value: 0.4}}); err != nil {
		return "", err
	}
	ch := change{Service: "checkout", Namespace: shop.Namespace, Version: "v2", Before: "v1", Kind: "deployed", By: "demo director", Note: "faster orders"}
	if err := s.steersman.announce(ctx, ch); err != nil {
		return "", err
	}
	start := time.Now()
	if _, err := s.router.Set(map[string]int{"v1": 50, "v2": 50}, 0, ""); err != nil {
		return "", err
	}
	var found incident
	err = until(ctx, s.patient(2*noticed), s.blames(calm, &found, func(c cause) bool {
		return c.Entity == entity("checkout") && (c.Version == "v2" || c.Change != nil && c.Change.Version == "v2")
	}))
	if err != nil {
		return "", fmt.Errorf("wanted cause checkout v2: %w", err)
	}
	named := time.Since(start)
	s.say("%s: %s", found.Title, found.Causes[0].Text)
	if s.proposed, err = s.waiting(ctx, found.ID, "router.weights"); err != nil {
		return "", err
	}
	if p := s.proposed.Proposal.Action.Params; p["v1"] != "100" {
		return "", fmt.Errorf("%q would set the weights to %v", s.proposed.Proposal.Title, p)
	}
	return fmt.Sprintf("blamed in %.1fs, proposed in %.1fs: %s", named.Seconds(), time.Since(start).Seconds(), s.proposed.Proposal.Title), nil
}

// waiting waits for a proposal of the given kind that only lacks a person's yes.
func (s *stage) waiting(ctx context.Context, incident, kind string) (found decision, err error) {
	err = until(ctx, s.patient(15*time.Second), func(ctx context.Context) error {
		all, err := s.steersman.decisions(ctx, incident)
		if err != nil {
			return err
		}
		var seen []string
		for _, d := range all {
			if d.Proposal.Action.Kind == kind && d.State == "waiting" {
				found = d
				return nil
			}
			seen = append(seen, fmt.Sprintf("%s %q %s", d.Proposal.Action.Kind, d.Proposal.Title, d.State))
		}
		return fmt.Errorf("no proposal %s waits for incident %s; there are: %q", kind, incident, seen)
	})
	return found, err
}

// killSwitch engages it while a proposal waits, and expects that approving is
// then of no effect, at once, and possible again afterwards.
func (s *stage) killSwitch(ctx context.Context) (string, error) {
	id := s.proposed.Proposal.ID
	if id == "" {
		return "", errors.New("no proposal waits that it could be tried on")
	}
	s.say("The kill switch is pulled: whatever is approved now must not be done.")
	start := time.Now()
	if _, err := s.steersman.stop(ctx, "the demo tries the kill switch"); err != nil {
		return "", err
	}
	stopped := true
	defer func() {
		if stopped {
			s.goOn(ctx)
		}
	}()
	_, err := s.steersman.approve(ctx, id, "tried with the kill switch engaged")
	took := time.Since(start)
	if status(err) != http.StatusLocked {
		return "", fmt.Errorf("approving %s while stopped: wanted status 423, got: %v", id, err)
	}
	if took > s.patient(time.Second) {
		return "", fmt.Errorf("refused only after %.1fs", took.Seconds())
	}
	if w := s.router.State().Weights; w["v2"] != 50 {
		return "", fmt.Errorf("the weights moved to %v while stopped", w)
	}
	state, err := s.steersman.resume(ctx, "the demo goes on")
	if err != nil {
		return "", err
	}
	if stopped = state.Engaged; stopped {
		return "", errors.New("still engaged after resume")
	}
	return fmt.Sprintf("refused in %.2fs, released again", took.Seconds()), nil
}

// goOn releases the kill switch, also when ctx is over.
func (s *stage) goOn(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if _, err := s.steersman.resume(ctx, "the demo goes on"); err != nil {
		s.cfg.Logger.Warn("release the kill switch", "err", err)
	}
}

// wayBack approves what was proposed for the bad release and expects that it
// is done, verified and kept.
func (s *stage) wayBack(ctx context.Context) (string, error) {
	defer s.mend(ctx)
	defer s.stable()
	id := s.proposed.Proposal.ID
	if id == "" {
		return "", errors.New("no proposal waits that could be approved")
	}
	if err := s.agree(ctx, id); err != nil {
		return "", err
	}
	start := time.Now()
	err := until(ctx, s.patient(15*time.Second), s.onlyV1)
	if err != nil {
		return "", err
	}
	back := time.Since(start)
	s.say("All users are back on v1. Steersman now looks whether it helped.")
	if err := s.kept(ctx, id); err != nil {
		return "", err
	}
	verified := time.Since(start)
	if err := s.onlyV1(ctx); err != nil {
		return "", fmt.Errorf("kept, but %w", err)
	}
	if err := s.over(ctx, s.calmed, time.Now(), entity("checkout")); err != nil {
		return "", err
	}
	return fmt.Sprintf("back in %.1fs, verified in %.1fs", back.Seconds(), verified.Seconds()), nil
}

// onlyV1 asks the router itself.
func (s *stage) onlyV1(ctx context.Context) error {
	var st struct {
		Weights map[string]int `json:"weights"`
	}
	if err := s.get(ctx, s.plan.RouterURL(), &st); err != nil {
		return err
	}
	if st.Weights["v1"] != 100 {
		return fmt.Errorf("the router's weights are %v", st.Weights)
	}
	return nil
}

// stable sends everybody to v1, however the scene ended.
func (s *stage) stable() {
	if s.router.State().Weights["v1"] == 100 {
		return
	}
	if _, err := s.router.Set(map[string]int{"v1": 100}, 0, ""); err != nil {
		s.cfg.Logger.Warn("reset the router", "err", err)
	}
}

// kept waits until a decision has ended and expects that it was kept.
func (s *stage) kept(ctx context.Context, id string) error {
	return until(ctx, s.patient(2*time.Minute), func(ctx context.Context) error {
		d, err := s.steersman.decision(ctx, id)
		if err != nil {
			return err
		}
		switch d.State {
		case "kept":
			return nil
		case "reverted", "refused", "expired", "failed", "unclear":
			return giveUp("the decision ended %s: %s", d.State, d.lastWords())
		}
		return fmt.Errorf("the decision is %s: %s", d.State, d.lastWords())
	})
}

func (d *decision) lastWords() string {
	switch {
	case d.Outcome != nil:
		return d.Outcome.Text
	case d.Receipt != nil && d.Receipt.Err != "":
		return d.Receipt.Err
	case len(d.Steps) > 0:
		return d.Steps[len(d.Steps)-1].Why
	}
	return d.Proposal.Title
}
