package hostnet

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/songgao/water"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ErrTapInUse says that a process, most likely a guest, holds the tap open.
var ErrTapInUse = errors.New("tap is held open by another process")

// TapSpec describes a persistent tap to make.
type TapSpec struct {
	Name string
	// Owner or Group may open the tap besides root; at most one of them, since
	// the kernel wants both to match where both are set. With neither, the tap
	// is owned by root: without any, everybody could open it.
	Owner, Group *uint32
	// Queues above 1 makes a multi-queue tap, which can then only be opened as
	// one (QEMU: queues=N).
	Queues int
	MAC    net.HardwareAddr // nil: the kernel chooses
	MTU    int              // bytes; 0: 1500
}

// MakeTap makes a persistent tap, down, and leaves it for its owner to open; we
// keep no descriptor, so that the guest is the only opener.
func MakeTap(spec TapSpec) (err error) {
	if spec.Owner != nil && spec.Group != nil {
		return fmt.Errorf("tap %s: name an owner or a group, not both (the kernel would want both to match)", spec.Name)
	}
	if _, err := linkByName(spec.Name); !errors.Is(err, ErrNoDevice) {
		return errors.Join(fmt.Errorf("make tap %s: a device of that name exists", spec.Name), err)
	}
	fd, err := createTap(spec)
	if err != nil {
		return fmt.Errorf("make tap %s (needs CAP_NET_ADMIN and /dev/net/tun): %w", spec.Name, err)
	}
	defer func() { err = errors.Join(err, fd.Close()) }()
	if err := spec.setLink(); err != nil {
		return err
	}
	// Last, so that the device vanishes with the descriptor if anything failed.
	return own(fd, spec)
}

// createTap opens a new tap; its descriptor is all that keeps it alive.
func createTap(spec TapSpec) (*os.File, error) {
	tap, err := water.New(water.Config{
		DeviceType:             water.TAP,
		PlatformSpecificParams: water.PlatformSpecificParams{Name: spec.Name, MultiQueue: spec.Queues > 1},
	})
	if err != nil {
		return nil, err
	}
	return tap.ReadWriteCloser.(*os.File), nil
}

func (spec TapSpec) setLink() error {
	link, err := linkByName(spec.Name)
	if err != nil {
		return err
	}
	if spec.MAC != nil {
		if err := netlink.LinkSetHardwareAddr(link, spec.MAC); err != nil {
			return fmt.Errorf("set MAC of tap %s to %s: %w", spec.Name, spec.MAC, err)
		}
	}
	if spec.MTU != 0 {
		if err := netlink.LinkSetMTU(link, spec.MTU); err != nil {
			return fmt.Errorf("set MTU of tap %s to %d: %w", spec.Name, spec.MTU, err)
		}
	}
	return nil
}

// own says who may open the tap, and makes it persistent.
func own(tap *os.File, spec TapSpec) error {
	request, id := uint(unix.TUNSETOWNER), uint32(0)
	switch {
	case spec.Owner != nil:
		id = *spec.Owner
	case spec.Group != nil:
		request, id = unix.TUNSETGROUP, *spec.Group
	}
	if err := setFlag(tap, request, int(id)); err != nil {
		return fmt.Errorf("set who may open tap %s: %w", spec.Name, err)
	}
	if err := setFlag(tap, unix.TUNSETPERSIST, 1); err != nil {
		return fmt.Errorf("make tap %s persistent: %w", spec.Name, err)
	}
	return nil
}

// RemoveTap removes a persistent tap; ErrTapInUse, and the tap stays, while a
// process holds it open. A tap that is gone is no error.
func RemoveTap(name string) error {
	d, err := DeviceInfo(name)
	if err != nil {
		return ignoreMissing(err)
	}
	if d.Tap == nil || d.Kind != "tap" {
		return fmt.Errorf("remove tap %s: it is a %s", name, d.Kind)
	}
	if d.Tap.MultiQueue {
		return removeMultiQueue(name, d)
	}
	return removeSingleQueue(name)
}

// removeSingleQueue takes the only queue, which fails while another process has
// it, and lets the device end with it.
func removeSingleQueue(name string) (err error) {
	tap, err := os.OpenFile("/dev/net/tun", os.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("remove tap %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, tap.Close()) }()
	err = attachQueue(tap, name)
	if errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("remove tap %s: %w", name, ErrTapInUse)
	}
	if err != nil {
		return fmt.Errorf("remove tap %s: %w", name, err)
	}
	if err := setFlag(tap, unix.TUNSETPERSIST, 0); err != nil {
		return fmt.Errorf("remove tap %s: %w", name, err)
	}
	return nil
}

// removeMultiQueue asks the kernel for the count of queues instead: opening one
// more would change the flags under a running guest.
func removeMultiQueue(name string, d Device) error {
	if d.Tap.Queues > 0 {
		return fmt.Errorf("remove tap %s: %w", name, ErrTapInUse)
	}
	link := &netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: name, Index: d.Ifindex}}
	if err := netlink.LinkDel(link); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("remove tap %s: %w", name, err)
	}
	return nil
}

func attachQueue(tap *os.File, name string) error {
	req, err := unix.NewIfreq(name)
	if err != nil {
		return fmt.Errorf("device name %q: %w", name, err)
	}
	req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	return control(tap, func(fd int) error { return unix.IoctlIfreq(fd, unix.TUNSETIFF, req) })
}

func setFlag(tap *os.File, request uint, value int) error {
	return control(tap, func(fd int) error { return unix.IoctlSetInt(fd, request, value) })
}

// control runs f on the descriptor without taking it out of Go's poller.
func control(file *os.File, f func(fd int) error) error {
	conn, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) { failed = f(int(fd)) })
	return errors.Join(err, failed)
}
