package hostnet

import (
	"fmt"

	"github.com/vishvananda/netlink"
)

// helperSysctls keep the host's stack off the helper tap of a shared NIC: what
// comes in there is the NIC's.
var helperSysctls = []sysctl{
	{"ipv6", "disable_ipv6", "1"},
	{"ipv6", "accept_ra", "0"},
	{"ipv4", "arp_ignore", "8"}, // answer for no local address
	{"ipv4", "arp_announce", "2"},
	{"ipv4", "forwarding", "0"},
}

// PrepareHelper makes an existing tap the helper of a shared NIC, which is still
// down: no address, and the NIC's MTU in bytes.
func PrepareHelper(name string, mtu int) error {
	if err := writeDevice(name, helperSysctls); err != nil {
		return fmt.Errorf("helper %s: %w", name, err)
	}
	return SetMTU(name, mtu)
}

// SetMTU sets a device's MTU in bytes.
func SetMTU(name string, mtu int) error {
	link, err := linkByName(name)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetMTU(link, mtu); err != nil {
		return fmt.Errorf("set MTU of %s to %d: %w", name, mtu, err)
	}
	return nil
}

// SetUp brings a device up.
func SetUp(name string) error {
	link, err := linkByName(name)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("bring %s up: %w", name, err)
	}
	return nil
}
