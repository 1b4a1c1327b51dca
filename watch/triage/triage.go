package triage

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/steersman-ops/steersman/fact"
)

// Triage groups findings. It is not safe for concurrent use.
type Triage struct {
	cfg     Config
	stories []*Story // open ones and those resolved a moment ago, in order of opening
	home    map[string]*Story
	loose   []fact.Finding // explaining findings in no incident, in order of onset
	refused uint64
}

// New returns a Triage that knows of no trouble.
func New(cfg Config) *Triage {
	return &Triage{cfg: cfg.withDefaults(), home: make(map[string]*Story)}
}

// Stories are the incidents that are open or may open again, in order of
// opening. They belong to the triage; the caller fills in causes and impact.
func (t *Triage) Stories() []*Story { return t.stories }

// Refused counts the symptoms that found no place because too many incidents
// were open.
func (t *Triage) Refused() uint64 { return t.refused }

// Take sorts findings, new ones and known ones that changed, into stories, and
// resolves what is over. It returns the stories that were opened just now.
func (t *Triage) Take(now time.Time, findings []fact.Finding, calls Calls) (opened []*Story) {
	for i := range findings {
		t.reopen(&findings[i])
	}
	for _, f := range findings {
		if s, ok := t.home[f.ID]; ok {
			s.Changed = s.put(f, t.cfg.MaxMembers) || s.Changed
			continue
		}
		if !f.Symptom() {
			t.keepLoose(f)
			continue
		}
		if s := t.place(&f, calls); s != nil {
			t.join(s, f)
		} else if s := t.open(now, &f); s != nil {
			opened = append(opened, s)
		} else if f.Ended.IsZero() {
			t.keepLoose(f) // it may belong to what is found next
		}
	}
	t.attach(calls)
	opened = append(opened, t.part(now)...)
	t.settle(now)
	return opened
}

// reopen opens a resolved story again when a new symptom says that its trouble
// is back.
func (t *Triage) reopen(f *fact.Finding) {
	if _, known := t.home[f.ID]; known || !f.Symptom() || !f.Ended.IsZero() {
		return
	}
	for _, s := range t.stories {
		if s.Paper.State != fact.Resolved || !s.isBack(f) {
			continue
		}
		s.Paper.State, s.Paper.Resolved = fact.Open, time.Time{}
		t.join(s, *f)
		s.Changed = true
		return
	}
}

func (t *Triage) join(s *Story, f fact.Finding) {
	s.Changed = s.put(f, t.cfg.MaxMembers) || s.Changed
	t.home[f.ID] = s
	t.loose = slices.DeleteFunc(t.loose, func(g fact.Finding) bool { return g.ID == f.ID })
}

// place finds the story that a new symptom belongs to: the one whose onset is
// nearest among those it touches.
func (t *Triage) place(f *fact.Finding, calls Calls) *Story {
	var best *Story
	var nearest time.Duration
	for _, s := range t.stories {
		if s.Paper.State != fact.Open || !t.touches(s, f, calls) {
			continue
		}
		if d := f.Onset.Sub(s.Paper.Onset).Abs(); best == nil || d < nearest {
			best, nearest = s, d
		}
	}
	return best
}

func (t *Triage) touches(s *Story, f *fact.Finding, calls Calls) bool {
	e, away := f.Signal.Entity, f.Onset.Sub(s.Paper.Onset).Abs()
	if s.Suffering(e) {
		return true
	}
	if away <= t.cfg.Together {
		for x := range s.suffering {
			if calls.Reaches(e, x) || calls.Reaches(x, e) || (away <= t.cfg.Siblings && calls.CommonCaller(e, x)) {
				return true
			}
		}
	}
	if f.Signal.Kind == fact.Traffic {
		for x := range s.suffering {
			if calls.Reaches(x, e) || f.Signal.Client == x {
				return true
			}
		}
	}
	return t.follows(s, e, calls)
}

