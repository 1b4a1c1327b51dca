package remotewrite

import (
	"strings"
	"sync"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal/family"
)

// A described is what a sender said of a metric family.
type described struct {
	typ        family.Type
	help, unit string
}

// A declared is what is known of one series. It is never changed.
type declared struct {
	typ        fact.SeriesType
	help, unit string
	told       family.Type // as version 2 tells it with the series
}

// families remembers the metadata of metric families, up to a limit, the least
// recently asked for go first. It is safe for concurrent use.
type families struct {
	mu      sync.Mutex
	known   aged[string, described]
	version uint32                  // grows when anything is learned
	told    aged[string, *declared] // by metric: what version 2 tells with each series
}

// learn takes up what a sender says of a family.
func (f *families) learn(name string, fam described) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if old, ok := f.known.get(name); ok && old == fam {
		return
	}
	f.known.put(strings.Clone(name), described{fam.typ, strings.Clone(fam.help), strings.Clone(fam.unit)})
	f.version++
}

func (f *families) now() uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.version
}

// declare returns what is known of the series called metric, and the version of
// the knowledge. The result is nil if nothing is known.
func (f *families) declare(metric string) (*declared, uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fam, ok := f.known.get(metric); ok {
		return &declared{typ: fam.typ.Own(), help: fam.help, unit: fam.unit}, f.version
	}
	for base, suffix := range family.Names(metric) {
		if fam, ok := f.known.get(base); ok {
			if typ, ok := suffix.In(fam.typ); ok {
				return &declared{typ: typ, help: fam.help, unit: fam.unit}, f.version
			}
		}
	}
	return nil, f.version
}

// tell returns what a sender of version 2 says of the series called metric: the
// type is that of its family. All series of one name share it.
func (f *families) tell(metric string, typ family.Type, help, unit []byte) *declared {
	f.mu.Lock()
	defer f.mu.Unlock()
	if is, ok := f.told.get(metric); ok && is.told == typ && is.help == string(help) && is.unit == string(unit) {
		return is
	}
	d := &declared{typ: typ.Of(metric), help: string(help), unit: string(unit), told: typ}
	f.told.put(strings.Clone(metric), d)
	return d
}

// aged is a map that holds between most/2 and most entries once it is full, and
// forgets what was least recently asked for.
type aged[K comparable, V any] struct {
	most       int
	young, old map[K]V
}

func (a *aged[K, V]) get(k K) (V, bool) {
	if v, ok := a.young[k]; ok {
		return v, true
	}
	v, ok := a.old[k]
	if ok {
		a.put(k, v)
	}
	return v, ok
}

func (a *aged[K, V]) put(k K, v V) {
	if a.young == nil || len(a.young) >= max(a.most/2, 1) {
		a.young, a.old = make(map[K]V), a.young
	}
	a.young[k] = v
}
