package hostnet

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
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

// Shareable tells why guests cannot be put on the LAN of the device beside the
// host, and what to do instead; nil if they can.
func (d Device) Shareable() error {
	switch {
	case d.Loopback:
		return fmt.Errorf("%s is the loopback device, which leads to no LAN: name a network card, see `ip link`", d.Name)
	case d.L3:
		return fmt.Errorf("%s (%s) has no Ethernet header, so guests cannot be on it; use mode nat, which goes out by it", d.Name, d.Kind)
	case d.Master != "":
		return fmt.Errorf("%s belongs to %s, which takes all its frames: name %s as the uplink instead, or release it: ip link set %s nomaster",
			d.Name, d.Master, d.Master, d.Name)
	case wireless(d.Name):
		return fmt.Errorf("%s is wireless, and access points take frames of their own stations only; use mode nat", d.Name)
	}
	return nil
}

// siocgiwname is SIOCGIWNAME of linux/wireless.h, which cfg80211 answers.
const siocgiwname = 0x8b01

func wireless(name string) bool {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq(name)
	return err == nil && unix.IoctlIfreq(fd, siocgiwname, req) == nil
}
