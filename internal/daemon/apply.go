package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"ubridge/dataplane"
	"ubridge/internal/api"
	"ubridge/internal/config"
	"ubridge/internal/gateway"
	"ubridge/internal/hostnet"
	"ubridge/internal/plan"
)

// checkChange refuses what cannot be done, before anything is touched.
func (d *Daemon) checkChange(ctx context.Context, c *change) error {
	if c.config != nil {
		if err := d.admissible(*c.config); err != nil {
			return err
		}
	}
	if c.n == nil {
		return nil
	}
	if err := d.admissible(c.to); err != nil {
		return err
	}
	if err := d.checkPorts(c); err != nil {
		return err
	}
	if err := checkLater(c); err != nil {
		return err
	}
	if c.n.dhcp == nil || !slices.Contains(plan.Parts(c.steps), plan.Leases) {
		return nil
	}
	was := c.n.def
	c.n.def = c.to
	cfg := c.n.dhcpConfig()
	c.n.def = was
	if err := c.n.dhcp.Check(ctx, cfg); err != nil {
		return api.Errorf(api.Conflict, "network %s: %v", c.name, err)
	}
	return nil
}

// checkPorts refuses devices that cannot become ports.
func (d *Daemon) checkPorts(c *change) error {
	for _, port := range c.added {
		if other := d.state.port(port); other != nil && other.Network != c.name {
			return api.Errorf(api.Conflict, "%s is a port of network %s: `ubridge port del %s %s` first", port, other.Network, other.Network, port)
		}
		if err := d.checkPort(c.n, api.AddPortRequest{Port: port}); err != nil {
			return err
		}
		dev, err := hostnet.DeviceInfo(port)
		if errors.Is(err, hostnet.ErrNoDevice) {
			continue // it is attached when it comes
		}
		if err == nil {
			err = dev.Attachable()
		}
		if err != nil {
			return api.Errorf(api.Conflict, "%v", err)
		}
	}
	return nil
}

// checkLater refuses what would keep the network from starting again.
func checkLater(c *change) error {
	if c.config == nil || c.config.Mode == config.ModeBridge {
		return nil
	}
	next := c.n.effective(*c.config)
	if next.Address.Masked() != c.n.addr.Masked() {
		what, taken, err := hostnet.Conflict(next.Address.Masked(), c.n.device)
		if err != nil {
			return err
		}
		if taken {
			return api.Errorf(api.Conflict, "network %s: the subnet %s is in use on this host (%s): use another", c.name, next.Address.Masked(), what)
		}
	}
	if next.Bridge != c.n.device {
		if _, err := net.InterfaceByName(next.Bridge); err == nil {
			return api.Errorf(api.Conflict, "network %s: the host has a device %s already: use another name for the bridge", c.name, next.Bridge)
		}
	}
	return nil
}

// makeChange does what was checked: the parts of what runs, then the definition.
// When one fails, everything is put back.
func (d *Daemon) makeChange(ctx context.Context, c *change) (err error) {
	ctx = context.WithoutCancel(ctx) // a client that goes away must not leave half of it
	var done undo
	if err := d.openJournal(c, &done); err != nil {
		return err
	}
	defer func() {
		if err == nil {
			err = d.closeJournal()
		}
		if err != nil {
			err = d.putBack(c, err, &done)
			return
		}
		d.lifecycle(c.name, "updated")
	}()
	if c.n != nil {
		if err := d.applyParts(ctx, c, &done); err != nil {
			return err
		}
	}
	return d.keepChange(c, &done)
}

// putBack undoes a change that failed, and says what came of it.
func (d *Daemon) putBack(c *change, why error, done *undo) error {
	left := done.run()
	d.log.Error("change failed", "network", c.name, "err", why, "undo", left)
	if left != nil {
		return fmt.Errorf("network %s could not be put back whole: %w", c.name, errors.Join(why, left))
	}
	return fmt.Errorf("network %s is as it was: %w", c.name, why)
}

// keepChange makes a change durable.
func (d *Daemon) keepChange(c *change, done *undo) error {
	if c.config != nil {
		was := d.defs[c.name]
		if err := d.store(*c.config); err != nil {
			return err // the old one stays
		}
		done.add(func() error { return d.store(was.Network) })
	}
	n := d.nets[c.name]
	if n == nil {
		return nil
	}
	done.add(func() error { return d.rememberRunning(n) })
	return d.rememberRunning(n)
}

// applyParts makes the parts of a running network that differ as c.to has them.
func (d *Daemon) applyParts(ctx context.Context, c *change, done *undo) error {
	n, was := c.n, c.n.def
	var touched []plan.Part
	done.add(func() (err error) {
		n.def = was
		for _, p := range slices.Backward(touched) {
			err = errors.Join(err, d.apply(ctx, c, p, true))
		}
		return err
	})
	n.def = c.to
	for _, p := range plan.Parts(c.steps) {
		touched = append(touched, p)
		if err := d.apply(ctx, c, p, false); err != nil {
			return fmt.Errorf("%v: %w", p, err)
		}
	}
	d.adoption.look() // what is to be adopted may be another
	return nil
}

