package hostnet

import (
	"errors"
	"fmt"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// helperTaps is the template of the names of guest taps; the kernel takes the next
// free number.
const helperTaps = "ubtap%d"

// OpenGuestTap makes a tap, down, that lives as long as somebody has its
// descriptor open; the caller passes that to a guest. With vnetHdr there is
// virtio's header before each frame. The tap is root's: nobody else could open it
// if a guest made it outlive its descriptor.
func OpenGuestTap(vnetHdr bool, mtu int) (tap *os.File, d Device, err error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, d, fmt.Errorf("make a tap: open /dev/net/tun (is the tun module loaded?): %w", err)
	}
	name, err := setUpGuestTap(fd, vnetHdr)
	// Only now: a descriptor without a device is always ready, and Go's poller
	// would spin on it.
	tap = os.NewFile(uintptr(fd), "/dev/net/tun")
	if err == nil {
		d, err = finishGuestTap(name, mtu)
	}
	if err != nil {
		return nil, d, errors.Join(fmt.Errorf("make a tap: %w", err), tap.Close())
	}
	return tap, d, nil
}

func setUpGuestTap(fd int, vnetHdr bool) (string, error) {
	req, err := unix.NewIfreq(helperTaps)
	if err != nil {
		return "", err
	}
	flags := uint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if vnetHdr {
		flags |= unix.IFF_VNET_HDR
	}
	req.SetUint16(flags)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		return "", err
	}
	return req.Name(), unix.IoctlSetInt(fd, unix.TUNSETOWNER, 0)
}

func finishGuestTap(name string, mtu int) (Device, error) {
	link, err := linkByName(name)
	if err != nil {
		return Device{}, err
	}
	if err := netlink.LinkSetMTU(link, mtu); err != nil {
		return Device{}, fmt.Errorf("set MTU of %s to %d: %w", name, mtu, err)
	}
	return DeviceInfo(name)
}
