package config

import (
	"cmp"
	"math"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"time"
)

// Mode says how a network reaches the world outside it.
type Mode string

// The modes, named as libvirt and the command line name them.
const (
	ModeNAT      Mode = "nat"       // guests share the host's address
	ModeIsolated Mode = "isolated"  // guests and the host only
	ModeHostOnly Mode = "host-only" // each guest and the host, no guest to guest
	ModeRoute    Mode = "route"     // routed, not translated
	ModeOpen     Mode = "open"      // routed, nothing filtered
	ModeBridge   Mode = "bridge"    // guests on the LAN through a NIC
)

// Protocols that a definition may ask to have passed on: all that guests need to be
// switches, or clients of one, and that are not of a single wire, as pause frames,
// LACP and LLDP are (802.1Q table 8-3).
const (
	ForwardSTP   = "stp"   // BPDUs, Cisco's for each VLAN included
	Forward8021X = "8021x" // port access control
)

// Defaults of a network, in the unit of their field.
const (
	DefaultMTU        = 1500              // bytes, as Ethernet
	DefaultAgeing     = 300 * time.Second // as the kernel bridge and IEEE 802.1Q table 8-8
	DefaultStations   = 8192              // per network
	DefaultLearnLimit = 4096              // stations per port
	DefaultLeaseTime  = time.Hour         // as dnsmasq
)

// MinLeaseTime is the shortest lease that the DHCP engine gives, as dnsmasq.
const MinLeaseTime = 2 * time.Minute

// InfiniteLease is the lease time that never ends: 0xffffffff seconds on the
// wire (RFC 2131 §3.3).
const InfiniteLease = math.MaxUint32 * time.Second

// Network is the checked definition of one network.
type Network struct {
	Name   string
	UUID   string // in lower case, with dashes; empty: the daemon makes one and keeps it
	Mode   Mode
	Bridge string           // device of the host port; empty: the daemon takes the next free ubrN
	MAC    net.HardwareAddr // of the gateway; nil: the daemon makes one and keeps it

	// Address is the gateway's address with the subnet's prefix length. The
	// zero Prefix leaves the choice to the daemon: 192.168.122.1/24 or the next
	// free 192.168.N.1/24. See Pinned.
	Address netip.Prefix

	// Uplink is the NIC through which guests are on the LAN in mode bridge, and in
	// modes nat, route and open the only device by which their packets leave
	// (libvirt's `<forward dev>`). Empty: wherever the host routes.
	Uplink string

	// IsolatedPorts keeps guests from one another: each reaches the host port and
	// the uplink only (libvirt's `<port isolated='yes'/>`). Mode host-only implies
	// it: ask PortsIsolated.
	IsolatedPorts bool

	MTU        int           // bytes; 0: not given, see LinkMTU
	Domain     string        // lower case, without a final dot; empty: none
	Autostart  bool          // start with the daemon
	Ageing     time.Duration // of learned stations
	Stations   int           // remembered in all; the daemon rounds it up to a power of two
	LearnLimit int           // stations learned per port
	Ports      []string      // devices that are always ports of the network
	Adopt      Adopt         // devices that become ports when they appear

	// GroupForward names the protocols whose frames, to groups that are reserved for
	// bridges, are passed on all the same: ForwardSTP, Forward8021X.
	GroupForward []string

	FastPath FastPath // empty: as the daemon's configuration says, see FastPathMode

	DHCP DHCP
	DNS  DNS
	NAT  NAT

	// Kept are parts of a libvirt definition that are not in force and are given
	// back by MarshalLibvirt: elements below <network>, each on one line (libvirtxml).
	Kept []string

	Origin Origin // where it was read
}

// DHCP is the address service of a network.
type DHCP struct {
	Enabled      bool
	Ranges       []Range       // empty: the whole subnet, see Network.Pool
	ReservedOnly bool          // nothing is leased but what Hosts reserve; without Ranges
	LeaseTime    time.Duration // whole seconds; InfiniteLease for ever
	Hosts        []DHCPHost
	BootFile     string     // what guests boot from the network; empty: nothing
	BootServer   netip.Addr // where that is; the zero Addr: the gateway
}

// DHCPHost reserves an address or a name for one client, which is known by its
// MAC, its client identifier, either of them, or else by the name that it sends.
type DHCPHost struct {
	MAC       net.HardwareAddr // nil: not matched by MAC
	ClientID  []byte           // option 61, type octet included (RFC 2132 §9.14); nil: not matched by it
	IP        netip.Addr       // the zero Addr: any address of the pool
	Name      string           // lower case, without a final dot; empty: none. See Label
	LeaseTime time.Duration    // whole seconds; 0: the network's
}

