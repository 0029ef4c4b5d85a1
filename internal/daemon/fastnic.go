package daemon

import (
	"errors"
	"fmt"
	"slices"

	"ubridge/dataplane"
	"ubridge/internal/hostnet"
	"ubridge/internal/hostnet/fastpath"
	"ubridge/internal/hostnet/steer"
	"ubridge/internal/wire"
)

// announceNIC tells the fast path of a NIC that is about to be shared, ahead of its
// socket, whose filter looks for it. Nothing is sent on before speedUpNIC, but where a
// dead daemon's programs go on with what is known.
func (d *Daemon) announceNIC(n *network, ifindex int) {
	s := n.share
	s.fast = nil
	if !n.fast.on {
		d.ended("fast path of "+s.name, n.st.NIC.detach())
		return
	}
	nic := fastpath.NIC{
		Network: n.st.ID, NIC: ifindex, Helper: s.tap.Ifindex(), Group: uplinkGroup, Floor: n.floor(),
		Echo: s.programs.Echo(), Filter: s.programs.FilterFD(),
	}
	if err := d.setNIC(n, nic); err != nil {
		d.saySlowNIC(n, errors.Join(err, n.st.NIC.detach()))
		return
	}
	s.fast = &nic
}

// setNIC has the programs know the NIC. What is known of it stays only if it was true
// all the time: if a dead daemon's programs are there, which look at the same maps.
func (d *Daemon) setNIC(n *network, nic fastpath.NIC) error {
	stays, err := steer.Forwarding(nic.NIC, n.st.NIC.Forward)
	if err == nil && !(stays && d.fast.path.Resumed()) {
		err = errors.Join(n.st.NIC.detach(), d.fast.path.RemoveNIC(nic))
	}
	return errors.Join(err, d.fast.path.SetNIC(nic))
}

// saySlowNIC says why what passes the NIC goes by user space.
func (d *Daemon) saySlowNIC(n *network, err error) {
	n.fast.why = fmt.Sprintf("of %s: %v", n.share.name, err)
	n.log.Log(d.ctx, n.fast.level(), "the NIC's frames go by user space: no fast path", "device", n.share.name, "because", err)
}

// nicFilter is the program for the packet socket of a shared NIC.
func (d *Daemon) nicFilter(s *sharing) int {
	if s.fast == nil {
		return s.programs.FilterFD()
	}
	return d.fast.path.NICFilter()
}

// speedUpNIC puts a shared NIC, and the host beside it, on the fast path.
func (d *Daemon) speedUpNIC(n *network, carrier bool) {
	s := n.share
	if s.fast == nil {
		return
	}
	err := d.attachNIC(n)
	if err == nil {
		d.fast.join(s.helperID, fastMember{ifindex: s.fast.Helper})
		d.fast.join(s.nicID, fastMember{ifindex: s.fast.NIC, down: !carrier})
		d.queueStations(n, s.nicID)
		err = d.learnHost(n)
	}
	if err != nil {
		d.saySlowNIC(n, errors.Join(err, d.slowDownNIC(n)))
	}
}

// attachNIC puts the fast path's programs at a shared NIC in the place of those that a
// dead daemon left, and has it go on receiving what is for guests when no process is
// there to ask for it. All of that outlives this one, so it is on record first.
func (d *Daemon) attachNIC(n *network) error {
	r, path, ifindex := n.st.NIC, d.fast.path, n.share.fast.NIC
	promiscuous, err := hostnet.Promiscuous(ifindex)
	if err != nil {
		return err
	}
	now, err := path.NICPrograms()
	if err != nil {
		return err
	}
	left := r.Forward
	r.Forward, r.Promiscuous = slices.Concat(left, now), r.Promiscuous || !promiscuous
	if err := d.state.save(); err != nil {
		return err
	}
	if err := n.share.programs.AttachForward(ifindex, path.NICProgram(), path.NICHostProgram(), left); err != nil {
		return err
	}
	r.Forward = now
	return hostnet.SetPromiscuous(ifindex, true)
}

// detach undoes attachNIC, also a dead daemon's. The record is the caller's to save.
func (r *nicRecord) detach() error {
	err := steer.DetachForward(r.Before.Ifindex, r.Forward)
	if r.Promiscuous {
		err = errors.Join(err, hostnet.SetPromiscuous(r.Before.Ifindex, false))
	}
	r.Forward, r.Promiscuous = nil, false
	return err
}

// learnHost tells the fast path of the host beside a shared NIC.
func (d *Daemon) learnHost(n *network) error {
	s := n.share
	return d.fast.path.Learn(fastpath.Station{Network: n.st.ID, MAC: s.mac, Ifindex: s.fast.Helper, Gateway: true})
}

// slowDownNIC undoes announceNIC and speedUpNIC. The stations go first: without them
// both of the NIC's programs leave everything to user space.
func (d *Daemon) slowDownNIC(n *network) error {
	s := n.share
	if s.fast == nil {
		return nil
	}
	nic, path := *s.fast, d.fast.path
	s.fast = nil
	d.fast.join(s.nicID, fastMember{})
	d.fast.join(s.helperID, fastMember{})
	err := errors.Join(path.ForgetBehind(nic.NIC), path.ForgetBehind(nic.Helper))
	if s.nic != nil {
		err = errors.Join(err, s.nic.SetFilter(s.programs.FilterFD()))
	}
	return errors.Join(err, n.st.NIC.detach(), path.RemoveNIC(nic))
}

// fastNICFloor tells a shared NIC of the smallest MTU among the network's ports.
func (d *Daemon) fastNICFloor(n *network) error {
	if n.share.fast == nil {
		return nil
	}
	n.share.fast.Floor = n.floor()
	return d.fast.path.SetNIC(*n.share.fast)
}

// moveHost follows the host's address on a shared NIC.
func (d *Daemon) moveHost(n *network, was wire.MAC) {
	if n.share.fast == nil {
		return
	}
	if err := errors.Join(d.fast.path.Forget(n.st.ID, was), d.learnHost(n)); err != nil {
		d.saySlowNIC(n, errors.Join(err, d.slowDownNIC(n)))
	}
}

// toldShared is told for a network whose NIC is shared.
func (d *Daemon) toldShared(n *network) func(wire.MAC, dataplane.PortID) {
	share, fast := n.share.told, d.told(n)
	if fast == nil {
		return share
	}
	return func(mac wire.MAC, on dataplane.PortID) {
		share(mac, on)
		fast(mac, on)
	}
}
