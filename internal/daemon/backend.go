package daemon

import (
	"context"
	"errors"
	"net/netip"

	"ubridge/dataplane"
	"ubridge/internal/api"
	"ubridge/internal/config"
	"ubridge/internal/hostnet"
)

// backend is the daemon as the control API sees it.
type backend struct{ d *Daemon }

var _ api.Backend = backend{}

// Networks implements api.Backend.
func (b backend) Networks(context.Context) (list []api.Network, _ error) {
	b.d.mu.Lock()
	defer b.d.mu.Unlock()
	for _, name := range b.d.names() {
		list = append(list, b.d.describe(name))
	}
	return list, nil
}

// names are the networks that are defined or running.
func (d *Daemon) names() []string {
	all := map[string]bool{}
	for name := range d.defs {
		all[name] = true
	}
	for name := range d.nets {
		all[name] = true
	}
	return sortedNames(all)
}

// describe is a network's line in `net list`.
func (d *Daemon) describe(name string) api.Network {
	def, defined := d.defs[name]
	n := d.nets[name]
	out := api.Network{Name: name, Mode: string(def.Mode), Active: n != nil, Autostart: def.Autostart, Persistent: defined, Bridge: def.Bridge}
	if st := d.state.Networks[name]; st != nil && out.Bridge == "" {
		out.Bridge = st.Bridge
	}
	switch {
	case n != nil:
		out.Mode, out.Bridge = string(n.def.Mode), n.st.Bridge
		out.Subnets = []string{}
		if n.addr.IsValid() {
			out.Subnets = append(out.Subnets, n.addr.Masked().String())
		}
	case def.Pinned():
		out.Subnets = []string{def.Address.Masked().String()}
	default:
		out.Subnets = []string{}
	}
	return out
}

// Create implements api.Backend.
func (b backend) Create(ctx context.Context, r api.CreateRequest) (info api.NetworkInfo, err error) {
	def, err := definitionOf(r)
	if err != nil {
		return info, err
	}
	if err := b.create(ctx, def, r.XML != ""); err != nil {
		return info, err
	}
	return b.Network(ctx, def.Name)
}

// create starts a network that is defined with it, or runs without being defined;
// what does not start is not left behind.
func (b backend) create(ctx context.Context, def config.Network, transient bool) error {
	d := b.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, exists := d.defs[def.Name]; exists {
		return api.Errorf(api.Conflict, "network %s exists already: `ubridge net start %s` starts it", def.Name, def.Name)
	}
	if d.nets[def.Name] != nil {
		return api.Errorf(api.Conflict, "network %s runs already: `ubridge net stop %s` ends it", def.Name, def.Name)
	}
	if transient {
		return d.createTransient(ctx, def)
	}
	if err := d.define(def); err != nil {
		return err
	}
	if err := d.startNetwork(ctx, d.defs[def.Name].Network); err != nil {
		_ = d.forget(def.Name) // the first error tells more
		return err
	}
	d.setPolicy()
	d.lifecycle(def.Name, "defined")
	d.lifecycle(def.Name, "started")
	return nil
}

// definitionOf makes a definition of a request's fields.
func definitionOf(r api.CreateRequest) (config.Network, error) {
	if r.XML != "" {
		n, _, err := config.ParseLibvirt(r.File, []byte(r.XML))
		if err != nil {
			return n, api.Errorf(api.Usage, "%v", err)
		}
		n.Autostart = false // it is transient
		return n, nil
	}
	if r.TOML != "" {
		n, err := config.ParseNetwork(r.Name, []byte(r.TOML))
		if err != nil {
			return n, api.Errorf(api.Usage, "%v", err)
		}
		n.Autostart = true
		return n, nil
	}
	n := config.Default(r.Name)
	if r.Mode != "" {
		n = config.DefaultIn(r.Name, config.Mode(r.Mode))
	}
	n.Autostart, n.MTU, n.Domain, n.Bridge, n.Uplink = true, r.MTU, r.Domain, r.Bridge, r.Uplink
	n.FastPath = config.FastPath(r.FastPath)
	if r.Subnet != "" {
		subnet, err := config.ParseSubnet(r.Subnet)
		if err != nil {
			return n, api.Errorf(api.Usage, "%v", err)
		}
		n.Address = subnet
	}
	return n, nil
}