// Label is the name that the client gets and is known by: the first label of
// Name. It is in the network's domain whatever domain follows it, as in dnsmasq.
func (h DHCPHost) Label() string {
	label, _, _ := strings.Cut(h.Name, ".")
	return label
}

// strays reports whether Name has a domain that is not the network's.
func (h DHCPHost) strays(domain string) bool {
	_, rest, dotted := strings.Cut(h.Name, ".")
	return dotted && rest != domain
}

// DNS is the name service of a network.
type DNS struct {
	Enabled   bool
	Upstreams []netip.AddrPort // empty: the host's resolvers
	Hosts     []DNSHost
	LocalOnly bool // names below Domain are never forwarded

	LocalPlain bool        // names of one label are never forwarded
	Domains    []DNSDomain // that have resolvers of their own
	Texts      []DNSText
	Services   []DNSService
}

// DNSDomain is a domain whose names are asked of resolvers of its own.
type DNSDomain struct {
	Name      string           // lower case, without a final dot
	Upstreams []netip.AddrPort // empty: the network's, for a domain within one that has others
}

// DNSText is a TXT record.
type DNSText struct{ Name, Value string }

// DNSService is an SRV record (RFC 2782), named _Service._Protocol.Domain.
type DNSService struct {
	Service, Protocol string // without the underscores
	Domain            string // empty: the network's, if it has one
	Target            string // empty or ".": the service is not available here
	Port              uint16 // 0 where it is not
	Priority, Weight  uint16
}

// Owner is the name that the record is found by.
func (s DNSService) Owner(network string) string {
	name := "_" + s.Service + "._" + s.Protocol
	if domain := cmp.Or(s.Domain, network); domain != "" {
		name += "." + domain
	}
	return name
}

// DNSHost gives names to one address.
type DNSHost struct {
	IP    netip.Addr
	Names []string // lower case, without a final dot
}

// NAT is the translation of a network in mode nat.
type NAT struct {
	// Egress names devices that lead to networks virtual on this host (docker0,
	// another network's ubrN) and that guests may reach all the same.
	Egress []string

	// Ports overrides the outside ports; the zero value leaves them to the
	// daemon: above the host's ip_local_port_range.
	Ports PortRange
}

// PortRange is a range of TCP and UDP ports, both ends included. The zero value
// is no range.
type PortRange struct{ First, Last uint16 }

// Origin is where a Network was read. It takes no part in Equal.
type Origin struct {
	File    string // path as it was opened; empty for a definition that came as bytes
	lines   lines
	spelled spelling // nil for TOML, whose keys go by their own names
}

// Default is the network NAME with nothing but defaults: mode nat, an automatic
// subnet, DHCP and DNS on, autostart off.
func Default(name string) Network { return DefaultIn(name, ModeNAT) }

// DefaultIn is the network NAME in a mode, with nothing but the defaults of the
// mode: as Default, but on somebody else's LAN (bridge) there is no subnet, DHCP
// and DNS of ours.
func DefaultIn(name string, mode Mode) Network {
	own := mode != ModeBridge
	return Network{
		Name:       name,
		Mode:       mode,
		Ageing:     DefaultAgeing,
		Stations:   DefaultStations,
		LearnLimit: DefaultLearnLimit,
		DHCP:       DHCP{Enabled: own, LeaseTime: DefaultLeaseTime},
		DNS:        DNS{Enabled: own},
	}
}

// Routed reports whether guests' packets leave through the host's routes.
func (n Network) Routed() bool {
	return n.Mode == ModeNAT || n.Mode == ModeRoute || n.Mode == ModeOpen
}

// PortsIsolated reports whether guests are kept from one another.
func (n Network) PortsIsolated() bool { return n.IsolatedPorts || n.Mode == ModeHostOnly }

// Pinned reports whether the definition names its subnet. A pinned subnet that
// is in use on the host is an error; another is chosen for one that is not.
func (n Network) Pinned() bool { return n.Address.IsValid() }

// LinkMTU is the MTU of the network's ports in bytes. DHCP names it to guests
// (option 26) only where the definition gives it, MTU != 0.
func (n Network) LinkMTU() int {
	if n.MTU == 0 {
		return DefaultMTU
	}
	return n.MTU
}

// Equal reports whether two definitions say the same, wherever they were read.
func (n Network) Equal(o Network) bool {
	n.Origin, o.Origin = Origin{}, Origin{}
	return reflect.DeepEqual(n, o)
}
