package spans

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/logdb"
)

// The columns that are ours, beside [logdb.Text] with the operation's name, and
// [logdb.Batch].
const (
	colDuration = "@duration" // nanoseconds
	colEntity   = "@entity"
	colFailed   = "@failed"
	colInstance = "@instance"
	colKind     = "@kind"
	colParent   = "@parent"
	colPeer     = "@peer"
	colShard    = "@shard" // what the engine calls the stream: the last digit of the trace
	colSpan     = "@span"
	colTrace    = "@trace"
	colVersion  = "@version"
	colLong     = "@~" // and a hash: the name of the attribute whose column was cut and ends with this hash
)

// row returns the columns of s. The slice is dst's. They are in the order of
// their names, where the engine's name of the text is the empty one.
func row(dst []logdb.Column, s *fact.Span, batch string) []logdb.Column {
	dst = dst[:0]
	put := func(name, value string) {
		if value != "" {
			dst = append(dst, logdb.Column{Name: name, Value: value})
		}
	}
	put(logdb.Text, s.Name)
	put(logdb.Batch, batch)
	put(colDuration, strconv.FormatInt(s.End-s.Start, 10))
	put(colEntity, s.Entity.String())
	if s.Failed {
		put(colFailed, "1")
	}
	put(colInstance, s.Instance)
	put(colKind, KindName(s.Kind))
	if s.Parent != [8]byte{} {
		put(colParent, hex.EncodeToString(s.Parent[:]))
	}
	put(colPeer, s.Peer)
	put(colShard, shard(s.TraceID))
	put(colSpan, hex.EncodeToString(s.ID[:]))
	put(colTrace, hex.EncodeToString(s.TraceID[:]))
	put(colVersion, s.Version)
	for name, value := range s.Attrs.All() {
		column := logdb.ColumnName(name)
		put(column, value)
		if logdb.FieldName(column) != name {
			put(colLong+column[len(column)-8:], name)
		}
	}
	return dst
}

// shard returns the stream of a trace.
func shard(trace [16]byte) string { return "0123456789abcdef"[trace[15]&15:][:1] }

// KindName is how a kind is written, and looked for: kind=server. It is empty for
// an unspecified kind.
func KindName(k fact.SpanKind) string {
	switch k {
	case fact.SpanUnspecified:
		return ""
	case fact.SpanInternal:
		return "internal"
	case fact.SpanServer:
		return "server"
	case fact.SpanClient:
		return "client"
	case fact.SpanProducer:
		return "producer"
	case fact.SpanConsumer:
		return "consumer"
	}
	return strconv.Itoa(int(k))
}

// parseKind is the way back from KindName.
func parseKind(name string) (fact.SpanKind, error) {
	for k := fact.SpanUnspecified; k <= fact.SpanConsumer; k++ {
		if KindName(k) == name {
			return k, nil
		}
	}
	n, err := strconv.ParseUint(name, 10, 8)
	return fact.SpanKind(n), err
}

// A Found is a span that was found.
type Found struct {
	fact.Span
	Batch uint64 // the number under which it was put
}

// found is the way back from row.
func found(start int64, names []string, value func(i int) string) (Found, error) {
	f := Found{Span: fact.Span{Start: start, End: start}}
	attrs := make([]fact.Label, 0, len(names))
	var long []string // whole names of attributes whose columns were cut
	for i, name := range names {
		v := value(i)
		switch {
		case v == "" || logdb.Own(name):
		case strings.HasPrefix(name, colLong):
			long = append(long, v)
		case strings.HasPrefix(name, "@") && logdb.FieldName(name) == name || name == logdb.Text:
			if err := f.set(name, v); err != nil {
				return f, fmt.Errorf("column %s of a span: %w", name, err)
			}
		default:
			attrs = append(attrs, fact.Label{Name: name, Value: v})
		}
	}
	for i := range attrs {
		attrs[i].Name = attribute(attrs[i].Name, long)
	}
	var err error
	if f.Attrs, err = fact.NewLabels(attrs); err != nil {
		return f, fmt.Errorf("attributes of a span: %w", err)
	}
	return f, nil
}

// attribute returns the name of the attribute that is in a column.
func attribute(column string, long []string) string {
	for _, name := range long {
		if logdb.ColumnName(name) == column {
			return name
		}
	}
	return logdb.FieldName(column)
}

// set reads a column of ours.
func (f *Found) set(column, v string) (err error) {
	switch column {
	case logdb.Text:
		f.Name = v
	case logdb.Batch:
		f.Batch, err = strconv.ParseUint(v, 10, 64)
	case colDuration:
		var d int64
		d, err = strconv.ParseInt(v, 10, 64)
		f.End = f.Start + d
	case colEntity:
		f.Entity, err = fact.ParseEntity(v)
	case colFailed:
		f.Failed = true
	case colInstance:
		f.Instance = v
	case colKind:
		f.Kind, err = parseKind(v)
	case colParent:
		err = id(f.Parent[:], v)
	case colPeer:
		f.Peer = v
	case colSpan:
		err = id(f.ID[:], v)
	case colTrace:
		err = id(f.TraceID[:], v)
	case colVersion:
		f.Version = v
	}
	return err
}

// id reads an id of the length of dst.
func id(dst []byte, v string) error {
	if len(v) != 2*len(dst) {
		return fmt.Errorf("%q has not %d digits", v, 2*len(dst))
	}
	_, err := hex.Decode(dst, []byte(v))
	return err
}
