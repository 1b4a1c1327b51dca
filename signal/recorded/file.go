package recorded

import (
	"container/heap"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"
)

// Kind is what a file holds.
type Kind string

// The kinds of file.
const (
	Samples Kind = "samples"
	Spans   Kind = "spans"
	Lines   Kind = "lines"
	Changes Kind = "changes"
)

// A File is the account of one file: Rows = Read + Empty + Refused.
type File struct {
	Path    string    `json:"path"`
	Kind    Kind      `json:"kind,omitempty"` // of the first row that could be read
	Rows    int       `json:"rows"`
	Read    int       `json:"read"`
	Empty   int       `json:"empty,omitempty"` // rows without a sample
	Refused int       `json:"refused,omitempty"`
	Why     string    `json:"why,omitempty"` // the first row was refused
	Samples int       `json:"samples,omitempty"`
	First   time.Time `json:"first,omitzero"`
	Last    time.Time `json:"last,omitzero"`
}

func (f *File) refuse(err error) {
	f.Rows++
	f.Refused++
	if f.Why == "" {
		f.Why = err.Error()
	}
}

// A row of a file may stand out of order by so many rows, or by so many bytes of
// them, as they are in memory.
const (
	window      = 1 << 16
	windowBytes = 64 << 20
)

// reader reads one file in order of time.
type reader struct {
	File
	from   origin
	rows   rows
	shapes map[string]shape
	move   int64 // added to every time
	items  queue
	held   int // bytes of them
	number int
	done   bool
}

func newReader(path, name string, omit []string, move int64) (*reader, error) {
	r := &reader{File: File{Path: name}, shapes: make(map[string]shape), move: move, from: origin{
		folder: filepath.Base(filepath.Dir(path)), file: bare(path), path: name, omit: omit,
	}}
	var err error
	if r.from.callers, err = callers(path); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if r.rows, err = open(path); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return r, nil
}

// bare is the name of a file without folder and endings.
func bare(path string) string {
	base := strings.TrimSuffix(filepath.Base(path), ".gz")
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// fill reads on until the window is full.
func (r *reader) fill() error {
	for !r.done && len(r.items) < window && r.held < windowBytes {
		columns, values, err := r.rows.next()
		var bad *rowError
		switch {
		case errors.Is(err, io.EOF):
			r.done = true
		case errors.As(err, &bad):
			r.refuse(bad.error)
		case err != nil:
			return fmt.Errorf("read %s after %d rows: %w", r.Path, r.Rows, err)
		default:
			r.take(columns, values)
		}
	}
	return nil
}

// maxShapes bounds how many sets of columns one file may have.
const maxShapes = 1000

func (r *reader) take(columns, values []string) {
	id := strings.Join(columns, "\x00")
	s, known := r.shapes[id]
	if !known {
		var kind Kind
		var err error
		if len(r.shapes) >= maxShapes {
			err = fmt.Errorf("more than %d different sets of members", maxShapes)
		} else {
			s, kind, err = shapeOf(columns, r.from)
		}
		if err != nil {
			r.refuse(err)
			return
		}
		r.shapes[id] = s
		if r.Kind == "" {
			r.Kind = kind
		}
	}
	it, err := s(values)
	switch {
	case errors.Is(err, errEmpty):
		r.Rows++
		r.Empty++
		return
	case err != nil:
		r.refuse(err)
		return
	}
	r.Rows++
	r.Read++
	r.Samples += len(it.series)
	if r.move != 0 {
		it.move(r.move)
	}
	at := time.Unix(0, it.at).UTC()
	if r.First.IsZero() || at.Before(r.First) {
		r.First = at
	}
	if at.After(r.Last) {
		r.Last = at
	}
	size := 128 + 64*len(it.series)
	for _, v := range values {
		size += len(v)
	}
	heap.Push(&r.items, queued{it, r.number, size})
	r.held += size
	r.number++
}

// head returns when the next item is, false at the end.
func (r *reader) head() (int64, bool, error) {
	if err := r.fill(); err != nil {
		return 0, false, err
	}
	if len(r.items) == 0 {
		return 0, false, nil
	}
	return r.items[0].at, true, nil
}

func (r *reader) pop() item {
	q := heap.Pop(&r.items).(queued)
	r.held -= q.size
	return q.item
}

// queue has the earliest item in front, and of two at once the one that stands
// first in the file.
type queue []queued

type queued struct {
	item
	number int
	size   int // bytes, about
}

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].number < q[j].number
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push is heap.Interface's.
func (q *queue) Push(x any) { *q = append(*q, x.(queued)) }

// Pop is heap.Interface's.
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	(*q)[len(*q)-1] = queued{}
	*q = (*q)[:len(*q)-1]
	return last
}

// maxCallers is how many spans of a table without kinds are remembered, at some
// 100 bytes each.
const maxCallers = 4_000_000

// callers reads which service did each span, if the file is a table of spans
// that tell no kind: then a span serves when its parent is of another service.
func callers(path string) (map[key]string, error) {
	r, err := open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // only read
	var out map[key]string
	names := make(map[string]string) // so that no name holds its row
	for {
		columns, values, err := r.next()
		var bad *rowError
		switch {
		case errors.As(err, &bad):
			continue
		case err != nil:
			return out, nil //nolint:nilerr // it is read again, and told then
		}
		t := table{columns: columns}
		span, service := t.index("span_id"), t.any(services)
		if span < 0 || service < 0 || t.has("kind") || t.any(durations) < 0 {
			return nil, nil
		}
		if out == nil {
			out = make(map[key]string)
		}
		if len(out) >= maxCallers {
			return nil, fmt.Errorf("it has more than %d spans and no column kind: add one, or split it", maxCallers)
		}
		name, ok := names[at(values, service)]
		if !ok {
			name = strings.Clone(at(values, service))
			names[name] = name
		}
		out[keyOf(at(values, t.index("trace_id")), at(values, span))] = name
	}
}
