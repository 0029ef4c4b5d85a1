package nic

import (
	"net/netip"

	"ubridge/internal/hostnet"
)

// Facts are what decides whether a device can be shared.
type Facts struct {
	hostnet.Device
	LinkType    string // of the link header, as iproute2 names it: ether, none, infiniband…
	MasterKind  string // kernel's kind of Master
	Lower       string // device that a VLAN, macvlan or ipvlan is made on
	VLAN        int    // tag of a VLAN device
	MacvlanMode string // of a macvlan or macvtap: bridge, private, vepa, passthru or source
	Uppers      []Upper
	Wireless    Wireless
	Driver      string // as ethtool -i names it; empty if unknown
	Platform    Platform
	VF          *VirtualFunction // of an SR-IOV virtual function
	LRO         bool
	XDPMode     string // native, generic or offloaded; empty without a program
	Classic     bool   // the kernel has no tcx: ubridge's program is a tc filter
	Programs    []Program
	Unseen      []string       // what could not be looked at, with the reason
	Duplicates  []netip.Prefix // IPv6 addresses that another machine has (RFC 4862 §5.4)

	// What the caller knows and the kernel does not.

	Role  Role
	Heard *Heard // what Ask heard; nil where it was not asked for
}

// Role is what a device is to ubridge already; zero for nothing.
type Role struct {
	What   string // such as "the uplink of network lan"
	Fix    string // what to do instead
	Shared bool   // by a network of mode bridge; another one cannot share it too
}

// Upper is a virtual device of this namespace on top of the device.
type Upper struct {
	Name, Kind string
	Mode       string // of a macvlan or macvtap
}

// Wireless is what nl80211 says of the device.
type Wireless struct {
	Is          bool
	AccessPoint bool // the device is one: it bridges for its stations
	FourAddress bool // a station whose access point agreed to foreign addresses (WDS)
}

// VirtualFunction is one of an SR-IOV NIC.
type VirtualFunction struct {
	PF      string // network device of the physical function; empty if it cannot be seen from here
	Index   int
	Trusted Setting // may receive for other addresses (promiscuous mode)
	Checked Setting // may send only from its own address (spoofchk)
}

// Setting is a switch that a driver may not have.
type Setting int

// The values of a Setting.
const (
	Unknown Setting = iota
	On
	Off
)

// Program is somebody's eBPF program, or another filter, at the device's tc egress
// hook, in so far as it runs where ubridge's does: one that comes after it sees
// what is not for guests, and at ingress it sees guests' frames as the LAN's.
type Program struct {
	Kind       string // tcx, or the kind of a tc filter: bpf, flower, u32…
	Name       string // empty if it has none
	Preference int    // of a tc filter; lower ones run first
	Every      bool   // of a tc filter: it sees every EtherType
}

// Level says what a Finding means for sharing the device.
type Level int

// The levels of findings.
const (
	Fine Level = iota
	Warning
	Refused // the device cannot be shared like this
)

// Finding is one thing to say about a device.
type Finding struct {
	Check  string // a word or two: what was looked at
	Level  Level
	Detail string
	Fix    string // empty where nothing is to be done
}
