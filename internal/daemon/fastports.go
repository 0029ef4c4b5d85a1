package daemon

import (
	"errors"
	"fmt"

	"ubridge/dataplane"
	"ubridge/dataplane/frame"
	"ubridge/internal/api"
	"ubridge/internal/hostnet"
	"ubridge/internal/hostnet/fastpath"
)

// quiet keeps the host's stack off a guest's device: by the fast path's program, which
// sends on what is known, where the port is to have it, or by one that does nothing else.
func (d *Daemon) quiet(n *network, a *attachment, ifindex int) error {
	if a.slow = ""; a.st.Fast {
		err := d.steer.AttachForward(ifindex, d.fast.path.PortProgram())
		if err == nil {
			return nil
		}
		a.st.Fast = false
		d.saySlow(n, a, err)
	}
	return d.steer.AttachSilence(ifindex)
}

// saySlow says once why frames of a port go by user space.
func (d *Daemon) saySlow(n *network, a *attachment, err error) {
	a.slow = err.Error()
	n.log.Log(d.ctx, n.fast.level(), "the port's frames go by user space: no fast path", "port", a.st.Name, "because", a.slow)
}

// filter is the program for the packet socket of a port; 0 for none.
func (d *Daemon) filter(a *attachment) int {
	if !a.st.Fast {
		return 0
	}
	return d.fast.path.PortFilter()
}

// speedUp puts a port of the dataplane on the fast path. One whose program is not
// attached stays as it is.
func (d *Daemon) speedUp(n *network, a *attachment, ifindex int) {
	if !a.st.Fast {
		return
	}
	id := dataplane.PortID(a.st.ID)
	err := d.fast.path.SetPort(n.fastPort(fastpath.Guest, ifindex))
	if err == nil {
		d.fast.join(id, fastMember{ifindex: ifindex, down: !a.carrier})
		d.queueStations(n, id)
		err = d.fastFloor(n)
	}
	if err != nil {
		d.saySlow(n, a, errors.Join(err, d.slowDown(id)))
	}
}

// slowDown takes a port off the fast path; its program goes on hiding frames from the
// host's stack.
func (d *Daemon) slowDown(id dataplane.PortID) error {
	m, there := (*d.fast.members.Load())[id]
	if !there {
		return nil
	}
	d.fast.join(id, fastMember{})
	return d.fast.path.RemovePort(m.ifindex, m.kind)
}

func (n *network) fastPort(kind fastpath.Kind, ifindex int) fastpath.Port {
	p := fastpath.Port{Ifindex: ifindex, Network: n.st.ID, Kind: kind, Floor: n.floor()}
	if kind == fastpath.Guest && n.def.PortsIsolated() {
		p.Group = isolatedGroup
	}
	return p
}

// floor is the smallest MTU of the network's ports.
func (n *network) floor() int {
	least := n.linkMTU()
	if n.share != nil {
		least = min(least, n.share.mtu)
	}
	for _, a := range n.ports {
		if a.port != nil {
			least = min(least, a.mtu)
		}
	}
	return least
}

// fastFloor tells all ports of a network the smallest MTU among them, and their group.
func (d *Daemon) fastFloor(n *network) (err error) {
	if !n.fast.on {
		return nil
	}
	for _, a := range n.ports {
		id := dataplane.PortID(a.st.ID)
		if ifindex := d.fast.device(id); ifindex != 0 && a.port != nil {
			err = errors.Join(err, d.fast.path.SetPort(n.fastPort(fastpath.Guest, ifindex)), d.addStations(n, id))
		}
	}
	if n.share != nil {
		return errors.Join(err, d.fastNICFloor(n))
	}
	if ifindex := d.fast.device(dataplane.PortID(n.st.HostID)); ifindex != 0 {
		err = errors.Join(err, d.fast.path.SetPort(n.fastPort(fastpath.Host, ifindex)))
	}
	return err
}

// speedUpHost puts the host's port, and the network's own station, on the fast path.
func (d *Daemon) speedUpHost(n *network) {
	if !n.fast.on {
		return
	}
	if err := d.tryHost(n, n.host.Ifindex()); err != nil {
		n.fast.why = fmt.Sprintf("of the host: %v", errors.Join(err, d.slowDownHost(n)))
		n.log.Log(d.ctx, n.fast.level(), "the host's frames go by user space: no fast path", "because", err)
	}
}

