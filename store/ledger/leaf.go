package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// A Leaf is one paper in the ledger.
type Leaf struct {
	Index int64           `json:"index"`
	Key   string          `json:"key"`
	Kind  string          `json:"kind"`
	At    time.Time       `json:"at"`
	Body  json.RawMessage `json:"body"`
	Hash  string          `json:"hash"` // of the leaf's line, base64
}

// line is a leaf as it stands in the file: without its hash, which is the hash
// of this.
type line struct {
	Index int64           `json:"index"`
	Key   string          `json:"key"`
	Kind  string          `json:"kind"`
	At    time.Time       `json:"at"`
	Body  json.RawMessage `json:"body"`
}

// line returns the leaf's line without the newline.
func (f *Leaf) line() ([]byte, error) {
	b, err := marshal(line{f.Index, f.Key, f.Kind, f.At, f.Body})
	if err == nil && len(b) > MaxLeaf {
		err = fmt.Errorf("its line has %d bytes, the limit is %d", len(b), MaxLeaf)
	}
	return b, err
}

// marshal writes JSON for people: no character is escaped that need not be.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// parseLine is the way back.
func parseLine(text []byte) (Leaf, error) {
	var f line
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return Leaf{}, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Leaf{}, errors.New("more than one value on the line")
	}
	return Leaf{Index: f.Index, Key: f.Key, Kind: f.Kind, At: f.At, Body: f.Body, Hash: tlog.RecordHash(text).String()}, nil
}
