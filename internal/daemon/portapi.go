package daemon

import (
	"context"
	"errors"
	"math"
	"os/user"
	"strconv"

	"ubridge/dataplane"
	"ubridge/dataplane/afpacket"
	"ubridge/dataplane/frame"
	"ubridge/internal/api"
	"ubridge/internal/config"
	"ubridge/internal/hostnet"
)

func reasonName(reason int) string { return frame.Reason(reason).String() }

// AddPort implements api.Backend.
func (b backend) AddPort(ctx context.Context, r api.AddPortRequest) (api.Port, error) {
	b.d.mu.Lock()
	defer b.d.mu.Unlock()
	n, err := b.d.runningNetwork(r.Network)
	if err != nil {
		return api.Port{}, err
	}
	if err := b.d.checkPort(n, r); err != nil {
		return api.Port{}, err
	}
	b.d.letOn(r.Port)
	if n.ports[r.Port] == nil {
		if err := b.d.addNewPort(n, r); err != nil {
			return api.Port{}, err
		}
	}
	if err := b.d.byHand(n, n.ports[r.Port], r); err != nil {
		return api.Port{}, err
	}
	return b.d.portLine(ctx, n, n.ports[r.Port])
}

// runningNetwork finds a running network; NotFound or Conflict else.
func (d *Daemon) runningNetwork(name string) (*network, error) {
	if n := d.nets[name]; n != nil {
		return n, nil
	}
	if _, err := d.definition(name); err != nil {
		return nil, err
	}
	return nil, api.Errorf(api.Conflict, "network %s is not active: `ubridge net start %s`", name, name)
}

// checkPort refuses what cannot become a port.
func (d *Daemon) checkPort(n *network, r api.AddPortRequest) error {
	if err := config.CheckDevice(r.Port); err != nil {
		return api.Errorf(api.Usage, "%v", err)
	}
	if _, err := guestOf(r.Domain, r.MAC, false); err != nil {
		return err
	}
	if r.Owner != "" && r.Group != "" {
		return api.Errorf(api.Usage, "give --owner or --group: a tap with both opens only for those who are both")
	}
	if other := d.state.port(r.Port); other != nil && other.Network != n.name {
		if d.known(other.Network) == nil {
			return api.Errorf(api.Conflict, "%s is a port of network %s: `ubridge port del %s %s` first", r.Port, other.Network, other.Network, r.Port)
		}
		// The definition was taken away, so that nobody can delete its ports.
		d.state.removePort(r.Port)
		if err := d.letGo(other); err != nil {
			return err
		}
	}
	for _, running := range d.nets {
		if running.st.Bridge == r.Port {
			return api.Errorf(api.Conflict, "%s is the host port of network %s", r.Port, running.name)
		}
		if running.share != nil && running.share.name == r.Port {
			return api.Errorf(api.Conflict, "%s is the NIC that network %s shares with the host", r.Port, running.name)
		}
	}
	return nil
}

// addNewPort makes the tap, if there is no such device, attaches it and
// remembers it; what fails is undone.
func (d *Daemon) addNewPort(n *network, r api.AddPortRequest) error {
	st, err := d.newPort(n, r.Port)
	if err != nil {
		return err
	}
	dev, err := hostnet.DeviceInfo(r.Port)
	switch {
	case errors.Is(err, hostnet.ErrNoDevice) && r.Present:
		return api.Errorf(api.NotFound, "there is no device %s", r.Port)
	case errors.Is(err, hostnet.ErrNoDevice):
		if st.Made, err = newTap(r); err != nil {
			return err
		}
	case err != nil:
		return err
	case r.Owner != "" || r.Group != "" || r.Queues > 1:
		return api.Errorf(api.Conflict, "%s is there already: --owner, --group and --queues are for a tap that ubridge makes", r.Port)
	default:
		if err := dev.Attachable(); err != nil {
			return api.Errorf(api.Conflict, "%v", err)
		}
	}
	return d.join(n, st)
}

