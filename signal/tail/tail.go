package tail

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
)

// Door is the name of this door in the accounts; the source of a group is called
// files:GROUP.
const Door = "files"

// A Group is some files of one service.
type Group struct {
	Name   string      // of the source; empty: the first of Paths
	Paths  []string    // globs
	Entity fact.Entity // whose lines they are; may be zero
	Labels []fact.Label
	// FromEnd leaves out what files hold that are there when the group is
	// followed for the first time.
	FromEnd bool
	Limits  signal.SourceLimits
}

// Source returns the name of its source.
func (g *Group) Source() string {
	if g.Name != "" || len(g.Paths) == 0 {
		return Door + ":" + g.Name
	}
	return Door + ":" + g.Paths[0]
}

// Check refuses a group that finds nothing.
func (g *Group) Check() error {
	if len(g.Paths) == 0 {
		return fmt.Errorf("it has no paths: give some, as /var/log/app/*.log")
	}
	for _, p := range g.Paths {
		if _, err := filepath.Match(p, ""); err != nil {
			return fmt.Errorf("path %q: %w", p, err)
		}
		if !filepath.IsAbs(p) {
			return fmt.Errorf("path %q: give it from the root, as /var/log/app/*.log", p)
		}
	}
	return g.Limits.Check()
}

// Options are the options of [New].
type Options struct {
	Dir   string        // where the positions are kept
	Every time.Duration // between two looks; default 250 ms
	Grace time.Duration // how long a file that no glob finds is read on; default 5 s
	Files int           // of each group, at a time; default 500. Each is kept open

	// Registerer takes the metrics. Nil means none are exported.
	Registerer prometheus.Registerer
}

// A Tailer follows groups of files. Run it once.
type Tailer struct {
	groups []*follower
}

// metrics are those of all groups.
type metrics struct {
	files, behind                 *prometheus.GaugeVec
	cut, truncated, tooMany, fail *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	by := []string{"source"}
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "steersman_files_" + name, Help: help}, by)
	}
	m := &metrics{
		files:     prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "steersman_files_open", Help: "Log files that are followed."}, by),
		behind:    prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "steersman_files_behind_bytes", Help: "Bytes of log files that are there and not yet taken in."}, by),
		cut:       counter("cut_lines_total", "Lines that were longer than limits.line_bytes and were cut."),
		truncated: counter("truncations_total", "Times that a file was truncated and read from its beginning."),
		tooMany:   counter("left_out_total", "Looks at a file that was not followed because there are too many."),
		fail:      counter("errors_total", "Failures to read a file or to write the positions."),
	}
	if reg != nil {
		reg.MustRegister(m.files, m.behind, m.cut, m.truncated, m.tooMany, m.fail)
	}
	return m
}

// New returns a tailer of these groups. It reads the positions, and no file
// before Run.
func New(d *signal.Doors, groups []Group, opt Options) (*Tailer, error) {
	if opt.Every <= 0 {
		opt.Every = 250 * time.Millisecond
	}
	if opt.Grace <= 0 {
		opt.Grace = 5 * time.Second
	}
	if opt.Files <= 0 {
		opt.Files = 500
	}
	if err := os.MkdirAll(opt.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the positions in log files: %w", err)
	}
	t, m, seen := &Tailer{}, newMetrics(opt.Registerer), make(map[string]bool)
	for _, g := range groups {
		if err := g.Check(); err != nil {
			return nil, fmt.Errorf("log files %s: %w", g.Source(), err)
		}
		if seen[g.Source()] {
			return nil, fmt.Errorf("log files %s: the name is used twice", g.Source())
		}
		seen[g.Source()] = true
		f, err := newFollower(d, g, opt, m)
		if err != nil {
			return nil, err
		}
		t.groups = append(t.groups, f)
	}
	return t, nil
}

// Run follows the files until ctx ends, and returns when nothing runs any more.
func (t *Tailer) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, f := range t.groups {
		all.Go(func() { f.run(ctx) })
	}
	all.Wait()
	return nil
}
