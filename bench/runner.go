package bench

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"ubridge/internal/testnet"
)

// runner is the testnet.T of a run: what ends a test there ends one measurement
// here.
type runner struct {
	testnet.Attempt
	notes io.Writer   // where what is worth knowing goes; never the tables
	stuck atomic.Bool // something did not come back: nothing more can be measured
}

// Name implements testnet.T.
func (r *runner) Name() string { return "bench" }

// Logf implements testnet.T.
func (r *runner) Logf(format string, args ...any) { fmt.Fprintf(r.notes, format+"\n", args...) }

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
	mark := r.Collected()
	var ended atomic.Bool
	r.isolate(limit, func() {
		fn()
		ended.Store(true)
	})
	r.undo(mark)
	why := r.Override(nil)
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
	select {
	case <-r.Isolate(fn):
	case <-time.After(limit):
		r.stuck.Store(true)
	}
}

// undo calls what Cleanup has collected since mark, last first.
func (r *runner) undo(mark int) {
	for !r.stuck.Load() {
		fn := r.Pop(mark)
		if fn == nil {
			return
		}
		r.isolate(endLimit, fn)
	}
}