func (d *Daemon) tryHost(n *network, ifindex int) error {
	p := d.fast.path
	err := errors.Join(
		p.SetNetwork(n.st.ID, n.addr, n.def.DHCP.Enabled || n.def.DNS.Enabled),
		p.SetPort(n.fastPort(fastpath.Host, ifindex)),
	)
	if err != nil {
		return err
	}
	d.fast.join(dataplane.PortID(n.st.HostID), fastMember{ifindex: ifindex, kind: fastpath.Host})
	if err := d.steer.AttachHost(ifindex, p.HostProgram()); err != nil {
		return err
	}
	return p.Learn(fastpath.Station{Network: n.st.ID, MAC: n.st.MAC, Ifindex: ifindex, Gateway: true})
}

// slowDownHost undoes speedUpHost, but for the program, which goes with the device.
func (d *Daemon) slowDownHost(n *network) error {
	if !n.fast.on {
		return nil
	}
	return errors.Join(d.slowDown(dataplane.PortID(n.st.HostID)), d.fast.path.RemoveNetwork(n.st.ID))
}

// keepFast forgets what a dead daemon had on the fast path and is not there any more.
func (d *Daemon) keepFast() error {
	if d.fast.path == nil || !d.fast.path.Resumed() {
		return nil
	}
	if err := d.forsakeFlows(); err != nil {
		return err
	}
	type part struct {
		ifindex int
		uplink  bool
	}
	stays := map[part]bool{}
	for _, m := range *d.fast.members.Load() {
		stays[part{m.ifindex, m.kind == fastpath.Uplink}] = true
	}
	return d.fast.path.Keep(func(ifindex int, uplink bool) bool { return stays[part{ifindex, uplink}] })
}

// fastPorts tells how many ports of the network are on the fast path, and why one is
// not.
func (d *Daemon) fastPorts(n *network) (ports int, why string) {
	why = n.fast.why
	for _, a := range n.ports {
		if d.fast.device(dataplane.PortID(a.st.ID)) != 0 {
			ports++
		} else if a.slow != "" {
			why = a.st.Name + ": " + a.slow
		}
	}
	for _, id := range []uint16{n.st.HostID, n.st.NICID} {
		if id != 0 && d.fast.device(dataplane.PortID(id)) != 0 {
			ports++
		}
	}
	return ports, why
}

// addFast adds what the kernel forwarded to a port's counters.
func (d *Daemon) addFast(to *api.Counters, id dataplane.PortID) {
	m, there := (*d.fast.members.Load())[id]
	if !there {
		return
	}
	c, err := d.fast.path.Counters(m.ifindex, m.kind == fastpath.Uplink)
	if err != nil {
		d.log.Debug("the kernel's counters are not read", "err", err)
		return
	}
	to.RxFrames += c.RxFrames
	to.RxBytes += c.RxBytes
	to.TxFrames += c.TxFrames
	to.TxBytes += c.TxBytes
	if c.Held > 0 { // they would have found the ring full
		to.Drops[frame.RingFull.String()] += c.Held
	}
	if c.Bad > 0 {
		to.Drops[frame.BadOffload.String()] += c.Bad
	}
}

// mtuChanged follows a device's MTU on the fast path.
func (d *Daemon) mtuChanged(n *network, a *attachment, dev hostnet.Device) {
	if err := d.fastFloor(n); err != nil {
		n.log.Warn("the fast path does not follow the MTU", "port", a.st.Name, "mtu", dev.MTU, "err", err)
	}
}

// linkChanged has the kernel send to a port while its link is up only: what it sends to
// one that is down nobody would count.
func (d *Daemon) linkChanged(n *network, a *attachment) {
	d.followLink(n, dataplane.PortID(a.st.ID), a.st.Name, a.carrier)
}

func (d *Daemon) followLink(n *network, id dataplane.PortID, name string, carrier bool) {
	ifindex := d.fast.device(id)
	if ifindex == 0 {
		return
	}
	d.fast.join(id, fastMember{ifindex: ifindex, down: !carrier})
	if carrier {
		d.queueStations(n, id)
	} else if err := d.fast.path.ForgetBehind(ifindex); err != nil {
		n.log.Warn("the fast path does not follow the link", "port", name, "err", err)
	}
}
