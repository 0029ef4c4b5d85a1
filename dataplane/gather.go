package dataplane

import "sync/atomic"

// Workers help where they have CPUs of their own. Where those who send keep all CPUs
// busy, a second worker only halves the batches of the first one, and each batch costs
// a wakeup and a switch of threads. Whether there is room on the CPUs is known outside;
// it decides by Loads, and says by Gather how many are to work.

// Load is how busy a worker was of late.
type Load struct {
	Share float64 // of the time, 0 to 1
	Paced bool    // it got many frames in small batches, see decision 9
}

// shownLoad is a Load for others to read: thousandths, and paced in the lowest bit.
type shownLoad struct{ bits atomic.Uint32 }

func (s *shownLoad) show(l Load) {
	bits := uint32(l.Share*1000) << 1
	if l.Paced {
		bits |= 1
	}
	s.bits.Store(bits)
}

func (s *shownLoad) load() Load {
	bits := s.bits.Load()
	return Load{float64(bits>>1) / 1000, bits&1 != 0}
}

// Loads are the loads of all workers in the last TickInterval in which they had traffic,
// or of IdleInterval. It may be called from any goroutine.
func (w *Worker) Loads() []Load {
	list := make([]Load, len(w.all))
	for i, o := range w.all {
		list[i] = o.shown.load()
	}
	return list
}

// Busy is written to, at most every TickInterval, while some worker is loaded.
func (w *Worker) Busy() <-chan struct{} { return w.busy }

// showLoad shows the worker's load to others.
func (w *Worker) showLoad(share float64) {
	w.shown.show(Load{share, w.load.paced})
	if share > highLoad {
		select {
		case w.all[0].busy <- struct{}{}:
		default:
		}
	}
}

// Gather has the first worker receive from all ports, or all workers again. Call it
// inside Do.
func (w *Worker) Gather(gather bool) {
	w.gathered = gather
	owns := make([]int, len(w.all))
	for id, p := range w.ports {
		if p == nil {
			continue
		}
		to := w
		if !w.leads(p) {
			to = w.owner(p.bridge, owns)
		}
		owns[to.index]++
		w.assign(PortID(id), to)
	}
	w.changed()
}

// Gathered reports whether the first worker receives from all ports, for use inside Do.
func (w *Worker) Gathered() bool { return w.gathered }

// leads reports whether a port is the first worker's in any case: what comes in there is
// for the handler.
func (w *Worker) leads(p *port) bool {
	return p.bridge == NoBridge || w.bridges[p.bridge].host == p.id
}

// assign makes a worker the one that receives from a port.
func (w *Worker) assign(id PortID, to *Worker) {
	up := w.isUp(id)
	for _, o := range w.all {
		o.ports[id].owned = o == to
	}
	to.ports[id].up, to.ports[id].ready = up, true
}
