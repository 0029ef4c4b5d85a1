package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"ubridge/dataplane"
	"ubridge/dataplane/afpacket"
	"ubridge/internal/gateway"
	"ubridge/internal/hostnet"
	"ubridge/internal/hostnet/steer"
)

// attachment is a port of a running network, as far as its device is there.
type attachment struct {
	st      *portState
	port    *afpacket.Port // nil while the device is absent
	mtu     int
	carrier bool
	problem string // why the device cannot be attached

	wasStuck bool   // its ring was opened anew once, and it was said
	slow     string // why it is not on the fast path though it was to be
}

// attachAll attaches the network's remembered and defined ports.
func (d *Daemon) attachAll(n *network) {
	d.forgetGone()
	d.adoption.look()
	for _, name := range n.def.Ports {
		if d.state.port(name) == nil {
			d.state.Ports = append(d.state.Ports, &portState{Network: n.name, Name: name, ID: d.state.freeID()})
		}
	}
	for _, st := range d.state.Ports {
		if st.Network == n.name {
			n.ports[st.Name] = &attachment{st: st}
			d.makeTap(n, st)
			d.reconcile(n, n.ports[st.Name])
		}
	}
	d.followGuests(n)
}

// makeTap makes a tap of ours again that a clean stop removed.
func (d *Daemon) makeTap(n *network, st *portState) {
	if st.Made == nil {
		return
	}
	if dev, err := hostnet.DeviceInfo(st.Name); !errors.Is(err, hostnet.ErrNoDevice) {
		if err == nil && dev.MTU != n.linkMTU() {
			err = hostnet.SetMTU(st.Name, n.linkMTU()) // the definition was changed meanwhile
		}
		if err != nil {
			n.log.Warn("tap keeps its MTU", "port", st.Name, "err", err)
		}
		return
	}
	if err := hostnet.MakeTap(st.Made.spec(n, st.Name)); err != nil {
		n.log.Error("tap is not made again", "port", st.Name, "err", err)
	}
}

func (t *madeTap) spec(n *network, name string) hostnet.TapSpec {
	return hostnet.TapSpec{Name: name, Owner: t.Owner, Group: t.Group, Queues: t.Queues, MTU: n.linkMTU()}
}

// linksChanged brings every port in step with its device.
func (d *Daemon) linksChanged() {
	defer d.adoption.look()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.forgetGone()
	for _, n := range d.nets {
		for _, a := range n.ports {
			d.reconcile(n, a)
		}
		if n.share != nil {
			d.followNIC(n)
		}
		d.followGuests(n)
		d.followDevices(n)
	}
	d.uplinksChanged()
}

// followDevices tells the router the interface indices of the virtual networks
// that n may reach, and of its uplink: a device that was made anew has another.
func (d *Daemon) followDevices(n *network) {
	if len(n.def.NAT.Egress) > 0 {
		devices := deviceIndexes(n.def.NAT.Egress)
		d.worker.Post(func(*dataplane.Worker) { d.router.SetEgress(n.bridge, devices) })
	}
	if n.def.Uplink != "" {
		uplink := uplinkIndex(n.def)
		n.saidUplink(uplink != gateway.NoDevice)
		d.worker.Post(func(*dataplane.Worker) { d.router.SetUplink(n.bridge, uplink) })
	}
}

// reconcile brings one port in step with its device: attaches one that came,
// lets go of one that went, follows MTU and carrier.
func (d *Daemon) reconcile(n *network, a *attachment) {
	dev, err := hostnet.DeviceInfo(a.st.Name)
	if err != nil {
		d.release(n, a)
		a.problem = ""
		if !errors.Is(err, hostnet.ErrNoDevice) {
			a.problem = err.Error()
		}
		return
	}
	up := dev.Up && dev.Carrier
	changed := a.carrier != up
	a.carrier = up
	if a.port != nil && a.port.Ifindex() != dev.Ifindex {
		d.release(n, a)
	}
	if a.port != nil {
		d.follow(n, a, dev)
		if changed {
			d.linkChanged(n, a)
			d.tellLink(n, a)
		}
		return
	}
	if err := d.attach(n, a, dev); err != nil {
		if a.problem != err.Error() {
			n.log.Warn("port is not attached", "port", a.st.Name, "err", err)
		}
		a.problem = err.Error()
		return
	}
	a.problem = ""
	n.log.Info("port attached", "port", a.st.Name, "kind", dev.Kind)
	d.tellLink(n, a)
}

// tellLink tells whether a port's link is up.
func (d *Daemon) tellLink(n *network, a *attachment) {
	event := "down"
	if a.carrier {
		event = "up"
	}
	d.portEvent(n, a.st.Name, event)
}

// follow tells the worker of a changed MTU.
func (d *Daemon) follow(n *network, a *attachment, dev hostnet.Device) {
	if a.mtu == dev.MTU {
		return
	}
	a.mtu = dev.MTU
	port, mtu := a.port, dev.MTU
	d.worker.Post(func(*dataplane.Worker) { port.SetMTU(mtu) })
	d.mtuChanged(n, a, dev)
}

// release takes a port whose device is gone off the worker.
func (d *Daemon) release(n *network, a *attachment) {
	if a.port == nil {
		return
	}
	a.port, a.carrier = nil, false
	d.tellLink(n, a)
	err := errors.Join(d.slowDown(dataplane.PortID(a.st.ID)), d.removePort(dataplane.PortID(a.st.ID)))
	if errors.Is(err, dataplane.ErrStopped) {
		return
	}
	if err != nil {
		n.log.Warn("port is not closed cleanly", "port", a.st.Name, "err", err)
	}
	n.log.Info("device is gone; waiting for it", "port", a.st.Name)
}

