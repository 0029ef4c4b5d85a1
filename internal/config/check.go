package config

import (
	"fmt"
	"net"
	"slices"
	"time"
)

// Bounds of a network's numbers.
const (
	minMTU = 576   // bytes: what every IPv4 host takes (RFC 791 §3.1)
	maxMTU = 65521 // bytes: what a tap takes (drivers/net/tun.c)

	minAgeing = time.Second             // 802.1Q begins at 10 s; short ones help where guests move
	maxAgeing = 1_000_000 * time.Second // IEEE 802.1Q-2018 table 8-8

	minStations = 256
	maxLearn    = 1 << 20 // stations, per port and in all: 64 MiB
)

// Check holds the definition against itself. ParseNetwork has done so already;
// it is for models that were put together in code.
func (n Network) Check() error {
	f := &faults{file: n.where(), lines: n.Origin.lines, spelled: n.Origin.spelled}
	f.check(&n)
	return f.err()
}

// where names the network's definition in messages.
func (n Network) where() string {
	switch {
	case n.Origin.File != "":
		return n.Origin.File
	case n.Origin.spelled != nil:
		return n.Name + ".xml"
	case n.Origin.lines != nil:
		return n.Name + ".toml"
	}
	return "network " + n.Name
}

func (f *faults) check(n *Network) {
	f.checkModel(n)
	f.checkKept(n)
}

func (f *faults) checkModel(n *Network) {
	if err := CheckName(n.Name); err != nil {
		f.add("", "rename the file", "%v", err)
	}
	f.checkMode(n)
	f.checkLink(n)
	if n.Pinned() {
		if reason, fix := badAddress(n.Address); reason != "" {
			f.add("address", fix, "%s", reason)
			return // what lies in the subnet cannot be judged
		}
	}
	f.checkDHCP(n)
	f.checkDNS(n)
	f.checkDevices("nat.egress", n.NAT.Egress)
	if p := n.NAT.Ports; p != (PortRange{}) && (p.First < 1024 || p.Last < p.First) {
		f.add("nat.ports", "use a range within 1024-65535", "%d-%d is no range that NAT may use", p.First, p.Last)
	}
}

func (f *faults) checkLink(n *Network) {
	if n.Bridge != "" {
		f.device("bridge", n.Bridge)
	}
	if n.MAC != nil {
		f.station("mac", n.MAC)
	}
	if n.MTU != 0 && (n.MTU < minMTU || n.MTU > maxMTU) {
		f.add("mtu", fmt.Sprintf("use %d to %d", minMTU, maxMTU), "%d is out of range", n.MTU)
	}
	if n.Ageing < minAgeing || n.Ageing > maxAgeing {
		f.add("ageing", fmt.Sprintf("use %v to %v", minAgeing, maxAgeing), "%v is out of range", n.Ageing)
	} else if n.Ageing%time.Second != 0 {
		f.add("ageing", "use whole seconds", "%v is not that", n.Ageing)
	}
	if n.Stations < minStations || n.Stations > maxLearn {
		f.add("stations", fmt.Sprintf("use %d to %d", minStations, maxLearn), "%d is out of range", n.Stations)
	}
	if n.LearnLimit < 1 || n.LearnLimit > maxLearn {
		f.add("learn_limit", fmt.Sprintf("use 1 to %d", maxLearn), "%d is out of range", n.LearnLimit)
	}
	f.checkDevices("ports", n.Ports)
	f.checkAdopt(n.Adopt)
	if i := slices.Index(n.Ports, n.Bridge); n.Bridge != "" && i >= 0 {
		f.add(element("ports", i), "leave it out", "%s is the host port already", n.Bridge)
	}
	f.checkForward(n.GroupForward)
	if n.FastPath != "" {
		f.checkFastPath("fastpath", n.FastPath)
	}
}

// checkForward wants protocols that may be passed on, each once.
func (f *faults) checkForward(names []string) {
	for i, name := range names {
		if name != ForwardSTP && name != Forward8021X {
			f.add(element("group_forward", i), `use "stp" and "8021x"`, "%q is not passed on by a switch", name)
		}
		if slices.Contains(names[:i], name) {
			f.add(element("group_forward", i), "leave one out", "%q is named twice", name)
		}
	}
}

// checkDevices wants valid device names, each once.
func (f *faults) checkDevices(key string, names []string) {
	for i, name := range names {
		f.device(element(key, i), name)
		if slices.Contains(names[:i], name) {
			f.add(element(key, i), "leave one out", "%s is named twice", name)
		}
	}
}

func (f *faults) device(key, name string) {
	if err := CheckDevice(name); err != nil {
		f.add(key, "use up to 15 letters, digits, '.', '_' and '-'", "%v", err)
	}
}

// station wants the MAC of a single station, neither group nor zero.
func (f *faults) station(key string, m net.HardwareAddr) {
	if len(m) != 6 || m[0]&1 != 0 || slices.Max(m) == 0 {
		f.add(key, exampleMAC, "%v is not the address of one station", m)
	}
}
