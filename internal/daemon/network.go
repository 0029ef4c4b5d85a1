package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"net"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ubridge/dataplane"
	"ubridge/dataplane/tap"
	"ubridge/dhcpd"
	"ubridge/dhcpd/leasefile"
	"ubridge/dnsfwd/upstream"
	"ubridge/fdb"
	"ubridge/internal/config"
	"ubridge/internal/gateway"
	"ubridge/internal/hostnet"
	"ubridge/internal/libvirtfiles"
	"ubridge/internal/shm"
	"ubridge/internal/wire"
)

// network is a running network.
type network struct {
	name   string
	def    config.Network // in force; changes while the network runs, guarded by Daemon.mu
	st     *netState
	addr   netip.Prefix // gateway and prefix length
	device string       // of the host port; as st.Bridge, which belongs to the next start of the network too
	mac    wire.MAC     // of the gateway; as st.MAC
	bridge dataplane.BridgeID
	ports  map[string]*attachment // by device

	host  *tap.Port // owned by the worker
	table *shm.File // of the fdb
	dhcp  *gateway.DHCPServer
	names *upstream.Service
	files *libvirtfiles.Files // nil: they are not written
	log   *slog.Logger
	share *sharing // of mode bridge; nil in the others
	fast  fastNetwork

	cancel   context.CancelFunc
	tasks    sync.WaitGroup
	tcpError atomic.Pointer[error] // why TCP DNS is not served
	noUplink bool                  // it was said that the uplink's device is not there
}

// startNetwork makes a defined network run. What it made so far is undone when
// a step fails.
func (d *Daemon) startNetwork(ctx context.Context, def config.Network) (err error) {
	n := &network{
		name: def.Name, def: def, st: d.state.network(def.Name), bridge: dataplane.NoBridge,
		ports: map[string]*attachment{}, log: d.log.With("network", def.Name),
	}
	if !d.held.serves(def) {
		n.log.Warn("nat.ports is not in force until the daemon is started again", "asked", def.NAT.Ports.String(), "pool", fmt.Sprintf("%d-%d", d.held.pool.First, d.held.pool.Last))
	}
	if def.Mode == config.ModeBridge {
		return d.startBridged(ctx, n)
	}
	if err := d.identify(n); err != nil {
		return err
	}
	var done undo
	defer func() {
		if err != nil {
			n.st.Running = false
			err = errors.Join(err, done.run(), d.state.save())
		}
	}()
	table, err := d.openTable(n)
	if err != nil {
		return fmt.Errorf("network %s: %w", def.Name, err)
	}
	done.add(func() error { return errors.Join(n.table.Remove(), n.table.Close()) }) // after the bridge is gone: its memory is the table's
	host, err := d.openHostPort(n, &done)
	if err != nil {
		return err
	}
	d.wantFast(n, table)
	if err := d.buildBridge(ctx, n, table, host); err != nil {
		return err
	}
	d.speedUpHost(n)
	done.add(func() error { return d.slowDownHost(n) })
	if err := d.buildServices(n); err != nil {
		return err
	}
	if err := d.serveNetwork(ctx, n); err != nil {
		return err
	}
	d.nets[def.Name] = n
	n.runTasks(d.ctx)
	d.attachAll(n)
	d.noteRunning(n)
	return nil
}

// undo is a stack of steps back.
type undo []func() error

func (u *undo) add(fn func() error) { *u = append(*u, fn) }

// run takes the steps, latest first.
func (u *undo) run() (err error) {
	for i := len(*u) - 1; i >= 0; i-- {
		err = errors.Join(err, (*u)[i]())
	}
	*u = nil
	return err
}

// reservedBridges are the devices that definitions of other networks name.
func (d *Daemon) reservedBridges(but string) (names []string) {
	for name, def := range d.defs {
		if name != but && def.Network.Bridge != "" {
			names = append(names, def.Network.Bridge)
		}
	}
	return names
}

// identify settles device, address and MAC, and remembers them before anything
// is made with them.
func (d *Daemon) identify(n *network) (err error) {
	taken := slices.Concat(d.hostPorts(), d.reservedBridges(n.def.Name))
	if n.st.Bridge, err = chooseBridge(n.def, n.st.Bridge, taken); err != nil {
		return err
	}
	var moved string
	if n.addr, moved, err = chooseAddress(n.def, n.st.Address, n.st.Bridge); err != nil {
		return err
	}
	if moved != "" {
		n.log.Warn("another subnet is taken", "subnet", n.addr.Masked(), "because", moved)
	}
	switch {
	case n.def.MAC != nil:
		n.st.MAC = wire.MAC(n.def.MAC)
	case n.st.MAC.IsZero():
		n.st.MAC = newMAC(d.random)
	}
	if n.st.ID == 0 {
		n.st.ID, n.st.HostID = d.state.freeNetworkID(), d.state.freeID()
	}
	n.st.Address, n.st.Running = n.addr, true
	n.device, n.mac = n.st.Bridge, n.st.MAC
	return d.state.save()
}

