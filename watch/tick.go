package watch

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/watch/cause"
	"github.com/steersman-ops/steersman/watch/flow"
	"github.com/steersman-ops/steersman/watch/remedy"
	"github.com/steersman-ops/steersman/watch/triage"
)

const (
	slack       = 5                // seconds before the onset that are not "before": onsets are estimates
	leastBefore = 30               // seconds of "before" that must be left
	maxOver     = 50               // troubles that are remembered for that
	nowWindow   = 20               // seconds that "now" is at most, when enough happens in them
	nowLonger   = 60               // and otherwise
	nowEnough   = 200              // requests
	young       = time.Minute      // for so long an incident is ranked anew in every tick
	rankEvery   = 5 * time.Second  // and after that so often
	rankBudget  = 10               // rankings in one tick
	writeEvery  = 5 * time.Second  // figures alone make a new paper no more often
	changesBack = 10 * time.Minute // before the onset
	maxChange   = 20               // listed in one incident
	doubtful    = 15               // rankings in a row that must abstain before an answer is taken back
	backing     = 30               // of the rankings that backed an answer, how many at most count against another
	faded       = 0.3              // of the harm that the answer was about
	fadeFor     = 30 * time.Second // for so long an answer stands while its figure shrinks
	settleFor   = 10 * time.Second // for so long after the opening a figure may still become smaller
	steady      = 2                // rankings that must agree before something is proposed
	maxOffers   = 6                // proposals for one incident
	sweepEvery  = 10               // seconds between visits to the ring
)

// A file is what the watcher notes beside an incident.
type file struct {
	Ranked   time.Time
	Blame    string    // whom the last ranking blamed
	Steady   int       // how many rankings in a row did so
	Answered time.Time // when the present answer was given
	Backed   int       // how many rankings named the same culprit
	Doubts   int       // how many rankings in a row named another, or nobody
	Hash     string    // of the paper as it was last written
	Written  time.Time
	Offers   []offer
}

// An offer is a proposal that was made.
type offer struct {
	ID, Key, Title string
	Expires        time.Time
	Settled        bool // a person or the gate has answered: not to be made again
	Helped         bool // it was done, and what it was to mend is mended
}

func (f *file) offer(id string) *offer {
	for i := range f.Offers {
		if f.Offers[i].ID == id {
			return &f.Offers[i]
		}
	}
	return nil
}

// tick judges everything. Findings are written first, then incidents, then
// proposals.
func (w *Watcher) tick(ctx context.Context) error {
	now := time.UnixMilli(w.state.Now).UTC()
	if w.state.Now/1000%sweepEvery == 0 {
		w.ring.Advance(w.state.Now / 1000)
	}
	findings := w.detect.Tick(w.state.Now)
	for i := range findings {
		findings[i] = finite(findings[i])
		if err := w.putFinding(ctx, findings[i]); err != nil {
			return err
		}
	}
	var proposals []fact.Proposal
	if len(findings) > 0 || len(w.triage.Stories()) > 0 {
		calls := w.ring.Graph()
		w.triage.Take(now, findings, calls)
		proposals = w.investigate(now, calls)
		if err := w.writeStories(ctx, now); err != nil {
			return err
		}
	}
	for i := range proposals {
		if err := w.propose(ctx, proposals[i]); err != nil {
			return err
		}
	}
	w.draw()
	w.count()
	return nil
}

func (w *Watcher) putFinding(ctx context.Context, f fact.Finding) error {
	if err := w.try(ctx, "put finding "+f.ID, func() error { return w.out.PutFinding(ctx, f) }); err != nil {
		return err
	}
	w.meters.findings.Inc()
	w.opt.OnChange("finding", f.ID)
	return nil
}

func (w *Watcher) propose(ctx context.Context, p fact.Proposal) error {
	if err := w.try(ctx, "propose "+p.ID, func() error { return w.out.Propose(ctx, p) }); err != nil {
		return err
	}
	w.meters.proposals.Inc()
	w.opt.OnChange("proposal", p.ID)
	return nil
}

func (w *Watcher) count() {
	open := 0
	for _, s := range w.triage.Stories() {
		if s.Paper.State == fact.Open {
			open++
		}
	}
	w.meters.ticks.Inc()
	w.meters.open.Set(float64(open))
	w.meters.streams.Set(float64(w.ring.Len()))
	w.meters.dropped.Set(float64(w.ring.Dropped()))
	w.meters.refused.Set(float64(w.triage.Refused()))
	w.ready.Store(math.Float64bits(w.detect.Readiness()))
}

