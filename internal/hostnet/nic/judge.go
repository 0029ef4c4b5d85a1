package nic

import (
	"fmt"
	"slices"
	"strings"
)

// useNAT is what works with every device that the host can route by.
const useNAT = "mode nat works by it: ubridge net create NAME"

// Judge says whether the device can be the uplink of a network in mode bridge.
// What stands in the way is Refused; the order is that of importance.
func Judge(f Facts) []Finding {
	if f.Loopback || f.LinkType != "ether" {
		return []Finding{noEthernet(f)}
	}
	var list []Finding
	for _, judge := range []func(Facts) []Finding{
		judgeKind, judgeRole, judgeMaster, judgeUppers, judgeWireless, judgeFunction, judgePlatform, judgeHeard,
		judgeLink, judgeAddresses, judgeLRO, judgeXDP, judgePrograms, judgeUnseen,
	} {
		list = append(list, judge(f)...)
	}
	return list
}

// Refusal is the error of the first finding that stands in the way; nil if none
// does.
func Refusal(list []Finding) error {
	i := slices.IndexFunc(list, func(f Finding) bool { return f.Level == Refused })
	if i < 0 {
		return nil
	}
	return fmt.Errorf("%s: %s", list[i].Detail, list[i].Fix)
}

func fine(check, format string, args ...any) []Finding {
	return []Finding{{Check: check, Detail: fmt.Sprintf(format, args...)}}
}

func warning(check, fix, format string, args ...any) []Finding {
	return []Finding{{Check: check, Level: Warning, Detail: fmt.Sprintf(format, args...), Fix: fix}}
}

func refused(check, fix, format string, args ...any) []Finding {
	return []Finding{{Check: check, Level: Refused, Detail: fmt.Sprintf(format, args...), Fix: fix}}
}

func noEthernet(f Facts) Finding {
	if f.Loopback {
		return refused("kind", "name the NIC that is on the LAN (ip -br link)", "%s is the loopback device, behind which there is no LAN", f.Name)[0]
	}
	what := f.Kind
	if what == "device" {
		what = f.LinkType
	}
	return refused("kind", useNAT, "%s (%s) has no Ethernet header, so no LAN is behind it that guests could join", f.Name, what)[0]
}

// judgeKind looks at what the device is made of.
func judgeKind(f Facts) []Finding {
	switch f.Kind {
	case "macvlan", "macvtap":
		if f.MacvlanMode != "passthru" {
			return refused("kind", fmt.Sprintf("use the device below it: --uplink %s", named(f.Lower)),
				"%s is a %s (%s), which receives for its own MAC address only", f.Name, f.Kind, f.MacvlanMode)
		}
	case "ipvlan", "ipvtap":
		return refused("kind", fmt.Sprintf("use the device below it: --uplink %s", named(f.Lower)),
			"%s is an %s, which has its NIC's MAC address and no other", f.Name, f.Kind)
	case "vlan":
		return fine("kind", "%s is VLAN %d of %s: guests are in that VLAN only; the uplink %s would carry all VLANs",
			f.Name, f.VLAN, named(f.Lower), named(f.Lower))
	case "device":
		if f.Driver != "" {
			return fine("kind", "Ethernet, driver %s", f.Driver)
		}
	}
	return fine("kind", "Ethernet, %s", f.Kind)
}

// named stands in for a device of another namespace.
func named(device string) string {
	if device == "" {
		return "NIC"
	}
	return device
}

// judgeRole looks at what ubridge itself does with the device.
func judgeRole(f Facts) []Finding {
	if f.Role == (Role{}) {
		return nil
	}
	return refused("use", f.Role.Fix, "%s is %s already", f.Name, f.Role.What)
}

