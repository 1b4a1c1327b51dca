package wire

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/oklog/run"

	"github.com/steersman-ops/steersman/console/api"
	"github.com/steersman-ops/steersman/signal/promql"
	"github.com/steersman-ops/steersman/store/disk"
)

// openReads makes the readers of what people have already.
func (w *worker) openReads() error {
	if len(w.cfg.Read) == 0 {
		return nil
	}
	dir, err := disk.Open(w.path("read"))
	if err != nil {
		return fmt.Errorf("open the checkpoints of reading: %w", err)
	}
	w.later(dir.Close)
	meters := promql.NewMeters(w.metrics)
	for i := range w.cfg.Read {
		opt, err := w.cfg.Read[i].Options()
		if err != nil {
			return err
		}
		opt.Meters, opt.Checkpoint = meters, checkpoint{dir, checkpointName(opt.URL, opt.Tenant)}
		r, err := promql.New(w.doors, opt)
		if err != nil {
			return err
		}
		w.reads = append(w.reads, r)
	}
	return nil
}

// runReads adds the readers.
func (w *worker) runReads(g *run.Group) {
	for _, r := range w.reads {
		add(g, func(ctx context.Context) error { return r.Run(ctx) })
	}
}

// late is how far behind the newest sample of the store one may come: what is
// read of the past, beside what is sent now, must still find its place.
func (w *worker) late() time.Duration {
	most := time.Hour
	for i := range w.cfg.Read {
		r := &w.cfg.Read[i]
		history, catchUp := time.Duration(r.History), time.Duration(r.CatchUp)
		if history == 0 {
			history = promql.DefaultHistory
		}
		if catchUp == 0 {
			catchUp = promql.DefaultCatchUp
		}
		most = max(most, history+time.Hour, catchUp+time.Hour)
	}
	return most
}

// A checkpoint is one file.
type checkpoint struct {
	dir  disk.FS
	name string
}

// checkpointName tells the checkpoints of two addresses apart.
func checkpointName(url, tenant string) string {
	host := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' {
			return c
		}
		return '_'
	}, strings.TrimPrefix(promql.Source(url), "read/"))
	return fmt.Sprintf("%.60s-%.8x.json", host, sha256.Sum256([]byte(url+"\x00"+tenant)))
}

func (c checkpoint) Load() ([]byte, error) {
	data, err := disk.ReadFile(c.dir, c.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

func (c checkpoint) Save(data []byte) error { return disk.WriteFile(c.dir, c.name, data, 0o600) }

// readingOf returns how the reader with that source stands, nil if there is none.
func (w *worker) readingOf(source string) *api.Reading {
	for _, r := range w.reads {
		if s := r.Status(); s.Source == source {
			return reading(&s)
		}
	}
	return nil
}

func reading(s *promql.Status) *api.Reading {
	out := &api.Reading{
		URL: s.URL, State: string(s.State), Trouble: s.Trouble, Exist: s.Exist, Watched: s.Watched, Metrics: s.Metrics, Jobs: s.Jobs, Behind: s.Behind,
		Looked: s.Looked, UpTo: s.UpTo, Queries: s.QueriesUsed, QueriesPerMinute: s.QueriesPerMinute, Bytes: s.BytesUsed, BytesPerMinute: s.BytesPerMinute,
		Left: []api.ReadingLeft{},
	}
	for _, l := range s.Left {
		out.Left = append(out.Left, api.ReadingLeft{Reason: l.Reason, Series: l.Series, Metrics: l.Metrics, Examples: l.Examples})
	}
	return out
}
