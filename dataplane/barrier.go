package dataplane

import "sync/atomic"

// barrier lets the first worker change what all workers read: while it is down,
// the others wait between two batches, where they hold no frame and no pointer
// to a port. It is VPP's worker barrier in small.
type barrier struct {
	down    atomic.Bool
	ended   atomic.Bool   // the workers are to end
	arrived chan struct{} // one from each other worker
	lifted  chan struct{} // one to each
}

func (b *barrier) open(others int) {
	b.arrived, b.lifted = make(chan struct{}, others), make(chan struct{}, others)
}

// pause is where another worker waits while the barrier is down. The common
// case is one atomic load.
func (b *barrier) pause() {
	if b.down.Load() {
		b.arrived <- struct{}{}
		<-b.lifted
	}
}

// park brings the other workers to the barrier and decides the frames that they
// have handed over, which name ports by numbers that may now change.
func (w *Worker) park() {
	w.barrier.down.Store(true)
	for _, o := range w.led {
		o.poll.bell.ring()
	}
	for range w.led {
		<-w.barrier.arrived
	}
	now := w.clock.Now()
	for _, o := range w.led {
		for w.takeOver(o.handover, now) {
		}
	}
}

// unpark lets the others go on.
func (w *Worker) unpark() {
	w.barrier.down.Store(false)
	for range w.led {
		w.barrier.lifted <- struct{}{}
	}
}