// hostPorts are the host port devices of running networks.
func (d *Daemon) hostPorts() (names []string) {
	for _, n := range d.nets {
		names = append(names, n.st.Bridge)
	}
	return names
}

// openHostPort makes the tap by which the host is on the network.
func (d *Daemon) openHostPort(n *network, done *undo) (*tap.Port, error) {
	p, err := tap.Open(tap.Config{Name: n.st.Bridge})
	if err != nil {
		return nil, fmt.Errorf("network %s: %w", n.def.Name, err)
	}
	err = hostnet.ConfigureHostPort(hostnet.HostPort{
		Name: n.st.Bridge, MAC: net.HardwareAddr(n.st.MAC[:]), MTU: n.def.LinkMTU(), Address: n.addr,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("network %s: %w", n.def.Name, err), p.Close())
	}
	p.SetMTU(n.def.LinkMTU())
	n.host = p
	done.add(func() error { return d.removeBridge(n, p) })
	return p, nil
}

// removeBridge closes the network's ports; the host port's tap goes with its
// descriptor.
func (d *Daemon) removeBridge(n *network, host *tap.Port) error {
	if n.bridge == dataplane.NoBridge {
		return host.Close()
	}
	return d.takeOff(func(w *dataplane.Worker) []dataplane.Port { return w.RemoveBridge(n.bridge) })
}

// buildBridge makes the learning domain and puts the host port on it.
func (d *Daemon) buildBridge(ctx context.Context, n *network, table *fdb.Table, host *tap.Port) error {
	return d.worker.Do(ctx, func(w *dataplane.Worker) {
		n.bridge = dataplane.BridgeID(n.st.ID)
		w.AddBridge(n.bridge, dataplane.BridgeConfig{
			FDB: table, Station: n.st.MAC, TakeDHCP: n.def.DHCP.Enabled, JudgeHost: true, Relay: relay(n.def), Told: d.told(n),
		})
		id := dataplane.PortID(n.st.HostID)
		w.AddPort(id, n.bridge, n.st.Bridge, host)
		w.SetHostPort(id)
	})
}

// openTable maps the network's forwarding database.
func (d *Daemon) openTable(n *network) (*fdb.Table, error) {
	file, err := shm.Open(filepath.Join(d.tables, "fdb-"+n.def.Name+".state"), shm.Layout{
		Version:  fdb.LayoutVersion,
		Sections: []shm.SectionSpec{{Name: "stations", Size: tableEntries(n.def.Stations) * int(reflect.TypeFor[fdb.Entry]().Size())}},
	})
	if err != nil {
		return nil, err
	}
	n.table = file
	entries, err := shm.Slice[fdb.Entry](file.Section("stations"))
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	known := d.portIDs(n)
	table, err := fdb.New(fdb.Config{
		Entries: entries, Seed: file.Key()[0], Ageing: n.def.Ageing, PortLimit: n.def.LearnLimit, MaxPorts: firstUplinkID,
		Now:   d.clock.Now().Seconds(),
		Remap: func(old uint16) (uint16, bool) { return old, known[old] },
	})
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return table, nil
}

// tableEntries is the length of a forwarding database for that many stations: a
// power of two of which half is used. A full table still forwards.
func tableEntries(stations int) int { return 2 << bits.Len(uint(stations-1)) }

// portIDs are the identifiers of the network's remembered ports.
func (d *Daemon) portIDs(n *network) map[uint16]bool {
	ids := map[uint16]bool{n.st.HostID: true, n.st.NICID: n.share != nil}
	for _, p := range d.state.Ports {
		if p.Network == n.def.Name {
			ids[p.ID] = true
		}
	}
	return ids
}

// buildServices makes DHCP and DNS; runTasks starts them.
func (d *Daemon) buildServices(n *network) error {
	if n.def.DNS.Enabled {
		cfg, resolvConf := n.dnsConfig(), d.opts.ResolvConf
		if cfg.Closed {
			resolvConf = ""
		}
		n.names = upstream.New(cfg, upstream.Options{ResolvConf: resolvConf, Upstreams: n.def.DNS.Upstreams, Log: n.log})
	}
	if !n.def.DHCP.Enabled {
		return nil
	}
	file, damaged, err := leasefile.Open(d.leaseFile(n.def.Name))
	if err != nil {
		return fmt.Errorf("network %s: %w", n.def.Name, err)
	}
	for _, line := range damaged {
		n.log.Warn("lease file", "damage", line.String())
	}
	engine, err := dhcpd.New(n.dhcpConfig(), file.Leases())
	if err != nil {
		return fmt.Errorf("network %s: %w", n.def.Name, err)
	}
	engine.Expire(time.Now()) // what ended before is no news
	if err := file.Replace(engine.Records()); err != nil {
		return fmt.Errorf("network %s: %w", n.def.Name, err)
	}
	d.openLibvirtFiles(n)
	n.dhcp = gateway.NewDHCPServer(gateway.DHCPConfig{
		Engine: engine, File: file, Send: d.router.Sender(d.worker, n.bridge), Leased: d.leased(n), Log: n.log,
	})
	return nil
}