// apply makes one part of a running network as its definition has it now; back
// says that it was something else, and is put back.
func (d *Daemon) apply(ctx context.Context, c *change, p plan.Part, back bool) error {
	n := c.n
	switch p {
	case plan.Leases:
		if n.dhcp != nil {
			return n.dhcp.Reconfigure(ctx, n.dhcpConfig())
		}
	case plan.Names:
		if n.names != nil {
			n.names.Reconfigure(n.dnsConfig())
		}
	case plan.Resolvers:
		if n.names != nil {
			n.names.SetUpstreams(n.def.DNS.Upstreams)
		}
	case plan.Stations:
		return d.applyStations(ctx, n)
	case plan.Link:
		return d.applyMTU(ctx, n)
	case plan.Way:
		return d.applyWay(ctx, n)
	case plan.Horizon:
		return d.applyHorizon(ctx, n)
	case plan.Members:
		if back {
			return d.dropPorts(n, c.added)
		}
		return d.takePorts(n, c.added)
	}
	return nil
}

// applyWay sets where packets may go.
func (d *Daemon) applyWay(ctx context.Context, n *network) error {
	devices, uplink := deviceIndexes(n.def.NAT.Egress), uplinkIndex(n.def)
	n.saidUplink(uplink != gateway.NoDevice)
	d.setPolicy()
	return d.worker.Do(ctx, func(*dataplane.Worker) {
		d.router.SetEgress(n.bridge, devices)
		d.router.SetUplink(n.bridge, uplink)
	})
}

// applyHorizon sets whether guests reach one another.
func (d *Daemon) applyHorizon(ctx context.Context, n *network) error {
	group := uint8(0)
	if n.def.PortsIsolated() {
		group = isolatedGroup
	}
	err := d.worker.Do(ctx, func(w *dataplane.Worker) {
		for _, a := range n.ports {
			if a.port != nil {
				w.SetPortGroup(dataplane.PortID(a.st.ID), group)
			}
		}
	})
	return errors.Join(err, d.fastFloor(n))
}

func (d *Daemon) applyStations(ctx context.Context, n *network) error {
	var failed error
	err := d.worker.Do(ctx, func(w *dataplane.Worker) {
		if b := w.Bridge(n.bridge); b != nil {
			b.FDB().SetPortLimit(n.def.LearnLimit)
			failed = b.FDB().SetAgeing(n.def.Ageing)
		}
	})
	return errors.Join(err, failed)
}

// applyMTU sets the MTU of the host port, of the taps that we made, and of what
// the router says of the network. Other devices are their owners'.
func (d *Daemon) applyMTU(ctx context.Context, n *network) error {
	mtu := n.linkMTU()
	if n.host != nil {
		if err := hostnet.SetMTU(n.device, mtu); err != nil {
			return err
		}
	}
	for _, a := range n.ports {
		if a.st.Made == nil {
			continue
		}
		if err := hostnet.SetMTU(a.st.Name, mtu); err != nil && !errors.Is(err, hostnet.ErrNoDevice) {
			return err
		}
	}
	err := d.worker.Do(ctx, func(*dataplane.Worker) {
		d.router.SetMTU(n.bridge, mtu)
		if n.host != nil {
			n.host.SetMTU(mtu)
		}
		for _, a := range n.ports {
			if a.st.Made != nil && a.port != nil {
				a.mtu = mtu
				a.port.SetMTU(mtu)
			}
		}
	})
	return errors.Join(err, d.fastFloor(n))
}

// takePorts makes devices ports of a running network, those that are not there
// when they come.
func (d *Daemon) takePorts(n *network, names []string) error {
	for _, name := range names {
		if n.ports[name] != nil {
			continue
		}
		st := &portState{Network: n.name, Name: name, ID: d.state.freeID()}
		d.state.Ports = append(d.state.Ports, st)
		if err := d.state.save(); err != nil {
			return err
		}
		a := &attachment{st: st}
		n.ports[name] = a
		d.portEvent(n, name, "added")
		d.reconcile(n, a)
		if a.problem != "" {
			return fmt.Errorf("port %s is not attached: %s", name, a.problem)
		}
	}
	return nil
}

// dropPorts undoes takePorts.
func (d *Daemon) dropPorts(n *network, names []string) (err error) {
	for _, name := range names {
		d.state.removePort(name)
		if a := n.ports[name]; a != nil {
			delete(n.ports, name)
			err = errors.Join(err, d.detach(n, a))
			d.portEvent(n, name, "removed")
		}
	}
	return errors.Join(err, d.state.save())
}
