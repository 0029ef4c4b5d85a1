package nic

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ubridge/internal/hostnet"
	"ubridge/internal/hostnet/probe"
	"ubridge/internal/hostnet/steer"
)

// host is the kernel that runs this.
type host struct{}

var _ kernel = host{}

// attempts is how often a listing that a change interrupted is asked for.
const attempts = 5

func (host) links() (list []netlink.Link, err error) {
	for range attempts {
		if list, err = netlink.LinkList(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return list, err
}

func (host) addresses(l netlink.Link) (list []netlink.Addr, err error) {
	for range attempts {
		if list, err = netlink.AddrList(l, netlink.FAMILY_ALL); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return list, err
}

func (host) lro(name string) (bool, error) {
	u, err := hostnet.SnapshotUplink(name)
	return u.LRO, err
}

// driver asks ethtool; devices without a driver that says so have empty names.
func (host) driver(name string) (driver, bus string) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", ""
	}
	defer unix.Close(fd)
	info, err := unix.IoctlGetEthtoolDrvinfo(fd, name)
	if err != nil {
		return "", ""
	}
	return unix.ByteSliceToString(info.Driver[:]), unix.ByteSliceToString(info.Bus_info[:])
}

// programs lists what others have at the egress hook, where ubridge takes the
// host's frames for guests; filters everybody may see.
func (host) programs(ifindex int) (list []Program, classic bool, err error) {
	filters, err := netlink.FilterList(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: ifindex}}, netlink.HANDLE_MIN_EGRESS)
	if err != nil && !errors.Is(err, unix.EINVAL) { // EINVAL: no clsact
		return nil, false, fmt.Errorf("list tc filters: %w", err)
	}
	for _, f := range filters {
		a := f.Attrs()
		p := Program{Kind: f.Type(), Preference: int(a.Priority), Every: a.Protocol == unix.ETH_P_ALL}
		if b, ok := f.(*netlink.BpfFilter); ok {
			p.Name = b.Name
		}
		if !ours(p.Name) {
			list = append(list, p)
		}
	}
	names, err := tcxPrograms(ifindex)
	if errors.Is(err, ebpf.ErrNotSupported) {
		return list, true, nil
	}
	for _, name := range before(names) {
		list = append(list, Program{Kind: "tcx", Name: name})
	}
	return list, false, err
}

// shareProgram is the name of ubridge's own tcx program (steer.Share).
const shareProgram = "share"

// before are others' programs that run before ours: none but those that were put
// there after it, for it goes to the head.
func before(names []string) []string {
	return slices.DeleteFunc(names[:max(0, slices.Index(names, shareProgram))], ours)
}

// tcxPrograms names the tcx programs at egress, in order (CAP_NET_ADMIN;
// ebpf.ErrNotSupported where the kernel has none, before 6.6). A name needs
// CAP_SYS_ADMIN, and is empty without it.
func tcxPrograms(ifindex int) (names []string, err error) {
	if caps, err := probe.EffectiveCapabilities(); err != nil || !caps.NetAdmin {
		// The library takes the kernel's no for a kernel without tcx.
		return nil, errors.Join(fmt.Errorf("list tcx programs: %w", unix.EPERM), err)
	}
	result, err := link.QueryPrograms(link.QueryOptions{Target: ifindex, Attach: ebpf.AttachTCXEgress})
	if errors.Is(err, unix.EINVAL) {
		err = ebpf.ErrNotSupported // a kernel that has the call, but not this hook
	}
	if err != nil {
		return nil, fmt.Errorf("list tcx programs: %w", err)
	}
	for _, p := range result.Programs {
		names = append(names, steer.ProgramName(p.ID))
	}
	return names, nil
}

// physicalFunction follows sysfs' links from a virtual function on the PCI bus
// ("0000:03:10.1") to the device of its physical one, which has a name here only
// if it is in this mount's network namespace.
func (host) physicalFunction(bus string) (pf string, index int, is bool) {
	return physicalFunction("/sys/bus/pci/devices", bus)
}

func physicalFunction(devices, bus string) (pf string, index int, is bool) {
	if bus == "" || strings.Contains(bus, "/") {
		return "", 0, false
	}
	physical := filepath.Join(devices, bus, "physfn")
	if _, err := os.Stat(physical); err != nil {
		return "", 0, false
	}
	functions, _ := filepath.Glob(filepath.Join(physical, "virtfn*"))
	for _, f := range functions {
		if target, err := os.Readlink(f); err == nil && filepath.Base(target) == bus {
			_, _ = fmt.Sscanf(filepath.Base(f), "virtfn%d", &index) // a name of sysfs
		}
	}
	if nets, err := os.ReadDir(filepath.Join(physical, "net")); err == nil && len(nets) > 0 {
		pf = nets[0].Name()
	}
	return pf, index, true
}

func (host) platform() Platform { return readPlatform("/sys/class/dmi/id") }
