package steer

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Filter handles: a base that nobody else takes by chance, the role, and in the
// lowest bit whether we made clsact.
const (
	handleBase   = 0x75627200 // "ubr"
	madeClsact   = 1
	preference   = 1
	clsactHandle = 0xffff0000
)

func handle(r role) uint32 { return handleBase | uint32(r+1)<<4 }

// hook is where on its device the role's filter sits.
func (r role) hook() uint32 {
	if r == shareRole || r == hostRole || r == nicOutRole {
		return netlink.HANDLE_MIN_EGRESS
	}
	return netlink.HANDLE_MIN_INGRESS
}

// replaceFilter attaches the program at the device's hook, or swaps it in for
// the one that a previous process left.
func replaceFilter(r role, ifindex, program int) error {
	old, err := findFilter(r, ifindex)
	if err != nil {
		return err
	}
	h := handle(r)
	if old != nil {
		h = old.Handle
	} else if ours, err := ensureClsact(ifindex); err != nil {
		return err
	} else if ours {
		h |= madeClsact
	}
	err = netlink.FilterReplace(newFilter(r, ifindex, h, program))
	if err != nil {
		return fmt.Errorf("attach %s to device %d (is preference %d taken by another filter?): %w", r, ifindex, preference, err)
	}
	return nil
}

func newFilter(r role, ifindex int, handle uint32, program int) *netlink.BpfFilter {
	return &netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: ifindex,
			Parent:    r.hook(),
			Handle:    handle,
			Protocol:  unix.ETH_P_ALL,
			Priority:  preference,
		},
		Fd:           program,
		Name:         r.String(),
		DirectAction: true,
	}
}

// removeFilter takes the filter away, and clsact too where it came with one of
// our filters and no filter is left.
func removeFilter(r role, ifindex int) error {
	old, err := findFilter(r, ifindex)
	if err != nil || old == nil {
		return err
	}
	err = netlink.FilterDel(newFilter(r, ifindex, old.Handle, -1))
	if err != nil && !gone(err) {
		return fmt.Errorf("detach %s from device %d: %w", r, ifindex, err)
	}
	if old.Handle&madeClsact == 0 {
		return nil
	}
	return removeClsact(ifindex)
}

// findFilter returns our filter of that role on the device, nil if there is
// none or the device is gone.
func findFilter(r role, ifindex int) (*netlink.BpfFilter, error) {
	filters, err := listFilters(ifindex, r.hook())
	if err != nil {
		return nil, err
	}
	for _, f := range filters {
		if b, ok := f.(*netlink.BpfFilter); ok && isOurs(b, r) {
			return b, nil
		}
	}
	return nil, nil
}

func isOurs(b *netlink.BpfFilter, r role) bool {
	return b.Name == r.String() && b.Handle&^madeClsact == handle(r)
}

// madeByUs reports whether one of our filters on the device says that clsact
// came along with one.
func madeByUs(ifindex int) (bool, error) {
	for r := range numRoles {
		f, err := findFilter(r, ifindex)
		if err != nil || f != nil && f.Handle&madeClsact != 0 {
			return err == nil, err
		}
	}
	return false, nil
}

func listFilters(ifindex int, parent uint32) ([]netlink.Filter, error) {
	link := &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: ifindex}}
	filters, err := netlink.FilterList(link, parent)
	// EINVAL: the device has no clsact.
	if err != nil && !gone(err) && !errors.Is(err, unix.EINVAL) {
		return nil, fmt.Errorf("list tc filters of device %d: %w", ifindex, err)
	}
	return filters, nil
}

func clsact(ifindex int) netlink.Qdisc {
	return &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: ifindex,
		Handle:    clsactHandle,
		Parent:    netlink.HANDLE_CLSACT,
	}}
}

// ensureClsact makes the clsact qdisc and reports whether it is ours, made now or
// by another of our filters: whichever is removed last takes it along. An
// `ingress` qdisc that somebody else put there has the same ingress hook and
// serves as well, but has no egress hook.
func ensureClsact(ifindex int) (ours bool, err error) {
	err = netlink.QdiscAdd(clsact(ifindex))
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, unix.EEXIST):
		return madeByUs(ifindex)
	}
	return false, fmt.Errorf("add clsact to device %d (needs CAP_NET_ADMIN and sch_ingress): %w", ifindex, err)
}

func removeClsact(ifindex int) error {
	for _, parent := range []uint32{netlink.HANDLE_MIN_INGRESS, netlink.HANDLE_MIN_EGRESS} {
		others, err := listFilters(ifindex, parent)
		if err != nil || len(others) > 0 {
			return err
		}
	}
	if err := netlink.QdiscDel(clsact(ifindex)); err != nil && !gone(err) {
		return fmt.Errorf("remove clsact from device %d: %w", ifindex, err)
	}
	return nil
}

// gone reports that the device or the object on it no longer exists.
func gone(err error) bool {
	return errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENOENT)
}
