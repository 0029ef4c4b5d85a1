package hostnet

import (
	"fmt"
	"runtime"
	"unsafe"

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
}

// SnapshotUplink notes what PrepareUplink would change; nothing is changed.
func SnapshotUplink(name string) (Uplink, error) {
	link, err := linkByName(name)
	if err != nil {
		return Uplink{}, err
	}
	on, err := ethtoolFlag(name, flagLRO)
	if err != nil {
		return Uplink{}, err
	}
	return Uplink{Name: name, Ifindex: link.Attrs().Index, LRO: on}, nil
}

// PrepareUplink turns LRO off: it merges packets in ways that cannot be sent on
// (GRO can, and stays). Idempotent.
func PrepareUplink(u Uplink) error {
	if !u.LRO {
		return nil
	}
	return setEthtoolFlag(u.Name, flagLRO, false)
}

// RestoreUplink undoes PrepareUplink. A device that is gone or was made anew
// needs nothing.
func RestoreUplink(u Uplink) error {
	link, err := linkByName(u.Name)
	if err != nil || link.Attrs().Index != u.Ifindex || !u.LRO {
		return ignoreMissing(err)
	}
	return setEthtoolFlag(u.Name, flagLRO, true)
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
