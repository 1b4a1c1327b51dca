package shop

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// faults is what an instance does wrong at the moment.
type faults struct {
	crashed chan struct{} // closed when the process is to end at once

	mu     sync.Mutex
	now    map[FaultKind]*active
	closed bool
	crash  sync.Once
	held   [][]byte // by the leak; stays held after the fault, as leaks do
	leaked int
}

// active is a fault that is on.
type active struct {
	fault Fault
	over  chan struct{} // closed when it is cleared
	ended sync.WaitGroup
}

func newFaults() *faults {
	return &faults{crashed: make(chan struct{}), now: make(map[FaultKind]*active)}
}

// value returns how much of a fault there is; 0 when it is off.
func (f *faults) value(kind FaultKind) float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a := f.now[kind]; a != nil {
		return a.fault.Value
	}
	return 0
}

// hang returns when no hang fault is on. It does not care whether anybody still
// waits for the answer: neither does a deadlock.
func (f *faults) hang() {
	f.mu.Lock()
	a := f.now[FaultHang]
	f.mu.Unlock()
	if a != nil {
		<-a.over
	}
}

// set begins a fault, in place of one of the same kind, and lets it end by
// itself after the given time if that is above 0.
func (f *faults) set(fault Fault, length time.Duration) {
	if fault.Kind == FaultCrash {
		f.crash.Do(func() { close(f.crashed) })
		return
	}
	f.clear(fault.Kind)
	a := &active{fault: fault, over: make(chan struct{})}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.now[fault.Kind] != nil { // another came first
		return
	}
	f.now[fault.Kind] = a
	if length > 0 {
		a.ended.Go(func() { f.expire(a, length) })
	}
	switch fault.Kind {
	case FaultLeak:
		a.ended.Go(func() { f.leak(a) })
	case FaultCPU:
		a.ended.Go(func() { burn(a) })
	}
}

func (f *faults) expire(a *active, length time.Duration) {
	select {
	case <-a.over:
	case <-time.After(length):
		f.end(a)
	}
}

// end clears a if it is still on.
func (f *faults) end(a *active) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now[a.fault.Kind] == a {
		delete(f.now, a.fault.Kind)
		close(a.over)
	}
}

// clear ends the fault of the given kind, if it is on, and waits for what it
// started.
func (f *faults) clear(kind FaultKind) {
	f.mu.Lock()
	a := f.now[kind]
	f.mu.Unlock()
	if a != nil {
		f.end(a)
		a.ended.Wait()
	}
}

func (f *faults) clearAll() {
	for _, a := range f.list() {
		f.clear(a.Kind)
	}
}

func (f *faults) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.clearAll()
}

func (f *faults) list() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []Fault
	for _, a := range f.now {
		all = append(all, a.fault)
	}
	return all
}

// leak holds more and more memory, every page of it written to.
func (f *faults) leak(a *active) {
	const steps = 10 // per second
	tick := time.NewTicker(time.Second / steps)
	defer tick.Stop()
	for {
		select {
		case <-a.over:
			return
		case <-tick.C:
			f.hold(int(a.fault.Value / steps))
		}
	}
}

func (f *faults) hold(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.leaked+n > MaxLeak {
		return
	}
	block := make([]byte, n)
	for i := 0; i < n; i += 4096 {
		block[i] = 1
	}
	f.held = append(f.held, block)
	f.leaked += n
}

// burn uses its share of one processor, in turns of 20 ms.
func burn(a *active) {
	const turn = 20 * time.Millisecond
	busy := time.Duration(a.fault.Value * float64(turn))
	for {
		for start := time.Now(); time.Since(start) < busy; {
			work(10)
		}
		select {
		case <-a.over:
			return
		case <-time.After(turn - busy):
		}
	}
}

// handler lets the holder of the secret see, set and clear faults:
//
//	GET    /admin/faults                                → ["errors=30%"]
//	POST   /admin/faults {"fault":"errors=30%","for":"60s"}
//	DELETE /admin/faults                                clears all
func (f *faults) handler(secret string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if secret == "" || subtle.ConstantTimeCompare([]byte(given), []byte(secret)) != 1 {
			http.Error(w, "faults are set by the one who started this process", http.StatusForbidden)
			return
		}
		switch r.Method {
		case http.MethodGet:
		case http.MethodPost:
			if err := f.post(r.Body); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
		case http.MethodDelete:
			f.clearAll()
		default:
			http.Error(w, "want GET, POST or DELETE", http.StatusMethodNotAllowed)
			return
		}
		names := []string{}
		for _, a := range f.list() {
			names = append(names, a.String())
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(names) // the caller is gone if this fails
	})
}

func (f *faults) post(body io.Reader) error {
	var ask struct{ Fault, For string }
	if err := json.NewDecoder(io.LimitReader(body, 1<<12)).Decode(&ask); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	fault, err := ParseFault(ask.Fault)
	if err != nil {
		return err
	}
	var length time.Duration
	if ask.For != "" {
		if length, err = time.ParseDuration(ask.For); err != nil || length <= 0 {
			return fmt.Errorf("for: %q is not a duration above 0", ask.For)
		}
	}
	f.set(fault, length)
	return nil
}
