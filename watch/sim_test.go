package watch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/watch"
	"github.com/steersman-ops/steersman/watch/watchtest"
)

// memoryLog is a log in memory that ends: Follow returns errEnd after the last
// record.
type memoryLog struct {
	batches []*fact.Batch
	kept    uint64
	stopAt  uint64 // 0: at the end
}

var errEnd = errors.New("the log ends here")

func (l *memoryLog) Follow(ctx context.Context, after uint64, fn func(uint64, *fact.Batch) error) error {
	for seq := after + 1; seq <= uint64(len(l.batches)); seq++ {
		if l.stopAt != 0 && seq > l.stopAt {
			return errEnd
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(seq, l.batches[seq-1]); err != nil {
			return err
		}
	}
	return errEnd
}

func (l *memoryLog) Head() uint64 { return uint64(len(l.batches)) }

func (l *memoryLog) Keep(_ string, seq uint64) { l.kept = seq }

func (l *memoryLog) append(b *fact.Batch) { l.batches = append(l.batches, b) }

// papers is an outbox that keeps the last version of every paper as JSON, and
// the order in which they came.
type papers struct {
	byID      map[string]string
	order     []string
	incidents map[string]fact.Incident
	proposals []fact.Proposal
	series    map[string]fact.Point // last point of each derived series
	busyEvery int
	calls     int
	failAfter int // calls; 0: never
}

func newPapers() *papers {
	return &papers{byID: make(map[string]string), incidents: make(map[string]fact.Incident), series: make(map[string]fact.Point)}
}

var errBroken = errors.New("the store broke")

func (p *papers) put(id string, paper any) error {
	p.calls++
	if p.busyEvery > 0 && p.calls%p.busyEvery == 0 {
		return fmt.Errorf("full: %w", fact.ErrBusy)
	}
	if p.failAfter > 0 && p.calls > p.failAfter {
		return errBroken
	}
	text, err := json.Marshal(paper)
	if err != nil {
		return err
	}
	p.byID[id] = string(text)
	p.order = append(p.order, id)
	return nil
}

func (p *papers) PutFinding(_ context.Context, f fact.Finding) error { return p.put(f.ID, f) }
func (p *papers) PutChange(_ context.Context, c fact.Change) error   { return p.put(c.ID, c) }
func (p *papers) PutNotice(_ context.Context, n fact.Notice) error   { return p.put(n.ID, n) }
func (p *papers) PutIncident(_ context.Context, i fact.Incident) error {
	err := p.put(i.ID, i)
	if err == nil {
		p.incidents[i.ID] = i
	}
	return err
}

func (p *papers) Propose(_ context.Context, q fact.Proposal) error {
	if _, had := p.byID[q.ID]; !had {
		p.proposals = append(p.proposals, q)
	}
	return p.put(q.ID, q)
}

func (p *papers) Append(_ context.Context, series []fact.Series) error {
	for _, s := range series {
		for _, pt := range s.Points {
			if last := p.series[s.Labels.Encoded()]; pt.T < last.T {
				continue // the store has it
			}
			p.series[s.Labels.Encoded()] = pt
		}
	}
	return nil
}

func (p *papers) Sync() error { return nil }

// all returns the incidents in order of opening.
func (p *papers) all() []fact.Incident {
	var out []fact.Incident
	for _, i := range p.incidents {
		out = append(out, i)
	}
	slices.SortFunc(out, func(a, b fact.Incident) int { return a.Opened.Compare(b.Opened) })
	return out
}

// record lets the shop run and writes what its exporters would have sent: the
// spans of each second in a few batches, one or two seconds late, and a tick a
// second.
func record(shop *watchtest.Shop, seconds int, extra map[int]*fact.Batch) *memoryLog {
	log := &memoryLog{}
	for second := range seconds {
		shop.Second()
		now := shop.Now().UnixMilli()
		half := len(shop.Spans) / 2
		if b := extra[second]; b != nil {
			b.Received = now
			log.append(b)
		}
		log.append(&fact.Batch{Source: "otlp/a", Received: now + 300, Spans: shop.Spans[:half]})
		log.append(&fact.Batch{Source: "otlp/b", Received: now + 700, Spans: shop.Spans[half:]})
		log.append(&fact.Batch{Source: fact.ClockSource, Received: now + 900})
	}
	return log
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// run watches the whole log and returns the papers.
func run(t *testing.T, cfg watch.Config, log *memoryLog) (*papers, *watch.Watcher) {
	t.Helper()
	out := newPapers()
	w := watch.New(cfg, log, out, out, watch.Options{Logger: quiet()})
	if err := w.Run(t.Context()); !errors.Is(err, errEnd) {
		t.Fatalf("Run: %v", err)
	}
	return out, w
}

func seconds(n float64) time.Time {
	return watchtest.Start.Add(time.Duration(n * float64(time.Second)))
}
