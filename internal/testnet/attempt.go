package testnet

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
)

// Attempt is most of a T for labs outside of `go test`, which adds Name and Logf.
// It remembers the first failure, since others follow from it, and collects what is
// to be cleaned up. Its methods may be called from any goroutine.
type Attempt struct {
	mu       sync.Mutex
	why      error
	cleanups []func()
}

// Helper implements T.
func (a *Attempt) Helper() {}

// Errorf implements T; the failure may wrap an error (%w).
func (a *Attempt) Errorf(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.why == nil {
		a.why = fmt.Errorf(format, args...)
	}
}

// Fatalf implements T.
func (a *Attempt) Fatalf(format string, args ...any) {
	a.Errorf(format, args...)
	runtime.Goexit()
}

// Cleanup implements T.
func (a *Attempt) Cleanup(fn func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cleanups = append(a.cleanups, fn)
}

// Why is the first failure, nil for none.
func (a *Attempt) Why() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.why
}

// Override replaces the failure, or takes it back where why is nil, and returns
// what it was.
func (a *Attempt) Override(why error) (was error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	was, a.why = a.why, why
	return was
}

// Isolate runs fn on a goroutine that may end by Goexit or a panic, which is a
// failure, and closes done when it has ended.
func (a *Attempt) Isolate(fn func()) (done <-chan struct{}) {
	end := make(chan struct{})
	go func() {
		defer close(end)
		defer func() {
			if p := recover(); p != nil {
				a.Errorf("panic: %v\n%s", p, debug.Stack())
			}
		}()
		fn()
	}()
	return end
}

// Collected is how many functions Cleanup has collected that wait for Pop.
func (a *Attempt) Collected() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.cleanups)
}

// Pop takes the function that Cleanup collected last, unless only the first keep
// of them are left: nil then.
func (a *Attempt) Pop(keep int) (fn func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	last := len(a.cleanups) - 1
	if last < keep {
		return nil
	}
	fn, a.cleanups = a.cleanups[last], a.cleanups[:last]
	return fn
}
