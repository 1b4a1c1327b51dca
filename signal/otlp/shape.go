package otlp

import (
	"fmt"

	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/wire"
)

// message is a type of protobuf message in OTLP, as far as its size goes.
type message uint8

const (
	leaf   message = iota // nothing is nested in it
	packed                // a run of varints
	request
	resourceItems
	resource
	entityRef
	scopeItems
	scope
	span
	event
	link
	keyValue
	anyValue
	array
	keyValues
	metric
	numbers // Gauge, Sum
	histogram
	exponential
	summary
	numberPoint
	histogramPoint
	exponentialPoint
	buckets
	summaryPoint
	exemplar
	logRecord
)

// A shape is which item a request holds: spans, metrics or log records.
type shape struct {
	name  string
	items message // what is in field 2 of a scope's items
}

// nested returns which message is in a field of m, and whether one is.
// The numbers are those of opentelemetry-proto 1.x, whose fields never change.
func (s shape) nested(m message, field int32) (message, bool) {
	switch m {
	case request:
		return resourceItems, field == 1
	case resourceItems:
		if field == 1 {
			return resource, true
		}
		return scopeItems, field == 2 || field == 1000
	case resource:
		if field == 3 {
			return entityRef, true
		}
		return keyValue, field == 1
	case entityRef:
		return leaf, field == 3 || field == 4
	case scopeItems:
		if field == 1 {
			return scope, true
		}
		return s.items, field == 2
	case scope, event:
		return keyValue, field == 3
	case link:
		return keyValue, field == 4
	case keyValue:
		return anyValue, field == 2
	case anyValue:
		if field == 5 {
			return array, true
		}
		return keyValues, field == 6
	case array:
		return anyValue, field == 1
	case keyValues:
		return keyValue, field == 1
	case span:
		return nestedInSpan(field)
	case logRecord:
		if field == 5 {
			return anyValue, true
		}
		return keyValue, field == 6
	}
	return nestedInMetric(m, field)
}

func nestedInSpan(field int32) (message, bool) {
	switch field {
	case 9:
		return keyValue, true
	case 11:
		return event, true
	case 13:
		return link, true
	}
	return leaf, field == 15
}

func nestedInMetric(m message, field int32) (message, bool) {
	switch m {
	case metric:
		switch field {
		case 5, 7:
			return numbers, true
		case 9:
			return histogram, true
		case 10:
			return exponential, true
		case 11:
			return summary, true
		}
		return keyValue, field == 12
	case numbers:
		return numberPoint, field == 1
	case histogram:
		return histogramPoint, field == 1
	case exponential:
		return exponentialPoint, field == 1
	case summary:
		return summaryPoint, field == 1
	}
	return nestedInPoint(m, field)
}

func nestedInPoint(m message, field int32) (message, bool) {
	switch m {
	case numberPoint:
		if field == 5 {
			return exemplar, true
		}
		return keyValue, field == 7
	case histogramPoint:
		if field == 8 {
			return exemplar, true
		}
		return keyValue, field == 9
	case exponentialPoint:
		switch field {
		case 8, 9:
			return buckets, true
		case 11:
			return exemplar, true
		}
		return keyValue, field == 1
	case buckets:
		return packed, field == 2
	case summaryPoint:
		if field == 6 {
			return leaf, true
		}
		return keyValue, field == 7
	case exemplar:
		return keyValue, field == 7
	}
	return leaf, false
}

// objectBytes is about what one decoded object costs. Varints are numbers of
// eight bytes each.
const objectBytes = 100

// A census is what was found in a request before it is decoded.
type census struct {
	objects int
	items   int // spans, data points or log records
}

// walk counts what is in a request, and refuses it if it is over the limits or
// not protobuf.
func (s shape) walk(body []byte, lim *signal.Limits) (census, *signal.Refusal) {
	var n census
	return n, s.visit(&n, request, body, 0, lim)
}

func (s shape) visit(n *census, m message, body []byte, depth int, lim *signal.Limits) *signal.Refusal {
	n.objects++
	switch m {
	case span, numberPoint, histogramPoint, exponentialPoint, summaryPoint, logRecord:
		n.items++
	case packed:
		n.objects += 8 * len(body) / objectBytes
		return n.check(depth, lim)
	case leaf:
		return n.check(depth, lim)
	}
	if ref := n.check(depth, lim); ref != nil {
		return ref
	}
	for c := wire.Over(body); ; {
		field, typ, ok := c.Next()
		if !ok {
			return s.malformed(c.Err())
		}
		child, ok := s.nested(m, field)
		switch {
		case typ != wire.Varint && typ != wire.Fixed64 && typ != wire.Bytes && typ != wire.Fixed32:
			// Groups: the decoder reads what is in them otherwise than a
			// walk could, and OTLP never had any.
			return s.malformed(errGroup)
		case !ok, child == packed && typ == wire.Varint:
			c.Skip(typ)
		case typ != wire.Bytes:
			return s.malformed(errNested)
		default:
			if ref := s.visit(n, child, c.Bytes(), depth+1, lim); ref != nil {
				return ref
			}
		}
		if c.Err() != nil {
			return s.malformed(c.Err())
		}
	}
}

type constError string

func (e constError) Error() string { return string(e) }

const (
	errGroup  constError = "it has a group, or a wire type that does not exist"
	errNested constError = "a number stands where a message is wanted"
)

func (s shape) malformed(err error) *signal.Refusal {
	if err == nil {
		return nil
	}
	return signal.Refuse(signal.Malformed, "body", "not the protobuf of an OTLP "+s.name+" request: "+err.Error(), "send OTLP/protobuf, or say Content-Type: application/json")
}

func (n *census) check(depth int, lim *signal.Limits) *signal.Refusal {
	switch {
	case n.objects > lim.Objects:
		return signal.Refuse(signal.TooMany, "request", fmt.Sprintf("more than %d nested objects", lim.Objects), "send smaller batches or raise limits.objects")
	case depth > lim.Depth:
		return signal.Refuse(signal.TooMany, "request", fmt.Sprintf("values are nested more than %d deep", lim.Depth), "flatten them or raise limits.depth")
	}
	return nil
}

// walkJSON does for JSON what walk does for protobuf, without knowing which
// object is which. It leaves it to the decoder to refuse what is not JSON.
func walkJSON(body []byte, lim *signal.Limits) (n census, ref *signal.Refusal) {
	depth, commas := 0, 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '"':
			for i++; i < len(body) && body[i] != '"'; i++ {
				if body[i] == '\\' {
					i++
				}
			}
			continue
		case '{', '[':
			depth++
			n.objects++
		case '}', ']':
			depth--
			continue
		case ',': // may be a number or a string of a list: a quarter of an object
			if commas++; commas%4 == 0 {
				n.objects++
			}
		default:
			continue
		}
		// One message is an object in a list in JSON: twice as deep.
		if ref := n.check(depth/2, lim); ref != nil {
			return n, ref
		}
	}
	return n, nil
}
