package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"ubridge/dataplane"
	"ubridge/dataplane/afpacket"
	"ubridge/dataplane/tap"
	"ubridge/fdb"
	"ubridge/internal/api"
	"ubridge/internal/hostnet"
	"ubridge/internal/hostnet/fastpath"
	"ubridge/internal/hostnet/nic"
	"ubridge/internal/hostnet/steer"
	"ubridge/internal/wire"
)

// uplinkGroup is the split-horizon group of a shared NIC and its helper, which
// both lead to the host and to the LAN: guests reach either, and they do not
// reach one another through us.
const uplinkGroup = 255

// sharing is the NIC that guests of a network in mode bridge share with the host.
type sharing struct {
	programs *steer.Share
	table    *fdb.Table
	tap      *tap.Port        // the helper, by which host and guests reach each other
	nic      *afpacket.Port   // nil while the NIC is not there
	mac      wire.MAC         // of the NIC
	mtu      int              // of the NIC and the helper, in bytes
	helperID dataplane.PortID // of the tap
	nicID    dataplane.PortID
	name     string        // of the NIC now; the definition's while it is not there
	trouble  nic.Finding   // what is wrong with the NIC; zero if nothing is
	looked   nicLook       // at which it was looked for trouble
	fast     *fastpath.NIC // nil while what passes the NIC goes by user space
}

// nicRecord is how a NIC was before it was shared, as a killed daemon's successor
// needs it.
type nicRecord struct {
	Before    hostnet.Uplink `json:"before"`
	HadClsact bool           `json:"had_clsact,omitempty"` // a qdisc that stays

	Forward     []uint32 `json:"forward,omitempty"`     // the kernel's numbers of the fast path's programs there
	Promiscuous bool     `json:"promiscuous,omitempty"` // it was not before
}

// step is one step of starting a network, and the way back, or one of stopping it.
type step struct {
	name     string
	do, undo func() error
}

// stepDone is told of every step that was taken; tests kill the process there, or
// have it fail.
var stepDone = func(string) error { return nil }

// startBridged makes a network of mode bridge run. Nothing of the host is
// changed before it is on record, and each step leaves the host's connections as
// they are; what was done is undone when a step fails. Where nobody asked for it
// now, a NIC that is not there yet is waited for.
func (d *Daemon) startBridged(ctx context.Context, n *network) (err error) {
	n.share = &sharing{name: n.def.Uplink, mtu: n.def.LinkMTU()}
	dev, err := d.judgeNIC(n)
	there := err == nil
	switch {
	case there:
		n.share.name, n.share.mtu, n.share.mac = dev.Name, dev.MTU, wire.MAC(dev.MAC)
	case !d.unattended || api.CodeOf(err) != api.NotFound:
		return err
	}
	steps := d.sharingSteps(ctx, n)
	if there {
		steps = append(steps, d.nicSteps(ctx, n, dev)...)
	}
	var done undo
	defer func() {
		if err != nil {
			n.st.Running = false
			err = errors.Join(err, done.run(), d.state.save())
		}
	}()
	for _, s := range steps {
		if err := s.do(); err != nil {
			return fmt.Errorf("network %s: %w", n.def.Name, err)
		}
		done.add(s.undo)
		if err := stepDone(s.name); err != nil {
			return err
		}
	}
	d.nets[n.def.Name] = n
	n.report(n.trouble())
	n.keepSharing(d.ctx, d.clock)
	d.attachAll(n)
	d.noteRunning(n)
	if !there {
		d.followNIC(n)
	}
	return nil
}

// sharingSteps are what makes the network, in order, and change nothing of a NIC.
func (d *Daemon) sharingSteps(ctx context.Context, n *network) []step {
	nothing := func() error { return nil }
	return []step{
		{"programs", func() error { return n.openPrograms() }, func() error { return n.share.programs.Close() }},
		{"record", func() error { return d.identifyBridged(n) }, nothing},
		{"table", func() (err error) { n.share.table, err = d.openTable(n); return err }, func() error { return errors.Join(n.table.Remove(), n.table.Close()) }},
		{"helper", func() error { return d.openHelper(n) }, func() error { return n.closeHelper() }},
		{"bridge", func() error { return d.buildShared(ctx, n) }, func() error { return d.takeBridge(n) }},
	}
}

// nicSteps are what makes guests and the host share a NIC, in order.
func (d *Daemon) nicSteps(ctx context.Context, n *network, dev hostnet.Device) []step {
	return []step{
		{"nic", func() error { return d.takeNIC(ctx, n, dev) }, func() error { return errors.Join(d.slowDownNIC(n), d.unshare(n.st)) }},
		{"handover", func() error { return d.handOver(n, dev) }, func() error { return n.share.programs.Leave() }},
	}
}

