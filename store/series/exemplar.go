package series

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/storage"

	"github.com/steersman-ops/steersman/fact"
)

// appendExemplars puts exemplars into the ring that holds the newest of them.
// Their series must be in memory. One that is not newer than the newest of its
// series is not taken: after a restart most that are read again are such.
func (s *Store) appendExemplars(ctx context.Context, list []fact.Exemplar, limit int64) (Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := appending{store: s, limit: limit, app: s.db.Appender(ctx)}
	for i := range list {
		a.exemplar(&list[i])
	}
	if err := a.commit(); err != nil {
		return a.res, fmt.Errorf("append exemplars: %w", err)
	}
	return a.res, nil
}

func (a *appending) exemplar(x *fact.Exemplar) {
	get, ok := a.app.(storage.GetRef)
	ls := toProm(x.Series)
	if !ok || ls.IsEmpty() {
		a.res.Invalid++
		return
	}
	ref, ls := get.GetRef(ls, ls.Hash())
	switch {
	case x.T > a.limit:
		a.res.TooNew++
		return
	case ref == 0:
		a.res.NoSeries++
		return
	}
	_, err := a.app.AppendExemplar(ref, ls, exemplar.Exemplar{Labels: toProm(x.Attrs), Value: x.V, Ts: x.T, HasTs: true})
	switch {
	case err == nil:
		a.pending++
	case errors.Is(err, storage.ErrOutOfOrderExemplar):
		a.res.OldExemplar++
	default:
		a.res.Invalid++
	}
}
