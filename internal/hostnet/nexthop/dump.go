package nexthop

import (
	"errors"

	"github.com/vishvananda/netlink"
)

// dumpTries bounds the repeats of a listing that changes while it is read.
const dumpTries = 5

// dump repeats a listing that was interrupted by a change. A table that never
// holds still is taken as read: the next notification brings another look.
func dump[T any](list func() ([]T, error)) (all []T, err error) {
	for range dumpTries {
		all, err = list()
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return all, err
		}
	}
	return all, nil
}

// routes lists a table's IPv4 routes; RT_TABLE_UNSPEC is every table.
func (f *Follower) routes(table int) ([]netlink.Route, error) {
	return dump(func() ([]netlink.Route, error) {
		return f.handle.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Table: table}, netlink.RT_FILTER_TABLE)
	})
}
