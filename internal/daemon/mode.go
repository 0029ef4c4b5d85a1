package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"ubridge/dataplane"
	"ubridge/internal/config"
	"ubridge/internal/gateway"
	"ubridge/internal/hostnet"
	"ubridge/internal/hostnet/nexthop"
	"ubridge/internal/hostnet/steer"
)

// isolatedGroup is the split-horizon group of guests that reach no other guest; the
// host port is in none.
const isolatedGroup = 1

// routerMode is the mode in the router's words.
func routerMode(m config.Mode) gateway.Mode {
	switch m {
	case config.ModeIsolated, config.ModeHostOnly:
		return gateway.Isolated
	case config.ModeRoute:
		return gateway.Route
	case config.ModeOpen:
		return gateway.Open
	}
	return gateway.NAT
}

// untranslated reports whether guests are reached from outside by their own addresses.
func untranslated(n config.Network) bool {
	return n.Mode == config.ModeRoute || n.Mode == config.ModeOpen
}

// uplinkIndex is the interface index of the device that a routed network is bound to.
func uplinkIndex(n config.Network) int32 {
	if n.Uplink == "" || !n.Routed() {
		return 0
	}
	if found := deviceIndexes([]string{n.Uplink}); len(found) == 1 {
		return found[0]
	}
	return gateway.NoDevice
}

// scope is what the slow path knows of the running networks. Immutable.
type scope struct {
	inside     map[string]insideNet // by host port
	everywhere bool                 // a routed network may be entered by any device
	bound      []string             // devices that networks are bound to
}

// insideNet is one of our networks as the destination of a hop.
type insideNet struct {
	bridge dataplane.BridgeID
	masked bool // another network's guests may come masqueraded, by the host port's device
}

// scopeOf describes the running networks.
func scopeOf(nets map[string]*network) *scope {
	s := &scope{inside: map[string]insideNet{}}
	for _, n := range nets {
		if n.share != nil {
			continue // it is on the LAN: the host has no route to it
		}
		s.inside[n.device] = insideNet{n.bridge, slices.ContainsFunc(sortedNames(nets), func(other string) bool {
			return nets[other] != n && nets[other].masksTo(n)
		})}
		switch {
		case !untranslated(n.def):
		case n.def.Uplink == "":
			s.everywhere = true
		default:
			s.bound = append(s.bound, n.def.Uplink)
		}
	}
	return s
}

// masksTo reports whether guests of n may reach those of to, masqueraded.
func (n *network) masksTo(to *network) bool {
	if n.def.Mode != config.ModeNAT || n.def.Uplink != "" && n.def.Uplink != to.device {
		return false
	}
	return untranslated(to.def) && to.def.Uplink == "" || slices.Contains(n.def.NAT.Egress, to.device)
}

// setPolicy tells the slow path, the steering and the router which networks run now.
func (d *Daemon) setPolicy() {
	policy := nexthop.Policy{HostPorts: d.hostPorts()}
	var routed []steer.Routed
	for _, n := range d.nets {
		policy.Egress = append(policy.Egress, n.def.NAT.Egress...)
		policy.All = policy.All || n.def.Mode == config.ModeOpen && n.def.Uplink == ""
		if untranslated(n.def) {
			policy.Egress = append(policy.Egress, n.device)
			routed = append(routed, routedSubnet(n.addr))
		}
	}
	d.out.follower.SetPolicy(policy)
	d.out.scope.Store(scopeOf(d.nets))
	if err := d.setRouted(routed); err != nil {
		d.log.Error("packets to routed networks are left to the host", "err", err)
	}
	d.worker.Post(func(*dataplane.Worker) { d.router.RoutingChanged() })
	d.openEntries(d.ctx)
}

func routedSubnet(gateway netip.Prefix) steer.Routed {
	return steer.Routed{Subnet: gateway.Masked(), Host: gateway.Addr()}
}