// takeOff runs remove on the dataplane and closes, outside of it, the ports that
// it took off there. A stopped dataplane has closed them already (ErrStopped).
func (d *Daemon) takeOff(remove func(*dataplane.Worker) []dataplane.Port) error {
	var ports []dataplane.Port
	err := d.worker.Do(context.Background(), func(w *dataplane.Worker) { ports = remove(w) })
	for _, p := range ports {
		if p != nil { // there was one
			err = errors.Join(err, p.Close())
		}
	}
	return err
}

// removePort takes a port off the dataplane and closes it.
func (d *Daemon) removePort(id dataplane.PortID) error {
	return d.takeOff(func(w *dataplane.Worker) []dataplane.Port { return []dataplane.Port{w.RemovePort(id)} })
}

// attach makes a device a port: notes how it is, keeps the host's stack off it,
// and gives it to the worker.
func (d *Daemon) attach(n *network, a *attachment, dev hostnet.Device) error {
	if err := dev.Attachable(); err != nil {
		return err
	}
	a.st.Fast = n.fast.on
	if a.st.Before == nil || a.st.Before.Ifindex != dev.Ifindex {
		before, err := hostnet.Snapshot(a.st.Name)
		if err != nil {
			return err
		}
		if a.st.HadClsact, err = steer.HasClsact(dev.Ifindex); err != nil {
			return err
		}
		a.st.Before = &before
		if err := d.state.save(); err != nil {
			return err
		}
	}
	// Silence first: a device that is up already must not answer in between.
	if err := d.quiet(n, a, dev.Ifindex); err != nil {
		return fmt.Errorf("keep the host's stack off %s: %w", a.st.Name, err)
	}
	if err := hostnet.Prepare(*a.st.Before); err != nil {
		return errors.Join(err, d.steer.DetachSilence(dev.Ifindex))
	}
	return d.addPort(n, a, dev)
}

func (d *Daemon) addPort(n *network, a *attachment, dev hostnet.Device) error {
	port, err := openPort(a.st.Name, dev, ringBytes(d.attached()), d.filter(a))
	if err != nil {
		return err
	}
	err = d.worker.Do(context.Background(), func(w *dataplane.Worker) {
		w.AddPort(dataplane.PortID(a.st.ID), n.bridge, a.st.Name, port)
		if n.def.PortsIsolated() {
			w.SetPortGroup(dataplane.PortID(a.st.ID), isolatedGroup)
		}
	})
	if err != nil {
		return errors.Join(err, port.Close())
	}
	a.port, a.mtu = port, dev.MTU
	d.speedUp(n, a, dev.Ifindex)
	if dev.Up && dev.Carrier && n.share == nil { // before it was a port: the host may have answered for the gateway
		id := dataplane.PortID(a.st.ID)
		d.worker.PostCycle(func(own *dataplane.Cycle) { d.router.Announce(own, n.bridge, id) })
	}
	return nil
}

// openPort opens the packet socket of a guest's port, with an eBPF filter if not 0.
func openPort(name string, dev hostnet.Device, ring, filter int) (*afpacket.Port, error) {
	return afpacket.Open(afpacket.Config{
		Name: name, Ifindex: dev.Ifindex, Mark: sendMark, Promiscuous: dev.Kind != "tap", RingBytes: ring, FilterFD: filter,
	})
}

// detach lets go of a port and puts its device back as it was; a tap of ours is
// removed, unless a guest holds it open.
func (d *Daemon) detach(n *network, a *attachment) error {
	var portErr, tapErr error
	if a.port != nil {
		a.port = nil
		portErr = errors.Join(d.slowDown(dataplane.PortID(a.st.ID)), d.removePort(dataplane.PortID(a.st.ID)))
	}
	err := d.restore(a.st)
	if a.st.Made != nil {
		tapErr = removeTap(n.log, a.st.Name)
	}
	return errors.Join(portErr, err, tapErr)
}

// removeTap removes a tap of ours, unless a guest holds it open.
func removeTap(log *slog.Logger, name string) error {
	err := hostnet.RemoveTap(name)
	if errors.Is(err, hostnet.ErrTapInUse) {
		log.Info("tap stays: a guest holds it open", "port", name)
		return nil
	}
	return err
}

// letGo is detach for a port whose network does not run: a dead daemon may have
// left its device attached.
func (d *Daemon) letGo(st *portState) error {
	left := st.Before != nil
	err := d.restore(st)
	if left && st.Made != nil {
		err = errors.Join(err, removeTap(d.log, st.Name))
	}
	return err
}

// restore puts a device back as it was before it was attached.
func (d *Daemon) restore(st *portState) error {
	if st.Before == nil {
		return nil
	}
	before := *st.Before
	st.Before = nil
	return errors.Join(d.steer.DetachSilence(before.Ifindex), sweep(before.Ifindex, st.HadClsact), hostnet.Restore(before))
}

// sweep removes the clsact qdisc that a daemon made, and was killed before it
// attached a filter to it or removed it itself.
func sweep(ifindex int, had bool) error {
	if had {
		return nil
	}
	return steer.RemoveClsact(ifindex)
}

// ports lists a network's attachments by name.
func (n *network) portNames() []string {
	names := make([]string, 0, len(n.ports))
	for name := range n.ports {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
