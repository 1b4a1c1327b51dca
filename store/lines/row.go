package lines

import (
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"github.com/steersman-ops/steersman/fact"
)

// The columns that are ours.
const (
	colEntity   = "@entity" // what the database calls the stream
	colInstance = "@instance"
	colVersion  = "@version"
	colSeverity = "@severity"
	colLevel    = "@level"
	colTrace    = "@trace"
	colSpan     = "@span"
	colObserved = "@observed" // Unix milliseconds, if it is a second or more from the line's time
	colCut      = "@cut"
	colBatch    = "@batch" // the number given to Put
	colText     = "_msg"
	colTime     = "_time"
)

// escape stands before the name of a field that would be taken for a column of
// ours or of the database.
const escape = "@."

// longestName is the longest column name, of which the database takes 128 bytes.
const longestName = 120

// columnName returns the column in which a field is.
func columnName(field string) string {
	if field == "" || field[0] == '@' || field[0] == '_' && reserved(field) {
		field = escape + field
	}
	if len(field) <= longestName {
		return field
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(field)) // never fails
	cut := longestName - 20
	for cut > 0 && field[cut]&0xc0 == 0x80 { // not within a rune
		cut--
	}
	return fmt.Sprintf("%s~%08x", field[:cut], h.Sum32())
}

// reserved reports whether the database keeps a name for itself.
func reserved(name string) bool {
	return name == colText || name == colTime || strings.HasPrefix(name, "_stream")
}

// fieldName is the way back from columnName, as far as there is one.
func fieldName(column string) string { return strings.TrimPrefix(column, escape) }

// row returns the columns of l. The slice is dst's. They are in the order of
// their names, where the database's name of the text is the empty one, because
// it sorts them.
func row(dst []logstorage.Field, l *fact.Line, batch string) []logstorage.Field {
	dst = dst[:0]
	put := func(name, value string) {
		if value != "" {
			dst = append(dst, logstorage.Field{Name: name, Value: value})
		}
	}
	put(colText, l.Text)
	put(colBatch, batch)
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
		put(columnName(name), value)
	}
	return dst
}

// rowBytes estimates what the database counts for a row, from above.
func rowBytes(fields []logstorage.Field) int {
	n := 64
	for i := range fields {
		n += len(fields[i].Name) + 2*len(fields[i].Value) + 8 // quotes and escapes
	}
	return n
}

// largestRow is the largest row that the database takes.
const largestRow = 2 << 20

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
		if v == "" {
			continue
		}
		switch name {
		case colTime, "_stream", "_stream_id":
		case colText:
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
		case colSeverity, colObserved, colBatch:
			err = f.number(name, v)
		case colTrace:
			_, err = hex.Decode(f.TraceID[:], []byte(v[:min(len(v), 32)]))
		case colSpan:
			_, err = hex.Decode(f.SpanID[:], []byte(v[:min(len(v), 16)]))
		default:
			fields = append(fields, fact.Label{Name: fieldName(name), Value: v})
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
	case colBatch:
		f.Batch = n
	}
	return err
}
