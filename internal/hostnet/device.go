package hostnet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ErrNoDevice says that the named device does not exist in this namespace.
var ErrNoDevice = errors.New("no such network device")

// Device is a network device as the kernel shows it.
type Device struct {
	Name    string
	Ifindex int
	// Kind is tap, tun, or the kernel's kind: veth, bridge, vlan, wireguard…;
	// device for hardware.
	Kind      string
	MAC       net.HardwareAddr // empty without a link header
	MTU       int              // bytes of network-layer packet
	Up        bool             // administratively
	Carrier   bool             // a tap has it while a process holds it open
	L3        bool             // no Ethernet header
	Loopback  bool
	Master    string         // bridge or bond that owns it, empty if none
	Addresses []netip.Prefix // IPv4 and IPv6, link-local included
	XDP       bool           // an XDP program is attached
	Tap       *TapDetails    // of a tap or tun
}

// TapDetails is what the kernel knows of a tap beyond the device.
type TapDetails struct {
	MultiQueue bool
	Persistent bool
	Queues     int // open queues; the kernel counts them on multi-queue taps only
}

// DeviceInfo describes the named device; ErrNoDevice if there is none.
func DeviceInfo(name string) (Device, error) {
	link, err := linkByName(name)
	if err != nil {
		return Device{}, err
	}
	return deviceOf(link)
}

// DeviceAt describes the device with that interface index, whatever its name is;
// ErrNoDevice if there is none.
func DeviceAt(ifindex int) (Device, error) {
	link, err := netlink.LinkByIndex(ifindex)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		return Device{}, fmt.Errorf("device %d: %w", ifindex, ErrNoDevice)
	}
	if err != nil {
		return Device{}, fmt.Errorf("look up device %d: %w", ifindex, err)
	}
	return deviceOf(link)
}

func deviceOf(link netlink.Link) (d Device, err error) {
	d = Describe(link)
	if d.Addresses, err = addresses(link); err != nil {
		return Device{}, err
	}
	if master := link.Attrs().MasterIndex; master != 0 {
		d.Master = deviceName(master)
	}
	return d, nil
}

// Devices describes all devices of this namespace, without their addresses; a
// Master is named by its index.
func Devices() (list []Device, err error) {
	links, err := dump(netlink.LinkList)
	if err != nil {
		return nil, fmt.Errorf("list the host's devices: %w", err)
	}
	for _, link := range links {
		d := Describe(link)
		if master := link.Attrs().MasterIndex; master != 0 {
			d.Master = fmt.Sprintf("device %d", master)
		}
		list = append(list, d)
	}
	return list, nil
}

func linkByName(name string) (netlink.Link, error) {
	link, err := netlink.LinkByName(name)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		return nil, fmt.Errorf("%s: %w", name, ErrNoDevice)
	}
	if err != nil {
		return nil, fmt.Errorf("look up device %s: %w", name, err)
	}
	return link, nil
}

// ignoreMissing takes a device that is gone for nothing to do.
func ignoreMissing(err error) error {
	if errors.Is(err, ErrNoDevice) {
		return nil
	}
	return err
}

// Describe puts what a link message says of a device in our words: all but Master
// and Addresses, which take other questions.
func Describe(link netlink.Link) Device {
	a := link.Attrs()
	d := Device{
		Name: a.Name, Ifindex: a.Index, Kind: link.Type(), MAC: a.HardwareAddr, MTU: a.MTU,
		Up:       a.RawFlags&unix.IFF_UP != 0,
		Carrier:  a.RawFlags&unix.IFF_LOWER_UP != 0,
		Loopback: a.RawFlags&unix.IFF_LOOPBACK != 0,
		L3:       a.EncapType != "ether" && a.EncapType != "loopback",
		XDP:      a.Xdp != nil && a.Xdp.Attached,
	}
	if t, ok := link.(*netlink.Tuntap); ok {
		d.Kind = "tap"
		if t.Mode == netlink.TUNTAP_MODE_TUN {
			d.Kind = "tun"
		}
		d.Tap = &TapDetails{
			MultiQueue: t.Flags&netlink.TUNTAP_MULTI_QUEUE != 0,
			Persistent: !t.NonPersist,
			Queues:     t.Queues,
		}
	}
	return d
}

func addresses(link netlink.Link) (prefixes []netip.Prefix, err error) {
	list, err := dump(func() ([]netlink.Addr, error) { return netlink.AddrList(link, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("list addresses of %s: %w", link.Attrs().Name, err)
	}
	for _, a := range list {
		if p, ok := prefixOf(a.IPNet); ok {
			prefixes = append(prefixes, p)
		}
	}
	return prefixes, nil
}

func prefixOf(n *net.IPNet) (netip.Prefix, bool) {
	if n == nil {
		return netip.Prefix{}, false
	}
	addr, ok := netip.AddrFromSlice(n.IP)
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(addr.Unmap(), bits), ok
}

// Attachable tells why the device cannot be attached to a network, and what to
// do about it; nil if it can.
func (d Device) Attachable() error {
	switch {
	case d.Loopback:
		return fmt.Errorf("%s is the loopback device, which carries no guest; make a tap or a veth", d.Name)
	case d.L3:
		return fmt.Errorf("%s (%s) has no Ethernet header, so it cannot be switched; use a tap instead of a tun", d.Name, d.Kind)
	case d.Master != "":
		return fmt.Errorf("%s belongs to %s; release it first: ip link set %s nomaster", d.Name, d.Master, d.Name)
	}
	if i := slices.IndexFunc(d.Addresses, configured); i >= 0 {
		return fmt.Errorf("%s has the address %s of the host, which would become unreachable; remove it first: ip addr flush dev %s",
			d.Name, d.Addresses[i], d.Name)
	}
	carriers, err := DefaultRoutes()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(carriers, func(r DefaultRoute) bool { return r.Ifindex == d.Ifindex }) {
		return fmt.Errorf("%s carries the host's default route; attaching it would cut the host off", d.Name)
	}
	return nil
}

// configured leaves out the link-local address that the kernel itself gives to
// every device that is up.
func configured(p netip.Prefix) bool {
	return !(p.Addr().Is6() && p.Addr().IsLinkLocalUnicast())
}
