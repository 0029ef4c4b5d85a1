package nic

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// answers is a kernel of a machine that this one is not: link messages as
// RTM_GETLINK would send them, an answer of nl80211, a function of the PCI bus.
type answers struct {
	t       *testing.T
	dump    [][]byte
	nl80211 map[int][]byte
	pf      map[string]string // bus → "PF INDEX"
	buses   map[string]string // device → bus
}

func (a answers) links() (list []netlink.Link, err error) {
	for _, m := range a.dump {
		l, err := netlink.LinkDeserialize(nil, m)
		if err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	return list, nil
}

func (answers) addresses(netlink.Link) ([]netlink.Addr, error) { return nil, nil }
func (answers) lro(string) (bool, error)                       { return true, nil }
func (answers) programs(int) ([]Program, bool, error)          { return nil, false, nil }
func (answers) platform() Platform                             { return Platform{} }
func (a answers) driver(name string) (string, string)          { return "ixgbe", a.buses[name] }

func (a answers) wireless(ifindex int) (Wireless, error) {
	if m, ok := a.nl80211[ifindex]; ok {
		return parseInterface(m)
	}
	return Wireless{}, nil
}

func (a answers) physicalFunction(bus string) (pf string, index int, is bool) {
	if a.pf[bus] == "" {
		return "", 0, false
	}
	if _, err := fmt.Sscanf(a.pf[bus], "%s %d", &pf, &index); err != nil {
		a.t.Fatal(err)
	}
	return pf, index, true
}

// attribute is a netlink attribute with what is nested in it.
func attribute(kind int, data any, children ...*nl.RtAttr) *nl.RtAttr {
	var value []byte
	switch d := data.(type) {
	case string:
		value = nl.ZeroTerminated(d)
	case uint32:
		value = nl.Uint32Attr(d)
	case []byte:
		value = d
	}
	a := nl.NewRtAttr(kind, value)
	for _, c := range children {
		a.AddChild(c)
	}
	return a
}

// linkMessage is the body of an RTM_NEWLINK.
func linkMessage(index int, hardware uint16, name string, more ...*nl.RtAttr) []byte {
	head := nl.NewIfInfomsg(unix.AF_UNSPEC)
	head.Index, head.Type, head.Flags = int32(index), hardware, unix.IFF_UP|unix.IFF_RUNNING|unix.IFF_LOWER_UP
	m := head.Serialize()
	for _, a := range append([]*nl.RtAttr{attribute(unix.IFLA_IFNAME, name), attribute(unix.IFLA_MTU, uint32(1500))}, more...) {
		m = append(m, a.Serialize()...)
	}
	return m
}

func kind(name string) *nl.RtAttr {
	return attribute(unix.IFLA_LINKINFO, nil, attribute(nl.IFLA_INFO_KIND, name))
}

func vlanKind(tag uint16) *nl.RtAttr {
	return attribute(unix.IFLA_LINKINFO, nil, attribute(nl.IFLA_INFO_KIND, "vlan"),
		attribute(nl.IFLA_INFO_DATA, nil, attribute(nl.IFLA_VLAN_ID, binary.NativeEndian.AppendUint16(nil, tag))))
}

// function is an IFLA_VF_INFO with its two switches.
func function(index int, check, trust uint32) *nl.RtAttr {
	pair := func(kind int, value uint32) *nl.RtAttr {
		return attribute(kind, binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, uint32(index)), value))
	}
	mac := append(binary.NativeEndian.AppendUint32(nil, uint32(index)), make([]byte, 32)...)
	return attribute(nl.IFLA_VF_INFO, nil, attribute(nl.IFLA_VF_MAC, mac), pair(nl.IFLA_VF_SPOOFCHK, check), pair(nl.IFLA_VF_TRUST, trust))
}

// station is nl80211's answer for an interface of that type.
func station(kind uint32, fourAddress byte) []byte {
	m := (&nl.Genlmsg{Command: unix.NL80211_CMD_NEW_INTERFACE, Version: 1}).Serialize()
	m = append(m, attribute(unix.NL80211_ATTR_IFTYPE, kind).Serialize()...)
	return append(m, attribute(unix.NL80211_ATTR_4ADDR, []byte{fourAddress}).Serialize()...)
}

const without = 1<<32 - 1 // a switch that the driver does not have

