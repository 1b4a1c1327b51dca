package signal

// A Tally counts the items of one request on their way in. The zero value is
// empty. Every item is received once, and then refused, or accepted at the end.
type Tally struct {
	Received int64
	Accepted int64
	Refused  [reasonsCount]int64
	Texts    [reasonsCount]string // text of the last refusal, by reason
	Last     string               // text of the last refusal of all
}

// Receive counts n items that came in.
func (t *Tally) Receive(n int) { t.Received += int64(n) }

// Refuse counts n of the received items as refused.
func (t *Tally) Refuse(ref *Refusal, n int) {
	t.Refused[ref.Reason] += int64(n)
	if n > 0 {
		t.Last = ref.Error()
		t.Texts[ref.Reason] = t.Last
	}
}

// Settle accounts for all items that are still pending: accepted if ref is
// nil, refused otherwise.
func (t *Tally) Settle(ref *Refusal) {
	n := t.Pending()
	if ref == nil {
		t.Accepted += n
		return
	}
	t.Refuse(ref, int(n))
}

// Pending returns the number of items that were received and neither refused
// nor accepted.
func (t *Tally) Pending() int64 { return t.Received - t.Accepted - t.RefusedAll() }

// RefusedAll returns the number of refused items over all reasons.
func (t *Tally) RefusedAll() int64 {
	var n int64
	for _, k := range t.Refused {
		n += k
	}
	return n
}
