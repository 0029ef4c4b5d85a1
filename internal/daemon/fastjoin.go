package daemon

import (
	"context"
	"errors"
	"time"

	"ubridge/dataplane"
	"ubridge/fdb"
	"ubridge/internal/config"
	"ubridge/internal/hostnet"
)

// The kernel's verifier takes some 30 ms for the programs. Networks do not wait for
// them: they begin in user space, and go over when the programs are there. Only where a
// dead daemon left flows in the kernel, these come first.

// fastDelay is how long after the start the programs are loaded: the first guests are
// attached by then, and get their answers, without the verifier beside them.
const fastDelay = 100 * time.Millisecond

// fastComing is why a network is not on the fast path yet.
const fastComing = "the programs are about to be loaded"

// planFast settles, before networks start, whether the fast path is opened for them, and
// opens one that a dead daemon's is gone on with before uplinks are resumed.
func (d *Daemon) planFast() {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case !d.wantsFast():
	case d.fastDevice() != 0:
		d.openFast()
	default:
		d.fast.coming = true
	}
}

// awaitFast loads the programs and puts the networks that have begun in user space on
// the fast path. It ends then, or when ctx is cancelled.
func (d *Daemon) awaitFast(ctx context.Context) {
	d.mu.Lock()
	coming, load := d.fast.coming, d.loadFast()
	d.mu.Unlock()
	if !coming {
		return
	}
	select {
	case <-ctx.Done():
		return
	case <-time.After(fastDelay):
	}
	path, err := load()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fast.coming = false
	d.setFast(path, err)
	for _, n := range d.nets {
		if n.fast.why == fastComing {
			d.joinFast(n)
		}
	}
	d.ended("state", d.state.save())
}

// joinFast puts a network that runs on the fast path.
func (d *Daemon) joinFast(n *network) {
	if !d.enterFast(n) {
		return
	}
	if n.share != nil {
		d.joinNIC(n)
	} else {
		d.speedUpHost(n)
	}
	for _, a := range n.ports {
		if a.port != nil {
			d.joinPort(n, a)
		}
	}
}

// joinPort puts a port that is attached on the fast path. Before it is a port there,
// both of its programs leave everything to user space.
func (d *Daemon) joinPort(n *network, a *attachment) {
	ifindex := a.port.Ifindex()
	err := d.steer.AttachForward(ifindex, d.fast.path.PortProgram())
	if err == nil {
		err = a.port.SetFilter(d.fast.path.PortFilter())
	}
	if err != nil {
		d.saySlow(n, a, err)
		return
	}
	a.st.Fast = true
	d.speedUp(n, a, ifindex)
}

// joinNIC puts a NIC that is shared on the fast path.
func (d *Daemon) joinNIC(n *network) {
	s := n.share
	if s.nic == nil {
		return
	}
	dev, err := hostnet.DeviceAt(s.nic.Ifindex())
	if err != nil {
		return // gone: the device watch follows that
	}
	if d.announceNIC(n, dev.Ifindex); s.fast == nil {
		return
	}
	if err := s.nic.SetFilter(d.nicFilter(s)); err != nil {
		d.saySlowNIC(n, errors.Join(err, d.slowDownNIC(n)))
		return
	}
	d.speedUpNIC(n, dev.Carrier)
}

// wantsFast reports whether a network that is to start wants the fast path.
func (d *Daemon) wantsFast() bool {
	for _, def := range d.toStart() {
		if def.FastPathMode(d.cfg.FastPath) != config.FastPathOff {
			return true
		}
	}
	return false
}

// queueStations has the stations that are known behind a port put in when user space is
// done with it.
func (d *Daemon) queueStations(n *network, on dataplane.PortID) {
	n.fast.table.Walk(0, whole, d.clock.Now().Seconds(), func(s fdb.Station) {
		if s.Port == uint16(on) && !s.Static {
			d.fast.tell(newStation{n: n, mac: s.MAC, on: on})
		}
	})
}
