package probe

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ubridge/internal/hostnet/fastpath"
	"ubridge/internal/hostnet/steer"
)

// KernelVersion is the running kernel's release.
type KernelVersion struct {
	Release      string // as uname -r
	Major, Minor int
}

// AtLeast compares with a version such as 6, 1.
func (v KernelVersion) AtLeast(major, minor int) bool {
	return v.Major > major || v.Major == major && v.Minor >= minor
}

// Kernel asks for the running kernel's version.
func Kernel() (KernelVersion, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return KernelVersion{}, fmt.Errorf("uname: %w", err)
	}
	return parseRelease(unix.ByteSliceToString(u.Release[:]))
}

func parseRelease(release string) (KernelVersion, error) {
	v := KernelVersion{Release: release}
	if _, err := fmt.Sscanf(release, "%d.%d", &v.Major, &v.Minor); err != nil {
		return v, fmt.Errorf("kernel release %q: %w", release, err)
	}
	return v, nil
}

// TunDevice opens /dev/net/tun; the error says why it cannot be used.
func TunDevice() error {
	f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// BPF loads the steering programs and lets them go; the error says why the
// nftables fallback would be taken.
func BPF() error {
	s, err := steer.Load()
	if err != nil {
		return err
	}
	return s.Close()
}

// FastPath loads the fast path's programs and lets them go; the error says why frames
// would go by user space.
func FastPath() error {
	p, err := fastpath.Open(fastpath.Options{Stations: 1, Flows: 1}, 0)
	if err != nil {
		return err
	}
	return p.Close()
}

// Clsact tries the qdisc on the loopback device of a namespace of its own,
// which needs CAP_SYS_ADMIN. known is false where that is refused.
func Clsact() (works, known bool, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread dies with its namespace
		if unix.Unshare(unix.CLONE_NEWNET) != nil {
			return
		}
		known = true
		err = addClsact()
	}()
	<-done
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) {
		return false, known, nil
	}
	return known && err == nil, known, err
}

// addClsact puts it on the first device of the namespace, loopback.
func addClsact() error {
	err := netlink.QdiscAdd(&netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: 1,
		Handle:    netlink.MakeHandle(0xffff, 0),
		Parent:    netlink.HANDLE_CLSACT,
	}})
	if err != nil {
		return fmt.Errorf("add clsact: %w", err)
	}
	return nil
}
