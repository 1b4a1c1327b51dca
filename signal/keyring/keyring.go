package keyring

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
)

// version is of the file's format.
const version = 1

// maxBytes is how large a file is read: a thousand sources with everything.
const maxBytes = 1 << 20

// A Source is one named source, without what proves it.
type Source struct {
	Name       string
	Kind       string
	Added      time.Time // zero: it is in the configuration
	Configured bool
	Limits     signal.SourceLimits
}

// A Ring is the named sources. It is safe for concurrent use.
type Ring struct {
	path  string
	keys  *signal.Keys
	fixed []signal.Named

	mu    sync.Mutex
	added []entry
}

type file struct {
	Version int     `json:"version"`
	Sources []entry `json:"sources"`
}

type entry struct {
	Name   string              `json:"name"`
	Kind   string              `json:"kind,omitempty"`
	Added  time.Time           `json:"added"`
	Digest string              `json:"digest"`           // SHA-256 of the token, in hex
	Secret string              `json:"secret,omitempty"` // the token, where it signs
	Limits signal.SourceLimits `json:"limits"`
}

// Signs reports whether senders of this kind sign with their token instead of
// sending it.
func Signs(kind string) bool { return kind == "github" }

// Fixed makes a source of the configuration.
func Fixed(name, kind, token string, limits signal.SourceLimits) signal.Named {
	n := signal.Named{Name: name, Kind: kind, Digest: signal.Digest(token), Limits: limits}
	if Signs(kind) {
		n.Secret = []byte(token)
	}
	return n
}

// Open reads the file at path, if there is one, and tells keys of what is in it
// and of the fixed ones.
func Open(path string, fixed []signal.Named, keys *signal.Keys) (*Ring, error) {
	r := &Ring{path: path, keys: keys, fixed: fixed}
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("read the named sources: %w", err)
	default:
		if r.added, err = parse(data); err != nil {
			return nil, fmt.Errorf("read the named sources: %s: %w (restore it from a copy, or move it away and add the sources again)", path, err)
		}
	}
	if err := r.tell(r.added); err != nil {
		return nil, fmt.Errorf("the named sources of %s and of the configuration: %w", path, err)
	}
	return r, nil
}

func parse(data []byte) ([]entry, error) {
	if len(data) > maxBytes {
		return nil, fmt.Errorf("%d bytes, the limit is %d", len(data), maxBytes)
	}
	var f file
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return nil, err
	}
	if f.Version != version {
		return nil, fmt.Errorf("version %d is not known, only %d is", f.Version, version)
	}
	for _, e := range f.Sources {
		if _, err := e.named(); err != nil {
			return nil, err
		}
	}
	return f.Sources, nil
}

func (e entry) named() (signal.Named, error) {
	n := signal.Named{Name: e.Name, Kind: e.Kind, Limits: e.Limits, Secret: []byte(e.Secret)}
	d, err := hex.DecodeString(e.Digest)
	if err != nil || len(d) != len(n.Digest) {
		return n, fmt.Errorf("source %q has no SHA-256 as its digest", signal.Cut(e.Name, 80))
	}
	copy(n.Digest[:], d)
	if err := signal.CheckName(e.Name); err != nil {
		return n, err
	}
	return n, e.Limits.Check()
}

// tell lets the doors know of the fixed sources and of these.
func (r *Ring) tell(added []entry) error {
	list := slices.Clone(r.fixed)
	for _, e := range added {
		n, err := e.named()
		if err != nil {
			return err
		}
		list = append(list, n)
	}
	return r.keys.Set(list)
}

// Add makes a source and returns its token, which is not to be had again.
func (r *Ring) Add(name, kind string, limits signal.SourceLimits, now time.Time) (token string, err error) {
	if err := errors.Join(signal.CheckName(name), limits.Check()); err != nil {
		return "", &fact.Problem{What: err.Error(), Do: "choose another"}
	}
	if !slices.Contains(Kinds(), kind) && kind != "" {
		return "", &fact.Problem{What: fmt.Sprintf("kind %q is not known", signal.Cut(kind, 40)), Do: "use one of " + strings.Join(Kinds(), ", ")}
	}
	var bits [32]byte
	rand.Read(bits[:]) // never fails: it ends the program first
	token = "src_" + base64.RawURLEncoding.EncodeToString(bits[:])
	d := signal.Digest(token)
	e := entry{Name: name, Kind: kind, Added: now.UTC().Truncate(time.Second), Digest: hex.EncodeToString(d[:]), Limits: limits}
	if Signs(kind) {
		e.Secret = token
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.keys.Lookup(name); ok {
		return "", &fact.Problem{What: fmt.Sprintf("source %q is there already", name), Do: "remove it first, or choose another name"}
	}
	if len(r.fixed)+len(r.added) >= signal.MaxNamed {
		return "", &fact.Problem{What: fmt.Sprintf("there are %d named sources, which is the limit", signal.MaxNamed), Do: "remove one that is not used"}
	}
	return token, r.change(append(slices.Clone(r.added), e))
}

// Remove takes a source away: its token is refused from now on. The error wraps
// [fact.ErrNotFound] if there is none.
func (r *Ring) Remove(name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.ContainsFunc(r.fixed, func(n signal.Named) bool { return n.Name == name }) {
		return &fact.Problem{What: fmt.Sprintf("source %q is in the configuration file", name), Do: "take it out there, and restart"}
	}
	i := slices.IndexFunc(r.added, func(e entry) bool { return e.Name == name })
	if i < 0 {
		return fmt.Errorf("source %q: %w", signal.Cut(name, 80), fact.ErrNotFound)
	}
	return r.change(slices.Delete(slices.Clone(r.added), i, i+1))
}

// change makes the new list durable and then valid.
func (r *Ring) change(added []entry) error {
	data, err := json.MarshalIndent(file{version, added}, "", "  ")
	if err != nil {
		return fmt.Errorf("write the named sources: %w", err)
	}
	if err := signal.ReplaceFile(r.path, append(data, '\n')); err != nil {
		return fmt.Errorf("write the named sources: %w", err)
	}
	r.added = added
	return r.tell(added)
}

// List returns the named sources in order of name.
func (r *Ring) List() []Source {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Source
	for _, n := range r.fixed {
		out = append(out, Source{Name: n.Name, Kind: n.Kind, Configured: true, Limits: n.Limits})
	}
	for _, e := range r.added {
		out = append(out, Source{Name: e.Name, Kind: e.Kind, Added: e.Added, Limits: e.Limits})
	}
	slices.SortFunc(out, func(a, b Source) int { return strings.Compare(a.Name, b.Name) })
	return out
}