// join remembers a port, makes its tap and attaches it.
func (d *Daemon) join(n *network, st *portState) (err error) {
	a := &attachment{st: st}
	defer func() {
		if err != nil {
			delete(n.ports, st.Name)
			d.state.removePort(st.Name)
			err = errors.Join(err, d.detach(n, a), d.state.save())
		}
	}()
	d.state.Ports = append(d.state.Ports, st)
	if err := d.state.save(); err != nil {
		st.Made = nil // nothing is made yet
		return err
	}
	if st.Made != nil {
		if err := hostnet.MakeTap(st.Made.spec(n, st.Name)); err != nil {
			st.Made = nil // a device of that name, if there is one, is not ours to remove
			return err
		}
	}
	n.ports[st.Name] = a
	d.portEvent(n, st.Name, "added")
	d.reconcile(n, a)
	if a.port == nil {
		d.portEvent(n, st.Name, "removed")
		return api.Errorf(api.Failed, "port %s is not attached: %s", st.Name, a.problem)
	}
	return nil
}

// newTap reads who may open the tap. A number needs no entry in the host's user
// database, as with chown: the guest's user may exist in a container only.
func newTap(r api.AddPortRequest) (*madeTap, error) {
	t := &madeTap{Queues: max(r.Queues, 1)}
	if id := r.Owner; id != "" {
		if u, err := user.Lookup(id); err == nil {
			id = u.Uid
		}
		if t.Owner = number(id); t.Owner == nil {
			return nil, api.Errorf(api.Usage, "--owner: no user %q on this host", r.Owner)
		}
	}
	if id := r.Group; id != "" {
		if g, err := user.LookupGroup(id); err == nil {
			id = g.Gid
		}
		if t.Group = number(id); t.Group == nil {
			return nil, api.Errorf(api.Usage, "--group: no group %q on this host", r.Group)
		}
	}
	return t, nil
}

// number reads a user's or group's id; nil for what is none.
func number(id string) *uint32 {
	v, err := strconv.ParseUint(id, 10, 32)
	if err != nil || v == math.MaxUint32 { // -1 is nobody's, and would open the tap to all
		return nil
	}
	return ptr(uint32(v))
}

// DeletePort implements api.Backend.
func (b backend) DeletePort(_ context.Context, r api.DeletePortRequest) error {
	d := b.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.definition(r.Network); err != nil && d.nets[r.Network] == nil {
		return err
	}
	st := d.state.port(r.Port)
	if st == nil || st.Network != r.Network {
		return api.Errorf(api.NotFound, "%s is no port of network %s: see `ubridge port list`", r.Port, r.Network)
	}
	err := d.dropPort(st)
	if n := d.nets[r.Network]; n != nil {
		d.followGuests(n)
	}
	d.keepOff(r.Port)
	return errors.Join(err, d.state.save())
}

// Ports implements api.Backend.
func (b backend) Ports(ctx context.Context, name string) (list []api.Port, err error) {
	b.d.mu.Lock()
	defer b.d.mu.Unlock()
	list = []api.Port{}
	if err := b.d.known(name); err != nil {
		return nil, err
	}
	for _, net := range sortedNames(b.d.nets) {
		if name != "" && net != name {
			continue
		}
		n := b.d.nets[net]
		list = append(list, b.d.hostLine(ctx, n))
		if n.share != nil {
			list = append(list, b.d.nicLine(ctx, n))
		}
		for _, port := range n.portNames() {
			line, err := b.d.portLine(ctx, n, n.ports[port])
			if err != nil {
				return nil, err
			}
			list = append(list, line)
		}
	}
	if name == "" {
		list = append(append(list, b.d.uplinkLines(ctx)...), b.d.routerLine(ctx))
	}
	return list, nil
}

// known reports NotFound for a network that is neither defined nor running; the
// empty name means all.
func (d *Daemon) known(name string) error {
	if name == "" || d.nets[name] != nil {
		return nil
	}
	_, err := d.definition(name)
	return err
}

