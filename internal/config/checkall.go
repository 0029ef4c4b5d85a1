package config

import (
	"bytes"
	"slices"
)

// CheckAll holds networks against one another: no name, UUID, subnet, host port,
// MAC, bridged uplink, static port or pattern of adoption may be in two of them. The
// later network is blamed. Networks
// of several directories are put in one slice, those of the administrator first.
func CheckAll(networks []Network) error {
	var list []error
	for i := range networks {
		n := &networks[i]
		f := &faults{file: n.where(), lines: n.Origin.lines, spelled: n.Origin.spelled}
		for j := range networks[:i] {
			f.clash(n, &networks[j])
		}
		list = append(list, f.list...)
	}
	return joined(list)
}

// clash records what n shares with another network and may not.
func (f *faults) clash(n, other *Network) {
	at := other.where()
	if n.Name == other.Name {
		f.add("", "remove one of the two", "network %s is defined in %s too", n.Name, at)
		return
	}
	if n.Pinned() && other.Pinned() && n.Address.Overlaps(other.Address) {
		f.add("address", "use another subnet", "%v overlaps %v of network %s (%s)",
			n.Address.Masked(), other.Address.Masked(), other.Name, at)
	}
	if n.UUID != "" && n.UUID == other.UUID {
		f.add("uuid", "leave it out for a new one", "%s is the UUID of network %s (%s)", n.UUID, other.Name, at)
	}
	if n.Bridge != "" && n.Bridge == other.Bridge {
		f.add("bridge", "use another name", "%s is the host port of network %s (%s)", n.Bridge, other.Name, at)
	}
	if n.Mode == ModeBridge && other.Mode == ModeBridge && n.Uplink == other.Uplink {
		f.add("uplink", "add the guests to that network", "%s is the uplink of network %s (%s) already", n.Uplink, other.Name, at)
	}
	if n.MAC != nil && bytes.Equal(n.MAC, other.MAC) {
		f.add("mac", "use another", "%v is the MAC of network %s (%s)", n.MAC, other.Name, at)
	}
	f.clashAdopt(n, other)
	for i, port := range n.Ports {
		if port == other.Uplink {
			f.add(element("ports", i), "leave one out", "%s is the uplink of network %s (%s)", port, other.Name, at)
		}
		if port == other.Bridge || slices.Contains(other.Ports, port) {
			f.add(element("ports", i), "leave one out", "%s belongs to network %s (%s)", port, other.Name, at)
		}
	}
	if i := slices.Index(other.Ports, n.Bridge); n.Bridge != "" && i >= 0 {
		f.add("bridge", "use another name", "%s is a port of network %s (%s)", n.Bridge, other.Name, at)
	}
}
