package dataplane

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"ubridge/dataplane/frame"
)

// MaxWorkers is the largest number of workers of a switch: each has a sender and
// counters for every port.
const MaxWorkers = 64

// AutoWorkers is how many workers suit the CPUs that this process may use
// (sched_getaffinity(2)): a quarter of them, at least one and at most eight.
// Guests and their own network threads need the others.
func AutoWorkers() int {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return 1
	}
	return autoWorkers(set.Count())
}

func autoWorkers(cpus int) int { return min(max(cpus/4, 1), 8) }

// NewWorker makes a switch of n workers without ports, 1 to MaxWorkers, and
// returns the first of them, by which the whole is run and controlled. handler
// may be nil for a switch whose bridges have no station.
func NewWorker(handler Handler, n int) (*Worker, error) {
	if n < 1 || n > MaxWorkers {
		return nil, fmt.Errorf("%d workers: give 1 to %d", n, MaxWorkers)
	}
	var all []*Worker
	for i := range n {
		w, err := newMember(i)
		if err != nil {
			return nil, errors.Join(err, closeAll(all))
		}
		all = append(all, w)
	}
	first := all[0]
	first.handler = handler
	first.commands.open(&first.poll.bell)
	first.barrier.open(n - 1)
	first.led, first.busy = all[1:], make(chan struct{}, 1)
	for _, w := range all {
		w.all = all
		w.rebuild()
	}
	return first, nil
}

// newMember makes the worker with an index; all but the first can hand over.
func newMember(index int) (*Worker, error) {
	w, err := newWorker()
	if err != nil {
		return nil, err
	}
	w.index = index
	if index == 0 {
		return w, nil
	}
	if w.handover, err = newHandover(); err != nil {
		return nil, errors.Join(err, w.free())
	}
	return w, nil
}

// Pin binds the workers to CPUs, one each in turn, from Run on; none leaves them
// where the kernel puts them. It errs on a CPU that this process may not use. Call
// it before Run.
func (w *Worker) Pin(cpus []int) error {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return fmt.Errorf("read the CPUs that may be used: %w", err)
	}
	for i, cpu := range cpus {
		if !allowed.IsSet(cpu) {
			return fmt.Errorf("CPU %d does not exist, or this process may not use it: see `taskset -p %d`", cpu, unix.Getpid())
		}
		if i < len(w.all) {
			w.all[i].pinned.Set(cpu)
		}
	}
	return nil
}

// SetRealtime says whether workers may become realtime threads while they are
// loaded. Call it before Run.
func (w *Worker) SetRealtime(allowed bool) {
	for _, o := range w.all {
		o.load.allowed = allowed
	}
}

// bind locks the goroutine to a thread, and that to the worker's CPU. A thread
// that is bound is not given back to the runtime: it ends with the goroutine.
func (w *Worker) bind() (unbind func()) {
	runtime.LockOSThread()
	if w.pinned.Count() == 0 {
		return runtime.UnlockOSThread
	}
	// Pin has seen that the CPU may be used; one taken away since is no reason to
	// stop forwarding.
	_ = unix.SchedSetaffinity(0, &w.pinned)
	return func() {}
}

// runOthers starts the other workers' threads. join stops them and waits.
func (w *Worker) runOthers() (join func()) {
	var running sync.WaitGroup
	for _, o := range w.led {
		running.Go(func() { o.runBeside(&w.barrier) })
	}
	return func() {
		w.barrier.ended.Store(true)
		for _, o := range w.led {
			o.poll.bell.ring()
		}
		running.Wait()
	}
}

// runBeside is a further worker's life. It closes nothing: the first worker does
// when all have ended.
func (w *Worker) runBeside(b *barrier) {
	defer w.bind()()
	for !b.ended.Load() {
		b.pause()
		w.round()
	}
}

// close closes every port, and frees what the workers hold; the devices behind
// the ports stay.
func (w *Worker) close() error {
	var errs []error
	for _, p := range w.ports {
		if p == nil {
			continue
		}
		if err := p.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close port %s: %w", p.name, err))
		}
	}
	w.commands.close()
	return errors.Join(append(errs, closeAll(w.all))...)
}

func closeAll(all []*Worker) error {
	var errs []error
	for _, w := range all {
		w.ports, w.active = nil, nil
		errs = append(errs, w.free())
	}
	return errors.Join(errs...)
}

// free gives back the memory and the descriptor of a worker.
func (w *Worker) free() error {
	w.poll.doze.end()
	w.poll.cold.close()
	err := errors.Join(w.poll.bell.close(), w.arena.Close())
	if w.handover != nil {
		err = errors.Join(err, w.handover.close())
	}
	return err
}

// owner is the worker that a port's frames are received by, where each receives from
// so many already. The first one takes what the handler is behind: uplinks. Others go to
// the worker that has the fewest ports, the last one of equals, since the first has the
// handler to run.
func (w *Worker) owner(br BridgeID, owns []int) *Worker {
	best := w
	if br == NoBridge || w.gathered {
		return best
	}
	for _, o := range w.led {
		if owns[o.index] <= owns[best.index] {
			best = o
		}
	}
	return best
}

// owns is how many ports each worker receives from.
func (w *Worker) owns() []int {
	list := make([]int, len(w.all))
	for i, o := range w.all {
		list[i] = len(o.active)
	}
	return list
}

// view is worker w's view of p: the first worker sends by the port itself, the
// others by senders of their own.
func (w *Worker) view(id PortID, br BridgeID, name string, p Port) *port {
	v := &port{Port: p, tx: p, id: id, bridge: br, name: name, up: true}
	if w.index != 0 {
		v.tx = p.NewSender()
	}
	return v
}

// counters sums up what all workers did with a port.
func (w *Worker) counters(id PortID) (sum Counters) {
	for _, o := range w.all {
		sum.add(&o.ports[id].counters)
	}
	return sum
}

// add adds what another worker counted.
func (c *Counters) add(o *Counters) {
	c.RxFrames += o.RxFrames
	c.RxBytes += o.RxBytes
	c.TxFrames += o.TxFrames
	c.TxBytes += o.TxBytes
	c.Segmented += o.Segmented
	c.LearnLimited += o.LearnLimited
	for r := range frame.NumReasons {
		c.Drops[r] += o.Drops[r]
	}
}
