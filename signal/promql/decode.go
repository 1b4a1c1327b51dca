package promql

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/steersman-ops/steersman/fact"
)

// An answer is what their API says around the data.
type answer struct {
	Status    string
	ErrorType string
	Error     string
	Warnings  []string // Thanos and Mimir: what is missing, and why
}

// errNotAnswer is wrapped by what is returned for bytes that are no answer of a
// Prometheus API.
var errNotAnswer = errors.New("not an answer of a Prometheus API")

// maxWarnings is how many warnings of one answer are kept.
const maxWarnings = 10

// decode reads one answer as it comes, without holding it as a whole: data is
// called where its member of that name begins, and must read it.
func decode(r io.Reader, data func(*json.Decoder) error) (a answer, err error) {
	dec := json.NewDecoder(r)
	had := false
	err = object(dec, func(key string) error {
		switch key {
		case "status":
			return dec.Decode(&a.Status)
		case "errorType":
			return dec.Decode(&a.ErrorType)
		case "error":
			return dec.Decode(&a.Error)
		case "warnings":
			if err := dec.Decode(&a.Warnings); err != nil {
				return err
			}
			a.Warnings = a.Warnings[:min(len(a.Warnings), maxWarnings)]
			return nil
		case "data":
			if had {
				return fmt.Errorf("%w: it has two members data", errNotAnswer)
			}
			had = true
			return data(dec)
		}
		return skip(dec)
	})
	switch {
	case err != nil:
		return a, notAnswer(err)
	case a.Status != "success" && a.Status != "error":
		return a, fmt.Errorf("%w: its status is %q", errNotAnswer, a.Status)
	case a.Status == "success" && !had:
		return a, fmt.Errorf("%w: it has no data", errNotAnswer)
	}
	return a, nil
}

// notAnswer says of an error of JSON that these were the wrong bytes.
func notAnswer(err error) error {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	if errors.As(err, &syntax) || errors.As(err, &typ) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", errNotAnswer, err)
	}
	return err
}

// object calls member with each key of the object that comes next; member must
// read the value. A null is an empty object.
func object(dec *json.Decoder, member func(key string) error) error {
	return nested(dec, '{', func() error {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		key, _ := t.(string) // within an object it can be nothing else
		return member(key)
	})
}

// list calls element where each element of the array that comes next begins. A
// null is an empty array.
func list(dec *json.Decoder, element func() error) error { return nested(dec, '[', element) }

func nested(dec *json.Decoder, open json.Delim, each func() error) error {
	t, err := dec.Token()
	if err != nil {
		return err
	}
	if t == nil {
		return nil
	}
	if t != open {
		return fmt.Errorf("%w: %v stands where %v should", errNotAnswer, t, open)
	}
	for dec.More() {
		if err := each(); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

func skip(dec *json.Decoder) error {
	var none json.RawMessage
	return dec.Decode(&none)
}

// A sampled is one series of a result: with values if it is a matrix, with one
// value if it is a vector.
type sampled struct {
	Metric     map[string]string `json:"metric"`
	Values     []point           `json:"values"`
	Value      point             `json:"value"`
	Histograms []skipped         `json:"histograms"`
}

// result returns a reader of the data of a query, whose result must be of the
// type want.
func result(want string, each func(*sampled) error) func(*json.Decoder) error {
	return func(dec *json.Decoder) error {
		return object(dec, func(key string) error {
			switch key {
			case "resultType":
				var typ string
				if err := dec.Decode(&typ); err != nil {
					return err
				}
				if typ != want {
					return fmt.Errorf("%w: its result is a %q, not a %s", errNotAnswer, typ, want)
				}
				return nil
			case "result":
				return list(dec, func() error {
					var s sampled
					if err := dec.Decode(&s); err != nil {
						return err
					}
					return each(&s)
				})
			}
			return skip(dec)
		})
	}
}

// texts returns a reader of data that is a list of strings.
func texts(each func(string)) func(*json.Decoder) error {
	return func(dec *json.Decoder) error {
		return list(dec, func() error {
			var s string
			if err := dec.Decode(&s); err != nil {
				return err
			}
			each(s)
			return nil
		})
	}
}

// A described is what their API says of one metric.
type described struct {
	Type string `json:"type"`
	Unit string `json:"unit"`
	Help string `json:"help"`
}

// descriptions returns a reader of the data of the metadata API.
func descriptions(each func(name string, d described)) func(*json.Decoder) error {
	return func(dec *json.Decoder) error {
		return object(dec, func(name string) error {
			var all []described // by the targets that differ; the first speaks for all
			if err := dec.Decode(&all); err != nil {
				return err
			}
			if len(all) > 0 {
				each(name, all[0])
			}
			return nil
		})
	}
}

// skipped is a value that is there and not looked at.
type skipped struct{}

// UnmarshalJSON takes anything.
func (*skipped) UnmarshalJSON([]byte) error { return nil }

// A point is read from [seconds, "value"].
type point fact.Point

// latest is the last moment that a sample can be of: the year 33658.
const latest = 1e12

// UnmarshalJSON reads one sample.
func (p *point) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	b = bytes.TrimSpace(b)
	if len(b) < 2 || b[0] != '[' || b[len(b)-1] != ']' {
		return fmt.Errorf("%w: a sample is %s", errNotAnswer, cut(b))
	}
	at, value, ok := bytes.Cut(b[1:len(b)-1], []byte{','})
	at, value = bytes.TrimSpace(at), bytes.TrimSpace(value)
	if !ok || len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
		return fmt.Errorf("%w: a sample is %s", errNotAnswer, cut(b))
	}
	t, err := strconv.ParseFloat(string(at), 64)
	if err != nil || !(t > 0 && t < latest) {
		return fmt.Errorf("%w: the time of a sample is %s", errNotAnswer, cut(at))
	}
	v, err := strconv.ParseFloat(string(value[1:len(value)-1]), 64)
	if err != nil {
		return fmt.Errorf("%w: the value of a sample is %s", errNotAnswer, cut(value))
	}
	p.T, p.V = int64(math.Round(t*1000)), v
	return nil
}

func cut(b []byte) []byte { return b[:min(len(b), 80)] }
