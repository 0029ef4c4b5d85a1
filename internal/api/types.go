package api

import "encoding/json"

// Strings is a list that is an array in JSON even when it is nil.
type Strings []string

// MarshalJSON implements json.Marshaler.
func (s Strings) MarshalJSON() ([]byte, error) {
	if s == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]string(s))
}

// Drops counts dropped frames by the name of the reason (frame.Reason). It is
// an object in JSON even when it is nil.
type Drops map[string]uint64

// MarshalJSON implements json.Marshaler.
func (d Drops) MarshalJSON() ([]byte, error) {
	if d == nil {
		return []byte("{}"), nil
	}
	return json.Marshal(map[string]uint64(d))
}

// Network is one line of `net list`.
type Network struct {
	Name       string  `json:"name"`
	Mode       string  `json:"mode"`
	Active     bool    `json:"active"`
	Autostart  bool    `json:"autostart"`
	Persistent bool    `json:"persistent"`
	Bridge     string  `json:"bridge"`  // host port's device
	Subnets    Strings `json:"subnets"` // with prefix length, network address
}

// NetworkInfo is `net info`: a network with its configuration and counters.
type NetworkInfo struct {
	Network
	ReadOnly bool   `json:"read_only"` // defined by the administrator in networks.d
	File     string `json:"file"`      // where it is defined; empty: nowhere
	UUID     string `json:"uuid"`

	// NotInForce tells what a definition in libvirt's form says that is kept and
	// given back, and not acted on; each with its reason.
	NotInForce Strings `json:"not_in_force"`

	// Pending are the keys of the definition that are not in force until the
	// network is restarted.
	Pending Strings `json:"pending"`

	Gateway    string  `json:"gateway"` // address with prefix length
	GatewayMAC string  `json:"gateway_mac"`
	MTU        int     `json:"mtu"` // bytes
	Domain     string  `json:"domain"`
	DHCP       bool    `json:"dhcp"`
	LeaseRange Strings `json:"lease_range"` // each FIRST-LAST
	LeaseTime  int64   `json:"lease_time"`  // seconds, 0 = for ever
	DNS        bool    `json:"dns"`
	Upstreams  Strings `json:"dns_upstreams"` // each address:port, in the order they are asked
	Uplink     string  `json:"uplink"`        // device by which guests' packets leave: the one named, or that of the host's default route; empty: none
	Adopt      Strings `json:"adopt"`         // devices that become ports by themselves, as in the definition
	UplinkAddr string  `json:"uplink_address"`
	Problem    string  `json:"problem"` // what is wrong with the uplink, and the fix; empty: nothing is

	IsolatedPorts bool     `json:"isolated_ports"` // guests are kept from one another
	FastPath      FastPath `json:"fastpath"`
	Loops         Loops    `json:"loops"` // there now

	Counts
	Counters
}

// FastPath is whether the kernel forwards for a network what user space has decided.
type FastPath struct {
	Mode  string `json:"mode"`  // off, auto or kernel
	Ports int    `json:"ports"` // for which it does, the host's included
	Off   string `json:"off"`   // why it does for none, or for one of them, though it was asked to
}

// Loop is two ports of a network that are joined outside of it. Nothing is flooded
// from or to Port meanwhile, which breaks the loop.
type Loop struct {
	Port  string `json:"port"`
	With  string `json:"with"`  // the other end; Port itself where no other was seen
	Since int64  `json:"since"` // unix seconds
}

// Loops is a list that is an array in JSON even when it is nil.
type Loops []Loop

// MarshalJSON implements json.Marshaler.
func (l Loops) MarshalJSON() ([]byte, error) {
	if l == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]Loop(l))
}

// Counts are how many of each a network has now.
type Counts struct {
	Ports    int `json:"ports"`
	PortsUp  int `json:"ports_up"`
	Stations int `json:"stations"` // learned
	Leases   int `json:"leases"`
	Flows    int `json:"flows"`
}

