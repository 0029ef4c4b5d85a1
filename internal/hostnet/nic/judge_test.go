package nic

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"ubridge/internal/hostnet"
)

// good is a NIC that can be shared without a word.
func good(change func(*Facts)) Facts {
	f := Facts{Device: hostnet.Device{Name: "eth0", Ifindex: 2, Kind: "device", MTU: 1500, Up: true, Carrier: true}, LinkType: "ether", Driver: "e1000e"}
	change(&f)
	return f
}

// say writes findings one a line, as doctor would.
func say(list []Finding) string {
	var b strings.Builder
	for _, f := range list {
		fmt.Fprintf(&b, "%s %s: %s", []string{"ok", "warn", "fail"}[f.Level], f.Check, f.Detail)
		if f.Fix != "" {
			fmt.Fprintf(&b, " → %s", f.Fix)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

var heardFrom = net.HardwareAddr{2, 0x75, 0x62, 1, 2, 3}

var judged = []struct {
	name   string
	change func(*Facts)
	level  Level    // of the worst finding
	words  []string // that stand in the findings
}{
	{"a plain NIC", func(*Facts) {}, Fine, []string{"ok kind: Ethernet, driver e1000e", "ok link: up, MTU 1500"}},
	{"loopback", func(f *Facts) { f.Loopback, f.LinkType = true, "loopback" }, Refused, []string{"loopback", "ip -br link"}},
	{"WireGuard", func(f *Facts) { f.Kind, f.LinkType = "wireguard", "none" }, Refused, []string{"(wireguard) has no Ethernet header", "ubridge net create"}},
	{"tun", func(f *Facts) { f.Kind, f.LinkType = "tun", "none" }, Refused, []string{"(tun) has no Ethernet header"}},
	{"ppp", func(f *Facts) { f.Kind, f.LinkType = "ppp", "ppp" }, Refused, []string{"(ppp) has no Ethernet header"}},
	{"ipip", func(f *Facts) { f.Kind, f.LinkType = "ipip", "ipip" }, Refused, []string{"(ipip) has no Ethernet header"}},
	{"InfiniBand", func(f *Facts) { f.LinkType = "infiniband" }, Refused, []string{"(infiniband) has no Ethernet header"}},
	{"a station", func(f *Facts) { f.Wireless.Is = true }, Refused, []string{"fail wireless: eth0 is wireless", "mode nat"}},
	{"a station in 4-address mode", func(f *Facts) { f.Wireless = Wireless{Is: true, FourAddress: true} }, Fine, []string{"4-address"}},
	{"an access point", func(f *Facts) { f.Wireless = Wireless{Is: true, AccessPoint: true} }, Fine, []string{"access point"}},
	{"a bridge's port", func(f *Facts) { f.Master, f.MasterKind = "br0", "bridge" }, Refused, []string{"port of the bridge br0", "--uplink br0", "nomaster"}},
	{"a bond's member", func(f *Facts) { f.Master, f.MasterKind = "bond0", "bond" }, Refused, []string{"member of the bond bond0", "--uplink bond0"}},
	{"a team's member", func(f *Facts) { f.Master, f.MasterKind = "team0", "team" }, Refused, []string{"member of the team team0", "--uplink team0"}},
	{"Open vSwitch's port", func(f *Facts) { f.Master, f.MasterKind = "ovs-system", "openvswitch" }, Refused, []string{"Open vSwitch", "type=internal"}},
	{"in a VRF", func(f *Facts) { f.Master, f.MasterKind = "blue", "vrf" }, Fine, []string{"VRF blue"}},
	{"another master", func(f *Facts) { f.Master, f.MasterKind = "hsr0", "hsr" }, Refused, []string{"belongs to hsr0 (hsr)"}},
	{"a master out of sight", func(f *Facts) { f.Master = "device 9" }, Refused, []string{"belongs to device 9"}},
	{"a bond", func(f *Facts) { f.Kind, f.Driver = "bond", "bonding" }, Fine, []string{"ok kind: Ethernet, bond"}},
	{"a VLAN", func(f *Facts) { f.Kind, f.VLAN, f.Lower = "vlan", 7, "eno1" }, Fine, []string{"VLAN 7 of eno1", "that VLAN only"}},
	{"a macvlan", func(f *Facts) { f.Kind, f.MacvlanMode, f.Lower = "macvlan", "bridge", "eno1" }, Refused, []string{"its own MAC address only", "--uplink eno1"}},
	{"a macvtap in passthru", func(f *Facts) { f.Kind, f.MacvlanMode, f.Lower = "macvtap", "passthru", "eno1" }, Fine, nil},
	{"an ipvlan", func(f *Facts) { f.Kind = "ipvlan" }, Refused, []string{"an ipvlan, which has its NIC's MAC", "--uplink NIC"}},
	{"below a macvtap", func(f *Facts) { f.Uppers = []Upper{{"mv0", "macvtap", "bridge"}} }, Fine, []string{"not the host: mv0"}},
	{"below a macvtap in passthru", func(f *Facts) { f.Uppers = []Upper{{"mv0", "macvtap", "passthru"}} }, Refused, []string{"given whole to mv0", "ip link del mv0"}},
	{"below an ipvlan", func(f *Facts) { f.Uppers = []Upper{{"iv0", "ipvlan", ""}} }, Fine, []string{"ipvlan devices share it too: iv0"}},
	{"below VLANs", func(f *Facts) { f.Uppers = []Upper{{"eth0.5", "vlan", ""}, {"eth0.6", "vlan", ""}} }, Fine, []string{"eth0.5, eth0.6", "tagged"}},
	{"another network's uplink", func(f *Facts) { f.Role = Role{"the uplink of network lan", "add the guests there", true} }, Refused, []string{"eth0 is the uplink of network lan already"}},
	{"down", func(f *Facts) { f.Up, f.Carrier = false, false }, Warning, []string{"eth0 is down", "ip link set eth0 up"}},
	{"no carrier", func(f *Facts) { f.Carrier = false }, Warning, []string{"no carrier"}},
	{"a small MTU", func(f *Facts) { f.MTU = 1000 }, Warning, []string{"1000 bytes is too small for IPv6"}},
	{"LRO", func(f *Facts) { f.LRO = true }, Fine, []string{"ok lro: on: it is turned off", "put back"}},
	{"XDP", func(f *Facts) { f.XDPMode = "native" }, Warning, []string{"XDP program (native)"}},
	{"another filter before ours", func(f *Facts) { f.Classic, f.Programs = true, []Program{{"flower", "", 1, true}} }, Refused, []string{"flower filter at preference 1 of egress"}},
	{"another program beside ours", func(f *Facts) { f.Classic, f.Programs = true, []Program{{"bpf", "cilium", 1, true}} }, Warning, []string{"bpf cilium at preference 1"}},
	{"a program for one EtherType", func(f *Facts) { f.Classic, f.Programs = true, []Program{{"bpf", "v4", 1, false}} }, Refused, []string{"bpf v4 filter at preference 1"}},
	{"a filter where ours is before all", func(f *Facts) { f.Programs = []Program{{"flower", "", 1, true}} }, Fine, nil},
	{"a filter after ours", func(f *Facts) { f.Classic, f.Programs = true, []Program{{"flower", "", 10, true}} }, Fine, nil},
	{"tcx", func(f *Facts) { f.Programs = []Program{{"tcx", "guard", 0, false}} }, Warning, []string{"tcx guard at egress runs before", "TCX_NEXT"}},
	{"a duplicate address", func(f *Facts) { f.Duplicates = []netip.Prefix{netip.MustParsePrefix("2001:db8::5/64")} }, Warning, []string{"2001:db8::5"}},
	{"a checked virtual function", func(f *Facts) { f.VF = &VirtualFunction{PF: "eno1", Index: 3, Trusted: On, Checked: On} }, Refused, []string{"spoofchk on", "ip link set eno1 vf 3 trust on spoofchk off"}},
	{"an untrusted virtual function", func(f *Facts) { f.VF = &VirtualFunction{PF: "eno1", Index: 3, Trusted: Off, Checked: Off} }, Refused, []string{"trust off"}},
	{"a trusted virtual function", func(f *Facts) { f.VF = &VirtualFunction{PF: "eno1", Index: 3, Trusted: On, Checked: Off} }, Fine, []string{"trusted and not checked"}},
	{"a virtual function in a guest", func(f *Facts) { f.VF = &VirtualFunction{} }, Warning, []string{"cannot be seen from here"}},
	{"what may not be looked at", func(f *Facts) { f.Unseen = []string{"programs at its tc hooks (operation not permitted)"} }, Warning, []string{"could not look at programs", "as root"}},
	{"EC2", func(f *Facts) { f.Driver = "ena" }, Warning, []string{"Amazon EC2", "--probe"}},
	{"EC2 by its name", func(f *Facts) { f.Platform.Vendor = "Amazon EC2" }, Warning, []string{"Amazon EC2"}},
	{"GCE", func(f *Facts) { f.Platform.Vendor, f.Platform.Product = "Google", "Google Compute Engine" }, Warning, []string{"Google Compute Engine"}},
	{"Azure", func(f *Facts) {
		f.Platform = Platform{"Microsoft Corporation", "Virtual Machine", "7783-7084-3265-9085-8269-3286-77"}
	}, Warning, []string{"Microsoft Azure"}},
	{"Hyper-V", func(f *Facts) { f.Platform = Platform{"Microsoft Corporation", "Virtual Machine", ""} }, Warning, []string{"Hyper-V", "MacAddressSpoofing"}},
	{"a Surface laptop", func(f *Facts) { f.Platform = Platform{"Microsoft Corporation", "Surface Pro", ""} }, Fine, nil},
	{"VMware", func(f *Facts) { f.Platform.Vendor = "VMware, Inc." }, Warning, []string{"forged transmits"}},
	{"OpenStack", func(f *Facts) { f.Platform.Product = "OpenStack Nova" }, Warning, []string{"port-security"}},
	{"a virtual network on EC2", func(f *Facts) { f.Kind, f.Platform.Vendor = "veth", "Amazon EC2" }, Fine, nil},
	{"EC2 that answered", func(f *Facts) {
		f.Driver, f.Heard = "ena", &Heard{MAC: heardFrom, Gateway: netip.MustParseAddr("10.0.0.1"), Answered: true}
	}, Fine, []string{"ok probe: heard: the gateway 10.0.0.1 answered"}},
	{"an offer", func(f *Facts) {
		f.Heard = &Heard{MAC: heardFrom, DHCP: netip.MustParseAddr("10.0.0.1"), Offered: netip.MustParseAddr("10.0.0.77")}
	}, Fine, []string{"the DHCP server 10.0.0.1 offered 10.0.0.77", "no lease was taken"}},
	{"silence", func(f *Facts) { f.Heard = &Heard{MAC: heardFrom, Gateway: netip.MustParseAddr("10.0.0.1")} }, Warning,
		[]string{"warn probe: not heard: neither a DHCP server nor the gateway 10.0.0.1 answered", "02:75:62:01:02:03"}},
	{"an offer by broadcast", func(f *Facts) {
		f.Heard = &Heard{MAC: heardFrom, DHCP: netip.MustParseAddr("10.0.0.1"), Offered: netip.MustParseAddr("10.0.0.77"), Broadcast: true}
	}, Warning, []string{"not heard: the DHCP server 10.0.0.1 answered by broadcast only"}},
	{"silence where nobody is", func(f *Facts) { f.Heard = &Heard{MAC: heardFrom} }, Warning, []string{"no gateway by it to ask", "nobody to answer"}},
	{"silence on EC2", func(f *Facts) { f.Driver, f.Heard = "ena", &Heard{MAC: heardFrom} }, Warning, []string{"warn platform", "mode nat", "not heard"}},
	{"a taken address", func(f *Facts) {
		f.Heard = &Heard{MAC: heardFrom, Taken: []netip.Addr{netip.MustParseAddr("10.0.0.9")}}
	}, Warning, []string{"another machine has the host's address 10.0.0.9"}},
}

// TestJudge words each kind of device, and refuses those that cannot be shared
// and no other.
func TestJudge(t *testing.T) {
	for _, tc := range judged {
		list := Judge(good(tc.change))
		text := say(list)
		worst := Fine
		for _, f := range list {
			worst = max(worst, f.Level)
			if (f.Level != Fine) != (f.Fix != "") {
				t.Errorf("%s: a finding must have a fix where one is needed, and none otherwise: %+v", tc.name, f)
			}
		}
		if worst != tc.level {
			t.Errorf("%s: level %d, want %d:\n%s", tc.name, worst, tc.level, text)
		}
		for _, w := range tc.words {
			if !strings.Contains(text, w) {
				t.Errorf("%s: no %q in\n%s", tc.name, w, text)
			}
		}
		if err := Refusal(list); (err != nil) != (tc.level == Refused) {
			t.Errorf("%s: refusal %v", tc.name, err)
		}
	}
}