// judgeNIC finds the network's NIC, or says why it cannot be shared and which way
// works instead.
func (d *Daemon) judgeNIC(n *network) (hostnet.Device, error) {
	f, err := nic.Look(n.def.Uplink)
	if r := n.st.NIC; r != nil && errors.Is(err, hostnet.ErrNoDevice) {
		// A daemon that was killed had it shared: it may be called otherwise now.
		if dev, known := hostnet.DeviceAt(r.Before.Ifindex); known == nil {
			f, err = nic.Look(dev.Name)
		}
	}
	if errors.Is(err, hostnet.ErrNoDevice) {
		return f.Device, api.Errorf(api.NotFound, "network %s: there is no NIC %s on this host: see `ip link`", n.def.Name, n.def.Uplink)
	}
	if err != nil {
		return f.Device, err
	}
	f.Role = d.role(f.Device, n)
	list := nic.Judge(f)
	if err := nic.Refusal(list); err != nil {
		return f.Device, api.Errorf(api.Conflict, "network %s: %v", n.def.Name, err)
	}
	for _, w := range list {
		if w.Level == nic.Warning && w.Check != nic.CheckLink { // of which report tells
			n.log.Warn("uplink: "+w.Detail, "device", f.Name, "fix", w.Fix)
		}
	}
	return f.Device, nil
}

// on reports whether a device is the NIC that is shared; the name counts while
// there is none.
func (s *sharing) on(dev hostnet.Device, uplink string) bool {
	if s.nic == nil {
		return dev.Name == uplink
	}
	return s.nic.Ifindex() == dev.Ifindex
}

// identifyBridged settles the helper's device and the identifiers, and remembers
// them before anything is made.
func (d *Daemon) identifyBridged(n *network) (err error) {
	taken := append(d.hostPorts(), d.reservedBridges(n.def.Name)...)
	if n.st.Bridge, err = chooseBridge(n.def, n.st.Bridge, taken); err != nil {
		return err
	}
	if n.st.ID == 0 {
		n.st.ID, n.st.HostID = d.state.freeNetworkID(), d.state.freeID()
	}
	if n.st.NICID == 0 {
		n.st.NICID = d.state.freeID()
	}
	n.share.helperID, n.share.nicID = dataplane.PortID(n.st.HostID), dataplane.PortID(n.st.NICID)
	n.st.Address, n.st.Running = netip.Prefix{}, true
	n.device = n.st.Bridge
	return d.state.save()
}

// recordNIC makes durable how the NIC is. What an earlier run noted of the same
// device stands: it is changed already.
func (d *Daemon) recordNIC(n *network) error {
	before, err := hostnet.SnapshotUplink(n.share.name)
	if err != nil {
		return err
	}
	if r := n.st.NIC; r != nil && r.Before.Ifindex == before.Ifindex {
		r.Before = r.Before.With(before)
		return d.state.save()
	}
	had := true // no qdisc of ours
	if n.share.programs.Classic() {
		if had, err = steer.HasClsact(before.Ifindex); err != nil {
			return err
		}
	}
	n.st.NIC = &nicRecord{Before: before, HadClsact: had}
	return d.state.save()
}

// shareClassic is for tests of what older kernels get.
var shareClassic = false

// openPrograms loads the programs of a shared NIC, which changes nothing yet.
func (n *network) openPrograms() (err error) {
	n.share.programs, err = steer.OpenShare(steer.ShareOptions{
		Stations: tableEntries(n.def.Stations) / 2, Classic: shareClassic, // what the forwarding database has room for
	})
	return err
}

// openHelper makes the helper tap. It is up only once nothing of it reaches the
// host's stack.
func (d *Daemon) openHelper(n *network) (err error) {
	s := n.share
	defer func() {
		if err != nil {
			err = errors.Join(err, n.closeHelper())
		}
	}()
	if s.tap, err = tap.Open(tap.Config{Name: n.device}); err != nil {
		return err
	}
	if err := hostnet.PrepareHelper(n.device, s.mtu); err != nil {
		return err
	}
	s.tap.SetMTU(s.mtu)
	if err := s.programs.AttachHelper(s.tap.Ifindex()); err != nil {
		return err
	}
	return hostnet.SetUp(n.device)
}

// closeHelper takes the helper away, which goes with its descriptor.
func (n *network) closeHelper() error {
	if n.share.tap == nil || n.bridge != dataplane.NoBridge { // the bridge's ports are closed with it
		return nil
	}
	return n.share.tap.Close()
}

