package nic

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"

	"ubridge/internal/hostnet"
)

// kernel is whom Look asks; tests answer in its place.
type kernel interface {
	links() ([]netlink.Link, error)
	addresses(netlink.Link) ([]netlink.Addr, error)
	lro(name string) (bool, error)
	driver(name string) (driver, bus string)
	wireless(ifindex int) (Wireless, error)
	programs(ifindex int) (list []Program, classic bool, err error)
	physicalFunction(bus string) (pf string, index int, is bool)
	platform() Platform
}

// Look gathers what is known of a device of the calling thread's namespace; the
// error wraps hostnet.ErrNoDevice if there is none of that name. What may not be
// looked at (without root: tcx programs) is told in Unseen.
func Look(name string) (Facts, error) { return look(host{}, name) }

func look(k kernel, name string) (Facts, error) {
	links, err := k.links()
	if err != nil {
		return Facts{}, fmt.Errorf("list network devices: %w", err)
	}
	i := slices.IndexFunc(links, func(l netlink.Link) bool {
		return l.Attrs().Name == name || slices.Contains(l.Attrs().AltNames, name)
	})
	if i < 0 {
		return Facts{}, fmt.Errorf("%s: %w: ip -br link lists them", name, hostnet.ErrNoDevice)
	}
	f := Facts{Device: hostnet.Describe(links[i]), LinkType: links[i].Attrs().EncapType, XDPMode: xdpMode(links[i])}
	f.own(links[i])
	f.related(links, links[i])
	return f, f.ask(k, links)
}

// own takes what the device's kind says of itself.
func (f *Facts) own(link netlink.Link) {
	switch l := link.(type) {
	case *netlink.Vlan:
		f.VLAN = l.VlanId
	case *netlink.Macvlan:
		f.MacvlanMode = macvlanMode(l.Mode)
	case *netlink.Macvtap:
		f.MacvlanMode = macvlanMode(l.Mode)
	}
}

// related finds the devices above and below.
func (f *Facts) related(links []netlink.Link, self netlink.Link) {
	below := self.Attrs().ParentIndex
	for _, l := range links {
		a := l.Attrs()
		switch {
		case a.Index == self.Attrs().MasterIndex:
			f.Master, f.MasterKind = a.Name, l.Type()
		case a.Index == below && self.Attrs().NetNsID < 0 && stacked(f.Kind):
			f.Lower = a.Name
		case a.ParentIndex == f.Ifindex && a.NetNsID < 0 && stacked(l.Type()):
			f.Uppers = append(f.Uppers, upper(l))
		}
	}
	if m := self.Attrs().MasterIndex; m != 0 && f.Master == "" {
		f.Master = fmt.Sprintf("device %d", m)
	}
}

// stacked reports kinds of device that are made on another one; the parent of
// other kinds is something else (a veth's peer).
func stacked(kind string) bool {
	return slices.Contains([]string{"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap"}, kind)
}

func upper(link netlink.Link) Upper {
	u := Upper{Name: link.Attrs().Name, Kind: link.Type()}
	switch l := link.(type) {
	case *netlink.Macvlan:
		u.Mode = macvlanMode(l.Mode)
	case *netlink.Macvtap:
		u.Mode = macvlanMode(l.Mode)
	}
	return u
}

func macvlanMode(m netlink.MacvlanMode) string {
	return map[netlink.MacvlanMode]string{
		netlink.MACVLAN_MODE_PRIVATE: "private", netlink.MACVLAN_MODE_VEPA: "vepa", netlink.MACVLAN_MODE_BRIDGE: "bridge",
		netlink.MACVLAN_MODE_PASSTHRU: "passthru", netlink.MACVLAN_MODE_SOURCE: "source",
	}[m]
}

func xdpMode(link netlink.Link) string {
	xdp := link.Attrs().Xdp
	if xdp == nil || !xdp.Attached {
		return ""
	}
	switch xdp.AttachMode {
	case nl.XDP_ATTACHED_SKB:
		return "generic"
	case nl.XDP_ATTACHED_HW:
		return "offloaded"
	}
	return "native"
}

// ask takes the answers of the kernel's other interfaces. Only addresses must be
// had; the rest is what a user may not see, or what a kernel does not have.
func (f *Facts) ask(k kernel, links []netlink.Link) (err error) {
	self := links[slices.IndexFunc(links, func(l netlink.Link) bool { return l.Attrs().Index == f.Ifindex })]
	addresses, err := k.addresses(self)
	if err != nil {
		return fmt.Errorf("list addresses of %s: %w", f.Name, err)
	}
	f.addresses(addresses)
	if f.LRO, err = k.lro(f.Name); err != nil {
		f.unseen("its offloads", err)
	}
	if f.Wireless, err = k.wireless(f.Ifindex); err != nil {
		f.unseen("wireless settings", err)
	}
	if f.Programs, f.Classic, err = k.programs(f.Ifindex); err != nil {
		f.unseen("programs at its tc hook", err)
	}
	var bus string
	f.Driver, bus = k.driver(f.Name)
	f.Platform = k.platform()
	if pf, index, is := k.physicalFunction(bus); is && f.Kind == "device" {
		f.VF = virtualFunction(links, pf, index)
	}
	return nil
}

func (f *Facts) unseen(what string, err error) {
	f.Unseen = append(f.Unseen, fmt.Sprintf("%s (%v)", what, err))
}

// virtualFunction reads what the physical function lets the virtual one do.
func virtualFunction(links []netlink.Link, pf string, index int) *VirtualFunction {
	vf := &VirtualFunction{Index: index}
	i := slices.IndexFunc(links, func(l netlink.Link) bool { return l.Attrs().Name == pf })
	if pf == "" || i < 0 {
		return vf
	}
	vf.PF = pf
	for _, info := range links[i].Attrs().Vfs {
		if info.ID == index {
			vf.Trusted, vf.Checked = settings(info)
		}
	}
	return vf
}

// settings reads the switches of a virtual function. A driver without one says
// -1 (rtnl_fill_vfinfo), which the library takes for spoofchk on.
func settings(info netlink.VfInfo) (trusted, checked Setting) {
	const without = 1<<32 - 1
	trusted, checked = Off, Off
	if info.Trust != 0 {
		trusted = On
	}
	if info.Spoofchk {
		checked = On
	}
	if info.Trust == without {
		trusted = Unknown
		if info.Spoofchk {
			checked = Unknown
		}
	}
	return trusted, checked
}

// ours reports filters (ubridge-…) and programs (ubridge_…) that ubridge itself attached.
func ours(name string) bool {
	return strings.HasPrefix(name, "ubridge-") || strings.HasPrefix(name, "ubridge_")
}
