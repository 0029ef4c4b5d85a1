package daemon

import (
	"context"
	"errors"

	"ubridge/dataplane"
	"ubridge/internal/api"
	"ubridge/internal/hostnet"
	"ubridge/internal/wire"
)

// followNIC brings a network of mode bridge in step with its NIC.
func (d *Daemon) followNIC(n *network) {
	s := n.share
	dev, err := hostnet.DeviceInfo(n.def.Uplink)
	if s.nic != nil && (err != nil || dev.Ifindex != s.nic.Ifindex()) {
		d.nicGone(n)
	}
	if err != nil {
		return
	}
	if s.nic == nil {
		if err := d.nicBack(n); err != nil {
			if s.problem != err.Error() {
				n.log.Warn("guests are not on the LAN", "device", dev.Name, "err", err)
			}
			s.problem = err.Error()
			return
		}
		s.problem = ""
	}
	if mac := wire.MAC(dev.MAC); mac != s.mac {
		d.nicMAC(n, mac)
	}
	if dev.MTU != s.mtu {
		d.nicMTU(n, dev.MTU)
	}
}

// nicGone takes a NIC that is no more off the dataplane; guests reach one another
// still. Its filter went with it.
func (d *Daemon) nicGone(n *network) {
	s := n.share
	s.nic = nil
	d.ended("shared NIC", s.programs.Leave())
	s.problem = n.def.Uplink + " is gone"
	err := d.removePort(s.nicID)
	if errors.Is(err, dataplane.ErrStopped) {
		return
	}
	if err != nil {
		n.log.Warn("NIC is not closed cleanly", "device", n.def.Uplink, "err", err)
	}
	n.st.NIC = nil // what is on record was another device
	d.ended("state", d.state.save())
	n.log.Warn("the NIC is gone: guests are cut off from the LAN until it is back", "device", n.def.Uplink)
}

// nicBack shares a NIC that has come back, or is another one of the same name.
func (d *Daemon) nicBack(n *network) error {
	dev, err := d.judgeNIC(n)
	if err != nil {
		return err
	}
	if err := d.recordNIC(n); err != nil {
		return err
	}
	if err := d.openNIC(context.Background(), n, dev); err != nil {
		return errors.Join(err, d.unshare(n.st))
	}
	if err := n.share.handOver(dev.Ifindex, d.clock.Now().Seconds()); err != nil {
		n.share.nic = nil
		return errors.Join(err, n.share.programs.Leave(), d.removePort(n.share.nicID), d.unshare(n.st))
	}
	n.log.Info("the NIC is back", "device", dev.Name)
	return nil
}

// nicMAC follows the host's address on the NIC.
func (d *Daemon) nicMAC(n *network, mac wire.MAC) {
	n.share.mac = mac
	d.worker.Post(func(w *dataplane.Worker) { w.SetStation(n.bridge, mac) })
	n.log.Info("the NIC has another address", "device", n.def.Uplink, "mac", mac)
}

// nicMTU follows the NIC's MTU on its port and on the helper.
func (d *Daemon) nicMTU(n *network, mtu int) {
	s := n.share
	s.mtu = mtu
	if err := hostnet.SetMTU(n.device, mtu); err != nil {
		n.log.Warn("the helper does not follow the NIC's MTU", "err", err)
	}
	nic := s.nic
	d.worker.Post(func(*dataplane.Worker) {
		s.tap.SetMTU(mtu)
		if nic != nil {
			nic.SetMTU(mtu)
		}
	})
	n.log.Info("the NIC has another MTU", "device", n.def.Uplink, "mtu", mtu)
}

// nicLine is the NIC's line in `port list`.
func (d *Daemon) nicLine(ctx context.Context, n *network) api.Port {
	s := n.share
	p := api.Port{Network: n.def.Name, Name: n.def.Uplink, Kind: api.KindUplink, State: api.StateAbsent}
	p.Drops = map[string]uint64{}
	if s.nic == nil {
		return p
	}
	if dev, err := hostnet.DeviceInfo(n.def.Uplink); err == nil {
		p.MTU, p.State = dev.MTU, stateOf(dev)
	}
	p.Counters = d.counters(ctx, s.nicID)
	addRingDrops(p.Drops, s.nic)
	return p
}

// sharingCheck is doctor's look at a network of mode bridge.
func (d *Daemon) sharingCheck(n *network) api.Check {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := "network " + n.def.Name
	if problem := n.share.problem; problem != "" {
		return bad(name, problem, "see `ip link show "+n.def.Uplink+"`; it is followed when it comes")
	}
	return ok(name, "guests are on the LAN of "+n.def.Uplink+", the host beside them by "+n.device)
}

// tendNIC opens the NIC's port anew if its ring is stuck, or ran over and may be
// longer. It reports whether frames came.
func (d *Daemon) tendNIC(n *network) (busy bool) {
	s := n.share
	if s.nic == nil {
		return false
	}
	health, err := s.nic.Health()
	if err != nil || health.Dropped == 0 {
		return health.Received > 0
	}
	now := s.nic.RingBytes()
	size := grownRing(now, d.ringsTotal())
	if !health.Stuck && size == now {
		return true
	}
	dev, err := hostnet.DeviceInfo(n.def.Uplink)
	if err != nil || dev.Ifindex != s.nic.Ifindex() {
		return true // gone: the device watch follows that
	}
	port, err := s.openPort(dev, size)
	if err == nil {
		err = d.replace(s.nicID, s.nic, port)
	}
	if err != nil {
		n.log.Error("NIC is not opened anew with another ring", "device", dev.Name, "err", err)
		return true
	}
	s.nic = port
	n.log.Info("the NIC's ring was stuck, or ran over; it was opened anew", "device", dev.Name, "bytes", size, "lost", health.Dropped)
	return true
}
