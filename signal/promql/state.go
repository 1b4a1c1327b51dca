package promql

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
)

// stateVersion is of the format that docs/formats/read.md describes.
const stateVersion = 1

// state is what a checkpoint holds.
type state struct {
	Version int         `json:"version"`
	URL     string      `json:"url"`
	Read    []stateRead `json:"read"`
}

// stateRead are the metrics of a job that were read up to the same moment.
type stateRead struct {
	Job   string   `json:"job"`
	UpTo  int64    `json:"upTo"` // Unix milliseconds
	Names []string `json:"names"`
}

// load takes up what an earlier process had read. If that cannot be known,
// history is read again: a sample that comes twice is stored once.
func (r *Reader) load() {
	r.resumed = make(map[pair]int64)
	if r.opt.Checkpoint == nil {
		return
	}
	data, err := r.opt.Checkpoint.Load()
	if err == nil && data != nil {
		err = r.resume(data)
	}
	if err != nil {
		clear(r.resumed)
		r.doors.Logger.Warn("it is not known how far was read: history is read again", "source", r.source, "err", err)
	}
}

func (r *Reader) resume(data []byte) error {
	var s state
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if s.Version != stateVersion || s.URL != r.client.base.Redacted() {
		return fmt.Errorf("checkpoint: it is of version %d and of %s", s.Version, s.URL)
	}
	now := r.doors.Clock().UnixMilli()
	for _, x := range s.Read {
		for _, name := range x.Names {
			r.resumed[pair{x.Job, name}] = min(max(x.UpTo, 0), now) // not from the future
		}
	}
	return nil
}

// save writes the checkpoint, if it is time for it or now is set.
func (r *Reader) save(now bool) {
	at := r.doors.Clock()
	if r.opt.Checkpoint == nil || len(r.targets) == 0 || !now && at.Sub(r.saved) < saveEvery {
		return
	}
	r.saved = at
	s := state{Version: stateVersion, URL: r.client.base.Redacted()}
	of := make(map[stateKey]int)
	for _, t := range r.targets {
		k := stateKey{t.Job, t.upTo}
		i, ok := of[k]
		if !ok {
			i = len(s.Read)
			of[k] = i
			s.Read = append(s.Read, stateRead{Job: t.Job, UpTo: t.upTo})
		}
		s.Read[i].Names = append(s.Read[i].Names, t.Name)
	}
	slices.SortFunc(s.Read, func(a, b stateRead) int { return cmp.Or(cmp.Compare(a.Job, b.Job), cmp.Compare(a.UpTo, b.UpTo)) })
	data, err := json.Marshal(s)
	if err == nil {
		err = r.opt.Checkpoint.Save(data)
	}
	if err != nil {
		r.doors.Logger.Warn("how far was read could not be saved", "source", r.source, "err", err)
	}
}

type stateKey struct {
	job  string
	upTo int64
}
