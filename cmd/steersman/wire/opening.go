package wire

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/series"
)

// soon is how long a start waits for the time series. A store of ordinary size
// is there by then, and nobody sees that it was opened at all.
const soon = 500 * time.Millisecond

// An opening is the store of time series, which may take seconds to open when
// there are many of them: its log of the last hours is read first. Meanwhile the
// doors take data, which waits in the intake log.
type opening struct {
	begun time.Time
	done  chan struct{} // closed when store or err is set
	store *series.Store
	err   error
}

// openLater begins to open the store and waits a moment for it. Its error is one
// that came in that moment.
func openLater(open func() (*series.Store, error)) (*opening, error) {
	o := &opening{begun: time.Now(), done: make(chan struct{})}
	go func() {
		defer close(o.done)
		var err error
		if o.store, err = open(); err != nil {
			o.err = unfit{err}
		}
	}()
	select {
	case <-o.done:
		return o, o.err
	case <-time.After(soon):
		return o, nil
	}
}

// wait returns the store when it is open.
func (o *opening) wait(ctx context.Context) (*series.Store, error) {
	select {
	case <-o.done:
		return o.store, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// now returns the store, or nil while it is not open.
func (o *opening) now() *series.Store {
	select {
	case <-o.done:
		return o.store
	default:
		return nil
	}
}

// Close waits for the opening to end, so that nothing of it is left behind.
func (o *opening) Close() error {
	<-o.done
	if o.store == nil {
		return nil
	}
	return o.store.Close()
}

var errOpening = errors.New("the time series are still being opened; data is taken meanwhile and waits in the intake log")

// has reports whether the store has the series. While that cannot be told, none
// is refused for being new.
func (o *opening) has(l fact.Labels) bool {
	s := o.now()
	return s == nil || s.Has(l)
}

// ServeHTTP is the store's API.
func (o *opening) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s := o.now(); s != nil {
		s.Handler().ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusServiceUnavailable)
	fmt.Fprintf(w, `{"status":"error","errorType":"unavailable","error":"%v (for %v so far)"}`, errOpening, time.Since(o.begun).Round(100*time.Millisecond))
}

// unfit is the error of a worker that cannot work with what it finds: to start it
// again would not help.
type unfit struct{ error }

// Unwrap returns what is wrong with it.
func (u unfit) Unwrap() error { return u.error }

// keep brings samples into the store, as soon as it is open.
func (w *worker) keep(ctx context.Context) error {
	s, err := w.series.wait(ctx)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	if took := time.Since(w.series.begun); took > soon {
		w.log.Info("the time series are open", "took", took.Round(time.Millisecond))
	}
	k := series.NewKeeper(s, w.follower, series.KeeperOptions{Registerer: w.metrics, Logger: w.log})
	w.keeper.Store(k)
	return k.Run(ctx)
}

// stalled says why samples do not come to rest; nil if they do.
func (w *worker) stalled() error {
	k := w.keeper.Load()
	if k == nil {
		return errOpening
	}
	return k.Stalled()
}

// counts is what became of the samples of each source.
func (w *worker) counts() map[string]series.Counts {
	if k := w.keeper.Load(); k != nil {
		return k.Counts()
	}
	return nil
}
