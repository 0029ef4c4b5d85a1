// Package apitest holds a Backend in memory, for tests of the control API and
// of the command line.
//
// # Theory of operation
//
// New gives a daemon that has the active network default with a few ports,
// leases, stations and flows, all of them the same on each run, and the stopped
// network lab. Changes change the memory by the rules that api.Backend states.
//
// # Concurrency
//
// One mutex guards everything; iterators work on copies.
package apitest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"ubridge/internal/api"
	"ubridge/internal/config"
)

// Backend is a daemon in memory. Set the fields before it is served.
type Backend struct {
	FlowCount int // flows that Flows makes up beside the fixed ones
	FlowError error
	Checks    []api.Check
	Peer      func(api.Peer) // told who asked for Status; nil: nobody is

	mu       sync.Mutex
	networks map[string]*api.NetworkInfo
	ports    []api.Port
	restored bool                      // eth0, which had something on it
	defs     map[string]config.Network // that were changed
	imports  []api.Import
	Requests []any // the changes that were asked for
}

var _ api.Backend = (*Backend)(nil)

// New gives a Backend with its networks.
func New() *Backend {
	return &Backend{
		Checks: []api.Check{
			{Check: "CAP_NET_ADMIN", Status: api.CheckOK, Detail: "held"},
			{Check: "eBPF", Status: api.CheckWarn, Detail: "refused; the nftables drop is used", Fix: "load the daemon with CAP_BPF"},
		},
		networks: map[string]*api.NetworkInfo{"default": defaultNetwork(), "lab": stoppedNetwork("lab")},
		ports:    fixedPorts(),
		defs:     map[string]config.Network{},
		imports:  []api.Import{{Network: "lab", Kind: "dnsmasq", From: "/etc/dnsmasq.conf", Time: 1700000000}},
	}
}

func defaultNetwork() *api.NetworkInfo {
	return &api.NetworkInfo{
		Network: api.Network{
			Name: "default", Mode: "nat", Active: true, Autostart: true, Persistent: true,
			Bridge: "ubr0", Subnets: []string{"192.168.122.0/24"},
		},
		File: "/var/lib/ubridge/networks/default.toml", UUID: "3e3fce45-4f53-4fa7-bb32-11f34168b82b", NotInForce: []string{}, Pending: []string{},
		Gateway: "192.168.122.1/24", GatewayMAC: "52:54:00:00:00:01", MTU: 1500,
		DHCP: true, LeaseRange: []string{"192.168.122.2-192.168.122.254"}, LeaseTime: 3600,
		Adopt: []string{"vnet*"}, DNS: true, Upstreams: []string{"192.0.2.53:53"}, Uplink: "eth0", UplinkAddr: "203.0.113.7", Loops: api.Loops{},
		FastPath: api.FastPath{Mode: "auto", Ports: 3},
		Counts:   api.Counts{Ports: 3, PortsUp: 2, Stations: 2, Leases: 2, Flows: 2},
		Counters: api.Counters{
			RxFrames: 1234, RxBytes: 5678901, TxFrames: 4321, TxBytes: 987654,
			Drops: api.Drops{"runt": 1, "no-port": 12},
		},
	}
}

func stoppedNetwork(name string) *api.NetworkInfo {
	return &api.NetworkInfo{
		Network: api.Network{Name: name, Mode: "nat", Persistent: true, Subnets: []string{}}, MTU: 1500, Adopt: []string{}, Loops: api.Loops{}, Pending: []string{},
		NotInForce: []string{}, LeaseRange: []string{}, Upstreams: []string{}, Counters: api.Counters{Drops: api.Drops{}},
	}
}

func fixedPorts() []api.Port {
	return []api.Port{
		{Network: "default", Name: "ubr0", Kind: api.KindHost, State: api.StateUp, MTU: 1500, Queues: 1, ID: 1, FastPath: true,
			Counters: api.Counters{RxFrames: 10, RxBytes: 840, TxFrames: 20, TxBytes: 1680, Drops: api.Drops{}}},
		{Network: "default", Name: "vnet0", Kind: api.KindTap, State: api.StateUp, MTU: 1500, Queues: 2, ID: 2, FastPath: true,
			Counters: api.Counters{RxFrames: 1224, RxBytes: 5678061, TxFrames: 4301, TxBytes: 985974, Drops: api.Drops{"runt": 1, "no-port": 12}}},
		{Network: "default", Name: "vnet1", Kind: api.KindTap, State: api.StateAbsent, ID: 3, Counters: api.Counters{Drops: api.Drops{}}},
	}
}

// Networks implements api.Backend.
func (b *Backend) Networks(context.Context) ([]api.Network, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []api.Network
	for _, n := range b.networks {
		list = append(list, n.Network)
	}
	slices.SortFunc(list, func(x, y api.Network) int { return strings.Compare(x.Name, y.Name) })
	return list, nil
}

