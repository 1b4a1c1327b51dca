package scrape

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	_ "github.com/prometheus/prometheus/discovery/dns"        // dns_sd_configs
	_ "github.com/prometheus/prometheus/discovery/file"       // file_sd_configs
	_ "github.com/prometheus/prometheus/discovery/http"       // http_sd_configs
	_ "github.com/prometheus/prometheus/discovery/kubernetes" // kubernetes_sd_configs
	yamlv2 "go.yaml.in/yaml/v2"
	"go.yaml.in/yaml/v3"
)

// Defaults are what holds where a job says nothing, as Prometheus' global block
// does.
type Defaults struct {
	Interval  time.Duration // scrape_interval
	Timeout   time.Duration // scrape_timeout; never more than the interval
	BodyBytes int64         // body_size_limit
	Samples   int           // sample_limit
}

// A Job is one entry of scrape_configs.
type Job struct {
	Name string
	conf *config.Config // with this entry alone
}

// Parse reads a list of scrape_configs. All problems that it finds come joined
// in one error, each with the line of the file that list was read from.
func Parse(list *yaml.Node, def Defaults) ([]Job, error) {
	if list.Kind == yaml.AliasNode {
		list = list.Alias
	}
	if list.Kind != yaml.SequenceNode {
		return nil, fmt.Errorf("line %d: scrape_configs: want a list of jobs, each beginning with - job_name", list.Line)
	}
	var jobs []Job // nil for an empty list
	var errs []error
	seen := make(map[string]int)
	for i, item := range list.Content {
		j, err := parseJob(item, def)
		switch first, twice := seen[j.Name]; {
		case err != nil:
			errs = append(errs, fmt.Errorf("%w (scrape_configs, entry %d)", err, i+1))
		case twice:
			errs = append(errs, fmt.Errorf("line %d: job_name %q is there already, in line %d: give each job its own", item.Line, j.Name, first))
		default:
			seen[j.Name] = item.Line
			jobs = append(jobs, j)
		}
	}
	return jobs, errors.Join(errs...)
}

func parseJob(item *yaml.Node, def Defaults) (Job, error) {
	text, lines, err := rewrite(item, map[string]any{
		"scrape_interval": model.Duration(def.Interval).String(),
		"scrape_timeout":  model.Duration(min(def.Timeout, def.Interval)).String(),
		"body_size_limit": strconv.FormatInt(def.BodyBytes, 10) + "B",
		"sample_limit":    def.Samples,
	})
	if err != nil {
		return Job{}, fmt.Errorf("line %d: %w", item.Line, err)
	}
	conf, err := config.Load(text, slog.New(slog.DiscardHandler))
	if err != nil {
		return Job{}, lines.explain(err)
	}
	if len(conf.ScrapeConfigs) != 1 || conf.ScrapeConfigs[0] == nil {
		return Job{}, fmt.Errorf("line %d: the entry is empty", item.Line)
	}
	return Job{Name: conf.ScrapeConfigs[0].JobName, conf: conf}, nil
}

// SetDirectory makes dir the folder from which relative paths count.
func (j Job) SetDirectory(dir string) { j.conf.SetDirectory(dir) }

// Check looks for what can be known only here and now: whether the files that
// the job names can be read.
func (j Job) Check() error {
	for _, sc := range j.conf.ScrapeConfigs {
		c, err := promconfig.NewClientFromConfig(sc.HTTPClientConfig, j.Name)
		if err != nil {
			return fmt.Errorf("scrape job %s: %w", j.Name, err)
		}
		c.CloseIdleConnections()
	}
	return nil
}

// YAML returns the job as Prometheus prints it: with the defaults written out
// and the secrets left out.
func (j Job) YAML() (*yaml.Node, error) {
	text, err := yamlv2.Marshal(j.conf.ScrapeConfigs[0])
	if err != nil {
		return nil, fmt.Errorf("print scrape job %s: %w", j.Name, err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("print scrape job %s: %w", j.Name, err)
	}
	return doc.Content[0], nil
}

// maxNodes bounds what aliases may blow up an entry to.
const maxNodes = 100_000

// lineMap translates the lines of a text that was written anew to those of
// the file.
type lineMap struct {
	of    map[int]int
	first int
}

// rewrite writes a configuration of one job as Prometheus reads it, every key on
// a line of its own. It is complete in itself: aliases are replaced by what they
// stand for.
func rewrite(item *yaml.Node, global map[string]any) (string, lineMap, error) {
	left := maxNodes
	whole, err := resolved(item, &left)
	if err != nil {
		return "", lineMap{}, err
	}
	text, err := yaml.Marshal(map[string]any{"global": global, "scrape_configs": []*yaml.Node{whole}})
	if err != nil {
		return "", lineMap{}, err
	}
	var doc struct {
		Jobs []yaml.Node `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return "", lineMap{}, err
	}
	m := lineMap{of: make(map[int]int), first: item.Line}
	if len(doc.Jobs) == 1 {
		m.pair(&doc.Jobs[0], whole)
	}
	return string(text), m, nil
}

// resolved copies a node without its comments, aliases, anchors and flow style.
func resolved(n *yaml.Node, left *int) (*yaml.Node, error) {
	if *left--; *left < 0 {
		return nil, fmt.Errorf("with its aliases it has more than %d values", maxNodes)
	}
	if n.Kind == yaml.AliasNode {
		return resolved(n.Alias, left)
	}
	out := &yaml.Node{Kind: n.Kind, Tag: n.Tag, Value: n.Value, Style: n.Style &^ yaml.FlowStyle, Line: n.Line}
	for _, c := range n.Content {
		is, err := resolved(c, left)
		if err != nil {
			return nil, err
		}
		out.Content = append(out.Content, is)
	}
	return out, nil
}

// pair takes note of the lines of two trees of the same shape.
func (m *lineMap) pair(written, original *yaml.Node) {
	if _, ok := m.of[written.Line]; !ok {
		m.of[written.Line] = original.Line
	}
	for i := range min(len(written.Content), len(original.Content)) {
		m.pair(written.Content[i], original.Content[i])
	}
}

// at returns the line of the file for one of the text: of the nearest value
// above it, since a text may have several lines.
func (m *lineMap) at(line int) int {
	for ; line > 0; line-- {
		if is, ok := m.of[line]; ok {
			return is
		}
	}
	return m.first
}

var (
	withLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)
	notFound = regexp.MustCompile(`^field (\S+) (?:not found in|already set in) type (\S+)$`)
)

// explain says what Prometheus says, with the lines of the file.
func (m *lineMap) explain(err error) error {
	texts := []string{err.Error()}
	if many, ok := errors.AsType[*yamlv2.TypeError](err); ok {
		texts = many.Errors
	}
	errs := make([]error, 0, len(texts))
	for _, text := range texts {
		line := m.first
		if found := withLine.FindStringSubmatch(text); found != nil {
			n, _ := strconv.Atoi(found[1]) // it is digits; a number too large is the last line
			line, text = m.at(n), found[2]
		}
		if found := notFound.FindStringSubmatch(text); found != nil && strings.Contains(text, "not found") {
			text = unknownKey(found[1], found[2])
		}
		errs = append(errs, fmt.Errorf("line %d: %s", line, text))
	}
	return errors.Join(errs...)
}