// investigate measures and ranks the stories that still suffer, and returns
// what could be done.
func (w *Watcher) investigate(now time.Time, calls *flow.Graph) (proposals []fact.Proposal) {
	var due []*triage.Story
	for _, s := range w.triage.Stories() {
		f := w.file(s)
		if s.Before.To == 0 {
			s.Before = w.before(s)
		}
		if s.Paper.State == fact.Resolved && s.Changed {
			w.over(s)
		}
		if s.Paper.State != fact.Open || !s.Suffers() {
			continue
		}
		s.Weigh(w.ring, calls, w.state.Closed)
		every := time.Duration(0)
		if now.Sub(s.Paper.Opened) > young {
			every = rankEvery
		}
		if s.Changed || now.Sub(f.Ranked) >= every {
			due = append(due, s)
		}
	}
	slices.SortStableFunc(due, func(a, b *triage.Story) int { return w.file(a).Ranked.Compare(w.file(b).Ranked) })
	for _, s := range due[:min(len(due), rankBudget)] {
		if p, ok := w.rank(now, s); ok {
			proposals = append(proposals, p)
		}
	}
	return proposals
}

// before is what flowed before the onset, without the troubles that were over
// by then, unless hardly anything would be left.
func (w *Watcher) before(s *triage.Story) flow.Sums {
	to := s.Paper.Onset.Unix() - slack
	from := to - int64(w.cfg.Baseline/time.Second)
	sums := w.ring.Sums(from, to, w.state.Over...)
	if sums.Seconds() < leastBefore {
		return w.ring.Sums(from, to)
	}
	return sums
}

// over notes when a trouble was.
func (w *Watcher) over(s *triage.Story) {
	w.state.Over = append(w.state.Over, flow.Span{From: s.Paper.Onset.Unix() - slack, To: s.Paper.Resolved.Unix() + slack})
	oldest := w.state.Now/1000 - 2*int64(w.cfg.Baseline/time.Second)
	w.state.Over = slices.DeleteFunc(w.state.Over, func(o flow.Span) bool { return o.To < oldest })
	if more := len(w.state.Over) - maxOver; more > 0 {
		w.state.Over = w.state.Over[more:]
	}
}

func (w *Watcher) file(s *triage.Story) *file {
	f, ok := w.state.Files[s.Paper.ID]
	if !ok {
		f = &file{}
		w.state.Files[s.Paper.ID] = f
	}
	return f
}

// rank asks for the causes of a story, and for a remedy once the answer is
// steady.
func (w *Watcher) rank(now time.Time, s *triage.Story) (fact.Proposal, bool) {
	f := w.file(s)
	onset := s.Paper.Onset
	current := w.current(s)
	picture := flow.NewPicture(&s.Before, &current)
	ranking := cause.Rank(cause.Input{
		Onset: onset, At: now, Flows: picture, Findings: s.Members, Hosts: w.state.Hosts,
		Changes:   w.changesBetween(onset.Add(-changesBack), onset.Add(slack*time.Second)),
		Elsewhere: w.elsewhere(s),
	})
	f.Ranked = now
	if f.stands(s, &ranking, now) {
		f.Steady++
		if !sameCulprit(&s.Ranking, &ranking) {
			return fact.Proposal{}, false
		}
	} else {
		if blame := blameOf(&ranking); blame != f.Blame {
			s.Former = triage.Former{Ranking: s.Ranking, Until: now}
			f.Blame, f.Steady, s.Changed = blame, 1, true
		} else {
			f.Steady++
		}
		if !sameCulprit(&s.Ranking, &ranking) {
			f.Backed = 0
		}
		s.Ranking, f.Answered, f.Doubts = ranking, now, 0
	}
	if f.Steady < steady || len(f.Offers) >= maxOffers {
		return fact.Proposal{}, false
	}
	w.triage.Tell(s, now)
	service, _ := picture.Service(s.Blamed())
	p, ok := remedy.Decide(remedy.Input{Now: now, Incident: &s.Paper, Felt: s.Ranking.Felt, Service: service, Actuators: w.cfg.Actuators, Attempt: len(f.Offers), Lasts: w.cfg.ProposalsLast})
	if !ok || f.made(remedy.Key(p.Action), now) {
		return fact.Proposal{}, false
	}
	f.Offers = append(f.Offers, offer{ID: p.ID, Key: remedy.Key(p.Action), Title: p.Title, Expires: p.Expires})
	s.Paper.Proposals = append(s.Paper.Proposals, p.ID)
	s.Changed = true
	return p, true
}