// find wants the lock held.
func (b *Backend) find(name string) (*api.NetworkInfo, error) {
	if n, ok := b.networks[name]; ok {
		return n, nil
	}
	return nil, api.Errorf(api.NotFound, "there is no network %s; see: ubridge net list", name)
}

// Network implements api.Backend.
func (b *Backend) Network(_ context.Context, network string) (api.NetworkInfo, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.find(network)
	if err != nil {
		return api.NetworkInfo{}, err
	}
	return *n, nil
}

// Create implements api.Backend.
func (b *Backend) Create(_ context.Context, r api.CreateRequest) (api.NetworkInfo, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Requests = append(b.Requests, r)
	if r.XML != "" {
		n, err := b.fromXML(r.File, r.XML)
		if err != nil {
			return api.NetworkInfo{}, err
		}
		n.Active, n.Persistent, n.Bridge = true, false, "ubr1"
		return *n, nil
	}
	if _, exists := b.networks[r.Name]; exists {
		return api.NetworkInfo{}, api.Errorf(api.Conflict, "network %s exists already; start it: ubridge net start %s", r.Name, r.Name)
	}
	if r.Mode == "natted" {
		return api.NetworkInfo{}, api.Errorf(api.Usage, "mode: there is no mode %q; use nat", r.Mode)
	}
	n := stoppedNetwork(r.Name)
	n.Active, n.Autostart, n.Bridge, n.Domain = true, true, "ubr1", r.Domain
	n.Subnets, n.Gateway = []string{"192.168.123.0/24"}, "192.168.123.1/24"
	if r.Mode == "bridge" {
		n.Mode, n.Subnets, n.Gateway, n.Uplink = r.Mode, []string{}, "", r.Uplink
	}
	b.networks[r.Name] = n
	return *n, nil
}

// Define implements api.Backend.
func (b *Backend) Define(_ context.Context, r api.DefineRequest) (api.NetworkInfo, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Requests = append(b.Requests, r)
	if r.XML != "" {
		n, err := b.fromXML(r.File, r.XML)
		if err != nil {
			return api.NetworkInfo{}, err
		}
		return *n, nil
	}
	if strings.Contains(r.TOML, "mode = 'natted'") {
		return api.NetworkInfo{}, api.Errorf(api.Usage, "%s.toml:1: mode: there is no mode \"natted\"; use nat", r.Name)
	}
	b.networks[r.Name] = stoppedNetwork(r.Name)
	return *b.networks[r.Name], nil
}

// fromXML makes a stopped network of a definition in libvirt's form; it wants the
// lock held.
func (b *Backend) fromXML(file, xml string) (*api.NetworkInfo, error) {
	def, _, err := config.ParseLibvirt(file, []byte(xml))
	if err != nil {
		return nil, api.Errorf(api.Usage, "%v", err)
	}
	n := stoppedNetwork(def.Name)
	n.Mode, n.Subnets = string(def.Mode), []string{def.Address.Masked().String()}
	n.NotInForce = append(n.NotInForce, def.NotInForce()...)
	b.networks[n.Name] = n
	return n, nil
}

// DumpXML implements api.Backend.
func (b *Backend) DumpXML(_ context.Context, network string, inactive bool) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.find(network)
	if err != nil {
		return "", err
	}
	def := config.Default(n.Name)
	if n.Active && !inactive {
		def.UUID, def.Bridge, def.Address = n.UUID, n.Bridge, netip.MustParsePrefix(n.Gateway)
	}
	doc, err := def.MarshalLibvirt()
	return string(doc), err
}

// Undefine implements api.Backend.
func (b *Backend) Undefine(_ context.Context, network string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, err := b.find(network)
	delete(b.networks, network)
	return err
}

// Start implements api.Backend.
func (b *Backend) Start(_ context.Context, network string) error { return b.activate(network, true) }

// Stop implements api.Backend.
func (b *Backend) Stop(_ context.Context, network string) error { return b.activate(network, false) }

func (b *Backend) activate(network string, active bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.find(network)
	if err != nil {
		return err
	}
	if n.Active == active {
		return api.Errorf(api.Conflict, "network %s is in that state already", network)
	}
	n.Active = active
	return nil
}

// AddPort implements api.Backend. Devices named veth… are veths.
func (b *Backend) AddPort(_ context.Context, r api.AddPortRequest) (api.Port, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Requests = append(b.Requests, r)
	if _, err := b.find(r.Network); err != nil {
		return api.Port{}, err
	}
	if r.Present && strings.HasPrefix(r.Port, "no") {
		return api.Port{}, api.Errorf(api.NotFound, "there is no device %s", r.Port)
	}
	p := api.Port{Network: r.Network, Name: r.Port, Kind: api.KindTap, State: api.StateUp, MTU: 1500, Queues: max(r.Queues, 1), ID: 4 + len(b.ports)}
	if strings.HasPrefix(r.Port, "veth") {
		p.Kind = api.KindVeth
	}
	b.ports = append(b.ports, p)
	return p, nil
}

