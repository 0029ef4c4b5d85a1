package dataplane

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// ErrStopped is what Do answers once the worker has stopped.
var ErrStopped = errors.New("the dataplane has stopped")

// commands is the queue of functions that others run on the worker's goroutine.
type commands struct {
	fd      int           // eventfd that ends the worker's sleep
	gone    chan struct{} // closed when the worker has stopped
	waiting atomic.Bool
	mu      sync.Mutex
	queue   []func(*Worker)
	stopped bool
}

func (c *commands) open() (err error) {
	c.gone = make(chan struct{})
	if c.fd, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		return fmt.Errorf("make the dataplane's eventfd: %w", err)
	}
	return nil
}

// wake ends the worker's sleep.
func (c *commands) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopped {
		c.signal()
	}
}

// signal makes the eventfd readable; mu is held.
func (c *commands) signal() {
	// A full counter wakes as well.
	_, _ = unix.Write(c.fd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
}

// push queues fn; false once the worker has stopped.
func (c *commands) push(fn func(*Worker)) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return false
	}
	c.queue = append(c.queue, fn)
	if !c.waiting.Swap(true) {
		c.signal() // under the lock, as run drains: a late one would leave the worker awake
	}
	return true
}

// run runs what is queued. The common case, nothing, is one atomic load.
func (c *commands) run(w *Worker) {
	if !c.waiting.Load() {
		return
	}
	var drain [8]byte
	c.mu.Lock()
	_, _ = unix.Read(c.fd, drain[:])
	queue := c.queue
	c.queue = nil
	c.waiting.Store(false)
	c.mu.Unlock()
	for _, fn := range queue {
		fn(w)
	}
}

func (c *commands) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	c.queue = nil
	close(c.gone)
	_ = unix.Close(c.fd)
}

// Post queues fn to run on the worker's goroutine between two batches and does
// not wait. It reports false once the worker has stopped.
func (w *Worker) Post(fn func(*Worker)) bool { return w.commands.push(fn) }

// Do runs fn on the worker's goroutine between two batches and waits for it.
// fn must not block. The error is ErrStopped or the context's, and then fn was
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
	if !w.commands.push(run) {
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

// PostCycle queues fn to run with a cycle of frames of its own: what fn
// originates is sent when it returns. It reports false once the worker has
// stopped.
func (w *Worker) PostCycle(fn func(*Cycle)) bool {
	return w.Post(func(w *Worker) {
		w.cycle.in, w.cycle.Now = &w.internal, w.clock.Now()
		fn(w.cycle.Own())
		w.flushOwn()
	})
}
