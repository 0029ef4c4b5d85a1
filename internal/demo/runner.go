package demo

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"

	"ubridge/internal/testnet"
)

// runner is the testnet.T of a tour. It remembers the first failure, since the
// others follow from it.
type runner struct {
	mu       sync.Mutex
	why      string
	vm       *testnet.Guest
	cleanups []func()
}

// Helper implements testnet.T.
func (r *runner) Helper() {}

// Name implements testnet.T.
func (r *runner) Name() string { return "demo" }

// Logf implements testnet.T. What a lab logs is for tests.
func (r *runner) Logf(string, ...any) {}

// Errorf implements testnet.T.
func (r *runner) Errorf(format string, args ...any) { r.fail(fmt.Sprintf(format, args...)) }

// Fatalf implements testnet.T.
func (r *runner) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// Cleanup implements testnet.T.
func (r *runner) Cleanup(fn func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanups = append(r.cleanups, fn)
}

// isolate runs fn on a goroutine that may end by Goexit or a panic.
func (r *runner) isolate(fn func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				r.fail(fmt.Sprintf("panic: %v\n%s", p, debug.Stack()))
			}
		}()
		fn()
	}()
	<-done
}

// cleanUp calls what Cleanup has collected, last first.
func (r *runner) cleanUp() {
	for {
		r.mu.Lock()
		last := len(r.cleanups) - 1
		if last < 0 {
			r.mu.Unlock()
			return
		}
		fn := r.cleanups[last]
		r.cleanups = r.cleanups[:last]
		r.mu.Unlock()
		r.isolate(fn)
	}
}

func (r *runner) fail(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.why == "" {
		r.why = why
	}
}

// override replaces the reason: a wait that was cut short has a worse one.
func (r *runner) override(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.why = why
}

func (r *runner) reason() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.why
}

func (r *runner) failed() bool { return r.reason() != "" }

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
