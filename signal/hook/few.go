package hook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// errMany is of a list with more than noticesMost elements.
var errMany = errors.New("too many")

// few is a list that is read no further than to noticesMost elements: two bytes
// can make an element of hundreds.
type few[T any] []T

// UnmarshalJSON is json.Unmarshaler's.
func (f *few[T]) UnmarshalJSON(b []byte) error {
	*f = nil
	dec := json.NewDecoder(bytes.NewReader(b))
	switch t, err := dec.Token(); {
	case err != nil || t == nil: // null is an empty one
		return err
	case t != json.Delim('['):
		return fmt.Errorf("%v stands where a list is wanted", t)
	}
	for dec.More() {
		if len(*f) == noticesMost {
			return errMany
		}
		var one T
		if err := dec.Decode(&one); err != nil {
			return err
		}
		*f = append(*f, one)
	}
	return nil
}
