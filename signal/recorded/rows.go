package recorded

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// rows yields a file's rows. The values are good until the next call.
type rows interface {
	next() (columns, values []string, err error) // io.EOF at the end, a *rowError for a row that cannot be read
	io.Closer
}

// rowError is about one row; the next may be good.
type rowError struct{ error }

// lineCap is the longest line of a log file that is kept whole.
const lineCap = 1 << 20

// rowCap is the longest row of a table that is read.
const rowCap = 8 << 20

// errLong is of a row that is longer.
var errLong = fmt.Errorf("a row is longer than %d MiB: is a quote or a bracket not closed?", rowCap>>20)

// ration ends the reading of a row that does not end by itself.
type ration struct {
	io.Reader
	left int
}

func (r *ration) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, errLong
	}
	n, err := r.Reader.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, err
}

// renew is called before each row.
func (r *ration) renew() { r.left = rowCap }

// regular opens a file that is one: a pipe would never end.
func regular(path string) (*os.File, error) {
	switch info, err := os.Stat(path); {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file", path)
	}
	return os.Open(path)
}

// open tells from the first bytes what a file is.
func open(path string) (rows, error) {
	f, err := regular(path)
	if err != nil {
		return nil, err
	}
	buf := bufio.NewReaderSize(f, 1<<16)
	if head, _ := buf.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) {
		unpacked, err := gzip.NewReader(buf)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("unpack: %w", err), f.Close())
		}
		buf = bufio.NewReaderSize(unpacked, 1<<16)
	}
	return sniff(buf, f), nil
}

func sniff(buf *bufio.Reader, c io.Closer) rows {
	if head, _ := buf.Peek(3); string(head) == "\ufeff" {
		_, _ = buf.Discard(3) // it was peeked
	}
	head, _ := buf.Peek(1 << 16)
	in := &ration{buf, rowCap}
	first, _, _ := bytes.Cut(bytes.TrimLeft(head, " \t\r\n"), []byte("\n"))
	line := strings.TrimRight(string(first), "\r")
	switch {
	case strings.HasPrefix(line, "{"):
		return &objects{in: in, dec: json.NewDecoder(in), Closer: c}
	case strings.HasPrefix(line, "[") && bytes.HasPrefix(bytes.TrimLeft(bytes.TrimLeft(head, " \t\r\n")[1:], " \t\r\n"), []byte("{")):
		return &objects{in: in, dec: json.NewDecoder(in), array: true, Closer: c}
	}
	for _, comma := range ",;\t" {
		if columns := strings.Split(line, string(comma)); len(columns) > 1 && slices.ContainsFunc(columns, headsTime) {
			r := csv.NewReader(in)
			r.Comma, r.FieldsPerRecord, r.LazyQuotes, r.ReuseRecord = comma, -1, true, true
			return &cells{in: in, csv: r, Closer: c}
		}
	}
	return &text{buf: buf, Closer: c}
}

func headsTime(c string) bool { return isTime(strings.Trim(c, "\"\ufeff ")) }

// cells is a CSV file.
type cells struct {
	in      *ration
	csv     *csv.Reader
	columns []string
	io.Closer
}

func (c *cells) next() (columns, values []string, err error) {
	if c.columns == nil {
		head, err := c.csv.Read()
		if err != nil {
			return nil, nil, err
		}
		c.columns = slices.Clone(head)
	}
	c.in.renew()
	values, err = c.csv.Read()
	var bad *csv.ParseError
	switch {
	case errors.As(err, &bad):
		return nil, nil, &rowError{err}
	case err != nil:
		return nil, nil, err
	case len(values) != len(c.columns):
		line, _ := c.csv.FieldPos(0)
		return nil, nil, &rowError{fmt.Errorf("line %d has %d cells, the header %d", line, len(values), len(c.columns))}
	}
	return c.columns, values, nil
}

// objects is a file of JSON objects.
type objects struct {
	in     *ration
	dec    *json.Decoder
	array  bool
	begun  bool
	values []string
	io.Closer
}

func (o *objects) next() (columns, values []string, err error) {
	o.in.renew()
	if !o.begun {
		o.begun = true
		o.dec.UseNumber()
		if o.array {
			if _, err := o.dec.Token(); err != nil {
				return nil, nil, err
			}
		}
	}
	if o.array && !o.dec.More() {
		return nil, nil, io.EOF
	}
	var m map[string]any
	var other *json.UnmarshalTypeError
	switch err := o.dec.Decode(&m); {
	case errors.As(err, &other):
		return nil, nil, &rowError{fmt.Errorf("a %s stands where an object is wanted", other.Value)}
	case err != nil:
		return nil, nil, err // whatever follows cannot be told apart
	}
	for name := range m {
		columns = append(columns, name)
	}
	slices.Sort(columns)
	o.values = o.values[:0]
	for _, name := range columns {
		o.values = append(o.values, plain(m[name]))
	}
	return columns, o.values, nil
}

// plain writes a value as a cell would have it.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

// text is a log file: rows of a time and a message.
type text struct {
	buf  *bufio.Reader
	held string // the first line of the next row
	done bool
	out  [2]string
	io.Closer
}

// next gathers the lines of one message. Lines before the first time are rows
// without one.
func (t *text) next() (columns, values []string, err error) {
	first, err := t.first()
	if err != nil {
		return nil, nil, err
	}
	_, message, ok := leadingTime(first)
	if !ok {
		return nil, nil, &rowError{fmt.Errorf("%.60q does not begin with a time", first)}
	}
	t.out[0] = strings.TrimRight(strings.TrimSuffix(first, message), " \t")
	all := []string{message}
	for size := len(message); ; {
		line, err := t.line()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		if _, _, begins := leadingTime(line); begins || size+len(line) >= lineCap {
			t.held = line
			break
		}
		all, size = append(all, line), size+len(line)+1 // its end
	}
	t.out[1] = strings.Join(all, "\n")
	return []string{"time", "message"}, t.out[:], nil
}

func (t *text) first() (string, error) {
	if held := t.held; held != "" {
		t.held = ""
		return held, nil
	}
	for {
		line, err := t.line()
		if err != nil || line != "" {
			return line, err
		}
	}
}

// line reads one line; what is longer than the cap is dropped.
func (t *text) line() (string, error) {
	if t.done {
		return "", io.EOF
	}
	var line []byte
	for {
		part, err := t.buf.ReadSlice('\n')
		line = append(line, part[:min(len(part), lineCap-len(line))]...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF):
			t.done = true
			if len(line) == 0 {
				return "", io.EOF
			}
		case err != nil:
			return "", err
		}
		return strings.TrimRight(string(line), "\r\n"), nil
	}
}
