package dataplane

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// ErrStopped is what Do answers once the worker has stopped.
var ErrStopped = errors.New("the dataplane has stopped")

// commands is the queue of functions that others run on the first worker's
// goroutine.
type commands struct {
	bell    *bell
	gone    chan struct{} // closed when the worker has stopped
	waiting atomic.Bool
	mu      sync.Mutex
	queue   []command
	stopped bool
}

// command is a function, and whether it touches nothing that other workers use.
type command struct {
	fn    func(*Worker)
	alone bool // it needs the other workers parked
}

func (c *commands) open(b *bell) { c.bell, c.gone = b, make(chan struct{}) }

// push queues a function; false once the worker has stopped.
func (c *commands) push(cmd command) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return false
	}
	c.queue = append(c.queue, cmd)
	if !c.waiting.Swap(true) {
		c.bell.ring() // under the lock, as run drains: a late one would leave the worker awake
	}
	return true
}

// run runs what is queued, in order. The common case, nothing, is one atomic load.
func (c *commands) run(w *Worker) {
	if !c.waiting.Load() {
		return
	}
	c.mu.Lock()
	c.bell.drain()
	queue := c.queue
	c.queue = nil
	c.waiting.Store(false)
	c.mu.Unlock()
	parked := false
	for _, cmd := range queue {
		if cmd.alone && !parked {
			w.park()
			parked = true
		}
		cmd.fn(w)
	}
	if parked {
		w.unpark()
	}
}

func (c *commands) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	c.queue = nil
	close(c.gone)
}

// Post queues fn to run on the first worker's goroutine while all workers are
// between two batches, and does not wait. It reports false once the switch has
// stopped.
func (w *Worker) Post(fn func(*Worker)) bool { return w.commands.push(command{fn, true}) }

// Do runs fn like Post and waits for it. fn must not block. The error is ErrStopped or the context's, and then fn was
// not run and never will be: what it refers to is the caller's again.
func (w *Worker) Do(ctx context.Context, fn func(*Worker)) error {
	var taken atomic.Bool // by the worker, or by the caller who gives up
	done := make(chan struct{})
	run := func(w *Worker) {
		if taken.CompareAndSwap(false, true) {
			fn(w)
			close(done)
		}
	}
	if !w.Post(run) {
		return ErrStopped
	}
	err := ErrStopped
	select {
	case <-done:
		return nil
	case <-w.commands.gone:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if taken.CompareAndSwap(false, true) {
		return err
	}
	<-done
	return nil
}

// PostCycle queues fn to run on the first worker with a cycle of frames of its
// own: what fn originates is sent when it returns. Other workers go on meanwhile.
// It reports false once the switch has stopped.
func (w *Worker) PostCycle(fn func(*Cycle)) bool {
	return w.commands.push(command{fn: func(w *Worker) {
		w.cycle.in, w.cycle.Now = &w.internal, w.clock.Now()
		fn(w.cycle.Own())
		w.flushOwn()
	}})
}
