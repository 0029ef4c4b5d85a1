package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ubridge/dataplane"
	"ubridge/dataplane/frame"
	"ubridge/internal/hostnet"
)

// ringInterval is how often ports are asked whether their ring is stuck; for so
// long at most a guest that wedges its own port is without it. Asking is one
// system call for a port.
const ringInterval = time.Second

// watchRings opens ports anew whose receive ring the kernel has wedged (see
// afpacket.Port.Stuck), until ctx is cancelled. It looks at whole seconds of the
// dataplane's clock, when an idle worker ticks, so that the process wakes once for
// both.
func (d *Daemon) watchRings(ctx context.Context) {
	clock := dataplane.NewClock()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(clock.Now().Until(ringInterval)):
			d.freeRings()
		}
	}
}

func (d *Daemon) freeRings() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.nets {
		for _, a := range n.ports {
			if a.port == nil {
				continue
			}
			if stuck, err := a.port.Stuck(); err != nil || !stuck {
				continue
			}
			if err := d.reopen(a); err != nil {
				n.log.Error("port whose ring is stuck is not opened anew", "port", a.st.Name, "err", err)
			} else if !a.wasStuck {
				a.wasStuck = true // once: a guest decides how often it happens
				n.log.Warn("the kernel wedged the port's ring over a superframe that packet sockets do not know; it was opened anew",
					"port", a.st.Name, "fix", "host_ufo=off on the guest's virtio-net device")
			}
		}
	}
}

// reopen puts a new socket in the place of a port's. Opening and closing, which
// wait for the kernel, are done here and not by the worker.
func (d *Daemon) reopen(a *attachment) error {
	dev, err := hostnet.DeviceInfo(a.st.Name)
	if err != nil || dev.Ifindex != a.port.Ifindex() {
		return err // gone: the device watch follows that
	}
	port, err := openPort(a.st.Name, dev, ringBytes(d.attached()-1))
	if err != nil {
		return err
	}
	old, id := a.port, dataplane.PortID(a.st.ID)
	lost, err := old.Stats()
	replaced := false
	err = errors.Join(err, d.worker.Do(context.Background(), func(w *dataplane.Worker) {
		if replaced = w.ReplacePort(id, port) != nil; replaced {
			w.CountDrops(id, frame.RingFull, lost.Dropped)
		}
	}))
	if !replaced {
		return errors.Join(fmt.Errorf("the dataplane has no port %s", a.st.Name), err, port.Close())
	}
	a.port = port
	return errors.Join(err, old.Close())
}
