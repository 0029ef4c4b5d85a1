package bench

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"sync"
)

// runner is the testnet.T of a run: what ends a test there ends one measurement
// here.
type runner struct {
	notes io.Writer // where what is worth knowing goes; never the tables

	mu       sync.Mutex
	why      error // the first failure of the attempt that runs
	cleanups []func()
}

// Helper implements testnet.T.
func (r *runner) Helper() {}

// Name implements testnet.T.
func (r *runner) Name() string { return "bench" }

// Logf implements testnet.T.
func (r *runner) Logf(format string, args ...any) { fmt.Fprintf(r.notes, format+"\n", args...) }

// Errorf implements testnet.T: it remembers the first failure, since others
// follow from it.
func (r *runner) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.why == nil {
		r.why = fmt.Errorf(format, args...)
	}
}

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

// errStopped is the failure of what ended without saying why.
var errStopped = errors.New("ended without a reason")

// attempt runs fn, removes what fn has set up, and returns why it failed.
func (r *runner) attempt(fn func()) error {
	mark := len(r.cleanups)
	ended := false
	r.isolate(func() {
		fn()
		ended = true
	})
	r.undo(mark)
	r.mu.Lock()
	defer r.mu.Unlock()
	why := r.why
	r.why = nil
	if why == nil && !ended {
		why = errStopped
	}
	return why
}

// isolate runs fn on a goroutine that may end by Goexit or a panic.
func (r *runner) isolate(fn func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				r.Errorf("panic: %v\n%s", p, debug.Stack())
			}
		}()
		fn()
	}()
	<-done
}

// undo calls what Cleanup has collected since mark, last first.
func (r *runner) undo(mark int) {
	for {
		r.mu.Lock()
		last := len(r.cleanups) - 1
		if last < mark {
			r.mu.Unlock()
			return
		}
		fn := r.cleanups[last]
		r.cleanups = r.cleanups[:last]
		r.mu.Unlock()
		r.isolate(fn)
	}
}