// GuestStarted implements api.Backend.
func (b *Backend) GuestStarted(_ context.Context, r api.GuestRequest) (list []api.Port, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Requests = append(b.Requests, r)
	for _, i := range r.Interfaces {
		if i.Network != "" {
			_, unknown := b.find(i.Network)
			err = errors.Join(err, unknown)
			list = append(list, api.Port{Network: i.Network, Name: i.Port, Kind: api.KindTap, State: api.StateUp, Transient: true, Domain: r.Domain})
		}
	}
	return list, err
}

// DeletePort implements api.Backend.
func (b *Backend) DeletePort(_ context.Context, r api.DeletePortRequest) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.ports, func(p api.Port) bool { return p.Network == r.Network && p.Name == r.Port })
	if i < 0 {
		return api.Errorf(api.NotFound, "network %s has no port %s; see: ubridge port list", r.Network, r.Port)
	}
	b.ports = slices.Delete(b.ports, i, i+1)
	return nil
}

// Ports implements api.Backend.
func (b *Backend) Ports(_ context.Context, network string) (list []api.Port, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.ports {
		if network == "" || p.Network == network {
			list = append(list, p)
		}
	}
	return list, b.known(network)
}

// known wants the lock held; the empty name is all networks.
func (b *Backend) known(network string) (err error) {
	if network != "" {
		_, err = b.find(network)
	}
	return err
}

// Leases implements api.Backend.
func (b *Backend) Leases(_ context.Context, network string) iter.Seq2[api.Lease, error] {
	return items(b, network, func(l api.Lease) string { return l.Network }, []api.Lease{
		{Network: "default", MAC: "52:54:00:aa:00:02", IP: "192.168.122.3", Prefix: 24, Expires: 0, Protocol: "ipv4"},
		{Network: "default", MAC: "52:54:00:aa:00:01", IP: "192.168.122.2", Prefix: 24, Hostname: "web",
			ClientID: "01:52:54:00:aa:00:01", Expires: 1800000000, Protocol: "ipv4"},
	})
}

// FDB implements api.Backend.
func (b *Backend) FDB(_ context.Context, network string) iter.Seq2[api.Station, error] {
	return items(b, network, func(s api.Station) string { return s.Network }, []api.Station{
		{Network: "default", MAC: "52:54:00:aa:00:01", Port: "vnet0", Age: 12.345},
		{Network: "default", MAC: "52:54:00:00:00:01", Port: "ubr0", Static: true},
	})
}

// Flows implements api.Backend.
func (b *Backend) Flows(_ context.Context, network string) iter.Seq2[api.Flow, error] {
	fixed := items(b, network, func(f api.Flow) string { return f.Network }, []api.Flow{
		{Network: "default", Proto: "tcp", Inside: "192.168.122.2:40000", Outside: "203.0.113.7:61000", Remote: "198.51.100.1:443", State: "established", ExpiresIn: 431999.5},
		{Network: "default", Proto: "icmp", Inside: "192.168.122.2:9", Outside: "203.0.113.7:61001", Remote: "198.51.100.1:9", State: "open", ExpiresIn: 29},
	})
	return func(yield func(api.Flow, error) bool) {
		for f, err := range fixed {
			if !yield(f, err) || err != nil {
				return
			}
		}
		for i := range b.FlowCount {
			if !yield(api.Flow{Network: "default", Proto: "udp", Inside: fmt.Sprintf("10.0.0.1:%d", i)}, nil) {
				return
			}
		}
		if b.FlowError != nil {
			yield(api.Flow{}, b.FlowError)
		}
	}
}

func items[T any](b *Backend, network string, of func(T) string, list []T) iter.Seq2[T, error] {
	b.mu.Lock()
	err := b.known(network)
	b.mu.Unlock()
	return func(yield func(T, error) bool) {
		if err != nil {
			var zero T
			yield(zero, err)
			return
		}
		for _, v := range list {
			if (network == "" || of(v) == network) && !yield(v, nil) {
				return
			}
		}
	}
}

// Status implements api.Backend.
func (b *Backend) Status(ctx context.Context) (api.Status, error) {
	if p, ok := api.PeerOf(ctx); ok && b.Peer != nil {
		b.Peer(p)
	}
	n := defaultNetwork()
	s := api.NetworkStatus{Name: n.Name, Active: true, Uplink: n.Uplink, Counts: n.Counts, Counters: n.Counters}
	total := s
	total.Name = ""
	return api.Status{Version: "test", PID: 1, Started: 1700000000, Networks: []api.NetworkStatus{s}, Totals: total}, nil
}
