package daemon

import (
	"context"
	"errors"
	"fmt"

	"ubridge/dataplane"
	"ubridge/internal/api"
	"ubridge/internal/hostnet"
	"ubridge/internal/hostnet/nic"
	"ubridge/internal/wire"
)

// followNIC brings a network of mode bridge in step with its NIC, and says once
// what is wrong with it.
func (d *Daemon) followNIC(n *network) {
	s := n.share
	dev, err := s.find(n.def.Uplink)
	if err != nil && !errors.Is(err, hostnet.ErrNoDevice) {
		return // what cannot be asked is not gone
	}
	if s.nic != nil && (err != nil || dev.Ifindex != s.nic.Ifindex()) {
		d.nicGone(n)
	}
	if err != nil {
		n.report(nic.Finding{
			Level: nic.Refused, Detail: n.def.Uplink + " is gone: guests reach each other, and neither the host nor the LAN",
			Fix: "plug it in again, or bring up the driver; it is followed when it comes",
		})
		return
	}
	if s.nic == nil {
		if err := d.nicBack(n); err != nil {
			n.report(nic.Finding{Level: nic.Refused, Detail: err.Error(), Fix: "see `ubridge doctor --uplink " + n.def.Uplink + "`"})
			return
		}
	}
	if dev.Name != s.name {
		n.log.Info("the NIC has another name", "device", dev.Name, "was", s.name)
		s.name = dev.Name
	}
	if mac := wire.MAC(dev.MAC); mac != s.mac {
		d.nicMAC(n, mac)
	}
	if dev.MTU != s.mtu {
		d.nicMTU(n, dev.MTU)
	}
	d.ended("offloads", d.calmNIC(n))
	if now := lookOf(dev); now != s.looked { // devices of others come and go
		if now.carrier != s.looked.carrier {
			d.followLink(n, s.nicID, s.name, now.carrier)
		}
		s.looked = now
		n.report(n.trouble())
	}
}

// nicLook is what a NIC shows of itself that trouble is about.
type nicLook struct {
	name, master string
	ifindex, mtu int
	up, carrier  bool
}

func lookOf(dev hostnet.Device) nicLook {
	return nicLook{name: dev.Name, master: dev.Master, ifindex: dev.Ifindex, mtu: dev.MTU, up: dev.Up, carrier: dev.Carrier}
}

// find looks for the NIC: the one that is shared, under whatever name, or else
// one of the definition's name.
func (s *sharing) find(uplink string) (hostnet.Device, error) {
	if s.nic != nil {
		if dev, err := hostnet.DeviceAt(s.nic.Ifindex()); !errors.Is(err, hostnet.ErrNoDevice) {
			return dev, err
		}
	}
	return hostnet.DeviceInfo(uplink)
}

// report keeps what is wrong with the NIC, and logs it when it changes. A finding
// that is fine is nothing wrong.
func (n *network) report(f nic.Finding) {
	if f.Level == nic.Fine {
		f = nic.Finding{}
	}
	was := n.share.trouble
	n.share.trouble = f
	switch {
	case f == was:
	case f.Level == nic.Fine:
		n.log.Info("guests are on the LAN again", "device", n.share.name)
	default:
		n.log.Warn("uplink: "+f.Detail, "device", n.share.name, "fix", f.Fix)
	}
}

// problem words what is wrong with the network's NIC; empty if nothing is. Daemon.mu
// is held.
func (n *network) problem() string {
	if n.share == nil || n.share.trouble == (nic.Finding{}) {
		return ""
	}
	return n.share.trouble.Detail + ": " + n.share.trouble.Fix
}

// trouble is what is wrong with the NIC while it is shared: somebody else has
// taken it, it has no link, or the definition does not find it any more.
func (n *network) trouble() nic.Finding {
	s := n.share
	facts, err := nic.Look(s.name)
	if err != nil {
		return nic.Finding{} // it is gone just now; word of that is on its way
	}
	list := nic.Judge(facts)
	for _, f := range list {
		if f.Level == nic.Refused {
			return f
		}
	}
	for _, f := range list {
		if f.Level == nic.Warning && f.Check == nic.CheckLink {
			return f
		}
	}
	if dev, err := hostnet.DeviceInfo(n.def.Uplink); errors.Is(err, hostnet.ErrNoDevice) || err == nil && dev.Ifindex != facts.Ifindex {
		return nic.Finding{
			Level:  nic.Warning,
			Detail: fmt.Sprintf("%s is called %s now, which is followed until the network stops", n.def.Uplink, s.name),
			Fix:    fmt.Sprintf("define the network with uplink = %q", s.name),
		}
	}
	return nic.Finding{}
}

