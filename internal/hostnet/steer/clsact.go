package steer

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// HasClsact reports whether the device has a clsact or ingress qdisc of somebody
// else's. Who notes it before the first attach can tell after a crash whose it
// is; false for a device that is gone.
func HasClsact(ifindex int) (bool, error) {
	there, err := hasClsact(ifindex)
	if err != nil || !there {
		return false, err
	}
	ours, err := madeByUs(ifindex)
	return !ours, err
}

func hasClsact(ifindex int) (bool, error) {
	link := &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: ifindex}}
	list, err := netlink.QdiscList(link)
	if err != nil && !gone(err) && !errors.Is(err, unix.EINVAL) {
		return false, fmt.Errorf("list qdiscs of device %d: %w", ifindex, err)
	}
	for _, q := range list {
		if q.Attrs().Parent == netlink.HANDLE_CLSACT && q.Attrs().LinkIndex == ifindex {
			return true, nil
		}
	}
	return false, nil
}

// RemoveClsact removes a clsact that has no filters left: one that a process made
// and was killed before it attached a filter, or after it detached it. A device
// that is gone or has none is no error.
func RemoveClsact(ifindex int) error {
	if there, err := hasClsact(ifindex); err != nil || !there {
		return err
	}
	return removeClsact(ifindex)
}