// judgeMaster looks at who owns the device's frames.
func judgeMaster(f Facts) []Finding {
	release := "ip link set " + f.Name + " nomaster"
	switch f.MasterKind {
	case "":
		if f.Master != "" {
			return refused("use", "use "+f.Master+" as uplink, or release it: "+release, "%s belongs to %s", f.Name, f.Master)
		}
		return nil
	case "vrf":
		return fine("use", "belongs to the VRF %s; guests are bridged below it", f.Master)
	case "bridge":
		return refused("use", fmt.Sprintf("use the bridge itself: --uplink %s; or release the port: %s", f.Master, release),
			"%s is a port of the bridge %s, which takes its frames", f.Name, f.Master)
	case "bond", "team":
		return refused("use", fmt.Sprintf("use the %s itself: --uplink %s", f.MasterKind, f.Master),
			"%s is a member of the %s %s", f.Name, f.MasterKind, f.Master)
	case "openvswitch":
		return refused("use", "give Open vSwitch a port for it (ovs-vsctl add-port BRIDGE ubr-up -- set Interface ubr-up type=internal; ip link set ubr-up up) and use that: --uplink ubr-up",
			"%s is a port of Open vSwitch, which takes its frames", f.Name)
	}
	return refused("use", fmt.Sprintf("use that if it is on the LAN: --uplink %s; or release it: %s", f.Master, release),
		"%s belongs to %s (%s)", f.Name, f.Master, f.MasterKind)
}

// judgeUppers looks at who shares the device already.
func judgeUppers(f Facts) []Finding {
	var macvlans, vlans, ipvlans []string
	for _, u := range f.Uppers {
		switch u.Kind {
		case "macvlan", "macvtap":
			if u.Mode == "passthru" {
				return refused("use", "remove it (ip link del "+u.Name+"), or give that guest a port of the network instead",
					"%s is given whole to %s (%s in mode passthru)", f.Name, u.Name, u.Kind)
			}
			macvlans = append(macvlans, u.Name)
		case "vlan":
			vlans = append(vlans, u.Name)
		case "ipvlan", "ipvtap":
			ipvlans = append(ipvlans, u.Name)
		}
	}
	var list []Finding
	if macvlans != nil {
		list = append(list, fine("use", "macvlan devices share it too, which reach guests but not the host: %s", strings.Join(macvlans, ", "))...)
	}
	if ipvlans != nil {
		list = append(list, fine("use", "ipvlan devices share it too: %s", strings.Join(ipvlans, ", "))...)
	}
	if vlans != nil {
		list = append(list, fine("use", "the host's VLANs on it stay: %s; guests see those frames too, tagged", strings.Join(vlans, ", "))...)
	}
	return list
}

func judgeWireless(f Facts) []Finding {
	w := f.Wireless
	switch {
	case !w.Is:
		return nil
	case w.AccessPoint:
		return fine("wireless", "an access point: guests are on the LAN of its stations")
	case w.FourAddress:
		return fine("wireless", "its access point takes frames of other MAC addresses (4-address mode)")
	}
	return refused("wireless", useNAT, "%s is wireless: an access point drops frames whose MAC address did not log in to it, so guests' own never pass", f.Name)
}

// judgeFunction looks at what an SR-IOV NIC lets a virtual function do.
func judgeFunction(f Facts) []Finding {
	if f.VF == nil {
		return nil
	}
	pf := f.VF.PF
	if pf == "" {
		pf = "PF"
	}
	fix := fmt.Sprintf("where the NIC's physical function is: ip link set %s vf %d trust on spoofchk off; or mode nat: ubridge net create NAME", pf, f.VF.Index)
	switch {
	case f.VF.Checked == On:
		return refused("sr-iov", fix, "%s is virtual function %d of %s, which drops what it sends from other MAC addresses (spoofchk on)", f.Name, f.VF.Index, pf)
	case f.VF.Trusted == Off:
		return refused("sr-iov", fix, "%s is virtual function %d of %s, which does not let it receive for other MAC addresses (trust off)", f.Name, f.VF.Index, pf)
	case f.VF.Checked == Off && f.VF.Trusted == On:
		return fine("sr-iov", "virtual function %d of %s, trusted and not checked", f.VF.Index, pf)
	}
	return warning("sr-iov", fix, "%s is an SR-IOV virtual function; whether it may use other MAC addresses cannot be seen from here", f.Name)
}
