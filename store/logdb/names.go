package logdb

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// The columns that every row has.
const (
	Text  = "_msg"   // looked through for words
	Batch = "@batch" // of which batch it is

	columnTime = "_time"
)

// Own reports whether a column is the engine's own and tells nothing of a row
// beyond its time.
func Own(column string) bool {
	return column == columnTime || column == "_stream" || column == "_stream_id"
}

// escape stands before the name of a field that would be taken for a column of
// ours, which begin with an @, or of the engine.
const escape = "@."

// longestName is the longest column name, of which the engine takes 128 bytes.
const longestName = 120

// ColumnName returns the column in which a field is.
func ColumnName(field string) string {
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

// reserved reports whether the engine keeps a name for itself.
func reserved(name string) bool {
	return name == Text || name == columnTime || strings.HasPrefix(name, "_stream")
}

// FieldName is the way back from [ColumnName], as far as there is one.
func FieldName(column string) string { return strings.TrimPrefix(column, escape) }
