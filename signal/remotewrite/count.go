package remotewrite

import (
	"fmt"

	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/family"
	"github.com/steersman-ops/steersman/signal/wire"
)

// Fields of WriteRequest, TimeSeries, Label, Sample and MetricMetadata.
const (
	requestSeries   = 1
	requestMetadata = 3

	seriesLabel     = 1
	seriesSample    = 2
	seriesExemplar  = 3
	seriesHistogram = 4
)

// counts are what a request holds.
type counts struct {
	series, samples, exemplars, histograms int
}

func (n counts) items() int { return n.samples + n.exemplars + n.histograms }

// count reads the outer two levels of a request and takes up its metadata. It
// refuses what is not protobuf and what is over the limits.
func (d *decoder) count(body []byte) (n counts, ref *signal.Refusal) {
	c := wire.Over(body)
	for {
		field, typ, ok := c.Next()
		if !ok {
			break
		}
		switch field {
		case requestSeries:
			if c.Want(typ, wire.Bytes) {
				n.series++
				c.Fail(n.countSeries(c.Bytes()))
			}
		case requestMetadata:
			if c.Want(typ, wire.Bytes) {
				c.Fail(d.metadata(c.Bytes()))
			}
		default:
			c.Skip(typ)
		}
		if c.Err() != nil {
			break
		}
	}
	if c.Err() != nil {
		return n, malformed(n.series, c.Err())
	}
	return n, n.check(&d.limits)
}

func (n *counts) check(lim *signal.Limits) *signal.Refusal {
	switch {
	case n.series > lim.Series:
		return signal.Refuse(signal.TooMany, "request", fmt.Sprintf("%d series, the limit is %d", n.series, lim.Series), "lower max_samples_per_send or raise limits.series")
	case n.items() > lim.Points:
		return signal.Refuse(signal.TooMany, "request", fmt.Sprintf("%d samples, the limit is %d", n.items(), lim.Points), "lower max_samples_per_send or raise limits.points")
	}
	return nil
}

func malformed(series int, err error) *signal.Refusal {
	return signal.Refuse(signal.Malformed, fmt.Sprintf("timeseries %d", series), "not the protobuf of prometheus.WriteRequest: "+err.Error(), "send remote write 1.0, compressed with snappy's block format")
}

func (n *counts) countSeries(buf []byte) error {
	c := wire.Over(buf)
	for {
		field, typ, ok := c.Next()
		if !ok {
			return c.Err()
		}
		switch field {
		case seriesLabel, seriesSample, seriesExemplar, seriesHistogram:
			if c.Want(typ, wire.Bytes) {
				c.Bytes()
			}
		}
		switch field {
		case seriesLabel:
		case seriesSample:
			n.samples++
		case seriesExemplar:
			n.exemplars++
		case seriesHistogram:
			n.histograms++
		default:
			c.Skip(typ)
		}
	}
}

// metadata takes up one MetricMetadata. Its texts are cut to the length of a
// label value.
func (d *decoder) metadata(buf []byte) error {
	var name string
	var fam described
	c := wire.Over(buf)
	for {
		field, typ, ok := c.Next()
		if !ok {
			break
		}
		switch field {
		case 1:
			if c.Want(typ, wire.Varint) {
				fam.typ = family.Type(int32(c.Varint()))
			}
		case 2, 4, 5:
			if !c.Want(typ, wire.Bytes) {
				break
			}
			text := signal.Cut(string(c.Bytes()), d.limits.LabelValueBytes)
			switch field {
			case 2:
				name = text
			case 4:
				fam.help = text
			case 5:
				fam.unit = text
			}
		default:
			c.Skip(typ)
		}
	}
	if c.Err() == nil && name != "" && valid(name, fam.help, fam.unit) {
		d.known.families.learn(name, fam)
	}
	return c.Err()
}
