package bench

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// runner is the testnet.T of a run: what ends a test there ends one measurement
// here.
type runner struct {
	notes io.Writer // where what is worth knowing goes; never the tables

	stuck    atomic.Bool // something did not come back: nothing more can be measured
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

// errStuck is the failure of what did not even end when all its processes had
// been killed. It may still use the bed, so nothing is removed.
var errStuck = errors.New("a measurement is stuck in the kernel, and the run ends here")

// How long an attempt may take, and what was set up may take to be removed.
const (
	forever  = 1000 * time.Hour
	endLimit = time.Minute
)

// attempt runs fn, at most for a while, removes what fn has set up, and returns
// why it failed.
func (r *runner) attempt(limit time.Duration, fn func()) error {
	mark := len(r.cleanups)
	var ended atomic.Bool
	r.isolate(limit, func() {
		fn()
		ended.Store(true)
	})
	r.undo(mark)
	r.mu.Lock()
	defer r.mu.Unlock()
	why := r.why
	r.why = nil
	switch {
	case r.stuck.Load():
		return errStuck
	case why == nil && !ended.Load():
		return errStopped
	}
	return why
}

// isolate runs fn on a goroutine that may end by Goexit or a panic, and waits
// for it, but not longer than the limit.
func (r *runner) isolate(limit time.Duration, fn func()) {
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
	select {
	case <-done:
	case <-time.After(limit):
		r.stuck.Store(true)
	}
}

// undo calls what Cleanup has collected since mark, last first.
func (r *runner) undo(mark int) {
	for !r.stuck.Load() {
		r.mu.Lock()
		last := len(r.cleanups) - 1
		if last < mark {
			r.mu.Unlock()
			return
		}
		fn := r.cleanups[last]
		r.cleanups = r.cleanups[:last]
		r.mu.Unlock()
		r.isolate(endLimit, fn)
	}
}