// setRouted has packets to the routed subnets come to us, and not to the host.
func (d *Daemon) setRouted(subnets []steer.Routed) error {
	err := d.steer.SetRouted(subnets)
	if d.steer.FilterFD() >= 0 {
		return err
	}
	d.out.mu.Lock()
	defer d.out.mu.Unlock()
	for _, u := range d.out.uplinks {
		if u.port != nil {
			err = errors.Join(err, d.steer.AttachFilter(u.port.FD()))
		}
	}
	return err
}

// routedBefore are the subnets that a daemon which was killed routed: its steering
// hides their packets from the host still, and so does ours from the start.
func (d *Daemon) routedBefore() (subnets []steer.Routed) {
	for name, def := range d.defs {
		st := d.state.Networks[name]
		if d.crashed() && untranslated(def.Network) && st != nil && st.Running && st.Address.IsValid() {
			subnets = append(subnets, routedSubnet(st.Address))
		}
	}
	return subnets
}

// entrySettle is how long changes of the host's routes are gathered before the devices
// are looked at: a routing daemon makes many at once.
const entrySettle = 100 * time.Millisecond

// maxEntries bounds the devices that are opened only because a route leaves by them:
// each has a ring of its own.
const maxEntries = 64

// followEntries keeps the devices by which others may reach routed networks open.
func (d *Daemon) followEntries(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.out.moved:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(entrySettle):
		}
		d.openEntries(ctx)
	}
}

// routesMoved tells followEntries that the host's routes or devices changed.
func (o *wayOut) routesMoved() {
	select {
	case o.moved <- struct{}{}:
	default:
	}
}

// openEntries opens the devices by which others may reach routed networks. Nobody
// inside needs to have sent anything for that.
func (d *Daemon) openEntries(ctx context.Context) {
	s := d.out.scope.Load()
	if !s.everywhere && len(s.bound) == 0 {
		return
	}
	var devices []nexthop.Device
	if s.everywhere {
		var err error
		if devices, err = d.out.follower.Entries(); err != nil {
			d.out.troubles.say(d.log, "ways to routed networks are not known", err)
		}
	}
	for _, name := range s.bound {
		if dev, err := hostnet.DeviceInfo(name); err == nil {
			devices = append(devices, nexthop.Device{Ifindex: dev.Ifindex, Name: dev.Name, L3: dev.L3})
		}
	}
	for _, dev := range devices {
		if err := d.openEntry(ctx, dev); err != nil && !errors.Is(err, context.Canceled) {
			d.out.troubles.say(d.log, "uplink is not opened", err, "device", dev.Name)
		}
	}
}

// openEntry makes a device an uplink that no flow uses yet.
func (d *Daemon) openEntry(ctx context.Context, dev nexthop.Device) error {
	d.out.mu.Lock()
	defer d.out.mu.Unlock()
	u := d.out.uplinks[dev.Ifindex]
	switch {
	case d.out.closed:
		return context.Canceled
	case u == nil && len(d.out.uplinks) >= maxEntries:
		return fmt.Errorf("%d devices are open as ways to routed networks: name the one that is meant as uplink in the network's definition, such as uplink = %q", maxEntries, dev.Name)
	case u == nil:
		u = &uplink{name: dev.Name, ifindex: dev.Ifindex, l3: dev.L3, id: dataplane.NoPort}
		d.out.uplinks[u.ifindex] = u
	case u.port != nil:
		return nil
	}
	return d.attachUplink(ctx, u)
}

// saidUplink says when the device that a network is bound to goes and comes.
func (n *network) saidUplink(there bool) {
	switch {
	case !there && !n.noUplink:
		n.log.Warn("the uplink's device is not there: nothing leaves or enters until it comes", "uplink", n.def.Uplink)
	case there && n.noUplink:
		n.log.Info("the uplink's device is there", "uplink", n.def.Uplink)
	}
	n.noUplink = !there
}
