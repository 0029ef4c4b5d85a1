package demo

import (
	"errors"
	"sync"

	"ubridge/internal/testnet"
)

// runner is the testnet.T of a tour.
type runner struct {
	testnet.Attempt
	mu sync.Mutex
	vm *testnet.Guest
}

// Name implements testnet.T.
func (r *runner) Name() string { return "demo" }

// Logf implements testnet.T. What a lab logs is for tests.
func (r *runner) Logf(string, ...any) {}

// isolate runs fn on a goroutine that may end by Goexit or a panic.
func (r *runner) isolate(fn func()) { <-r.Isolate(fn) }

// cleanUp calls what Cleanup has collected, last first.
func (r *runner) cleanUp() {
	for fn := r.Pop(0); fn != nil; fn = r.Pop(0) {
		r.isolate(fn)
	}
}

// errInterrupted is a better reason than what was cut short gives.
var errInterrupted = errors.New("interrupted")

func (r *runner) reason() string {
	if why := r.Why(); why != nil {
		return why.Error()
	}
	return ""
}

// guest is the real guest, once it has been started.
func (r *runner) guest() *testnet.Guest {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.vm
}

func (r *runner) setGuest(g *testnet.Guest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.vm = g
}