// serveNetwork tells the router of the network.
func (d *Daemon) serveNetwork(ctx context.Context, n *network) error {
	cfg := gateway.Network{
		Bridge: n.bridge, Station: n.st.MAC, Gateway: wire.IP4(n.addr.Addr().As4()), Subnet: n.addr.Masked(),
		Mode: routerMode(n.def.Mode), MTU: n.def.LinkMTU(), Egress: deviceIndexes(n.def.NAT.Egress), Uplink: uplinkIndex(n.def),
		KernelFlows: d.fastFlows(n),
	}
	n.saidUplink(cfg.Uplink != gateway.NoDevice)
	if n.dhcp != nil {
		cfg.DHCP = n.dhcp.Submit
	}
	if n.names != nil {
		cfg.DNS = n.names.Submit
	}
	return d.worker.Do(ctx, func(*dataplane.Worker) { d.router.AddNetwork(cfg) })
}

// deviceIndexes are the interface indices of those devices that are there.
func deviceIndexes(names []string) (idx []int32) {
	for _, name := range names {
		if dev, err := net.InterfaceByName(name); err == nil {
			idx = append(idx, int32(dev.Index))
		}
	}
	return idx
}

// runTasks starts the network's goroutines.
func (n *network) runTasks(parent context.Context) {
	var ctx context.Context
	ctx, n.cancel = context.WithCancel(parent)
	if n.dhcp != nil {
		n.tasks.Go(func() { n.ended("dhcp", n.dhcp.Run(ctx)) })
	}
	if n.files != nil {
		n.tasks.Go(func() { n.ended("libvirt's files", n.files.Run(ctx)) })
	}
	if n.names != nil {
		n.tasks.Go(func() { n.ended("dns", n.names.Run(ctx)) })
		n.tasks.Go(func() { n.serveTCP(ctx) })
	}
}

func (n *network) ended(task string, err error) {
	if err != nil {
		n.log.Error("service ended", "service", task, "err", err)
	}
}

// tcpRetry is how often a taken TCP port 53 is tried again.
const tcpRetry = 10 * time.Second

// serveTCP answers DNS over TCP on the gateway's address. Where the port is
// taken, UDP goes on, doctor names the cause, and it is tried again.
func (n *network) serveTCP(ctx context.Context) {
	for ctx.Err() == nil {
		l, err := net.Listen("tcp4", netip.AddrPortFrom(n.addr.Addr(), 53).String())
		if err == nil {
			n.tcpError.Store(nil)
			n.ended("dns over tcp", n.names.ServeTCP(ctx, l))
			return
		}
		if n.tcpError.Swap(&err) == nil {
			n.log.Warn("DNS over TCP is not served; UDP is", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(tcpRetry):
		}
	}
}

func ptr[T any](v T) *T { return &v }

// stopNetwork takes a running network off the host. Definitions, leases and the
// list of ports stay.
func (d *Daemon) stopNetwork(n *network) error {
	var errs []error
	for _, a := range n.ports {
		errs = append(errs, d.detach(n, a))
	}
	n.cancel()
	n.tasks.Wait()
	errs = append(errs, d.takeDown(n), n.table.Remove(), n.table.Close())
	n.st.Running = false
	delete(d.nets, n.name)
	errs = append(errs, d.forgetRunning(n.name))
	return errors.Join(append(errs, d.state.save())...)
}

// takeDown takes the network's bridge off the dataplane, and what leads from it to
// the outside off the host.
func (d *Daemon) takeDown(n *network) error {
	if n.share != nil {
		return d.stopBridged(n)
	}
	fastErr := d.slowDownHost(n)
	return errors.Join(fastErr, d.takeOff(func(w *dataplane.Worker) []dataplane.Port {
		d.router.RemoveNetwork(w.Now(), n.bridge)
		return w.RemoveBridge(n.bridge)
	}))
}

// linkMTU is the MTU of the network's ports in bytes: in mode bridge that of its
// NIC, where the definition gives none.
func (n *network) linkMTU() int {
	if n.share != nil && n.def.MTU == 0 {
		return n.share.mtu
	}
	return n.def.LinkMTU()
}