// Define implements api.Backend.
func (b backend) Define(ctx context.Context, r api.DefineRequest) (info api.NetworkInfo, err error) {
	var n config.Network
	if r.XML != "" {
		n, _, err = config.ParseLibvirt(r.File, []byte(r.XML))
	} else {
		n, err = config.ParseNetwork(r.Name, []byte(r.TOML))
	}
	if err != nil {
		return info, api.Errorf(api.Usage, "%v", err)
	}
	if err := b.define(n, r.XML != ""); err != nil {
		return info, err
	}
	info, err = b.Network(ctx, n.Name)
	info.NotInForce = n.NotInForce() // of this definition; the one that runs may be another
	return info, err
}

// define stores a definition. One in libvirt's form does not say whether the
// network is started with the daemon, so that stays as it is.
func (b backend) define(n config.Network, xml bool) error {
	b.d.mu.Lock()
	defer b.d.mu.Unlock()
	n.Autostart = n.Autostart || xml && b.d.defs[n.Name].Autostart
	if err := b.d.define(n); err != nil {
		return err
	}
	b.d.lifecycle(n.Name, "defined")
	if running := b.d.nets[n.Name]; running != nil { // it goes on as it is
		return b.d.rememberRunning(running)
	}
	return nil
}

// Undefine implements api.Backend.
func (b backend) Undefine(_ context.Context, name string) error {
	b.d.mu.Lock()
	defer b.d.mu.Unlock()
	if _, defined := b.d.defs[name]; !defined && b.d.nets[name] != nil {
		return api.Errorf(api.Conflict, "network %s is transient: `ubridge net stop %s` ends it", name, name)
	}
	def, err := b.d.definition(name)
	if err != nil {
		return err
	}
	if def.readOnly {
		return api.Errorf(api.Conflict, "network %s is defined by the administrator: remove %s", name, def.Origin.File)
	}
	err = b.d.forget(name)
	b.d.lifecycle(name, "undefined")
	return err
}

// forgetPorts drops the remembered ports of a network that is no more, and lets
// go of those that a dead daemon left attached.
func (d *Daemon) forgetPorts(name string) (err error) {
	kept := d.state.Ports[:0]
	for _, p := range d.state.Ports {
		if p.Network != name {
			kept = append(kept, p)
			continue
		}
		err = errors.Join(err, d.letGo(p))
	}
	d.state.Ports = kept
	if st := d.state.Networks[name]; st != nil {
		err = errors.Join(err, d.unshare(st))
	}
	delete(d.state.Networks, name)
	return err
}

// Start implements api.Backend.
func (b backend) Start(ctx context.Context, name string) error {
	b.d.mu.Lock()
	defer b.d.mu.Unlock()
	if b.d.nets[name] != nil {
		return api.Errorf(api.Conflict, "network %s is active already", name)
	}
	def, err := b.d.definition(name)
	if err != nil {
		return err
	}
	if err := b.d.startNetwork(ctx, def.Network); err != nil {
		return err
	}
	b.d.setPolicy()
	b.d.lifecycle(name, "started")
	return nil
}

// Stop implements api.Backend.
func (b backend) Stop(_ context.Context, name string) error {
	b.d.mu.Lock()
	defer b.d.mu.Unlock()
	n := b.d.nets[name]
	if n == nil {
		if _, err := b.d.definition(name); err != nil {
			return err
		}
		return api.Errorf(api.Conflict, "network %s is not active", name)
	}
	err := errors.Join(b.d.stopNetwork(n), b.d.endTransient(name))
	b.d.setPolicy()
	b.d.lifecycle(name, "stopped")
	return err
}

// Network implements api.Backend.
func (b backend) Network(ctx context.Context, name string) (info api.NetworkInfo, err error) {
	b.d.mu.Lock()
	n, def, defined := b.d.nets[name], b.d.defs[name], b.d.defs[name].Name != ""
	if n == nil && !defined {
		b.d.mu.Unlock()
		return info, api.Errorf(api.NotFound, "no network named %s: see `ubridge net list`", name)
	}
	info.Network = b.d.describe(name)
	info.ReadOnly, info.File = def.readOnly, def.Origin.File
	shown := def.Network
	if n != nil {
		shown = n.def
		if defined {
			info.Pending = n.pending(def.Network)
		}
	}
	info.UUID, err = b.d.uuid(shown)
	b.d.mu.Unlock()
	if err != nil {
		return info, err
	}
	configured(&info, shown)
	info.FastPath.Mode = string(shown.FastPathMode(b.d.cfg.FastPath))
	if n == nil {
		info.Drops = map[string]uint64{}
		return info, nil
	}
	b.running(ctx, &info, n, shown)
	return info, nil
}

