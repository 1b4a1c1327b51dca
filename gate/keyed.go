package gate

import (
	"context"
	"sync"
)

// keyed is a set of locks by name. The zero value is ready.
type keyed struct {
	mu   sync.Mutex
	held map[string]*holder
}

type holder struct {
	sem  chan struct{}
	uses int // who holds it or waits for it
}

// lock waits for the named lock until ctx ends.
func (k *keyed) lock(ctx context.Context, name string) (unlock func(), err error) {
	k.mu.Lock()
	if k.held == nil {
		k.held = make(map[string]*holder)
	}
	h := k.held[name]
	if h == nil {
		h = &holder{sem: make(chan struct{}, 1)}
		k.held[name] = h
	}
	h.uses++
	k.mu.Unlock()
	leave := func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if h.uses--; h.uses == 0 {
			delete(k.held, name)
		}
	}
	select {
	case h.sem <- struct{}{}:
		return func() { <-h.sem; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
