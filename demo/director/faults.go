package director

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/steersman-ops/steersman/demo/shop"
)

func (s *stage) paymentFails(ctx context.Context) (string, error) {
	s.say("payment begins to fail 30 %% of its requests. checkout and frontend fail with it.")
	return s.singleFault(ctx, noticed, Injection{Target: "payment", Fault: shop.Fault{Kind: shop.FaultErrors, Value: 0.3}})
}

func (s *stage) inventorySlow(ctx context.Context) (string, error) {
	s.say("inventory takes 300 ms more. catalog, shipping, recommendation and all above them wait for it.")
	return s.singleFault(ctx, noticedSlow, Injection{Target: "inventory", Fault: shop.Fault{Kind: shop.FaultLatency, Value: 0.3}})
}

// singleFault breaks one service and expects exactly one incident that blames
// it within the given time, and that ends when the fault does.
func (s *stage) singleFault(ctx context.Context, within time.Duration, in Injection) (string, error) {
	calm, err := s.calmDown(ctx)
	if err != nil {
		return "", err
	}
	defer s.mend(ctx)
	start := time.Now()
	if err := s.inject(ctx, in); err != nil {
		return "", err
	}
	var found incident
	err = until(ctx, s.patient(within), s.blames(calm, &found, func(c cause) bool { return c.Entity == entity(in.Target) }))
	if err != nil {
		return "", fmt.Errorf("%s, wanted cause %s: %w", in, in.Target, err)
	}
	took := time.Since(start)
	s.say("%s: %s", found.Title, found.Causes[0].Text)
	if err := pause(ctx, max(s.patient(2*settled)-took, s.patient(settled))); err != nil {
		return "", err
	}
	s.mend(ctx)
	mended := time.Now()
	s.say("%s is well again.", in.Target)
	if err := s.over(ctx, calm, mended, entity(in.Target)); err != nil {
		return "", err
	}
	return fmt.Sprintf("cause named in %.1fs: %s", took.Seconds(), found.Title), nil
}

// over waits until no incident is open and expects that since the given time
// exactly one was, which blames blamed. The machine is real and shared: that
// something became slow after the fault was mended may be so, if only no
// service is blamed for it.
func (s *stage) over(ctx context.Context, at, mended time.Time, blamed string) error {
	if _, err := s.calmDown(ctx); err != nil {
		return fmt.Errorf("the fault is over: %w", err)
	}
	fresh, err := s.since(ctx, at)
	if err != nil {
		return err
	}
	fresh = slices.DeleteFunc(fresh, func(i incident) bool { return i.Onset.After(mended) && i.blamesNobody() })
	if len(fresh) != 1 {
		return fmt.Errorf("wanted one incident, there were %d: %s", len(fresh), describe(fresh))
	}
	if c := fresh[0].Causes; len(c) == 0 || c[0].Entity != blamed {
		return fmt.Errorf("in the end the cause was not %s: %s", blamed, describe(fresh))
	}
	return nil
}

// mend clears all faults, also when ctx is over.
func (s *stage) mend(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := s.calm(ctx); err != nil {
		s.cfg.Logger.Warn("clear faults", "err", err)
	}
}

// restart lets recommendation hang and expects that a restart is proposed,
// done and kept.
func (s *stage) restart(ctx context.Context) (string, error) {
	calm, err := s.calmDown(ctx)
	if err != nil {
		return "", err
	}
	defer s.mend(ctx)
	before, err := s.pid(ctx, "recommendation-1")
	if err != nil {
		return "", err
	}
	s.say("recommendation hangs: it takes requests and never answers.")
	start := time.Now()
	if err := s.inject(ctx, Injection{Target: "recommendation", Fault: shop.Fault{Kind: shop.FaultHang}}); err != nil {
		return "", err
	}
	var found incident
	err = until(ctx, s.patient(2*noticed), s.blames(calm, &found, func(c cause) bool { return c.Entity == entity("recommendation") }))
	if err != nil {
		return "", fmt.Errorf("wanted cause recommendation: %w", err)
	}
	named := time.Since(start)
	s.say("%s: %s", found.Title, found.Causes[0].Text)
	d, err := s.waiting(ctx, found.ID, "process.restart")
	if err != nil {
		return "", err
	}
	if err := s.agree(ctx, d.Proposal.ID); err != nil {
		return "", err
	}
	after := 0
	err = until(ctx, s.patient(20*time.Second), func(ctx context.Context) (err error) {
		if after, err = s.pid(ctx, "recommendation-1"); err == nil && (after == before || after == 0) {
			err = fmt.Errorf("recommendation-1 still has process id %d", after)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	if err := s.kept(ctx, d.Proposal.ID); err != nil {
		return "", err
	}
	if err := s.over(ctx, calm, time.Now(), entity("recommendation")); err != nil {
		return "", err
	}
	return fmt.Sprintf("cause named in %.1fs, process %d became %d", named.Seconds(), before, after), nil
}

// pid asks the supervisor itself.
func (s *stage) pid(ctx context.Context, instance string) (int, error) {
	var all struct {
		Processes []struct {
			Instance string `json:"instance"`
			PID      int    `json:"pid"`
		} `json:"processes"`
	}
	if err := s.get(ctx, s.plan.SupervisorURL(), &all); err != nil {
		return 0, err
	}
	for _, p := range all.Processes {
		if p.Instance == instance {
			return p.PID, nil
		}
	}
	return 0, fmt.Errorf("the supervisor knows no %s", instance)
}
