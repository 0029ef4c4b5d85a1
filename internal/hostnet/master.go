package hostnet

import (
	"fmt"

	"github.com/vishvananda/netlink"
)

// SetMaster puts a device into a kernel bridge, as `ip link set DEVICE master
// BRIDGE`, and brings it up there.
func SetMaster(device, bridge string) error {
	link, err := linkByName(device)
	if err != nil {
		return err
	}
	master, err := linkByName(bridge)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetMaster(link, master); err != nil {
		return fmt.Errorf("put %s into bridge %s: %w", device, bridge, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("bring %s up: %w", device, err)
	}
	return nil
}
