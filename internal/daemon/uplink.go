package daemon

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"ubridge/dataplane"
	"ubridge/dataplane/afpacket"
	"ubridge/internal/gateway"
	"ubridge/internal/hostnet"
	"ubridge/internal/hostnet/nexthop"
	"ubridge/internal/wire"
)

const (
	// sendMark is the SO_MARK of what ubridge sends: the host's own programs at
	// the egress hooks can tell it. "ubr" in ASCII.
	sendMark = 0x756272

	// uplinkIDs is how many identifiers uplinks take in turn: one that is gone
	// may still be named by a cached next hop, so the next one is not called like
	// it.
	uplinkIDs = 1024
)

// uplink is a device by which guests' packets leave.
type uplink struct {
	name    string
	ifindex int
	l3      bool // no Ethernet header
	id      dataplane.PortID
	port    *afpacket.Port
	mtu     int          // of the device, as the port was told last
	outside []netip.Addr // the host's addresses that flows use there
}

// wayOut is the slow path: it asks the kernel for next hops and opens the
// uplinks that they need.
type wayOut struct {
	follower  *nexthop.Follower
	questions chan question
	resolving *resolving
	troubles  troubles
	scope     atomic.Pointer[scope]
	moved     chan struct{} // the host's routes or devices changed

	mu      sync.Mutex // guards what follows, and uplinks' opening
	closed  bool       // the daemon stops: nothing is opened any more
	path    string     // of the records
	records []uplinkRecord
	uplinks map[int]*uplink  // by interface index
	orphans []netip.Addr     // outside addresses of uplinks that are gone, which flows may still have
	turn    dataplane.PortID // of the next uplink's identifier
}

// routerHop puts the kernel's answer in the router's words.
func routerHop(hop nexthop.Hop, err error) gateway.Hop {
	h := gateway.Hop{Port: dataplane.NoPort, Device: int32(hop.Ifindex), MTU: int32(hop.MTU), Dst: hop.MAC, Src: hop.SrcMAC}
	switch {
	case err != nil:
		h.State = gateway.HopUnresolved
		return h
	case hop.Kind == nexthop.Forward:
		h.State = gateway.HopReady
		h.Outside = wire.IP4(hop.Source.As4())
	case hop.Kind == nexthop.Local:
		h.State = gateway.HopLocal
	case hop.Kind == nexthop.Virtual, hop.Kind == nexthop.Prohibited:
		h.State = gateway.HopRefused
	case hop.Kind == nexthop.NoNeighbour:
		h.State = gateway.HopUnresolved
	case hop.Kind == nexthop.Broadcast, hop.Kind == nexthop.Multicast, hop.Kind == nexthop.Blackholed:
		h.State = gateway.HopBlackhole
	default:
		h.State = gateway.HopNoRoute
	}
	return h
}

// openUplink makes sure that the device of a hop is an uplink, with the hop's
// source among its outside addresses, before the first packet leaves.
func (d *Daemon) openUplink(ctx context.Context, hop nexthop.Hop) (dataplane.PortID, error) {
	d.out.mu.Lock()
	defer d.out.mu.Unlock()
	if d.out.closed {
		return dataplane.NoPort, context.Canceled
	}
	u := d.out.uplinks[hop.Ifindex]
	if u == nil {
		u = &uplink{name: hop.Name, ifindex: hop.Ifindex, l3: hop.L3, id: dataplane.NoPort}
	}
	if !slices.Contains(u.outside, hop.Source) {
		if err := d.addOutside(u, hop.Source); err != nil {
			return dataplane.NoPort, err
		}
	}
	if u.port != nil {
		return u.id, nil
	}
	err := d.attachUplink(ctx, u)
	return u.id, err
}

// addOutside makes addr one of the addresses whose held ports are ours. out.mu
// is held.
func (d *Daemon) addOutside(u *uplink, addr netip.Addr) error {
	if err := d.steer.SetOutside(append(d.out.outside(), addr)); err != nil {
		return err
	}
	u.outside = append(u.outside, addr)
	d.out.uplinks[u.ifindex] = u
	d.out.adopt(addr)
	return d.out.update(u)
}

// dropLostAddresses ends the flows of outside addresses that the host no longer
// has: what comes for them is nobody's, and their ports are free again.
func (d *Daemon) dropLostAddresses(set *nexthop.LocalSet) {
	d.out.mu.Lock()
	defer d.out.mu.Unlock()
	d.dropLost(set)
}

