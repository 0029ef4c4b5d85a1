package daemon

import (
	"errors"
	"fmt"

	"ubridge/dataplane"
	"ubridge/internal/hostnet/fastpath"
	"ubridge/internal/wire"
)

// announceNIC tells the fast path of a NIC that is about to be shared, ahead of its
// socket, whose filter looks for it. Nothing is sent on before speedUpNIC.
func (d *Daemon) announceNIC(n *network, ifindex int) {
	s := n.share
	if s.fast = nil; !n.fast.on {
		return
	}
	nic := fastpath.NIC{
		Network: n.st.ID, NIC: ifindex, Helper: s.tap.Ifindex(), Group: uplinkGroup, Floor: n.floor(),
		Echo: s.programs.Echo(), Filter: s.programs.FilterFD(),
	}
	err := s.programs.Forwardable()
	if err == nil { // what a dead daemon knew of it is not true any more
		err = errors.Join(d.fast.path.RemoveNIC(nic), d.fast.path.SetNIC(nic))
	}
	if err != nil {
		d.saySlowNIC(n, err)
		return
	}
	s.fast = &nic
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
	path := d.fast.path
	err := s.programs.AttachForward(s.fast.NIC, path.NICProgram(), path.NICHostProgram())
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
	return errors.Join(err, s.programs.DetachForward(), path.RemoveNIC(nic))
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
