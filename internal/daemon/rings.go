package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ubridge/dataplane"
	"ubridge/dataplane/afpacket"
	"ubridge/dataplane/frame"
	"ubridge/internal/hostnet"
)

// Ports are asked how their rings are once in idleRings, and once in busyRings while
// frames come: for so long at most a guest that wedges its own port is without it, and
// a burst loses what a longer ring would hold. Asking is one system call for a port.
const idleRings, busyRings = time.Second, 100 * time.Millisecond

// watchRings opens ports anew whose receive ring the kernel has wedged (see
// afpacket.Health) or that is too short for what comes in, until ctx is cancelled.
// It looks at whole seconds of the dataplane's clock, when an idle worker ticks, so
// that the process wakes once for both.
func (d *Daemon) watchRings(ctx context.Context) {
	clock, interval, loops := dataplane.NewClock(), idleRings, loopWatch{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(clock.Now().Until(interval)):
			if interval = idleRings; d.tendRings() {
				interval = busyRings
			}
			d.sayLoops(ctx, &loops)
		}
	}
}

// tendRings looks after all rings and reports whether frames came.
func (d *Daemon) tendRings() (busy bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.nets {
		if n.share != nil {
			busy = d.tendNIC(n) || busy
		}
		for _, a := range n.ports {
			if a.port != nil {
				busy = d.tendRing(n, a) || busy
			}
		}
	}
	return busy
}

// judgeRing asks what became of a port's frames. anew is how long the port's ring is
// to be, in bytes, where it is stuck, or ran over and may be longer; 0 where it stays.
func (d *Daemon) judgeRing(p *afpacket.Port) (health afpacket.Health, anew int, busy bool) {
	health, err := p.Health()
	if err != nil || health.Dropped == 0 {
		return health, 0, health.Received > 0
	}
	now := p.RingBytes()
	if size := grownRing(now, d.ringsTotal()); health.Stuck || size != now {
		anew = size
	}
	return health, anew, true
}

// tendRing opens the port anew if its ring is stuck, or ran over and may be longer.
func (d *Daemon) tendRing(n *network, a *attachment) (busy bool) {
	health, size, busy := d.judgeRing(a.port)
	if size == 0 {
		return busy
	}
	switch err := d.reopen(a, size); {
	case err != nil:
		n.log.Error("port is not opened anew with another ring", "port", a.st.Name, "err", err)
	case health.Stuck && !a.wasStuck:
		a.wasStuck = true // once: a guest decides how often it happens
		n.log.Warn("the kernel wedged the port's ring over a superframe that packet sockets do not know; it was opened anew",
			"port", a.st.Name, "fix", "host_ufo=off on the guest's virtio-net device")
	case !health.Stuck:
		n.log.Info("the port's ring ran over; it is longer now", "port", a.st.Name, "bytes", size, "lost", health.Dropped)
	}
	return busy
}

// reopen puts a new socket with a ring of so many bytes in the place of a port's.
// Opening and closing, which wait for the kernel, are done here and not by the
// worker.
func (d *Daemon) reopen(a *attachment, ring int) error {
	dev, err := hostnet.DeviceInfo(a.st.Name)
	if err != nil || dev.Ifindex != a.port.Ifindex() {
		return err // gone: the device watch follows that
	}
	port, err := openPort(a.st.Name, dev, ring, d.filter(a))
	if err != nil {
		return err
	}
	old := a.port
	if err := d.replace(dataplane.PortID(a.st.ID), old, port); err != nil {
		return err
	}
	a.port = port
	return nil
}

// replace puts one socket in the place of another, which it closes. If it fails,
// the new one is closed.
func (d *Daemon) replace(id dataplane.PortID, old, with *afpacket.Port) error {
	replaced, statsErr := false, error(nil)
	err := d.worker.Do(context.Background(), func(w *dataplane.Worker) {
		if replaced = w.ReplacePort(id, with) != nil; replaced {
			var lost afpacket.Stats
			lost, statsErr = old.Stats() // now: it has been dropping frames until it was emptied
			w.CountDrops(id, frame.RingFull, lost.Dropped)
		}
	})
	if !replaced {
		return errors.Join(fmt.Errorf("the dataplane has no port %d", id), err, with.Close())
	}
	d.ended("close the socket before", errors.Join(err, statsErr, old.Close()))
	return nil
}
