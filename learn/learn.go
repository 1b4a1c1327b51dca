// Package learn holds what all learners of the house have in common: the calls
// that a detector of single values answers, and what it answers when it cannot.
//
// It answers one question: what may a user of a learner rely on, whichever it
// is? The promises are tested for every learner by learn/learntest:
//
//   - Score does not learn, so that the caller can decide first whether a value
//     is fit to learn from.
//   - Not ready is an error, never a 0 that reads as "perfectly normal".
//   - High is strange. Farther from the middle is never less surprising.
//   - Values that are not finite are refused and change nothing.
//   - The same values give the same scores, and so does a learner that was
//     written to bytes and read back.
//
// # Limits
//
// A learner knows neither time nor what its values mean, and is not safe for
// concurrent use.
package learn

import (
	"encoding"
	"errors"
)

// A Detector scores the values of one series, in order of time.
type Detector interface {
	// Score returns how surprising x is, in robust standard deviations or what
	// is as rare: 0 is the middle, there is no upper bound. It does not learn.
	// It returns ErrNotReady or ErrNotFinite when there is no answer.
	Score(x float64) (float64, error)
	// Learn takes x as one more example of what is normal. It returns
	// ErrNotFinite, having changed nothing, when x is none.
	Learn(x float64) error

	encoding.BinaryAppender    // AppendBinary adds the whole state to bytes.
	encoding.BinaryUnmarshaler // UnmarshalBinary replaces the state, or changes nothing and says why not.
}

var (
	// ErrNotReady means that not enough was learned to answer.
	ErrNotReady = errors.New("not enough values learned")
	// ErrNotFinite means that a value was NaN, infinite, or too large to keep.
	ErrNotFinite = errors.New("value is not finite")
)
