package series

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/scrape"

	"github.com/steersman-ops/steersman/fact"
)

const (
	metadataFile = "descriptions.json"
	maxFamilies  = 20_000 // names beyond these have no description
	maxHelp      = 1024   // bytes of a help text that are kept
)

// A family is what senders declare about all series of one name. It is never
// changed; a new declaration makes a new family.
type family struct {
	Type   fact.SeriesType `json:"type"`
	Bucket bool            `json:"bucket,omitempty"` // its series are buckets of a classic histogram
	Native bool            `json:"native,omitempty"` // its series are native histograms
	Unit   string          `json:"unit,omitempty"`
	Help   string          `json:"help,omitempty"`

	help string // as declared, before it was cut
}

// same reports whether in says nothing new. A sender that declares nothing
// (remote write does so most of the time) does not unsay what is known.
func (f *family) same(in *fact.Series) bool {
	silent := in.Type == fact.Untyped && in.Unit == "" && in.Help == ""
	return f != nil && (silent || f.Type == in.Type && f.Unit == in.Unit && f.help == in.Help)
}

// metadata holds the families by metric name. It is safe for concurrent use.
type metadata struct {
	path string

	mu       sync.RWMutex
	families map[string]*family
	dirty    bool
}

// openMetadata reads what was saved. It returns an empty set of families with
// the error if that cannot be read.
func openMetadata(path string) (*metadata, error) {
	m := &metadata{path: path, families: make(map[string]*family)}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, fmt.Errorf("read metric descriptions: %w", err)
	}
	saved := make(map[string]*family)
	if err := json.Unmarshal(b, &saved); err != nil {
		return m, fmt.Errorf("read metric descriptions in %s: %w", path, err)
	}
	for name, f := range saved {
		if f != nil && len(m.families) < maxFamilies {
			f.help = f.Help
			m.families[name] = f
		}
	}
	return m, nil
}

// save writes the families if they have changed since they were last saved.
func (m *metadata) save() error {
	m.mu.Lock()
	if !m.dirty {
		m.mu.Unlock()
		return nil
	}
	b, err := json.Marshal(m.families)
	m.dirty = false
	m.mu.Unlock()
	if err == nil {
		err = writeFile(m.path, b)
	}
	if err != nil {
		m.mu.Lock()
		m.dirty = true
		m.mu.Unlock()
		return fmt.Errorf("save metric descriptions: %w", err)
	}
	return nil
}

// observe takes note of what in declares and returns the family as it is now.
// It returns nil for a name that there is no room for.
func (m *metadata) observe(in *fact.Series) *family {
	name := in.Labels.Name()
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.families[name]
	if ok && f.same(in) {
		return f
	}
	if !ok && len(m.families) >= maxFamilies {
		return &family{Type: in.Type, Unit: in.Unit, help: in.Help}
	}
	f = &family{
		Type:   in.Type,
		Bucket: strings.HasSuffix(name, "_bucket") && in.Labels.Get("le") != "",
		Native: ok && f.Native,
		Unit:   strings.Clone(in.Unit),
		help:   strings.Clone(in.Help),
	}
	f.Help = f.help[:min(len(f.help), maxHelp)]
	m.families[strings.Clone(name)] = f
	m.dirty = true
	return f
}

// observeNative takes note of a name whose series are native histograms.
func (m *metadata) observeNative(in *fact.Series) *family {
	f := m.observe(in)
	m.mu.Lock()
	defer m.mu.Unlock()
	if f.Native {
		return f
	}
	native := *f
	native.Native = true
	if m.families[in.Labels.Name()] == f { // there was room for it
		m.families[in.Labels.Name()] = &native
		m.dirty = true
	}
	return &native
}

// ListMetadata returns the families as Prometheus knows them: the three names
// of a classic histogram are one family.
func (m *metadata) ListMetadata() []scrape.MetricMetadata {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var out []scrape.MetricMetadata
	for name := range m.families {
		if md, ok := m.describe(name); ok {
			out = append(out, md)
		}
	}
	slices.SortFunc(out, func(a, b scrape.MetricMetadata) int { return strings.Compare(a.MetricFamily, b.MetricFamily) })
	return out
}

// describe returns the metadata of the family that a name gives its name to.
// The caller holds the lock.
func (m *metadata) describe(name string) (scrape.MetricMetadata, bool) {
	f := m.families[name]
	out := scrape.MetricMetadata{MetricFamily: name, Type: model.MetricTypeUnknown, Help: f.Help, Unit: f.Unit}
	switch f.Type {
	case fact.Gauge:
		out.Type = model.MetricTypeGauge
	case fact.Counter:
		out.Type = model.MetricTypeCounter
	}
	if f.Native {
		out.Type = model.MetricTypeHistogram
		if f.Type == fact.Gauge {
			out.Type = model.MetricTypeGaugeHistogram
		}
	}
	if f.Bucket {
		out.MetricFamily, out.Type = strings.TrimSuffix(name, "_bucket"), model.MetricTypeHistogram
	}
	for _, suffix := range []string{"_sum", "_count"} {
		if base, ok := strings.CutSuffix(name, suffix); ok {
			if b := m.families[base+"_bucket"]; b != nil && b.Bucket {
				return out, false
			}
		}
	}
	return out, true
}

// GetMetadata returns the metadata of one family.
func (m *metadata) GetMetadata(name string) (scrape.MetricMetadata, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, n := range []string{name, name + "_bucket"} {
		if _, ok := m.families[n]; ok {
			if md, ok := m.describe(n); ok && md.MetricFamily == name {
				return md, true
			}
		}
	}
	return scrape.MetricMetadata{}, false
}

// LengthMetadata returns the number of names.
func (m *metadata) LengthMetadata() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.families)
}

// SizeMetadata returns the bytes that the texts take.
func (m *metadata) SizeMetadata() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	n := 0
	for name, f := range m.families {
		n += len(name) + len(f.help) + len(f.Unit)
	}
	return n
}
