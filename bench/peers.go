package bench

import (
	"fmt"
	"slices"
	"strings"
)

// program is a command that a peer needs, and the Debian package that has it;
// without one, test/setup makes it.
type program struct{ command, pkg string }

// peer is one thing to put between the endpoints.
type peer struct {
	name  string
	note  string // what it is, and with which setting
	quick bool   // also in quick mode
	ours  bool   // ubridge: where it fails, the run fails
	needs []program
	build func(b *bed)
}

// switches are the peers of the kind switching. The first one is the reference.
var switches = []*peer{
	{name: "bridge", note: "the kernel's bridge, offloads on", quick: true, build: kernelBridge},
	{name: "again", note: "the kernel's bridge once more: the noise of this run", quick: true, build: kernelBridge},
	{name: "direct", note: "one veth and no switch: what the generators can do", quick: true, build: direct},
	{name: "bridge-nooff", note: "the kernel's bridge, offloads of the endpoints off", build: kernelBridgeNoOffloads},
	{name: "ubridge", note: "the daemon, ports on veths", quick: true, ours: true, build: ubridgeVeth},
	{name: "ubridge-kernel", note: "the daemon, ports on veths, what is known forwarded by the kernel (fastpath = \"kernel\")", quick: true, ours: true, build: ubridgeKernel},
	{name: "ubridge-tap", note: "its dataplane on taps of its own, whose devices are in the endpoints", quick: true, ours: true, build: ubridgeTap},
	{name: "ovs", note: "Open vSwitch, userspace datapath on veths, default settings; the endpoints' offloads off, which it needs", needs: ovsPrograms, build: ovsDefault},
	{name: "ovs-tso", note: "Open vSwitch, userspace datapath on veths, userspace-tso-enable", quick: true, needs: ovsPrograms, build: ovsTSO},
	{name: "ovs-tap", note: "Open vSwitch, userspace datapath on taps of its own", needs: ovsPrograms, build: ovsTap},
	{name: "vde", note: "vde_switch and a vde_plug2tap for each endpoint", needs: vdePrograms, build: vde},
}

// translators are the peers of the kind translating. The first one is the
// reference.
var translators = []*peer{
	{name: "nft", note: "one nft masquerade rule over a kernel bridge", quick: true, needs: []program{{"nft", "nftables"}}, build: nftNAT},
	{name: "nft-again", note: "the same once more: the noise of this run", needs: []program{{"nft", "nftables"}}, build: nftNAT},
	{name: "iptables", note: "one iptables MASQUERADE rule over a kernel bridge", needs: []program{{"iptables", "iptables"}}, build: iptablesNAT},
	{name: "ubridge", note: "the daemon's network \"default\", a port on a veth", quick: true, ours: true, build: ubridgeNAT},
	{name: "ubridge-kernel", note: "the same, flows that are established forwarded by the kernel (fastpath = \"kernel\")", quick: true, ours: true, build: ubridgeKernelNAT},
	{name: "pasta", note: "pasta, its tap in the endpoint", quick: true, needs: []program{{"pasta", "passt"}}, build: pasta},
	{name: "slirp4netns", note: "slirp4netns, its tap in the endpoint", needs: []program{{"slirp4netns", "slirp4netns"}}, build: slirp4netns},
	{name: "gvproxy", note: "gvisor-tap-vsock's gvproxy and gvforwarder", needs: gvproxyPrograms, build: gvproxy},
}

// peersOf are the peers that a scenario is measured on, its reference first.
func (p plan) peersOf(s *scenario) []*peer {
	all := s.allPeers()
	return slices.DeleteFunc(slices.Clone(all), func(x *peer) bool {
		return slices.Contains(s.without, x.name) || x != all[0] && !p.wants(x)
	})
}

// allPeers are the peers that a scenario may be measured on.
func (s *scenario) allPeers() []*peer {
	switch {
	case s.peers != nil:
		return s.peers
	case s.kind == switching:
		return switches
	}
	return translators
}

// wants reports whether a peer that is no reference is measured.
func (p plan) wants(x *peer) bool {
	if len(p.peers) > 0 {
		return slices.Contains(p.peers, x.name)
	}
	return p.full || x.quick
}

// missing says what a peer lacks and how to get it; "" where it can be measured.
func (x *peer) missing() string {
	commands, packages := absent(x.needs)
	switch {
	case len(commands) == 0:
		return ""
	case len(packages) == 0:
		return fmt.Sprintf("there is no %s; make bench-full builds it", strings.Join(commands, ", "))
	case slices.Contains(packages, ovsPackage):
		return fmt.Sprintf("there is no %s; make bench gets it (test/setup/openvswitch)", strings.Join(commands, ", "))
	}
	return fmt.Sprintf("there is no %s; make bench installs it (apt-get install %s)", strings.Join(commands, ", "), strings.Join(packages, " "))
}
