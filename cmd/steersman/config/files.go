package config

import (
	"fmt"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal/entity"
	"github.com/steersman-ops/steersman/signal/tail"
)

// Files are log files of one service.
type Files struct {
	Name    string            `yaml:"name" doc:"Of the source, which is called files:NAME. Empty: the first path."`
	Paths   []string          `yaml:"paths" doc:"Files, from the root, with * and ? in names. Without the names that rotation by copying gives."`
	Service string            `yaml:"service" doc:"Whose lines they are: name or namespace/name."`
	Labels  map[string]string `yaml:"labels" doc:"Fields that every line gets."`
	From    string            `yaml:"from" doc:"start, or end: leave out what the files hold that are there when they are followed for the first time."`
	Limits  SourceLimits      `yaml:"limits" doc:"Of its own. 0: none but its fair share."`
}

// The values of Files.From; empty is the first.
const (
	FromStart = "start"
	FromEnd   = "end"
)

// Group returns the files as their door takes them.
func (f *Files) Group() tail.Group {
	g := tail.Group{Name: f.Name, Paths: f.Paths, Entity: entity.Named("", f.Service), FromEnd: f.From == FromEnd, Limits: f.Limits.Signal()}
	for name, value := range f.Labels {
		g.Labels = append(g.Labels, fact.Label{Name: name, Value: value})
	}
	return g
}

func (c *Config) checkFiles(bad func(path, format string, args ...any)) {
	seen := make(map[string]bool)
	for i := range c.Files {
		f, at := &c.Files[i], fmt.Sprintf("files.%d", i)
		g := f.Group()
		if err := g.Check(); err != nil {
			bad(at, "%v", err)
		}
		if seen[g.Source()] {
			bad(at, "%q is used twice: give each a name of its own", g.Source())
		}
		seen[g.Source()] = true
		if f.From != "" && !oneOf(f.From, FromStart, FromEnd) {
			bad(at+".from", "%q is none of %s, %s", f.From, FromStart, FromEnd)
		}
	}
}
