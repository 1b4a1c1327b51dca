package director

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/steersman-ops/steersman/demo/load"
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
// in which no incident may be opened. Should the machine itself stumble
// meanwhile, so that the users feel it, an incident that blames no service is
// the truth; then the while begins again, once.
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
	stumbled := ""
	for {
		users, told, err := s.listen(ctx)
		if err != nil {
			return "", err
		}
		if len(told) == 0 {
			return users.String() + stumbled, nil
		}
		if stumbled != "" || !users.stumbled() || blamesAService(told) {
			return "", fmt.Errorf("%s, and %s", describe(told), users)
		}
		stumbled = "; begun again, because the machine stumbled and Steersman said so"
	}
}

// listen waits for the quiet while, or for incidents in it, and returns what
// the users felt and the incidents.
func (s *stage) listen(ctx context.Context) (pulse, []incident, error) {
	calm, err := s.calmDown(ctx)
	if err != nil {
		return nil, nil, err
	}
	users := pulse{s.users.Totals()}
	for time.Since(calm) < s.cfg.Quiet {
		if told, err := s.since(ctx, calm); err != nil || len(told) > 0 {
			return users, told, err
		}
		if err := pause(ctx, time.Second); err != nil {
			return nil, nil, err
		}
		users = append(users, s.users.Totals())
	}
	return users, nil, nil
}

// blamesAService reports whether a service, or a version of one, is named as
// the cause: what comes from outside, more requests or a busy host, is none.
func blamesAService(told []incident) bool {
	return slices.ContainsFunc(told, func(i incident) bool {
		return !i.Abstained && len(i.Causes) > 0 && i.Causes[0].Kind != "host" && i.Causes[0].Kind != "traffic"
	})
}

// A pulse is what the users' side counted, second by second.
type pulse []load.Totals

// stumbled reports whether some second was three times as slow for the users as
// the median second, or had twice the requests, or none.
func (p pulse) stumbled() bool {
	var took, sent []float64
	for i := 1; i < len(p); i++ {
		second := p[i].Since(p[i-1])
		took = append(took, second.Mean().Seconds())
		sent = append(sent, float64(second.Sent))
	}
	if len(took) < 3 {
		return false
	}
	slices.Sort(took)
	slices.Sort(sent)
	mid, last := len(took)/2, len(took)-1
	return took[last] > 3*took[mid] || sent[last] > 2*sent[mid] || sent[0] == 0
}

func (p pulse) String() string {
	t := p[len(p)-1].Since(p[0])
	return fmt.Sprintf("%d requests, %.2f %% good, mean %v", t.Sent, 100*t.Success(), t.Mean().Round(time.Millisecond))
}
