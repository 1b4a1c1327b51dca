package recorded

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/steersman-ops/steersman/fact"
)

// Options say what is read.
type Options struct {
	// Omit names columns that are no telemetry: answers to a riddle, say.
	Omit []string
}

// batchItems is how many samples, spans or lines one batch holds at most.
const batchItems = 5000

// maxTicks is how many ticks there are at most between two rows.
const maxTicks = 60

// Read hands what is recorded at the paths to fn, as batches in order of time,
// with the clock between them: a tick each second, and fewer where nothing comes
// for longer than a minute. It returns the account of every file, also with an
// error. fn may keep the batches.
func Read(ctx context.Context, paths []string, opt Options, fn func(*fact.Batch) error) ([]File, error) {
	var all []*reader
	defer func() {
		for _, r := range all {
			_ = r.rows.Close() // only read
		}
	}()
	for _, p := range paths {
		some, err := find(p, opt)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	m := merge{fn: fn, readers: all}
	err := m.run(ctx)
	var files []File
	for _, r := range all {
		files = append(files, r.File)
	}
	if err == nil && !m.begun {
		err = fmt.Errorf("there is nothing to replay at %s", strings.Join(paths, ", "))
		if i := slices.IndexFunc(files, func(f File) bool { return f.Why != "" }); i >= 0 {
			err = fmt.Errorf("%w: %s: %s", err, files[i].Path, files[i].Why)
		}
	}
	return files, err
}

// find returns the readers of the files at a path.
func find(path string, opt Options) ([]*reader, error) {
	var out []*reader
	cases := 0
	path, err := filepath.EvalSymlinks(path) // what is named is meant; what is found behind links is not
	if err != nil {
		return nil, fmt.Errorf("look for recorded data: %w", err)
	}
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == caseFile:
			cases++
		case d.Type().IsRegular() && (p == path || readable(d.Name())):
			name, err := filepath.Rel(filepath.Dir(path), p)
			if err != nil {
				return err
			}
			r, err := newReader(p, filepath.ToSlash(name), opt.Omit, 0)
			if err != nil {
				return err
			}
			out = append(out, r)
		}
		return nil
	})
	switch {
	case err != nil:
		return out, fmt.Errorf("look for recorded data: %w", err)
	case cases > 1:
		return out, fmt.Errorf("%s holds %d recorded incidents: replay one at a time, as %s", path, cases, filepath.Join(path, "NAME"))
	case cases == 1:
		return baseline(path, out, opt)
	}
	return out, nil
}

// readable are the endings of files that may hold telemetry.
func readable(name string) bool {
	switch filepath.Ext(strings.TrimSuffix(name, ".gz")) {
	case ".csv", ".tsv", ".log", ".txt", ".json", ".jsonl", ".ndjson":
		return true
	}
	return false
}

// caseFile describes a recorded incident.
const caseFile = "case.json"

// incident is what it says.
type incident struct {
	Baseline string  `json:"baseline"`
	Period   float64 `json:"period_s"`
}

func readCase(path string) (c incident, err error) {
	f, err := regular(path)
	if err != nil {
		return c, err
	}
	defer f.Close() //nolint:errcheck // only read
	raw, err := io.ReadAll(io.LimitReader(f, rowCap+1))
	switch {
	case err != nil:
		return c, err
	case len(raw) > rowCap:
		return c, errLong
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, err
	}
	if !(c.Period >= 0 && c.Period <= 1e6) {
		return c, fmt.Errorf("period_s is %v: want seconds between two rows", c.Period)
	}
	return c, nil
}

// baseline adds the time without a fault, if the incident names one, in front.
func baseline(dir string, rest []*reader, opt Options) ([]*reader, error) {
	c, err := readCase(filepath.Join(dir, caseFile))
	if errors.Is(err, fs.ErrNotExist) {
		return rest, nil // it lies deeper
	}
	if err != nil {
		return rest, fmt.Errorf("read %s: %w", filepath.Join(dir, caseFile), err)
	}
	if c.Baseline == "" {
		return rest, nil
	}
	path := filepath.Join(dir, filepath.FromSlash(c.Baseline))
	begin, err := first(rest)
	if err != nil {
		return rest, err
	}
	_, end, err := span(path, opt)
	if err != nil {
		return rest, err
	}
	step := int64(max(c.Period, 1) * float64(time.Second))
	r, err := newReader(path, "baseline/"+filepath.Base(path), opt.Omit, begin-step-end)
	if err != nil {
		return rest, err
	}
	r.from.folder, r.from.file = rest[0].from.folder, bare(rest[0].from.file)
	return append([]*reader{r}, rest...), nil
}

