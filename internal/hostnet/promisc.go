package hostnet

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Promiscuous reports whether somebody has set a device's IFF_PROMISC (netdevice(7)).
// What packet sockets ask for counts apart, and ends with them.
func Promiscuous(ifindex int) (bool, error) {
	link, err := netlink.LinkByIndex(ifindex)
	if err != nil {
		return false, fmt.Errorf("look at device %d: %w", ifindex, err)
	}
	return link.Attrs().RawFlags&unix.IFF_PROMISC != 0, nil
}

// SetPromiscuous sets IFF_PROMISC, which stays whatever becomes of the process, or takes
// it away. A device that is gone needs nothing taken away.
func SetPromiscuous(ifindex int, on bool) error {
	link, err := netlink.LinkByIndex(ifindex)
	if errors.As(err, new(netlink.LinkNotFoundError)) && !on {
		return nil
	}
	if err == nil && on {
		err = netlink.SetPromiscOn(link)
	} else if err == nil {
		err = netlink.SetPromiscOff(link)
	}
	if err != nil {
		return fmt.Errorf("promiscuous mode of device %d: %w", ifindex, err)
	}
	return nil
}
