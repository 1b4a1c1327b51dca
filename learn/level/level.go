// Package level scores how far one value stands from the recent level of its
// series.
//
// It answers one question: given the last n values, how surprising is this
// one? It does not know what the series means or when a value came, keeps
// nothing older than its window, and never decides whether a person should be
// told; package watch/metrics does.
//
// # Method
//
// The level is the median of the window, the spread 1.4826 times the median
// absolute deviation from it, but at least [Config.Floor] and
// [Config.RelativeFloor] of the level. The score is |x − level| / spread.
// Up to half of the window may be wild without moving either. Values are kept
// in single precision, which is compared with single precision, so a flat
// series is flat.
//
// # Limits
//
// A seasonal or trending series has no single level: its window spreads to
// what it saw, and a slow drift is never far out. A level shift stays
// surprising until it fills half of the window.
package level

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/steersman-ops/steersman/learn"
	"github.com/steersman-ops/steersman/stat"
)

// MinReady is the least number of values from which a level is told.
const MinReady = 3

// Config says how much is remembered and what spread is assumed at least.
type Config struct {
	// Window is the number of recent values that make up "normal", 3 to 256.
	Window int
	// Ready is the number of values learned before there is a score. Less than
	// MinReady means half of the window.
	Ready int
	// Floor is the smallest spread ever assumed, in the unit of the values. It
	// keeps a flat series from calling its first wiggle infinitely rare. With
	// no floor at all every change of a flat series scores +Inf.
	Floor float64
	// RelativeFloor is the same as a part of the level.
	RelativeFloor float64
}

// Check returns what is wrong with c, or nil.
func (c *Config) Check() error {
	switch {
	case c.Window < MinReady || c.Window > stat.MaxWindow:
		return fmt.Errorf("level: window %d: must be %d to %d", c.Window, MinReady, stat.MaxWindow)
	case c.Ready > c.Window:
		return fmt.Errorf("level: ready after %d values: the window holds %d", c.Ready, c.Window)
	case !(c.Floor >= 0) || !(c.RelativeFloor >= 0) || math.IsInf(c.Floor, 0) || math.IsInf(c.RelativeFloor, 0):
		return fmt.Errorf("level: floors %v and %v: must be 0 or more", c.Floor, c.RelativeFloor)
	}
	return nil
}

func (c *Config) ready() int {
	if c.Ready < MinReady {
		return max(c.Window/2, MinReady)
	}
	return c.Ready
}

// A Detector is the learned level of one series. Copies share their window.
// Make one with [New].
type Detector struct {
	cfg    *Config
	window stat.Window
}

var _ learn.Detector = (*Detector)(nil)

// New returns a Detector that has learned nothing. Many may share one cfg,
// which must not be changed while they live.
func New(cfg *Config) (*Detector, error) {
	all, err := NewAll(cfg, 1)
	if err != nil {
		return nil, err
	}
	return &all[0], nil
}

// NewAll returns n of them, side by side in memory.
func NewAll(cfg *Config, n int) ([]Detector, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	all := make([]Detector, n)
	for i, w := range stat.NewWindows(n, cfg.Window) {
		all[i] = Detector{cfg: cfg, window: w}
	}
	return all, nil
}

// single returns x as it would be kept.
func single(x float64) (float32, error) {
	f := float32(x)
	if math.IsNaN(x) || math.IsInf(float64(f), 0) {
		return 0, fmt.Errorf("%w: %v", learn.ErrNotFinite, x)
	}
	return f, nil
}

// Learned returns the number of values in the window.
func (d *Detector) Learned() int { return d.window.Len() }

// Ready reports whether there is a score.
func (d *Detector) Ready() bool { return d.cfg != nil && d.window.Len() >= d.cfg.ready() }

// Level returns the median and the spread with its floors; NaN when nothing
// was learned. It costs O(window) and does not allocate.
func (d *Detector) Level() (median, spread float64) {
	median, mad := d.window.MAD()
	spread = max(mad*stat.MADScale, d.cfg.Floor, d.cfg.RelativeFloor*math.Abs(median))
	return median, spread
}

// Quantile returns a quantile of the window; NaN when nothing was learned.
func (d *Detector) Quantile(q float64) float64 { return d.window.Quantile(q) }

// Score returns how surprising x is, as a number of robust standard
// deviations: 0 is the level, larger is stranger, there is no upper bound.
// It costs O(window) and does not allocate, except for an error.
func (d *Detector) Score(x float64) (float64, error) {
	f, err := single(x)
	if err != nil {
		return 0, err
	}
	if !d.Ready() {
		return 0, learn.ErrNotReady
	}
	level, spread := d.Level()
	dist := math.Abs(float64(f) - level)
	if dist == 0 {
		return 0, nil
	}
	return dist / spread, nil
}

// Learn adds x to the window, in place of the oldest value when it is full.
func (d *Detector) Learn(x float64) error {
	f, err := single(x)
	if err != nil {
		return err
	}
	d.window.Push(f)
	return nil
}

// Reset forgets everything.
func (d *Detector) Reset() { d.window.Reset() }

// Values appends the values of the window, oldest first.
func (d *Detector) Values(dst []float32) []float32 { return d.window.Values(dst) }

// AppendBinary writes the count and the values of the window, oldest first.
// The configuration is not part of it.
func (d *Detector) AppendBinary(b []byte) ([]byte, error) {
	b = binary.LittleEndian.AppendUint16(b, uint16(d.window.Len()))
	for v := range d.window.All {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b, nil
}

// UnmarshalBinary reads what AppendBinary wrote into a Detector made by [New]
// with a window at least as large. After an error the Detector is as before.
func (d *Detector) UnmarshalBinary(b []byte) error {
	if d.cfg == nil {
		return errors.New("level: restore into a detector that New did not make")
	}
	if len(b) < 2 {
		return fmt.Errorf("level: restore from %d bytes: too few", len(b))
	}
	n := int(binary.LittleEndian.Uint16(b))
	if b = b[2:]; len(b) != 4*n || n > d.cfg.Window {
		return fmt.Errorf("level: restore %d values from %d bytes into a window of %d: they do not fit", n, len(b), d.cfg.Window)
	}
	value := func(i int) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])) }
	for i := range n {
		if _, err := single(float64(value(i))); err != nil {
			return fmt.Errorf("level: restore value %d: %w", i, err)
		}
	}
	d.window.Reset()
	for i := range n {
		d.window.Push(value(i))
	}
	return nil
}