// follows reports whether harm to e is what the story's likely cause would do
// in time.
func (t *Triage) follows(s *Story, e fact.Entity, calls Calls) bool {
	blamed := s.Blamed()
	if blamed.IsZero() {
		return false
	}
	switch s.Ranking.Causes[0].Kind {
	case fact.CauseHost:
		return true
	case fact.CauseTraffic:
		return calls.Reaches(blamed, e)
	}
	return calls.Reaches(e, blamed)
}

// open begins a story with f, unless f says too little: that requests are
// fewer, or something that is already over.
func (t *Triage) open(now time.Time, f *fact.Finding) *Story {
	if !f.Ended.IsZero() || (f.Signal.Kind == fact.Traffic && f.Direction != fact.Absent) {
		return nil
	}
	n := 0
	for _, s := range t.stories {
		if s.Paper.State == fact.Open {
			n++
		}
	}
	if n >= t.cfg.MaxOpen {
		t.refused++
		return nil
	}
	s := &Story{Paper: fact.Incident{ID: fact.ID("inc", f.ID), State: fact.Open, Onset: f.Onset, Opened: now}}
	t.stories = append(t.stories, s)
	t.join(s, *f)
	return s
}

// keepLoose keeps an explaining finding ready, or replaces what it said before.
func (t *Triage) keepLoose(f fact.Finding) {
	if i := slices.IndexFunc(t.loose, func(g fact.Finding) bool { return g.ID == f.ID }); i >= 0 {
		t.loose[i] = f
		return
	}
	i, _ := slices.BinarySearchFunc(t.loose, f, byOnset)
	t.loose = slices.Insert(t.loose, i, f)
	if len(t.loose) > t.cfg.MaxLoose {
		t.loose = slices.Delete(t.loose, 0, 1)
	}
}

// attach gives loose findings to the open stories that they may explain.
func (t *Triage) attach(calls Calls) {
	for _, f := range slices.Clone(t.loose) {
		for _, s := range t.stories {
			if s.Paper.State == fact.Open && (t.explains(s, &f) || f.Symptom() && t.touches(s, &f, calls)) {
				t.join(s, f)
				break
			}
		}
	}
}

func (t *Triage) explains(s *Story, f *fact.Finding) bool {
	after := f.Onset.Sub(s.Paper.Onset)
	if after < -t.cfg.Before || after > t.cfg.Together {
		return false
	}
	if f.Signal.Entity.Kind == fact.Host {
		return f.Signal.Kind == fact.Saturation
	}
	return s.involves(f.Signal.Entity)
}

// settle resolves what has been quiet, and forgets what cannot open again.
func (t *Triage) settle(now time.Time) {
	t.stories = slices.DeleteFunc(t.stories, func(s *Story) bool {
		if s.Paper.State == fact.Open && !s.Suffers() && now.Sub(s.quietSince()) >= t.cfg.Quiet {
			s.Paper.State, s.Paper.Resolved, s.Changed = fact.Resolved, s.quietSince(), true
		}
		gone := s.Paper.State == fact.Resolved && now.Sub(s.Paper.Resolved) > max(t.cfg.Quiet, t.cfg.Reopen) && !s.Changed
		if gone {
			for i := range s.Members {
				delete(t.home, s.Members[i].ID)
			}
		}
		return gone
	})
	old := now.Add(-t.cfg.Before - t.cfg.Together)
	t.loose = slices.DeleteFunc(t.loose, func(f fact.Finding) bool {
		return !f.Ended.IsZero() && f.Ended.Before(old)
	})
}

type saved struct {
	Stories []*Story
	Loose   []fact.Finding
	Refused uint64
}

// Snapshot writes the whole state.
func (t *Triage) Snapshot() ([]byte, error) {
	data, err := json.Marshal(saved{t.stories, t.loose, t.refused})
	if err != nil {
		return nil, fmt.Errorf("encode incidents: %w", err)
	}
	return data, nil
}

// Restore replaces the state by one that Snapshot wrote.
func (t *Triage) Restore(data []byte) error {
	var s saved
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("decode incidents: %w", err)
	}
	t.stories, t.loose, t.refused = s.Stories, s.Loose, s.Refused
	t.home = make(map[string]*Story)
	for _, story := range t.stories {
		for i := range story.Members {
			t.home[story.Members[i].ID] = story
		}
	}
	return nil
}
