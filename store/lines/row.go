package lines

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/logdb"
)

// The columns that are ours.
const (
	colEntity   = "@entity" // what the engine calls the stream
	colInstance = "@instance"
	colVersion  = "@version"
	colSeverity = "@severity"
	colLevel    = "@level"
	colTrace    = "@trace"
	colSpan     = "@span"
	colObserved = "@observed" // Unix milliseconds, if it is a second or more from the line's time
	colCut      = "@cut"
)

// row returns the columns of l. The slice is dst's. They are in the order of
// their names, where the engine's name of the text is the empty one, because
// it sorts them.
func row(dst []logdb.Column, l *fact.Line, batch string) []logdb.Column {
	dst = dst[:0]
	put := func(name, value string) {
		if value != "" {
			dst = append(dst, logdb.Column{Name: name, Value: value})
		}
	}
	put(logdb.Text, l.Text)
	put(logdb.Batch, batch)
	if l.Truncated {
		put(colCut, "1")
	}
	put(colEntity, l.Entity.String())
	put(colInstance, l.Instance)
	put(colLevel, l.Level)
	if d := time.Duration(l.Observed - l.At); l.Observed > 0 && (d >= time.Second || d <= -time.Second) {
		put(colObserved, strconv.FormatInt(l.Observed/1e6, 10))
	}
	if l.Severity > 0 {
		put(colSeverity, strconv.Itoa(int(min(l.Severity, fact.MaxSeverity)))) // small numbers cost nothing
	}
	if l.SpanID != [8]byte{} {
		put(colSpan, hex.EncodeToString(l.SpanID[:]))
	}
	if l.TraceID != [16]byte{} {
		put(colTrace, hex.EncodeToString(l.TraceID[:]))
	}
	put(colVersion, l.Version)
	for name, value := range l.Fields.All() {
		put(logdb.ColumnName(name), value)
	}
	return dst
}

// A Found is a line that was found.
type Found struct {
	fact.Line
	Batch uint64 // the number under which it was put
}

// found is the way back from row.
func found(at int64, names []string, value func(i int) string) (Found, error) {
	f := Found{Line: fact.Line{At: at, Observed: at}}
	fields := make([]fact.Label, 0, len(names))
	var err error
	for i, name := range names {
		v := value(i)
		if v == "" || logdb.Own(name) {
			continue
		}
		switch name {
		case logdb.Text:
			f.Text = v
		case colEntity:
			f.Entity, err = fact.ParseEntity(v)
		case colInstance:
			f.Instance = v
		case colVersion:
			f.Version = v
		case colLevel:
			f.Level = v
		case colCut:
			f.Truncated = true
		case colSeverity, colObserved, logdb.Batch:
			err = f.number(name, v)
		case colTrace:
			_, err = hex.Decode(f.TraceID[:], []byte(v[:min(len(v), 32)]))
		case colSpan:
			_, err = hex.Decode(f.SpanID[:], []byte(v[:min(len(v), 16)]))
		default:
			fields = append(fields, fact.Label{Name: logdb.FieldName(name), Value: v})
		}
		if err != nil {
			return f, fmt.Errorf("column %s of a log line: %w", name, err)
		}
	}
	if f.Fields, err = fact.NewLabels(fields); err != nil {
		return f, fmt.Errorf("fields of a log line: %w", err)
	}
	return f, nil
}

// number reads a column that holds a number.
func (f *Found) number(column, v string) error {
	n, err := strconv.ParseUint(v, 10, 64)
	switch column {
	case colSeverity:
		f.Severity = fact.Severity(min(n, uint64(fact.MaxSeverity)))
	case colObserved:
		f.Observed = int64(n) * 1e6
	case logdb.Batch:
		f.Batch = n
	}
	return err
}
