package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/steersman-ops/steersman/signal/scrape"
)

// Scrape says what holds for the jobs of scrape_configs where they say nothing.
type Scrape struct {
	Interval Duration     `yaml:"interval" doc:"Time between two scrapes of a target: what Prometheus calls global.scrape_interval."`
	Timeout  Duration     `yaml:"timeout" doc:"How long a scrape may take, at most the interval."`
	Limits   SourceLimits `yaml:"limits" doc:"Of each job. 0: none but its fair share."`
}

// Pasted is the scrape_configs block of a Prometheus configuration, which
// Prometheus' own code reads.
type Pasted struct {
	node *yaml.Node
	Jobs []scrape.Job
}

// UnmarshalYAML keeps the block for later: what it says depends on other
// settings.
func (p *Pasted) UnmarshalYAML(n *yaml.Node) error {
	p.node = n
	return nil
}

// MarshalYAML writes the block as Prometheus does, without its secrets.
func (p Pasted) MarshalYAML() (any, error) {
	out := &yaml.Node{Kind: yaml.SequenceNode}
	if len(p.Jobs) == 0 {
		out.Style = yaml.FlowStyle
	}
	for _, j := range p.Jobs {
		n, err := j.YAML()
		if err != nil {
			return nil, err
		}
		out.Content = append(out.Content, n)
	}
	return out, nil
}

func (c *Config) parseScrapes() (err error) {
	n := c.ScrapeConfigs.node
	c.ScrapeConfigs.node = nil
	if n == nil || n.Tag == "!!null" {
		return nil
	}
	c.ScrapeConfigs.Jobs, err = scrape.Parse(n, scrape.Defaults{
		Interval: time.Duration(c.Scrape.Interval), Timeout: time.Duration(c.Scrape.Timeout), BodyBytes: int64(c.Limits.PlainBytes), Samples: c.Limits.Points,
	})
	return err
}

// Check looks for what can be known only where Steersman is to run: whether the
// secrets and files that are named are there.
func (c *Config) Check() error {
	var errs []error
	for _, a := range c.Actuators {
		if _, err := a.Token.Read(); err != nil {
			errs = append(errs, fmt.Errorf("actuator %s: %w", a.Name, err))
		}
	}
	for _, s := range c.Sources {
		if _, err := s.Token.Read(); err != nil {
			errs = append(errs, fmt.Errorf("source %s: %w", s.Name, err))
		}
	}
	for _, j := range c.ScrapeConfigs.Jobs {
		errs = append(errs, j.Check())
	}
	return errors.Join(errs...)
}

// at makes the folder of the configuration file the one from which relative
// paths in pasted blocks count, as they do in Prometheus.
func (c *Config) at(file string) {
	for _, j := range c.ScrapeConfigs.Jobs {
		j.SetDirectory(filepath.Dir(file))
	}
}