// Counters are totals since the network started. Drops leaves out the reasons
// that did not occur.
type Counters struct {
	RxFrames uint64 `json:"rx_frames"` // received from the port
	RxBytes  uint64 `json:"rx_bytes"`
	TxFrames uint64 `json:"tx_frames"` // sent to the port
	TxBytes  uint64 `json:"tx_bytes"`
	Drops    Drops  `json:"drops"`
}

// Dropped is the sum of the drops.
func (c Counters) Dropped() (sum uint64) {
	for _, n := range c.Drops {
		sum += n
	}
	return sum
}

// Lease is one line of `net leases`.
type Lease struct {
	Network  string `json:"network"`
	MAC      string `json:"mac"`
	IP       string `json:"ip"`
	Prefix   int    `json:"prefix"`   // bits of the subnet
	Hostname string `json:"hostname"` // empty: none
	ClientID string `json:"client_id"`
	Expires  int64  `json:"expires"`  // unix seconds, 0 = never
	Protocol string `json:"protocol"` // ipv4 or ipv6
}

// States of a port.
const (
	StateUp     = "up"
	StateDown   = "down"   // the device is there, its link is not
	StateAbsent = "absent" // the device is not there now
)

// Kinds of ports.
const (
	KindHost   = "host"   // the host port, such as ubr0
	KindTap    = "tap"    // the device side of a tap, for QEMU
	KindVeth   = "veth"   // one end of a veth pair
	KindDevice = "device" // any other Ethernet device
	KindUplink = "uplink" // the device that leads outside
	KindRouter = "router" // no device: what the router itself gave up
)

// Port is one line of `port list`.
type Port struct {
	Network string `json:"network"`
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	State   string `json:"state"`
	MTU     int    `json:"mtu"`    // bytes, 0 = not known
	Queues  int    `json:"queues"` // of a tap
	Loop    string `json:"loop"`   // the port with which it is the held end of a loop; empty: none
	ID      int    `json:"id"`     // number of a network's port, remembered; 0 = it has none

	// Transient ports are forgotten when their device goes; the others wait for
	// it to return.
	Transient bool `json:"transient"`

	Domain string `json:"domain"` // guest behind the port, where it is known

	// FastPath says that the kernel forwards what is known of the port; FastPathOff
	// why it does not though it was asked to.
	FastPath    bool   `json:"fastpath"`
	FastPathOff string `json:"fastpath_off"`

	Counters
}

// Station is one line of `fdb`.
type Station struct {
	Network string  `json:"network"`
	MAC     string  `json:"mac"`
	Port    string  `json:"port"`
	Age     float64 `json:"age"` // seconds since it was last heard
	Static  bool    `json:"static"`
}

// Flow is one line of `nat flows`: a translated conversation. The endpoints are
// address:port; of an ICMP echo the port is its identifier.
type Flow struct {
	Network   string  `json:"network"`
	Proto     string  `json:"proto"` // tcp, udp or icmp
	Inside    string  `json:"inside"`
	Outside   string  `json:"outside"`
	Remote    string  `json:"remote"`
	State     string  `json:"state"`
	ExpiresIn float64 `json:"expires_in"` // seconds
}

// Restored tells what was taken off a NIC; nothing where it was as it should be.
type Restored struct {
	NIC     string  `json:"nic"`
	Removed Strings `json:"removed"`
}

// Statuses of a check.
const (
	CheckOK   = "ok"
	CheckWarn = "warn" // works, with a restriction that Detail names
	CheckFail = "fail"
)

// Check is one line of `doctor`.
type Check struct {
	Check  string `json:"check"`
	Status string `json:"status"`
	Detail string `json:"detail"`
	Fix    string `json:"fix"` // empty where nothing is to be done
}

// Status is the state of the whole daemon, small enough to be asked for often.
type Status struct {
	Version  string          `json:"version"`
	PID      int             `json:"pid"`
	Started  int64           `json:"started"` // unix seconds
	Networks []NetworkStatus `json:"networks"`
	Totals   NetworkStatus   `json:"totals"` // its Name is empty
}

// NetworkStatus is the state of one network, for the live line.
type NetworkStatus struct {
	Name   string `json:"name"`
	Active bool   `json:"active"`
	Uplink string `json:"uplink"`
	Counts
	Counters
}