// dropLost is dropLostAddresses where out.mu is held.
func (d *Daemon) dropLost(set *nexthop.LocalSet) {
	lost := map[netip.Addr]bool{}
	gone := func(a netip.Addr) bool {
		if set.Lookup(a.As4()) != nexthop.Local {
			lost[a] = true
		}
		return lost[a]
	}
	d.out.orphans = slices.DeleteFunc(d.out.orphans, gone)
	for _, u := range d.out.uplinks {
		kept := slices.DeleteFunc(slices.Clone(u.outside), gone)
		if len(kept) == len(u.outside) {
			continue
		}
		u.outside = kept
		if err := d.out.update(u); err != nil {
			d.log.Warn("uplink is not recorded", "device", u.name, "err", err)
		}
	}
	if len(lost) == 0 {
		return
	}
	d.ended("steering", d.steer.SetOutside(d.out.outside()))
	d.worker.Post(func(w *dataplane.Worker) {
		for a := range lost {
			d.router.DropOutside(w.Now(), wire.IP4(a.As4()))
		}
	})
	for a := range lost {
		d.log.Info("the host lost an address that guests used outside; their flows ended", "address", a)
	}
}

// resumeUplinks opens the uplinks of a daemon that was killed, so that flows go
// on although no guest sends. The port bits are filled already.
func (d *Daemon) resumeUplinks(ctx context.Context) {
	d.out.mu.Lock()
	defer d.out.mu.Unlock()
	d.ended("steering", d.steer.SetRouted(d.routedBefore()))
	for _, r := range slices.Clone(d.out.records) {
		dev, err := hostnet.DeviceAt(r.Before.Ifindex)
		if err != nil {
			d.forgetUplink(r.Before.Name, r.Before.Ifindex, r.Outside)
			continue
		}
		u := &uplink{name: dev.Name, ifindex: dev.Ifindex, l3: dev.L3, id: dataplane.NoPort, outside: r.Outside}
		d.out.uplinks[u.ifindex] = u
		err = d.steer.SetOutside(d.out.outside())
		if err == nil {
			err = d.attachUplink(ctx, u)
		}
		if err != nil {
			d.log.Error("uplink of the last run is not resumed", "device", u.name, "err", err)
		}
	}
	d.dropLost(d.out.follower.LocalAddrs())
}

// adopt takes addresses off the list of those without an uplink.
func (o *wayOut) adopt(addrs ...netip.Addr) {
	o.orphans = slices.DeleteFunc(o.orphans, func(a netip.Addr) bool { return slices.Contains(addrs, a) })
}

// local reports whether an address is one of the host's own; it is the router's
// Local.
func (o *wayOut) local(a wire.IP4) bool { return o.follower.LocalAddrs().Lookup(a) == nexthop.Local }

// outside is every address that guests are masqueraded as.
func (o *wayOut) outside() (addrs []netip.Addr) {
	addrs = slices.Clone(o.orphans)
	for _, u := range o.uplinks {
		for _, a := range u.outside {
			if !slices.Contains(addrs, a) {
				addrs = append(addrs, a)
			}
		}
	}
	return addrs
}

// attachUplink hides the flows' replies from the host's stack and opens the
// packet socket that gets them.
func (d *Daemon) attachUplink(ctx context.Context, u *uplink) error {
	before, err := hostnet.SnapshotUplink(u.name)
	if err != nil {
		return err
	}
	if err := d.out.remember(before, u); err != nil {
		return err
	}
	if err := hostnet.PrepareUplink(before); err != nil {
		d.log.Warn("LRO stays on; merged packets from outside are dropped", "device", u.name, "err", err)
	}
	if err := d.steer.AttachUplink(u.ifindex); err != nil {
		return err
	}
	port, err := d.openUplinkPort(u)
	if err != nil {
		return err
	}
	id := d.out.freeID()
	err = d.worker.Do(ctx, func(w *dataplane.Worker) {
		w.AddPort(id, dataplane.NoBridge, u.name, port)
		d.router.AddUplink(id, int32(u.ifindex))
	})
	if err != nil {
		return errors.Join(err, port.Close())
	}
	u.port, u.id, u.mtu = port, id, port.Caps().MTU
	if err := d.speedUpUplink(u); err != nil {
		d.log.Warn("flows on an uplink go by user space: no fast path", "device", u.name, "because", err)
	}
	d.log.Info("uplink opened", "device", u.name)
	return nil
}