// TestOtherMachines judges kinds of NIC that this machine cannot make, from the
// messages by which a kernel would tell of them.
func TestOtherMachines(t *testing.T) {
	master := func(index uint32) *nl.RtAttr { return attribute(unix.IFLA_MASTER, index) }
	below := func(index uint32) *nl.RtAttr { return attribute(unix.IFLA_LINK, index) }
	a := answers{
		t: t,
		dump: [][]byte{
			linkMessage(2, unix.ARPHRD_ETHER, "eno1", attribute(unix.IFLA_VFINFO_LIST, nil,
				function(0, 1, 0), function(1, 0, 0), function(2, 0, 1), function(3, without, without))),
			linkMessage(3, unix.ARPHRD_ETHER, "eno2", master(5)), linkMessage(4, unix.ARPHRD_ETHER, "eno3", master(6)),
			linkMessage(5, unix.ARPHRD_ETHER, "bond0", kind("bond")), linkMessage(6, unix.ARPHRD_ETHER, "team0", kind("team")),
			linkMessage(7, unix.ARPHRD_ETHER, "ovs-system", kind("openvswitch")), linkMessage(8, unix.ARPHRD_ETHER, "eno4", master(7)),
			linkMessage(9, unix.ARPHRD_ETHER, "blue", kind("vrf")), linkMessage(10, unix.ARPHRD_ETHER, "eno5", master(9)),
			linkMessage(11, unix.ARPHRD_ETHER, "wlan0"), linkMessage(12, unix.ARPHRD_ETHER, "wlan1"), linkMessage(13, unix.ARPHRD_ETHER, "wlan2"),
			linkMessage(14, unix.ARPHRD_NONE, "wg0", kind("wireguard")), linkMessage(15, unix.ARPHRD_PPP, "ppp0"),
			linkMessage(16, unix.ARPHRD_TUNNEL, "tunl0", kind("ipip")), linkMessage(17, unix.ARPHRD_INFINIBAND, "ib0"),
			linkMessage(18, unix.ARPHRD_ETHER, "eno1.40", vlanKind(40), below(2)), linkMessage(19, unix.ARPHRD_ETHER, "iv0", kind("ipvlan"), below(2)),
			linkMessage(20, unix.ARPHRD_ETHER, "vf0"), linkMessage(21, unix.ARPHRD_ETHER, "vf1"), linkMessage(22, unix.ARPHRD_ETHER, "vf2"),
			linkMessage(23, unix.ARPHRD_ETHER, "vf3"), linkMessage(24, unix.ARPHRD_ETHER, "vf9"),
		},
		nl80211: map[int][]byte{11: station(unix.NL80211_IFTYPE_STATION, 0), 12: station(unix.NL80211_IFTYPE_STATION, 1), 13: station(unix.NL80211_IFTYPE_AP, 0)},
		buses:   map[string]string{"vf0": "b0", "vf1": "b1", "vf2": "b2", "vf3": "b3", "vf9": "b9"},
		pf:      map[string]string{"b0": "eno1 0", "b1": "eno1 1", "b2": "eno1 2", "b3": "eno1 3", "b9": "elsewhere 0"},
	}
	for name, want := range map[string]string{
		"eno1":    "ok use: the host's VLANs on it stay: eno1.40",
		"eno2":    "fail use: eno2 is a member of the bond bond0 → use the bond itself: --uplink bond0",
		"eno3":    "fail use: eno3 is a member of the team team0 → use the team itself: --uplink team0",
		"eno4":    "fail use: eno4 is a port of Open vSwitch",
		"eno5":    "ok use: belongs to the VRF blue",
		"bond0":   "ok kind: Ethernet, bond",
		"wlan0":   "fail wireless: wlan0 is wireless",
		"wlan1":   "ok wireless: its access point takes frames of other MAC addresses",
		"wlan2":   "ok wireless: an access point",
		"wg0":     "fail kind: wg0 (wireguard) has no Ethernet header",
		"ppp0":    "fail kind: ppp0 (ppp) has no Ethernet header",
		"tunl0":   "fail kind: tunl0 (ipip) has no Ethernet header",
		"ib0":     "fail kind: ib0 (infiniband) has no Ethernet header",
		"eno1.40": "ok kind: eno1.40 is VLAN 40 of eno1",
		"iv0":     "fail kind: iv0 is an ipvlan, which has its NIC's MAC address and no other → use the device below it: --uplink eno1",
		"vf0":     "fail sr-iov: vf0 is virtual function 0 of eno1, which drops what it sends",
		"vf1":     "fail sr-iov: vf1 is virtual function 1 of eno1, which does not let it receive",
		"vf2":     "ok sr-iov: virtual function 2 of eno1, trusted and not checked",
		"vf3":     "warn sr-iov: vf3 is an SR-IOV virtual function; whether",
		"vf9":     "warn sr-iov: vf9 is an SR-IOV virtual function; whether",
	} {
		f, err := look(a, name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if text := say(Judge(f)); !strings.Contains(text, want) {
			t.Errorf("%s: no %q in\n%s%+v", name, want, text, f)
		}
	}
	if f, _ := look(a, "eno1"); len(f.Uppers) != 2 || !f.LRO {
		t.Errorf("eno1: %+v", f)
	}
}

// FuzzParseInterface takes any bytes for an answer of nl80211.
func FuzzParseInterface(f *testing.F) {
	f.Add(station(unix.NL80211_IFTYPE_STATION, 0))
	f.Add(station(unix.NL80211_IFTYPE_AP, 1))
	f.Add([]byte{7, 1})
	f.Fuzz(func(t *testing.T, answer []byte) {
		if w, _ := parseInterface(answer); !w.Is {
			t.Error("what nl80211 answers for is wireless")
		}
	})
}
