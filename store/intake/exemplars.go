package intake

import "github.com/steersman-ops/steersman/fact"

// minExemplar is the least bytes that an exemplar takes.
const minExemplar = 1 + 1 + 1 + 8

// exemplars writes the label sets by the table: a series often has several.
func (e *encoder) exemplars(b *fact.Batch) {
	e.uvarint(uint64(len(b.Exemplars)))
	last := b.Received
	for i := range b.Exemplars {
		x := &b.Exemplars[i]
		e.labels(x.Series)
		e.labels(x.Attrs)
		e.varint(x.T - last)
		e.float(x.V)
		last = x.T
	}
}

func (r *reader) exemplars(received int64) []fact.Exemplar {
	out := make([]fact.Exemplar, r.count(minExemplar, "exemplars"))
	last := received
	for i := range out {
		x := &out[i]
		x.Series, x.Attrs = r.labels(), r.labels()
		x.T = last + r.varint()
		x.V = r.float()
		last = x.T
	}
	return out
}