// freeID is the next identifier that no uplink has. out.mu is held.
func (o *wayOut) freeID() dataplane.PortID {
	for {
		id := firstUplinkID + o.turn%uplinkIDs
		o.turn++
		if !slices.ContainsFunc(slices.Collect(maps.Values(o.uplinks)), func(u *uplink) bool { return u.id == id }) {
			return id
		}
	}
}

// openUplinkPort opens the packet socket with its filter: the held ports, ICMP
// and fragments.
func (d *Daemon) openUplinkPort(u *uplink) (*afpacket.Port, error) {
	port, err := afpacket.Open(afpacket.Config{
		Name: u.name, Ifindex: u.ifindex, Mark: sendMark, L3: u.l3, FilterFD: d.uplinkFilter(u),
	})
	if err != nil {
		return nil, err
	}
	if d.steer.FilterFD() < 0 {
		if err := d.steer.AttachFilter(port.FD()); err != nil {
			return nil, errors.Join(err, port.Close())
		}
	}
	return port, nil
}

// uplinksChanged lets go of uplinks whose device went, and follows name, MTU and
// LRO of the others.
func (d *Daemon) uplinksChanged() {
	d.out.mu.Lock()
	defer d.out.mu.Unlock()
	for _, u := range d.out.uplinks {
		dev, err := hostnet.DeviceAt(u.ifindex)
		if err == nil {
			d.followUplink(u, dev)
			continue
		}
		d.closeUplink(u)
		delete(d.out.uplinks, u.ifindex)
		d.forgetUplink(u.name, u.ifindex, u.outside)
	}
	d.dropLost(d.out.follower.LocalAddrs())
}

// followUplink brings an uplink in step with its device. out.mu is held.
func (d *Daemon) followUplink(u *uplink, dev hostnet.Device) {
	if u.name != dev.Name {
		d.log.Info("uplink has another name", "device", dev.Name, "was", u.name)
		u.name = dev.Name
	}
	if u.port == nil {
		return
	}
	if u.mtu != dev.MTU {
		u.mtu = dev.MTU
		port := u.port
		d.worker.Post(func(*dataplane.Worker) { port.SetMTU(dev.MTU) })
		d.ended("fast path", d.speedUpUplink(u))
	}
	if now, err := hostnet.SnapshotUplink(u.name); err == nil && now.Merges() {
		d.log.Info("LRO was turned on; it is off again while guests' packets leave by it", "device", u.name)
		d.ended("offloads", errors.Join(d.out.remember(now, u), hostnet.PrepareUplink(now)))
	}
}

// forgetUplink drops the record of a device that is gone. Its flows go on if its
// addresses come back on another before they are known to be lost. out.mu is
// held.
func (d *Daemon) forgetUplink(name string, ifindex int, outside []netip.Addr) {
	d.out.adopt(outside...)
	d.out.orphans = append(d.out.orphans, outside...)
	if err := d.out.forget(ifindex); err != nil {
		d.log.Warn("uplink stays recorded", "device", name, "err", err)
	}
}

// closeUplink takes an uplink off the worker. out.mu is held.
func (d *Daemon) closeUplink(u *uplink) {
	if u.port == nil {
		return
	}
	u.port = nil
	d.ended("fast path", d.slowDownUplink(u))
	err := d.takeOff(func(w *dataplane.Worker) []dataplane.Port {
		d.router.RoutingChanged()
		d.router.RemoveUplink(u.id)
		return []dataplane.Port{w.RemovePort(u.id)}
	})
	if errors.Is(err, dataplane.ErrStopped) {
		return
	}
	if err != nil {
		d.log.Warn("uplink is not closed cleanly", "device", u.name, "err", err)
	}
	d.log.Info("uplink closed", "device", u.name)
}

// stopUplinks takes everything off the uplinks, also what a dead daemon left.
func (d *Daemon) stopUplinks() error {
	d.out.mu.Lock()
	defer d.out.mu.Unlock()
	d.out.closed = true
	for _, u := range d.out.uplinks {
		d.closeUplink(u)
	}
	clear(d.out.uplinks)
	var errs []error
	for _, r := range d.out.records {
		errs = append(errs, d.steer.DetachUplinkForward(r.Before.Ifindex), d.steer.DetachUplink(r.Before.Ifindex), sweep(r.Before.Ifindex, r.HadClsact), hostnet.RestoreUplink(r.Before))
	}
	d.out.records = nil
	return errors.Join(append(errs, d.out.save())...)
}