// buildShared makes the learning domain, with the host behind the helper.
func (d *Daemon) buildShared(ctx context.Context, n *network) error {
	s := n.share
	d.wantFast(n, s.table)
	return d.worker.Do(ctx, func(w *dataplane.Worker) {
		n.bridge = dataplane.BridgeID(n.st.ID)
		w.AddBridge(n.bridge, dataplane.BridgeConfig{FDB: s.table, Station: s.mac, Bare: true, Told: d.toldShared(n), Relay: relay(n.def)})
		w.AddPort(s.helperID, n.bridge, n.device, s.tap)
		w.SetHostPort(s.helperID)
		w.SetPortGroup(s.helperID, uplinkGroup)
	})
}

// takeBridge takes the learning domain and its ports off the dataplane.
func (d *Daemon) takeBridge(n *network) error {
	n.share.nic = nil
	return d.takeOff(func(w *dataplane.Worker) []dataplane.Port { return w.RemoveBridge(n.bridge) })
}

// takeNIC puts on record how the NIC is, and opens it.
func (d *Daemon) takeNIC(ctx context.Context, n *network, dev hostnet.Device) error {
	if err := d.recordNIC(n); err != nil {
		return err
	}
	if err := d.openNIC(ctx, n, dev); err != nil {
		return errors.Join(err, d.unshare(n.st))
	}
	return nil
}

// openNIC gives the NIC to the dataplane, and LRO an end: what it merges cannot
// be sent on.
func (d *Daemon) openNIC(ctx context.Context, n *network, dev hostnet.Device) error {
	s := n.share
	if err := hostnet.PrepareUplink(n.st.NIC.Before); err != nil {
		n.log.Warn("LRO stays on; merged packets from the LAN are dropped", "device", dev.Name, "err", err)
	}
	d.announceNIC(n, dev.Ifindex)
	port, err := s.openPort(dev, d.nicFilter(s), fullRing)
	if err != nil {
		return errors.Join(err, d.slowDownNIC(n))
	}
	err = d.worker.Do(ctx, func(w *dataplane.Worker) {
		w.AddPort(s.nicID, n.bridge, dev.Name, port)
		w.SetPortGroup(s.nicID, uplinkGroup)
	})
	if err != nil {
		return errors.Join(err, d.slowDownNIC(n), port.Close())
	}
	s.nic = port
	return nil
}

// openPort opens the packet socket on the NIC: promiscuous, which goes with the
// socket, without the host's own unicast, and marked.
func (s *sharing) openPort(dev hostnet.Device, filter, ring int) (*afpacket.Port, error) {
	return afpacket.Open(afpacket.Config{
		Name: dev.Name, Ifindex: dev.Ifindex, Mark: steer.ShareMark, Promiscuous: true,
		FilterFD: filter, RingBytes: ring,
	})
}

// handOver begins to take the host's frames for guests, with the guests that are
// known already: a daemon before may have left a filter that is replaced.
func (d *Daemon) handOver(n *network, dev hostnet.Device) error {
	s := n.share
	if err := s.sync(d.clock.Now().Seconds()); err != nil {
		return err
	}
	if err := s.programs.Vouch(vouchTime); err != nil {
		return err
	}
	if err := s.programs.AttachNIC(dev.Ifindex); err != nil {
		return err
	}
	d.speedUpNIC(n, dev.Carrier)
	return nil
}

// unshare puts a NIC back as it was before it was shared, also by a dead daemon.
// The record is the caller's to save.
func (d *Daemon) unshare(st *netState) error {
	if st.NIC == nil {
		return nil
	}
	r := *st.NIC
	st.NIC = nil
	err := errors.Join(r.detach(), steer.DetachShare(r.Before.Ifindex), sweep(r.Before.Ifindex, r.HadClsact))
	if d.out.inherit(r.Before) {
		return err
	}
	return errors.Join(err, hostnet.RestoreUplink(r.Before))
}

// unshareStrays puts NICs back that a dead daemon shared for networks that do not
// run.
func (d *Daemon) unshareStrays() (err error) {
	for name, st := range d.state.Networks {
		if d.nets[name] == nil {
			err = errors.Join(err, d.unshare(st))
		}
	}
	return err
}

// stopBridged takes a network of mode bridge, whose ports are let go of, off the
// host. The host's frames are left alone first.
func (d *Daemon) stopBridged(n *network) (err error) {
	for _, s := range []step{
		{name: "alone", do: func() error {
			return errors.Join(d.slowDownNIC(n), n.share.programs.Vouch(0), n.share.programs.Leave())
		}},
		{name: "closed", do: func() error { return d.takeBridge(n) }},
		{name: "unshared", do: func() error { return errors.Join(d.slowDownNIC(n), d.unshare(n.st)) }},
		{name: "gone", do: n.share.programs.Close},
	} {
		err = errors.Join(err, s.do(), stepDone(s.name))
	}
	return err
}
