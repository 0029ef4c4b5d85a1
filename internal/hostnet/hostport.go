package hostnet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// hostPortSysctls: the network offers no IPv6 yet, the host must not take routes
// from its guests, and tells them where the gateway address is, but not its
// addresses on other devices (those are reached through the gateway).
var hostPortSysctls = []sysctl{
	{"ipv6", "disable_ipv6", "1"},
	{"ipv6", "accept_ra", "0"},
	{"ipv4", "arp_ignore", "1"}, // answer for addresses of the device that was asked
}

// HostPort is the host's own leg in a network, such as ubr0.
type HostPort struct {
	Name    string
	MAC     net.HardwareAddr // the gateway's
	MTU     int              // bytes
	Address netip.Prefix     // gateway address and prefix length, IPv4
}

// ConfigureHostPort makes the existing tap p.Name look as p says and brings it
// up. Idempotent: a device that is right already is left alone, other IPv4
// addresses on it are removed.
func ConfigureHostPort(p HostPort) error {
	link, err := linkByName(p.Name)
	if err != nil {
		return err
	}
	if err := writeDevice(p.Name, hostPortSysctls); err != nil {
		return fmt.Errorf("host port %s: %w", p.Name, err)
	}
	if err := p.setLink(link); err != nil {
		return err
	}
	if err := p.setAddress(link); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("bring host port %s up: %w", p.Name, err)
	}
	return nil
}

func (p HostPort) setLink(link netlink.Link) error {
	if link.Attrs().HardwareAddr.String() != p.MAC.String() {
		if err := netlink.LinkSetHardwareAddr(link, p.MAC); err != nil {
			return fmt.Errorf("set MAC of host port %s to %s: %w", p.Name, p.MAC, err)
		}
	}
	if link.Attrs().MTU != p.MTU {
		if err := netlink.LinkSetMTU(link, p.MTU); err != nil {
			return fmt.Errorf("set MTU of host port %s to %d: %w", p.Name, p.MTU, err)
		}
	}
	return nil
}

// setAddress adds the gateway address before it removes others, so that the
// subnet's route stays.
func (p HostPort) setAddress(link netlink.Link) error {
	want := &netlink.Addr{IPNet: ipNet(p.Address)}
	if err := netlink.AddrAdd(link, want); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("give %s to host port %s: %w", p.Address, p.Name, err)
	}
	present, err := dump(func() ([]netlink.Addr, error) { return netlink.AddrList(link, netlink.FAMILY_V4) })
	if err != nil {
		return fmt.Errorf("list addresses of host port %s: %w", p.Name, err)
	}
	for _, a := range present {
		if prefix, _ := prefixOf(a.IPNet); prefix == p.Address {
			continue
		}
		if err := netlink.AddrDel(link, &a); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return fmt.Errorf("remove %s from host port %s: %w", a.IPNet, p.Name, err)
		}
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
