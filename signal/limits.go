package signal

import (
	"fmt"
	"reflect"
	"time"
)

// Limits bound what one request may cost. A zero field means its default. The
// yaml names are those that the texts of refusals give.
type Limits struct {
	// BodyBytes is the size of a request as it comes over the wire. It is held
	// in memory once per request in flight. Default 8 MiB: ten times what
	// Prometheus or a Collector send with their defaults.
	BodyBytes int `yaml:"body_bytes"`

	// PlainBytes is the size of a request after decompression, and of a gRPC
	// message. It is held in memory once per request in flight, and the decoded
	// form takes two to four times as much again: a request whose labels or fields
	// are more than four times as much when they are written out, for each series
	// or line, or three quarters of InFlightBytes, is refused. Default 32 MiB.
	PlainBytes int `yaml:"plain_bytes"`

	// InFlightBytes bounds the bodies of all requests in flight together. Above
	// it a sender is told to try again. Default 256 MiB.
	InFlightBytes int `yaml:"in_flight_bytes"`

	// Labels is the number of labels of one series. Every label is stored and
	// indexed once per series. Default 64.
	Labels int `yaml:"labels"`

	// LabelNameBytes is the length of a label name. Default 512.
	LabelNameBytes int `yaml:"label_name_bytes"`

	// LabelValueBytes is the length of a label value. Default 4096; long values
	// are most often raw URLs or error texts, which make a series each.
	LabelValueBytes int `yaml:"label_value_bytes"`

	// Series is the number of series in one remote-write request. A new series
	// costs the store some 4 KiB. Default 50,000.
	Series int `yaml:"series"`

	// Points is the number of samples in one request, after translation. One
	// costs 16 bytes here, in remote write; from OTLP some 300. Default 200,000.
	Points int `yaml:"points"`

	// Spans is the number of spans in one request. One costs some 600 bytes
	// here. Default 50,000.
	Spans int `yaml:"spans"`

	// SpanAttrs is the number of attributes of one span. They are looked at one
	// by one; only a short list is kept. Default 256, twice what the SDKs allow.
	SpanAttrs int `yaml:"span_attrs"`

	// SpanTextBytes is the length to which a span's name, peer and kept
	// attribute values are cut. Default 256.
	SpanTextBytes int `yaml:"span_text_bytes"`

	// Lines is the number of log lines in one request. One costs some 400 bytes
	// here, beside its text. Default 50,000.
	Lines int `yaml:"lines"`

	// LineBytes is the length to which the text of a log line is cut; a cut line
	// says so. Default 64 KiB, which is a stack of a thousand frames.
	LineBytes int `yaml:"line_bytes"`

	// LineFields is the number of fields of one log line, which is also how many
	// columns its store has to write for it. Default 128, as the SDKs allow.
	LineFields int `yaml:"line_fields"`

	// LineFieldBytes is the length to which the value of a field is cut. Default
	// 4096.
	LineFieldBytes int `yaml:"line_field_bytes"`

	// Objects is the number of messages nested in one OTLP request. Two bytes
	// on the wire can make an object of 100 bytes, so that this, and not
	// PlainBytes, bounds what decoding costs: some 100 bytes each. Default
	// 1,000,000, which is 40,000 spans with ten attributes each.
	Objects int `yaml:"objects"`

	// Depth is how deep values may be nested in one OTLP request. Default 64;
	// decoding recurses, and the stack is memory too.
	Depth int `yaml:"depth"`

	// ChangeBytes is the size of one change or event. Default 64 KiB.
	ChangeBytes int `yaml:"change_bytes"`

	// KnownSeries is the number of series whose labels remote write remembers,
	// so that it need not build them again for every sample. One costs some 400
	// bytes. Default 500,000. Beyond it the least recently seen are built anew.
	KnownSeries int `yaml:"known_series"`

	// QueuedBytes bounds what waits to become durable, as the doors estimate it.
	// Whoever has most of it is refused first. Default 128 MiB.
	QueuedBytes int `yaml:"queued_bytes"`

	// NewSeries is how many series may come new in one minute, of all sources
	// together; one source may have eight ninths of it. What was there before
	// goes on. Default 600,000.
	NewSeries int `yaml:"new_series"`

	// ActiveSeries is how many series of all sources together are remembered for
	// an hour or two, at some 20 bytes each, to tell a new one from one that was
	// there. It is what the store holds. Default 1,000,000.
	ActiveSeries int `yaml:"active_series"`

	// Connections is how many connections each port has at a time. Beyond it the
	// one that has been idle longest is closed. Default 1000.
	Connections int `yaml:"connections"`

	// Ahead is how far ahead of our clock a span, a line or a change may be. Samples
	// are not judged here: the store sets them aside by the same rule. Default
	// 10 minutes.
	Ahead time.Duration `yaml:"ahead"`

	// SinkTimeout is how long a request waits to become durable before the
	// sender is told to try again. Default 10 seconds.
	SinkTimeout time.Duration `yaml:"sink_timeout"`
}

// DefaultLimits returns the limits that are documented at the fields.
func DefaultLimits() Limits {
	return Limits{
		BodyBytes:       8 << 20,
		PlainBytes:      32 << 20,
		InFlightBytes:   256 << 20,
		Labels:          64,
		LabelNameBytes:  512,
		LabelValueBytes: 4096,
		Series:          50_000,
		Points:          200_000,
		Spans:           50_000,
		SpanAttrs:       256,
		SpanTextBytes:   256,
		Lines:           50_000,
		LineBytes:       64 << 10,
		LineFields:      128,
		LineFieldBytes:  4096,
		Objects:         1_000_000,
		Depth:           64,
		ChangeBytes:     64 << 10,
		KnownSeries:     500_000,
		QueuedBytes:     128 << 20,
		NewSeries:       600_000,
		ActiveSeries:    1_000_000,
		Connections:     1000,
		Ahead:           10 * time.Minute,
		SinkTimeout:     10 * time.Second,
	}
}

// WithDefaults returns l with the zero fields set.
func (l Limits) WithDefaults() Limits {
	def := DefaultLimits()
	out, from := reflect.ValueOf(&l).Elem(), reflect.ValueOf(def)
	for i := range out.NumField() {
		if out.Field(i).IsZero() {
			out.Field(i).Set(from.Field(i))
		}
	}
	return l
}

// Check refuses limits that are below zero.
func (l Limits) Check() error {
	v := reflect.ValueOf(l)
	for i := range v.NumField() {
		if v.Field(i).Int() < 0 {
			return fmt.Errorf("limits.%s is %v: must not be negative", v.Type().Field(i).Tag.Get("yaml"), v.Field(i).Interface())
		}
	}
	return nil
}