// first is when the first item of all files comes.
func first(all []*reader) (int64, error) {
	least := int64(math.MaxInt64)
	for _, r := range all {
		at, ok, err := r.head()
		if err != nil {
			return 0, err
		}
		if ok {
			least = min(least, at)
		}
	}
	if least == math.MaxInt64 {
		return 0, errors.New("the recorded incident has no data beside its baseline")
	}
	return least, nil
}

// span reads a file to its end and returns its first and last time.
func span(path string, opt Options) (begin, end int64, err error) {
	r, err := newReader(path, path, opt.Omit, 0)
	if err != nil {
		return 0, 0, err
	}
	defer r.rows.Close() //nolint:errcheck // only read
	for {
		_, ok, err := r.head()
		if err != nil || !ok {
			return r.First.UnixNano(), r.Last.UnixNano(), err
		}
		r.pop()
	}
}

// merge takes the files together.
type merge struct {
	readers []*reader
	fn      func(*fact.Batch) error
	begun   bool
	last    int64 // the second up to which ticks were written, Unix seconds
}

func (m *merge) run(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		sec, ok, err := m.next()
		if err != nil {
			return err
		}
		if !ok {
			return m.end()
		}
		if m.begun {
			sec = max(sec, m.last) // what comes late comes now
		}
		if err := m.ticks(sec); err != nil {
			return err
		}
		for _, r := range m.readers {
			if err := m.second(r, sec); err != nil {
				return err
			}
		}
	}
}

// next is the second of the next item.
func (m *merge) next() (sec int64, ok bool, err error) {
	least := int64(math.MaxInt64)
	for _, r := range m.readers {
		at, more, err := r.head()
		if err != nil {
			return 0, false, err
		}
		if more {
			least, ok = min(least, at), true
		}
	}
	return floor(least), ok, nil
}

func floor(ns int64) int64 {
	sec := ns / int64(time.Second)
	if ns%int64(time.Second) < 0 {
		sec--
	}
	return sec
}

// ticks writes the clock up to the start of a second.
func (m *merge) ticks(sec int64) error {
	if !m.begun {
		m.begun, m.last = true, sec-1
	}
	step := max(1, (sec-m.last+maxTicks-1)/maxTicks)
	for m.last < sec {
		m.last = min(m.last+step, sec)
		if err := m.tick(); err != nil {
			return err
		}
	}
	return nil
}

func (m *merge) tick() error {
	return m.fn(&fact.Batch{Source: fact.ClockSource, Received: m.last * 1000})
}

// settle is for how many seconds the clock goes on after the last row, so that
// what waits for latecomers is counted. It is short: silence after that is the
// end of the recording and says nothing of the services.
const settle = 5

func (m *merge) end() error {
	if !m.begun {
		return nil
	}
	for range settle {
		m.last++
		if err := m.tick(); err != nil {
			return err
		}
	}
	return nil
}

// second hands on what one file has in a second.
func (m *merge) second(r *reader, sec int64) error {
	var b *fact.Batch
	n := 0
	flush := func() error {
		if b == nil {
			return nil
		}
		full := b
		b, n = nil, 0
		return m.fn(full)
	}
	for {
		at, ok, err := r.head()
		if err != nil {
			return err
		}
		if !ok || at >= (sec+1)*int64(time.Second) {
			return flush()
		}
		it := r.pop()
		if b == nil {
			b = &fact.Batch{Source: sourceOf(r.Path), Received: sec * 1000}
		}
		b.Received = max(b.Received, (it.at+int64(time.Millisecond)-1)/int64(time.Millisecond))
		b.Series = append(b.Series, it.series...)
		switch {
		case it.span != nil:
			b.Spans = append(b.Spans, *it.span)
		case it.line != nil:
			b.Lines = append(b.Lines, *it.line)
		case it.change != nil:
			b.Changes = append(b.Changes, *it.change)
		}
		if n += cmp.Or(len(it.series), 1); n >= batchItems {
			if err := flush(); err != nil {
				return err
			}
		}
	}
}

// sourceOf is the name under which what a file holds comes in.
func sourceOf(path string) string { return "recorded/" + path }