// calmNIC turns off LRO that somebody has turned on again meanwhile; it is put
// back as they wanted it.
func (d *Daemon) calmNIC(n *network) error {
	now, err := hostnet.SnapshotUplink(n.share.name)
	if err != nil || !now.Merges() {
		return err
	}
	n.st.NIC.Before = n.st.NIC.Before.With(now)
	if err := d.state.save(); err != nil {
		return err
	}
	n.log.Info("LRO was turned on; it is off again while guests share the NIC", "device", n.share.name)
	return hostnet.PrepareUplink(now)
}

// nicGone takes a NIC that is no more off the dataplane; guests reach one another
// still. Its filter went with it.
func (d *Daemon) nicGone(n *network) {
	s := n.share
	s.nic, s.name, s.looked = nil, n.def.Uplink, nicLook{}
	d.ended("shared NIC", errors.Join(d.slowDownNIC(n), s.programs.Leave()))
	err := d.removePort(s.nicID)
	if errors.Is(err, dataplane.ErrStopped) {
		return
	}
	if err != nil {
		n.log.Warn("NIC is not closed cleanly", "device", n.def.Uplink, "err", err)
	}
	n.st.NIC = nil // what is on record was another device
	d.ended("state", d.state.save())
}

// nicBack shares a NIC that has come back, or is another one of the same name.
func (d *Daemon) nicBack(n *network) error {
	dev, err := d.judgeNIC(n)
	if err != nil {
		return err
	}
	n.share.name = dev.Name
	if err := d.takeNIC(context.Background(), n, dev); err != nil {
		return err
	}
	if err := d.handOver(n, dev); err != nil {
		err = errors.Join(err, d.slowDownNIC(n))
		n.share.nic = nil
		return errors.Join(err, n.share.programs.Leave(), d.removePort(n.share.nicID), d.unshare(n.st))
	}
	return nil
}

// nicMAC follows the host's address on the NIC.
func (d *Daemon) nicMAC(n *network, mac wire.MAC) {
	was := n.share.mac
	n.share.mac = mac
	d.moveHost(n, was)
	d.worker.Post(func(w *dataplane.Worker) { w.SetStation(n.bridge, mac) })
	n.log.Info("the NIC has another address", "device", n.share.name, "mac", mac)
}

// nicMTU follows the NIC's MTU on its port and on the helper.
func (d *Daemon) nicMTU(n *network, mtu int) {
	s := n.share
	s.mtu = mtu
	if err := hostnet.SetMTU(n.device, mtu); err != nil {
		n.log.Warn("the helper does not follow the NIC's MTU", "err", err)
	}
	if err := d.fastFloor(n); err != nil {
		n.log.Warn("the fast path does not follow the NIC's MTU", "err", err)
	}
	nic := s.nic
	d.worker.Post(func(*dataplane.Worker) {
		s.tap.SetMTU(mtu)
		if nic != nil {
			nic.SetMTU(mtu)
		}
	})
	n.log.Info("the NIC has another MTU", "device", s.name, "mtu", mtu)
}

// nicLine is the NIC's line in `port list`.
func (d *Daemon) nicLine(ctx context.Context, n *network) api.Port {
	s := n.share
	p := api.Port{Network: n.def.Name, Name: s.name, Kind: api.KindUplink, State: api.StateAbsent}
	p.Drops = map[string]uint64{}
	if s.nic == nil {
		return p
	}
	if dev, err := hostnet.DeviceAt(s.nic.Ifindex()); err == nil {
		p.MTU, p.State = dev.MTU, stateOf(dev)
	}
	p.FastPath = s.fast != nil
	p.Counters, p.Loop = d.counters(ctx, s.nicID), d.loops(ctx)[s.nicID].With
	addRingDrops(p.Drops, s.nic)
	return p
}

// sharingCheck is doctor's look at a network of mode bridge.
func (d *Daemon) sharingCheck(n *network) api.Check {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := "network " + n.def.Name
	switch t := n.share.trouble; t.Level {
	case nic.Refused:
		return bad(name, t.Detail, t.Fix)
	case nic.Warning:
		return warn(name, t.Detail, t.Fix)
	}
	return ok(name, "guests are on the LAN of "+n.share.name+", the host beside them by "+n.device)
}

// tendNIC opens the NIC's port anew if its ring is stuck, or ran over and may be
// longer. It reports whether frames came.
func (d *Daemon) tendNIC(n *network) (busy bool) {
	s := n.share
	if s.nic == nil {
		return false
	}
	health, size, busy := d.judgeRing(s.nic)
	if size == 0 {
		return busy
	}
	dev, err := hostnet.DeviceAt(s.nic.Ifindex())
	if err != nil {
		return busy // gone: the device watch follows that
	}
	port, err := s.openPort(dev, d.nicFilter(s), size)
	if err == nil {
		err = d.replace(s.nicID, s.nic, port)
	}
	if err != nil {
		n.log.Error("NIC is not opened anew with another ring", "device", dev.Name, "err", err)
		return busy
	}
	s.nic = port
	n.log.Info("the NIC's ring was stuck, or ran over; it was opened anew", "device", dev.Name, "bytes", size, "lost", health.Dropped)
	return busy
}