// current is what flowed lately, since the onset at the earliest: long enough
// for counts to mean something, and short enough to be about what still lasts.
func (w *Watcher) current(s *triage.Story) flow.Sums {
	onset, upTo := s.Paper.Onset.Unix(), w.state.Closed
	sums := w.ring.Sums(max(onset, upTo-nowWindow), upTo)
	var n uint64
	for _, st := range sums.Streams {
		if st.Key.Side == flow.Server && s.Suffering(st.Key.Server) {
			n += st.N.Requests
		}
	}
	if n < nowEnough {
		sums = w.ring.Sums(max(onset, upTo-nowLonger), upTo)
	}
	return sums
}

// made reports whether the action was offered and must not be again: it is
// still open, or has been answered.
func (f *file) made(key string, now time.Time) bool {
	return slices.ContainsFunc(f.Offers, func(o offer) bool { return o.Key == key && (o.Settled || now.Before(o.Expires)) })
}

// stands reports whether the present answer goes before a new one. It does
// while trouble fades, because what is left is no longer what it was about:
// against another culprit with far less harm (unless a version is at fault,
// which is told by comparison, not by size), against the same one with a
// smaller figure for a while. Against other answers in a row it stands for as
// many as have backed it (of abstentions, some more), so that what comes on top
// later does not take the place of what has long been known; against abstentions
// for good once an action against it has helped; and against others in the
// aftermath, when the culprit is well again and nothing new has begun.
func (f *file) stands(s *triage.Story, new *cause.Result, now time.Time) bool {
	if f.Blame == "" {
		return false
	}
	old := &s.Ranking
	smaller := new.Harm.Failed <= faded*old.Harm.Failed && new.Harm.Lost <= faded*old.Harm.Lost
	if !sameCulprit(old, new) {
		f.Doubts++
	}
	if new.Abstained || len(new.Causes) == 0 {
		return smaller || f.Doubts < max(doubtful, f.Backed) || f.helped()
	}
	a, b := &old.Causes[0], &new.Causes[0]
	if !sameCulprit(old, new) {
		recovered := s.Recovered()
		aftermath := !recovered.IsZero() && now.Sub(recovered) <= max(nowLonger*time.Second, recovered.Sub(s.Paper.Onset))
		return b.Version == "" && (smaller || aftermath || f.Doubts <= min(f.Backed, backing))
	}
	f.Backed++
	f.Doubts = 0
	if now.Sub(s.Paper.Opened) <= settleFor && new.Felt.Now >= old.Felt.Now/2 {
		return false // the first seconds told too few cases to be exact
	}
	less := new.Felt.Now < 0.9*old.Felt.Now || a.Kind != b.Kind && new.Felt.Now < old.Felt.Now
	return old.Felt.Kind == new.Felt.Kind && less && now.Sub(f.Answered) < fadeFor
}

func (f *file) helped() bool {
	return slices.ContainsFunc(f.Offers, func(o offer) bool { return o.Helped })
}

func sameCulprit(a, b *cause.Result) bool {
	return !a.Abstained && !b.Abstained && len(a.Causes) > 0 && len(b.Causes) > 0 &&
		a.Causes[0].Entity == b.Causes[0].Entity && a.Causes[0].Version == b.Causes[0].Version
}

func blameOf(r *cause.Result) string {
	if r.Abstained || len(r.Causes) == 0 {
		return ""
	}
	c := &r.Causes[0]
	return fmt.Sprintf("%s %s %s", c.Entity, c.Kind, c.Version)
}

// elsewhere are the services blamed for other open incidents that do not
// suffer in this one.
func (w *Watcher) elsewhere(s *triage.Story) (out []fact.Entity) {
	for _, o := range w.triage.Stories() {
		if e := o.Blamed(); o != s && o.Paper.State == fact.Open && !e.IsZero() && !s.Suffering(e) {
			out = append(out, e)
		}
	}
	return out
}

