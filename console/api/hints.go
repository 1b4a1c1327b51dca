package api

import "sync"

// A Hint tells the console that papers of one kind changed, so that it fetches
// them again. It carries no content: what a person may see is decided when it
// is fetched.
type Hint struct {
	Kind HintKind `json:"kind"`
	ID   string   `json:"id"` // of the paper; empty when several changed
}

// HintKind names what changed.
type HintKind string

// The kinds of hint.
const (
	HintNow      HintKind = "now"
	HintMap      HintKind = "map"
	HintIncident HintKind = "incident"
	HintDecision HintKind = "decision"
	HintStop     HintKind = "stop"
	HintChange   HintKind = "change"
)

// Hints hands each hint to everyone who listens. A listener that is slow loses
// nothing: hints of one kind that wait for it become one. The zero value works.
type Hints struct {
	mu        sync.Mutex
	listeners map[*listener]bool
}

type listener struct {
	wake    chan struct{} // holds at most one wake-up
	waiting map[HintKind]string
}

// Tell hands a hint to all listeners. It never blocks.
func (h *Hints) Tell(kind HintKind, id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.listeners {
		if old, ok := l.waiting[kind]; ok && old != id {
			l.waiting[kind] = ""
		} else {
			l.waiting[kind] = id
		}
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

func (h *Hints) listen() *listener {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listeners == nil {
		h.listeners = make(map[*listener]bool)
	}
	l := &listener{wake: make(chan struct{}, 1), waiting: make(map[HintKind]string)}
	h.listeners[l] = true
	return l
}

func (h *Hints) leave(l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.listeners, l)
}

// take returns what waits for l, in a fixed order.
func (h *Hints) take(l *listener) []Hint {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []Hint
	for _, k := range []HintKind{HintStop, HintDecision, HintIncident, HintNow, HintChange, HintMap} {
		if id, ok := l.waiting[k]; ok {
			out = append(out, Hint{k, id})
		}
	}
	clear(l.waiting)
	return out
}
