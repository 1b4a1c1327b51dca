package director

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/steersman-ops/steersman/demo/shop"
)

// A beat is one scene with a verdict.
type beat struct {
	name   string
	within time.Duration // on an idle machine
	scene  func(context.Context) (seen string, err error)
}

// noticed is how soon after a fault Steersman must name its cause.
const noticed = 10 * time.Second

// learned is how much of what there is must have a known normal range before
// anything is broken.
const learned = 0.995

func (s *stage) beats() []beat {
	fault := 4 * time.Minute // for a scene with a fault, from the end of the last incident to that of its own
	all := []beat{
		{"the map draws itself from live spans", 30 * time.Second, s.mapDraws},
		{"a quiet while without an incident", 2*time.Minute + s.cfg.Quiet, s.quiet},
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

func entity(service string) string { return "service:" + shop.Namespace + "/" + service }

// mapDraws waits until all services and calls of the shop are on the map, and
// nothing else is.
func (s *stage) mapDraws(ctx context.Context) (string, error) {
	want := make(map[string]bool)
	for _, e := range shop.Edges() {
		client := ""
		if e.Client != "" {
			client = entity(e.Client)
		}
		want[client+" → "+entity(e.Server)] = true
	}
	err := until(ctx, s.patient(30*time.Second), func(ctx context.Context) error {
		m, err := s.steersman.serviceMap(ctx)
		if err != nil {
			return err
		}
		return sameMap(m, want)
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d services, %d calls, %.1fs after the first user", len(shop.Services()), len(want), time.Since(s.started).Seconds()), nil
}

func sameMap(m serviceMap, want map[string]bool) error {
	missing, more := maps.Clone(want), []string(nil)
	for _, e := range m.Edges {
		name := e.Client + " → " + e.Server
		if !want[name] {
			more = append(more, name)
		}
		delete(missing, name)
	}
	nodes := make(map[string]bool)
	for _, n := range m.Nodes {
		nodes[n.Entity] = true
	}
	for _, srv := range shop.Services() {
		if !nodes[entity(srv.Name)] {
			missing[entity(srv.Name)] = true
		}
	}
	if len(missing)+len(more) > 0 {
		return fmt.Errorf("missing on the map: %v; unexpected: %v", slices.Sorted(maps.Keys(missing)), more)
	}
	return nil
}

// quiet waits until Steersman has learned what is normal, and then for a while
// in which no incident may be opened.
func (s *stage) quiet(ctx context.Context) (string, error) {
	s.say("Steersman learns what is normal for this shop.")
	err := until(ctx, s.patient(2*time.Minute), func(ctx context.Context) error {
		n, err := s.steersman.now(ctx)
		if err != nil {
			return err
		}
		if n.Learning.Ready < learned {
			return fmt.Errorf("still learning: ready is %.2f", n.Learning.Ready)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	s.say("Nothing is wrong. For %v nothing may be reported.", s.cfg.Quiet)
	before := s.users.Totals()
	for start := time.Now(); time.Since(start) < s.cfg.Quiet; {
		all, err := s.steersman.incidents(ctx, "")
		if err != nil {
			return "", err
		}
		if len(all) > 0 {
			return "", fmt.Errorf("%.1fs into it: %s", time.Since(start).Seconds(), describe(all))
		}
		if err := pause(ctx, time.Second); err != nil {
			return "", err
		}
	}
	t := s.users.Totals().Since(before)
	return fmt.Sprintf("%d requests, %.2f %% good, mean %v", t.Sent, 100*t.Success(), t.Mean().Round(time.Millisecond)), nil
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
			line += fmt.Sprintf(" [%s %s %s %.2f]", strings.TrimPrefix(c.Entity, "service:"), c.Kind, c.Version, c.Probability)
		}
		if i.Abstained {
			line += " abstained"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
}

// calmDown waits until no incident is open and returns the ids of all that
// there were.
func (s *stage) calmDown(ctx context.Context) (map[string]bool, error) {
	ids := make(map[string]bool)
	err := until(ctx, s.patient(2*time.Minute), func(ctx context.Context) error {
		all, err := s.steersman.incidents(ctx, "")
		if err != nil {
			return err
		}
		for _, i := range all {
			ids[i.ID] = true
		}
		return noneOpen(all)
	})
	return ids, err
}

func noneOpen(all []incident) error {
	open := slices.DeleteFunc(slices.Clone(all), func(i incident) bool { return i.State != "open" })
	if len(open) > 0 {
		return fmt.Errorf("still open: %s", describe(open))
	}
	return nil
}

// since returns the incidents that are not among the earlier ones.
func (s *stage) since(ctx context.Context, earlier map[string]bool) ([]incident, error) {
	all, err := s.steersman.incidents(ctx, "")
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(i incident) bool { return earlier[i.ID] }), nil
}

// blames returns a look that finds a new incident whose first cause fits.
func (s *stage) blames(earlier map[string]bool, found *incident, fits func(cause) bool) look {
	return func(ctx context.Context) error {
		fresh, err := s.since(ctx, earlier)
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

func (s *stage) paymentFails(ctx context.Context) (string, error) {
	s.say("payment begins to fail 30 %% of its requests. checkout and frontend fail with it.")
	return s.singleFault(ctx, Injection{Target: "payment", Fault: shop.Fault{Kind: shop.FaultErrors, Value: 0.3}})
}

func (s *stage) inventorySlow(ctx context.Context) (string, error) {
	s.say("inventory takes 300 ms more. catalog, shipping, recommendation and all above them wait for it.")
	return s.singleFault(ctx, Injection{Target: "inventory", Fault: shop.Fault{Kind: shop.FaultLatency, Value: 0.3}})
}

// singleFault breaks one service and expects exactly one incident that blames
// it, soon, and that ends when the fault does.
func (s *stage) singleFault(ctx context.Context, in Injection) (string, error) {
	earlier, err := s.calmDown(ctx)
	if err != nil {
		return "", err
	}
	defer s.mend(ctx)
	if err := s.inject(ctx, in); err != nil {
		return "", err
	}
	start := time.Now()
	var found incident
	err = until(ctx, s.patient(noticed), s.blames(earlier, &found, func(c cause) bool { return c.Entity == entity(in.Target) }))
	if err != nil {
		return "", fmt.Errorf("%s, wanted cause %s: %w", in, in.Target, err)
	}
	took := time.Since(start)
	s.say("%s: %s", found.Title, found.Causes[0].Text)
	if err := pause(ctx, s.patient(2*noticed)-took); err != nil { // long enough for a second incident, if there is to be one
		return "", err
	}
	s.mend(ctx)
	s.say("%s is well again.", in.Target)
	if err := s.over(ctx, earlier, entity(in.Target)); err != nil {
		return "", err
	}
	return fmt.Sprintf("cause named in %.1fs: %s", took.Seconds(), found.Title), nil
}

// over waits until no incident is open and expects that since the earlier ones
// there was exactly one, which blames blamed.
func (s *stage) over(ctx context.Context, earlier map[string]bool, blamed string) error {
	if _, err := s.calmDown(ctx); err != nil {
		return fmt.Errorf("the fault is over: %w", err)
	}
	fresh, err := s.since(ctx, earlier)
	if err != nil {
		return err
	}
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

// badRelease sends half of checkout's traffic to a version that fails, tells
// Steersman of the change as a pipeline would, and waits for a way back.
func (s *stage) badRelease(ctx context.Context) (string, error) {
	s.proposed = decision{}
	earlier, err := s.calmDown(ctx)
	if err != nil {
		return "", err
	}
	s.earlier = earlier
	s.say("checkout v2 is released to half of the users. It fails 40 %% of its requests.")
	if err := s.inject(ctx, Injection{Target: "checkout-2", Fault: shop.Fault{Kind: shop.FaultErrors, Value: 0.4}}); err != nil {
		return "", err
	}
	ch := change{Service: "checkout", Namespace: shop.Namespace, Version: "v2", Before: "v1", Kind: "deployed", By: "demo director", Note: "faster orders"}
	if err := s.steersman.announce(ctx, ch); err != nil {
		return "", err
	}
	if _, err := s.router.Set(map[string]int{"v1": 50, "v2": 50}, 0, ""); err != nil {
		return "", err
	}
	start := time.Now()
	var found incident
	err = until(ctx, s.patient(2*noticed), s.blames(earlier, &found, func(c cause) bool {
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
	if err := s.over(ctx, s.earlier, entity("checkout")); err != nil {
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

// restart lets recommendation hang and expects that a restart is proposed,
// done and kept.
func (s *stage) restart(ctx context.Context) (string, error) {
	earlier, err := s.calmDown(ctx)
	if err != nil {
		return "", err
	}
	defer s.mend(ctx)
	before, err := s.pid(ctx, "recommendation-1")
	if err != nil {
		return "", err
	}
	s.say("recommendation hangs: it takes requests and never answers.")
	if err := s.inject(ctx, Injection{Target: "recommendation", Fault: shop.Fault{Kind: shop.FaultHang}}); err != nil {
		return "", err
	}
	start := time.Now()
	var found incident
	err = until(ctx, s.patient(2*noticed), s.blames(earlier, &found, func(c cause) bool { return c.Entity == entity("recommendation") }))
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
	return fmt.Sprintf("cause named in %.1fs, process %d became %d", named.Seconds(), before, after), s.over(ctx, earlier, entity("recommendation"))
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