func (w *Watcher) changesBetween(from, to time.Time) []fact.Change {
	var out []fact.Change
	for _, c := range w.state.Changes {
		if !c.At.Before(from) && !c.At.After(to) {
			out = append(out, c)
		}
	}
	return out
}

// writeStories writes the incidents that changed, and closes the files of
// those that are forgotten.
func (w *Watcher) writeStories(ctx context.Context, now time.Time) error {
	alive := make(map[string]bool)
	for _, s := range w.triage.Stories() {
		alive[s.Paper.ID] = true
		if err := w.writeStory(ctx, now, s); err != nil {
			return err
		}
	}
	for id := range w.state.Files {
		if !alive[id] {
			delete(w.state.Files, id)
		}
	}
	return nil
}

func (w *Watcher) writeStory(ctx context.Context, now time.Time, s *triage.Story) error {
	f := w.file(s)
	if !s.Changed && (s.Paper.State != fact.Open || now.Sub(f.Written) < writeEvery) {
		return nil
	}
	s.Changed = false
	s.Paper.Changes = w.changesOf(s, now)
	w.triage.Tell(s, f.Written) // the time of writing is no news by itself
	hash, err := fact.Hash(s.Paper)
	if err != nil {
		return fmt.Errorf("write incident %s: %w", s.Paper.ID, err)
	}
	if hash == f.Hash {
		return nil
	}
	w.triage.Tell(s, now)
	if err := w.putIncident(ctx, paper(s)); err != nil {
		return err
	}
	f.Written = now
	if f.Hash, err = fact.Hash(s.Paper); err != nil {
		return fmt.Errorf("write incident %s: %w", s.Paper.ID, err)
	}
	return nil
}

func (w *Watcher) putIncident(ctx context.Context, i fact.Incident) error {
	if err := w.try(ctx, "put incident "+i.ID, func() error { return w.out.PutIncident(ctx, i) }); err != nil {
		return err
	}
	w.meters.incidents.Inc()
	w.opt.OnChange("incident", i.ID)
	return nil
}

// paper is the incident as it is handed on: nothing in it changes later.
func paper(s *triage.Story) fact.Incident {
	p := s.Paper
	p.Proposals = slices.Clone(p.Proposals)
	return p
}

// changesOf are the changes to services of the story, shortly before the onset
// and since, the latest at the end.
func (w *Watcher) changesOf(s *triage.Story, now time.Time) []fact.Change {
	all := w.changesBetween(s.Paper.Onset.Add(-changesBack), now)
	all = slices.DeleteFunc(all, func(c fact.Change) bool { return !s.Suffering(c.Entity) && c.Entity != s.Blamed() })
	if over := len(all) - maxChange; over > 0 {
		all = all[over:]
	}
	return all
}

// draw makes the map anew, with health.
func (w *Watcher) draw() {
	m := w.graph.Map()
	at := time.UnixMilli(w.state.Now)
	last := make(map[fact.Entity]*fact.Change)
	for i := range w.state.Changes {
		c := w.state.Changes[i]
		last[c.Entity] = &c
	}
	for i := range m.Nodes {
		n := &m.Nodes[i]
		n.LastChange = last[n.Entity]
		n.Health, n.Incident = w.health(n.Entity)
		switch {
		case n.Health != fact.Healthy:
		case at.Sub(n.LastSeen) > 30*time.Second:
			n.Health = fact.Silent
		case w.detect.ReadinessOf(n.Entity) < 0.5:
			n.Health = fact.Learning
		}
	}
	w.drawn.Store(&m)
	w.opt.OnChange("map", "")
}

// health is what the open incidents say of a service. To be blamed goes before
// suffering, and the older incident before the younger.
func (w *Watcher) health(e fact.Entity) (h fact.Health, incident string) {
	h = fact.Healthy
	for _, s := range w.triage.Stories() {
		switch {
		case s.Paper.State != fact.Open:
		case s.Blamed() == e && h != fact.Blamed:
			h, incident = fact.Blamed, s.Paper.ID
		case h == fact.Healthy && s.Suffering(e):
			h, incident = fact.Suffer, s.Paper.ID
		}
	}
	return h, incident
}
