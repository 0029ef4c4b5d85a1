package hostnet

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Flags of ETHTOOL_GFLAGS, linux/ethtool.h.
const (
	flagRXVLAN = 1 << 8
	flagLRO    = 1 << 15
)

// ethtoolValue is struct ethtool_value of linux/ethtool.h.
type ethtoolValue struct {
	command uint32
	data    uint32
}

// ethtoolRequest is struct ifreq with a pointer in its union.
type ethtoolRequest struct {
	name  [unix.IFNAMSIZ]byte
	value unsafe.Pointer
	_     [24 - unsafe.Sizeof(uintptr(0))]byte
}

// Uplink is how an uplink was before we used it, fit for a state file.
type Uplink struct {
	Name    string `json:"name"`
	Ifindex int    `json:"ifindex"`
	LRO     bool   `json:"lro"`

	// Below are the devices that receive for it (a VLAN's NIC, a bond's members)
	// and had LRO on.
	Below []Uplink `json:"below,omitempty"`
}

// Merges reports whether LRO was on, on the device or below it.
func (u Uplink) Merges() bool { return u.LRO || len(u.Below) > 0 }

// With adds what a later snapshot of the same device found on, such as what
// somebody has turned on in between.
func (u Uplink) With(later Uplink) Uplink {
	u.LRO = u.LRO || later.LRO
	u.Below = slices.Clone(u.Below)
	for _, b := range later.Below {
		if !slices.ContainsFunc(u.Below, func(known Uplink) bool { return known.Ifindex == b.Ifindex }) {
			u.Below = append(u.Below, b)
		}
	}
	return u
}

// SnapshotUplink notes what PrepareUplink would change; nothing is changed.
func SnapshotUplink(name string) (Uplink, error) { return snapshotOffload(name, flagLRO) }

func snapshotOffload(name string, flag uint32) (Uplink, error) {
	link, err := linkByName(name)
	if err != nil {
		return Uplink{}, err
	}
	a := link.Attrs()
	on, err := ethtoolFlag(a.Name, flag)
	if err != nil {
		return Uplink{}, err
	}
	u := Uplink{Name: name, Ifindex: a.Index, LRO: on}
	if link.Type() == "device" || link.Type() == "veth" {
		return u, nil // nothing is below it, and the list may be long
	}
	links, err := dump(netlink.LinkList)
	if err != nil {
		return u, fmt.Errorf("list the devices below %s: %w", name, err)
	}
	for _, l := range below(links, link, 0) {
		if on, err := ethtoolFlag(l.Attrs().Name, flag); err != nil {
			return u, err
		} else if on {
			u.Below = append(u.Below, Uplink{Name: l.Attrs().Name, Ifindex: l.Attrs().Index, LRO: true})
		}
	}
	return u, nil
}

// maxDepth is how many devices may be stacked (MAX_NEST_DEV of
// linux/netdevice.h).
const maxDepth = 8

// below lists the devices of this namespace that receive for one.
func below(links []netlink.Link, top netlink.Link, depth int) (list []netlink.Link) {
	if depth == maxDepth {
		return nil
	}
	self := top.Attrs()
	for _, l := range links {
		a := l.Attrs()
		lower := top.Type() != "veth" && a.Index == self.ParentIndex && self.NetNsID < 0 && self.ParentIndex != self.Index
		if lower || a.MasterIndex == self.Index && a.Index != self.Index {
			list = append(append(list, l), below(links, l, depth+1)...)
		}
	}
	return list
}

// PrepareUplink turns LRO off: it merges packets in ways that cannot be sent on
// (GRO can, also by hardware, and stays). Idempotent.
func PrepareUplink(u Uplink) error { return u.setOffload(flagLRO, false) }

// RestoreUplink undoes PrepareUplink, whatever the device is called now. A device
// that is gone or was made anew needs nothing.
func RestoreUplink(u Uplink) error { return u.setOffload(flagLRO, true) }

// setOffload turns an offload off or on again where it was on: from above when
// off, for that takes along those below; from below when on.
func (u Uplink) setOffload(flag uint32, on bool) (err error) {
	all := u.Below
	if u.LRO {
		all = append([]Uplink{u}, all...)
	}
	if on {
		all = slices.Clone(all)
		slices.Reverse(all)
	}
	for _, d := range all {
		link, lookErr := netlink.LinkByIndex(d.Ifindex)
		if errors.As(lookErr, new(netlink.LinkNotFoundError)) {
			continue
		}
		if lookErr == nil {
			lookErr = setEthtoolFlag(link.Attrs().Name, flag, on)
		}
		err = errors.Join(err, lookErr)
	}
	return err
}

func ethtoolFlag(name string, flag uint32) (bool, error) {
	v := ethtoolValue{command: unix.ETHTOOL_GFLAGS}
	err := ethtool(name, &v)
	if err == unix.EOPNOTSUPP {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read offloads of %s: %w", name, err)
	}
	return v.data&flag != 0, nil
}

func setEthtoolFlag(name string, flag uint32, on bool) error {
	v := ethtoolValue{command: unix.ETHTOOL_GFLAGS}
	if err := ethtool(name, &v); err != nil {
		return fmt.Errorf("read offloads of %s: %w", name, err)
	}
	v.command = unix.ETHTOOL_SFLAGS
	v.data &^= flag
	if on {
		v.data |= flag
	}
	if err := ethtool(name, &v); err != nil {
		return fmt.Errorf("set offload %#x of %s to %v: %w", flag, name, on, err)
	}
	return nil
}

func ethtool(name string, v *ethtoolValue) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var pinned runtime.Pinner // the kernel follows the pointer inside the request
	pinned.Pin(v)
	defer pinned.Unpin()
	req := &ethtoolRequest{value: unsafe.Pointer(v)}
	copy(req.name[:unix.IFNAMSIZ-1], name)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(req)))
	if errno != 0 {
		return errno
	}
	return nil
}
