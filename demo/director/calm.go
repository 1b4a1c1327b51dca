package director

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/steersman-ops/steersman/demo/shop"
)

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
	calm, err := s.calmDown(ctx)
	if err != nil {
		return "", err
	}
	s.say("Nothing is wrong. For %v nothing may be reported.", s.cfg.Quiet)
	before := s.users.Totals()
	for time.Since(calm) < s.cfg.Quiet {
		all, err := s.since(ctx, calm)
		if err != nil {
			return "", err
		}
		if len(all) > 0 {
			return "", fmt.Errorf("%.1fs into it: %s", time.Since(calm).Seconds(), describe(all))
		}
		if err := pause(ctx, time.Second); err != nil {
			return "", err
		}
	}
	t := s.users.Totals().Since(before)
	return fmt.Sprintf("%d requests, %.2f %% good, mean %v", t.Sent, 100*t.Success(), t.Mean().Round(time.Millisecond)), nil
}