// configured fills in what the definition says.
func configured(info *api.NetworkInfo, def config.Network) {
	info.MTU, info.Domain, info.NotInForce = def.LinkMTU(), def.Domain, def.NotInForce()
	info.DHCP, info.DNS = def.DHCP.Enabled, def.DNS.Enabled
	info.IsolatedPorts = def.PortsIsolated()
	info.LeaseTime = int64(def.DHCP.LeaseTime.Seconds())
	if def.DHCP.LeaseTime == config.InfiniteLease {
		info.LeaseTime = 0
	}
	info.LeaseRange, info.Upstreams = []string{}, []string{}
	info.Adopt = def.Adopt.Texts()
	if def.Pinned() {
		info.Gateway = def.Address.String()
		info.LeaseRange = ranges(def, def.Address)
	}
}

func ranges(def config.Network, addr netip.Prefix) []string {
	list := []string{}
	for _, r := range def.Pool(addr) {
		list = append(list, r.String())
	}
	return list
}

// running fills in what only a running network has.
func (b backend) running(ctx context.Context, info *api.NetworkInfo, n *network, def config.Network) {
	b.d.mu.Lock() // the NIC's may change
	info.FastPath.Ports, info.FastPath.Off = b.d.fastPorts(n)
	if info.Problem = n.problem(); n.share != nil {
		info.MTU = n.linkMTU()
	}
	b.d.mu.Unlock()
	if n.addr.IsValid() {
		info.Gateway, info.GatewayMAC = n.addr.String(), n.mac.String()
	}
	if def.DHCP.Enabled {
		info.LeaseRange = ranges(def, n.addr)
	}
	if n.names != nil {
		for _, u := range n.names.Status().Resolvers {
			info.Upstreams = append(info.Upstreams, u.Addr.String())
		}
	}
	info.Uplink, info.UplinkAddr = b.d.uplinkOf(n)
	st := b.d.status(ctx, n)
	info.Counts, info.Counters = st.Counts, st.Counters
	info.Loops = b.d.loopsOf(ctx, n)
}

// uplinkOf is the device by which guests' packets leave, and the host's address
// there: the one that the network is bound to or shares, or that of the host's
// default route; empty for a network that nothing leaves.
func (d *Daemon) uplinkOf(n *network) (device, address string) {
	def := d.inForce(n)
	switch {
	case def.Uplink != "":
		return def.Uplink, addressOn(def.Uplink)
	case def.Routed():
		return d.defaultUplink()
	}
	return "", ""
}

// inForce is a copy of the definition that is in force; its Uplink goes by the name
// that a shared NIC has now.
func (d *Daemon) inForce(n *network) config.Network {
	d.mu.Lock()
	defer d.mu.Unlock()
	def := n.def
	if n.share != nil {
		def.Uplink = n.share.name
	}
	return def
}

// addressOn is the host's first IPv4 address on a device; empty for none.
func addressOn(device string) string {
	dev, err := hostnet.DeviceInfo(device)
	if err != nil {
		return ""
	}
	for _, a := range dev.Addresses {
		if a.Addr().Is4() {
			return a.Addr().String()
		}
	}
	return ""
}

// defaultUplink is the device, and the host's address there, of the host's
// IPv4 default route; empty for none.
func (d *Daemon) defaultUplink() (device, address string) {
	routes, err := hostnet.DefaultRoutes()
	if err != nil {
		return "", ""
	}
	for _, r := range routes {
		if r.Family == 4 {
			return r.Device, addressOn(r.Device)
		}
	}
	return "", ""
}

// drops names the reasons that are not zero.
func drops(c *dataplane.Counters) map[string]uint64 {
	out := map[string]uint64{}
	for reason, n := range c.Drops {
		if n > 0 {
			out[reasonName(reason)] = n
		}
	}
	return out
}