// portLine is a port's line in `port list`.
func (d *Daemon) portLine(ctx context.Context, n *network, a *attachment) (api.Port, error) {
	p := api.Port{Network: n.name, Name: a.st.Name, Kind: api.KindDevice, State: api.StateAbsent, ID: int(a.st.ID)}
	p.Drops = map[string]uint64{}
	p.Transient = a.st.Transient != nil
	if a.st.Guest != nil {
		p.Domain = a.st.Guest.Domain
	}
	if a.st.Made != nil {
		p.Kind, p.Queues = api.KindTap, a.st.Made.Queues
	}
	if a.port == nil {
		return p, nil
	}
	dev, err := hostnet.DeviceInfo(a.st.Name)
	if err == nil {
		p.Kind, p.MTU, p.State = kindOf(dev), dev.MTU, stateOf(dev)
	}
	p.FastPath, p.FastPathOff = d.fast.device(dataplane.PortID(a.st.ID)) != 0, a.slow
	p.Counters = d.counters(ctx, dataplane.PortID(a.st.ID))
	addRingDrops(p.Drops, a.port)
	p.Loop = d.loops(ctx)[dataplane.PortID(a.st.ID)].With
	return p, nil
}

func kindOf(dev hostnet.Device) string {
	switch dev.Kind {
	case "tap":
		return api.KindTap
	case "veth":
		return api.KindVeth
	}
	return api.KindDevice
}

func stateOf(dev hostnet.Device) string {
	if dev.Up && dev.Carrier {
		return api.StateUp
	}
	return api.StateDown
}

// hostLine is the host port's line.
func (d *Daemon) hostLine(ctx context.Context, n *network) api.Port {
	return api.Port{
		Network: n.name, Name: n.st.Bridge, Kind: api.KindHost, State: api.StateUp, MTU: n.linkMTU(), ID: int(n.st.HostID),
		Loop:     d.loops(ctx)[dataplane.PortID(n.st.HostID)].With,
		FastPath: d.fast.device(dataplane.PortID(n.st.HostID)) != 0,
		Counters: d.counters(ctx, dataplane.PortID(n.st.HostID)),
	}
}

// uplinkLines are the lines of the uplinks, which belong to no network.
func (d *Daemon) uplinkLines(ctx context.Context) (list []api.Port) {
	d.out.mu.Lock()
	defer d.out.mu.Unlock()
	for _, u := range d.out.uplinks {
		if u.port != nil {
			p := api.Port{Name: u.name, Kind: api.KindUplink, State: api.StateUp, MTU: u.mtu, Counters: d.counters(ctx, u.id)}
			addRingDrops(p.Drops, u.port)
			list = append(list, p)
		}
	}
	return list
}

// routerLine is the line of what the router dropped of frames that it kept or
// made itself.
func (d *Daemon) routerLine(ctx context.Context) api.Port {
	var c dataplane.Counters
	_ = d.worker.Do(ctx, func(w *dataplane.Worker) { c = w.RouterDrops() }) // none once it has stopped
	return api.Port{Name: "router", Kind: api.KindRouter, State: api.StateUp, Counters: api.Counters{Drops: drops(&c)}}
}

// counters are a port's totals; zero once the dataplane has stopped.
func (d *Daemon) counters(ctx context.Context, id dataplane.PortID) api.Counters {
	var info dataplane.PortInfo
	_ = d.worker.Do(ctx, func(w *dataplane.Worker) { info, _ = w.Port(id) })
	c := &info.Counters
	all := api.Counters{RxFrames: c.RxFrames, RxBytes: c.RxBytes, TxFrames: c.TxFrames, TxBytes: c.TxBytes, Drops: drops(c)}
	d.addFast(&all, id)
	return all
}

// addRingDrops adds what the kernel dropped since the port's receive ring was
// full.
func addRingDrops(drops map[string]uint64, p *afpacket.Port) {
	if s, err := p.Stats(); err == nil && s.Dropped > 0 {
		drops[frame.RingFull.String()] += s.Dropped
	}
}
