package nic

import (
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// addresses takes the host's addresses on the device, and those of which
// duplicate address detection said that they are another machine's.
func (f *Facts) addresses(list []netlink.Addr) {
	for _, a := range list {
		if a.IPNet == nil {
			continue
		}
		addr, ok := netip.AddrFromSlice(a.IP)
		if !ok {
			continue
		}
		bits, _ := a.Mask.Size()
		p := netip.PrefixFrom(addr.Unmap(), bits)
		f.Addresses = append(f.Addresses, p)
		if a.Flags&unix.IFA_F_DADFAILED != 0 {
			f.Duplicates = append(f.Duplicates, p)
		}
	}
}
